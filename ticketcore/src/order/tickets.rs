//! The tickets of an order: which places they are for, and what has become of each.

use serde::{Deserialize, Serialize};

use crate::fact::{AreaLine, Lines, SeatLine};
use crate::id::UserId;
use crate::time::UtcMs;

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A seat.
    Seat(SeatLine),
    /// One place of an area; the quantity is 1.
    Area(AreaLine),
}

impl Place {
    /// Its price in minor units.
    #[must_use]
    pub const fn price_minor(&self) -> i64 {
        match self {
            Place::Seat(line) => line.price_minor,
            Place::Area(line) => line.price_minor,
        }
    }
}

/// Whether a ticket lets somebody in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// It does.
    #[default]
    Valid,
    /// It was refunded, or its sale was undone.
    Refunded,
    /// It was exchanged for another.
    Exchanged,
    /// The payment is disputed; it may become valid again.
    Disputed,
}

/// What has become of a ticket. One that nothing has happened to has no record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// From 1, grows by one with every new holder and after a dispute: codes of earlier issues are dead.
    pub issue: u32,
    /// Whether it lets somebody in.
    pub status: TicketStatus,
    /// Who holds it, if not the buyer.
    pub holder: Option<UserId>,
    /// When somebody last came in with it, and has not gone out since.
    pub inside_since: Option<UtcMs>,
    /// Times somebody came in with it.
    pub entries: u32,
}

impl Default for Ticket {
    fn default() -> Self {
        Self { issue: 1, status: TicketStatus::Valid, holder: None, inside_since: None, entries: 0 }
    }
}

/// The place of ticket `index` of `lines`: seats first, then every area place.
pub(crate) fn place_of(lines: &Lines, index: u32) -> Option<Place> {
    let at = usize::try_from(index).ok()?;
    if let Some(line) = lines.seats.get(at) {
        return Some(Place::Seat(*line));
    }
    let mut left = index - u32::try_from(lines.seats.len()).ok()?;
    for line in &lines.areas {
        if left < line.quantity {
            return Some(Place::Area(AreaLine { quantity: 1, ..*line }));
        }
        left -= line.quantity;
    }
    None
}

/// Lines that consist of these places.
pub(crate) fn lines_of(places: impl IntoIterator<Item = Place>) -> Lines {
    let mut lines = Lines::default();
    for place in places {
        match place {
            Place::Seat(line) => lines.seats.push(line),
            Place::Area(line) => lines.areas.push(line),
        }
    }
    lines.put_in_order();
    lines
}
