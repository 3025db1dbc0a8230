//! [`Underway`]: what a driver's methods return.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::answer::CommandError;
use crate::log::{Slot, SlotFuture};

type Outcome<T> = Result<T, CommandError>;

/// An outcome to come: a [`Future`] that needs no runtime, or call [`wait`](Self::wait). What it tells of is under way already: dropping
/// this cancels nothing.
#[must_use = "the outcome says what the buyer is to be told"]
pub struct Underway<T>(Arc<Slot<Outcome<T>>>);

impl<T> Underway<T> {
    /// Waits for the outcome. It always comes: when the driver is dropped at the latest.
    ///
    /// # Errors
    /// Refused, failed or unknown: see [`CommandError`].
    pub fn wait(self) -> Outcome<T> {
        self.0.wait(None).unwrap_or_else(|| Err(taken()))
    }

    /// Waits for the outcome, at most this long.
    ///
    /// # Errors
    /// As [`wait`](Self::wait); [`CommandError::Unknown`] when the time is over, for what was begun goes on.
    pub fn wait_timeout(self, timeout: Duration) -> Outcome<T> {
        let late =
            || CommandError::Unknown { reason: format!("no outcome within {} ms", timeout.as_millis()) };
        self.0.wait(Some(timeout)).unwrap_or_else(|| Err(late()))
    }

    /// The outcome, if it is there. `None` also after it was taken.
    pub fn try_take(&self) -> Option<Outcome<T>> {
        self.0.try_take()
    }

    /// One that has come already.
    pub(super) fn ready(outcome: Outcome<T>) -> Self {
        let slot = Slot::new();
        slot.fill(outcome);
        Self(slot)
    }

    /// One to come, and who tells it; dropped, he says `otherwise`.
    pub(super) fn begin(otherwise: Outcome<T>) -> (Self, Teller<T>) {
        let slot = Slot::new();
        (Self(Arc::clone(&slot)), Teller { slot, otherwise: Some(otherwise) })
    }
}

impl<T> Future for Underway<T> {
    type Output = Outcome<T>;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome<T>> {
        Pin::new(&mut SlotFuture(&self.0)).poll(context)
    }
}

impl<T> fmt::Debug for Underway<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Underway")
    }
}

fn taken() -> CommandError {
    CommandError::Unknown { reason: "the outcome was taken before".to_owned() }
}

/// The driver was dropped before there was an outcome.
pub(super) fn stopped() -> CommandError {
    CommandError::Unknown { reason: "the driver was stopped".to_owned() }
}

/// Tells an outcome once.
pub(super) struct Teller<T> {
    slot: Arc<Slot<Outcome<T>>>,
    otherwise: Option<Outcome<T>>,
}

impl<T> Teller<T> {
    /// What it says when it is dropped, from now on.
    pub fn otherwise(&mut self, outcome: Outcome<T>) {
        self.otherwise = Some(outcome);
    }

    pub fn tell(self, outcome: Outcome<T>) {
        self.slot.fill(outcome);
    }

    /// Tells it later unless something was told before.
    pub fn unless_told(&self, outcome: Outcome<T>) -> impl FnOnce() + Send + use<T>
    where
        T: Send + 'static,
    {
        let slot = Arc::downgrade(&self.slot);
        move || {
            if let Some(slot) = slot.upgrade() {
                slot.fill(outcome);
            }
        }
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        if let Some(otherwise) = self.otherwise.take() {
            self.slot.fill(otherwise);
        }
    }
}
