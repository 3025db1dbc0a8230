//! [`Problem`]: an answer that is not a success, in the form of RFC 9457.

use bytes::Bytes;
use hyper::Response;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

use super::code::Code;
use super::payload::Payload;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Violation {
    /// Where: a JSON pointer into the body, or the name of a parameter.
    pub pointer: String,
    /// What is wrong.
    pub detail: String,
}

/// An answer that is not a success. Small to pass on: what it carries is boxed.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    /// Its type, if a standard has one.
    kind: Option<&'static str>,
    detail: String,
    /// Names, and values as JSON.
    members: Vec<(String, Vec<u8>)>,
    retry_after_ms: Option<u64>,
}

impl Problem {
    /// A problem with what is to be said about this case of it. Never personal data, secrets or what belongs to others.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let (detail, members) = (detail.into(), Vec::new());
        Self(Box::new(Inner { code, kind: None, detail, members, retry_after_ms: None }))
    }

    /// One violation of what a request may be.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        let told = format!("{pointer}: {detail}");
        Self::new(Code::ValidationFailed, told).with("errors", &[Violation { pointer, detail }])
    }

    /// No such thing, or somebody else's.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}"))
    }

    /// A member more, that clients may rely on.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_vec(&value) {
            self.0.members.retain(|(known, _)| known != member);
            self.0.members.push((member.to_owned(), value));
        }
        self
    }

    /// The type that a standard has for it, in place of ours.
    #[must_use]
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.0.kind = Some(kind);
        self
    }

    /// When to come back.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.0.retry_after_ms = Some(ms);
        self
    }

    /// What it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The answer. `instance` is the path that was asked for.
    #[must_use]
    pub fn into_response(self, instance: &str, request_id: &str, server_time: &str) -> Response<Payload> {
        let Inner { code, kind, detail, members, retry_after_ms } = *self.0;
        let mut body = Members::new();
        match kind {
            Some(kind) => body.put("type", kind),
            None => body.put("type", &format_args!("urn:ticketcore:problem:{}", code.name())),
        }
        body.put("title", code.title());
        body.put("status", &code.status().as_u16());
        body.put("code", code.name());
        body.put("detail", &detail);
        body.put("instance", instance);
        body.put("requestId", request_id);
        body.put("serverTime", server_time);
        if let Some(ms) = retry_after_ms {
            body.put("retryAfterMs", &ms);
        }
        let allowed = members
            .iter()
            .find(|(name, _)| name == "allow")
            .and_then(|(_, json)| serde_json::from_slice::<Vec<String>>(json).ok())
            .map(|methods| methods.join(", "));
        for (name, json) in &members {
            body.name(name);
            body.0.extend_from_slice(json);
        }
        let bytes = body.done();
        let mut response = Response::new(Payload::from(Bytes::from(bytes)));
        *response.status_mut() = code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(ms) = retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
        }
        // What goes with these statuses (RFC 9110, sections 15.5.2 and 15.5.6).
        if code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(Ok(allowed)) = allowed.map(HeaderValue::try_from) {
            headers.insert(ALLOW, allowed);
        }
        response
    }
}

/// An object being written. No member stands in it twice: those of a problem have names of their own.
struct Members(Vec<u8>);

impl Members {
    fn new() -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.push(b'{');
        Self(bytes)
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.value(name);
        self.0.push(b':');
    }

    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.name(name);
        self.value(value);
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        // Text and numbers can always be written into memory.
        let _written = serde_json::to_writer(&mut self.0, value);
    }

    fn done(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.detail)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn a_problem_has_the_members_of_its_standard_and_its_own() {
        let problem = Problem::new(Code::Overloaded, "busy").with("queue", 3).retry_after_ms(1_200);
        let response = problem.into_response("/v1/holds", "req", "now");
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["type"], "urn:ticketcore:problem:overloaded");
        assert_eq!((&body["status"], &body["queue"]), (&503.into(), &3.into()));
        assert_eq!((&body["instance"], &body["retryAfterMs"]), (&"/v1/holds".into(), &1_200.into()));
    }

    #[test]
    fn what_would_be_accepted_is_in_the_head() {
        let head = |problem: Problem| problem.into_response("/", "req", "now").headers().clone();
        let allowed = Problem::new(Code::MethodNotAllowed, "no").with("allow", ["GET", "HEAD"]);
        assert_eq!(head(allowed)[ALLOW], "GET, HEAD");
        assert_eq!(head(Problem::new(Code::Unauthorized, "who"))[WWW_AUTHENTICATE], "Bearer");
        assert!(head(Problem::not_found("page")).get(ALLOW).is_none());
    }
}
