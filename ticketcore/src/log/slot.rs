//! Slots: where a caller waits for an outcome, blocking or as a future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex};

/// A place for one value that somebody waits for.
pub(crate) struct Slot<T> {
    state: Mutex<SlotState<T>>,
    filled: Condvar,
}

enum SlotState<T> {
    Empty(Option<Waker>),
    Full(T),
    Taken,
}

impl<T> Slot<T> {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(SlotState::Empty(None)), filled: Condvar::new() })
    }

    /// Fills the slot and wakes who waits. Only the first value counts.
    pub fn fill(&self, value: T) {
        let mut state = self.state.lock();
        if let SlotState::Empty(waker) = &mut *state {
            let waker = waker.take();
            *state = SlotState::Full(value);
            drop(state);
            self.filled.notify_all();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Whether there has been no value yet.
    pub fn is_empty(&self) -> bool {
        matches!(&*self.state.lock(), SlotState::Empty(_))
    }

    /// Takes the value if it is there.
    pub fn try_take(&self) -> Option<T> {
        let mut state = self.state.lock();
        match &*state {
            SlotState::Full(_) => match std::mem::replace(&mut *state, SlotState::Taken) {
                SlotState::Full(value) => Some(value),
                SlotState::Empty(_) | SlotState::Taken => None,
            },
            SlotState::Empty(_) | SlotState::Taken => None,
        }
    }

    /// Waits for the value, not longer than `timeout` if one is given. `None` after the timeout, or if it was taken before.
    pub fn wait(&self, timeout: Option<Duration>) -> Option<T> {
        // A timeout past the end of time is none.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.state.lock();
        while matches!(&*state, SlotState::Empty(_)) {
            match until {
                None => self.filled.wait(&mut state),
                Some(until) => {
                    if self.filled.wait_until(&mut state, until).timed_out() {
                        break;
                    }
                }
            }
        }
        drop(state);
        self.try_take()
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.state.lock();
        if let SlotState::Empty(waker) = &mut *state {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        self.try_take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// A future for a slot's value.
pub(crate) struct SlotFuture<'a, T>(pub &'a Slot<T>);

impl<T> Future for SlotFuture<'_, T> {
    type Output = T;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_a_value_that_was_taken_ends() {
        let slot = Slot::new();
        slot.fill(1);
        slot.fill(2);
        assert_eq!(slot.try_take(), Some(1), "only the first value counts");
        assert_eq!(slot.wait(None), None);
        let empty: Arc<Slot<u8>> = Slot::new();
        assert_eq!(empty.wait(Some(Duration::from_millis(1))), None);
    }
}
