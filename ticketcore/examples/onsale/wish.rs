//! What a buyer asks for: seats named from a map that may be out of date, the best available, or standing places.

use ticketcore::{BestAvailable, Item, SEATS_PER_MAP_WORD, SeatIndex, SeatState};

use crate::args::Args;
use crate::house::{ADULT, CHILD, House};
use crate::rng::Rng;

/// Tries of a buyer to find seats that his map shows as free, before he asks for others all the same.
const LOOKS: usize = 4;
/// Map words, of 32 seats, that a buyer looks over in search of free seats.
const WORDS_SCANNED: usize = 96;
/// Of a thousand attempts so many are over when buyers accept any seat of the house.
const PATIENCE_PERMILLE: u64 = 900;

/// Copies of the seat map, as buyers see it.
#[derive(Default)]
pub struct Maps {
    /// Read a moment ago.
    pub fresh: Vec<u64>,
    /// Read long ago, in a page that was left open.
    pub stale: Vec<u64>,
}

/// Makes wishes for one thread.
pub struct Wishes<'a> {
    house: &'a House,
    best_available: u8,
    /// Thousandths of the requests that are for places of areas.
    area_permille: u64,
}

impl<'a> Wishes<'a> {
    /// Wishes in this house.
    pub fn new(house: &'a House, args: &Args) -> Self {
        let places: u64 = house.areas.iter().map(|(_, places)| u64::from(*places)).sum();
        Self { house, best_available: args.best_available, area_permille: places * 1_000 / house.capacity }
    }

    /// What somebody asks for when `progress` thousandths of all attempts are over: half of all want the best seats, the others
    /// accept worse seats as the sale goes on.
    pub fn draw(&self, rng: &mut Rng, maps: &Maps, progress: u64, count: u32) -> Vec<Item> {
        let house = self.house;
        if house.by_rank.is_empty()
            || (self.area_permille > 0 && rng.below(1_000) < self.area_permille.max(20))
        {
            let (area, places) = house.areas[rng.index(house.areas.len())];
            return vec![Item::Area { area, quantity: count.min(places), ticket_type: ADULT }];
        }
        let hot = rng.percent(50);
        if rng.percent(self.best_available) {
            return vec![Item::Best(self.best(rng, hot, progress, count))];
        }
        let seats = if hot {
            self.stubborn(rng, &maps.stale, count)
        } else {
            self.flexible(rng, &maps.fresh, progress, count)
        };
        if seats.len() > 1 && rng.percent(15) {
            let (child, adults) = seats.split_at(1);
            return [(child, CHILD), (adults, ADULT)]
                .map(|(seats, ticket_type)| Item::Seats { seats: seats.to_vec(), ticket_type })
                .to_vec();
        }
        vec![Item::Seats { seats, ticket_type: ADULT }]
    }

    fn best(&self, rng: &mut Rng, hot: bool, progress: u64, count: u32) -> BestAvailable {
        let house = self.house;
        let best = BestAvailable::adjacent(count, ADULT);
        if hot {
            let seat = house.by_rank[rng.index(house.hot)];
            let (section, category) = (house.manifest.section_of(seat), house.manifest.category_of(seat));
            return BestAvailable { section: Some(section), category: Some(category), ..best };
        }
        let sections = reach(house.sections.len(), 1, progress);
        BestAvailable {
            section: Some(house.sections[rng.index(sections)]),
            allow_split: rng.percent(30),
            accessible: rng.percent(5),
            restricted_view: rng.percent(70),
            ..best
        }
    }

    /// Wants the best seats, and clicks on them whatever the map says.
    fn stubborn(&self, rng: &mut Rng, map: &[u64], count: u32) -> Vec<SeatIndex> {
        let mut seats = Vec::new();
        for _ in 0..LOOKS {
            seats = self.beside(self.house.by_rank[rng.index(self.house.hot)], count, |_| true);
            if seats.iter().all(|seat| is_free(map, *seat)) {
                break;
            }
        }
        seats
    }

    /// Looks over the map for free seats that are good enough by now.
    fn flexible(&self, rng: &mut Rng, map: &[u64], progress: u64, count: u32) -> Vec<SeatIndex> {
        let house = self.house;
        let accepted = reach(house.by_rank.len(), house.hot, progress);
        let start = rng.index(map.len());
        for step in 0..WORDS_SCANNED.min(map.len()) {
            let at = (start + step) % map.len();
            let mut free = !(map[at] | map[at] >> 1) & 0x5555_5555_5555_5555;
            while free != 0 {
                let seat = SeatIndex::of(at * SEATS_PER_MAP_WORD + free.trailing_zeros() as usize / 2);
                free &= free - 1;
                if house.manifest.is_real(seat) && (house.manifest.rank_of(seat) as usize) < accepted {
                    return self.beside(seat, count, |seat| is_free(map, seat));
                }
            }
        }
        self.beside(house.by_rank[rng.index(accepted)], count, |_| true)
    }

    /// `first` and up to `count` - 1 seats beside it.
    fn beside(&self, first: SeatIndex, count: u32, wanted: impl Fn(SeatIndex) -> bool) -> Vec<SeatIndex> {
        let mut seats = vec![first];
        let mut last = first;
        while seats.len() < count as usize && self.house.manifest.next_is_adjacent(last) {
            last = SeatIndex(last.0 + 1);
            if !wanted(last) {
                break;
            }
            seats.push(last);
        }
        seats
    }
}

/// How many of `all` are good enough when `progress` thousandths of the attempts are over.
fn reach(all: usize, at_least: usize, progress: u64) -> usize {
    let all_so_far = u128::from(progress) * all as u128 / u128::from(PATIENCE_PERMILLE);
    usize::try_from(all_so_far).unwrap_or(all).clamp(at_least.min(all), all)
}

/// Whether a map shows a seat as free.
pub fn is_free(map: &[u64], seat: SeatIndex) -> bool {
    let word = map.get(seat.at() / SEATS_PER_MAP_WORD).copied().unwrap_or(u64::MAX);
    SeatState::from_bits(word >> (seat.at() % SEATS_PER_MAP_WORD * 2)) == SeatState::Free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buyers_accept_more_as_the_sale_goes_on() {
        assert_eq!(reach(100, 5, 0), 5);
        assert_eq!(reach(100, 5, 450), 50);
        assert_eq!((reach(100, 5, 900), reach(100, 5, 1_000)), (100, 100));
        assert_eq!(reach(1, 1, 0), 1);
    }

    #[test]
    fn a_map_word_has_two_bits_a_seat() {
        let map = [0b01 << 2, 0b10 << 62];
        let free = |at| is_free(&map, SeatIndex::of(at));
        assert!(free(0) && !free(1) && free(62) && !free(63) && !free(64));
    }
}
