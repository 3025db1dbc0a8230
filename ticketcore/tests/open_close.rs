//! Events open when they are needed and close when nothing goes on in them: once, and without losing a command.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use ticketcore::manifest::Definition;
use ticketcore::store::{
    Capabilities, Completion, MemoryStore, ReadError, Record, Snapshot, Store, StoreFailure, StreamId, Tail,
};
use ticketcore::testkit::{Fault, FaultyStore, SmallSale, TwoNodes};
use ticketcore::{CommandError, HoldRequest, Refusal, Revision};

/// Counts openings, and lets a reader stand still after it has read.
struct Watched {
    inner: Arc<MemoryStore>,
    openings: AtomicUsize,
    hold_next_reader: AtomicBool,
    standing: Mutex<bool>,
    moved: Condvar,
}

impl Watched {
    fn new(inner: Arc<MemoryStore>) -> Arc<Self> {
        let (openings, hold_next_reader) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self {
            inner,
            openings,
            hold_next_reader,
            standing: Mutex::new(false),
            moved: Condvar::new(),
        })
    }

    fn set(&self, standing: bool) {
        *self.standing.lock().unwrap() = standing;
        self.moved.notify_all();
    }

    fn wait(&self, standing: bool, most: Duration) {
        let now = self.standing.lock().unwrap();
        drop(self.moved.wait_timeout_while(now, most, |now| *now != standing).unwrap());
    }
}

impl Store for Watched {
    fn submit(&self, append: Completion) {
        self.inner.submit(append);
    }
    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        let read = self.inner.read(stream, after, visit);
        if stream != StreamId::System && self.hold_next_reader.swap(false, Ordering::SeqCst) {
            self.set(true);
            self.wait(false, Duration::from_secs(5));
        }
        read
    }
    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        self.inner.save_snapshot(stream, snapshot)
    }
    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        self.openings.fetch_add(1, Ordering::SeqCst);
        self.inner.load_snapshot(stream)
    }
    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        self.inner.streams()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

fn watched(definition: &Definition) -> (SmallSale, Arc<Watched>) {
    let store = Watched::new(Arc::new(MemoryStore::new()));
    (SmallSale::open(Arc::clone(&store) as Arc<dyn Store>, definition), store)
}

#[test]
fn an_event_is_opened_once_however_many_want_it_at_once() {
    for maintained in [false, true] {
        let (sale, store) = watched(&SmallSale::definition(8, 16, 0));
        let sale = if maintained { sale.again_maintained(2) } else { sale.again(2) };
        store.openings.store(0, Ordering::SeqCst);
        let start = std::sync::Barrier::new(64);
        thread::scope(|scope| {
            for at in 0..64_u32 {
                let (sale, start) = (&sale, &start);
                scope.spawn(move || {
                    start.wait();
                    if at % 8 == 0 {
                        assert_eq!(sale.office.availability(sale.event).unwrap().sections.len(), 1);
                    }
                    sale.hold(u128::from(at), &[at * 2, at * 2 + 1]).wait().unwrap();
                });
            }
        });
        assert_eq!(store.openings.load(Ordering::SeqCst), 1);
        assert_eq!(sale.office.availability(sale.event).unwrap().sections[0].held, 128);
        sale.assert_equals_journal();
    }
}

