//! The order machine: what a hold becomes at checkout.
//!
//! | state | `OrderConfirmed` | `OrderCancelled` | deadline passes |
//! |---|---|---|---|
//! | open | confirmed | cancelled | expired |
//! | confirmed, cancelled, expired | - | - | - |

mod observed;
mod word;

use serde::{Deserialize, Serialize};

pub use observed::{Identity, PaymentSeen, RefundSeen};
pub use word::Word;

use crate::fact::{Fact, HoldEnd};

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Opened: it pins its hold until the payment deadline.
    Open,
    /// Paid: its seats are sold and its tickets exist. Final.
    Confirmed,
    /// Cancelled before it was confirmed: its seats are free. Final.
    Cancelled,
    /// Its payment deadline passed: its seats are free. Final.
    Expired,
}

impl OrderState {
    /// Every state.
    pub const ALL: [OrderState; 4] =
        [OrderState::Open, OrderState::Confirmed, OrderState::Cancelled, OrderState::Expired];

    /// The state after `fact`, which is about this order; `None` if the fact is illegal in this state.
    /// `None` as the old state means that there is no order yet.
    #[must_use]
    pub fn after(before: Option<OrderState>, fact: &Fact) -> Option<OrderState> {
        match (before, fact) {
            (None, Fact::OrderOpened(_)) => Some(OrderState::Open),
            (Some(OrderState::Open), Fact::OrderConfirmed(_)) => Some(OrderState::Confirmed),
            (Some(OrderState::Open), Fact::OrderCancelled(_)) => Some(OrderState::Cancelled),
            (Some(OrderState::Open), Fact::HoldEnded(ended)) if ended.end == HoldEnd::Expired => {
                Some(OrderState::Expired)
            }
            _ => None,
        }
    }

    /// Whether nothing can change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, OrderState::Open)
    }
}
