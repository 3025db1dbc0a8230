//! What happens to an order, as its facts say it.

use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};

use super::observed::{PaymentSeen, RefundSeen};
use super::state::OrderState;
use super::table::StepKind;
use super::terms::{ExtraLine, Terms};
use super::word::Word;
use crate::fact::{Keyed, Lines, OrderOpened};
use crate::id::{HoldNumber, UserId};
use crate::key::Operation;
use crate::time::UtcMs;

/// An order was opened that is paid through a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutOpened {
    /// As every order; the payment deadline is that for the first intent.
    pub opened: OrderOpened,
    /// How it is paid.
    pub terms: Terms,
    /// What comes on top of the tickets.
    pub extra: Vec<ExtraLine>,
    /// All there is to pay, in minor units: the lines and what comes on top, never negative.
    pub amount_minor: i64,
}

impl CheckoutOpened {
    /// Where the order stands: one that costs nothing and has to be reviewed waits for staff at once.
    #[must_use]
    pub const fn state(&self) -> OrderState {
        if self.terms.review && self.amount_minor == 0 { OrderState::InReview } else { OrderState::Open }
    }
}

/// Why an order or its money came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The payment was declined, and the rules give the seats back then.
    Declined,
    /// Staff rejected it.
    Rejected,
    /// The event was cancelled.
    EventCancelled,
    /// The buyer, or who pays, is over the limit.
    OverLimit,
    /// The captured amount is not what was to pay.
    WrongAmount,
    /// The money came when the seats were gone.
    TooLate,
    /// The capture of a confirmed order was refused for good.
    CaptureRefused,
    /// Money of an order that is over, or came twice.
    Surplus,
    /// Somebody asked.
    Asked,
}

/// The way of a person through the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// In.
    Entry,
    /// Out again.
    Exit,
}

/// One step of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStep {
    /// The intent: written before the gateway hears of the attempt.
    PaymentStarted {
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Who takes the money.
        gateway: Word,
        /// With what.
        method: Word,
        /// How much, in minor units.
        amount_minor: i64,
        /// The hold's effective deadline from now on.
        deadline: UtcMs,
    },
    /// The gateway said something definite.
    PaymentObserved {
        /// Of which attempt.
        attempt: u32,
        /// What.
        seen: PaymentSeen,
        /// The hold's effective deadline from now on, if the order pins one.
        deadline: Option<UtcMs>,
    },
    /// The gateway will not capture an authorised payment.
    CaptureRefused {
        /// Of which attempt.
        attempt: u32,
        /// Why, in the gateway's words.
        code: Word,
    },
    /// Staff approved an order in review.
    Approved {
        /// The hold's effective deadline from now on.
        deadline: UtcMs,
    },
    /// It was paid outside and staff confirmed it.
    ConfirmedOutside {
        /// The host's name of the payment.
        reference: Word,
        /// What is sold.
        lines: Lines,
    },
    /// It ended unsold for a reason of the house's own; what it kept is free.
    Dropped {
        /// Why.
        reason: EndReason,
        /// What is free again.
        lines: Lines,
    },
    /// Late money bought free seats.
    LateConfirmed {
        /// What is sold: the same lines, or equivalent ones.
        lines: Lines,
    },
    /// Late money could buy nothing: it goes back.
    LateRefused {
        /// Why.
        reason: EndReason,
    },
    /// The host asked for the money of a confirmed order.
    CaptureRequested,
    /// A refund began. Its tickets are dead and their places free from here on.
    RefundStarted {
        /// The number of the refund, from 1.
        refund: u32,
        /// Of which attempt's money.
        attempt: u32,
        /// How much, in minor units; 0 only with tickets that cost nothing.
        amount_minor: i64,
        /// Tickets that die with it, ascending.
        tickets: Vec<u32>,
        /// What is free again.
        back: Lines,
        /// Why.
        reason: EndReason,
    },
    /// The gateway said something definite of a refund, of its try then. As it was written before [`RefundTryObserved`](Self::RefundTryObserved).
    RefundObserved {
        /// Of which refund.
        refund: u32,
        /// What.
        seen: RefundSeen,
    },
    /// Staff has a stuck refund tried again.
    RefundRetried {
        /// Which.
        refund: u32,
    },
    /// Tickets have a new holder; their old codes are dead.
    Transferred {
        /// Which, ascending.
        tickets: Vec<u32>,
        /// To whom.
        to: UserId,
    },
    /// Tickets were changed for others of the same price, which get the next numbers.
    Exchanged {
        /// Which, ascending.
        tickets: Vec<u32>,
        /// What is free again.
        back: Lines,
        /// What is sold instead.
        taken: Lines,
    },
    /// Who paid disputes the payment, all of it. As it was written before [`DisputeBegun`](Self::DisputeBegun).
    DisputeOpened {
        /// Of which attempt.
        attempt: u32,
        /// The gateway's name of the dispute.
        reference: Word,
    },
    /// The dispute that was open is over; lost, it took all that was left. As it was written before [`DisputeEnded`](Self::DisputeEnded).
    DisputeClosed {
        /// Whether the money is ours.
        won: bool,
        /// If it is lost: what is free again.
        back: Lines,
    },
    /// A ticket was used at the door.
    Redeemed {
        /// Which.
        ticket: u32,
        /// In or out.
        way: Way,
        /// When the device did it, if it was not connected.
        device_at: Option<UtcMs>,
        /// Whether staff let it through in spite of a refusal.
        forced: bool,
    },
    /// A confirmed order whose money can't be had: its tickets are dead and its places free.
    Reversed {
        /// Why.
        reason: EndReason,
        /// What is free again.
        back: Lines,
    },
    /// The gateway said something definite of a try of a refund.
    RefundTryObserved {
        /// Of which refund.
        refund: u32,
        /// Of the try after so many definite failures.
        tries: u32,
        /// What.
        seen: RefundSeen,
    },
    /// Who paid disputes the payment, in whole or in part.
    DisputeBegun {
        /// Of which attempt.
        attempt: u32,
        /// The gateway's name of the dispute.
        reference: Word,
        /// How much, in minor units; at most what was captured and not lost before.
        amount_minor: i64,
    },
    /// A dispute is over, whether it was known or not.
    DisputeEnded {
        /// Of which attempt.
        attempt: u32,
        /// The gateway's name of the dispute.
        reference: Word,
        /// Whether the money is ours.
        won: bool,
        /// How much was disputed in the end, in minor units; at most what was disputed before.
        amount_minor: i64,
        /// What it took, in minor units: if it is lost, what was disputed as far as that was left.
        lost_minor: i64,
        /// If it is lost and nothing is left of the money that bought the tickets: what is free again.
        back: Lines,
    },
}