#[test]
fn a_command_and_a_close_at_the_same_time_both_come_to_their_right() {
    for maintained in [false, true] {
        let (sale, store) = watched(&SmallSale::definition(1, 8, 0));
        let sale = if maintained { sale.again_maintained(2) } else { sale.again(2) };
        let (over, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let buyers: Vec<_> = (0..2)
                .map(|user: u32| {
                    let (sale, store, rounds) = (&sale, &store, &rounds);
                    scope.spawn(move || {
                        // Until it has been closed under them often enough.
                        while store.openings.load(Ordering::SeqCst) < 12 {
                            assert!(rounds.fetch_add(1, Ordering::SeqCst) < 1_000_000, "it never closes");
                            let hold = sale.hold(u128::from(user), &[user]).wait().unwrap();
                            sale.release(hold.id, hold.user).wait().unwrap();
                            thread::yield_now();
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    sale.office.close_if_idle(sale.event);
                    sale.office.availability(sale.event).unwrap();
                }
            });
            let outcomes: Vec<_> = buyers.into_iter().map(thread::ScopedJoinHandle::join).collect();
            over.store(true, Ordering::Relaxed);
            assert!(outcomes.iter().all(Result::is_ok), "no buyer is told that the event was closed");
        });
        assert_eq!(sale.journal().len(), 2 + 2 * rounds.into_inner());
        sale.assert_equals_journal();
    }
}

#[test]
fn an_event_that_was_read_before_others_used_it_is_not_taken_into_use() {
    let (sale, store) = watched(&SmallSale::definition(1, 8, 0));
    let sale = sale.again(2);
    store.hold_next_reader.store(true, Ordering::SeqCst);
    let used = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| sale.office.availability(sale.event).unwrap());
        store.wait(true, Duration::from_secs(5));
        let user = scope.spawn(|| {
            let hold = sale.hold(1, &[0]).wait().unwrap();
            sale.release(hold.id, hold.user).wait().unwrap();
            assert!(sale.office.close_if_idle(sale.event));
            used.store(true, Ordering::SeqCst);
        });
        // Either the user comes through meanwhile, or waits for the reader.
        for _ in 0..50 {
            if !used.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        store.set(false);
        user.join().unwrap();
        reader.join().unwrap();
    });
    assert_eq!(sale.office.availability(sale.event).unwrap().revision, Revision(4));
    assert!(sale.hold(1, &[0]).wait().is_ok());
    sale.assert_equals_journal();
}

#[test]
fn an_event_closes_only_if_nothing_goes_on_in_it() {
    let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = SmallSale::open(Arc::clone(&way) as Arc<dyn Store>, &SmallSale::definition(1, 8, 0));
    let close = || sale.office.close_if_idle(sale.event);
    assert!(close() && close(), "closed is closed");
    let hold = sale.hold(1, &[0]).wait().unwrap();
    assert!(!close(), "a live hold");
    let order = sale.open_order(hold.id, hold.user).wait().unwrap();
    assert!(!close(), "an open order");
    way.script([Fault::DelayAfter]);
    let confirmed = sale.confirm(order.id, order.user);
    assert!(!close(), "an append in flight");
    way.release_all();
    confirmed.wait().unwrap();
    assert!(close());
    let before = sale.office.state_bytes(sale.event).unwrap();
    assert!(close());
    assert!(sale.office.state_bytes(sale.event).unwrap() == before, "opened again to the same state");
}

#[test]
fn an_idle_event_is_closed_after_a_while_and_opens_again() {
    let (sale, store) = watched(&SmallSale::definition(1, 8, 0));
    let sale = sale.again_maintained(2);
    sale.buy(1, &[0]).unwrap();
    store.openings.store(0, Ordering::SeqCst);
    for _ in 0..500 {
        sale.clock.advance(60_000);
        thread::sleep(Duration::from_millis(2));
        sale.office.availability(sale.event).unwrap();
        if store.openings.load(Ordering::SeqCst) > 0 {
            assert!(sale.buy(2, &[1]).is_ok());
            return;
        }
    }
    panic!("never closed");
}

#[test]
fn who_waits_when_a_box_office_is_dropped_is_told_that_the_outcome_is_unknown() {
    let TwoNodes { a, b, .. } = TwoNodes::small();
    a.hold(1, &[0]).wait().unwrap();
    let pending = b.hold(2, &[0]);
    assert!(!pending.is_ready(), "another node was first");
    drop(b);
    let told = pending.wait();
    assert!(matches!(told, Err(CommandError::Unknown { .. })), "{told:?}");
}

#[test]
fn an_unknown_event_is_refused_and_not_remembered() {
    let (sale, _) = watched(&SmallSale::definition(1, 8, 0));
    for office in [&sale.office, &sale.again_maintained(2).office] {
        let request = HoldRequest { event: ticketcore::EventId(99), ..sale.seats_request(1, &[0]) };
        assert_eq!(office.hold(request).wait(), Err(CommandError::Refused(Refusal::UnknownEvent)));
    }
}
