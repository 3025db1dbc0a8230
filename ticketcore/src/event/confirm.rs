//! Which refusals the durable view confirms: those may be answered at once (I6), all others wait for what they saw.

use super::EventCore;
use super::best::{Miss, Overlay, Search, SeatWords};
use super::decide::known;
use crate::command::Command;
use crate::manifest::STRIPE_SEATS;
use crate::refusal::{Refusal, SeatState};
use crate::request::Item;
use crate::sale::SaleState;
use crate::view::SEATS_PER_MAP_WORD;

impl EventCore {
    /// Whether a refusal can be caused by places that a command under way has reserved and may give back, or by a map read without
    /// locks. Such a refusal is only final if the durable view says so too, or if the command had the event to itself.
    pub(super) fn needs_the_event_alone(refusal: &Refusal) -> bool {
        matches!(
            refusal,
            Refusal::AreaExhausted { .. }
                | Refusal::QuotaExhausted { .. }
                | Refusal::BestAvailableMiss { .. }
                | Refusal::IdentityLimit { .. }
                | Refusal::VoucherUsedUp { .. }
        )
    }

    /// Whether the durable view gives the same reason. Numbers in the refusal are then those of the durable view.
    pub(super) fn view_confirms(&self, refusal: &mut Refusal, command: &Command) -> bool {
        match refusal {
            Refusal::SeatsUnavailable(conflicts) => self.view.shows(conflicts),
            // Staff are told what is left with what is blocked, which the view does not say by pool.
            Refusal::AreaExhausted { .. } if matches!(command, Command::Places(_)) => false,
            Refusal::AreaExhausted { area, left } => *left == 0 && self.view.area_left(*area) == Some(0),
            Refusal::QuotaExhausted { quota, left } => self.view.quota_left(*quota) == Some(*left),
            Refusal::BestAvailableMiss { matching, largest_adjacent, .. } => {
                let Some((miss, exact)) = self.durable_miss(command) else { return false };
                let same = (miss.matching, miss.largest_adjacent) == (*matching, *largest_adjacent);
                if exact {
                    (*matching, *largest_adjacent) = (miss.matching, miss.largest_adjacent);
                }
                exact || same
            }
            _ => false,
        }
    }

    /// What the durable map has instead of a group for a hold with a single best-available item, if it has none whatever allocations
    /// the hold unlocks. The numbers are exact if every seat is open to everybody.
    fn durable_miss(&self, command: &Command) -> Option<(Miss, bool)> {
        let Command::Hold(hold) = command else { return None };
        let [Item::Best(request)] = &hold.items[..] else { return None };
        // It may name what only a change of the plan that is under way adds.
        known(&self.view.manifest(), &hold.items).ok()?;
        if !self.view.has_free_seats() {
            return Some((Miss { matching: 0, largest_adjacent: 0 }, true));
        }
        let mut map = Vec::new();
        let manifest = self.view.copy_map(&mut map).1;
        let words = DurableWords { map, seats: manifest.seat_count() };
        let orphan_rule = manifest.rules().orphan_rule;
        let search = Search { manifest: &manifest, words: &words, request, orphan_rule };
        let miss = search.run(&mut Overlay::default()).err()?;
        let all_open = manifest.allocations().is_empty() && self.view.sale_state() == SaleState::Onsale;
        Some((miss, all_open))
    }
}

/// A copy of the durable map; every allocation counts as open.
struct DurableWords {
    map: Vec<u64>,
    /// Seats of the map; what lies behind them in its last words is nobody's.
    seats: usize,
}

impl SeatWords for DurableWords {
    fn free(&self, stripe: usize) -> u64 {
        let halves = STRIPE_SEATS / SEATS_PER_MAP_WORD;
        let word = |half: usize| self.map.get(stripe * halves + half).copied().unwrap_or(u64::MAX);
        let free = u64::from(free_seats(word(0))) | u64::from(free_seats(word(1))) << SEATS_PER_MAP_WORD;
        match self.seats.saturating_sub(stripe * STRIPE_SEATS) {
            STRIPE_SEATS.. => free,
            seats => free & ((1 << seats) - 1),
        }
    }

    fn open(&self, _: usize, free: u64) -> u64 {
        free
    }
}

/// The seats of a map word whose two bits are both 0.
fn free_seats(word: u64) -> u32 {
    const _: () = assert!(SeatState::Free as u8 == 0);
    let mut free = !(word | word >> 1) & 0x5555_5555_5555_5555;
    for shift in [1, 2, 4, 8, 16] {
        free = (free | free >> shift) & spread(shift);
    }
    (free & 0xffff_ffff) as u32
}

/// The mask after gathering even bits by `shift`.
const fn spread(shift: u32) -> u64 {
    match shift {
        1 => 0x3333_3333_3333_3333,
        2 => 0x0f0f_0f0f_0f0f_0f0f,
        4 => 0x00ff_00ff_00ff_00ff,
        8 => 0x0000_ffff_0000_ffff,
        _ => 0x0000_0000_ffff_ffff,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_seats_of_a_map_word_are_gathered() {
        assert_eq!(free_seats(0), u32::MAX);
        assert_eq!(free_seats(u64::MAX), 0);
        for seat in 0..32 {
            for state in [SeatState::Held, SeatState::Sold, SeatState::Blocked] {
                assert_eq!(free_seats((state as u64) << (2 * seat)), !(1u32 << seat));
            }
        }
    }
}
