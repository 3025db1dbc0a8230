//! [`Inside`]: who was let in.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::time::UtcMs;

/// What somebody who was let in has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Let {
    pub came: UtcMs,
    pub until: UtcMs,
    /// Tickets he may still buy...
    pub tickets: u32,
    /// ...and could when he came in.
    granted: u32,
}

/// How many people have passed, and what they took, since the room was opened here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// People who came in.
    pub came: u64,
    /// People who went out, by themselves or because their time was over and it was [noticed](super::Room::forget_ended).
    pub went: u64,
    /// Tickets that these had used up.
    pub taken: u64,
}

/// Who was let in and is not out again. As many as the controller lets in, however many wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Inside {
    by_number: HashMap<u32, Let>,
    by_end: BTreeSet<(UtcMs, u32)>,
    turnover: Turnover,
}

impl Inside {
    pub fn come_in(&mut self, number: u32, (came, until): (UtcMs, UtcMs), tickets: u32) {
        self.go_out(number);
        self.by_number.insert(number, Let { came, until, tickets, granted: tickets });
        self.by_end.insert((until, number));
        self.turnover.came += 1;
    }

    pub fn go_out(&mut self, number: u32) {
        if let Some(gone) = self.by_number.remove(&number) {
            self.by_end.remove(&(gone.until, number));
            self.count_out(gone);
        }
    }

    fn count_out(&mut self, gone: Let) {
        self.turnover.went += 1;
        self.turnover.taken += u64::from(gone.granted.saturating_sub(gone.tickets));
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
            if let Some(gone) = self.by_number.remove(&number) {
                self.count_out(gone);
            }
        }
    }

    pub const fn turnover(&self) -> Turnover {
        self.turnover
    }

    /// How many came in within the last `ms` and have used no ticket up. O(n).
    pub fn browsing(&self, now: UtcMs, ms: u64) -> u32 {
        let browsing = |inside: &&Let| {
            let new = now < inside.until && now.since_ms(inside.came) < ms;
            new && inside.tickets == inside.granted
        };
        u32::try_from(self.by_number.values().filter(browsing).count()).unwrap_or(u32::MAX)
    }

    /// How many there are. O(log n) and what has ended since it was last forgotten.
    pub fn active(&self, now: UtcMs) -> u32 {
        let ended = self.by_end.range(..=(now, u32::MAX)).count();
        u32::try_from(self.by_end.len() - ended).unwrap_or(u32::MAX)
    }
}
