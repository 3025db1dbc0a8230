//! [`Problem`]: an answer that is not a success, in the form of RFC 9457.

use bytes::Bytes;
use hyper::Response;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use serde_json::{Map, Value};

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
    detail: String,
    members: Map<String, Value>,
    retry_after_ms: Option<u64>,
}

impl Problem {
    /// A problem with what is to be said about this case of it. Never personal data, secrets or what belongs to others.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, detail: detail.into(), members: Map::new(), retry_after_ms: None }))
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
        if let Ok(value) = serde_json::to_value(value) {
            self.0.members.insert(member.to_owned(), value);
        }
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
        let Inner { code, detail, members, retry_after_ms } = *self.0;
        let mut body = Map::new();
        body.insert("type".into(), format!("urn:ticketcore:problem:{}", code.name()).into());
        body.insert("title".into(), code.title().into());
        body.insert("status".into(), code.status().as_u16().into());
        body.insert("code".into(), code.name().into());
        body.insert("detail".into(), detail.into());
        body.insert("instance".into(), instance.into());
        body.insert("requestId".into(), request_id.into());
        body.insert("serverTime".into(), server_time.into());
        if let Some(ms) = retry_after_ms {
            body.insert("retryAfterMs".into(), ms.into());
        }
        let allowed = members
            .get("allow")
            .and_then(Value::as_array)
            .map(|methods| methods.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "));
        body.extend(members);
        let bytes = serde_json::to_vec(&Value::Object(body)).unwrap_or_default();
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

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.detail)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

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
