//! [`Call`]: one request on its way to its handler.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::str::FromStr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AsHeaderName, HeaderMap};
use hyper::{Method, Response, Uri};
use ticketcore::{IdempotencyKey, UserId};

use super::code::Code;
use super::payload::Payload;
use super::problem::Problem;
use super::request_id::RequestId;
use super::router::Params;
use super::stay::Stay;
use crate::auth::{Principal, Sessions};
use crate::guard::Known;

/// What a handler comes to.
pub type Outcome = Result<Response<Payload>, Problem>;

/// One request, after its route was found and its caller recognised. It goes through many hands: only its address is passed on.
pub struct Call(Box<Asked>);

/// What a request asks, and who.
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The address that was asked for.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// What stands at the braces of the route's path, in order.
    pub params: Params,
    /// Who is calling.
    pub principal: Principal,
    /// From where, as far as proxies are trusted.
    pub remote: IpAddr,
    /// What else is known of who is calling.
    pub known: Known,
    /// Its name in logs and answers.
    pub request_id: RequestId,
    /// Time for the body to arrive.
    pub body_timeout: Duration,
    /// The body; taken by who reads it.
    pub body: Option<Incoming>,
    /// Its place among the requests that are worked on, until it is done.
    pub place: Stay,
}

impl From<Asked> for Call {
    fn from(asked: Asked) -> Self {
        Self(Box::new(asked))
    }
}

impl Deref for Call {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.0
    }
}

impl DerefMut for Call {
    fn deref_mut(&mut self) -> &mut Asked {
        &mut self.0
    }
}

impl Call {
    /// What stands at a brace of the route's path, parsed.
    ///
    /// # Errors
    /// `code`, which says that there is no such thing: ids are opaque, a malformed one names nothing.
    pub fn id<T: FromStr>(&self, name: &str, code: Code) -> Result<T, Problem> {
        let text = self.param(name);
        text.parse().map_err(|_| Problem::new(code, format!("`{text:.64}` names nothing here")))
    }

    /// What stands at a brace of the route's path.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// A header as text, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The parameters behind the question mark, decoded. Each of `known` at most once; others are refused.
    ///
    /// # Errors
    /// [`Code::ValidationFailed`] with the name of what is wrong.
    pub fn query<const N: usize>(&self, known: [&str; N]) -> Result<[Option<String>; N], Problem> {
        let mut found = [const { None }; N];
        for pair in self.uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| Problem::invalid(name, "not UTF-8"))?;
            let at = known.iter().position(|known| *known == name);
            let at = at.ok_or_else(|| Problem::invalid(&*name, "there is no such parameter"))?;
            let value = decode(value).ok_or_else(|| Problem::invalid(&*name, "not UTF-8"))?;
            if found[at].replace(value).is_some() {
                return Err(Problem::invalid(name, "given twice"));
            }
        }
        Ok(found)
    }

    /// Whether the caller has no account, only a session begun here.
    #[must_use]
    pub fn is_session(&self) -> bool {
        let token = self.header("authorization").and_then(|text| text.split_once(' '));
        token.is_some_and(|(_, token)| Sessions::is_one(token.trim()))
    }

    /// The buyer who is calling.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] if nobody is, [`Code::Forbidden`] for a key that acts for no buyer.
    pub fn buyer(&self) -> Result<UserId, Problem> {
        self.principal.buyer()
    }

    /// The idempotency key of the header or, if given there, of the body; both must be the same.
    ///
    /// # Errors
    /// [`Code::IdempotencyKeyMissing`], [`Code::IdempotencyKeyMismatch`], [`Code::ValidationFailed`].
    pub fn key(&self, in_body: Option<&str>) -> Result<IdempotencyKey, Problem> {
        let key = self.optional_key(in_body)?;
        key.ok_or_else(|| Problem::new(Code::IdempotencyKeyMissing, "Send the header `Idempotency-Key`"))
    }

    /// As [`key`](Self::key), for requests that are safe without one.
    ///
    /// # Errors
    /// [`Code::IdempotencyKeyMismatch`], [`Code::ValidationFailed`].
    pub fn optional_key(&self, in_body: Option<&str>) -> Result<Option<IdempotencyKey>, Problem> {
        let in_header = match self.headers.get("idempotency-key") {
            None => None,
            Some(value) => {
                let text = value.to_str().map_err(|_| Problem::invalid("Idempotency-Key", "not ASCII"))?;
                // Both forms are in use: a quoted string, and the bare text.
                let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
                Some(bare)
            }
        };
        let key = match (in_header, in_body) {
            (Some(header), Some(body)) if header != body => {
                return Err(Problem::new(
                    Code::IdempotencyKeyMismatch,
                    "Send one of them, or the same twice",
                ));
            }
            (Some(key), _) | (None, Some(key)) => key,
            (None, None) => return Ok(None),
        };
        if key.is_empty() {
            return Err(Problem::invalid("Idempotency-Key", "empty"));
        }
        IdempotencyKey::new(key)
            .map(Some)
            .map_err(|limit| Problem::invalid("Idempotency-Key", limit.to_string()))
    }

    /// The revision that `If-Match` names, if there is one. Weak tags and lists of several match nothing.
    ///
    /// # Errors
    /// [`Code::PreconditionFailed`] if it names something that is no version of ours.
    pub fn if_match(&self) -> Result<Option<u64>, Problem> {
        let Some(tag) = self.header("if-match") else { return Ok(None) };
        if tag.trim() == "*" {
            return Ok(None);
        }
        let bare = tag.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let revision = bare.and_then(|text| text.parse().ok());
        revision
            .map(Some)
            .ok_or_else(|| Problem::new(Code::PreconditionFailed, "`If-Match` names no version"))
    }
}

/// Undoes percent encoding and `+` for a blank; `None` if what comes out is not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    if !text.bytes().any(|byte| byte == b'+' || byte == b'%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_or_refused() {
        assert_eq!(decode("a+b%20c%C3%A4").as_deref(), Some("a b c\u{e4}"));
        for bad in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
