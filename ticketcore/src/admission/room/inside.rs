//! [`Inside`]: who was let in.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::time::UtcMs;

/// What somebody who was let in has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Let {
    pub until: UtcMs,
    pub tickets: u32,
}

/// Who was let in and is not out again. As many as the controller lets in, however many wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Inside {
    by_number: HashMap<u32, Let>,
    by_end: BTreeSet<(UtcMs, u32)>,
}

impl Inside {
    pub fn come_in(&mut self, number: u32, until: UtcMs, tickets: u32) {
        self.go_out(number);
        self.by_number.insert(number, Let { until, tickets });
        self.by_end.insert((until, number));
    }

    pub fn go_out(&mut self, number: u32) {
        if let Some(gone) = self.by_number.remove(&number) {
            self.by_end.remove(&(gone.until, number));
        }
    }

    pub fn set_tickets(&mut self, number: u32, left: u32) {
        if let Some(inside) = self.by_number.get_mut(&number) {
            inside.tickets = left;
        }
    }

    /// What somebody has whose admission has not ended.
    pub fn get(&self, number: u32, now: UtcMs) -> Option<Let> {
        self.by_number.get(&number).copied().filter(|inside| now < inside.until)
    }

    pub fn forget_ended(&mut self, now: UtcMs) {
        while let Some((until, number)) = self.by_end.first().copied() {
            if now < until {
                return;
            }
            self.by_end.pop_first();
            self.by_number.remove(&number);
        }
    }

    /// How many there are. O(log n) and what has ended since it was last forgotten.
    pub fn active(&self, now: UtcMs) -> u32 {
        let ended = self.by_end.range(..=(now, u32::MAX)).count();
        u32::try_from(self.by_end.len() - ended).unwrap_or(u32::MAX)
    }
}
