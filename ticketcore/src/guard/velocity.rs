//! [`Counters`]: how often something happened within the last so many seconds.
//!
//! A window slides, and what is kept of it is two numbers: how often in the stretch of time that is under way, and how often in the one
//! before, of which that share counts that the window still covers. The count is exact if things came evenly in the stretch before, and never
//! wrong by more than what came there. 24 bytes a counter.

use super::key::Key;
use super::table::{Fullness, Memory, Table, halves, whole};
use crate::time::UtcMs;

/// Seconds of a window at most: a week.
pub const WINDOW_SECONDS_MAX: u32 = 7 * 86_400;

/// Number of the stretch, its length in seconds, how often in it, how often in the one before.
type Window = [u32; 4];

impl Memory for Window {
    const WORDS: usize = 2;

    fn read(words: &[u64]) -> Self {
        let [number, seconds] = halves(words[0]);
        let [now, before] = halves(words[1]);
        [number, seconds, now, before]
    }

    fn write(self, words: &mut [u64]) {
        words[0] = whole([self[0], self[1]]);
        words[1] = whole([self[2], self[3]]);
    }

    fn weight(&self, now_ms: u64) -> u64 {
        if self[1] == 0 { 0 } else { u64::from(count(&moved(*self, self[1], now_ms), now_ms)) }
    }
}

/// A counter as it is kept elsewhere: its key, and in 32 bits each the number of the stretch of time that is under way, its length in seconds,
/// how often in it, how often in the one before.
pub type KeptCounter = (Key, [u32; 4]);

/// Counters for any number of keys in a memory of fixed size.
pub struct Counters {
    table: Table<Window>,
}

impl Counters {
    /// Room for so many counters.
    #[must_use]
    pub fn new(counters_max: usize) -> Self {
        Self { table: Table::new(counters_max) }
    }

    /// Counts `times` more, and says how often it has been within the last `seconds`, these included.
    pub fn add(&self, key: Key, seconds: u32, times: u32, clock: UtcMs) -> u32 {
        let (key, seconds) = of(key, seconds);
        self.table.update(key, clock, |window, now_ms| {
            *window = moved(*window, seconds, now_ms);
            window[2] = window[2].saturating_add(times);
            count(window, now_ms)
        })
    }

    /// Takes `times` back that were counted before, as far as they are within the window.
    pub fn take_back(&self, key: Key, seconds: u32, times: u32, clock: UtcMs) {
        let (key, seconds) = of(key, seconds);
        self.table.update(key, clock, |window, now_ms| {
            *window = moved(*window, seconds, now_ms);
            let later = times.min(window[2]);
            window[2] -= later;
            window[3] = window[3].saturating_sub(times - later);
        });
    }

    /// How often it has been within the last `seconds`.
    #[must_use]
    pub fn count(&self, key: Key, seconds: u32, clock: UtcMs) -> u32 {
        let (key, seconds) = of(key, seconds);
        self.table.look(key, clock, |window, now_ms| count(&moved(*window, seconds, now_ms), now_ms))
    }

    /// All that still counts, part by part, to be [recalled](Self::recall) elsewhere or later. O(counters there is room for).
    pub fn parts(&self, clock: UtcMs) -> impl Iterator<Item = Vec<KeptCounter>> {
        self.table.parts(clock, |key, window, now_ms| (window.weight(now_ms) > 0).then_some((key, window)))
    }

    /// Goes on with a counter of [`parts`](Self::parts), as far as its window is not over: from now on that is how often it was.
    pub fn recall(&self, (key, kept): KeptCounter, clock: UtcMs) {
        let seconds = kept[1].clamp(1, WINDOW_SECONDS_MAX);
        self.table.update(key, clock, |window, now_ms| *window = moved(kept, seconds, now_ms));
    }

    /// How full the memory is.
    #[must_use]
    pub fn fullness(&self) -> Fullness {
        self.table.fullness()
    }
}

/// Windows of different lengths are counters of their own.
fn of(key: Key, seconds: u32) -> (Key, u32) {
    let seconds = seconds.clamp(1, WINDOW_SECONDS_MAX);
    (key.with(u64::from(seconds)), seconds)
}

/// The window when time has gone on.
fn moved(window: Window, seconds: u32, now_ms: u64) -> Window {
    let number = u32::try_from(now_ms / 1_000 / u64::from(seconds)).unwrap_or(u32::MAX);
    match number.checked_sub(window[0]) {
        Some(0) if window[1] == seconds => window,
        Some(1) if window[1] == seconds => [number, seconds, 0, window[2]],
        _ => [number, seconds, 0, 0],
    }
}

