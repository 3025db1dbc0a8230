//! Answers to commands. An answer is made from the fact that was logged, live and on a replay alike, so that a retry can only
//! get the outcome that was accepted; and when it is taken, not before.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fact::{Fact, HoldEnd, Lines, Stamp};
use crate::id::{EventId, HoldId, HoldNumber, OrderId, Revision, TicketId, UserId};
use crate::manifest::ManifestChange;
use crate::order::{
    Dispute, Effect, EndReason, ExtraLine, OrderState, Payment, Place, Refund, Terms, Ticket,
};
use crate::refusal::Refusal;
use crate::time::UtcMs;
use crate::waiting::WaitingEntry;

/// Why a command has no answer of its own.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// It was refused. A normal outcome.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may have been carried out or not. Ask again under the same key to learn it.
    #[error("outcome unknown: {reason}")]
    Unknown {
        /// What happened.
        reason: String,
    },
    /// It was certainly not carried out. A command with a key that can't be looked up now is [`Unknown`](Self::Unknown) instead: it may
    /// have been carried out when it was sent before.
    #[error("failed: {reason}")]
    Failed {
        /// What happened.
        reason: String,
    },
}

/// A hold as its user may know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose it is.
    pub user: UserId,
    /// What it keeps, with prices.
    pub lines: Lines,
    /// The sum of all prices in minor units of the event's currency.
    pub total_minor: i64,
    /// It ends at this instant.
    pub deadline: UtcMs,
    /// The engine's time when this was answered first, to make the deadline relative.
    pub at: UtcMs,
    /// Extensions it may still get.
    pub extensions_left: u32,
    /// The revision of the last fact about it: what `expected` of an amendment must be.
    pub version: Revision,
    /// Whether this is the answer to an earlier request with the same key.
    pub replayed: bool,
}

/// An order as its user may know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Whose it is.
    pub user: UserId,
    /// Where it stands.
    pub state: OrderState,
    /// What is ordered, with prices.
    pub lines: Lines,
    /// The sum of all prices in minor units of the event's currency.
    pub total_minor: i64,
    /// While open: when its time ends.
    pub payment_deadline: Option<UtcMs>,
    /// The revision of the last fact about it.
    pub version: Revision,
    /// Whether this is the answer to an earlier request with the same key, or the order was like that already.
    pub replayed: bool,
}

impl Order {
    /// Its tickets, one per place in the order of the lines; none before it is confirmed.
    pub fn tickets(&self) -> impl Iterator<Item = TicketId> + '_ {
        let count = if self.state == OrderState::Confirmed { self.lines.places() } else { 0 };
        (0..count).map(|index| TicketId { order: self.id, index })
    }
}

/// All that is known of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDetails {
    /// The order.
    pub order: Order,
    /// How it is paid; `None` if the host sees to that.
    pub terms: Option<Terms>,
    /// What comes on top of the tickets.
    pub extra: Vec<ExtraLine>,
    /// All there is to pay, in minor units; 0 if the host sees to that.
    pub amount_minor: i64,
    /// Payment attempts, in order.
    pub payments: Vec<Payment>,
    /// Refunds, in order.
    pub refunds: Vec<Refund>,
    /// Every ticket there has ever been, in order of their numbers.
    pub tickets: Vec<(Place, Ticket)>,
    /// Why it ended, if it did not end as it should.
    pub reason: Option<EndReason>,
    /// Money that lost disputes took away, in minor units.
    pub disputed_minor: i64,
    /// Disputes, in the order in which they became known.
    #[serde(default)]
    pub disputes: Vec<Dispute>,
    /// What must be done next, if anything.
    pub next: Option<Effect>,
    /// What may be done meanwhile: other refunds that gateways have are looked up.
    #[serde(default)]
    pub beside: Vec<Effect>,
}

/// An order with something to be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueOrder {
    /// The order.
    pub order: OrderId,
    /// Whose order.
    pub user: UserId,
    /// What is to be done next.
    pub effect: Effect,
    /// What may be done meanwhile: other refunds that gateways have are looked up.
    pub beside: Vec<Effect>,
}

impl DueOrder {
    /// All that may be done now, what is next first.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        std::iter::once(&self.effect).chain(&self.beside)
    }
}

/// A step of an order was taken, or was not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stepped {
    /// The order.
    pub order: OrderId,
    /// Where it stands now.
    pub state: OrderState,
    /// The revision of the step; `None` if there was nothing to do.
    pub revision: Option<Revision>,
    /// The number of the payment attempt or refund it was about; 0 if about neither.
    pub number: u32,
    /// Whether this is the answer to an earlier request with the same key.
    pub replayed: bool,
}

/// A command was carried out and there is nothing more to say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The revision of its fact; `None` if there was nothing to do.
    pub revision: Option<Revision>,
    /// Whether this is the answer to an earlier request with the same key.
    pub replayed: bool,
}

/// What a command is answered with, as the engine passes it on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// What a fact says. The answer proper is made when it is taken.
    Logged(Logged),
    /// An order as it was before the command.
    Order(Box<Order>),
    /// An order that needs no step.
    Stepped(Stepped),
    /// There was nothing to do.
    Done(Done),
}

/// A fact that answers a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Logged {
    pub event: EventId,
    pub stamp: Stamp,
    pub fact: Arc<Fact>,
    /// Whether it answers a request that came again.
    pub replayed: bool,
}

/// Any answer, for whoever compares them.
#[cfg(feature = "testkit")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Hold(Box<Hold>),
    Order(Box<Order>),
    Done(Done),
    Change(Box<ManifestChange>),
    Waiting(WaitingEntry),
}

