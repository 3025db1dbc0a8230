//! [`Catch`]: a future whose panic is an outcome.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Answers `Err(())` if what is inside panics. The panic's message has been told by the hook.
pub struct Catch<F>(pub AssertUnwindSafe<F>);

impl<F: Future + Unpin> Future for Catch<F> {
    type Output = Result<F::Output, ()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = &mut self.0.0;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(inner).poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(_) => Poll::Ready(Err(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_outcome() {
        let panicking: Pin<Box<dyn Future<Output = u8> + Send>> =
            Box::pin(async { std::panic::resume_unwind(Box::new("on purpose")) });
        assert_eq!(Catch(AssertUnwindSafe(panicking)).await, Err(()));
        assert_eq!(Catch(AssertUnwindSafe(Box::pin(async { 7 }))).await, Ok(7));
    }
}
