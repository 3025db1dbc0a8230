//! The stores of this crate keep every promise of the trait, and the suite that says so catches stores that don't.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

mod side;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use ticketcore::Revision;
use ticketcore::store::{
    Appended, Batch, BatchId, Capabilities, Completion, CompletionSink, MemoryStore, ReadError, Record,
    Records, SideRecords, Snapshot, Store, StoreFailure, StreamId, Tail,
};
use ticketcore::testkit::{FaultyStore, conformance};

use side::BrokenSide;

#[test]
fn memory_store_keeps_every_promise() {
    conformance::run_all(&|| Arc::new(MemoryStore::new()));
}

#[test]
fn shared_memory_store_keeps_every_promise() {
    conformance::run_all(&|| Arc::new(MemoryStore::shared()));
}

#[test]
fn memory_store_with_retention_keeps_every_promise() {
    for facts in [0, 1_500] {
        conformance::run_all(&|| Arc::new(MemoryStore::new().with_retention(facts)));
    }
}

#[test]
fn faulty_store_without_faults_keeps_every_promise() {
    conformance::run_all(&|| Arc::new(FaultyStore::new(MemoryStore::shared(), 1)));
}

/// One promise broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    IgnoresExpected,
    IgnoresNameExpected,
    ChecksThenAppends,
    ForgetsNames,
    RemembersLastNameOnly,
    ComparesCountersOnly,
    TellsWrongTail,
    AppendsLosers,
    LosesBatches,
    NeverAnswers,
    AnswersEarly,
    AnswersOutOfOrder,
    AnswersUnderLock,
    CutsLongRecords,
    ChangesTimes,
    ReadsFromStartOfBatch,
    GoesOnAfterBreak,
    TellsJournalsTailAfterBreak,
    TellsNoTailAtEnd,
    ShowsHalfBatches,
    SnapshotsGoBack,
    MixesStreams,
    ListsUnsorted,
    ListsUnwritten,
    TruncatesTooMuch,
    ForgetsMakingTwice,
    InventsSnapshots,
    AtOnceAnywhere,
    AtOnceInSilence,
    SideKeepsErased,
    SideKeepsFirst,
    SideMixesIds,
}

use Flaw::*;

/// Which check must catch which flaw.
const CAUGHT_BY: &[(Flaw, &str)] = &[
    (IgnoresExpected, "conditional append"),
    (IgnoresExpected, "one winner"),
    (IgnoresNameExpected, "conditional append"),
    (ChecksThenAppends, "one winner"),
    (ForgetsNames, "resubmission"),
    (RemembersLastNameOnly, "resubmission after others"),
    (ComparesCountersOnly, "resubmission after others"),
    (TellsWrongTail, "conditional append"),
    (AppendsLosers, "conflict leaves nothing"),
    (LosesBatches, "records unchanged"),
    (NeverAnswers, "answers in order"),
    (AnswersEarly, "readable once answered"),
    (AnswersOutOfOrder, "answers in order"),
    (AnswersUnderLock, "answered without a lock"),
    (CutsLongRecords, "big batch"),
    (ChangesTimes, "records unchanged"),
    (ReadsFromStartOfBatch, "read from anywhere"),
    (GoesOnAfterBreak, "break out of a visit"),
    (TellsJournalsTailAfterBreak, "break out of a visit"),
    (TellsNoTailAtEnd, "read at and past the end"),
    (ShowsHalfBatches, "whole batches only"),
    (SnapshotsGoBack, "snapshots move forward"),
    (MixesStreams, "streams are independent"),
    (ListsUnsorted, "streams are listed"),
    (ListsUnwritten, "streams are listed"),
    (TruncatesTooMuch, "truncation"),
    (ForgetsMakingTwice, "streams side by side"),
    (InventsSnapshots, "empty journal"),
    (AtOnceAnywhere, "at once as submitted"),
    (AtOnceInSilence, "at once as submitted"),
    (SideKeepsErased, "side records"),
    (SideKeepsFirst, "side records"),
    (SideMixesIds, "side records"),
];

#[test]
fn every_flaw_is_caught_by_name() {
    for &(flaw, check) in CAUGHT_BY {
        let broken = || Arc::new(Broken::new(flaw)) as Arc<dyn Store>;
        let verdict = conformance::run_one(check, &broken, Duration::from_millis(300));
        println!("{flaw:?}: {check}: {verdict:?}");
        assert!(verdict.is_err(), "`{check}` did not catch a store that has the flaw {flaw:?}");
    }
}

