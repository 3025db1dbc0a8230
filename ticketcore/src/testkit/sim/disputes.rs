//! What a gateway says of disputes: in part or in whole, several at once, their ends before their beginnings, and the same again.

use super::world::World;
use crate::order::{StaffAction, Word};

/// Names of disputes: few, so that most come again.
const NAMES: [&str; 3] = ["dp_1", "dp_2", "dp_3"];

impl World {
    /// Something is said of a dispute of an attempt.
    pub fn dispute(&mut self, attempt: u32) -> StaffAction {
        let reference = Word::cut(NAMES[self.rng.index(NAMES.len())]);
        // Nothing, a part, or more than there is.
        let amount_minor = *self.rng.pick(&[0, 1, 150, 150, 300, 300, 700, i64::MAX]);
        if self.rng.chance(50) {
            StaffAction::OpenDispute { attempt, reference, amount_minor }
        } else {
            let won = self.rng.chance(50);
            StaffAction::CloseDispute { attempt, reference, amount_minor, won }
        }
    }
}
