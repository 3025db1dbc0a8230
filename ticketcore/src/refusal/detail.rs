//! What refusals carry.

use serde::{Deserialize, Serialize};

use crate::id::SeatIndex;
use crate::time::UtcMs;

/// Why a ticket does not let its bearer through. A closed list, the same for every scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotAdmitted {
    /// The order of the ticket is not confirmed.
    NotSold,
    /// The code is of an earlier issue: the ticket has a new holder.
    Superseded,
    /// It was refunded, or its sale was undone.
    Refunded,
    /// It was exchanged for another.
    Exchanged,
    /// Its payment is disputed.
    Disputed,
    /// Somebody is inside with it.
    AlreadyInside {
        /// Since when.
        since: UtcMs,
    },
    /// Nobody is inside with it.
    NotInside,
}

/// A seat that can't be held now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatConflict {
    /// The seat.
    pub seat: SeatIndex,
    /// Its state.
    pub state: SeatState,
    /// If it is held, when it is free again at the latest, as far as is known.
    pub until: Option<UtcMs>,
}

/// The state of a seat, as everybody may know it. The number is its two bits in a seat map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum SeatState {
    /// For sale.
    #[default]
    Free = 0,
    /// Held by somebody.
    Held = 1,
    /// Sold.
    Sold = 2,
    /// Off sale: blocked by staff, or dropped from the plan.
    Blocked = 3,
}

impl SeatState {
    /// The state with these two bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            0 => SeatState::Free,
            1 => SeatState::Held,
            2 => SeatState::Sold,
            _ => SeatState::Blocked,
        }
    }
}

/// A seat that a staff command found otherwise than it expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatMismatch {
    /// The seat.
    pub seat: SeatIndex,
    /// Its state now.
    pub state: SeatState,
    /// Its version now.
    pub version: u32,
}
