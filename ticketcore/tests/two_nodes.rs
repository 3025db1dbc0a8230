//! Two nodes with their own threads on one shared store, and many callers on both.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;

use ticketcore::fact::Fact;
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Fault, FaultyStore, Rng, SmallSale, Timeline, key};
use ticketcore::{
    BoxOffice, CommandError, Hold, HoldRequest, Options, Order, OrderState, Refusal, Revision, SeatIndex,
    SeatState,
};

/// What a thread was told.
#[derive(Default)]
struct Told {
    holds: Vec<Hold>,
    orders: Vec<Order>,
    refused: Vec<(Refusal, u32, Revision, Revision)>,
}

/// Buys, and gives back a third, until nothing is left for it.
fn shop(sale: &SmallSale, head: &SmallSale, user: u128, told: &mut Told) {
    let mut rng = Rng::new(u64::try_from(user).unwrap());
    let revision = |sale: &SmallSale| sale.office.availability(sale.event).unwrap().revision;
    let mut misses = 0;
    while misses < 3 {
        let asked = 1 + u32::try_from(rng.below(3)).unwrap();
        // Both nodes' durable revisions: whatever was told to anybody before is at most the larger.
        let from = revision(sale).max(revision(head));
        let hold = match sale.hold_best(user, asked).wait() {
            Ok(hold) => hold,
            Err(CommandError::Refused(refusal)) => {
                misses += u32::from(asked == 1);
                told.refused.push((refusal, asked, from, revision(sale)));
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        told.holds.push(hold.clone());
        if rng.chance(33) {
            sale.release(hold.id, hold.user).wait().unwrap();
            continue;
        }
        told.orders.push(sale.open_order(hold.id, hold.user).wait().unwrap());
        told.orders.push(sale.confirm(hold.id.order(), hold.user).wait().unwrap());
    }
}

#[test]
fn two_nodes_sell_a_house_out_and_tell_the_truth() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::shared());
    let first = SmallSale::open(Arc::clone(&store), &SmallSale::definition(6, 20, 0));
    let nodes = [first.again_maintained(11), first.again_maintained(12)];
    let told = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for at in 0..8_u128 {
            let (nodes, told) = (&nodes, &told);
            scope.spawn(move || {
                let mut mine = Told::default();
                let side = usize::from(at % 2 == 1);
                shop(&nodes[side], &nodes[1 - side], at, &mut mine);
                told.lock().unwrap().push(mine);
            });
        }
    });
    let journal = first.journal();
    let timeline = Timeline::of(&journal).unwrap();
    let facts: HashMap<Revision, &Fact> =
        journal.iter().map(|(stamp, fact)| (stamp.revision, fact)).collect();
    for told in told.into_inner().unwrap() {
        for hold in &told.holds {
            let Some(Fact::HoldPlaced(placed)) = facts.get(&hold.version) else {
                panic!("{hold:?} is not there")
            };
            assert_eq!((placed.user, &placed.lines), (hold.user, &hold.lines));
        }
        for order in &told.orders {
            let lines = match facts.get(&order.version) {
                Some(Fact::OrderOpened(opened)) if order.state == OrderState::Open => &opened.lines,
                Some(Fact::OrderConfirmed(confirmed)) => &confirmed.lines,
                other => panic!("{order:?} is not there but {other:?}"),
            };
            assert_eq!(lines, &order.lines);
        }
        for (refusal, asked, from, to) in &told.refused {
            let fits = timeline.was_true(refusal, *asked, *from, *to);
            assert!(fits, "{refusal} was never true from {from} to {to}");
        }
    }
    let end = timeline.at(Revision(journal.len() as u64));
    assert!(end.seats.iter().all(|state| *state == SeatState::Sold), "{end:?}");
    for node in &nodes {
        // A refusal brings a node to the end of the journal.
        assert!(matches!(
            node.hold(1, &[0]).wait(),
            Err(CommandError::Refused(Refusal::SeatsUnavailable(_)))
        ));
        node.assert_equals_journal();
    }
}

#[test]
fn a_request_repeated_on_the_other_node_is_one_request_however_they_race() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::shared());
    let first = SmallSale::open(Arc::clone(&store), &SmallSale::definition(8, 20, 0));
    let nodes = [first.again_maintained(11), first.again_maintained(12)];
    let got: Vec<Vec<Result<Hold, CommandError>>> = thread::scope(|scope| {
        let click = |at: usize| {
            let node = &nodes[at % 2];
            let user = at as u128 / 2;
            let seats = move |round: u32| [u32::try_from(user).unwrap() * 16 + round, 159 - round];
            let hold = move |round: u32| {
                let request = HoldRequest {
                    key: Some(key(&format!("{round}"))),
                    ..node.seats_request(user, &seats(round))
                };
                node.office.hold(request).wait()
            };
            scope.spawn(move || (0..16).map(hold).collect())
        };
        let threads: Vec<_> = (0..8).map(click).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for pair in got.chunks(2) {
        for (one, other) in pair[0].iter().zip(&pair[1]) {
            match (one, other) {
                (Ok(one), Ok(other)) => assert_eq!((one.id, &one.lines), (other.id, &other.lines)),
                (Err(CommandError::Refused(_)), Err(CommandError::Refused(_))) => {}
                // One node was told no before the hold in the way was gone; there is none that goes away here.
                (one, other) => panic!("{one:?} and {other:?}"),
            }
        }
    }
    Timeline::of(&first.journal()).unwrap();
}

/// Opens a box office on a way to the store, as a process that begins does.
fn begin(way: &Arc<FaultyStore<Arc<MemoryStore>>>, sale: &SmallSale) -> BoxOffice {
    let options = Options { clock: Arc::new(sale.clock.clone()), manual_expiry: true, ..Options::default() };
    BoxOffice::open_shared(Arc::clone(way) as Arc<dyn Store>, options).unwrap()
}

/// Both are the first batch of their life, for the same place in the journal.
#[test]
fn a_batch_of_an_earlier_life_that_lands_late_is_not_taken_for_a_new_one() {
    let store = Arc::new(MemoryStore::shared());
    let sale = SmallSale::open(Arc::clone(&store) as Arc<dyn Store>, &SmallSale::definition(1, 10, 0));
    let way = Arc::new(FaultyStore::new(Arc::clone(&store), 1));
    let first = begin(&way, &sale);
    way.script([Fault::DelayBefore]);
    let unheard = first.hold(sale.seats_request(1, &[0]));
    assert!(!unheard.is_ready());
    drop(first);
    let second = begin(&way, &sale);
    let before = second.availability(sale.event).unwrap().revision;
    assert_eq!(way.release_all(), 1, "it lands now");
    let pending = second.hold(sale.seats_request(2, &[1]));
    for _ in 0..10 {
        second.maintain();
    }
    let hold = pending.wait().unwrap();
    let seats = begin(&way, &sale).seats(sale.event, &[0, 1].map(SeatIndex)).unwrap();
    assert!(seats.iter().all(|seat| seat.state == SeatState::Held), "{seats:?}");
    assert_eq!(seats[1].hold, Some(hold.id), "what was acknowledged is in the journal");
    assert_eq!(hold.version.0, before.0 + 2);
}
