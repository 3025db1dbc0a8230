//! What callers ask of an event. Requests carry durations and names, never deadlines or ids to come.

use serde::{Deserialize, Serialize};

use crate::fact::SeatChange;
use crate::id::{
    AllocationIndex, AreaIndex, CategoryIndex, EventId, HoldId, OrderId, Revision, SeatIndex, SectionIndex,
    TicketTypeIndex, UserId,
};
use crate::key::IdempotencyKey;
use crate::manifest::Definition;
use crate::order::Identity;
use crate::sale::SaleState;

/// One thing to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// Named seats.
    Seats {
        /// The seats.
        seats: Vec<SeatIndex>,
        /// Sold as.
        ticket_type: TicketTypeIndex,
    },
    /// Places of an area. They come from unlocked allocations in the order of the manifest, then from public places, then from released
    /// allocations; from several if none has all of them.
    Area {
        /// The area.
        area: AreaIndex,
        /// How many, at least 1.
        quantity: u32,
        /// Sold as.
        ticket_type: TicketTypeIndex,
    },
    /// The best free seats that match.
    Best(BestAvailable),
}

impl Item {
    /// Places it asks for.
    #[must_use]
    pub fn places(&self) -> u32 {
        match self {
            Item::Seats { seats, .. } => u32::try_from(seats.len()).unwrap_or(u32::MAX),
            Item::Area { quantity, .. } => *quantity,
            Item::Best(best) => best.count,
        }
    }
}

/// A best-available request. Among all groups of `count` adjacent free seats that match, the one with the lowest sum of
/// ranks is taken, ties going to the lowest seat; groups that leave no new single free seat come before all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BestAvailable {
    /// How many seats, at least 1.
    pub count: u32,
    /// Sold as.
    pub ticket_type: TicketTypeIndex,
    /// Only in this section.
    pub section: Option<SectionIndex>,
    /// Only in this category.
    pub category: Option<CategoryIndex>,
    /// Only at this price or below, in minor units.
    pub price_minor_max: Option<i64>,
    /// If there is no adjacent group, take several: the largest possible first, each by the same rule.
    pub allow_split: bool,
    /// Whether accessible and companion seats may be taken.
    pub accessible: bool,
    /// Whether seats with a restricted view may be taken.
    pub restricted_view: bool,
}

impl BestAvailable {
    /// The best `count` adjacent seats anywhere, restricted views included, accessible seats not.
    #[must_use]
    pub const fn adjacent(count: u32, ticket_type: TicketTypeIndex) -> Self {
        Self {
            count,
            ticket_type,
            section: None,
            category: None,
            price_minor_max: None,
            allow_split: false,
            accessible: false,
            restricted_view: true,
        }
    }
}

/// Asks for seats and places, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRequest {
    /// The event.
    pub event: EventId,
    /// Who will hold.
    pub user: UserId,
    /// Repeated on every retry: the same key gets the same hold.
    pub key: Option<IdempotencyKey>,
    /// What to hold.
    pub items: Vec<Item>,
    /// The sales channel.
    pub channel: Option<String>,
    /// A code that unlocks an allocation.
    pub access_code: Option<String>,
    /// How long, in milliseconds; the event's default if absent.
    pub ttl_ms: Option<u64>,
    /// The code of a voucher. The hold takes a use of it, and its places have the voucher's prices.
    #[serde(default)]
    pub voucher: Option<String>,
    /// Who else the user is: tickets count for the limit of each of these too, over all users. At most
    /// [`IDENTITIES_PER_HOLD_MAX`](crate::limits::IDENTITIES_PER_HOLD_MAX).
    #[serde(default)]
    pub identities: Vec<Identity>,
}

impl HoldRequest {
    /// A request for `items` without key, channel or code, for the event's default time.
    #[must_use]
    pub const fn new(event: EventId, user: UserId, items: Vec<Item>) -> Self {
        Self {
            event,
            user,
            key: None,
            items,
            channel: None,
            access_code: None,
            ttl_ms: None,
            voucher: None,
            identities: Vec::new(),
        }
    }

    /// Whether it gives no code and no identity.
    pub(crate) const fn is_plain(&self) -> bool {
        self.voucher.is_none() && self.access_code.is_none() && self.identities.is_empty()
    }
}

/// Changes what a hold keeps, all or nothing; id and deadline stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmendRequest {
    /// The hold.
    pub hold: HoldId,
    /// Whose hold.
    pub user: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// If given, the hold's version must still be this.
    pub expected: Option<Revision>,
    /// Seats to give back.
    pub remove_seats: Vec<SeatIndex>,
    /// Places to give back: area, ticket type, how many.
    pub remove_places: Vec<(AreaIndex, TicketTypeIndex, u32)>,
    /// What to add. Seats given back in the same request are free for it.
    pub add: Vec<Item>,
    /// The sales channel.
    pub channel: Option<String>,
    /// A code that unlocks an allocation.
    pub access_code: Option<String>,
}

/// Asks for more time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendRequest {
    /// The hold.
    pub hold: HoldId,
    /// Whose hold.
    pub user: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// The new deadline is this far from now (the event's default if absent), never earlier than the old one.
    pub ttl_ms: Option<u64>,
}

/// Gives a hold back. Giving back what is not held any more is a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRequest {
    /// The hold.
    pub hold: HoldId,
    /// Whose hold.
    pub user: UserId,
    /// Repeated on every retry; not needed, as releasing twice is once.
    pub key: Option<IdempotencyKey>,
}

/// Opens an order from a hold. A hold becomes at most one order: asking again gives the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrderRequest {
    /// The hold.
    pub hold: HoldId,
    /// Whose hold.
    pub user: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
}

/// Confirms or cancels an open order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseOrderRequest {
    /// The order.
    pub order: OrderId,
    /// Whose order.
    pub user: UserId,
    /// Repeated on every retry; not needed, as confirming twice is once.
    pub key: Option<IdempotencyKey>,
}

/// Blocks, unblocks or reallocates seats, all or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatsRequest {
    /// The event.
    pub event: EventId,
    /// The member of staff.
    pub by: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// What to do to each.
    pub change: SeatChange,
    /// Each seat with the version it must still have.
    pub seats: Vec<(SeatIndex, u32)>,
}

/// Sets how many places of an area are blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacesRequest {
    /// The event.
    pub event: EventId,
    /// The member of staff.
    pub by: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// The area.
    pub area: AreaIndex,
    /// The allocation of the places; `None` for public places.
    pub allocation: Option<AllocationIndex>,
    /// Places blocked now, which the caller expects to be so.
    pub expected: u32,
    /// Places blocked from now on.
    pub blocked: u32,
}

/// Takes a hold back from its user. A pinned hold is refused: its order must be cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForceReleaseRequest {
    /// The hold.
    pub hold: HoldId,
    /// The member of staff.
    pub by: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
}

/// Changes the sale state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleStateRequest {
    /// The event.
    pub event: EventId,
    /// The new state.
    pub to: SaleState,
}

/// Replaces the manifest by a new definition, as a diff. Seats that are gone must be free or blocked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestRequest {
    /// The event.
    pub event: EventId,
    /// The whole new definition.
    pub definition: Definition,
}