#[test]
fn every_check_has_caught_something() {
    let proven: BTreeSet<_> = CAUGHT_BY.iter().map(|(_, check)| *check).collect();
    let all: BTreeSet<_> = conformance::names().collect();
    assert_eq!(proven, all);
}

#[test]
#[should_panic(expected = "snapshots move forward: ")]
fn the_whole_suite_names_the_check_that_failed() {
    conformance::run_all(&|| Arc::new(Broken::new(SnapshotsGoBack)));
}

/// A memory store with one flaw.
struct Broken {
    flaw: Flaw,
    inner: Arc<MemoryStore>,
    turn: AtomicU64,
    /// An answer held back until the next.
    kept: Mutex<Option<Completion>>,
    big_lock: Mutex<()>,
    first_stream: OnceLock<StreamId>,
    snapshot: Mutex<Option<Snapshot>>,
    side: BrokenSide,
}

impl Broken {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            inner: Arc::new(MemoryStore::shared()),
            turn: AtomicU64::new(0),
            kept: Mutex::new(None),
            big_lock: Mutex::new(()),
            first_stream: OnceLock::new(),
            snapshot: Mutex::new(None),
            side: BrokenSide::new(flaw),
        }
    }

    fn end(&self, stream: StreamId) -> (Revision, Tail) {
        self.inner.read(stream, Revision(u64::MAX), &mut |_| ControlFlow::Continue(())).unwrap()
    }

    /// The name of batch `seq`.
    fn standing(&self, stream: StreamId, seq: u64) -> Option<BatchId> {
        let revisions = 1..=self.end(stream).0.0;
        revisions
            .map(|at| self.batch_of(stream, Revision(at)))
            .find(|tail| tail.seq == seq)
            .map(|tail| tail.id)
    }

    /// Number and name of the batch that `revision` belongs to.
    fn batch_of(&self, stream: StreamId, revision: Revision) -> Tail {
        self.inner.read(stream, Revision(revision.0 - 1), &mut |_| ControlFlow::Break(())).unwrap().1
    }

    fn mixed(&self, stream: StreamId) -> StreamId {
        match stream {
            StreamId::Room(event) if self.flaw == MixesStreams => StreamId::Event(event),
            other => other,
        }
    }

    /// Appends `batch` as it is and answers what came of it.
    fn plainly(&self, batch: &Batch) -> Appended {
        let got = Arc::new(Caught::default());
        self.inner.submit(Completion::new(Arc::clone(&got) as Arc<dyn CompletionSink>, batch.clone()));
        got.0.lock().unwrap().take().unwrap()
    }

    /// Appends `batch` at the end, wherever that is.
    fn force(&self, batch: &Batch) -> Appended {
        let _one_at_a_time = self.big_lock.lock().unwrap();
        let (last, expected) = self.end(batch.stream);
        self.plainly(&Batch { expected, first_revision: last.next(), ..batch.clone() })
    }

    fn remade(batch: &Batch, change: impl Fn(Record<'_>) -> (u64, Vec<u8>)) -> Batch {
        let mut records = Records::default();
        for record in batch.records.iter(batch.first_revision) {
            let (at, body) = change(record);
            records.push(ticketcore::UtcMs(at), &body);
        }
        Batch { records, ..batch.clone() }
    }

    fn appended(&self, batch: &Batch) -> Appended {
        let tail = self.end(batch.stream).1;
        let old = batch.tail().seq <= tail.seq;
        let turn = self.turn.fetch_add(1, Ordering::SeqCst);
        let conflict = Appended::Conflict { tail };
        match self.flaw {
            IgnoresExpected if batch.expected != tail => self.force(batch),
            IgnoresNameExpected if batch.expected.seq == tail.seq => self.force(batch),
            ChecksThenAppends if batch.expected == tail => {
                std::thread::sleep(Duration::from_millis(1));
                self.force(batch)
            }
            ForgetsNames if old => conflict,
            RemembersLastNameOnly if batch.tail().seq < tail.seq => conflict,
            ComparesCountersOnly if old => {
                let standing = self.standing(batch.stream, batch.tail().seq).unwrap();
                if standing.0 << 64 == batch.id.0 << 64 { Appended::Yes } else { conflict }
            }
            TellsWrongTail if batch.expected != tail => Appended::Conflict { tail: batch.expected },
            AppendsLosers if batch.expected != tail && !old => {
                self.force(batch);
                conflict
            }
            AppendsLosers if old && self.standing(batch.stream, batch.tail().seq) != Some(batch.id) => {
                self.force(batch);
                conflict
            }
            LosesBatches if turn % 50 == 49 => Appended::Yes,
            CutsLongRecords => self.plainly(&Self::remade(batch, |record| {
                (record.stamp.at.0, record.body[..record.body.len().min(4 << 20)].to_vec())
            })),
            ChangesTimes => {
                self.plainly(&Self::remade(batch, |r| (r.stamp.at.0 / 1_000 * 1_000, r.body.to_vec())))
            }
            ForgetsMakingTwice if self.first_stream.get_or_init(|| batch.stream) != &batch.stream => conflict,
            _ => self.plainly(batch),
        }
    }
}

