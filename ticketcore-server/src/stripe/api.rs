//! [`Api`]: one request to Stripe and what it says.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use serde::de::DeserializeOwned;
use ticketcore::UtcMs;

use super::STRIPE_VERSION;
use super::connect::{Connector, Target};
use super::failure::{ErrorBody, Failure, Refused};
use super::form::Form;
use super::http::{Answered, Http};
use super::options::{StripeError, StripeOptions};

/// See the module.
pub(super) struct Api {
    http: Http,
    host: HeaderValue,
    authorization: HeaderValue,
}

/// What Stripe says, and by its clock when.
pub(super) struct Said<T> {
    pub object: T,
    pub at: Option<UtcMs>,
}

impl Api {
    pub fn new(options: &StripeOptions) -> Result<Self, StripeError> {
        let target = Target::parse(&options.base)?;
        let key = options.api_key.expose();
        let is_key = key.starts_with("sk_") || key.starts_with("rk_");
        let bearer = HeaderValue::from_str(&format!("Bearer {key}"));
        let mut authorization = bearer.ok().filter(|_| is_key).ok_or(StripeError::ApiKey)?;
        authorization.set_sensitive(true);
        let host = HeaderValue::from_str(&target.authority());
        let host = host.map_err(|_| StripeError::Base(options.base.clone()))?;
        let http = Http::new(Connector::new(target, options)?, options);
        Ok(Self { http, host, authorization })
    }

    /// Asks; changes nothing.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form) -> Result<Said<T>, Failure> {
        let separator = if query.as_str().is_empty() { "" } else { "?" };
        let path = format!("{path}{separator}{}", query.as_str());
        self.send(Method::GET, &path, Bytes::new(), None).await
    }

    /// Has something done, under a key or, where once is all that can be, without.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &Form,
        key: Option<&str>,
    ) -> Result<Said<T>, Failure> {
        self.send(Method::POST, path, Bytes::from(form.as_str().to_owned()), key).await
    }

    /// Has something done that can be done once at most, whatever the keys. A failure that was kept under the key says nothing of now, so then
    /// it is asked again without one.
    pub async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &Form,
        key: &str,
    ) -> Result<Said<T>, Failure> {
        match self.post(path, form, Some(key)).await {
            Err(Failure::Refused(refused)) if refused.replayed => self.post(path, form, None).await,
            said => said,
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        key: Option<&str>,
    ) -> Result<Said<T>, Failure> {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(HOST, self.host.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .header(USER_AGENT, concat!("ticketcore/", env!("CARGO_PKG_VERSION")))
            .header("Stripe-Version", STRIPE_VERSION);
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let request = request.body(Full::new(body)).map_err(|error| Failure::NotSent(error.to_string()))?;
        let answered = self.http.send(request).await?;
        let path = path.split('?').next().unwrap_or_default();
        let status = answered.status.as_u16();
        tracing::debug!(%method, path, status, request = header(&answered, "request-id"), "stripe");
        read(&answered)
    }
}

fn header<'a>(answered: &'a Answered, name: &str) -> &'a str {
    answered.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn read<T: DeserializeOwned>(answered: &Answered) -> Result<Said<T>, Failure> {
    if !answered.status.is_success() {
        let replayed = header(answered, "idempotent-replayed") == "true";
        let error = ErrorBody::parse(&answered.body);
        let refused = Refused { status: answered.status, error, replayed };
        return Err(Failure::Refused(Box::new(refused)));
    }
    // The error names a place, never what stands there.
    let garbled = |error: serde_json::Error| {
        Failure::NoAnswer(format!("an answer that is not understood at {}:{}", error.line(), error.column()))
    };
    let object = serde_json::from_slice(&answered.body).map_err(garbled)?;
    Ok(Said { object, at: date(header(answered, DATE.as_str())) })
}

/// The date of an answer.
fn date(text: &str) -> Option<UtcMs> {
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    u64::try_from(at.as_millisecond()).ok().map(UtcMs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::Secret;

    #[test]
    fn the_date_of_http_is_read() {
        assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(UtcMs(784_111_777_000)));
        assert_eq!(date(""), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for key in ["", "pk_live_1", "whsec_1", "sk_live_\n1"] {
            assert!(
                matches!(Api::new(&StripeOptions::new(Secret::new(key))), Err(StripeError::ApiKey)),
                "{key:?}"
            );
        }
        assert!(Api::new(&StripeOptions::new(Secret::new("sk_live_1"))).is_ok());
    }
}
