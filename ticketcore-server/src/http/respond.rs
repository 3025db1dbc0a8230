//! [`Answer`]: successes.

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::call::Outcome;
use super::code::Code;
use super::payload::Payload;
use super::problem::Problem;

/// Room for most answers.
const JSON_BYTES: usize = 1_024;

/// A success under way.
pub struct Answer(Response<Payload>);

impl Answer {
    /// A JSON body with status 200. Never cached, unless [`cached`](Self::cached) says otherwise.
    ///
    /// # Errors
    /// [`Code::Internal`] if it can't be written, which is a fault of ours.
    pub fn json(body: &impl Serialize) -> Result<Self, Problem> {
        let mut bytes = Vec::with_capacity(JSON_BYTES);
        serde_json::to_writer(&mut bytes, body)
            .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        Ok(Self::bytes("application/json", bytes.into()).cached("no-store"))
    }

    /// Any body with status 200.
    #[must_use]
    pub fn bytes(kind: &'static str, bytes: Bytes) -> Self {
        Self::payload(kind, bytes.into())
    }

    /// Any payload with status 200.
    #[must_use]
    pub fn payload(kind: &'static str, payload: Payload) -> Self {
        let mut response = Response::new(payload);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Self(response)
    }

    /// Another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        *self.0.status_mut() = status;
        self
    }

    /// How it may be cached.
    #[must_use]
    pub fn cached(mut self, how: &'static str) -> Self {
        self.0.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(how));
        self
    }

    /// The version of what it shows.
    #[must_use]
    pub fn etag(self, revision: u64) -> Self {
        self.header(ETAG, format!("\"{revision}\""))
    }

    /// Where what it shows is.
    #[must_use]
    pub fn location(self, path: &str) -> Self {
        self.header(LOCATION, path)
    }

    /// Whether it is the answer to an earlier request with the same key.
    #[must_use]
    pub fn replayed(self, replayed: bool) -> Self {
        if replayed { self.header(HeaderName::from_static("idempotency-replayed"), "true") } else { self }
    }

    /// A header. One that can't be written is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    /// The answer.
    ///
    /// # Errors
    /// None; it ends a handler.
    pub fn done(self) -> Outcome {
        Ok(self.0)
    }
}

/// Done, and nothing more to say.
///
/// # Errors
/// None; it ends a handler.
pub fn no_content() -> Outcome {
    let mut response = Response::new(Payload::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// The caller has the current version.
#[must_use]
pub fn not_modified(etag: HeaderValue, cached: HeaderValue) -> Response<Payload> {
    let mut response = Response::new(Payload::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(ETAG, etag);
    response.headers_mut().insert(CACHE_CONTROL, cached);
    response
}
