//! A short life of a store: appends of all sizes to three streams, snapshots, archiving, recycling, opening and closing; and what it was told.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;
use ticketcore::store::local::{Durability, LocalError, LocalOptions, LocalStore, Retention};
use ticketcore::store::{
    Appended, Batch, BatchId, Completion, CompletionSink, ReadError, Records, Snapshot, Store, StreamId, Tail,
};
use ticketcore::testkit::{MemoryDisk, Rng};
use ticketcore::{EventId, Revision, UtcMs};

pub const STREAMS: [StreamId; 3] =
    [StreamId::System, StreamId::Event(EventId(1)), StreamId::Room(EventId(1))];

/// A record: its time and bytes.
pub type Fact = (u64, Vec<u8>);

/// One journal as its writer knows it.
#[derive(Clone, Default, Debug)]
pub struct Journal {
    pub facts: Vec<Fact>,
    pub tail: Tail,
    /// The batch whose answer never came, or was that nobody knows.
    pub unknown: Vec<Fact>,
    pub snapshot: Revision,
}

/// Everything that was acknowledged.
#[derive(Clone, Default, Debug)]
pub struct Known(pub BTreeMap<StreamId, Journal>);

pub fn options() -> LocalOptions {
    LocalOptions { segment_bytes: 16 << 10, cache_bytes: 64 << 10, manual: true, ..LocalOptions::default() }
}

#[derive(Default)]
struct Answer(Mutex<Option<Appended>>);

impl CompletionSink for Answer {
    fn complete(&self, _: Batch, outcome: Appended) {
        *self.0.lock() = Some(outcome);
    }
}

/// Hands a batch in and returns the answer, which a store without threads gives at once.
pub fn submit(store: &LocalStore, batch: Batch) -> Appended {
    let answer = Arc::new(Answer::default());
    store.submit(Completion::new(Arc::clone(&answer) as Arc<dyn CompletionSink>, batch));
    let outcome = answer.0.lock().take();
    outcome.expect("answered inside submit")
}

impl Known {
    pub fn batch(&self, stream: StreamId, rng: &mut Rng) -> (Batch, Vec<Fact>) {
        let journal = self.0.get(&stream).cloned().unwrap_or_default();
        let mut records = Records::default();
        let mut facts = Vec::new();
        let at = journal.facts.last().map_or(1_000, |fact| fact.0);
        for _ in 0..1 + rng.below(3) {
            let len = [0, 10, 100, 1_500, 6_000][rng.index(5)];
            let byte = rng.below(256).to_le_bytes()[0];
            facts.push((at + rng.below(3), vec![byte; len]));
        }
        facts.sort_by_key(|fact| fact.0);
        for (at, body) in &facts {
            records.push(UtcMs(*at), body);
        }
        let id = BatchId(u128::from(rng.below(2)) << 64 | u128::from(rng.next_u64() >> 1));
        let first_revision = Revision(journal.facts.len() as u64 + 1);
        (Batch { stream, expected: journal.tail, id, first_revision, records }, facts)
    }

    /// Appends a batch; what nobody knows of is noted. False if the store answered anything but yes.
    pub fn append(&mut self, store: &LocalStore, stream: StreamId, rng: &mut Rng) -> bool {
        let (batch, facts) = self.batch(stream, rng);
        let tail = batch.tail();
        let outcome = submit(store, batch);
        let journal = self.0.entry(stream).or_default();
        match outcome {
            Appended::Yes => {
                journal.facts.extend(facts);
                journal.tail = tail;
                true
            }
            Appended::Unknown(_) => {
                journal.unknown = facts;
                false
            }
            Appended::Failed(_) => false,
            Appended::Conflict { tail } => panic!("the journal of {stream:?} ends at {tail:?}"),
        }
    }

    pub fn save_snapshot(&mut self, store: &LocalStore, stream: StreamId) {
        let Some(journal) = self.0.get_mut(&stream) else { return };
        let revision = Revision(journal.facts.len() as u64);
        let snapshot = Snapshot { revision, tail: journal.tail, bytes: state(revision) };
        if store.save_snapshot(stream, snapshot).is_ok() {
            journal.snapshot = revision;
        }
    }

