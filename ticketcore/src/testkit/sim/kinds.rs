//! What kinds of outcomes there are, each with a name, from the enums themselves: a new variant can't be left out.

use super::paid::PaidAnswer;
use crate::answer::{Answer, CommandError};
use crate::fact::{Fact, HoldEnd};
use crate::order::{Effect, EndReason, OrderState, PaymentSeen, RefundSeen};

macro_rules! kinds {
    ($name:ident, $list:ident, $type:ty, { $($variant:pat => $kind:literal,)* }) => {
        pub(super) const $list: &[&str] = &[$($kind),*];
        pub(super) const fn $name(of: &$type) -> &'static str {
            match of {
                $($variant => $kind,)*
            }
        }
    };
}

kinds!(fact_kind, FACT_KINDS, Fact, {
    Fact::EventDefined(_) => "event_defined",
    Fact::ManifestChanged(_) => "manifest_changed",
    Fact::SaleStateChanged { .. } => "sale_state_changed",
    Fact::HoldPlaced(_) => "hold_placed",
    Fact::HoldAmended(_) => "hold_amended",
    Fact::HoldExtended(_) => "hold_extended",
    Fact::HoldEnded(crate::fact::HoldEnded { end: HoldEnd::Released, .. }) => "hold_released",
    Fact::HoldEnded(crate::fact::HoldEnded { end: HoldEnd::ForceReleased, .. }) => "hold_force_released",
    Fact::HoldEnded(crate::fact::HoldEnded { end: HoldEnd::Expired, .. }) => "hold_expired",
    Fact::OrderOpened(_) => "order_opened",
    Fact::OrderConfirmed(_) => "order_confirmed",
    Fact::OrderCancelled(_) => "order_cancelled",
    Fact::PaymentRulesSet(_) => "payment_rules_set",
    Fact::CheckoutOpened(_) => "checkout_opened",
    Fact::OrderStepped(_) => "order_stepped",
    Fact::SeatsChanged(_) => "seats_changed",
    Fact::PlacesChanged(_) => "places_changed",
    Fact::AllocationReleased { .. } => "allocation_released",
    Fact::VouchersAdded(_) => "vouchers_added",
    Fact::VouchersRevoked(_) => "vouchers_revoked",
    Fact::HoldPlacedWith(_) => "hold_placed_with",
    Fact::WaitingRulesSet(_) => "waiting_rules_set",
    Fact::WaitingJoined(_) => "waiting_joined",
    Fact::WaitingLeft(_) => "waiting_left",
});

kinds!(error_kind, ERROR_KINDS, CommandError, {
    CommandError::Refused(_) => "refused",
    CommandError::Unknown { .. } => "unknown",
    CommandError::Failed { .. } => "failed",
});

kinds!(answer_kind, ANSWER_KINDS, Answer, {
    Answer::Hold(_) => "hold",
    Answer::Order(_) => "order",
    Answer::Done(crate::answer::Done { revision: None, .. }) => "nothing_to_do",
    Answer::Done(_) => "done",
    Answer::Change(_) => "change",
    Answer::Waiting(_) => "waiting",
});

kinds!(state_kind, STATE_KINDS, OrderState, {
    OrderState::Open => "open",
    OrderState::Confirmed => "confirmed",
    OrderState::Cancelled => "cancelled",
    OrderState::Expired => "expired",
    OrderState::Paying => "paying",
    OrderState::InReview => "in_review",
    OrderState::Authorized => "authorized",
    OrderState::Captured => "captured",
});

kinds!(payment_kind, PAYMENT_KINDS, PaymentSeen, {
    PaymentSeen::ActionRequired { .. } => "action_required",
    PaymentSeen::Authorized { .. } => "authorized",
    PaymentSeen::Captured { .. } => "captured",
    PaymentSeen::Declined { .. } => "declined",
    PaymentSeen::Voided => "voided",
    PaymentSeen::NotFound => "not_found",
});

kinds!(refund_kind, REFUND_KINDS, RefundSeen, {
    RefundSeen::Submitted { .. } => "submitted",
    RefundSeen::Succeeded { .. } => "succeeded",
    RefundSeen::Failed { retry: true, .. } => "failed_for_now",
    RefundSeen::Failed { .. } => "failed",
    RefundSeen::NotFound => "not_found",
});

kinds!(effect_kind, EFFECT_KINDS, Effect, {
    Effect::Authorize(_) => "authorize",
    Effect::LookUp(_) => "look_up",
    Effect::Capture(_) => "capture",
    Effect::Void(_) => "void",
    Effect::Refund { .. } => "refund",
    Effect::LookUpRefund { .. } => "look_up_refund",
    Effect::Confirm => "confirm",
    Effect::Drop(_) => "drop",
    Effect::SettleLate => "settle_late",
    Effect::StartRefund { .. } => "start_refund",
    Effect::Reverse => "reverse",
});

kinds!(reason_kind, REASON_KINDS, EndReason, {
    EndReason::Declined => "declined",
    EndReason::Rejected => "rejected",
    EndReason::EventCancelled => "event_cancelled",
    EndReason::OverLimit => "over_limit",
    EndReason::WrongAmount => "wrong_amount",
    EndReason::TooLate => "too_late",
    EndReason::CaptureRefused => "capture_refused",
    EndReason::Surplus => "surplus",
    EndReason::Asked => "asked",
});

kinds!(paid_kind, PAID_KINDS, PaidAnswer, {
    PaidAnswer::Order(_) => "order",
    PaidAnswer::Stepped(crate::answer::Stepped { revision: None, .. }) => "nothing_to_do",
    PaidAnswer::Stepped(crate::answer::Stepped { replayed: true, .. }) => "stepped, again",
    PaidAnswer::Stepped(_) => "stepped",
    PaidAnswer::Done(_) => "done",
});
