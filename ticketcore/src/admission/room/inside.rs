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
    paused: Option<UtcMs>,
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

    /// While nothing can be held nobody's time runs out.
    pub fn pause(&mut self, at: UtcMs) {
        self.paused.get_or_insert(at);
    }

    /// Everybody has as much time left as when the pause began. O(people inside).
    pub fn resume(&mut self, at: UtcMs) {
        let Some(paused) = self.paused.take() else { return };
        let ms = at.since_ms(paused);
        for inside in self.by_number.values_mut() {
            (inside.came, inside.until) = (inside.came.plus_ms(ms), inside.until.plus_ms(ms));
        }
        let ends = std::mem::take(&mut self.by_end);
        self.by_end = ends.into_iter().map(|(until, number)| (until.plus_ms(ms), number)).collect();
    }

    /// The time by which it is told who is inside: it stands still during a pause.
    fn clock(&self, now: UtcMs) -> UtcMs {
        self.paused.unwrap_or(now)
    }

    /// What somebody has whose admission has not ended. During a pause its times are what they are if time runs on from `now`.
    pub fn get(&self, number: u32, now: UtcMs) -> Option<Let> {
        let clock = self.clock(now);
        let inside = self.by_number.get(&number).copied().filter(|inside| clock < inside.until)?;
        let ms = now.since_ms(clock);
        Some(Let { came: inside.came.plus_ms(ms), until: inside.until.plus_ms(ms), ..inside })
    }

    pub fn forget_ended(&mut self, now: UtcMs) {
        let now = self.clock(now);
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
        let now = self.clock(now);
        let browsing = |inside: &&Let| {
            let new = now < inside.until && now.since_ms(inside.came) < ms;
            new && inside.tickets == inside.granted
        };
        u32::try_from(self.by_number.values().filter(browsing).count()).unwrap_or(u32::MAX)
    }

    /// How many there are. O(log n) and what has ended since it was last forgotten.
    pub fn active(&self, now: UtcMs) -> u32 {
        let ended = self.by_end.range(..=(self.clock(now), u32::MAX)).count();
        u32::try_from(self.by_end.len() - ended).unwrap_or(u32::MAX)
    }
}