    /// Checks that the store holds what was acknowledged, and nothing but what may be.
    pub fn check(&mut self, store: &LocalStore) -> Result<(), String> {
        for (stream, journal) in &mut self.0 {
            let loaded = store.load_snapshot(*stream).map_err(|error| error.to_string())?;
            let covered = loaded.as_ref().map_or(Revision::ZERO, |snapshot| snapshot.revision);
            if covered < journal.snapshot || loaded.is_some_and(|s| s.bytes != state(s.revision)) {
                return Err(format!("the snapshot of {stream:?} is of {covered}, not {}", journal.snapshot));
            }
            let (facts, tail) = read(store, *stream, covered)?;
            let skipped = usize::try_from(covered.0).unwrap_or(usize::MAX);
            let mut wanted = journal.facts.clone();
            if facts.len() + skipped > wanted.len() {
                wanted.append(&mut journal.unknown);
            }
            journal.unknown.clear();
            if wanted.get(skipped..) != Some(&facts[..]) {
                return Err(format!(
                    "{stream:?} has {} facts after {covered}, {} were acknowledged in all",
                    facts.len(),
                    journal.facts.len(),
                ));
            }
            (journal.facts, journal.tail, journal.snapshot) = (wanted, tail, covered);
        }
        Ok(())
    }
}

/// What a snapshot of a revision holds.
fn state(revision: Revision) -> Arc<[u8]> {
    vec![revision.0.to_le_bytes()[0]; 700].into()
}

/// What can be read of a stream, and where it ends. If it does not go back to the beginning it is read from `covered` on.
pub fn read(store: &LocalStore, stream: StreamId, covered: Revision) -> Result<(Vec<Fact>, Tail), String> {
    let read = |after: Revision| {
        let mut facts = Vec::new();
        let mut next = after;
        let end = store.read(stream, after, &mut |record| {
            next = next.next();
            assert_eq!(record.stamp.revision, next, "revisions follow each other");
            facts.push((record.stamp.at.0, record.body.to_vec()));
            ControlFlow::Continue(())
        })?;
        Ok((facts, end.1))
    };
    match read(Revision::ZERO) {
        Ok((facts, tail)) => {
            Ok((facts[usize::try_from(covered.0).unwrap_or(usize::MAX).min(facts.len())..].to_vec(), tail))
        }
        Err(ReadError::Truncated { .. }) => read(covered).map_err(|error: ReadError| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// A life of a store.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub seed: u64,
    pub steps: u32,
    pub options: LocalOptions,
}

impl Life {
    pub fn new(seed: u64, steps: u32) -> Self {
        let durability = Durability::Strict;
        let retention = if seed % 3 == 2 { Retention::Facts(5) } else { Retention::All };
        Self { seed, steps, options: LocalOptions { durability, retention, ..options() } }
    }

    /// Lives it on `disk` until the end, or until the store fails, and returns what was acknowledged.
    pub fn live(self, disk: &MemoryDisk) -> (Known, Result<(), LocalError>) {
        let mut known = Known::default();
        let ended = self.live_on(disk, &mut known);
        (known, ended)
    }

    fn live_on(self, disk: &MemoryDisk, known: &mut Known) -> Result<(), LocalError> {
        let mut rng = Rng::new(self.seed);
        let mut store = LocalStore::open_in(Arc::new(disk.clone()), self.options)?;
        for _ in 0..self.steps {
            match rng.below(12) {
                0 => {
                    drop(store);
                    store = LocalStore::open_in(Arc::new(disk.clone()), self.options)?;
                }
                1 => known.save_snapshot(&store, *rng.pick(&STREAMS)),
                2 | 3 => store.maintain()?,
                _ => {
                    if !known.append(&store, *rng.pick(&STREAMS), &mut rng) {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Opens what a crash has left, checks it, goes on a little, and checks that too.
pub fn goes_on(disk: &MemoryDisk, known: &Known, options: LocalOptions) -> Result<(), String> {
    let mut known = known.clone();
    let open =
        || LocalStore::open_in(Arc::new(disk.clone()), options).map_err(|error| format!("open: {error}"));
    {
        let store = open()?;
        known.check(&store)?;
        let mut rng = Rng::new(1);
        for stream in STREAMS {
            if !known.append(&store, stream, &mut rng) {
                return Err(format!("nothing can be appended to {stream:?}"));
            }
        }
        known.check(&store)?;
        store.maintain().map_err(|error| format!("maintain: {error}"))?;
    }
    known.check(&open()?).map_err(|why| format!("opened again: {why}"))
}
