//! [`Metrics`]: what is counted, in the Prometheus form. No label is of a seat, an order or a buyer.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::room::RoomMetrics;

/// Which operation, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// The operation's name; `none` for what has no route.
    pub operation: &'static str,
    /// The status.
    pub status: u16,
}

/// Which operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Operation {
    /// Its name.
    pub operation: &'static str,
}

/// Which problem.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ProblemCode {
    /// Its code.
    pub code: &'static str,
}

/// What is counted.
pub struct Metrics {
    registry: Registry,
    /// Requests, by operation and status.
    pub requests: Family<Answered, Counter>,
    /// Time until the head of the answer is ready, by operation.
    pub seconds: Family<Operation, Histogram>,
    /// Problems, by code.
    pub problems: Family<ProblemCode, Counter>,
    /// Requests that are worked on.
    pub in_flight: Gauge,
    /// Requests that wait for others to be done, when this was asked.
    pub waiting: Gauge,
    /// Connections that are open.
    pub connections: Gauge,
    /// Connections that were closed because there were too many.
    pub connections_refused: Counter,
    /// How waiting rooms stand.
    pub rooms: RoomMetrics,
    /// Requests that panicked.
    pub panics: Counter<u64, AtomicU64>,
}

/// From a fifth of a millisecond to some seconds.
const SECONDS: [f64; 12] = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("ticketcore");
        let requests = Family::default();
        let seconds = Family::<Operation, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        let problems = Family::default();
        let (in_flight, waiting, connections) = (Gauge::default(), Gauge::default(), Gauge::default());
        let (connections_refused, panics) = (Counter::default(), Counter::default());
        registry.register("http_requests", "Requests, by operation and status", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time until the answer's head is ready",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("http_problems", "Problems, by code", problems.clone());
        registry.register("http_requests_in_flight", "Requests that are worked on", in_flight.clone());
        registry.register(
            "http_requests_waiting",
            "Requests that wait for others to be done",
            waiting.clone(),
        );
        registry.register("http_connections", "Connections that are open", connections.clone());
        registry.register(
            "http_connections_refused",
            "Connections closed because there were too many",
            connections_refused.clone(),
        );
        registry.register("http_panics", "Requests that panicked", panics.clone());
        let rooms = RoomMetrics::new(&mut registry);
        Self {
            rooms,
            registry,
            requests,
            seconds,
            problems,
            in_flight,
            waiting,
            connections,
            connections_refused,
            panics,
        }
    }

    /// Has others show what they count.
    pub fn register(&mut self, others: impl FnOnce(&mut Registry)) {
        others(&mut self.registry);
    }

    /// All of it as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut into = String::new();
        // Writing into a string does not fail.
        let _written = text::encode(&mut into, &self.registry);
        into
    }

    /// All of it in the older form of Prometheus.
    #[must_use]
    pub fn classic_text(&self) -> String {
        classic(&self.text())
    }
}

/// OpenMetrics in the older form: there a counter is named as its samples are, and there are no units and no end.
fn classic(open: &str) -> String {
    let counter = |line: &str| line.strip_prefix("# TYPE ")?.strip_suffix(" counter").map(str::to_owned);
    let counters: Vec<String> = open.lines().filter_map(counter).collect();
    let mut into = String::with_capacity(open.len());
    for line in open.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what @ ("HELP" | "TYPE")), Some(name), Some(told)) => {
                let end = if counters.iter().any(|counter| counter == name) { "_total" } else { "" };
                into.push_str(&format!("# {what} {name}{end} {told}\n"));
            }
            (Some("#"), ..) => {}
            _ => {
                into.push_str(line);
                into.push('\n');
            }
        }
    }
    into
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_names_counters_as_their_samples() {
        let metrics = Metrics::new();
        metrics.panics.inc();
        metrics.seconds.get_or_create(&Operation { operation: "get_page" }).observe(0.01);
        let (open, classic) = (metrics.text(), metrics.classic_text());
        assert!(open.contains("# TYPE ticketcore_http_panics counter\n") && open.ends_with("# EOF\n"));
        assert!(
            classic.contains("# TYPE ticketcore_http_panics_total counter\nticketcore_http_panics_total 1\n")
        );
        assert!(classic.contains("# TYPE ticketcore_http_request_duration_seconds histogram\n"));
        assert!(!classic.contains("# UNIT") && !classic.contains("# EOF"));
        let samples = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(samples(&open), samples(&classic));
    }
}
