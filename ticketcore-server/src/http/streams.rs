//! [`Streams`]: the requests of one HTTP/2 connection, and whether its caller still reads and asks.
//!
//! Who takes nothing over HTTP/2 is not noticed at the socket: the protocol itself says how much may be sent, and what may not is not even
//! tried. So it is seen at the bodies: of one that is being sent a piece is taken, and as long as the piece can't go nobody asks for the next.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::payload::Payload;

/// Bytes that are handed out at once: who reads slowly is seen to read, and no more than that is kept for who does not.
const PIECE_BYTES: usize = 32 << 10;
/// It is looked so many times in the shortest time that matters.
const LOOKS: u32 = 4;

/// Why a connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Nothing has been asked for long.
    Idle,
    /// Something is being sent, and has not been taken for long.
    Stuck,
}

/// See the module. One for each connection; nothing is done for one that speaks HTTP/1.
pub struct Streams {
    began: Instant,
    patience: Duration,
    idle: Duration,
    two: AtomicBool,
    open: Mutex<Open>,
}

struct Open {
    /// Of each request when the last piece of its answer was taken; 0 if it waits for nothing but us.
    taken: Vec<Arc<AtomicU64>>,
    /// When the last one ended.
    since: u64,
}

impl Streams {
    /// Of a connection that has just begun. A reader is waited for so long, and one who asks nothing so long.
    #[must_use]
    pub fn new(patience: Duration, idle: Duration) -> Arc<Self> {
        let (began, two) = (Instant::now(), AtomicBool::new(false));
        Arc::new(Self { began, patience, idle, two, open: Mutex::new(Open { taken: Vec::new(), since: 0 }) })
    }

    /// The connection speaks HTTP/2. Told from within its own task.
    pub fn speaks_two(&self) {
        self.two.store(true, Ordering::Relaxed);
    }

    /// A request has come.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Stream {
        let taken = Arc::new(AtomicU64::new(0));
        self.open.lock().taken.push(Arc::clone(&taken));
        Stream { streams: Arc::clone(self), taken }
    }

    /// Ends when the connection is to be given up. To be polled in the connection's own task, after the connection.
    pub async fn over(&self) -> Over {
        // No timer runs, and nobody need be woken, for those that speak HTTP/1.
        let two = || if self.two.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending };
        poll_fn(|_| two()).await;
        let between = (self.patience.min(self.idle) / LOOKS).max(Duration::from_millis(1));
        loop {
            tokio::time::sleep(between).await;
            if let Some(over) = self.look(self.now()) {
                return over;
            }
        }
    }

    fn look(&self, now: u64) -> Option<Over> {
        let passed = |since: u64, time: Duration| u128::from(now.saturating_sub(since)) >= time.as_millis();
        let open = self.open.lock();
        if open.taken.is_empty() {
            return passed(open.since, self.idle).then_some(Over::Idle);
        }
        let stuck = |taken: &Arc<AtomicU64>| {
            let taken = taken.load(Ordering::Relaxed);
            taken != 0 && passed(taken, self.patience)
        };
        open.taken.iter().any(stuck).then_some(Over::Stuck)
    }

    /// Milliseconds since the connection began; never 0.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// One request, until its answer has been handed out or nobody wants it any more.
pub struct Stream {
    streams: Arc<Streams>,
    taken: Arc<AtomicU64>,
}

impl Stream {
    /// A piece is handed out.
    fn taken(&self) {
        self.taken.store(self.streams.now(), Ordering::Relaxed);
    }

    /// There is nothing to hand out.
    fn waits(&self) {
        self.taken.store(0, Ordering::Relaxed);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let now = self.streams.now();
        let mut open = self.streams.open.lock();
        if let Some(at) = open.taken.iter().position(|taken| Arc::ptr_eq(taken, &self.taken)) {
            open.taken.swap_remove(at);
        }
        open.since = now;
    }
}

/// A payload; over HTTP/2 in pieces, and it is seen when they are taken.
pub struct Handed {
    payload: Payload,
    rest: Bytes,
    stream: Option<Stream>,
}

impl Handed {
    /// A payload, with its stream if it goes over HTTP/2.
    #[must_use]
    pub const fn new(payload: Payload, stream: Option<Stream>) -> Self {
        Self { payload, rest: Bytes::new(), stream }
    }
}

impl Body for Handed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let Some(stream) = &this.stream else { return Pin::new(&mut this.payload).poll_frame(context) };
        if this.rest.is_empty() {
            match Pin::new(&mut this.payload).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => this.rest = bytes,
                    Err(other) => {
                        stream.taken();
                        return Poll::Ready(Some(Ok(other)));
                    }
                },
                other => {
                    stream.waits();
                    return other;
                }
            }
        }
        stream.taken();
        let piece = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.payload.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (coming, rest) = (self.payload.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(coming.lower() + rest);
        if let Some(upper) = coming.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn streams() -> Arc<Streams> {
        Streams::new(Duration::from_millis(300), Duration::from_millis(150))
    }

    #[tokio::test]
    async fn a_body_comes_whole_in_pieces() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let streams = streams();
        let mut handed = Handed::new(Bytes::from(bytes.clone()).into(), Some(streams.begin()));
        let mut come = Vec::new();
        while !handed.is_end_stream() {
            assert_eq!(handed.size_hint().exact(), Some((bytes.len() - come.len()) as u64));
            let piece = handed.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE_BYTES);
            come.extend(piece);
        }
        assert_eq!(come, bytes);
        assert!(handed.frame().await.is_none());
    }

    #[tokio::test]
    async fn who_does_not_take_the_next_piece_is_stuck_and_who_is_waited_for_is_not() {
        let streams = streams();
        // A request that is worked on for long.
        let working = streams.begin();
        assert_eq!(streams.look(10_000), None);
        let mut handed = Handed::new(Bytes::from(vec![0; 100_000]).into(), Some(working));
        let _piece = handed.frame().await.unwrap();
        let now = streams.now();
        assert_eq!((streams.look(now + 100), streams.look(now + 400)), (None, Some(Over::Stuck)));
        while handed.frame().await.is_some() {}
        assert_eq!(streams.look(now + 10_000), None, "all was taken");
        drop(handed);
        let now = streams.now();
        assert_eq!((streams.look(now + 100), streams.look(now + 200)), (None, Some(Over::Idle)));
    }

    #[tokio::test]
    async fn a_connection_is_given_up_only_if_it_speaks_http2() {
        let streams = streams();
        let over = tokio::time::timeout(Duration::from_millis(600), streams.over()).await;
        assert!(over.is_err(), "HTTP/1 has its own timeouts");
        streams.speaks_two();
        let over = tokio::time::timeout(Duration::from_secs(10), streams.over()).await;
        assert_eq!(over.ok(), Some(Over::Idle));
    }
}
