//! Where an order stands.

use serde::{Deserialize, Serialize};

/// Where an order stands. What has become of each payment and refund is told beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Opened: it pins its hold until the payment deadline. No payment is under way.
    Open,
    /// Its seats are sold and its tickets exist.
    Confirmed,
    /// It ended unsold, or its sale was reversed: its seats are free. Money that comes goes back.
    Cancelled,
    /// Its payment deadline passed: its seats are free. Money that comes late may still buy them.
    Expired,
    /// A payment is under way; its outcome is not known yet.
    Paying,
    /// The money is there or reserved, and staff must decide.
    InReview,
    /// The money is reserved.
    Authorized,
    /// The money is in; the order is about to be confirmed.
    Captured,
}

impl OrderState {
    /// Every state, in the order of a normal life.
    pub const ALL: [OrderState; 8] = [
        OrderState::Open,
        OrderState::Paying,
        OrderState::InReview,
        OrderState::Authorized,
        OrderState::Captured,
        OrderState::Confirmed,
        OrderState::Cancelled,
        OrderState::Expired,
    ];

    /// Whether it pins its hold.
    #[must_use]
    pub const fn is_live(self) -> bool {
        !matches!(self, OrderState::Confirmed | OrderState::Cancelled | OrderState::Expired)
    }

    /// Its name as interfaces write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            OrderState::Open => "open",
            OrderState::Paying => "paying",
            OrderState::InReview => "in_review",
            OrderState::Authorized => "authorized",
            OrderState::Captured => "captured",
            OrderState::Confirmed => "confirmed",
            OrderState::Cancelled => "cancelled",
            OrderState::Expired => "expired",
        }
    }
}
