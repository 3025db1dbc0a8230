//! [`Together`]: where all those wait whose facts were logged together. One waiter, one wake, however many they are.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Told;
use crate::answer::CommandError;
use crate::id::Revision;
use crate::sync::{Condvar, Mutex};

/// See the module.
#[derive(Default)]
pub(crate) struct Together {
    /// Set once, before `wakers` is locked to wake who waits.
    end: OnceLock<End>,
    wakers: Mutex<Vec<Option<Waker>>>,
    ended: Condvar,
}

/// What became of the facts.
struct End {
    /// All up to this one are durable.
    durable: Revision,
    /// What those are told who wait for another.
    error: Option<CommandError>,
}

impl Together {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Wakes everybody. `durable` is how far the journal is known to go if the log has stopped. Only the first call counts.
    pub fn tell(&self, told: Told<'_>, durable: Revision) {
        let end = match told {
            Told::Durable => End { durable: Revision(u64::MAX), error: None },
            Told::TakenBack => {
                let reason = "taken back by a store for one writer".to_owned();
                End { durable, error: Some(CommandError::Unknown { reason }) }
            }
            Told::Stopped(stop) => End { durable, error: Some(stop.error()) },
        };
        if self.end.set(end).is_err() {
            return;
        }
        let wakers = std::mem::take(&mut *self.wakers.lock());
        self.ended.notify_all();
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Whether `revision` is durable, or why nobody will know; `None` as long as that may change.
    pub fn outcome(&self, revision: Revision) -> Option<Result<(), CommandError>> {
        let end = self.end.get()?;
        Some(match &end.error {
            Some(error) if revision > end.durable => Err(error.clone()),
            _ => Ok(()),
        })
    }

    /// Waits for the outcome, not longer than `timeout` if one is given. `None` after the timeout.
    pub fn wait(&self, revision: Revision, timeout: Option<Duration>) -> Option<Result<(), CommandError>> {
        if let Some(outcome) = self.outcome(revision) {
            return Some(outcome);
        }
        // A timeout past the end of time is none.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut wakers = self.wakers.lock();
        while self.end.get().is_none() {
            match until {
                None => self.ended.wait(&mut wakers),
                Some(until) => {
                    if self.ended.wait_until(&mut wakers, until).timed_out() {
                        break;
                    }
                }
            }
        }
        drop(wakers);
        self.outcome(revision)
    }

    /// As a future: the `index`th of those who wait asks for the outcome of `revision`.
    pub fn poll(
        &self,
        index: usize,
        revision: Revision,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), CommandError>> {
        if self.end.get().is_none() {
            let mut wakers = self.wakers.lock();
            // Looked at again under the lock: whoever ends it takes the wakers after that.
            if self.end.get().is_none() {
                if wakers.len() <= index {
                    wakers.resize(index + 1, None);
                }
                wakers[index] = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        self.outcome(revision).map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::log::Stop;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn everybody_is_woken_once_and_only_the_first_word_counts() {
        let (together, count) = (Together::new(), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        for index in [3, 0, 3] {
            assert!(together.poll(index, Revision(9), &mut context).is_pending());
        }
        assert_eq!(together.wait(Revision(9), Some(Duration::from_millis(1))), None);
        together.tell(Told::Durable, Revision(4));
        together.tell(Told::Stopped(&Stop::Unknown("late".to_owned())), Revision(4));
        assert_eq!(count.0.load(Ordering::Relaxed), 2, "the second look of the same one replaces the first");
        assert_eq!(together.wait(Revision(9), None), Some(Ok(())));
        assert_eq!(together.poll(1, Revision(9), &mut context), Poll::Ready(Ok(())));
    }

    #[test]
    fn what_is_durable_stays_so_when_the_log_stops() {
        let together = Together::new();
        assert_eq!(together.outcome(Revision(4)), None);
        together.tell(Told::Stopped(&Stop::Failed("full".to_owned())), Revision(4));
        assert_eq!(together.outcome(Revision(4)), Some(Ok(())));
        assert_eq!(
            together.outcome(Revision(5)),
            Some(Err(CommandError::Failed { reason: "full".to_owned() }))
        );
    }
}
