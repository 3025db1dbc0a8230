//! [`Failure`]: what went wrong with a request, and how sure that is.

use hyper::StatusCode;
use serde::Deserialize;
use ticketcore::gateway::Answer;

use super::http::Trouble;
use super::objects::PaymentIntent;

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// Stripe has not heard of it.
    NotSent(String),
    /// Nobody knows.
    NoAnswer(String),
    /// Stripe says no.
    Refused(Box<Refused>),
}

/// Stripe's no.
#[derive(Debug)]
pub(super) struct Refused {
    pub status: StatusCode,
    pub error: ErrorBody,
    /// It was said before, and kept under the key.
    pub replayed: bool,
}

/// Stripe's error object.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(rename = "type", default)]
    pub kind: String,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub payment_intent: Option<PaymentIntent>,
}

#[derive(Default, Deserialize)]
struct Outer {
    #[serde(default)]
    error: ErrorBody,
}

impl ErrorBody {
    /// Reads it; whatever it says, the status says enough.
    pub fn parse(body: &[u8]) -> Self {
        serde_json::from_slice::<Outer>(body).unwrap_or_default().error
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotSent(reason) => Failure::NotSent(reason),
            Trouble::NoAnswer(reason) => Failure::NoAnswer(reason),
        }
    }
}

impl Refused {
    /// Why, in one word.
    pub fn code(&self) -> &str {
        let error = &self.error;
        let known = error.decline_code.as_deref().or(error.code.as_deref());
        known.filter(|code| !code.is_empty()).unwrap_or(match error.kind.as_str() {
            "" => "refused",
            kind => kind,
        })
    }

    /// The key came with other content, or for something else.
    pub fn is_key_reused(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST && self.error.kind == "idempotency_error"
    }

    pub fn is_declined(&self) -> bool {
        self.status == StatusCode::PAYMENT_REQUIRED
    }

    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    fn answer<T>(&self) -> Answer<T> {
        let said = || format!("{}: {}", self.status.as_u16(), self.code());
        match self.status.as_u16() {
            // No endpoint ran. The account or the key must be seen to; that is no fault of the buyer's card.
            401 | 403 => Answer::not_now("unauthorized"),
            // One of several steps may have been done before the next could not get at the object.
            429 if self.error.code.as_deref() == Some("lock_timeout") => Answer::unknown(said()),
            429 => Answer::not_now("rate_limit"),
            // The same key is being worked on.
            409 => Answer::unknown(said()),
            // Neither has a body that says what was done.
            408 | 425 => Answer::unknown(said()),
            400..=499 => Answer::never(self.code()),
            _ => Answer::unknown(said()),
        }
    }
}

impl Failure {
    /// What a call that moves money comes to.
    pub fn answer<T>(&self) -> Answer<T> {
        match self {
            Failure::NotSent(reason) => not_sent(reason),
            Failure::NoAnswer(reason) => Answer::unknown(reason),
            Failure::Refused(refused) => refused.answer(),
        }
    }

    /// What a refused call comes to.
    pub fn answer_of<T>(refused: &Refused) -> Answer<T> {
        refused.answer()
    }

    /// What a question comes to: a no is no answer to it.
    pub fn doubt<T>(&self) -> Answer<T> {
        match self.answer() {
            Answer::No { code, retry_may_help: false } => Answer::unknown(format!("refused: {code}")),
            answer => answer,
        }
    }
}

fn not_sent<T>(reason: &str) -> Answer<T> {
    tracing::debug!(reason, "no connection to the payment gateway");
    Answer::not_now("not_connected")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        let error = ErrorBody::parse(body.as_bytes());
        Failure::Refused(Box::new(Refused { status, error, replayed: false }))
    }

    #[test]
    fn only_what_is_definite_is_a_no() {
        let plain = r#"{"error":{"type":"invalid_request_error","code":"charge_already_refunded"}}"#;
        let lock = r#"{"error":{"type":"invalid_request_error","code":"lock_timeout"}}"#;
        let rows: [(u16, &str, Answer<()>); 9] = [
            (400, plain, Answer::never("charge_already_refunded")),
            (404, "<html>", Answer::never("refused")),
            (
                402,
                r#"{"error":{"type":"card_error","code":"card_declined","decline_code":"lost_card"}}"#,
                Answer::never("lost_card"),
            ),
            (401, plain, Answer::not_now("unauthorized")),
            (429, plain, Answer::not_now("rate_limit")),
            (429, lock, Answer::unknown("429: lock_timeout")),
            (
                409,
                r#"{"error":{"type":"idempotency_error","code":"idempotency_key_in_use"}}"#,
                Answer::unknown("409: idempotency_key_in_use"),
            ),
            (500, r#"{"error":{"type":"api_error"}}"#, Answer::unknown("500: api_error")),
            (302, "", Answer::unknown("302: refused")),
        ];
        for (status, body, expected) in rows {
            assert_eq!(refused(status, body).answer::<()>(), expected, "{status} {body}");
        }
        assert_eq!(Failure::NotSent(String::new()).answer::<()>(), Answer::not_now("not_connected"));
        assert_eq!(Failure::NoAnswer("late".into()).answer::<()>(), Answer::unknown("late"));
        assert!(matches!(refused(404, plain).doubt::<()>(), Answer::Unknown { .. }));
        assert_eq!(refused(429, plain).doubt::<()>(), Answer::not_now("rate_limit"));
    }
}
