//! [`Progress`]: what a buyer can be told.

use crate::answer::OrderDetails;
use crate::id::OrderId;
use crate::order::{Effect, EndReason, OrderState, PaymentState, Word};
use crate::time::UtcMs;

/// Where a purchase stands when there is something to tell the buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The seats are his and the tickets exist.
    Confirmed {
        /// The order.
        order: OrderId,
    },
    /// He must do something at the gateway first. When he comes back: [`Checkout::returned`](super::Checkout::returned).
    ActionRequired {
        /// The order.
        order: OrderId,
        /// What, in the gateway's words: an address to go to, a token for its page.
        next_action: Word,
    },
    /// The payment was declined; no money moved.
    Declined {
        /// The order.
        order: OrderId,
        /// Why, in the gateway's words.
        code: Word,
        /// The seats are his until then, and he may [pay again](super::Checkout::pay_again); `None` if they are free.
        pay_until: Option<UtcMs>,
    },
    /// The money is there or reserved, and staff must decide.
    InReview {
        /// The order.
        order: OrderId,
    },
    /// The order is open and no payment has begun.
    Unpaid {
        /// The order.
        order: OrderId,
        /// Until when the seats are his.
        pay_until: Option<UtcMs>,
    },
    /// The order is over and has no tickets. Money of it, if there is any, goes back.
    Ended {
        /// The order.
        order: OrderId,
        /// Cancelled, or expired.
        state: OrderState,
        /// Why, if the house ended it.
        reason: Option<EndReason>,
    },
    /// Nobody knows yet: neither paid nor failed. It goes on by itself; ask for the order later.
    Pending {
        /// The order.
        order: OrderId,
    },
}

impl Progress {
    /// The order it is about.
    #[must_use]
    pub const fn order(&self) -> OrderId {
        match self {
            Progress::Confirmed { order }
            | Progress::ActionRequired { order, .. }
            | Progress::Declined { order, .. }
            | Progress::InReview { order }
            | Progress::Unpaid { order, .. }
            | Progress::Ended { order, .. }
            | Progress::Pending { order } => *order,
        }
    }
}

/// What there is to tell of an order as it stands; `None` while it moves. `looked`: the gateway itself has just said that the buyer must act.
pub(super) fn progress(details: &OrderDetails, looked: bool) -> Option<Progress> {
    let order = details.order.id;
    let last = details.payments.last();
    let moves = matches!(details.next, Some(Effect::Confirm | Effect::Drop(_) | Effect::SettleLate));
    match details.order.state {
        OrderState::Confirmed => Some(Progress::Confirmed { order }),
        _ if moves => None,
        OrderState::InReview => Some(Progress::InReview { order }),
        OrderState::Open => {
            let pay_until = details.order.payment_deadline;
            Some(match last {
                None => Progress::Unpaid { order, pay_until },
                Some(payment) => Progress::Declined { order, code: payment.note.clone(), pay_until },
            })
        }
        OrderState::Paying => {
            let acting = last.filter(|p| looked && p.state == PaymentState::ActionRequired)?;
            Some(Progress::ActionRequired { order, next_action: acting.note.clone() })
        }
        OrderState::Authorized | OrderState::Captured => None,
        OrderState::Cancelled | OrderState::Expired => ended(details),
    }
}

fn ended(details: &OrderDetails) -> Option<Progress> {
    let (order, state) = (details.order.id, details.order.state);
    let last = details.payments.last();
    match last {
        // Late money may still buy the seats.
        Some(payment) if state == OrderState::Expired && payment.state == PaymentState::Started => {
            Some(Progress::Pending { order })
        }
        Some(payment) if details.reason == Some(EndReason::Declined) => {
            Some(Progress::Declined { order, code: payment.note.clone(), pay_until: None })
        }
        _ => Some(Progress::Ended { order, state, reason: details.reason }),
    }
}
