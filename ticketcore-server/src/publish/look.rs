//! [`Look`]: what the durable view shows of an event at one revision.

use std::sync::Arc;

use ticketcore::manifest::Manifest;
use ticketcore::{
    Availability, BoxOffice, CommandError, EventId, Revision, SEATS_PER_MAP_WORD, SeatIndex, SeatState,
};

/// What the durable view shows of an event: counters, seats and manifest of one revision.
#[derive(Clone, Debug)]
pub struct Look {
    /// Counters.
    pub left: Availability,
    /// What is for sale.
    pub manifest: Arc<Manifest>,
    /// Two bits a seat.
    pub words: Vec<u64>,
}

impl Look {
    /// Looks at an event. Opens it if need be, which takes its time.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened.
    pub fn at(office: &BoxOffice, event: EventId) -> Result<Self, CommandError> {
        let mut words = Vec::new();
        let (left, manifest) = office.look(event, &mut words)?;
        Ok(Self { left, manifest, words })
    }

    /// Seats that are free, ascending.
    pub fn free(&self) -> impl Iterator<Item = SeatIndex> + '_ {
        const LOW: u64 = 0x5555_5555_5555_5555;
        let seats = self.manifest.seat_count();
        let words = self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut free = !(word | word >> 1) & LOW;
            std::iter::from_fn(move || {
                let bit = free.trailing_zeros() as usize;
                free &= free.wrapping_sub(1);
                (bit < 64).then_some(at * SEATS_PER_MAP_WORD + bit / 2)
            })
        });
        words.take_while(move |at| *at < seats).map(SeatIndex::of)
    }
}

/// The revision that an event's durable view shows; `None` if it is not open.
pub(super) fn durable_revision(office: &BoxOffice, event: EventId) -> Option<Revision> {
    office.durable_revision(event)
}

/// The state of a seat of a map.
#[must_use]
pub fn state_at(map: &[u8], seat: SeatIndex) -> SeatState {
    // Words are written with their lowest byte first: four seats a byte, in order.
    let byte = map.get(seat.at() / 4).copied().unwrap_or_default();
    SeatState::from_bits(u64::from(byte) >> (seat.at() % 4 * 2))
}

/// A map as it is sent.
#[must_use]
pub fn map_bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, small};
    use super::*;

    #[test]
    fn free_seats_are_those_that_the_map_shows() {
        let shop = Shop::new(&small());
        shop.hold(1, &[0, 2, 33]);
        let look = Look::at(&shop.office, shop.event).unwrap();
        let map = map_bytes(&look.words);
        let free: Vec<SeatIndex> = look.free().collect();
        let expected: Vec<SeatIndex> =
            look.manifest.seats().filter(|seat| state_at(&map, *seat) == SeatState::Free).collect();
        assert_eq!(free, expected);
        assert_eq!(free.len(), look.manifest.seat_count() - 3);
        assert_eq!(state_at(&map, SeatIndex(33)), SeatState::Held);
        assert!(Look::at(&shop.office, EventId(77)).is_err());
    }
}
