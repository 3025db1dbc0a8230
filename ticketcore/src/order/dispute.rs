//! A dispute of an order's money.

use serde::{Deserialize, Serialize};

use super::word::Word;

/// Where a dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// Nobody has decided yet.
    Open,
    /// The money is ours.
    Won,
    /// The money is gone, as far as there was any.
    Lost,
}

/// Money that who paid wants back through his bank.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The gateway's name of it: an order has one of each name.
    pub reference: Word,
    /// Of which attempt's money, from 1.
    pub attempt: u32,
    /// How much is disputed, in minor units: never more than was captured and not lost before.
    pub amount_minor: i64,
    /// Where it stands.
    pub state: DisputeState,
    /// What it took, in minor units: what was disputed, as far as that was left.
    pub lost_minor: i64,
}

impl Dispute {
    /// Whether nobody has decided yet.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, DisputeState::Open)
    }
}
