//! [`MemoryStore`]: journals in memory, gone with the process.

mod chunk;
mod journal;

use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::sync::Arc;

use crossbeam_utils::CachePadded;
use hashbrown::{DefaultHashBuilder, HashTable};

use self::journal::Journal;
use super::side::MemorySide;
use super::{
    Appended, Batch, Capabilities, Completion, ReadError, Record, SideRecords, Snapshot, Store, StoreFailure,
    StreamId, Tail,
};
use crate::id::Revision;
use crate::sync::{ArcSwap, Mutex};

const SHARDS: usize = 64;
/// How much of an open chunk is copied at a time under the stream's lock while reading: little at first, since
/// most reads want one fact or the last few.
const PIECE_BYTES_MIN: usize = 4 << 10;
const PIECE_BYTES_MAX: usize = 64 << 10;

/// Journals in memory.
///
/// * A batch is answered inside `submit`, with no lock held; different streams share no lock. So answers come in order
///   for every caller that submits one batch after the other; two threads' answers may cross.
/// * Memory: the packed records, 24 bytes per batch (the upper halves of batch names are run-length encoded), and
///   at most one half-empty chunk of up to 1 MiB per stream.
/// * Reading visits with no lock held, so the visitor may call the store. It visits what was there when it began. An
///   appender waits for a reader at most as long as copying 64 KiB (or one larger batch, at most 1 MiB) takes.
/// * A reader that retention overtakes half-way gets [`ReadError::Truncated`] after the facts visited so far.
pub struct MemoryStore {
    shards: [CachePadded<Shard>; SHARDS],
    hasher: DefaultHashBuilder,
    shared: bool,
    /// Facts kept before the newest snapshot; `None` keeps all.
    retention_facts: Option<u64>,
    side: MemorySide,
}

/// Streams by name, under the store's own hash of it, which also says where among the shards they are. Looking one up takes no lock;
/// adding one copies the table, which is why there are 64.
type Shard = ArcSwap<HashTable<(StreamId, Arc<Stream>)>>;

#[derive(Default)]
struct Stream {
    journal: CachePadded<Mutex<Journal>>,
    snapshot: Mutex<Option<Snapshot>>,
}

impl MemoryStore {
    /// A store for one engine.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| CachePadded::default()),
            hasher: DefaultHashBuilder::default(),
            shared: false,
            retention_facts: None,
            side: MemorySide::default(),
        }
    }

    /// A store for several engines that share one `Arc<MemoryStore>`.
    #[must_use]
    pub fn shared() -> Self {
        Self { shared: true, ..Self::new() }
    }

    /// Lets facts go that lie more than `facts` before the newest snapshot, whenever a snapshot is saved. Whole chunks
    /// go, so more than `facts` stay. A batch that old can't be submitted again: the answer is [`Appended::Unknown`].
    #[must_use]
    pub fn with_retention(self, facts: u64) -> Self {
        Self { retention_facts: Some(facts), ..self }
    }

    /// Bytes of memory that all journals take, snapshots excluded. Linear in the number of chunks.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let of = |stream: &Arc<Stream>| stream.journal.lock().bytes() as u64;
        self.shards.iter().map(|shard| shard.load().iter().map(|(_, stream)| of(stream)).sum::<u64>()).sum()
    }

    fn with<R>(&self, stream: StreamId, then: impl FnOnce(&Arc<Stream>) -> R) -> Option<R> {
        let hash = self.hasher.hash_one(stream);
        let shard = self.shards[shard_of(hash)].load();
        shard.find(hash, |(name, _)| *name == stream).map(|(_, stream)| then(stream))
    }

    fn get(&self, stream: StreamId) -> Option<Arc<Stream>> {
        self.with(stream, Arc::clone)
    }

    fn get_or_add(&self, stream: StreamId) -> Arc<Stream> {
        let new = Arc::new(Stream::default());
        let hash = self.hasher.hash_one(stream);
        self.shards[shard_of(hash)].rcu(|table| {
            let mut table = HashTable::clone(table);
            if table.find(hash, |(name, _)| *name == stream).is_none() {
                let entry = (stream, Arc::clone(&new));
                table.insert_unique(hash, entry, |(name, _)| self.hasher.hash_one(name));
            }
            table
        });
        self.get(stream).unwrap_or(new)
    }

    fn append(&self, batch: &Batch) -> Appended {
        if let Some(outcome) = self.with(batch.stream, |stream| stream.journal.lock().append(batch)) {
            return outcome;
        }
        if batch.expected != Tail::default() {
            return Appended::Conflict { tail: Tail::default() };
        }
        self.get_or_add(batch.stream).journal.lock().append(batch)
    }
}

