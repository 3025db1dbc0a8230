//! What callers ask of orders that are paid through a gateway, and of orders that have been sold.

use serde::{Deserialize, Serialize};

use super::observed::{PaymentSeen, RefundSeen};
use super::step::{EndReason, Way};
use super::terms::{CaptureMode, ExtraLine, LateMoney, PaymentRules};
use super::word::Word;
use crate::id::{EventId, HoldId, OrderId, TicketId, UserId};
use crate::key::IdempotencyKey;
use crate::request::Item;
use crate::time::UtcMs;

/// Opens an order from a hold, to be paid through a gateway. A hold becomes at most one order: asking again gives the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutRequest {
    /// The hold.
    pub hold: HoldId,
    /// Whose hold.
    pub user: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// What comes on top of the tickets, or off them. All together may not be negative.
    pub extra: Vec<ExtraLine>,
    /// When the money is taken; the event's rule if absent.
    pub capture: Option<CaptureMode>,
    /// What the buyer agrees to if the money comes late.
    pub late_money: LateMoney,
    /// Whether staff looks at it first.
    pub review: bool,
}

impl CheckoutRequest {
    /// An order for a hold with nothing on top, under the event's rules.
    #[must_use]
    pub const fn new(hold: HoldId, user: UserId) -> Self {
        Self {
            hold,
            user,
            key: None,
            extra: Vec::new(),
            capture: None,
            late_money: LateMoney::Refund,
            review: false,
        }
    }
}

/// Begins a payment attempt: the intent, before the gateway hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayRequest {
    /// The order.
    pub order: OrderId,
    /// Whose order.
    pub user: UserId,
    /// Repeated on every retry. Without one a second request is refused while the first is under way.
    pub key: Option<IdempotencyKey>,
    /// Who takes the money.
    pub gateway: Word,
    /// With what.
    pub method: Word,
}

/// A change of an order by staff that needs no more said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffOrderRequest {
    /// The order.
    pub order: OrderId,
    /// The member of staff, or the host.
    pub by: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// What to do.
    pub action: StaffAction,
}

/// What staff, or the host, may do to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StaffAction {
    /// Let an order in review go on.
    Approve,
    /// End an order in review; its money goes back.
    Reject,
    /// Confirm an open order that was paid outside.
    ConfirmOutside {
        /// The host's name of the payment.
        reference: Word,
    },
    /// Take the money of a confirmed order whose capture is manual.
    Capture,
    /// Send money back.
    Refund(RefundWhat),
    /// Try a stuck refund again.
    RetryRefund {
        /// Which, from 1.
        refund: u32,
    },
    /// The gateway says that who paid disputes it. One whose name is known changes nothing.
    OpenDispute {
        /// Which attempt's money.
        attempt: u32,
        /// The gateway's name of the dispute.
        reference: Word,
        /// How much of it, in minor units; what is more than was captured does not count.
        amount_minor: i64,
    },
    /// A dispute is over. One that was never opened is opened by this, too; one that is over changes nothing.
    CloseDispute {
        /// Which attempt's money.
        attempt: u32,
        /// The gateway's name of the dispute.
        reference: Word,
        /// How much of it, in minor units; what is more than was disputed does not count.
        amount_minor: i64,
        /// Whether the money is ours.
        won: bool,
    },
}

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundWhat {
    /// All tickets and all money that is left.
    Full,
    /// These tickets at what they cost.
    Tickets(Vec<u32>),
    /// An amount in minor units; every ticket stays valid.
    Amount(i64),
}

/// What is known about an order's money from outside, or must be done about the order by the house itself. Idempotent by nature: what is
/// known already, or is not due any more, changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserveRequest {
    /// The order.
    pub order: OrderId,
    /// What.
    pub news: News,
}

/// See [`ObserveRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// The gateway said this of a payment attempt.
    Payment {
        /// Which, from 1.
        attempt: u32,
        /// What.
        seen: PaymentSeen,
    },
    /// The gateway will never capture an authorised payment.
    CaptureRefused {
        /// Which attempt, from 1.
        attempt: u32,
        /// Why, in the gateway's words.
        code: Word,
    },
    /// The gateway said this of a refund. One that went through may fail later.
    Refund {
        /// Which, from 1.
        refund: u32,
        /// The try it is about: definite failures before it.
        tries: u32,
        /// What.
        seen: RefundSeen,
    },
    /// [`Effect::Confirm`](super::Effect::Confirm).
    Confirm,
    /// [`Effect::Drop`](super::Effect::Drop).
    Drop(EndReason),
    /// [`Effect::SettleLate`](super::Effect::SettleLate).
    SettleLate,
    /// [`Effect::StartRefund`](super::Effect::StartRefund).
    StartRefund {
        /// Whose money.
        attempt: u32,
        /// Why.
        reason: EndReason,
    },
    /// [`Effect::Reverse`](super::Effect::Reverse).
    Reverse,
}

/// Gives tickets to somebody else. Limits do not count them for the new holder; they go on counting for the buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRequest {
    /// The order.
    pub order: OrderId,
    /// Who holds the tickets now: the buyer, or to whom they were given.
    pub user: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// Which tickets, ascending.
    pub tickets: Vec<u32>,
    /// To whom.
    pub to: UserId,
}

/// Changes tickets for others of the same price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRequest {
    /// The order.
    pub order: OrderId,
    /// Whose order.
    pub user: UserId,
    /// Repeated on every retry.
    pub key: Option<IdempotencyKey>,
    /// Which tickets, ascending.
    pub tickets: Vec<u32>,
    /// What for.
    pub items: Vec<Item>,
}

/// Uses a ticket at the door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemRequest {
    /// The ticket.
    pub ticket: TicketId,
    /// The issue of the code that was shown.
    pub issue: u32,
    /// The scanner, or who works it.
    pub by: UserId,
    /// The scanner's nonce: repeated when an offline scan is sent again.
    pub key: Option<IdempotencyKey>,
    /// In or out.
    pub way: Way,
    /// When the device did it, if it was not connected.
    pub device_at: Option<UtcMs>,
    /// Let it through although it was used before or is in dispute; never one that is dead.
    pub force: bool,
}

/// Sets how orders of an event are paid from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRulesRequest {
    /// The event.
    pub event: EventId,
    /// The rules.
    pub rules: PaymentRules,
}
