//! [`Http`]: requests over connections that are kept. It knows what certainly was not sent from what may have been.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;

use super::connect::Connector;
use super::options::StripeOptions;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 4 << 20;

type Sender = SendRequest<Full<Bytes>>;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nothing was sent.
    NotSent(String),
    /// It may have been.
    NoAnswer(String),
}

/// An answer, whatever it says.
pub(super) struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// See the module.
pub(super) struct Http {
    connector: Connector,
    /// The newest last.
    idle: Mutex<Vec<(Instant, Sender)>>,
    idle_max: usize,
    idle_for: Duration,
    answer_timeout_ms: u64,
}

impl Http {
    pub fn new(connector: Connector, options: &StripeOptions) -> Self {
        Self {
            connector,
            idle: Mutex::new(Vec::new()),
            idle_max: options.idle_connections_max,
            idle_for: Duration::from_millis(options.idle_ms),
            answer_timeout_ms: options.answer_timeout_ms,
        }
    }

    /// Sends a request once. One that met a connection the other side had closed before anything was written goes out on the next.
    pub async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answered, Trouble> {
        loop {
            let kept = self.take();
            let is_new = kept.is_none();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect().await.map_err(Trouble::NotSent)?,
            };
            let timeout = Duration::from_millis(self.answer_timeout_ms);
            let sent = tokio::time::timeout(timeout, answer(&mut sender, request));
            match sent.await {
                Err(_) => {
                    return Err(Trouble::NoAnswer(format!("no answer within {} ms", self.answer_timeout_ms)));
                }
                Ok(Ok(answered)) => {
                    self.keep(sender);
                    return Ok(answered);
                }
                Ok(Err(Unsent::Maybe(reason))) => return Err(Trouble::NoAnswer(reason)),
                Ok(Err(Unsent::Certainly(_, reason))) if is_new => return Err(Trouble::NotSent(reason)),
                Ok(Err(Unsent::Certainly(back, _))) => request = *back,
            }
        }
    }

    async fn connect(&self) -> Result<Sender, String> {
        let stream = self.connector.connect().await?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            // Whoever waits for an answer learns of its errors.
            let _ended = connection.await;
        });
        Ok(sender)
    }

    fn take(&self) -> Option<Sender> {
        let mut idle = self.idle.lock();
        let now = Instant::now();
        idle.retain(|(since, sender)| now.duration_since(*since) < self.idle_for && !sender.is_closed());
        idle.pop().map(|(_, sender)| sender)
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.idle.lock();
        if !sender.is_closed() && idle.len() < self.idle_max {
            idle.push((Instant::now(), sender));
        }
    }
}

enum Unsent {
    Certainly(Box<Request<Full<Bytes>>>, String),
    Maybe(String),
}

async fn answer(sender: &mut Sender, request: Request<Full<Bytes>>) -> Result<Answered, Unsent> {
    if let Err(error) = sender.ready().await {
        return Err(Unsent::Certainly(Box::new(request), error.to_string()));
    }
    let response: Response<_> = match sender.try_send_request(request).await {
        Ok(response) => response,
        Err(mut error) => {
            let back = error.take_message();
            let reason = error.into_error().to_string();
            return Err(match back {
                Some(request) => Unsent::Certainly(Box::new(request), reason),
                None => Unsent::Maybe(reason),
            });
        }
    };
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| Unsent::Maybe(error.to_string()))?.to_bytes();
    Ok(Answered { status: head.status, headers: head.headers, body })
}
