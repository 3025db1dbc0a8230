//! [`Subscriber`]: one stream of live changes, as server-sent events.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use ticketcore::Revision;

use super::change::Change;
use super::options::PublishOptions;
use super::slot::{Shared, Slot};
use super::snapshot::unwritten;
use crate::http::{Code, Problem};

/// When to come back if there are too many, in milliseconds.
const FULL_RETRY_MS: u64 = 5_000;
const HEARTBEAT: &[u8] = b":\n\n";

/// One stream of live changes. It holds no queue: it knows how far it has come, and takes the next change, which all share, from the newest
/// snapshot's history. One that falls behind too far ends; whoever reads it comes back with the last revision it got.
#[derive(Debug)]
pub struct Subscriber {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    first: Bytes,
    seen: Revision,
    /// Until it has come so far it may be behind: it was when it came.
    behind_until: Revision,
    beat: u32,
    place: u32,
    lag_max: u32,
    ended: bool,
}

enum Next {
    Frame(Bytes),
    Wait,
    End,
}

impl Subscriber {
    /// One more subscriber of an event, who has seen `since`. `None` if the slot is no longer used: find the event again.
    ///
    /// # Errors
    /// [`Code::Overloaded`] if there are too many, [`Code::Unavailable`] if the server is stopping.
    pub fn open(
        slot: &Arc<Slot>,
        shared: &Arc<Shared>,
        options: &PublishOptions,
        since: Option<Revision>,
    ) -> Result<Option<Self>, Problem> {
        if shared.closed.load(Ordering::Acquire) {
            return Err(
                Problem::new(Code::Unavailable, "The server is stopping").retry_after_ms(FULL_RETRY_MS)
            );
        }
        let more = |count: usize| (count < options.subscribers_max).then_some(count + 1);
        if shared.subscribers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            let told = format!("There are {} subscribers of changes already", options.subscribers_max);
            return Err(Problem::new(Code::Overloaded, told).retry_after_ms(FULL_RETRY_MS));
        }
        let Some(place) = slot.wakers.join() else {
            shared.subscribers.fetch_sub(1, Ordering::Relaxed);
            return Ok(None);
        };
        let mut subscriber = Self {
            slot: Arc::clone(slot),
            shared: Arc::clone(shared),
            first: Bytes::new(),
            seen: Revision::ZERO,
            behind_until: Revision::ZERO,
            beat: slot.beat.load(Ordering::Relaxed),
            place,
            lag_max: u32::try_from(options.subscriber_lag_max).unwrap_or(u32::MAX),
            ended: false,
        };
        subscriber.begin(options, since)?;
        Ok(Some(subscriber))
    }

    /// What is said first, and from where changes follow.
    fn begin(&mut self, options: &PublishOptions, since: Option<Revision>) -> Result<(), Problem> {
        let snapshot = self.slot.snapshot.load();
        let (revision, manifest) = (snapshot.revision, &snapshot.geometry.manifest);
        (self.seen, self.behind_until) = (revision, revision);
        let first = match since {
            Some(since) if since == revision => None,
            // Who has seen something that is not published yet gets it again: states, not steps, so twice is once.
            Some(since) if since < revision => {
                let missed = snapshot.history.since(since).filter(|missed| {
                    let bytes = missed.iter().map(|change| change.frame.len()).sum::<usize>();
                    bytes <= options.catch_up_bytes_max && !missed.iter().any(|change| change.reload)
                });
                if missed.is_some() {
                    self.seen = since;
                    None
                } else {
                    Some(Change::reload(since, revision, snapshot.sale_state, manifest).map_err(unwritten)?)
                }
            }
            _ => Some(Change::none(revision, snapshot.sale_state, manifest).map_err(unwritten)?),
        };
        let mut bytes = format!("retry: {}\n\n", options.retry_ms).into_bytes();
        if let Some(first) = first {
            bytes.extend_from_slice(&first.frame);
        }
        self.first = bytes.into();
        Ok(())
    }

    fn next(&mut self) -> Next {
        if self.ended || self.shared.closed.load(Ordering::Acquire) {
            return Next::End;
        }
        if !self.first.is_empty() {
            return Next::Frame(std::mem::take(&mut self.first));
        }
        let snapshot = self.slot.snapshot.load();
        if snapshot.revision > self.seen {
            // A gap, or too far behind: better to come back and be told where to go on.
            let Some(waiting @ [next, ..]) = snapshot.history.since(self.seen) else { return Next::End };
            if waiting.len() > self.lag_max as usize && self.seen >= self.behind_until {
                return Next::End;
            }
            self.seen = next.to;
            if !next.silent {
                return Next::Frame(next.frame.clone());
            }
        }
        let beat = self.slot.beat.load(Ordering::Relaxed);
        if std::mem::replace(&mut self.beat, beat) != beat {
            return Next::Frame(Bytes::from_static(HEARTBEAT));
        }
        Next::Wait
    }
}

impl Body for Subscriber {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut next = self.next();
        if matches!(next, Next::Wait) {
            self.slot.wakers.wait(self.place, context.waker());
            next = self.next();
        }
        match next {
            Next::Frame(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Next::Wait => Poll::Pending,
            Next::End => {
                self.ended = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.slot.wakers.leave(self.place);
        self.shared.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "subscriber_tests.rs"]
mod tests;
