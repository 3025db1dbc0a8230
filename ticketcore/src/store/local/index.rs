//! Where everything is: which archives a journal has and which of its batches are in the log. In memory; at open it is made from the
//! manifest and a scan of the log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use super::files::FileHandle;
use super::format::archive::{BlockEntry, StoredBatch};
use super::format::manifest::{ArchiveEntry, End, StreamEntry};
use crate::id::Revision;
use crate::store::StreamId;

/// Batches that one look at the index returns at most: nobody waits for longer than copying these.
const PIECE_BATCHES: usize = 1_024;

/// A segment of the log in use. Whoever reads it keeps its file from being used again.
pub(super) struct Segment {
    /// Its file.
    pub name: String,
    pub file: Arc<dyn FileHandle>,
    pub number: u64,
    pub life: u64,
}

/// An archive file and, once somebody has read it, its list of blocks.
pub(super) struct Archive {
    pub stream: StreamId,
    pub entry: ArchiveEntry,
    pub blocks: OnceLock<Vec<BlockEntry>>,
}

impl Archive {
    pub fn new(stream: StreamId, entry: ArchiveEntry) -> Arc<Self> {
        Arc::new(Self { stream, entry, blocks: OnceLock::new() })
    }
}

/// Where a batch is in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub first: Revision,
    pub at: u32,
    /// Bytes of its records.
    pub len: u32,
}

/// Successive batches of one stream in one segment. 16 bytes a batch.
struct Run {
    segment: Arc<Segment>,
    first_seq: u64,
    places: Vec<Place>,
}

/// One journal.
#[derive(Default)]
pub(super) struct StreamIndex {
    pub end: End,
    /// In order and without gaps; the log follows them.
    pub archives: Vec<Arc<Archive>>,
    log: VecDeque<Run>,
}

/// A part of a journal that can be read without the index.
pub(super) enum Piece {
    Archived(Arc<Archive>),
    Logged(Arc<Segment>, u64, Vec<Place>),
    /// It begins later.
    Gone(Revision),
}

impl StreamIndex {
    /// The oldest revision there is, or the next one if there is none.
    pub fn oldest(&self) -> Revision {
        let archived = self.archives.first().map(|archive| archive.entry.first);
        archived.or_else(|| self.first_logged()).unwrap_or_else(|| self.end.revision.next())
    }

    fn first_logged(&self) -> Option<Revision> {
        self.log.front().and_then(|run| run.places.first()).map(|place| place.first)
    }

    /// Adds a batch that has been written to the log.
    pub fn push(&mut self, segment: &Arc<Segment>, at: u32, batch: &StoredBatch<'_>, end: End) {
        let len = u32::try_from(batch.records.len()).unwrap_or(u32::MAX);
        let place = Place { first: batch.first, at, len };
        match self.log.back_mut().filter(|run| Arc::ptr_eq(&run.segment, segment)) {
            Some(run) => run.places.push(place),
            None => self.log.push_back(Run {
                segment: Arc::clone(segment),
                first_seq: batch.seq,
                places: vec![place],
            }),
        }
        self.end = end;
    }

    /// A part of the journal that begins at or before `revision`, which is not after its end.
    pub fn piece(&self, revision: Revision) -> Piece {
        if revision < self.oldest() {
            return Piece::Gone(self.oldest());
        }
        let at = self.archives.partition_point(|archive| archive.entry.end.revision < revision);
        if let Some(archive) = self.archives.get(at) {
            return Piece::Archived(Arc::clone(archive));
        }
        let after = self.log.partition_point(|run| run.places[0].first <= revision);
        let Some(run) = after.checked_sub(1).and_then(|at| self.log.get(at)) else {
            return Piece::Gone(self.oldest());
        };
        let from = run.places.partition_point(|place| place.first <= revision) - 1;
        let to = run.places.len().min(from + PIECE_BATCHES);
        Piece::Logged(Arc::clone(&run.segment), run.first_seq + from as u64, run.places[from..to].to_vec())
    }

    /// The part with batch `seq`, which is not after the last.
    pub fn piece_of_batch(&self, seq: u64) -> Piece {
        let at = self.archives.partition_point(|archive| archive.entry.end.tail.seq < seq);
        if let Some(archive) = self.archives.get(at) {
            let gone = seq < archive.entry.first_seq;
            return if gone { Piece::Gone(self.oldest()) } else { Piece::Archived(Arc::clone(archive)) };
        }
        let after = self.log.partition_point(|run| run.first_seq <= seq);
        let Some(run) = after.checked_sub(1).and_then(|at| self.log.get(at)) else {
            return Piece::Gone(self.oldest());
        };
        let place = usize::try_from(seq - run.first_seq).ok().and_then(|at| run.places.get(at)).copied();
        Piece::Logged(Arc::clone(&run.segment), seq, place.into_iter().collect())
    }

    /// Whether its oldest batches in the log are in this segment.
    fn begins_in(&self, number: u64) -> bool {
        self.log.front().is_some_and(|run| run.segment.number == number)
    }
}

/// Every journal.
#[derive(Default)]
pub(super) struct Index {
    pub streams: BTreeMap<StreamId, StreamIndex>,
}

impl Index {
    /// What the manifest knows.
    pub fn new(streams: &BTreeMap<StreamId, StreamEntry>) -> Self {
        let of = |(stream, entry): (&StreamId, &StreamEntry)| {
            let archives = entry.archives.iter().map(|archive| Archive::new(*stream, *archive)).collect();
            (*stream, StreamIndex { end: entry.end, archives, log: VecDeque::new() })
        };
        Self { streams: streams.iter().map(of).collect() }
    }

    pub fn end(&self, stream: StreamId) -> End {
        self.streams.get(&stream).map_or(End::default(), |index| index.end)
    }

    /// A segment has been archived: what was read from it is read from `entries` now.
    pub fn archived(&mut self, number: u64, entries: &BTreeMap<StreamId, StreamEntry>) {
        for (stream, entry) in entries {
            let index = self.streams.entry(*stream).or_default();
            if index.begins_in(number) {
                index.log.pop_front();
            }
            let known = std::mem::take(&mut index.archives);
            let of = |archive: &ArchiveEntry| {
                let same = known.iter().find(|known| known.entry.file == archive.file);
                same.map_or_else(|| Archive::new(*stream, *archive), Arc::clone)
            };
            index.archives = entry.archives.iter().map(of).collect();
        }
    }
}
