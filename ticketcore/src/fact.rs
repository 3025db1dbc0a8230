//! Facts: what happened, in past tense, and nothing else. The journal of an event is a list of these.
//!
//! A fact says what changed in full (which seats, which places, which amounts), so that views, audits and
//! change feeds can be folded from the journal alone. Its revision and its time are not inside: they come with
//! the record ([`Stamp`]). Deadlines that a fact starts are durations here and count from the record's time.
//!
//! Encoding: one format byte, then postcard. New kinds are added at the end; a kind's members never change.

use crate::encoding::append_small;
pub(crate) use crate::encoding::{append_encoded, decode_versioned, encode_versioned, with_encoded};
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, Revision, SeatIndex, UserId};
use crate::key::IdempotencyKey;
pub use crate::lines::{AreaLine, Lines, SeatLine};
use crate::manifest::{Definition, ManifestChange};
pub use crate::order::{CheckoutOpened, OrderStep, OrderStepped, PaymentRules};
use crate::pack::append_fact;
use crate::sale::SaleState;
use crate::time::UtcMs;
use crate::varint::{Sink, Small};
pub use crate::voucher::{CodeHash, HoldPlacedWith, HoldWith, Revoked, VouchersAdded, VouchersRevoked};
pub use crate::waiting::{LeftWhy, WaitingJoined, WaitingLeft, WaitingRules, Wish};
use serde::{Deserialize, Serialize};

/// The revision and the logged time of a fact, given by the sequencer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The place in the journal.
    pub revision: Revision,
    /// The logged time: never before that of an earlier fact.
    pub at: UtcMs,
}

/// Who asked under which idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyed {
    /// The key.
    pub key: IdempotencyKey,
    /// Fingerprint of the request's body.
    pub fingerprint: u64,
}

/// A hold was placed; its number is [`HoldNumber::new`] of the record's revision and the user's shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldPlaced {
    /// Who holds.
    pub user: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// Time until its deadline, from the record's time.
    pub ttl_ms: u64,
    /// Time until it ends whatever is done to it, from the record's time.
    pub lifetime_ms: u64,
    /// Extensions it may get.
    pub extensions_left: u32,
    /// What is held.
    pub lines: Lines,
}

/// Lines were added to and removed from a hold in one step; its deadline stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAmended {
    /// The hold.
    pub hold: HoldNumber,
    /// Whose hold.
    pub user: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// What came.
    pub added: Lines,
    /// What went, with the prices it had.
    pub removed: Lines,
    /// All lines from now on.
    pub lines: Lines,
    /// The hold's deadline, unchanged, for the answer.
    pub deadline: UtcMs,
    /// Extensions it may still get, for the answer.
    pub extensions_left: u32,
}

/// A hold got a later deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldExtended {
    /// The hold.
    pub hold: HoldNumber,
    /// Whose hold.
    pub user: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// The deadline from now on.
    pub deadline: UtcMs,
    /// Extensions it may still get.
    pub extensions_left: u32,
    /// All its lines, for the answer.
    pub lines: Lines,
}

/// Why a hold ended without an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldEnd {
    /// Its user released it.
    Released,
    /// Staff took it back; never done to a pinned hold.
    ForceReleased,
    /// Its effective deadline passed. If it was pinned, its order expired with it.
    Expired,
}

/// A hold ended and what it kept is free again. If it was pinned by an order, the order has expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldEnded {
    /// The hold.
    pub hold: HoldNumber,
    /// Whose hold it was.
    pub user: UserId,
    /// Why.
    pub end: HoldEnd,
    /// Who asked under which key; for `ForceReleased` the staff user.
    pub by: Option<(UserId, Keyed)>,
    /// What is free again.
    pub lines: Lines,
}

/// An order was opened from a hold and pins it until the payment deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderOpened {
    /// The hold, which is also the order's number.
    pub hold: HoldNumber,
    /// Whose order.
    pub user: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// The hold's effective deadline from now on.
    pub payment_deadline: UtcMs,
    /// What is ordered, at the prices the hold fixed.
    pub lines: Lines,
}

/// An order was confirmed: its seats and places are sold and its tickets exist (index = place in the lines).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The order.
    pub order: HoldNumber,
    /// Whose order.
    pub user: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// What is sold.
    pub lines: Lines,
}

/// An open order was cancelled: what it kept is free again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// The order.
    pub order: HoldNumber,
    /// Whose order.
    pub user: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// What is free again.
    pub lines: Lines,
}

/// Staff took seats off sale, put them back, or moved them to another allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatsChanged {
    /// Who.
    pub by: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// What was done to each.
    pub change: SeatChange,
    /// The seats, ascending and distinct.
    pub seats: Vec<SeatIndex>,
}

