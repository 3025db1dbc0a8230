//! [`ManualClock`]: time that moves when the test says so.

use std::sync::Arc;

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::{Clock, UtcMs};

/// A clock that stands still until it is told to move, either way. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now_ms: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn new(now: UtcMs) -> Self {
        Self { now_ms: Arc::new(AtomicU64::new(now.0)) }
    }

    /// Jumps to `now`.
    pub fn set(&self, now: UtcMs) {
        self.now_ms.store(now.0, Ordering::SeqCst);
    }

    /// Moves forward; stops at [`UtcMs::NEVER`]. Returns the new time.
    pub fn advance(&self, ms: u64) -> UtcMs {
        self.step(|now| now.saturating_add(ms))
    }

    /// Moves backward; stops at 0. Returns the new time.
    pub fn back(&self, ms: u64) -> UtcMs {
        self.step(|now| now.saturating_sub(ms))
    }

    fn step(&self, to: impl Fn(u64) -> u64) -> UtcMs {
        let mut now = self.now_ms.load(Ordering::SeqCst);
        loop {
            match self.now_ms.compare_exchange_weak(now, to(now), Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return UtcMs(to(now)),
                Err(found) => now = found,
            }
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UtcMs {
        UtcMs(self.now_ms.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time_and_it_moves_both_ways() {
        let clock = ManualClock::new(UtcMs(1_000));
        let other = clock.clone();
        assert_eq!(clock.advance(500), UtcMs(1_500));
        assert_eq!(other.now(), UtcMs(1_500));
        assert_eq!(other.back(2_000), UtcMs(0));
        clock.set(UtcMs(7));
        assert_eq!(other.now(), UtcMs(7));
        assert_eq!(clock.advance(u64::MAX), UtcMs::NEVER);
    }
}
