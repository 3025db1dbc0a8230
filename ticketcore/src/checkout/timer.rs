//! What a pool keeps until its time has come.

use std::task::Waker;

/// What happens when a timer is due.
pub(super) enum Due {
    Wake(Waker),
    Run(Box<dyn FnOnce() + Send>),
}

/// Something to happen at a time, in milliseconds; of one time in the order of their numbers.
pub(super) struct Timer {
    pub at_ms: u64,
    pub number: u64,
    pub due: Due,
}

impl Ord for Timer {
    /// The greatest is the one that is due first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at_ms, other.number).cmp(&(self.at_ms, self.number))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timer {}
