//! Which step leads from which state of an order to which: the auditor's own table, written from what an order is, by step.

use crate::order::{OrderState as S, StepKind as K};

/// Where `step` leads from `from`; `None` if it is not legal there. `review`: staff must still look at the order.
///
/// A payment attempt that is not the order's last never changes where the order stands.
pub(super) fn leads_to(from: S, step: K, review: bool) -> Option<S> {
    let live = matches!(from, S::Open | S::Paying | S::InReview | S::Authorized | S::Captured);
    let stays = |in_states: &[S]| in_states.contains(&from).then_some(from);
    match step {
        K::Opened => None,
        K::PaymentStarted => (from == S::Open).then_some(S::Paying),
        K::ActionRequired => stays(&[S::Paying, S::Cancelled, S::Expired]),
        K::Declined => match from {
            S::Paying => Some(S::Open),
            _ => stays(&[S::Cancelled, S::Expired]),
        },
        K::Voided => match from {
            S::Open | S::Paying | S::InReview | S::Authorized => Some(S::Open),
            _ => stays(&[S::Confirmed, S::Cancelled, S::Expired]),
        },
        K::Authorized | K::Captured => match from {
            S::Open | S::Paying if review => Some(S::InReview),
            S::Open | S::Paying if step == K::Authorized => Some(S::Authorized),
            S::Open | S::Paying => Some(S::Captured),
            S::InReview if step == K::Captured => Some(S::InReview),
            S::Authorized if step == K::Captured => Some(S::Captured),
            S::InReview | S::Authorized | S::Captured => None,
            S::Confirmed | S::Cancelled | S::Expired => Some(from),
        },
        K::CaptureRefused => stays(&[S::Authorized, S::Confirmed]),
        K::Approved => (from == S::InReview).then_some(S::Authorized),
        K::Confirmed => matches!(from, S::Open | S::Authorized | S::Captured).then_some(S::Confirmed),
        K::ConfirmedOutside => (from == S::Open).then_some(S::Confirmed),
        K::Cancelled | K::Dropped => live.then_some(S::Cancelled),
        K::Expired => live.then_some(S::Expired),
        K::LateConfirmed => (from == S::Expired).then_some(S::Confirmed),
        K::LateRefused => (from == S::Expired).then_some(S::Cancelled),
        K::RefundStarted | K::RefundObserved | K::RefundRetried | K::DisputeOpened | K::DisputeClosed => {
            stays(&[S::Confirmed, S::Cancelled, S::Expired])
        }
        K::CaptureRequested | K::Transferred | K::Exchanged | K::Redeemed => stays(&[S::Confirmed]),
        K::Reversed => (from == S::Confirmed).then_some(S::Cancelled),
    }
}
