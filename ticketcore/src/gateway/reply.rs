//! [`Answer`] and [`Reply`]: the three things a call can come to, and the promise to say which.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::log::{Slot, SlotFuture};
use crate::order::Word;

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "an answer nobody looks at is money nobody looks after"]
pub enum Answer<T> {
    /// It was carried out, now or under the same key before; this is what the gateway says. A declined payment is a yes to the question:
    /// see [`PaymentSeen::Declined`](crate::order::PaymentSeen::Declined).
    Yes(T),
    /// The gateway refused the call itself: it changed nothing, will change nothing and uses up no key.
    No {
        /// Why, in the gateway's words.
        code: Word,
        /// Whether the same call may be accepted later (too many calls, down for repairs). If not, it never will.
        retry_may_help: bool,
    },
    /// Nobody knows whether it was carried out, or will be. Never a failure: look it up.
    Unknown {
        /// What went wrong, for people.
        reason: String,
    },
}

impl<T> Answer<T> {
    /// A refusal for good.
    pub fn never(code: &str) -> Self {
        Self::No { code: Word::cut(code), retry_may_help: false }
    }

    /// A refusal for now.
    pub fn not_now(code: &str) -> Self {
        Self::No { code: Word::cut(code), retry_may_help: true }
    }

    /// Nobody knows.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }

    /// What was said, if it was a yes.
    #[must_use]
    pub fn yes(self) -> Option<T> {
        match self {
            Self::Yes(said) => Some(said),
            _ => None,
        }
    }

    /// Whether the gateway did its work: a yes, or a refusal for good. Others count against it in a
    /// [`CircuitBreaker`](super::CircuitBreaker).
    #[must_use]
    pub const fn is_healthy(&self) -> bool {
        matches!(self, Self::Yes(_) | Self::No { retry_may_help: false, .. })
    }
}

/// The promise to answer one call. It is answered exactly once, from any thread: answering takes it, and dropping it answers
/// [`Answer::Unknown`].
#[must_use = "dropped, it answers that nobody knows"]
pub struct Reply<T>(Option<Box<dyn FnOnce(Answer<T>) + Send>>);

impl<T> Reply<T> {
    /// Tells `told`, on the thread that answers and with none of this crate's locks held. It should be quick and must not panic.
    pub fn new(told: impl FnOnce(Answer<T>) + Send + 'static) -> Self {
        Self(Some(Box::new(told)))
    }

    /// A reply and the place to wait for it.
    pub fn pair() -> (Self, Answered<T>)
    where
        T: Send + 'static,
    {
        let slot = Slot::new();
        let waiting = Arc::clone(&slot);
        (Self::new(move |answer| slot.fill(answer)), Answered(waiting))
    }

    /// Answers.
    pub fn answer(mut self, answer: Answer<T>) {
        if let Some(told) = self.0.take() {
            told(answer);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told(Answer::unknown("the call was dropped without an answer"));
        }
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// An answer to come: a future that needs no runtime, or [`wait`](Self::wait) for it. Dropping it cancels nothing.
#[must_use = "an answer nobody looks at is money nobody looks after"]
pub struct Answered<T>(Arc<Slot<Answer<T>>>);

impl<T> Answered<T> {
    /// Waits for the answer. It always comes: see [`Reply`].
    pub fn wait(self) -> Answer<T> {
        self.0.wait(None).unwrap_or_else(|| Answer::unknown("the answer was taken before"))
    }

    /// Waits for the answer, at most this long; then [`Answer::Unknown`], for the call goes on.
    pub fn wait_timeout(self, timeout: Duration) -> Answer<T> {
        let late = || Answer::unknown(format!("no answer within {} ms", timeout.as_millis()));
        self.0.wait(Some(timeout)).unwrap_or_else(late)
    }

    /// The answer, if it is there. `None` also after it was taken.
    pub fn try_take(&self) -> Option<Answer<T>> {
        self.0.try_take()
    }
}

impl<T> Future for Answered<T> {
    type Output = Answer<T>;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer<T>> {
        Pin::new(&mut SlotFuture(&self.0)).poll(context)
    }
}

impl<T> fmt::Debug for Answered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answered")
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Wake, Waker};

    use super::*;
    use crate::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_reply_is_answered_once_and_dropped_it_answers_unknown() {
        let count = Arc::new(AtomicUsize::new(0));
        let reply = |unknown: bool| {
            let count = Arc::clone(&count);
            Reply::new(move |answer: Answer<u8>| {
                assert_eq!(matches!(answer, Answer::Unknown { .. }), unknown, "{answer:?}");
                count.fetch_add(1, Ordering::SeqCst);
            })
        };
        reply(false).answer(Answer::Yes(1));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        drop(reply(true));
        assert_eq!(count.load(Ordering::SeqCst), 2);
        reply(true).answer(Answer::unknown("lost"));
        assert_eq!(count.load(Ordering::SeqCst), 3);
        // On the way up from a panic, too.
        let reply = reply(true);
        let panicked = std::thread::spawn(move || {
            let _kept = reply;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.join().is_err());
        assert_eq!(count.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn an_answer_is_waited_for_or_polled() {
        let (reply, answered) = Reply::pair();
        assert!(answered.try_take().is_none());
        std::thread::spawn(move || reply.answer(Answer::Yes(7)));
        assert_eq!(answered.wait(), Answer::Yes(7));

        let (reply, answered) = Reply::<u8>::pair();
        let late = answered.wait_timeout(Duration::from_millis(1));
        assert_eq!(late, Answer::unknown("no answer within 1 ms"));
        drop(reply);

        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let woken = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let (reply, mut answered) = Reply::pair();
        let mut poll = || Pin::new(&mut answered).poll(&mut Context::from_waker(&waker));
        assert_eq!(poll(), Poll::Pending);
        reply.answer(Answer::<u8>::never("no"));
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert_eq!(poll(), Poll::Ready(Answer::never("no")));
    }

    #[test]
    fn a_decline_is_no_fault_of_the_gateway() {
        assert!(Answer::Yes(()).is_healthy() && Answer::<()>::never("over_capture").is_healthy());
        assert!(!Answer::<()>::not_now("busy").is_healthy() && !Answer::<()>::unknown("lost").is_healthy());
        assert_eq!((Answer::Yes(1).yes(), Answer::<u8>::not_now("busy").yes()), (Some(1), None));
    }
}
