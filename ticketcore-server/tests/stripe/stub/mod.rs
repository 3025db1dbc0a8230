//! [`Stub`]: a strict stand-in for Stripe, written from its documentation. It keeps idempotency keys (failures included), refuses what may
//! not be, and meets the faults it is told to.

mod api;
mod bank;
mod form;
mod objects;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use ticketcore::{Clock, UtcMs};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

pub use bank::{Bank, Intent, Refund};

/// A clock that moves when the test says so, or by itself once it runs.
#[derive(Clone)]
pub struct Hands {
    moved_ms: Arc<AtomicU64>,
    running_since: Arc<Mutex<Option<Instant>>>,
}

impl Hands {
    fn new() -> Self {
        Self { moved_ms: Arc::new(AtomicU64::new(1_700_000_000_000)), running_since: Arc::default() }
    }

    pub fn advance(&self, ms: u64) {
        self.moved_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn run(&self) {
        *self.running_since.lock() = Some(Instant::now());
    }
}

impl Clock for Hands {
    fn now(&self) -> UtcMs {
        let ran = self.running_since.lock().map_or(0, |since| since.elapsed().as_millis());
        UtcMs(self.moved_ms.load(Ordering::SeqCst) + u64::try_from(ran).unwrap())
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Create,
    Method,
    Capture,
    Cancel,
    Refund,
    Get,
    List,
    Search,
}

/// What a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks before anything is done.
    LostBefore,
    /// The connection breaks when everything is done.
    LostAfter,
    /// The answer takes so long, in milliseconds; what is asked is done at once.
    Slow(u64),
    /// This status, before an endpoint runs: nothing is kept.
    Refused(u16, &'static str),
    /// 500 from an endpoint that did nothing: kept under the key.
    Broken,
    /// 500 from an endpoint that did everything: kept under the key.
    BrokenAfter,
    /// A good status and half a body.
    Garbled,
    /// A body without end.
    Endless,
}

/// What the server shares with the test.
pub struct Inner {
    pub bank: Bank,
    pub faults: VecDeque<(Asked, Fault)>,
    /// Requests so far.
    pub asked: Vec<Asked>,
    /// Connections so far.
    pub connections: usize,
    pub authorization: Vec<String>,
    pub versions: Vec<String>,
    /// How far the stand-in's clock is behind the test's when it dates its answers, in milliseconds.
    pub late_ms: u64,
}

/// See the module.
#[derive(Clone)]
pub struct Stub {
    pub inner: Arc<Mutex<Inner>>,
    pub clock: Hands,
    pub base: String,
    hang_up: Arc<Notify>,
}

impl Stub {
    pub fn start(runtime: &Runtime) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let clock = Hands::new();
        let inner = Inner {
            bank: Bank::default(),
            faults: VecDeque::new(),
            asked: Vec::new(),
            connections: 0,
            authorization: Vec::new(),
            versions: Vec::new(),
            late_ms: 0,
        };
        let base = format!("http://127.0.0.1:{port}");
        let stub = Self { inner: Arc::new(Mutex::new(inner)), clock, base, hang_up: Arc::default() };
        let serving = stub.clone();
        runtime.spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                tokio::spawn(serving.clone().connection(socket));
            }
        });
        stub
    }

    /// Serves one connection.
    pub async fn connection<S>(self, socket: S)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        self.inner.lock().connections += 1;
        let hang_up = Arc::clone(&self.hang_up);
        let service = service_fn(move |request| self.clone().answer(request));
        let served =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        tokio::select! {
            _broken = served => {}
            () = hang_up.notified() => {}
        }
    }

    /// Ends every connection.
    pub fn hang_up(&self) {
        self.hang_up.notify_waiters();
    }

    /// The next request of this kind meets this.
    pub fn fault(&self, asked: Asked, fault: Fault) {
        self.inner.lock().faults.push_back((asked, fault));
    }

    pub fn count(&self, asked: Asked) -> usize {
        self.inner.lock().asked.iter().filter(|one| **one == asked).count()
    }

    pub fn with<T>(&self, work: impl FnOnce(&mut Bank) -> T) -> T {
        let now = self.clock.now();
        let mut inner = self.inner.lock();
        inner.bank.settle(now);
        work(&mut inner.bank)
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let header =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let call = api::Call::read(&head.method, &head.uri, &body, header("idempotency-key"));
        let fault = {
            let mut inner = self.inner.lock();
            inner.asked.push(call.asked);
            inner.authorization.push(header("authorization").to_owned());
            inner.versions.push(header("stripe-version").to_owned());
            let at = inner.faults.iter().position(|(asked, _)| *asked == call.asked);
            at.and_then(|at| inner.faults.remove(at)).map(|(_, fault)| fault)
        };
        let broken = || Err(io::Error::other("the connection breaks"));
        let said = match fault {
            Some(Fault::LostBefore) => return broken(),
            Some(Fault::Refused(status, code)) => api::Said::error(status, "invalid_request_error", code),
            Some(fault @ (Fault::Broken | Fault::BrokenAfter)) => {
                let now = self.clock.now();
                api::carry_out(&mut self.inner.lock().bank, now, &call, Some(fault))
            }
            _ => {
                let now = self.clock.now();
                api::carry_out(&mut self.inner.lock().bank, now, &call, None)
            }
        };
        match fault {
            Some(Fault::LostAfter) => return broken(),
            Some(Fault::Slow(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
            _ => {}
        }
        let mut body = said.body.to_string();
        match fault {
            Some(Fault::Garbled) => body.truncate(body.len() / 2),
            Some(Fault::Endless) => body = " ".repeat(5 << 20),
            _ => {}
        }
        let at = self.clock.now().0 - self.inner.lock().late_ms;
        let date = jiff::Timestamp::from_millisecond(i64::try_from(at).unwrap()).unwrap();
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut response = Response::builder().status(said.status).header("date", date);
        if said.replayed {
            response = response.header("idempotent-replayed", "true");
        }
        Ok(response.body(Full::new(Bytes::from(body))).unwrap())
    }
}

type Body = Full<Bytes>;
