//! Deadlines: a hold comes due while it is used, wanted and expired by several at once.

use std::sync::Arc;

use shuttle::thread;
use ticketcore::store::MemoryStore;
use ticketcore::testkit::SmallSale;
use ticketcore::{Canary, Hold, HoldRequest};

use crate::{catches, explore, granted, sale, sound};

/// The clock passes the deadline of three holds while one is extended and another bought, others want the same, and maintenance runs.
/// The auditor says whether what was dead has been used; and what is dead keeps nobody from a yes.
fn due_in_everybody_s_hands(canary: Option<Canary>) {
    let sale = Arc::new(sale(Arc::new(MemoryStore::new()), &SmallSale::definition(1, 3, 2), canary));
    // A millisecond longer, so that whoever expires the others passes it by.
    let places = HoldRequest { ttl_ms: Some(8 * 60_000 + 1), ..sale.places_request(6, 2) };
    sale.office.hold(places).wait().unwrap();
    let holds = [1, 2].map(|user: u32| sale.hold(user.into(), &[user]).wait().unwrap());
    sale.clock.advance(8 * 60_000 - 2);
    let run = |work: fn(&SmallSale, &[Hold; 2])| {
        let (sale, holds) = (Arc::clone(&sale), holds.clone());
        thread::spawn(move || work(&sale, &holds))
    };
    let threads = [
        run(|sale, holds| _ = granted(sale.extend(&holds[0]).wait())),
        run(|sale, holds| {
            if sale.open_order(holds[1].id, holds[1].user).wait().is_ok() {
                sale.confirm(holds[1].id.order(), holds[1].user).wait().unwrap();
            }
        }),
        run(|sale, _| {
            for _ in 0..3 {
                sale.clock.advance(1);
                sale.hold(3, &[0]).wait().ok().map(|hold| sale.release(hold.id, hold.user).wait());
            }
            sale.hold_places(5, 2).wait().expect("who had the places is dead, whoever is just expiring them");
        }),
        run(|sale, _| _ = granted(sale.hold(4, &[2, 1]).wait())),
        run(|sale, _| _ = sale.office.maintain()),
    ];
    for thread in threads {
        thread.join().unwrap();
    }
    while sale.office.maintain().ended > 0 {}
    sound(&sale);
}

/// Seen to catch: a fact sequenced after the deadline it relied on; the earliest deadline lost by a pass that expires others.
#[test]
fn what_is_dead_is_not_used_whoever_comes_first() {
    explore(2_000, due_in_everybody_s_hands);
}

#[test]
fn the_use_of_a_dead_hold_is_noticed() {
    catches(Canary::LateExpiry, 1_000, due_in_everybody_s_hands);
}
