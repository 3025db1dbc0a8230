//! Time: UTC milliseconds and the one place that reads the machine's clock.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UtcMs(pub u64);

impl UtcMs {
    /// The end of time: a deadline that never comes.
    pub const NEVER: UtcMs = UtcMs(u64::MAX);

    /// This instant, `ms` milliseconds later; stops at [`UtcMs::NEVER`].
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> UtcMs {
        UtcMs(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant, 0 if it is later.
    #[must_use]
    pub const fn since_ms(self, earlier: UtcMs) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UtcMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Where the engine learns the time. It may jump both ways: the engine never logs a time before the last
/// one it logged, and after a step back lets logged time run at half speed until the clock has caught up.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> UtcMs;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one reader of real time")]
    fn now(&self) -> UtcMs {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UtcMs(since.as_secs().saturating_mul(1_000).saturating_add(u64::from(since.subsec_millis())))
    }
}
