//! [`Representation`]: one thing that everybody reads, in every encoding, ready to be sent.

use std::io;

use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::{Response, StatusCode};

use super::encoding::{Effort, Encoding};
use super::negotiate;
use crate::http::{Code, Outcome, Payload, Problem};

/// Room for the headers of an answer and the name of the request; the next larger table is a slow allocation.
const HEADERS: usize = 6;

/// One thing that everybody reads, in every encoding, ready to be sent. Sending it copies no body and takes no lock.
#[derive(Debug)]
pub struct Representation {
    kind: HeaderValue,
    cache: HeaderValue,
    forms: [Form; 3],
}

#[derive(Clone, Debug)]
struct Form {
    body: Bytes,
    tag: HeaderValue,
}

impl Representation {
    /// A thing of a media type. `version` is the start of its tags and names its content; `cache` is its `Cache-Control`.
    ///
    /// # Errors
    /// If it can't be packed, or `version` is no text for a header.
    pub fn new(
        kind: &'static str,
        version: &str,
        cache: &'static str,
        body: impl Into<Bytes>,
        effort: Effort,
    ) -> io::Result<Self> {
        let body = body.into();
        let form = |encoding: Encoding| {
            let tag = HeaderValue::try_from(format!("\"{version}{}\"", encoding.suffix()));
            Ok::<_, io::Error>(Form {
                body: encoding.pack(&body, effort)?,
                tag: tag.map_err(io::Error::other)?,
            })
        };
        let [identity, gzip, zstd] = Encoding::ALL;
        let forms = [form(identity)?, form(gzip)?, form(zstd)?];
        Ok(Self { kind: HeaderValue::from_static(kind), cache: HeaderValue::from_static(cache), forms })
    }

    /// The same with another `Cache-Control`. The bytes are shared.
    #[must_use]
    pub fn cached(&self, cache: &'static str) -> Self {
        let (kind, cache) = (self.kind.clone(), HeaderValue::from_static(cache));
        Self { kind, cache, forms: self.forms.clone() }
    }

    /// The answer to a request with these headers: the thing in the encoding that is liked best, or that the client has it already.
    ///
    /// # Errors
    /// [`Code::NotAcceptable`] if the client takes none of the encodings.
    pub fn answer(&self, asked: &HeaderMap) -> Outcome {
        let none = || Problem::new(Code::NotAcceptable, "There are `gzip`, `zstd` and `identity`");
        let encoding = negotiate::encoding(asked).ok_or_else(none)?;
        let form = &self.forms[encoding.at()];
        let known = asked.contains_key(IF_NONE_MATCH) && names(asked, &form.tag);
        let body = if known { Bytes::new() } else { form.body.clone() };
        let mut response = Response::new(Payload::from(body));
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(ETAG, form.tag.clone());
        headers.insert(CACHE_CONTROL, self.cache.clone());
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(CONTENT_TYPE, self.kind.clone());
            if let Some(name) = encoding.name() {
                headers.insert(CONTENT_ENCODING, name);
            }
        }
        *response.headers_mut() = headers;
        Ok(response)
    }

    /// The bytes, not packed.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.forms[0].body
    }

    /// Bytes of all its forms.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.forms.iter().map(|form| form.body.len()).sum()
    }
}

/// Whether `If-None-Match` names the tag. Whoever packs answers on their way may have made it a weak one.
fn names(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    asked.get_all(IF_NONE_MATCH).into_iter().any(|value| {
        let value = value.as_bytes();
        value == tag.as_bytes()
            || value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).any(|listed| {
                listed == b"*" || listed.strip_prefix(b"W/").unwrap_or(listed) == tag.as_bytes()
            })
    })
}

/// Bytes that are made for one request, packed if the client likes that and it is worth it.
///
/// # Errors
/// [`Code::NotAcceptable`] if the client takes none of the encodings.
pub fn made_once(kind: &'static str, cache: &'static str, body: Bytes, asked: &HeaderMap) -> Outcome {
    let none = || Problem::new(Code::NotAcceptable, "There are `gzip`, `zstd` and `identity`");
    let mut encoding = negotiate::encoding(asked).ok_or_else(none)?;
    if body.len() < WORTH_PACKING && negotiate::takes_plain(asked) {
        encoding = Encoding::Identity;
    }
    let body = encoding
        .pack(&body, Effort::Little)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let mut response = Response::new(Payload::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(name) = encoding.name() {
        headers.insert(CONTENT_ENCODING, name);
    }
    Ok(response)
}

/// A body that fits into one packet is not packed.
const WORTH_PACKING: usize = 1_200;

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn asked(headers: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        headers.iter().map(pair).collect()
    }

    fn thing() -> Representation {
        Representation::new("text/plain", "7", "max-age=1", "seat ".repeat(500), Effort::Little).unwrap()
    }

    #[tokio::test]
    async fn every_encoding_has_its_own_tag_and_body() {
        let thing = thing();
        for (accepted, tag) in [("identity", "\"7\""), ("gzip", "\"7-gzip\""), ("zstd", "\"7-zstd\"")] {
            let response = thing.answer(&asked(&[("accept-encoding", accepted)])).unwrap();
            assert_eq!(response.headers()[ETAG], tag);
            assert_eq!(response.headers()[VARY], "Accept, Accept-Encoding");
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), accepted != "identity");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.len() == 2_500, accepted == "identity");
        }
        let refused = thing.answer(&asked(&[("accept-encoding", "identity;q=0, br")])).err().unwrap();
        assert_eq!(refused.code(), Code::NotAcceptable);
    }

    #[test]
    fn who_has_the_version_gets_no_body() {
        let thing = thing();
        let status = |tag: &str| thing.answer(&asked(&[("if-none-match", tag)])).unwrap().status().as_u16();
        for known in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "*", "\"x\",W/\"7\" "] {
            assert_eq!(status(known), 304, "{known}");
        }
        for other in ["\"8\"", "7", "\"7-gzip\"", "", "\"77\""] {
            assert_eq!(status(other), 200, "{other}");
        }
        let packed =
            thing.answer(&asked(&[("if-none-match", "\"7-zstd\""), ("accept-encoding", "zstd")])).unwrap();
        assert_eq!(
            (packed.status().as_u16(), &packed.headers()[ETAG]),
            (304, &HeaderValue::from_static("\"7-zstd\""))
        );
        assert!(!packed.headers().contains_key(CONTENT_TYPE) && packed.headers().contains_key(CACHE_CONTROL));
    }

    #[test]
    fn small_bodies_are_packed_only_if_they_must_be() {
        let packed = |accepted: &str, body: &'static str| {
            let asked = asked(&[("accept-encoding", accepted)]);
            made_once("text/plain", "no-store", Bytes::from(body.repeat(100)), &asked).unwrap()
        };
        assert!(!packed("gzip", "x").headers().contains_key(CONTENT_ENCODING));
        assert_eq!(packed("gzip, identity;q=0", "x").headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(packed("gzip", "a longer text than that").headers()[CONTENT_ENCODING], "gzip");
    }
}
