//! What an event's organiser defines: everything that is for sale and the rules of the sale.

use serde::{Deserialize, Serialize};

use crate::id::{AllocationIndex, AreaIndex, CategoryIndex, SeatIndex, TicketTypeIndex, VenueId};
use crate::money::Currency;
use crate::time::UtcMs;

/// The definition of one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Rules of the sale.
    pub rules: Rules,
    /// Categories, by [`CategoryIndex`].
    pub categories: Vec<Category>,
    /// Ticket types, by [`TicketTypeIndex`].
    pub ticket_types: Vec<TicketType>,
    /// Prices; a ticket type without a price in a category is not sold there.
    pub prices: Vec<Price>,
    /// Sections with their rows and seats, by [`SectionIndex`](crate::SectionIndex). Seats get their
    /// [`SeatIndex`] in the order written here, so a row is contiguous.
    pub sections: Vec<Section>,
    /// General-admission areas, by [`AreaIndex`].
    pub areas: Vec<Area>,
    /// Allocations, by [`AllocationIndex`].
    pub allocations: Vec<Allocation>,
    /// Quotas, by [`QuotaIndex`](crate::QuotaIndex). They may overlap.
    pub quotas: Vec<Quota>,
    /// The point that seats without a rank are ranked by, nearest first.
    pub focal_point: Option<Point>,
}

/// Rules of the sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The event's name.
    pub name: String,
    /// Its venue in the catalogue.
    pub venue: Option<VenueId>,
    /// When it starts.
    pub starts_at: UtcMs,
    /// IANA time zone of the venue, for display only, for example `Europe/Berlin`.
    pub zone: String,
    /// Currency of all prices.
    pub currency: Currency,
    /// Time a hold lasts when the request names none, in milliseconds.
    pub hold_ttl_ms: u64,
    /// Shortest time a request may name.
    pub hold_ttl_ms_min: u64,
    /// Longest time a request may name.
    pub hold_ttl_ms_max: u64,
    /// A hold ends this long after it was placed, whatever extensions and orders were made of it.
    pub hold_lifetime_ms_max: u64,
    /// How often a hold may be extended.
    pub extensions_max: u32,
    /// Time an opened order may take to be confirmed, in milliseconds.
    pub payment_ttl_ms: u64,
    /// Tickets one user may hold plus own.
    pub tickets_per_user_max: u32,
    /// Whether a hold that leaves a single free seat between taken ones, though it could have been avoided, is refused.
    pub orphan_rule: bool,
    /// Secret of the event's idempotency table: two random words.
    pub key_secret: (u64, u64),
}

impl Rules {
    /// Rules as most sales use them: holds of 8 minutes (5 to 10), 30 minutes at most, 2 extensions,
    /// 15 minutes to pay, 10 tickets a user, no orphan rule, EUR, UTC.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            venue: None,
            starts_at: UtcMs(0),
            zone: "UTC".to_owned(),
            currency: Currency::EUR,
            hold_ttl_ms: 8 * 60_000,
            hold_ttl_ms_min: 5 * 60_000,
            hold_ttl_ms_max: 10 * 60_000,
            hold_lifetime_ms_max: 30 * 60_000,
            extensions_max: 2,
            payment_ttl_ms: 15 * 60_000,
            tickets_per_user_max: 10,
            orphan_rule: false,
            key_secret: (0, 0),
        }
    }
}

/// A price level of seats and areas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Its name, unique in the event.
    pub name: String,
    /// The colour it is drawn in, `#rrggbb`.
    pub color: String,
}

/// Who a ticket is for: adult, child, ...
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketType {
    /// Its name, unique in the event.
    pub name: String,
}

/// The price of one ticket type in one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// The ticket type.
    pub ticket_type: TicketTypeIndex,
    /// The category.
    pub category: CategoryIndex,
    /// Minor units of the event's currency, 0 or more.
    pub minor: i64,
}

/// A section: rows of seats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its name, unique in the event.
    pub name: String,
    /// Its rows, best first or as the plan has them.
    pub rows: Vec<Row>,
}

/// A row of seats from one end to the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its label.
    pub label: String,
    /// Its seats in order.
    pub seats: Vec<Seat>,
}

