//! [`Scope`]: what an API key allows.

use serde::{Deserialize, Serialize};

/// What an API key allows.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Acting for buyers that the key's owner names: holds, orders, payments.
    Sell,
    /// What staff does to orders: refunds, exchanges, reviews, payments outside; seeing everybody's.
    Orders,
    /// Checking tickets in.
    Checkin,
    /// Venues, events, sale states, blocks.
    Events,
    /// API keys.
    Keys,
    /// Holding and ordering without an admission from the waiting room.
    PassRoom,
    /// Payments that the vendor takes himself: what is due, and what became of it.
    Payments,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 7] = [
        Scope::Sell,
        Scope::Orders,
        Scope::Checkin,
        Scope::Events,
        Scope::Keys,
        Scope::PassRoom,
        Scope::Payments,
    ];
}