fn count(window: &Window, now_ms: u64) -> u32 {
    let [_, seconds, now, before] = *window;
    let whole = u64::from(seconds) * 1_000;
    let covered = whole - now_ms % whole;
    let share = u64::from(before) * covered / whole;
    now.saturating_add(u32::try_from(share).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Keyed, Subject};

    fn key(name: &[u8]) -> Key {
        Keyed::new([5; 16]).key(Subject::Device, 0, name)
    }

    #[test]
    fn what_is_long_ago_no_longer_counts() {
        let counters = Counters::new(1_024);
        let at = |s: u64| UtcMs(1_000_000_000 + s * 1_000);
        for n in 0..10 {
            assert_eq!(counters.add(key(b"a"), 100, 1, at(n)), u32::try_from(n).unwrap() + 1);
        }
        assert_eq!(counters.count(key(b"a"), 100, at(99)), 10);
        assert_eq!(counters.count(key(b"a"), 100, at(150)), 5, "half of the stretch before");
        assert_eq!(counters.count(key(b"a"), 100, at(190)), 1);
        assert_eq!(counters.count(key(b"a"), 100, at(200)), 0);
        assert_eq!(counters.count(key(b"a"), 100, at(100_000)), 0);
        assert_eq!(counters.count(key(b"b"), 100, at(0)), 0);
        assert_eq!(counters.count(key(b"a"), 101, at(9)), 0, "a window of its own");
    }

    #[test]
    fn what_is_taken_back_goes_from_the_later_stretch_first() {
        let counters = Counters::new(1_024);
        let at = |s: u64| UtcMs(1_000_000_000 + s * 1_000);
        counters.add(key(b"a"), 100, 3, at(0));
        counters.add(key(b"a"), 100, 2, at(100));
        counters.take_back(key(b"a"), 100, 4, at(100));
        assert_eq!(counters.count(key(b"a"), 100, at(100)), 1);
        counters.take_back(key(b"a"), 100, 9, at(100));
        assert_eq!(counters.count(key(b"a"), 100, at(100)), 0);
        assert_eq!(counters.add(key(b"a"), 100, u32::MAX, at(100)), u32::MAX);
        assert_eq!(counters.add(key(b"a"), 100, u32::MAX, at(100)), u32::MAX);
    }

    #[test]
    fn what_is_recalled_goes_on_within_its_window() {
        let at = |s: u64| UtcMs(1_000_000_000 + s * 1_000);
        let before = Counters::new(64);
        before.add(key(b"a"), 100, 4, at(0));
        before.add(key(b"b"), 1_000, 3, at(0));
        before.add(key(b"c"), 100, 2, at(0));
        before.take_back(key(b"c"), 100, 2, at(0));
        let known: Vec<_> = before.parts(at(0)).flatten().collect();
        assert_eq!(known.len(), 2, "what counts for nothing is not kept");
        let recalled = |later: u64| {
            let after = Counters::new(64);
            known.iter().for_each(|one| after.recall(*one, at(later)));
            (after.count(key(b"a"), 100, at(later)), after.count(key(b"b"), 1_000, at(later)))
        };
        assert_eq!([recalled(50), recalled(150), recalled(500)], [(4, 3), (2, 3), (0, 3)]);
        let after = Counters::new(64);
        known.iter().for_each(|one| after.recall(*one, at(50)));
        assert_eq!(after.add(key(b"a"), 100, 1, at(50)), 5, "it is counted on");
        // What no counter of this kind can be counts for nothing.
        for wrong in [[u32::MAX; 4], [0; 4], [u32::MAX, 0, 9, 9], [0, u32::MAX, 9, 9]] {
            after.recall((key(b"z"), wrong), at(50));
            assert_eq!(after.count(key(b"z"), 100, at(50)), 0);
        }
    }

    #[test]
    fn no_time_and_no_length_is_too_extreme() {
        let counters = Counters::new(8);
        for clock in [0, 1, u64::MAX, 5_000, u64::MAX / 2] {
            for seconds in [0, 1, WINDOW_SECONDS_MAX, u32::MAX] {
                counters.add(key(b"a"), seconds, 1, UtcMs(clock));
                assert!(counters.count(key(b"a"), seconds, UtcMs(clock)) >= 1);
            }
        }
    }
}