/// The upper half says so: the lower one is for the place in the table.
fn shard_of(hash: u64) -> usize {
    (hash >> 32) as usize % SHARDS
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn submit(&self, append: Completion) {
        let outcome = self.append(append.batch());
        append.done(outcome);
    }

    fn append_at_once(&self, batch: &Batch) -> Option<Appended> {
        Some(self.append(batch))
    }

    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        let Some(stream) = self.get(stream) else { return Ok((Revision::ZERO, Tail::default())) };
        let (last, tail) = {
            let journal = stream.journal.lock();
            (journal.last(), journal.tail())
        };
        if after >= last {
            return Ok((last, tail));
        }
        let mut at = after;
        let mut piece_bytes = PIECE_BYTES_MIN;
        loop {
            let piece = {
                let journal = stream.journal.lock();
                let oldest = journal.oldest();
                if at.next() < oldest {
                    return Err(ReadError::Truncated { oldest });
                }
                journal.piece(at.next(), piece_bytes)
            };
            let visited = piece.visit(at, last, visit);
            at = visited.revision;
            if visited.broke || at >= last {
                return Ok((at, Tail { seq: visited.seq, id: visited.id }));
            }
            piece_bytes = (piece_bytes * 4).min(PIECE_BYTES_MAX);
        }
    }

    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        let stream = self.get(stream).unwrap_or_else(|| self.get_or_add(stream));
        let revision = snapshot.revision;
        {
            let mut kept = stream.snapshot.lock();
            if kept.as_ref().is_some_and(|kept| kept.revision >= revision) {
                return Ok(());
            }
            *kept = Some(snapshot);
        }
        if let Some(facts) = self.retention_facts {
            let gone = stream.journal.lock().forget_until(Revision(revision.0.saturating_sub(facts)));
            drop(gone);
        }
        Ok(())
    }

    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        Ok(self.get(stream).and_then(|stream| stream.snapshot.lock().clone()))
    }

    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        let mut found = Vec::new();
        for shard in &self.shards {
            for (id, stream) in shard.load().iter() {
                if stream.journal.lock().tail().seq > 0 {
                    found.push(*id);
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    fn side_records(&self) -> Option<&dyn SideRecords> {
        Some(&self.side)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inline: true, shared: self.shared, durable: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EventId;
    use crate::store::{BatchId, CompletionSink, Records};
    use crate::time::UtcMs;

    const STREAM: StreamId = StreamId::Event(EventId(7));

    #[derive(Default)]
    struct Answer(Mutex<Option<Appended>>);

    impl CompletionSink for Answer {
        fn complete(&self, _batch: Batch, outcome: Appended) {
            *self.0.lock() = Some(outcome);
        }
    }

    fn submit(store: &MemoryStore, batch: Batch) -> Appended {
        let answer = Arc::new(Answer::default());
        store.submit(Completion::new(Arc::clone(&answer) as Arc<dyn CompletionSink>, batch));
        let outcome = answer.0.lock().take();
        outcome.expect("answered inside submit")
    }

    fn end(store: &MemoryStore) -> (Revision, Tail) {
        store.read(STREAM, Revision(u64::MAX), &mut |_| ControlFlow::Continue(())).unwrap()
    }

    /// The next batch: `count` records of `len` bytes.
    fn batch(store: &MemoryStore, id: u128, count: u64, len: usize) -> Batch {
        let (last, expected) = end(store);
        let mut records = Records::default();
        for at in 0..count {
            records.push(UtcMs(last.0 + at), &vec![at.to_le_bytes()[0]; len]);
        }
        Batch { stream: STREAM, expected, id: BatchId(id), first_revision: last.next(), records }
    }

    fn append(store: &MemoryStore, id: u128, count: u64, len: usize) -> Tail {
        let batch = batch(store, id, count, len);
        assert_eq!(submit(store, batch.clone()), Appended::Yes);
        batch.tail()
    }

    fn snapshot(revision: Revision) -> Snapshot {
        Snapshot { revision, tail: Tail::default(), bytes: Arc::default() }
    }

    #[test]
    fn every_batch_is_found_with_its_name_across_chunks_and_nodes() {
        let store = MemoryStore::shared();
        let mut batches = Vec::new();
        for at in 0..1_500_u64 {
            let len = if at % 400 == 399 { 1_500_000 } else { 300 };
            let id = u128::from(at / 5 % 3) << 64 | u128::from(at);
            let tail = append(&store, id, 1 + at % 4, len);
            batches.push((end(&store).0, tail));
        }
        let mut revision = Revision::ZERO;
        for (last, tail) in batches {
            while revision < last {
                let found = store.read(STREAM, revision, &mut |_| ControlFlow::Break(()));
                assert_eq!(found, Ok((revision.next(), tail)));
                revision = revision.next();
            }
        }
    }

    #[test]
    fn a_batch_of_one_small_record_costs_24_bytes_of_index() {
        const BATCHES: u64 = 100_000;
        let store = MemoryStore::new();
        let mut packed = 0;
        let mut next = batch(&store, 1, 1, 40);
        for id in 1..=BATCHES {
            packed += next.records.bytes().len() as u64;
            assert_eq!(submit(&store, next.clone()), Appended::Yes);
            (next.expected, next.id) = (next.tail(), BatchId(u128::from(id) + 1));
            next.first_revision = next.first_revision.next();
        }
        // The open chunk's two halves may be half empty.
        let limit = packed + 24 * BATCHES + (2 << 20);
        assert!((packed..limit).contains(&store.bytes()), "{} of {limit}", store.bytes());
    }

    #[test]
    fn a_visitor_may_append_and_sees_what_was_there_when_it_began() {
        let store = MemoryStore::shared();
        append(&store, 1, 3, 10);
        let mut seen = 0;
        let read = store.read(STREAM, Revision::ZERO, &mut |_| {
            seen += 1;
            append(&store, 100 + seen, 2, 10);
            ControlFlow::Continue(())
        });
        assert_eq!((read, seen), (Ok((Revision(3), Tail { seq: 1, id: BatchId(1) })), 3));
        assert_eq!(end(&store).0, Revision(9));
    }

    #[test]
    fn retention_drops_what_a_snapshot_covers_and_gives_memory_back() {
        let store = MemoryStore::new().with_retention(100);
        let first = batch(&store, 1, 1, 1_000);
        for id in 1..=5_000 {
            append(&store, id, 1, 1_000);
        }
        let before = store.bytes();
        store.save_snapshot(STREAM, snapshot(Revision(4_000))).unwrap();
        let truncated = store.read(STREAM, Revision::ZERO, &mut |_| ControlFlow::Continue(()));
        let Err(ReadError::Truncated { oldest }) = truncated else { panic!("{truncated:?}") };
        assert!((2_500..=3_901).contains(&oldest.0), "{oldest}");
        assert!(store.bytes() < before / 2, "{} of {before}", store.bytes());
        assert!(matches!(submit(&store, first), Appended::Unknown(_)));
        store.save_snapshot(STREAM, snapshot(Revision(5_000))).unwrap();
        append(&store, 6_000, 1, 10);
        let (last, tail) = end(&store);
        assert_eq!((last, tail.seq), (Revision(5_001), 5_001));
        assert_eq!(store.streams(), Ok(vec![STREAM]));
    }

    #[test]
    fn with_retention_of_nothing_an_emptied_journal_goes_on() {
        let store = MemoryStore::new().with_retention(0);
        append(&store, 1, 10, 10);
        store.save_snapshot(STREAM, snapshot(Revision(10))).unwrap();
        let oldest = Revision(11);
        let read = store.read(STREAM, Revision(9), &mut |_| ControlFlow::Continue(()));
        assert_eq!(read, Err(ReadError::Truncated { oldest }));
        assert_eq!(end(&store), (Revision(10), Tail { seq: 1, id: BatchId(1) }));
        append(&store, 2, 1, 10);
        let read = store.read(STREAM, Revision(10), &mut |_| ControlFlow::Continue(()));
        assert_eq!(read, Ok((oldest, Tail { seq: 2, id: BatchId(2) })));
    }

    #[test]
    fn a_reader_that_retention_overtakes_is_told() {
        let store = MemoryStore::new().with_retention(0);
        for id in 1..=3_000 {
            append(&store, id, 1, 1_000);
        }
        let mut seen = 0;
        let read = store.read(STREAM, Revision::ZERO, &mut |_| {
            seen += 1;
            store.save_snapshot(STREAM, snapshot(Revision(3_000))).unwrap();
            ControlFlow::Continue(())
        });
        assert_eq!(read, Err(ReadError::Truncated { oldest: Revision(3_001) }));
        assert!(seen > 0 && seen < 3_000);
    }

    #[test]
    fn gaps_and_empty_batches_are_refused() {
        let store = MemoryStore::new();
        append(&store, 1, 2, 10);
        let right = batch(&store, 2, 1, 10);
        for first_revision in [Revision(2), Revision(4)] {
            let wrong = Batch { first_revision, ..right.clone() };
            assert!(matches!(submit(&store, wrong), Appended::Failed(_)));
        }
        let empty = Batch { records: Records::default(), ..right.clone() };
        assert!(matches!(submit(&store, empty), Appended::Failed(_)));
        assert_eq!(submit(&store, right), Appended::Yes);
    }
}