/// Makes the answer a command promises.
pub(crate) trait FromAnswer: Sized {
    fn from_answer(reply: Reply) -> Option<Self>;
}

impl FromAnswer for Hold {
    fn from_answer(reply: Reply) -> Option<Self> {
        let Reply::Logged(Logged { event, stamp, fact, replayed }) = reply else { return None };
        let hold = |number: HoldNumber, user, lines: &Lines, deadline, extensions_left| Hold {
            id: HoldId { event, number },
            user,
            lines: lines.clone(),
            total_minor: lines.total_minor().unwrap_or(i64::MAX),
            deadline,
            at: stamp.at,
            extensions_left,
            version: stamp.revision,
            replayed,
        };
        Some(match &*fact {
            Fact::HoldPlaced(f) => {
                let number = HoldNumber::new(stamp.revision, f.user.shard());
                hold(number, f.user, &f.lines, stamp.at.plus_ms(f.ttl_ms), f.extensions_left)
            }
            Fact::HoldPlacedWith(f) => {
                let f = &f.placed;
                let number = HoldNumber::new(stamp.revision, f.user.shard());
                hold(number, f.user, &f.lines, stamp.at.plus_ms(f.ttl_ms), f.extensions_left)
            }
            Fact::HoldAmended(f) => hold(f.hold, f.user, &f.lines, f.deadline, f.extensions_left),
            Fact::HoldExtended(f) => hold(f.hold, f.user, &f.lines, f.deadline, f.extensions_left),
            _ => return None,
        })
    }
}

impl FromAnswer for Order {
    fn from_answer(reply: Reply) -> Option<Self> {
        let Logged { event, stamp, fact, replayed } = match reply {
            Reply::Logged(logged) => logged,
            Reply::Order(order) => return Some(*order),
            Reply::Done(_) | Reply::Stepped(_) => return None,
        };
        let order = |number: HoldNumber, user, state, lines: &Lines, payment_deadline| Order {
            id: OrderId { event, number },
            user,
            state,
            lines: lines.clone(),
            total_minor: lines.total_minor().unwrap_or(i64::MAX),
            payment_deadline,
            version: stamp.revision,
            replayed,
        };
        Some(match &*fact {
            Fact::OrderOpened(f) => {
                order(f.hold, f.user, OrderState::Open, &f.lines, Some(f.payment_deadline))
            }
            Fact::CheckoutOpened(checkout) => {
                let f = &checkout.opened;
                order(f.hold, f.user, checkout.state(), &f.lines, Some(f.payment_deadline))
            }
            Fact::OrderConfirmed(f) => order(f.order, f.user, OrderState::Confirmed, &f.lines, None),
            Fact::OrderCancelled(f) => order(f.order, f.user, OrderState::Cancelled, &f.lines, None),
            _ => return None,
        })
    }
}

impl FromAnswer for Stepped {
    fn from_answer(reply: Reply) -> Option<Self> {
        let Logged { event, stamp, fact, replayed } = match reply {
            Reply::Logged(logged) => logged,
            Reply::Stepped(stepped) => return Some(stepped),
            Reply::Order(order) => {
                let Order { id, state, .. } = *order;
                return Some(Self { order: id, state, revision: None, number: 0, replayed: false });
            }
            Reply::Done(_) => return None,
        };
        let (number, state, about) = match &*fact {
            Fact::OrderStepped(stepped) => (stepped.order, stepped.state, stepped.step.number()),
            Fact::OrderConfirmed(confirmed) => (confirmed.order, OrderState::Confirmed, 0),
            _ => return None,
        };
        let order = OrderId { event, number };
        Some(Self { order, state, revision: Some(stamp.revision), number: about, replayed })
    }
}

impl FromAnswer for Done {
    fn from_answer(reply: Reply) -> Option<Self> {
        let Logged { stamp, fact, replayed, .. } = match reply {
            Reply::Logged(logged) => logged,
            Reply::Done(done) => return Some(done),
            Reply::Order(_) | Reply::Stepped(_) => return None,
        };
        let done = Some(Done { revision: Some(stamp.revision), replayed });
        match &*fact {
            Fact::HoldEnded(ended) => {
                debug_assert!(
                    ended.end != HoldEnd::Expired || !replayed,
                    "nobody asks for an expiry under a key"
                );
                done
            }
            Fact::SaleStateChanged { .. }
            | Fact::SeatsChanged(_)
            | Fact::PlacesChanged(_)
            | Fact::PaymentRulesSet(_)
            | Fact::WaitingRulesSet(_)
            | Fact::WaitingLeft(_)
            | Fact::VouchersAdded(_)
            | Fact::VouchersRevoked(_)
            | Fact::AllocationReleased { .. } => done,
            _ => None,
        }
    }
}

impl FromAnswer for WaitingEntry {
    fn from_answer(reply: Reply) -> Option<Self> {
        let Reply::Logged(Logged { stamp, fact, replayed, .. }) = reply else { return None };
        match &*fact {
            Fact::WaitingJoined(f) => Some(Self { entry: stamp.revision, wish: f.wish, replayed }),
            _ => None,
        }
    }
}

impl FromAnswer for ManifestChange {
    fn from_answer(reply: Reply) -> Option<Self> {
        let Reply::Logged(Logged { fact, .. }) = reply else { return None };
        match &*fact {
            Fact::ManifestChanged(change) => Some((**change).clone()),
            _ => None,
        }
    }
}
