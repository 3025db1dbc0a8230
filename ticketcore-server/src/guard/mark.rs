//! [`Mark`]: what the guard adds to an answer, whatever it is.

use hyper::Response;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue, SET_COOKIE};

use super::limits::LimitHeaders;
use crate::http::Payload;

/// What the guard adds to an answer.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    /// Limits and what is left.
    pub limits: Option<LimitHeaders>,
    /// A cookie for a device that has none.
    pub cookie: Option<HeaderValue>,
}

impl Mark {
    /// Adds it. An answer that others may be given from a cache bears nothing that is about one caller.
    pub fn apply(self, response: &mut Response<Payload>) {
        let cached = response.headers().get(CACHE_CONTROL).and_then(|how| how.to_str().ok());
        if cached.is_some_and(|how| how.starts_with("public")) {
            return;
        }
        let headers = response.headers_mut();
        if let Some(LimitHeaders { policy, limit }) = self.limits {
            headers.insert(HeaderName::from_static("ratelimit-policy"), policy);
            headers.insert(HeaderName::from_static("ratelimit"), limit);
        }
        if let Some(cookie) = self.cookie {
            headers.append(SET_COOKIE, cookie);
        }
    }
}
