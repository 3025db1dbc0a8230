//! [`StillClock`]: time that moves when the benchmark says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ticketcore::{Clock, UtcMs};

/// A clock that stands still until it is moved. Clones show the same time.
#[derive(Clone, Debug)]
pub struct StillClock(Arc<AtomicU64>);

impl StillClock {
    /// A clock somewhere in the year 2027.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_800_000_000_000)))
    }

    /// Moves it forward.
    pub fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Default for StillClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for StillClock {
    fn now(&self) -> UtcMs {
        UtcMs(self.0.load(Ordering::SeqCst))
    }
}
