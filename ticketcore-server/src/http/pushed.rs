//! [`Pushed`]: a connection that does not wait for ever: for a caller who says nothing at all, or for a reader who has stopped to read.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::streams::Streams;

/// What is read before it is known which protocol is spoken: whoever speaks HTTP/2 begins with it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PREFACE_BYTES: usize = PREFACE.len();

/// A stream whose writes fail when for a while not a byte of what is to be written could be. Who reads slowly is waited for, who does not
/// read at all is not: what is kept for him is kept from others.
///
/// Who has not begun to speak is not waited for either. The HTTP library keeps time from the first request on; what it reads before, to learn
/// which protocol is spoken, it waits for without end.
pub struct Pushed<S> {
    stream: S,
    patience: Duration,
    /// Until when the caller must have said which protocol he speaks; `None` once he has.
    greeting: Option<Pin<Box<Sleep>>>,
    greeted: usize,
    /// Whom to tell if he speaks HTTP/2, as long as it may be that he does.
    two: Option<Arc<Streams>>,
    /// Since when nothing could be written. No timer runs while all goes well.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Pushed<S> {
    /// Waits so long for the first bytes, and so long for a reader.
    pub fn new(stream: S, greeting: Duration, patience: Duration) -> Self {
        let greeting = Some(Box::pin(tokio::time::sleep(greeting)));
        Self { stream, patience, greeting, greeted: 0, two: None, stuck: None }
    }

    /// The same, which tells if the caller speaks HTTP/2.
    #[must_use]
    pub fn telling(mut self, streams: Arc<Streams>) -> Self {
        self.two = Some(streams);
        self
    }

    fn waited<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        // He is being answered.
        self.greeting = None;
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let patience = self.patience;
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match stuck.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the reader does not read")))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pushed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, into);
        let Some(greeting) = &mut this.greeting else { return read };
        let said = &into.filled()[before..];
        if PREFACE[this.greeted..].iter().zip(said).any(|(wanted, said)| wanted != said) {
            this.two = None;
        }
        this.greeted += said.len();
        if this.greeted >= PREFACE_BYTES {
            this.greeting = None;
            if let Some(streams) = this.two.take() {
                streams.speaks_two();
            }
        } else if read.is_pending() && greeting.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller says nothing")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Pushed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.waited(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match slices {
            // One piece is cheaper sent than gathered.
            [only] => Pin::new(&mut self.stream).poll_write(context, only),
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
        };
        self.waited(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.waited(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.waited(context, ended)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_does_not_read_is_given_up_and_who_reads_slowly_is_not() {
        let (ours, mut theirs) = duplex(16);
        let mut pushed = Pushed::new(ours, Duration::from_secs(600), Duration::from_millis(600));
        let reading = tokio::spawn(async move {
            // A little now and then, then nothing more.
            let mut some = [0; 8];
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                theirs.read_exact(&mut some).await.unwrap();
            }
            theirs
        });
        let began = tokio::time::Instant::now();
        pushed.write_all(&[1; 80]).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(700));
        let _theirs = reading.await.unwrap();
        let began = tokio::time::Instant::now();
        let error = pushed.write_all(&[1; 80]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= Duration::from_millis(600));
    }

    #[tokio::test]
    async fn who_says_nothing_or_too_little_is_given_up() {
        for said in [&b""[..], b"PRI * HTTP/2.0"] {
            let (ours, mut theirs) = duplex(64);
            let mut pushed = Pushed::new(ours, Duration::from_millis(200), Duration::from_secs(600));
            theirs.write_all(said).await.unwrap();
            let error = pushed.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        // Who has spoken, or was answered, may take his time.
        for (said, answered) in [(&[b'x'; PREFACE_BYTES][..], false), (b"x", true)] {
            let (ours, mut theirs) = duplex(64);
            let mut pushed = Pushed::new(ours, Duration::from_millis(200), Duration::from_secs(600));
            theirs.write_all(said).await.unwrap();
            pushed.read_exact(&mut vec![0; said.len()]).await.unwrap();
            if answered {
                pushed.write_all(b"x").await.unwrap();
            }
            let mut one = [0];
            let reading = tokio::time::timeout(Duration::from_millis(500), pushed.read(&mut one));
            assert!(reading.await.is_err(), "he is waited for");
        }
    }
}
