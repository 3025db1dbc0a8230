//! Counters: what is left of an event at one revision.

use serde::{Deserialize, Serialize};

use crate::id::{AllocationIndex, AreaIndex, Revision};
use crate::refusal::SeatState;
use crate::sale::SaleState;
use crate::time::UtcMs;

/// How much of something is in which state. free + held + sold + blocked = capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the states of a seat")]
pub struct Counts {
    pub free: u32,
    pub held: u32,
    pub sold: u32,
    pub blocked: u32,
}

impl Counts {
    /// All of it.
    #[must_use]
    pub const fn capacity(self) -> u32 {
        self.free + self.held + self.sold + self.blocked
    }

    #[inline]
    pub(super) fn slot(&mut self, state: SeatState) -> &mut u32 {
        match state {
            SeatState::Free => &mut self.free,
            SeatState::Held => &mut self.held,
            SeatState::Sold => &mut self.sold,
            SeatState::Blocked => &mut self.blocked,
        }
    }

    #[inline]
    pub(super) fn shift(&mut self, from: SeatState, to: SeatState, count: u32) -> bool {
        let source = self.slot(from);
        let Some(left) = source.checked_sub(count) else { return false };
        *source = left;
        *self.slot(to) += count;
        true
    }

    pub(super) fn resize(&mut self, capacity: u32) -> bool {
        match capacity.checked_sub(self.held + self.sold + self.blocked) {
            Some(free) => {
                self.free = free;
                true
            }
            None => false,
        }
    }
}

/// The places of one area that belong to one allocation, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceCounts {
    /// The area.
    pub area: AreaIndex,
    /// The allocation.
    pub allocation: Option<AllocationIndex>,
    /// Its places.
    pub counts: Counts,
}

/// What is left of an event at one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// The revision.
    pub revision: Revision,
    /// Its logged time.
    pub at: UtcMs,
    /// Where the event stands.
    pub sale_state: SaleState,
    /// Seats by section.
    pub sections: Vec<Counts>,
    /// Seats by allocation.
    pub allocations: Vec<Counts>,
    /// Places by area and allocation.
    pub places: Vec<PlaceCounts>,
    /// Tickets by quota (nothing of a quota is ever blocked).
    pub quotas: Vec<Counts>,
    /// Live holds, and open orders among them.
    pub holds: u32,
    /// Open orders.
    pub open_orders: u32,
}
