//! Back-pressure: when too much waits for the store, commands are refused and change nothing; when it has caught up, they are not.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::sync::Arc;

use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Fault, FaultOdds, FaultyStore, ManualClock, START, SmallSale, key};
use ticketcore::{
    BoxOffice, CommandError, Done, HoldRequest, ManifestRequest, Options, Pending, Refusal, SaleState,
};

const OVERLOADED: Refusal = Refusal::Overloaded { retry_after_ms: 100 };

/// A sale for whose facts there is little room, and its way to the store.
fn narrow(pending_bytes_max: usize, store: MemoryStore) -> (SmallSale, Arc<FaultyStore<MemoryStore>>) {
    let way = Arc::new(FaultyStore::new(store, 1));
    let store = Arc::clone(&way) as Arc<dyn Store>;
    let clock = ManualClock::new(START);
    let options = Options {
        clock: Arc::new(clock.clone()),
        manual_expiry: true,
        pending_bytes_max,
        ..Options::default()
    };
    let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store), options).unwrap());
    let event = office.add_event(&SmallSale::definition(2, 10, 1_000)).unwrap();
    office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
    (SmallSale { office, event, clock, store }, way)
}

/// Nothing arrives any more.
fn dam(way: &FaultyStore<MemoryStore>) {
    way.set_odds(FaultOdds::default().with(Fault::DelayBefore, 100));
}

fn flow(way: &FaultyStore<MemoryStore>) {
    way.set_odds(FaultOdds::default());
    while way.release_all() > 0 {}
}

/// Gives small commands until one is refused, and returns those that wait.
fn fill(sale: &SmallSale) -> Vec<Pending<Done>> {
    let mut waiting = Vec::new();
    loop {
        let pending = sale.block_place(u32::try_from(waiting.len()).unwrap());
        if pending.is_ready() {
            assert_eq!(refused(pending), OVERLOADED);
            return waiting;
        }
        waiting.push(pending);
        assert!(waiting.len() < 100_000, "there is no bound");
    }
}

/// The refusal, which is there at once.
#[track_caller]
fn refused<T: std::fmt::Debug>(pending: Pending<T>) -> Refusal
where
    Pending<T>: Future<Output = Result<T, CommandError>>,
{
    assert!(pending.is_ready(), "refused at once");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(pending).as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(CommandError::Refused(refusal))) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn while_too_much_waits_commands_are_refused_and_then_taken_again() {
    let (sale, way) = narrow(1 << 20, MemoryStore::new());
    let dead = sale.hold(1, &[0]).wait().unwrap();
    sale.clock.advance(1_000);
    let kept = sale.hold_keyed(2, &[1], "kept").wait().unwrap();
    dam(&way);
    let waiting = fill(&sale);
    assert!((500..5_000).contains(&waiting.len()), "{} wait in 1 MiB", waiting.len());
    assert_eq!(refused(sale.hold(3, &[2])), OVERLOADED);
    assert_eq!(refused(sale.office.hold(sale.places_request(3, 5))), OVERLOADED);
    // A dead hold that can't be expired is in the way; that is no reason to call its seat taken.
    sale.clock.set(dead.deadline);
    assert_eq!(refused(sale.hold(3, &[0])), OVERLOADED);
    let maintained = sale.office.maintain();
    assert_eq!((maintained.ended, maintained.more), (0, false));
    // What needs no room is answered: a retry, and a release of what is not held.
    let again = HoldRequest { key: Some(key("kept")), ..sale.seats_request(2, &[1]) };
    assert_eq!(sale.office.hold(again).wait().unwrap().id, kept.id);
    flow(&way);
    let accepted = waiting.len();
    assert!(waiting.into_iter().all(|pending| pending.wait().is_ok()));
    assert_eq!(sale.journal().len(), 4 + accepted, "what was refused is not there");
    assert_eq!(sale.office.maintain().ended, 1);
    assert!(sale.hold(3, &[0, 2]).wait().is_ok(), "nothing was taken by what was refused");
    sale.assert_equals_journal();
    // The room is as large as before, again and again.
    for _ in 0..3 {
        dam(&way);
        let waiting = fill(&sale);
        assert!(waiting.len().abs_diff(accepted) < 10, "{} then, {accepted} before", waiting.len());
        flow(&way);
        assert!(waiting.into_iter().all(|pending| pending.wait().is_ok()));
        if sale.office.availability(sale.event).unwrap().places[0].counts.blocked == 1 {
            sale.block_place(1).wait().unwrap();
        }
    }
    sale.assert_equals_journal();
}

#[test]
fn what_is_larger_than_the_room_is_taken_when_nothing_else_waits() {
    let (sale, way) = narrow(1_000, MemoryStore::new());
    let change = || {
        let definition = SmallSale::definition(3, 50, 1_000);
        sale.office.change_manifest(ManifestRequest { event: sale.event, definition })
    };
    dam(&way);
    let first = sale.block_place(0);
    assert_eq!(refused(change()), OVERLOADED);
    flow(&way);
    first.wait().unwrap();
    assert!(change().wait().is_ok());
}

#[test]
fn few_changes_of_the_manifest_wait_at_once() {
    let (sale, way) = narrow(1 << 20, MemoryStore::new());
    dam(&way);
    let mut waiting = Vec::new();
    loop {
        let mut definition = SmallSale::definition(2, 10, 1_000);
        definition.rules.name = format!("Round {}", waiting.len());
        let pending = sale.office.change_manifest(ManifestRequest { event: sale.event, definition });
        if pending.is_ready() {
            assert_eq!(refused(pending), OVERLOADED);
            break;
        }
        waiting.push(pending);
    }
    assert!((10..=20).contains(&waiting.len()), "{}", waiting.len());
    flow(&way);
    assert!(waiting.into_iter().all(|pending| pending.wait().is_ok()));
    sale.assert_equals_journal();
}
