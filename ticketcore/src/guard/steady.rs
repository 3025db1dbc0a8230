//! [`Steady`]: time that never goes back, from a clock that may jump.

use crate::time::UtcMs;

/// A clock that is so much behind what was heard last has not been set back: several threads read it and came here in another order.
const OUT_OF_ORDER_MS: u64 = 1_000;
/// Later than this no clock is believed (the year 2262): times in nanoseconds must fit into 64 bits, with room for a day.
const LATEST_MS: u64 = i64::MAX as u64 / 1_000_000;

/// Time that never goes back. After the clock was set back it goes on from where it was, so that nobody waits for the time that now comes
/// twice. A clock that is set forward can't be told from a pause: everybody has his burst again, once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steady {
    /// The clock when it was last heard.
    heard: u64,
    /// By how much time here is ahead of the clock.
    ahead: u64,
}

impl Steady {
    /// Milliseconds; never less than before.
    pub fn now(&mut self, clock: UtcMs) -> u64 {
        let clock = clock.0.min(LATEST_MS);
        match self.heard.checked_sub(clock) {
            None | Some(0) => self.heard = clock,
            Some(back) if back <= OUT_OF_ORDER_MS => {}
            Some(back) => {
                self.ahead = (self.ahead + back).min(LATEST_MS);
                self.heard = clock;
            }
        }
        (self.heard + self.ahead).min(LATEST_MS)
    }

    /// The same without hearing: for who only looks.
    pub fn look(&self, clock: UtcMs) -> u64 {
        let mut copy = *self;
        copy.now(clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_after_a_step_back_and_ignores_order() {
        let mut steady = Steady::default();
        assert_eq!(steady.now(UtcMs(10_000)), 10_000);
        assert_eq!(steady.now(UtcMs(9_500)), 10_000, "another thread's reading");
        assert_eq!(steady.now(UtcMs(10_100)), 10_100, "and it has not sped up time");
        assert_eq!(steady.now(UtcMs(5_000)), 10_100, "set back");
        assert_eq!(steady.now(UtcMs(6_000)), 11_100, "and on");
        assert_eq!(steady.look(UtcMs(6_500)), 11_600);
        for extreme in [u64::MAX, 0, u64::MAX, 0, 1] {
            let before = steady.look(UtcMs(extreme));
            assert_eq!(steady.now(UtcMs(extreme)), before);
        }
        assert_eq!(steady.now(UtcMs(2)), LATEST_MS);
    }
}
