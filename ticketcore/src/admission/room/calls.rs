//! [`Calls`]: who was called when.

use std::collections::VecDeque;

use crate::time::UtcMs;

/// Which positions were called when, as far back as anybody can still come.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// When, and until below which position; oldest first.
    calls: VecDeque<(UtcMs, u64)>,
    /// The first position that was not called.
    up_to: u64,
    /// Positions below this were called too long ago to come...
    lost: u64,
    /// ...at this time or before.
    lost_at: UtcMs,
    paused: Option<UtcMs>,
}

/// Calls within so many milliseconds are reckoned as the last of them: the list stays short.
const MERGE_MS: u64 = 250;

impl Calls {
    pub fn push(&mut self, at: UtcMs, up_to: u64, absence_ms: u64) {
        let at = self.clock(at);
        while let Some((called, below)) = self.calls.front().copied() {
            if at.since_ms(called) <= absence_ms {
                break;
            }
            (self.lost, self.lost_at) = (below, called);
            self.calls.pop_front();
        }
        if up_to <= self.up_to {
            return;
        }
        self.up_to = up_to;
        match self.calls.back_mut() {
            Some(last) if at.since_ms(last.0) < MERGE_MS => *last = (at, up_to),
            _ => self.calls.push_back((at, up_to)),
        }
    }

    /// While nobody is let in nobody's time runs out.
    pub fn pause(&mut self, at: UtcMs) {
        self.paused.get_or_insert(at);
    }

    pub fn resume(&mut self, at: UtcMs) {
        if let Some(paused) = self.paused.take() {
            let ms = at.since_ms(paused);
            self.calls.iter_mut().for_each(|(called, _)| *called = called.plus_ms(ms));
        }
    }

    /// The first position that was not called.
    pub const fn up_to(&self) -> u64 {
        self.up_to
    }

    /// When a position was called; `None` if it was not. For one that was lost long ago, a time at or after that.
    pub fn called(&self, position: u64) -> Option<UtcMs> {
        if position >= self.up_to {
            return None;
        }
        if position < self.lost {
            return Some(self.lost_at);
        }
        let at = self.calls.partition_point(|(_, below)| *below <= position);
        self.calls.get(at).map(|(called, _)| *called)
    }

    /// The time by which it is told who is too late: it stands still during a pause.
    pub fn clock(&self, now: UtcMs) -> UtcMs {
        self.paused.unwrap_or(now)
    }

    /// Positions called within the last `ms`.
    pub fn within(&self, now: UtcMs, ms: u64) -> u64 {
        let now = self.clock(now);
        let old = self.calls.partition_point(|(called, _)| now.since_ms(*called) > ms);
        let before = old.checked_sub(1).map_or(self.lost, |at| self.calls[at].1);
        self.up_to - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_knows_when_it_was_called() {
        let mut calls = Calls::default();
        calls.push(UtcMs(1_000), 10, 5_000);
        calls.push(UtcMs(1_100), 12, 5_000);
        calls.push(UtcMs(2_000), 20, 5_000);
        calls.push(UtcMs(2_500), 20, 5_000);
        assert_eq!(calls.up_to(), 20);
        assert_eq!(calls.called(0), Some(UtcMs(1_100)));
        assert_eq!(calls.called(11), Some(UtcMs(1_100)));
        assert_eq!(calls.called(12), Some(UtcMs(2_000)));
        assert_eq!(calls.called(19), Some(UtcMs(2_000)));
        assert_eq!(calls.called(20), None);
        assert_eq!(calls.within(UtcMs(2_500), 600), 8);
        calls.push(UtcMs(6_500), 30, 5_000);
        assert_eq!(calls.called(3), Some(UtcMs(1_100)), "lost, and known to be");
        assert_eq!(calls.called(12), Some(UtcMs(2_000)));
        assert_eq!(calls.calls.len(), 2);
    }

    #[test]
    fn a_pause_is_not_counted() {
        let mut calls = Calls::default();
        calls.push(UtcMs(1_000), 10, 5_000);
        calls.pause(UtcMs(2_000));
        calls.pause(UtcMs(3_000));
        assert_eq!(calls.clock(UtcMs(9_000)), UtcMs(2_000));
        calls.resume(UtcMs(12_000));
        assert_eq!(calls.called(0), Some(UtcMs(11_000)));
        assert_eq!(calls.clock(UtcMs(12_000)), UtcMs(12_000));
    }
}
