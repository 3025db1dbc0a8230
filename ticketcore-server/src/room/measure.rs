//! What is left of an event.

use ticketcore::Availability;
use ticketcore::admission::Stock;

/// What is left of an event, as everybody may see it.
pub(super) fn stock(left: &Availability) -> Stock {
    let seats = left.sections.iter();
    let places = left.places.iter().map(|places| &places.counts);
    let (free, held) = seats
        .chain(places)
        .fold((0, 0), |(free, held), counts| (free + u64::from(counts.free), held + u64::from(counts.held)));
    Stock { free, held }
}
