//! The table of transitions: which step is legal in which state, and where it leads. There is no other.

use super::observed::PaymentSeen;
use super::state::OrderState;
use OrderState as S;
use StepKind as K;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal,)*) => {
        /// What can happen to an order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum StepKind {
            $($(#[$doc])* $kind,)*
        }

        impl StepKind {
            /// Every kind.
            pub const ALL: &'static [StepKind] = &[$(StepKind::$kind),*];

            /// Its name in documents.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(StepKind::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// It was opened from a hold.
    Opened "opened",
    /// A payment begins.
    PaymentStarted "payment started",
    /// The buyer must act.
    ActionRequired "action required",
    /// The money is reserved.
    Authorized "authorized",
    /// The money is in.
    Captured "captured",
    /// The payment was declined, or never reached the gateway.
    Declined "declined",
    /// The reservation is gone.
    Voided "voided",
    /// The gateway will not capture.
    CaptureRefused "capture refused",
    /// Staff approved it.
    Approved "approved",
    /// Its seats are sold.
    Confirmed "confirmed",
    /// Staff confirmed it, paid outside.
    ConfirmedOutside "confirmed outside",
    /// Somebody cancelled it.
    Cancelled "cancelled",
    /// The house ended it.
    Dropped "dropped",
    /// Its deadline passed.
    Expired "expired",
    /// Late money bought free seats.
    LateConfirmed "late money: confirmed",
    /// Late money goes back.
    LateRefused "late money: refused",
    /// The host wants the money.
    CaptureRequested "capture requested",
    /// Money goes back.
    RefundStarted "refund started",
    /// News of a refund.
    RefundObserved "refund observed",
    /// A stuck refund is tried again.
    RefundRetried "refund retried",
    /// Tickets have a new holder.
    Transferred "transferred",
    /// Tickets were exchanged.
    Exchanged "exchanged",
    /// The payment is disputed.
    DisputeOpened "dispute opened",
    /// The dispute is over.
    DisputeClosed "dispute closed",
    /// A ticket was used.
    Redeemed "redeemed",
    /// The sale was undone for want of money.
    Reversed "reversed",
}

impl StepKind {
    /// That of an observation.
    #[must_use]
    pub const fn of(seen: &PaymentSeen) -> Self {
        match seen {
            PaymentSeen::ActionRequired { .. } => K::ActionRequired,
            PaymentSeen::Authorized { .. } => K::Authorized,
            PaymentSeen::Captured { .. } => K::Captured,
            PaymentSeen::Declined { .. } | PaymentSeen::NotFound => K::Declined,
            PaymentSeen::Voided => K::Voided,
        }
    }

    /// Whether it is news of a payment attempt.
    #[must_use]
    pub const fn is_payment_news(self) -> bool {
        matches!(self, K::ActionRequired | K::Authorized | K::Captured | K::Declined | K::Voided)
    }
}

/// One row: in this state, this step leads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state before; `None` if there is no order yet.
    pub from: Option<OrderState>,
    /// The step.
    pub step: StepKind,
    /// The state after.
    pub to: OrderState,
    /// The state after if the order has to be reviewed and has not been.
    pub in_review: OrderState,
}

const fn row(from: OrderState, step: StepKind, to: OrderState) -> Transition {
    Transition { from: Some(from), step, to, in_review: to }
}

const fn reviewed(from: OrderState, step: StepKind, to: OrderState) -> Transition {
    Transition { from: Some(from), step, to, in_review: S::InReview }
}

/// Every legal transition. News of a payment that is not the order's last one never changes its state.
pub const TRANSITIONS: &[Transition] = &[
    // In review at once only if nothing is to be paid: else the money comes first.
    Transition { from: None, step: K::Opened, to: S::Open, in_review: S::InReview },
    row(S::Open, K::PaymentStarted, S::Paying),
    reviewed(S::Open, K::Authorized, S::Authorized),
    reviewed(S::Open, K::Captured, S::Captured),
    row(S::Open, K::Voided, S::Open),
    row(S::Open, K::Confirmed, S::Confirmed),
    row(S::Open, K::ConfirmedOutside, S::Confirmed),
    row(S::Open, K::Cancelled, S::Cancelled),
    row(S::Open, K::Dropped, S::Cancelled),
    row(S::Open, K::Expired, S::Expired),
    row(S::Paying, K::ActionRequired, S::Paying),
    reviewed(S::Paying, K::Authorized, S::Authorized),
    reviewed(S::Paying, K::Captured, S::Captured),
    row(S::Paying, K::Declined, S::Open),
    row(S::Paying, K::Voided, S::Open),
    row(S::Paying, K::Cancelled, S::Cancelled),
    row(S::Paying, K::Dropped, S::Cancelled),
    row(S::Paying, K::Expired, S::Expired),
    row(S::InReview, K::Approved, S::Authorized),
    row(S::InReview, K::Captured, S::InReview),
    row(S::InReview, K::Voided, S::Open),
    row(S::InReview, K::Cancelled, S::Cancelled),
    row(S::InReview, K::Dropped, S::Cancelled),
    row(S::InReview, K::Expired, S::Expired),
    row(S::Authorized, K::Captured, S::Captured),
    row(S::Authorized, K::Voided, S::Open),
    row(S::Authorized, K::CaptureRefused, S::Authorized),
    row(S::Authorized, K::Confirmed, S::Confirmed),
    row(S::Authorized, K::Cancelled, S::Cancelled),
    row(S::Authorized, K::Dropped, S::Cancelled),
    row(S::Authorized, K::Expired, S::Expired),
    row(S::Captured, K::Confirmed, S::Confirmed),
    row(S::Captured, K::Cancelled, S::Cancelled),
    row(S::Captured, K::Dropped, S::Cancelled),
    row(S::Captured, K::Expired, S::Expired),
    row(S::Confirmed, K::Authorized, S::Confirmed),
    row(S::Confirmed, K::Captured, S::Confirmed),
    row(S::Confirmed, K::Voided, S::Confirmed),
    row(S::Confirmed, K::CaptureRefused, S::Confirmed),
    row(S::Confirmed, K::CaptureRequested, S::Confirmed),
    row(S::Confirmed, K::RefundStarted, S::Confirmed),
    row(S::Confirmed, K::RefundObserved, S::Confirmed),
    row(S::Confirmed, K::RefundRetried, S::Confirmed),
    row(S::Confirmed, K::Transferred, S::Confirmed),
    row(S::Confirmed, K::Exchanged, S::Confirmed),
    row(S::Confirmed, K::DisputeOpened, S::Confirmed),
    row(S::Confirmed, K::DisputeClosed, S::Confirmed),
    row(S::Confirmed, K::Redeemed, S::Confirmed),
    row(S::Confirmed, K::Reversed, S::Cancelled),
    row(S::Cancelled, K::ActionRequired, S::Cancelled),
    row(S::Cancelled, K::Authorized, S::Cancelled),
    row(S::Cancelled, K::Captured, S::Cancelled),
    row(S::Cancelled, K::Declined, S::Cancelled),
    row(S::Cancelled, K::Voided, S::Cancelled),
    row(S::Cancelled, K::RefundStarted, S::Cancelled),
    row(S::Cancelled, K::RefundObserved, S::Cancelled),
    row(S::Cancelled, K::RefundRetried, S::Cancelled),
    row(S::Cancelled, K::DisputeOpened, S::Cancelled),
    row(S::Cancelled, K::DisputeClosed, S::Cancelled),
    row(S::Expired, K::ActionRequired, S::Expired),
    row(S::Expired, K::Authorized, S::Expired),
    row(S::Expired, K::Captured, S::Expired),
    row(S::Expired, K::Declined, S::Expired),
    row(S::Expired, K::Voided, S::Expired),
    row(S::Expired, K::RefundStarted, S::Expired),
    row(S::Expired, K::RefundObserved, S::Expired),
    row(S::Expired, K::RefundRetried, S::Expired),
    row(S::Expired, K::DisputeOpened, S::Expired),
    row(S::Expired, K::DisputeClosed, S::Expired),
    row(S::Expired, K::LateConfirmed, S::Confirmed),
    row(S::Expired, K::LateRefused, S::Cancelled),
];

/// The row for a step in a state, if the step is legal there.
#[must_use]
pub fn transition(from: Option<OrderState>, step: StepKind) -> Option<&'static Transition> {
    TRANSITIONS.iter().find(|row| (row.from, row.step) == (from, step))
}
