//! What a round of the reconciler found and did.

use crate::answer::DueOrder;
use crate::gateway::ListedCharge;
use crate::order::{Finding, Word};
use crate::time::UtcMs;

/// Entries that a list of a report keeps; all are counted.
pub(super) const LISTED_MAX: usize = 100;

/// A list whose beginning is kept and whose length is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// How many there were.
    pub count: u64,
    /// The first 100 of them.
    pub first: Vec<T>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Listed<T> {
    pub(super) fn push(&mut self, entry: T) {
        self.count += 1;
        if self.first.len() < LISTED_MAX {
            self.first.push(entry);
        }
    }

    /// Whether there were none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Money in a gateway's list that the orders do not account for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeFinding {
    /// It bears none of our keys: somebody else's, or made by hand. Never touched.
    Foreign {
        /// The gateway.
        gateway: Word,
        /// What it lists.
        charge: ListedCharge,
    },
    /// It bears our key, and there is no such order or attempt here. See [`Orphans`](crate::checkout::Orphans).
    Orphan {
        /// The gateway.
        gateway: Word,
        /// What it lists.
        charge: ListedCharge,
        /// Whether it was given back now.
        given_back: bool,
    },
    /// A second charge under the key of an attempt whose money is another one's.
    Twice {
        /// The gateway.
        gateway: Word,
        /// What it lists.
        charge: ListedCharge,
    },
    /// The gateway and the order do not agree how much was taken, given back or is reserved.
    Differs {
        /// The gateway.
        gateway: Word,
        /// What it lists.
        charge: ListedCharge,
        /// What the order says was captured, in minor units.
        captured_minor: i64,
        /// What the order says went back, in minor units.
        refunded_minor: i64,
    },
}

/// What a round of the reconciler found and did. Everything in it is bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReconcileReport {
    /// When it began.
    pub at: UtcMs,
    /// Events it looked at.
    pub events: u64,
    /// Orders with something to be done about them.
    pub due: u64,
    /// Those that are driven from now on.
    pub resumed: u64,
    /// Those that were driven already.
    pub driven: u64,
    /// Those that wait: for a gateway in trouble, for room, or because they were looked up a moment ago.
    pub waiting: u64,
    /// Those that wait for the host: their gateway is not ours.
    pub foreign: Listed<DueOrder>,
    /// What orders and holds show that should not be so for long, and has been for a while.
    pub findings: Listed<Finding>,
    /// The same of everything: a round looks over a part of the orders, and this is what each part showed when it was looked over last. At
    /// most [`STANDING_MAX`](Self::STANDING_MAX).
    pub standing: Vec<Finding>,
    /// Overdue holds that were expired.
    pub expired: u64,
    /// Payments in the gateways' lists that were looked at.
    pub charges: u64,
    /// Those that said something new of an order.
    pub observed: u64,
    /// Those that the orders do not account for.
    pub unaccounted: Listed<ChargeFinding>,
    /// What could not be read or asked. The next round tries again.
    pub errors: Listed<String>,
    /// There is more than a round does: the next one goes on where this one ended.
    pub more: bool,
}

impl ReconcileReport {
    /// As many findings as are kept of all rounds, in [`standing`](Self::standing).
    pub const STANDING_MAX: usize = 1_000;

    /// Whether nothing was found that somebody should look at.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.unaccounted.is_empty() && self.errors.is_empty()
    }
}
