//! A clock that runs faster than the real one, so that minutes of a sale pass in a second and holds really run out.

use std::time::{Duration, Instant};

use ticketcore::{Clock, UtcMs};

/// The day of the sale, 2026-06-01T10:00:00Z.
const START: UtcMs = UtcMs(1_780_308_000_000);

/// `speed` times as fast as the machine's monotonic clock.
pub struct FastClock {
    begun: Instant,
    /// What it showed then.
    from: UtcMs,
    speed: u64,
}

impl FastClock {
    /// A clock that starts now.
    pub fn new(speed: u64) -> Self {
        Self::late(speed, Duration::ZERO)
    }

    /// A clock that was started so long ago.
    pub fn late(speed: u64, ago: Duration) -> Self {
        let micros = u64::try_from(ago.as_micros()).unwrap_or(u64::MAX);
        Self { begun: Instant::now(), from: START.plus_ms(micros.saturating_mul(speed) / 1_000), speed }
    }

    /// How many times as fast as real time.
    pub const fn speed(&self) -> u64 {
        self.speed
    }

    /// The time at a real instant.
    pub fn at(&self, instant: Instant) -> UtcMs {
        let micros = u64::try_from(instant.duration_since(self.begun).as_micros()).unwrap_or(u64::MAX);
        self.from.plus_ms(micros.saturating_mul(self.speed) / 1_000)
    }

    /// Real time until `then`.
    pub fn until(&self, then: UtcMs) -> Duration {
        Duration::from_micros(then.since_ms(self.now()) * 1_000 / self.speed)
    }
}

impl Clock for FastClock {
    fn now(&self) -> UtcMs {
        self.at(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_runs_faster_by_the_factor() {
        let clock = FastClock::new(600);
        let later = clock.begun + Duration::from_millis(10);
        assert_eq!(clock.at(later).since_ms(clock.at(clock.begun)), 6_000);
    }
}
