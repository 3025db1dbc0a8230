//! Rebases: two box offices sell one event from one shared store.

use std::sync::Arc;

use shuttle::thread;
use ticketcore::fact::Fact;
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{SmallSale, Timeline};
use ticketcore::{BoxOffice, Canary, CommandError, Hold, Options, Pending, Refusal, Revision};

use crate::{catches, explore, granted, sale, sound};

/// Maintains the node until the outcome is there.
fn maintained(node: &SmallSale, pending: Pending<Hold>) -> Result<Hold, CommandError> {
    while !pending.is_ready() {
        node.office.maintain();
        thread::yield_now();
    }
    pending.wait()
}

/// Both nodes want the same seats; one of them from two threads, and with a double click.
fn two_offices(canary: Option<Canary>) {
    let store = Arc::new(MemoryStore::shared());
    let a = Arc::new(sale(Arc::clone(&store) as Arc<dyn Store>, &SmallSale::definition(1, 4, 0), canary));
    let options = Options {
        clock: Arc::new(a.clock.clone()),
        manual_expiry: true,
        node: Some(2),
        canary,
        ..Options::default()
    };
    let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store) as Arc<dyn Store>, options).unwrap());
    let b = Arc::new(SmallSale { office, event: a.event, clock: a.clock.clone(), store });
    b.office.availability(b.event).unwrap();
    let run = |node: &Arc<SmallSale>, work: fn(&SmallSale) -> Result<Hold, CommandError>| {
        let node = Arc::clone(node);
        thread::spawn(move || granted(work(&node)))
    };
    let threads = [
        run(&a, |node| maintained(node, node.hold(1, &[0, 1]))),
        run(&b, |node| maintained(node, node.hold(2, &[1, 2]))),
        run(&b, |node| maintained(node, node.hold_keyed(3, &[0, 3], "click"))),
        run(&a, |node| maintained(node, node.hold_keyed(3, &[0, 3], "click"))),
    ];
    let outcomes = threads.map(|thread| thread.join().unwrap());
    for node in [&a, &b, &a] {
        node.office.maintain();
    }
    sound(&a);
    sound(&b);
    let journal = a.journal();
    let timeline = Timeline::of(&journal).unwrap();
    let last = Revision(journal.len() as u64);
    for outcome in &outcomes {
        match outcome {
            Ok(hold) => {
                let (_, fact) = &journal[usize::try_from(hold.version.0).unwrap() - 1];
                let Fact::HoldPlaced(placed) = fact else { panic!("{fact:?}") };
                assert!(placed.user == hold.user && placed.lines == hold.lines);
            }
            Err(refusal @ Refusal::SeatsUnavailable(_)) => {
                assert!(timeline.was_true(refusal, 0, Revision(1), last), "{refusal}");
            }
            Err(refusal) => panic!("{refusal}"),
        }
    }
    if let [_, _, Ok(one), Ok(other)] = &outcomes {
        assert_eq!(one.id, other.id, "a double click is one hold, on two nodes too");
    }
    assert!(outcomes.iter().any(Result::is_ok), "somebody was first");
}

#[test]
fn two_offices_sell_from_one_store() {
    explore(2_000, two_offices);
}

#[test]
fn a_seat_that_is_not_put_back_is_noticed() {
    catches(Canary::LostUndo, 100, two_offices);
}
