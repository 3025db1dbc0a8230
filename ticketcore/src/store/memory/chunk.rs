//! A chunk: the bytes of successive batches in one allocation that never moves, and where each batch begins.
//!
//! Goal: 24 bytes of index per batch. A batch's number and first revision are dense, so they are positions; the
//! node half of its name repeats, so it is run-length encoded; its counter half and its base time are kept whole.

use std::ops::ControlFlow;

use crate::id::Revision;
use crate::store::{Batch, BatchId, Record, RecordIter};
use crate::time::UtcMs;

/// Where one batch begins. Its end is where the next one begins.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Lower half of the batch's name.
    counter: u64,
    /// Time of its first record.
    base: UtcMs,
    /// Its first record, counted from the chunk's first.
    first: u32,
    /// Its first byte.
    offset: u32,
}
const _: () = assert!(size_of::<Entry>() == 24);

/// A run of batches whose names share the upper half.
#[derive(Clone, Copy, Debug)]
struct NodeRun {
    /// The first batch of the run, counted from the chunk's first.
    from: u32,
    node: u64,
}

/// Successive batches. Grows at the end until it is full, then is shared with readers and never changes.
#[derive(Debug)]
pub(super) struct Chunk {
    first_revision: Revision,
    first_seq: u64,
    records: u32,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    nodes: Vec<NodeRun>,
}

/// Where a visit ended.
pub(super) struct Visited {
    /// The last record visited.
    pub(super) revision: Revision,
    /// Number of its batch.
    pub(super) seq: u64,
    /// Name of its batch.
    pub(super) id: BatchId,
    /// The visitor has seen enough.
    pub(super) broke: bool,
}

impl Chunk {
    /// An empty chunk whose first record will be `first_revision`, of batch `first_seq`.
    pub(super) fn new(first_revision: Revision, first_seq: u64, capacity: usize) -> Self {
        let bytes = Vec::with_capacity(capacity);
        Self { first_revision, first_seq, records: 0, bytes, entries: Vec::new(), nodes: Vec::new() }
    }

    pub(super) const fn first_revision(&self) -> Revision {
        self.first_revision
    }

    pub(super) const fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// The revision of the last record; the one before the first if there is none.
    pub(super) const fn last_revision(&self) -> Revision {
        Revision(self.first_revision.0 + self.records as u64 - 1)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Length of the packed records in bytes.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Bytes of memory taken, index included.
    pub(super) const fn footprint(&self) -> usize {
        self.bytes.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.nodes.capacity() * size_of::<NodeRun>()
    }

    /// Adds a batch; the caller has checked that it is the next one and fits.
    pub(super) fn push(&mut self, batch: &Batch) {
        let (node, counter) = halves(batch.id);
        if self.nodes.last().is_none_or(|run| run.node != node) {
            self.nodes.push(NodeRun { from: short(self.entries.len()), node });
        }
        let offset = short(self.bytes.len());
        self.entries.push(Entry { counter, base: batch.records.base(), first: self.records, offset });
        self.records += batch.records.count();
        self.bytes.extend_from_slice(batch.records.bytes());
    }

    /// Gives back room that will not be used.
    pub(super) fn seal(&mut self) {
        if self.bytes.capacity() - self.bytes.len() > self.bytes.capacity() / 8 {
            self.bytes.shrink_to_fit();
        }
        self.entries.shrink_to_fit();
        self.nodes.shrink_to_fit();
    }

    /// Name of batch `seq`, which must lie in this chunk.
    pub(super) fn id_of(&self, seq: u64) -> BatchId {
        let at = usize::try_from(seq - self.first_seq).expect("a position in a vector");
        let run = self.nodes.partition_point(|run| run.from as usize <= at) - 1;
        BatchId(u128::from(self.nodes[run].node) << 64 | u128::from(self.entries[at].counter))
    }

    /// Position of the batch that `revision`, which must lie in this chunk, belongs to. O(log batches).
    fn batch_at(&self, revision: Revision) -> usize {
        let record = revision.0 - self.first_revision.0;
        self.entries.partition_point(|entry| u64::from(entry.first) <= record) - 1
    }

    /// A copy of the batch that `revision` belongs to and of those that follow, up to about `bytes` bytes.
    pub(super) fn piece(&self, revision: Revision, bytes: usize) -> Chunk {
        let from = self.batch_at(revision);
        let Entry { first, offset, .. } = self.entries[from];
        let to = self.entries.partition_point(|entry| (entry.offset as usize) < offset as usize + bytes);
        let to = to.max(from + 1);
        let (end, records_end) = match self.entries.get(to) {
            Some(next) => (next.offset as usize, next.first),
            None => (self.bytes.len(), self.records),
        };
        let run = self.nodes.partition_point(|run| run.from as usize <= from) - 1;
        let shift =
            |entry: &Entry| Entry { first: entry.first - first, offset: entry.offset - offset, ..*entry };
        let rebase = |run: &NodeRun| NodeRun { from: run.from.saturating_sub(short(from)), node: run.node };
        Chunk {
            first_revision: Revision(self.first_revision.0 + u64::from(first)),
            first_seq: self.first_seq + from as u64,
            records: records_end - first,
            bytes: self.bytes[offset as usize..end].to_vec(),
            entries: self.entries[from..to].iter().map(shift).collect(),
            nodes: self.nodes[run..].iter().take_while(|run| (run.from as usize) < to).map(rebase).collect(),
        }
    }

    /// Visits the records after `after` up to `end`. The one right after `after` must lie in this chunk.
    pub(super) fn visit(
        &self,
        after: Revision,
        end: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Visited {
        let from = self.batch_at(after.next());
        let mut batch = from;
        let mut visited = after;
        let mut broke = false;
        for at in from..self.entries.len() {
            let Entry { base, first, offset, .. } = self.entries[at];
            let first = Revision(self.first_revision.0 + u64::from(first));
            if first > end || broke {
                break;
            }
            batch = at;
            let stop = self.entries.get(at + 1).map_or(self.bytes.len(), |next| next.offset as usize);
            let records = RecordIter::new(base, first, &self.bytes[offset as usize..stop]);
            for record in records.skip_while(|record| record.stamp.revision <= after) {
                visited = record.stamp.revision;
                if visit(record).is_break() {
                    broke = true;
                    break;
                }
            }
        }
        let seq = self.first_seq + batch as u64;
        Visited { revision: visited, seq, id: self.id_of(seq), broke }
    }
}

/// Node and counter.
fn halves(id: BatchId) -> (u64, u64) {
    #[expect(clippy::cast_possible_truncation, reason = "taking the halves is the point")]
    let counter = id.0 as u64;
    let node = (id.0 >> 64) as u64;
    (node, counter)
}

fn short(at: usize) -> u32 {
    u32::try_from(at).expect("a chunk is small, or holds one batch that begins at 0")
}
