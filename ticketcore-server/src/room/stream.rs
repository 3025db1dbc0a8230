//! [`StatusStream`]: a room's status as server-sent events.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::watch;

use super::status::Status;

type Following = watch::Receiver<Arc<Status>>;
type Both = (Following, watch::Receiver<bool>);
type Next = Pin<Box<dyn Future<Output = Option<Both>> + Send>>;

/// A room's status as server-sent events: each newest one; who reads slowly misses some, and nothing by that.
pub struct StatusStream {
    next: Next,
    followers: Arc<AtomicUsize>,
    first: bool,
}

impl StatusStream {
    /// One more follower. `None` if there are `max` already.
    #[must_use]
    pub fn open(
        mut following: Following,
        stopping: watch::Receiver<bool>,
        followers: &Arc<AtomicUsize>,
        max: usize,
    ) -> Option<Self> {
        let more = |count: usize| (count < max).then_some(count + 1);
        followers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        following.mark_changed();
        Some(Self { next: after((following, stopping)), followers: Arc::clone(followers), first: true })
    }
}

/// The next status; none if the server stops.
fn after((mut following, mut stopping): Both) -> Next {
    Box::pin(async move {
        tokio::select! {
            changed = following.changed() => changed.ok()?,
            _ = stopping.wait_for(|stop| *stop) => return None,
        }
        Some((following, stopping))
    })
}

impl Body for StatusStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.first) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"retry: 3000\n\n")))));
        }
        let Some((mut following, stopping)) = ready!(self.next.as_mut().poll(context)) else {
            return Poll::Ready(None);
        };
        let frame = following.borrow_and_update().frame.clone();
        self.next = after((following, stopping));
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }
}

impl Drop for StatusStream {
    fn drop(&mut self) {
        self.followers.fetch_sub(1, Ordering::Relaxed);
    }
}