/// A seat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seat {
    /// The machine's stable name of the seat (the plan's guid), unique in the event: a `SeatId`.
    pub id: String,
    /// Its number as people read it.
    pub label: String,
    /// Its category.
    pub category: CategoryIndex,
    /// The allocation it is set aside for.
    pub allocation: Option<AllocationIndex>,
    /// What a buyer must know about it.
    pub flags: SeatFlags,
    /// Whether an aisle lies between this seat and the one before it in the row.
    pub after_aisle: bool,
    /// Where it is drawn.
    pub at: Point,
    /// Quality, lower is better. Give it to all seats or to none (then the focal point ranks them).
    pub rank: Option<u32>,
}

/// What a buyer must know about a seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatFlags {
    /// For wheelchair users; best available offers it only on request.
    pub accessible: bool,
    /// For the companion of a wheelchair user; best available offers it only on request.
    pub companion: bool,
    /// With a restricted view.
    pub restricted_view: bool,
}

/// A point of the drawing, in the plan's units; y grows downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// A general-admission area: a capacity without seats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Its name, unique in the event.
    pub name: String,
    /// Its category.
    pub category: CategoryIndex,
    /// Places in all, allocated ones included.
    pub capacity: u32,
    /// Places set aside, at most once per allocation.
    pub allocated: Vec<(AllocationIndex, u32)>,
    /// Upper left corner of its drawing.
    pub at: Point,
    /// Width and height of its drawing.
    pub size: Point,
}

/// Seats or places set aside for channels or an access code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// Its name, unique in the event.
    pub name: String,
    /// Channels that may sell from it.
    pub channels: Vec<String>,
    /// A code that unlocks it.
    pub access_code: Option<String>,
    /// When what is left of it goes on public sale.
    pub release_at: Option<UtcMs>,
}

/// A cap over what matches: any listed ticket type, in any listed category, in any listed area.
/// An empty list matches everything; a list of areas matches no seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Its name, unique in the event.
    pub name: String,
    /// Tickets that may be held plus sold.
    pub cap: u32,
    /// Ticket types counted.
    pub ticket_types: Vec<TicketTypeIndex>,
    /// Categories counted.
    pub categories: Vec<CategoryIndex>,
    /// Areas counted.
    pub areas: Vec<AreaIndex>,
}

/// A change of the manifest while the event exists, made from two definitions by
/// [`Manifest::diff`](crate::manifest::Manifest::diff). Existing seats keep their [`SeatIndex`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestChange {
    /// The rules from now on (the key secret stays).
    pub rules: Rules,
    /// The categories from now on: the old ones, renamed or recoloured perhaps, then new ones.
    pub categories: Vec<Category>,
    /// The ticket types from now on: the old ones, renamed perhaps, then new ones.
    pub ticket_types: Vec<TicketType>,
    /// All prices from now on; holds and orders keep the prices they have.
    pub prices: Vec<Price>,
    /// The areas from now on: the old ones, then new ones.
    pub areas: Vec<Area>,
    /// The allocations from now on: the old ones, then new ones.
    pub allocations: Vec<Allocation>,
    /// The quotas from now on. Existing quotas keep what they count; only names and caps change; then new ones.
    pub quotas: Vec<Quota>,
    /// Seats that change: category (only free or blocked ones), label, flags, aisle, place or rank; id and
    /// allocation stay.
    pub changed: Vec<(SeatIndex, Seat)>,
    /// Seats that go; they must be free or blocked. Their index stays and is never used again.
    pub dropped: Vec<SeatIndex>,
    /// Seats that come, as sections with rows; they get the next indices. A section of a known name grows.
    pub added: Vec<Section>,
    /// The focal point from now on.
    pub focal_point: Option<Point>,
    /// What each new quota counts already, of holds and orders from before: held, sold.
    pub new_quotas: Vec<(u32, u32)>,
}

impl Definition {
    /// Rules and nothing for sale yet.
    #[must_use]
    pub const fn empty(rules: Rules) -> Self {
        Self {
            rules,
            categories: Vec::new(),
            ticket_types: Vec::new(),
            prices: Vec::new(),
            sections: Vec::new(),
            areas: Vec::new(),
            allocations: Vec::new(),
            quotas: Vec::new(),
            focal_point: None,
        }
    }
}
