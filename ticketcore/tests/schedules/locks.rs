//! Locks: commands that want the same things in opposite orders.

use std::sync::Arc;

use shuttle::thread;
use ticketcore::fact::SeatChange;
use ticketcore::store::MemoryStore;
use ticketcore::testkit::{ADULT, SmallSale};
use ticketcore::{
    AmendRequest, Canary, ForceReleaseRequest, Hold, Item, SaleState, SeatIndex, SeatsRequest, UserId,
};

use crate::{catches, explore, granted, sale, sound};

/// Holds and amendments over two stripes, staff that name the same seats the other way round, best available, a force release (two
/// shards), sale states (all shards), and an overdue hold in everybody's way while maintenance ends it.
fn everybody_wants_everything(canary: Option<Canary>) {
    let sale = Arc::new(sale(Arc::new(MemoryStore::new()), &SmallSale::definition(2, 33, 4), canary));
    sale.hold(9, &[1, 65]).wait().unwrap();
    sale.clock.advance(7 * 60_000);
    let kept = sale.hold(4, &[3, 62]).wait().unwrap();
    sale.clock.advance(60_000);
    let run = |work: fn(&SmallSale, &Hold)| {
        let (sale, kept) = (Arc::clone(&sale), kept.clone());
        thread::spawn(move || work(&sale, &kept))
    };
    let threads = [
        run(|sale, _| {
            if let Ok(hold) = granted(sale.hold(1, &[65, 0]).wait()) {
                let _refused = granted(sale.office.amend(exchange(&hold, 65, 2)).wait());
            }
        }),
        run(|sale, _| {
            if let Ok(hold) = granted(sale.hold(2, &[2]).wait()) {
                let _refused = granted(sale.office.amend(exchange(&hold, 2, 64)).wait());
            }
        }),
        run(|sale, kept| {
            let by = UserId::from(500);
            let seats = vec![(SeatIndex(64), 0), (SeatIndex(0), 0)];
            let request = SeatsRequest { event: sale.event, by, key: None, change: SeatChange::Block, seats };
            let _refused = sale.office.change_seats(request).wait();
            sale.office.force_release(ForceReleaseRequest { hold: kept.id, by, key: None }).wait().unwrap();
        }),
        run(|sale, _| {
            let _refused = granted(sale.hold_best(3, 2).wait());
            let _refused = granted(sale.hold_places(3, 3).wait());
        }),
        run(|sale, _| {
            sale.office.set_sale_state(sale.event, SaleState::Paused).wait().unwrap();
            sale.office.maintain();
            sale.office.set_sale_state(sale.event, SaleState::Onsale).wait().unwrap();
        }),
    ];
    for thread in threads {
        thread.join().unwrap();
    }
    sound(&sale);
}

fn exchange(hold: &Hold, from: u32, to: u32) -> AmendRequest {
    AmendRequest {
        hold: hold.id,
        user: hold.user,
        key: None,
        expected: Some(hold.version),
        remove_seats: vec![SeatIndex(from)],
        remove_places: Vec::new(),
        add: vec![Item::Seats { seats: vec![SeatIndex(to)], ticket_type: ADULT }],
        channel: None,
        access_code: None,
    }
}

#[test]
fn who_wants_the_same_in_opposite_orders_gets_through() {
    explore(1_500, everybody_wants_everything);
}

#[test]
fn half_a_hold_is_noticed() {
    catches(Canary::HalfHold, 1, everybody_wants_everything);
}
