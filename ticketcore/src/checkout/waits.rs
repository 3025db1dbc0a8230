//! What tasks wait for, besides stores and gateways; and waiting for a task's work without a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::pool::Shared;
use super::timer::Due;
use crate::sync::{Condvar, Mutex};

/// Is over in so many milliseconds.
pub(super) struct Sleep {
    shared: Arc<Shared>,
    ms: u64,
    until_ms: Option<u64>,
}

impl Sleep {
    pub const fn new(shared: Arc<Shared>, ms: u64) -> Self {
        Self { shared, ms, until_ms: None }
    }
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(until_ms) = self.until_ms else {
            let until_ms = self.shared.later(self.ms, Due::Wake(context.waker().clone()));
            self.until_ms = Some(until_ms);
            return Poll::Pending;
        };
        if self.shared.now_ms() >= until_ms { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Lets the tasks that are ready go first.
pub(super) fn take_turns() -> impl Future<Output = ()> {
    let mut waited = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}

/// The first of two to be ready; the second if both are.
pub(super) async fn either<A: Future + Unpin, B: Future<Output = A::Output> + Unpin>(
    mut first: A,
    mut second: B,
) -> A::Output {
    std::future::poll_fn(move |context| match Pin::new(&mut second).poll(context) {
        Poll::Ready(output) => Poll::Ready(output),
        Poll::Pending => Pin::new(&mut first).poll(context),
    })
    .await
}

/// Waits on this thread until a future is done.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    #[derive(Default)]
    struct Parked {
        woken: Mutex<bool>,
        wake: Condvar,
    }
    impl Wake for Parked {
        fn wake(self: Arc<Self>) {
            *self.woken.lock() = true;
            self.wake.notify_one();
        }
    }
    let parked = Arc::new(Parked::default());
    let waker = Waker::from(Arc::clone(&parked));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut woken = parked.woken.lock();
        while !std::mem::replace(&mut *woken, false) {
            parked.wake.wait(&mut woken);
        }
    }
}
