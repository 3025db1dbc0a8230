//! The invariants, by the names that tests, the auditor and the simulator print.

use std::fmt;

use crate::id::Revision;

/// What must hold at every revision of every journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// A seat has at most one live hold or sale.
    I1OneOwner,
    /// free + held + sold + blocked = capacity for every section, area, allocation and quota.
    I2Conservation,
    /// An idempotency key names at most one accepted outcome.
    I3OneAnswer,
    /// A hold past its effective deadline never becomes an order or a sale.
    I4DeadIsDead,
    /// An acknowledged outcome survives any crash.
    I5Durable,
    /// Nobody is told what a crash could still undo.
    I6NoGhosts,
    /// Every captured payment ends as tickets or a refund.
    I7Money,
    /// The same commands in the same sequence give the same facts.
    I8SameFacts,
    /// After a storage failure that may have lost data nothing more is acknowledged.
    I9FailStop,
    /// No user holds plus owns more than the event's limit.
    I10Limits,
    /// Nobody improves a waiting-room position.
    I11Fair,
    /// A hold becomes at most one live order.
    I12OneOrder,
}

impl Invariant {
    /// Every invariant.
    pub const ALL: [Invariant; 12] = [
        Invariant::I1OneOwner,
        Invariant::I2Conservation,
        Invariant::I3OneAnswer,
        Invariant::I4DeadIsDead,
        Invariant::I5Durable,
        Invariant::I6NoGhosts,
        Invariant::I7Money,
        Invariant::I8SameFacts,
        Invariant::I9FailStop,
        Invariant::I10Limits,
        Invariant::I11Fair,
        Invariant::I12OneOrder,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Invariant::I1OneOwner => "I1 one owner",
            Invariant::I2Conservation => "I2 conservation",
            Invariant::I3OneAnswer => "I3 one answer",
            Invariant::I4DeadIsDead => "I4 dead is dead",
            Invariant::I5Durable => "I5 durable",
            Invariant::I6NoGhosts => "I6 no ghosts",
            Invariant::I7Money => "I7 money",
            Invariant::I8SameFacts => "I8 same facts",
            Invariant::I9FailStop => "I9 fail stop",
            Invariant::I10Limits => "I10 limits",
            Invariant::I11Fair => "I11 fair",
            Invariant::I12OneOrder => "I12 one order",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An invariant does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant} violated at {revision}: {what}")]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// Where in the journal.
    pub revision: Revision,
    /// What was found.
    pub what: String,
}

impl Violation {
    /// A violation.
    #[must_use]
    pub fn new(invariant: Invariant, revision: Revision, what: impl Into<String>) -> Self {
        Self { invariant, revision, what: what.into() }
    }
}
