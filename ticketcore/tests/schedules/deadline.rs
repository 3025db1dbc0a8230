//! Deadlines: a hold comes due while it is used, wanted and expired by several at once.

use std::sync::Arc;

use shuttle::thread;
use ticketcore::store::MemoryStore;
use ticketcore::testkit::SmallSale;
use ticketcore::{Canary, Hold};

use crate::{catches, explore, granted, sale, sound};

/// The clock passes the deadline of two holds while one is extended and the other is bought, somebody else wants both seats,
/// and maintenance runs. The auditor says whether what was dead has been used.
fn due_in_everybody_s_hands(canary: Option<Canary>) {
    let sale = Arc::new(sale(Arc::new(MemoryStore::new()), &SmallSale::definition(1, 3, 2), canary));
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

#[test]
fn what_is_dead_is_not_used_whoever_comes_first() {
    explore(2_000, due_in_everybody_s_hands);
}

#[test]
fn the_use_of_a_dead_hold_is_noticed() {
    catches(Canary::LateExpiry, 1_000, due_in_everybody_s_hands);
}
