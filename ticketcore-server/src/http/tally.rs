//! [`Tally`]: what is counted of one operation, found once and not again for every request.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::metrics::{Answered, Metrics, Operation};

/// Statuses that are answered often; the others are looked up.
const OFTEN: [u16; 14] = [200, 201, 202, 204, 304, 400, 401, 402, 403, 404, 409, 410, 429, 503];

/// What is counted of one operation. A series comes into being when it first counts something.
pub struct Tally {
    operation: &'static str,
    seconds: OnceLock<Histogram>,
    answered: [OnceLock<Counter>; OFTEN.len()],
}

impl Tally {
    /// Of an operation.
    #[must_use]
    pub const fn new(operation: &'static str) -> Self {
        Self { operation, seconds: OnceLock::new(), answered: [const { OnceLock::new() }; OFTEN.len()] }
    }

    /// Counts an answer.
    pub fn count(&self, metrics: &Metrics, status: u16, took: Duration) {
        let operation = self.operation;
        let found = || metrics.seconds.get_or_create_owned(&Operation { operation });
        self.seconds.get_or_init(found).observe(took.as_secs_f64());
        let found = || metrics.requests.get_or_create_owned(&Answered { operation, status });
        match OFTEN.iter().position(|often| *often == status) {
            Some(at) => self.answered[at].get_or_init(found).inc(),
            None => found().inc(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_and_nothing_else() {
        let metrics = Metrics::new();
        let tally = Tally::new("look");
        let _unused = Tally::new("unused");
        for status in [200, 200, 418] {
            tally.count(&metrics, status, Duration::from_millis(3));
        }
        let text = metrics.text();
        for line in [
            "ticketcore_http_requests_total{operation=\"look\",status=\"200\"} 2",
            "ticketcore_http_requests_total{operation=\"look\",status=\"418\"} 1",
            "ticketcore_http_request_duration_seconds_count{operation=\"look\"} 3",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("unused") && !text.contains("404"));
    }
}
