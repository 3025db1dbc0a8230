//! The sequencer: revisions, times, and the order of facts.

use std::sync::{Arc, Mutex};

use shuttle::thread;
use ticketcore::fact::Fact;
use ticketcore::store::MemoryStore;
use ticketcore::testkit::{SmallSale, Timeline, key};
use ticketcore::{Canary, Hold, HoldRequest, Refusal, Revision};

use crate::{catches, end, explore, granted, sale, sound};

/// Who asked, from which revision to which, and what came of it.
type Answer = (u128, Revision, Revision, Result<Hold, Refusal>);

/// Three threads hold and release the same seats in turn while the clock goes forward and back; two of them click twice.
fn one_seat_goes_from_hand_to_hand(canary: Option<Canary>) {
    let sale = Arc::new(sale(Arc::new(MemoryStore::new()), &SmallSale::definition(1, 2, 2), canary));
    let answers: Arc<Mutex<Vec<Answer>>> = Arc::default();
    let buyer = |user: u128, seats: &'static [u32]| {
        let (sale, answers) = (Arc::clone(&sale), Arc::clone(&answers));
        thread::spawn(move || {
            for _ in 0..2 {
                let from = sale.office.availability(sale.event).unwrap().revision;
                let outcome = granted(sale.hold(user, seats).wait());
                let to = end(&sale);
                if let Ok(hold) = &outcome {
                    sale.clock.advance(3);
                    sale.release(hold.id, hold.user).wait().unwrap();
                }
                answers.lock().unwrap().push((user, from, to, outcome));
                sale.clock.back(2);
            }
        })
    };
    let clicker = || {
        let sale = Arc::clone(&sale);
        let request = HoldRequest { key: Some(key("click")), ..sale.places_request(7, 1) };
        thread::spawn(move || sale.office.hold(request).wait().unwrap())
    };
    let threads = [buyer(1, &[0]), buyer(2, &[0, 1])];
    let clicks = [clicker(), clicker()].map(|click| click.join().unwrap());
    for thread in threads {
        thread.join().unwrap();
    }
    sound(&sale);
    let journal = sale.journal();
    for (at, pair) in journal.windows(2).enumerate() {
        assert_eq!(pair[0].0.revision, Revision(at as u64 + 1));
        assert!(pair[0].0.at <= pair[1].0.at, "time goes back at {at}");
    }
    // The seat changes hands in the order of the journal, and every answer stands there.
    let timeline = Timeline::of(&journal).unwrap();
    for (user, from, to, outcome) in answers.lock().unwrap().iter() {
        match outcome {
            Ok(hold) => {
                let (_, Fact::HoldPlaced(placed)) = &journal[place(hold.version)] else { panic!("{hold:?}") };
                assert!(placed.user == (*user).into() && placed.lines == hold.lines);
            }
            Err(refusal) => assert!(timeline.was_true(refusal, 0, *from, *to), "{refusal} in {from} to {to}"),
        }
    }
    assert_eq!(clicks[0].id, clicks[1].id, "a double click is one hold");
}

fn place(revision: Revision) -> usize {
    usize::try_from(revision.0).unwrap() - 1
}

#[test]
fn facts_stand_in_the_order_of_decisions() {
    explore(4_000, one_seat_goes_from_hand_to_hand);
}

#[test]
fn a_forgotten_key_is_noticed() {
    catches(Canary::ForgetIdempotency, 300, one_seat_goes_from_hand_to_hand);
}
