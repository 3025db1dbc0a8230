//! [`InFlight`]: how many calls a gateway has at once.

use std::sync::Arc;

use crate::sync::atomic::{AtomicU32, Ordering};

/// A bound on calls that wait for their answer. Clones count together.
#[derive(Clone, Debug)]
pub struct InFlight {
    max: u32,
    count: Arc<AtomicU32>,
}

impl InFlight {
    /// At most `max` calls at once; at least one.
    #[must_use]
    pub fn new(max: u32) -> Self {
        Self { max: max.max(1), count: Arc::new(AtomicU32::new(0)) }
    }

    /// Room for one more call, if there is any. It is taken until the permit is dropped: keep it with the reply.
    #[must_use]
    pub fn enter(&self) -> Option<Permit> {
        let more = |count| (count < self.max).then_some(count + 1);
        self.count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Permit(Arc::clone(&self.count)))
    }

    /// Calls under way.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::SeqCst)
    }

    /// The bound.
    #[must_use]
    pub const fn max(&self) -> u32 {
        self.max
    }
}

/// Room for one call.
#[derive(Debug)]
#[must_use = "dropped, it gives its room back"]
pub struct Permit(Arc<AtomicU32>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_never_more_in_flight_than_the_bound() {
        let bound = InFlight::new(2);
        let first = bound.enter();
        let second = bound.clone().enter();
        assert!(first.is_some() && second.is_some() && bound.enter().is_none());
        assert_eq!((bound.count(), bound.max()), (2, 2));
        drop(first);
        assert!(bound.enter().is_some(), "and given back at once");
        assert_eq!(bound.count(), 1);
        assert_eq!(InFlight::new(0).max(), 1);
    }

    #[test]
    fn threads_do_not_pass_the_bound() {
        let bound = InFlight::new(3);
        let most = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        if let Some(_permit) = bound.enter() {
                            most.fetch_max(bound.count(), Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(bound.count(), 0);
    }
}