/// What staff may do to seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeatChange {
    /// free -> blocked.
    Block,
    /// blocked -> free.
    Unblock,
    /// Free or blocked seats move to this allocation, or to none.
    Reallocate(Option<AllocationIndex>),
}

/// Staff took places of an area off sale or put them back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacesChanged {
    /// Who.
    pub by: UserId,
    /// The request's idempotency key.
    pub keyed: Option<Keyed>,
    /// The area.
    pub area: AreaIndex,
    /// The allocation of the places.
    pub allocation: Option<AllocationIndex>,
    /// Places blocked from now on (an absolute number).
    pub blocked: u32,
}

/// One fact of an event's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// The first fact of every event: what is for sale, and under which rules. Sale state `draft`.
    EventDefined(Box<Definition>),
    /// The manifest changed by a diff.
    ManifestChanged(Box<ManifestChange>),
    /// The sale state changed.
    SaleStateChanged {
        /// The state from now on.
        to: SaleState,
    },
    /// See [`HoldPlaced`].
    HoldPlaced(HoldPlaced),
    /// See [`HoldAmended`].
    HoldAmended(Box<HoldAmended>),
    /// See [`HoldExtended`].
    HoldExtended(Box<HoldExtended>),
    /// See [`HoldEnded`].
    HoldEnded(HoldEnded),
    /// See [`OrderOpened`].
    OrderOpened(OrderOpened),
    /// See [`OrderConfirmed`].
    OrderConfirmed(OrderConfirmed),
    /// See [`OrderCancelled`].
    OrderCancelled(OrderCancelled),
    /// See [`SeatsChanged`].
    SeatsChanged(Box<SeatsChanged>),
    /// See [`PlacesChanged`].
    PlacesChanged(Box<PlacesChanged>),
    /// A scheduled allocation ended: what is left of it is on public sale.
    AllocationReleased {
        /// The allocation.
        allocation: AllocationIndex,
    },
    /// How orders are paid from now on.
    PaymentRulesSet(Box<PaymentRules>),
    /// See [`CheckoutOpened`].
    CheckoutOpened(Box<CheckoutOpened>),
    /// See [`OrderStepped`].
    OrderStepped(Box<OrderStepped>),
    /// See [`VouchersAdded`].
    VouchersAdded(Box<VouchersAdded>),
    /// See [`VouchersRevoked`].
    VouchersRevoked(Box<VouchersRevoked>),
    /// See [`HoldPlacedWith`].
    HoldPlacedWith(Box<HoldPlacedWith>),
    /// The rules of the waiting list from now on.
    WaitingRulesSet(WaitingRules),
    /// See [`WaitingJoined`].
    WaitingJoined(Box<WaitingJoined>),
    /// See [`WaitingLeft`].
    WaitingLeft(Box<WaitingLeft>),
}

/// The format byte in front of every encoded fact.
pub const FACT_FORMAT: u8 = 1;

/// Place of [`EventDefined`](Fact::EventDefined) among the kinds.
const EVENT_DEFINED: u8 = 0;

/// A stored fact can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The format byte is not one this version reads.
    #[error("fact format {found} is not known (this version reads {FACT_FORMAT})")]
    Format {
        /// The byte found.
        found: u8,
    },
    /// The bytes are not a fact.
    #[error("not a fact: {0}")]
    Body(String),
    /// There are bytes after the fact.
    #[error("{0} bytes after the fact")]
    Trailing(usize),
}

impl Fact {
    /// Replaces `into` with the encoded fact.
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.clear();
        into.push(FACT_FORMAT);
        if !append_fact(self, into) {
            append_encoded(self, into);
        }
    }

    /// Hands the encoded fact to `then`.
    pub(crate) fn encoded<R>(&self, then: impl FnOnce(&[u8]) -> R) -> R {
        let mut small = Small::new();
        small.byte(FACT_FORMAT);
        if !append_fact(self, &mut small) {
            append_small(self, &mut small);
        }
        if let Some(body) = small.done() {
            return then(body);
        }
        let mut body = Vec::new();
        self.encode(&mut body);
        then(&body)
    }

    /// An encoded [`EventDefined`](Fact::EventDefined), made without a copy of the definition.
    pub(crate) fn encoded_definition(definition: &Definition) -> Vec<u8> {
        let mut body = vec![FACT_FORMAT, EVENT_DEFINED];
        append_encoded(definition, &mut body);
        body
    }

    /// The definition in an encoded [`EventDefined`](Fact::EventDefined), still encoded; `None` if it is not one.
    pub(crate) fn stored_definition(bytes: &[u8]) -> Option<&[u8]> {
        bytes.strip_prefix(&[FACT_FORMAT, EVENT_DEFINED])
    }

    /// Reads a fact back.
    ///
    /// # Errors
    /// [`DecodeError`]; never panics, whatever the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Fact, DecodeError> {
        decode_versioned(FACT_FORMAT, bytes)
    }
}
