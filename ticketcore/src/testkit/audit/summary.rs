//! Totals of an audited journal.

use super::ledger::MoneySummary;
use crate::id::Revision;
use crate::time::UtcMs;

/// Totals of an audited journal. Places are seats and places of areas together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditSummary {
    /// The last revision.
    pub revision: Revision,
    /// The time of the last fact.
    pub at: UtcMs,
    /// Facts folded.
    pub facts: u64,
    /// Holds placed in all.
    pub holds_placed: u64,
    /// Holds that have not ended, overdue ones included.
    pub holds_live: u64,
    /// Holds given back by their users.
    pub holds_released: u64,
    /// Holds taken back by staff.
    pub holds_force_released: u64,
    /// Holds whose time ran out, those of open orders included.
    pub holds_expired: u64,
    /// Orders opened in all.
    pub orders_opened: u64,
    /// Orders that are open now.
    pub orders_open: u64,
    /// Orders confirmed.
    pub orders_confirmed: u64,
    /// Orders cancelled.
    pub orders_cancelled: u64,
    /// Orders whose payment deadline passed.
    pub orders_expired: u64,
    /// Places for sale now.
    pub free: u64,
    /// Places in live holds.
    pub held: u64,
    /// Places sold: tickets issued.
    pub sold: u64,
    /// Places taken off sale by staff.
    pub blocked: u64,
    /// The total of all orders that were ever confirmed, in minor units of the event's currency.
    pub money_minor: i64,
    /// What gateways did with money.
    pub money: MoneySummary,
}