/// Something happened to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStepped {
    /// The order.
    pub order: HoldNumber,
    /// Whose order.
    pub user: UserId,
    /// Who asked under which key.
    pub by: Option<(UserId, Keyed)>,
    /// Where the order stands from now on.
    pub state: OrderState,
    /// What happened.
    pub step: OrderStep,
}

/// Places that a step moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move<'a> {
    /// From the order's hold to its sale.
    HeldToSold(&'a Lines),
    /// From the order's hold back on sale.
    HeldToFree(&'a Lines),
    /// From the order's sale back on sale.
    SoldToFree(&'a Lines),
    /// From nobody to the order's sale.
    FreeToSold(&'a Lines),
}

impl Move<'_> {
    /// What moves.
    #[must_use]
    pub const fn lines(&self) -> &Lines {
        match self {
            Move::HeldToSold(lines) | Move::HeldToFree(lines) => lines,
            Move::SoldToFree(lines) | Move::FreeToSold(lines) => lines,
        }
    }
}

impl OrderStep {
    /// The places it moves, in this order.
    #[must_use]
    pub fn moves(&self) -> SmallVec<[Move<'_>; 2]> {
        match self {
            OrderStep::ConfirmedOutside { lines, .. } => smallvec![Move::HeldToSold(lines)],
            OrderStep::Dropped { lines, .. } => smallvec![Move::HeldToFree(lines)],
            OrderStep::LateConfirmed { lines } => smallvec![Move::FreeToSold(lines)],
            OrderStep::Exchanged { back, taken, .. } => {
                smallvec![Move::SoldToFree(back), Move::FreeToSold(taken)]
            }
            OrderStep::RefundStarted { back, .. }
            | OrderStep::DisputeClosed { back, .. }
            | OrderStep::DisputeEnded { back, .. }
            | OrderStep::Reversed { back, .. } => smallvec![Move::SoldToFree(back)],
            _ => SmallVec::new(),
        }
    }

    /// Whether what the order counts for may be another after it: places move, or who pays is known or not.
    pub(crate) const fn changes_counts(&self) -> bool {
        match self {
            OrderStep::PaymentObserved { .. }
            | OrderStep::ConfirmedOutside { .. }
            | OrderStep::Dropped { .. }
            | OrderStep::LateConfirmed { .. }
            | OrderStep::RefundStarted { .. }
            | OrderStep::Exchanged { .. }
            | OrderStep::DisputeClosed { .. }
            | OrderStep::DisputeEnded { .. }
            | OrderStep::Reversed { .. } => true,
            // An attempt only begins when the one before has come to nothing.
            OrderStep::PaymentStarted { .. }
            | OrderStep::CaptureRefused { .. }
            | OrderStep::Approved { .. }
            | OrderStep::LateRefused { .. }
            | OrderStep::CaptureRequested
            | OrderStep::RefundObserved { .. }
            | OrderStep::RefundTryObserved { .. }
            | OrderStep::RefundRetried { .. }
            | OrderStep::Transferred { .. }
            | OrderStep::DisputeOpened { .. }
            | OrderStep::DisputeBegun { .. }
            | OrderStep::Redeemed { .. } => false,
        }
    }

    /// The hold's effective deadline from this step on, if it sets one.
    #[must_use]
    pub const fn deadline(&self) -> Option<UtcMs> {
        match self {
            OrderStep::PaymentStarted { deadline, .. } | OrderStep::Approved { deadline } => Some(*deadline),
            OrderStep::PaymentObserved { deadline, .. } => *deadline,
            _ => None,
        }
    }

    /// The number of the payment attempt or refund it is about; 0 if about neither.
    #[must_use]
    pub const fn number(&self) -> u32 {
        match self {
            OrderStep::PaymentStarted { attempt, .. }
            | OrderStep::PaymentObserved { attempt, .. }
            | OrderStep::CaptureRefused { attempt, .. }
            | OrderStep::DisputeOpened { attempt, .. }
            | OrderStep::DisputeBegun { attempt, .. }
            | OrderStep::DisputeEnded { attempt, .. } => *attempt,
            OrderStep::RefundStarted { refund, .. }
            | OrderStep::RefundObserved { refund, .. }
            | OrderStep::RefundTryObserved { refund, .. }
            | OrderStep::RefundRetried { refund } => *refund,
            _ => 0,
        }
    }

    /// What a key is asked for that leads to it.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            OrderStep::PaymentStarted { .. }
            | OrderStep::Transferred { .. }
            | OrderStep::Exchanged { .. } => Operation::Order,
            OrderStep::Redeemed { .. } => Operation::Redeem,
            _ => Operation::StaffOrder,
        }
    }

    /// Its place in the table of transitions.
    #[must_use]
    pub const fn kind(&self) -> StepKind {
        match self {
            OrderStep::PaymentStarted { .. } => StepKind::PaymentStarted,
            OrderStep::PaymentObserved { seen, .. } => StepKind::of(seen),
            OrderStep::CaptureRefused { .. } => StepKind::CaptureRefused,
            OrderStep::Approved { .. } => StepKind::Approved,
            OrderStep::ConfirmedOutside { .. } => StepKind::ConfirmedOutside,
            OrderStep::Dropped { .. } => StepKind::Dropped,
            OrderStep::LateConfirmed { .. } => StepKind::LateConfirmed,
            OrderStep::LateRefused { .. } => StepKind::LateRefused,
            OrderStep::CaptureRequested => StepKind::CaptureRequested,
            OrderStep::RefundStarted { .. } => StepKind::RefundStarted,
            OrderStep::RefundObserved { .. } | OrderStep::RefundTryObserved { .. } => {
                StepKind::RefundObserved
            }
            OrderStep::RefundRetried { .. } => StepKind::RefundRetried,
            OrderStep::Transferred { .. } => StepKind::Transferred,
            OrderStep::Exchanged { .. } => StepKind::Exchanged,
            OrderStep::DisputeOpened { .. } | OrderStep::DisputeBegun { .. } => StepKind::DisputeOpened,
            OrderStep::DisputeClosed { .. } | OrderStep::DisputeEnded { .. } => StepKind::DisputeClosed,
            OrderStep::Redeemed { .. } => StepKind::Redeemed,
            OrderStep::Reversed { .. } => StepKind::Reversed,
        }
    }
}
