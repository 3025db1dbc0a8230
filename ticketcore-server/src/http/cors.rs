//! Cross-origin requests, for the origins that the operator names.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Response, StatusCode};

use super::payload::Payload;

/// Headers that a page may send.
const ALLOWED: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, acting-user, admission-token, challenge-solution, captcha-response, last-event-id";
/// Headers that a page may read.
const EXPOSED: &str =
    "etag, location, retry-after, ratelimit, ratelimit-policy, idempotency-replayed, request-id";

/// Whom pages of other origins may be told.
pub struct Cors(Vec<String>);

impl Cors {
    /// Pages of these origins; `*` is all.
    #[must_use]
    pub const fn new(origins: Vec<String>) -> Self {
        Self(origins)
    }

    /// Marks an answer for the page that asked, if it may read it: `allowed` is what [`allowed`](Self::allowed) said of its request.
    pub fn mark(&self, allowed: Option<HeaderValue>, response: &mut Response<Payload>) {
        if self.0.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    /// The answer to `OPTIONS`.
    #[must_use]
    pub fn preflight(&self, request: &HeaderMap, methods: &[&str]) -> Response<Payload> {
        let mut response = Response::new(Payload::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let methods = HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("GET"));
        response.headers_mut().insert(hyper::header::ALLOW, methods.clone());
        if self.allowed(request).is_some() {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
        response
    }

    /// The origin of the page that asks, if it may read the answer.
    #[must_use]
    pub fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let origin = request.get(ORIGIN)?;
        let known = self.0.iter().any(|known| known == "*" || known.as_bytes() == origin.as_bytes());
        known.then(|| origin.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_origins_may_read() {
        let cors = Cors::new(vec!["https://shop.example".to_owned()]);
        let asked = |origin: &'static str| HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
        let marked = |origin| {
            let mut response = Response::new(Payload::empty());
            cors.mark(cors.allowed(&asked(origin)), &mut response);
            response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
        };
        assert_eq!(marked("https://shop.example").unwrap(), "https://shop.example");
        assert_eq!(marked("https://shop.example.evil"), None);
        let preflight = cors.preflight(&asked("https://shop.example"), &["GET", "POST"]);
        assert_eq!(preflight.headers()[ACCESS_CONTROL_ALLOW_METHODS], "GET, POST");
        assert!(
            cors.preflight(&asked("null"), &["GET"]).headers().get(ACCESS_CONTROL_ALLOW_METHODS).is_none()
        );
    }
}
