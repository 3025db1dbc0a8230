//! When the engine can't go on: a panic under a lock, a panic of the maintenance thread. It says so, and goes on when it can.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use ticketcore::store::{
    Appended, Batch, Capabilities, Completion, MemoryStore, ReadError, Record, Snapshot, Store, StoreFailure,
    StreamId, Tail,
};
use ticketcore::testkit::{Fault, FaultyStore, ManualClock, START, SmallSale};
use ticketcore::{BoxOffice, Canary, Clock, CommandError, Options, Revision, SaleState, UtcMs};

/// A clock that panics so many times.
#[derive(Clone)]
struct Bomb {
    clock: ManualClock,
    fuse: Arc<AtomicU32>,
}

impl Clock for Bomb {
    fn now(&self) -> UtcMs {
        let lit = self.fuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(lit.is_err(), "the clock is broken, as it should be in this test");
        self.clock.now()
    }
}

fn bombed(store: Arc<dyn Store>, manual_expiry: bool) -> (SmallSale, Bomb) {
    let clock = ManualClock::new(START);
    let bomb = Bomb { clock: clock.clone(), fuse: Arc::default() };
    let options = Options { clock: Arc::new(bomb.clone()), manual_expiry, ..Options::default() };
    let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store), options).unwrap());
    let event = office.add_event(&SmallSale::definition(2, 10, 0)).unwrap();
    office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
    (SmallSale { office, event, clock, store }, bomb)
}

#[test]
fn a_panic_under_a_lock_stops_the_event_and_nothing_else() {
    let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let (sale, bomb) = bombed(Arc::clone(&way) as Arc<dyn Store>, true);
    let other = sale.office.add_event(&SmallSale::definition(1, 4, 0)).unwrap();
    sale.hold(1, &[0]).wait().unwrap();
    way.script([Fault::DelayBefore]);
    let pending = sale.hold(1, &[1]);
    bomb.fuse.store(1, Ordering::SeqCst);
    // The command's own panic goes to its caller; the event must not look healthy afterwards.
    assert!(catch_unwind(AssertUnwindSafe(|| sale.hold(2, &[2]))).is_err());
    let told = pending.wait();
    assert!(matches!(told, Err(CommandError::Unknown { .. })), "{told:?}");
    let failed = sale.hold(3, &[3]).wait();
    assert!(matches!(failed, Err(CommandError::Failed { .. })), "{failed:?}");
    assert!(sale.office.set_sale_state(other, SaleState::Onsale).wait().is_ok());
    way.release_all();
    sale.office.reopen(sale.event);
    assert!(sale.hold(3, &[2, 3]).wait().is_ok());
    sale.assert_equals_journal();
}

#[test]
fn who_waited_behind_an_append_when_an_invariant_broke_is_told() {
    let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let (store, clock) = (Arc::clone(&way) as Arc<dyn Store>, ManualClock::new(START));
    let options = Options {
        clock: Arc::new(clock.clone()),
        manual_expiry: true,
        canary: Some(Canary::MixedRun),
        ..Options::default()
    };
    let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store), options).unwrap());
    let event = office.add_event(&SmallSale::definition(1, 6, 0)).unwrap();
    office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
    let sale = SmallSale { office, event, clock, store };
    way.script([Fault::DelayBefore]);
    let first = sale.hold(1, &[0]);
    let behind = sale.hold(2, &[1]);
    // Two of one shard, for the same seat: with this fault both get it.
    let broken = sale.office.hold_many([1, 56].map(|user| sale.seats_request(user, &[2])).into());
    while way.release_all() > 0 {}
    assert!(first.wait_timeout(Duration::from_secs(5)).is_ok(), "it was on its way");
    for told in broken.into_iter().chain([behind]).map(|held| held.wait_timeout(Duration::from_secs(5))) {
        let Err(CommandError::Unknown { reason } | CommandError::Failed { reason }) = told else {
            panic!("{told:?}")
        };
        assert!(reason.contains("I1 one owner"), "{reason}");
    }
}

#[test]
fn a_panic_of_the_maintenance_thread_is_not_its_end() {
    let (sale, bomb) = bombed(Arc::new(MemoryStore::new()), false);
    bomb.fuse.store(1, Ordering::SeqCst);
    for _ in 0..1_000 {
        if bomb.fuse.load(Ordering::SeqCst) == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(bomb.fuse.load(Ordering::SeqCst), 0, "the thread reads the clock");
    // Opening an event is its work.
    let other = sale.office.add_event(&SmallSale::definition(1, 4, 0)).unwrap();
    let opened = sale.office.set_sale_state(other, SaleState::Onsale).wait_timeout(Duration::from_secs(5));
    assert!(opened.is_ok(), "{opened:?}");
}

/// A store that panics once while it appends, before or after it has.
struct Mine {
    inner: MemoryStore,
    at_once: bool,
    before: AtomicBool,
    after: AtomicBool,
}

impl Mine {
    fn append<T>(&self, append: impl FnOnce() -> T) -> T {
        assert!(!self.before.swap(false, Ordering::SeqCst), "the store is broken, as it should be");
        let outcome = append();
        assert!(!self.after.swap(false, Ordering::SeqCst), "the store is broken, as it should be");
        outcome
    }
}

impl Store for Mine {
    fn submit(&self, append: Completion) {
        self.append(|| self.inner.submit(append));
    }
    fn append_at_once(&self, batch: &Batch) -> Option<Appended> {
        if self.at_once { self.append(|| self.inner.append_at_once(batch)) } else { None }
    }
    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        self.inner.read(stream, after, visit)
    }
    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        self.inner.save_snapshot(stream, snapshot)
    }
    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        self.inner.load_snapshot(stream)
    }
    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        self.inner.streams()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

#[test]
fn a_panic_of_the_store_stops_the_event_and_leaves_nobody_waiting() {
    for (at_once, after) in [(true, false), (true, true), (false, false), (false, true)] {
        let inner = MemoryStore::new();
        let mine =
            Arc::new(Mine { inner, at_once, before: AtomicBool::default(), after: AtomicBool::default() });
        let (sale, _) = bombed(Arc::clone(&mine) as Arc<dyn Store>, true);
        sale.hold(1, &[0]).wait().unwrap();
        let fuse = if after { &mine.after } else { &mine.before };
        fuse.store(true, Ordering::SeqCst);
        assert!(catch_unwind(AssertUnwindSafe(|| sale.hold(2, &[2]))).is_err());
        let told = sale.hold(3, &[3]).wait_timeout(Duration::from_secs(5));
        assert!(matches!(told, Err(CommandError::Failed { .. })), "{told:?}");
        sale.office.reopen(sale.event);
        let again = sale.hold(3, &[2]).wait_timeout(Duration::from_secs(5));
        assert_eq!(again.is_err(), after, "what was appended stands, nothing else: {again:?}");
        sale.assert_equals_journal();
    }
}
