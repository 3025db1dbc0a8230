//! What a gateway says of disputes: in part or in whole, several at once, their ends before their beginnings, and the same again.

use crate::order::{StaffAction, Word};

/// Names of disputes: few, so that most come again.
const NAMES: [&str; 3] = ["dp_1", "dp_2", "dp_3"];
/// How much is disputed: nothing, a part, or more than there is.
const AMOUNTS: [i64; 7] = [150, i64::MAX, 300, 1, 700, 300, 0];

/// Of which attempt, by which name, and how much, the so-many-th time that something is said of one.
pub(super) struct Said {
    attempt: u32,
    reference: Word,
    amount_minor: i64,
}

impl Said {
    pub fn new(attempt: u32, serial: u64) -> Self {
        let pick = |of: usize| usize::try_from(serial % of as u64).unwrap_or_default();
        let reference = Word::cut(NAMES[pick(NAMES.len())]);
        Self { attempt, reference, amount_minor: AMOUNTS[pick(AMOUNTS.len())] }
    }

    /// It has begun.
    pub fn begun(self) -> StaffAction {
        let Self { attempt, reference, amount_minor } = self;
        StaffAction::OpenDispute { attempt, reference, amount_minor }
    }

    /// It is over.
    pub fn over(self, won: bool) -> StaffAction {
        let Self { attempt, reference, amount_minor } = self;
        StaffAction::CloseDispute { attempt, reference, amount_minor, won }
    }
}
