//! What a ticket code says.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AreaIndex, SeatIndex, TicketId, TicketTypeIndex};
use crate::time::UtcMs;

/// The name of a signing key, chosen by the host and never used for another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub u16);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketPlace {
    /// This seat.
    Seat(SeatIndex),
    /// A place in this area.
    Area(AreaIndex),
}

/// What a ticket code says. Times are kept to the second: see [`TicketClaims::to_seconds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketClaims {
    /// The ticket, which names its order and event.
    pub ticket: TicketId,
    /// 1 at first, one more each time the ticket is transferred, or comes back from a dispute. Earlier issues are dead then.
    pub issue: u32,
    /// What it is for.
    pub place: TicketPlace,
    /// The ticket type, so that staff may ask for a proof of age.
    pub ticket_type: TicketTypeIndex,
    /// When this code was signed, whenever the ticket was issued: the key must have been in use then.
    pub signed_at: UtcMs,
    /// The code lets nobody in before.
    pub valid_from: UtcMs,
    /// Nor from this instant on; [`UtcMs::NEVER`] if it has no end.
    pub valid_until: UtcMs,
}

impl TicketClaims {
    /// These claims as a code keeps them: `signed_at` and `valid_from` down to the second, `valid_until` up to it. Seconds are counted up
    /// to 2^32 - 2 (in the year 2106); an end after that is none.
    #[must_use]
    pub const fn to_seconds(self) -> Self {
        Self {
            signed_at: start(down(self.signed_at)),
            valid_from: start(down(self.valid_from)),
            valid_until: end(up(self.valid_until)),
            ..self
        }
    }
}

/// No end.
const ENDLESS: u32 = u32::MAX;

#[expect(clippy::cast_possible_truncation, reason = "compared before")]
const fn clamp(seconds: u64) -> u32 {
    if seconds < ENDLESS as u64 { seconds as u32 } else { ENDLESS }
}

/// The second an instant is in.
pub(super) const fn down(at: UtcMs) -> u32 {
    clamp(at.0 / 1_000)
}

/// The first second that is not before an instant.
pub(super) const fn up(at: UtcMs) -> u32 {
    clamp(at.0.div_ceil(1_000))
}

/// The instant at which a second begins.
pub(super) const fn start(seconds: u32) -> UtcMs {
    UtcMs(seconds as u64 * 1_000)
}

/// As [`start`], for ends.
pub(super) const fn end(seconds: u32) -> UtcMs {
    if seconds == ENDLESS { UtcMs::NEVER } else { start(seconds) }
}
