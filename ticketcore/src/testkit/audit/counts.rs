//! Counters of places by state.

use crate::id::{AllocationIndex, AreaIndex};
use crate::refusal::SeatState;

/// The places of an area that belong to one allocation, or to none.
pub type PoolKey = (AreaIndex, Option<AllocationIndex>);

/// How many seats or places of a section, allocation or pool are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// For sale.
    pub free: u32,
    /// In live holds.
    pub held: u32,
    /// In confirmed orders.
    pub sold: u32,
    /// Taken off sale by staff.
    pub blocked: u32,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.free as u64 + self.held as u64 + self.sold as u64 + self.blocked as u64
    }

    /// The counter of `state`.
    pub const fn of(&mut self, state: SeatState) -> &mut u32 {
        match state {
            SeatState::Free => &mut self.free,
            SeatState::Held => &mut self.held,
            SeatState::Sold => &mut self.sold,
            SeatState::Blocked => &mut self.blocked,
        }
    }

    /// Moves `places` from one state to another; `false` if there were fewer.
    #[must_use]
    pub fn shift(&mut self, from: SeatState, to: SeatState, places: u32) -> bool {
        let Some(rest) = self.of(from).checked_sub(places) else { return false };
        *self.of(from) = rest;
        *self.of(to) += places;
        true
    }
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaCounts {
    /// Tickets that may be held plus sold.
    pub cap: u32,
    /// Tickets in live holds.
    pub held: u32,
    /// Tickets in confirmed orders.
    pub sold: u32,
}

impl QuotaCounts {
    /// Tickets left; `None` if more are held and sold than the cap allows.
    #[must_use]
    pub const fn free(&self) -> Option<u32> {
        match self.held.checked_add(self.sold) {
            Some(used) => self.cap.checked_sub(used),
            None => None,
        }
    }
}

/// What one user holds and owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserCounts {
    /// Places in live holds.
    pub held: u32,
    /// Places in confirmed orders.
    pub owned: u32,
}

impl UserCounts {
    /// Places held plus owned.
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.held.saturating_add(self.owned)
    }
}