#[derive(Default)]
struct Caught(Mutex<Option<Appended>>);

impl CompletionSink for Caught {
    fn complete(&self, _batch: Batch, outcome: Appended) {
        *self.0.lock().unwrap() = Some(outcome);
    }
}

impl Store for Broken {
    fn submit(&self, append: Completion) {
        match self.flaw {
            NeverAnswers => std::mem::forget(append),
            AnswersEarly => {
                let (inner, batch) = (Arc::clone(&self.inner), append.batch().clone());
                append.done(Appended::Yes);
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(2));
                    inner.submit(Completion::new(Arc::new(Caught::default()), batch));
                });
            }
            AnswersOutOfOrder => {
                let before = self.kept.lock().unwrap().take();
                let outcome = self.appended(append.batch());
                let Some(before) = before else {
                    *self.kept.lock().unwrap() = Some(append);
                    return;
                };
                append.done(outcome);
                before.done(Appended::Yes);
            }
            AnswersUnderLock => {
                let _held = self.big_lock.lock().unwrap();
                let outcome = self.appended(append.batch());
                append.done(outcome);
            }
            MixesStreams => {
                let mut batch = append.batch().clone();
                batch.stream = self.mixed(batch.stream);
                let outcome = self.force(&batch);
                append.done(outcome);
            }
            _ => {
                let outcome = self.appended(append.batch());
                append.done(outcome);
            }
        }
    }

    fn append_at_once(&self, batch: &Batch) -> Option<Appended> {
        match self.flaw {
            AtOnceAnywhere => Some(self.force(batch)),
            AtOnceInSilence => {
                self.plainly(batch);
                None
            }
            _ => None,
        }
    }

    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        let stream = self.mixed(stream);
        let (last, tail) = self.end(stream);
        match self.flaw {
            AnswersUnderLock => drop(self.big_lock.lock().unwrap()),
            TruncatesTooMuch if after < last && self.inner.load_snapshot(stream)?.is_some() => {
                return Err(ReadError::Truncated { oldest: last.next() });
            }
            ReadsFromStartOfBatch if after < last => {
                let inside = self.batch_of(stream, after.next());
                let same = |revision: &u64| self.batch_of(stream, Revision(*revision)) == inside;
                let first = (1..=after.0).rev().take_while(same).last().unwrap_or(after.0 + 1);
                return self.inner.read(stream, Revision(first - 1), visit);
            }
            GoesOnAfterBreak => {
                return self.inner.read(stream, after, &mut |record| {
                    let _ignored = visit(record);
                    ControlFlow::Continue(())
                });
            }
            TellsJournalsTailAfterBreak => {
                return self.inner.read(stream, after, visit).map(|(revision, _)| (revision, tail));
            }
            TellsNoTailAtEnd if after >= last => return Ok((last, Tail::default())),
            ShowsHalfBatches => {
                let until = Revision(last.0.saturating_sub(1)).max(after.next());
                return self.inner.read(stream, after, &mut |record| {
                    let seen = visit(record);
                    if record.stamp.revision >= until { ControlFlow::Break(()) } else { seen }
                });
            }
            _ => {}
        }
        self.inner.read(stream, after, visit)
    }

    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        if self.flaw == SnapshotsGoBack {
            *self.snapshot.lock().unwrap() = Some(snapshot.clone());
        }
        self.inner.save_snapshot(stream, snapshot)
    }

    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        match self.flaw {
            SnapshotsGoBack => Ok(self.snapshot.lock().unwrap().clone()),
            InventsSnapshots => {
                Ok(Some(Snapshot { revision: Revision(0), tail: Tail::default(), bytes: Arc::default() }))
            }
            _ => self.inner.load_snapshot(stream),
        }
    }

    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        let mut listed = self.inner.streams()?;
        match self.flaw {
            ListsUnsorted => listed.reverse(),
            ListsUnwritten => listed.push(StreamId::Room(ticketcore::EventId(u64::MAX - 1))),
            _ => {}
        }
        listed.sort_unstable_by_key(|id| (self.flaw != ListsUnsorted).then_some(*id));
        Ok(listed)
    }

    fn side_records(&self) -> Option<&dyn SideRecords> {
        Some(&self.side)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}
