//! When the engine can't go on: too much waits for the store, a panic under a lock, a panic of the maintenance thread. It says so, and
//! goes on when it can.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use ticketcore::manifest::{Allocation, Area, Definition};
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Fault, FaultOdds, FaultyStore, ManualClock, START, SmallSale};
use ticketcore::{BoxOffice, Clock, CommandError, ManifestRequest, Options, Refusal, SaleState, UtcMs};

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

/// A definition whose change is a fact of over 100 KB.
fn heavy(round: usize) -> Definition {
    let mut definition = SmallSale::definition(2, 10, 1);
    definition.rules.name = format!("Round {round}");
    let allocation = |at| Allocation {
        name: format!("{at:0200}"),
        channels: (0..16).map(|channel| format!("{channel:064}")).collect(),
        access_code: None,
        release_at: None,
    };
    definition.allocations = (0..64).map(allocation).collect();
    let area = definition.areas[0].clone();
    definition.areas.extend((1..256).map(|at| Area { name: format!("{at:0200}"), ..area.clone() }));
    definition
}

#[test]
fn commands_are_refused_while_too_much_waits_for_the_store() {
    let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = SmallSale::open(Arc::clone(&way) as Arc<dyn Store>, &heavy(0));
    let dead = sale.hold(1, &[0]).wait().unwrap();
    sale.clock.advance(1_000);
    sale.hold(2, &[1]).wait().unwrap();
    way.set_odds(FaultOdds::default().with(Fault::DelayBefore, 100));
    let mut waiting = Vec::new();
    let overloaded = Refusal::Overloaded { retry_after_ms: 100 };
    for round in 1..2_000 {
        let definition = heavy(round);
        let pending = sale.office.change_manifest(ManifestRequest { event: sale.event, definition });
        if pending.is_ready() {
            assert_eq!(pending.wait(), Err(CommandError::Refused(overloaded.clone())));
            break;
        }
        waiting.push(pending);
    }
    assert!((100..1_000).contains(&waiting.len()), "{} changes wait", waiting.len());
    // What is small still fits for a while; what does not is refused and changes nothing.
    while sale.office.set_sale_state(sale.event, SaleState::Paused).try_take().is_err() {
        drop(sale.office.set_sale_state(sale.event, SaleState::Onsale));
    }
    assert_eq!(refusal(sale.hold(3, &[2])), overloaded);
    // A dead hold that can't be expired is in the way; that is no reason to call its seat taken.
    sale.clock.set(dead.deadline);
    assert_eq!(refusal(sale.hold(3, &[0])), overloaded);
    let maintained = sale.office.maintain();
    assert_eq!((maintained.ended, maintained.more), (0, false));
    way.set_odds(FaultOdds::default());
    while way.release_all() > 0 {}
    for pending in waiting {
        assert!(pending.wait().is_ok());
    }
    assert_eq!(sale.office.maintain().ended, 1);
    sale.assert_equals_journal();
}

fn refusal<T: std::fmt::Debug>(pending: ticketcore::Pending<T>) -> Refusal
where
    ticketcore::Pending<T>: Future<Output = Result<T, CommandError>>,
{
    assert!(pending.is_ready(), "refused at once");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(pending).as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(CommandError::Refused(refusal))) => refusal,
        other => panic!("{other:?}"),
    }
}
