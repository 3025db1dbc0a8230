//! What maintenance does when a time comes.

use super::Model;
use crate::fact::{Fact, HoldEnd, HoldEnded, Stamp};
use crate::id::{AllocationIndex, HoldNumber};
use crate::time::UtcMs;

impl Model {
    /// Ends a hold that is overdue at `at`. `None` if there is no such hold or it is not.
    pub fn expire(&mut self, number: HoldNumber, at: UtcMs) -> Option<(Stamp, Fact)> {
        let t = self.time(at);
        let hold = self.holds.get(&number).filter(|hold| hold.effective_deadline() <= t)?;
        let (user, lines) = (hold.user, hold.lines.clone());
        let ended = HoldEnded { hold: number, user, end: HoldEnd::Expired, by: None, lines };
        self.logged(t, Fact::HoldEnded(ended));
        self.log.last().cloned()
    }

    /// Releases an allocation whose time has come at `at`. `None` if there is none, or it is not due, or was released.
    pub fn release_due(&mut self, allocation: AllocationIndex, at: UtcMs) -> Option<(Stamp, Fact)> {
        let t = self.time(at);
        let due = self.manifest.allocations().get(allocation.at())?.release_at?;
        if due > t || self.released.contains(&allocation) {
            return None;
        }
        self.logged(t, Fact::AllocationReleased { allocation });
        self.log.last().cloned()
    }

    /// Applies a fact that was decided elsewhere, without judging it.
    pub fn follow(&mut self, stamp: Stamp, fact: &Fact) {
        self.apply(stamp, fact);
        self.log.push((stamp, fact.clone()));
    }

    /// Releases the due allocations, by index, then ends the overdue holds, by deadline, then number. Gives what it
    /// logged.
    pub fn expire_due(&mut self, at: UtcMs) -> Vec<(Stamp, Fact)> {
        let t = self.time(at);
        let before = self.log.len();
        for allocation in (0..self.manifest.allocations().len()).map(AllocationIndex::of) {
            self.release_due(allocation, t);
        }
        let mut due: Vec<(UtcMs, HoldNumber)> =
            self.holds.iter().map(|(number, hold)| (hold.effective_deadline(), *number)).collect();
        due.sort_unstable();
        for (_, number) in due {
            self.expire(number, t);
        }
        self.log[before..].to_vec()
    }
}
