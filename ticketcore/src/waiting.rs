//! The waiting list of a sold-out event: who joins waits for places of a category; when places come back they are held for the first
//! whose wish fits, before anybody else can have them.

use serde::{Deserialize, Serialize};

use crate::fact::Keyed;
use crate::id::{CategoryIndex, EventId, Revision, TicketTypeIndex, UserId};
use crate::key::IdempotencyKey;
use crate::order::Identity;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wish {
    /// How many places, at least 1.
    pub places: u32,
    /// Of this category; of any if absent.
    pub category: Option<CategoryIndex>,
    /// Sold as.
    pub ticket_type: TicketTypeIndex,
    /// Seats must be adjacent. Places of an area always are of one area.
    pub together: bool,
}

/// Rules of an event's waiting list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRules {
    /// Time that an offered hold lasts, in milliseconds. Its lifetime is that of other holds, and this more.
    pub offer_ttl_ms: u64,
}

impl Default for WaitingRules {
    /// Offers of 30 minutes.
    fn default() -> Self {
        Self { offer_ttl_ms: 30 * 60_000 }
    }
}

/// Somebody joined the waiting list. The record's revision names the entry, and is its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingJoined {
    /// Who.
    pub user: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// What for.
    pub wish: Wish,
    /// The identities that an offered hold counts for, ascending and distinct.
    pub identities: Vec<Identity>,
}

/// An entry left the list without an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingLeft {
    /// The entry.
    pub entry: Revision,
    /// Whose.
    pub user: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// Why.
    pub why: LeftWhy,
}

/// See [`WaitingLeft`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftWhy {
    /// Its user asked for it.
    Asked,
    /// There was something for it, and its user, or an identity, had too many tickets.
    OverLimit,
}

/// Joins the waiting list of an event that has nothing that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinWaitingRequest {
    /// The event.
    pub event: EventId,
    /// Who.
    pub user: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// What for.
    pub wish: Wish,
    /// As in [`HoldRequest`](crate::HoldRequest).
    #[serde(default)]
    pub identities: Vec<Identity>,
}

/// Leaves the waiting list. Leaving twice is once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveWaitingRequest {
    /// The event.
    pub event: EventId,
    /// Who.
    pub user: UserId,
    /// Repeated on every retry; not needed.
    pub key: Option<IdempotencyKey>,
    /// The entry.
    pub entry: Revision,
}

/// Sets the rules of an event's waiting list from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRulesRequest {
    /// The event.
    pub event: EventId,
    /// The rules.
    pub rules: WaitingRules,
}

/// An entry of the waiting list, as its user may know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingEntry {
    /// Its name, and its place: entries with lower numbers come first.
    pub entry: Revision,
    /// What for.
    pub wish: Wish,
    /// Whether this is the answer to an earlier request with the same key.
    pub replayed: bool,
}
