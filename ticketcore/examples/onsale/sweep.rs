//! The end of the sale: what is still free is bought by whoever is left, until the house is full.

use std::time::{Duration, Instant};

use ticketcore::{CommandError, Item, SeatIndex, UserId};

use crate::buyer::Buyer;
use crate::house::{ADULT, House};
use crate::wish::is_free;

/// Real time without any sale after which the sweep gives up.
const STALL: Duration = Duration::from_secs(20);
/// Real time between two looks at the map.
const PAUSE: Duration = Duration::from_millis(5);
/// Tickets of one buyer.
const TOGETHER: usize = 4;

/// Buys whatever is or becomes free. True if the house is full in the end; false if there was a violation or nothing moves any more.
pub fn sweep(house: &House, buyer: &mut Buyer<'_>) -> Result<bool, CommandError> {
    let mut map = Vec::new();
    let mut user = u128::from(u64::MAX);
    let mut last_sale = Instant::now();
    loop {
        if house.sold()? == house.capacity {
            return Ok(true);
        }
        house.office.seat_map(house.event, &mut map)?;
        let free: Vec<SeatIndex> = house.manifest.seats().filter(|seat| is_free(&map, *seat)).collect();
        let seats =
            free.chunks(TOGETHER).map(|seats| Item::Seats { seats: seats.to_vec(), ticket_type: ADULT });
        let mut wishes: Vec<Item> = seats.collect();
        for places in house.office.availability(house.event)?.places {
            for _ in 0..places.counts.free {
                wishes.push(Item::Area { area: places.area, quantity: 1, ticket_type: ADULT });
            }
        }
        let with_user = |item| {
            user += 1;
            (UserId::from(user), item)
        };
        if buyer.buy_now(wishes.into_iter().map(with_user).collect()) {
            last_sale = Instant::now();
        }
        let stopped = buyer.tally.violations.count > 0;
        if stopped || last_sale.elapsed() > STALL {
            return Ok(false);
        }
        std::thread::sleep(PAUSE);
    }
}
