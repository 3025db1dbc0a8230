//! What a command returns: a future that is also a handle to wait on.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::answer::{CommandError, FromAnswer, Logged, Reply};
use crate::event::{Submitted, Verdict};
use crate::log::{Slot, SlotFuture, Together};

/// The outcome of a command, now or later. It is a [`Future`] and needs no runtime; or call [`wait`](Self::wait). The command is under
/// way already: dropping this cancels nothing.
#[must_use = "the outcome says whether the command was carried out"]
pub struct Pending<T> {
    state: State,
    answer: PhantomData<fn() -> T>,
}

enum State {
    Ready(Verdict),
    Waiting(Arc<Slot<Verdict>>),
    /// The outcome, once it is durable.
    Together(Logged, Member),
    Taken,
}

/// Where others wait too, and which of them this is.
struct Member(Arc<Together>, usize);

#[expect(private_bounds, reason = "the answers are a closed set")]
impl<T: FromAnswer> Pending<T> {
    pub(super) fn new(submitted: Submitted) -> Self {
        let state = match submitted {
            Submitted::Ready(outcome) => State::Ready(outcome),
            Submitted::Waiting(slot) => State::Waiting(slot),
            Submitted::Closed => {
                State::Ready(Err(CommandError::Failed { reason: "the event was closed".to_owned() }))
            }
        };
        Self { state, answer: PhantomData }
    }

    /// An outcome that waits with others to become durable: the `index`th of them.
    pub(super) fn logged(logged: Logged, together: &Arc<Together>, index: usize) -> Self {
        let member = Member(Arc::clone(together), index);
        Self { state: State::Together(logged, member), answer: PhantomData }
    }

    /// In the place of an outcome that is not there yet.
    pub(super) const fn undecided() -> Self {
        Self { state: State::Taken, answer: PhantomData }
    }

    /// Whether it is [`undecided`](Self::undecided) still.
    pub(super) const fn is_undecided(&self) -> bool {
        matches!(self.state, State::Taken)
    }

    pub(super) fn failed(error: CommandError) -> Self {
        Self { state: State::Ready(Err(error)), answer: PhantomData }
    }

    /// Waits for the outcome.
    ///
    /// # Errors
    /// Refused, failed or unknown: see [`CommandError`].
    pub fn wait(self) -> Result<T, CommandError> {
        match self.state {
            State::Ready(outcome) => pick(outcome),
            State::Waiting(slot) => pick(slot.wait(None).unwrap_or_else(|| Err(lost()))),
            State::Together(logged, Member(together, _)) => {
                let durable = together.wait(logged.stamp.revision, None);
                pick(said(logged, durable.unwrap_or_else(|| Err(lost()))))
            }
            State::Taken => Err(lost()),
        }
    }

    /// Waits for the outcome, at most this long.
    ///
    /// # Errors
    /// As [`wait`](Self::wait); [`CommandError::Unknown`] when the time is over, for the command goes on: ask again under the same key.
    pub fn wait_timeout(self, timeout: Duration) -> Result<T, CommandError> {
        let late = || {
            let reason = format!("no outcome within {} ms", timeout.as_millis());
            CommandError::Unknown { reason }
        };
        match self.state {
            State::Ready(outcome) => pick(outcome),
            State::Waiting(slot) => pick(slot.wait(Some(timeout)).unwrap_or_else(|| Err(late()))),
            State::Together(logged, Member(together, _)) => {
                let durable = together.wait(logged.stamp.revision, Some(timeout));
                pick(said(logged, durable.unwrap_or_else(|| Err(late()))))
            }
            State::Taken => Err(lost()),
        }
    }

    /// The outcome if it is there; else this handle back.
    ///
    /// # Errors
    /// The handle, if there is no outcome yet.
    pub fn try_take(mut self) -> Result<Result<T, CommandError>, Self> {
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Ready(outcome) => Ok(pick(outcome)),
            State::Taken => Ok(Err(lost())),
            State::Waiting(slot) => match slot.try_take() {
                Some(outcome) => Ok(pick(outcome)),
                None => Err(Self { state: State::Waiting(slot), answer: PhantomData }),
            },
            State::Together(logged, member) => match member.0.outcome(logged.stamp.revision) {
                Some(durable) => Ok(pick(said(logged, durable))),
                None => Err(Self { state: State::Together(logged, member), answer: PhantomData }),
            },
        }
    }
}

impl<T> Pending<T> {
    /// Whether the outcome is there, so that [`wait`](Self::wait) returns at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        match &self.state {
            State::Ready(_) | State::Taken => true,
            State::Waiting(slot) => !slot.is_empty(),
            State::Together(logged, member) => member.0.outcome(logged.stamp.revision).is_some(),
        }
    }
}

fn lost() -> CommandError {
    CommandError::Unknown { reason: "the outcome was taken before".to_owned() }
}

/// The outcome of a fact, given whether it is durable.
fn said(logged: Logged, durable: Result<(), CommandError>) -> Verdict {
    durable.map(|()| Reply::Logged(logged))
}

fn pick<T: FromAnswer>(outcome: Verdict) -> Result<T, CommandError> {
    let strange = || CommandError::Failed { reason: "the journal has another kind of answer".to_owned() };
    T::from_answer(outcome?).ok_or_else(strange)
}

impl<T: FromAnswer> Future for Pending<T> {
    type Output = Result<T, CommandError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match std::mem::replace(&mut this.state, State::Taken) {
            State::Ready(outcome) => Poll::Ready(pick(outcome)),
            State::Taken => Poll::Ready(Err(lost())),
            State::Waiting(slot) => match Pin::new(&mut SlotFuture(&slot)).poll(context) {
                Poll::Ready(outcome) => Poll::Ready(pick(outcome)),
                Poll::Pending => {
                    this.state = State::Waiting(slot);
                    Poll::Pending
                }
            },
            State::Together(logged, member) => {
                match member.0.poll(member.1, logged.stamp.revision, context) {
                    Poll::Ready(durable) => Poll::Ready(pick(said(logged, durable))),
                    Poll::Pending => {
                        this.state = State::Together(logged, member);
                        Poll::Pending
                    }
                }
            }
        }
    }
}
