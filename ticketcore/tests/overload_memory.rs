//! What waits for a store takes no more memory than it may. One test, alone in its process: it looks at how much that takes.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::sync::Arc;

use ticketcore::fact::SeatChange;
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Fault, FaultOdds, FaultyStore, ManualClock, START, SmallSale};
use ticketcore::{BoxOffice, Options, Pending, SaleState, SeatIndex, SeatsRequest};

/// Room for facts that wait.
const ROOM: usize = 32 << 20;

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// Fills the room with commands that change nothing but the journal's end, and returns how much memory that takes.
fn taken<T>(store: MemoryStore, command: impl Fn(&SmallSale, u32) -> Pending<T>) -> usize {
    let way = Arc::new(FaultyStore::new(store, 1));
    let store = Arc::clone(&way) as Arc<dyn Store>;
    let clock = ManualClock::new(START);
    let options = Options {
        clock: Arc::new(clock.clone()),
        manual_expiry: true,
        pending_bytes_max: ROOM,
        ..Options::default()
    };
    let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store), options).unwrap());
    let event = office.add_event(&SmallSale::definition(1, 100, 10)).unwrap();
    office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
    let sale = SmallSale { office, event, clock, store };
    way.set_odds(FaultOdds::default().with(Fault::DelayBefore, 100));
    let mut waiting = Vec::with_capacity(100_000);
    let before = resident();
    for round in 0.. {
        let pending = command(&sale, round);
        if pending.is_ready() {
            break;
        }
        waiting.push(pending);
    }
    let taken = resident().saturating_sub(before);
    println!("{} facts wait and take {} KiB", waiting.len(), taken >> 10);
    // Its memory stays with the process, and is not given to the next one.
    std::mem::forget((sale, way, waiting));
    taken
}

#[test]
fn what_waits_takes_no_more_memory_than_it_may() {
    let tiny = |sale: &SmallSale, round: u32| {
        sale.office.set_sale_state(sale.event, [SaleState::Paused, SaleState::Onsale][round as usize % 2])
    };
    let small = SmallSale::block_place;
    let large = |sale: &SmallSale, round: u32| {
        let change = [SeatChange::Block, SeatChange::Unblock][round as usize % 2];
        let seats = (0..100).map(|seat| (SeatIndex(seat), round)).collect();
        sale.office.change_seats(SeatsRequest { event: sale.event, by: 500.into(), key: None, change, seats })
    };
    for shared in [false, true] {
        let store = || if shared { MemoryStore::shared() } else { MemoryStore::new() };
        for taken in [taken(store(), tiny), taken(store(), small), taken(store(), large)] {
            assert!(taken <= ROOM, "{} KiB", taken >> 10);
            assert!(taken >= ROOM / 8, "{} KiB: refused long before", taken >> 10);
        }
    }
}
