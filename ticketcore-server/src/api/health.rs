//! Whether the server is well, what it counts, and its interface's description.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use serde::Serialize;
use ticketcore::EventId;
use utoipa::OpenApi;

use super::document::Document;
use super::route;
use crate::app::App;
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route};
use crate::publish::media;

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("GET" "/healthz" "get_health" Access::Always, health),
    route!("GET" "/readyz" "get_readiness" Access::Always, ready),
    route!("GET" "/metrics" "get_metrics" Access::Always, metrics),
    route!("GET" "/openapi.json" "get_openapi" Access::Public, openapi),
];

/// Events that are named as stopped at most; all are counted.
const STOPPED_NAMED_MAX: usize = 100;

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// The process answers.
///
/// # Errors
/// None.
pub async fn health(_app: Arc<App>, _call: Call) -> Outcome {
    Answer::json(&Status { status: "ok" })?.done()
}

/// The store takes what is written, no event has stopped, and the server is not stopping.
///
/// # Errors
/// [`Code::Unavailable`] with what is wrong.
pub async fn ready(app: Arc<App>, _call: Call) -> Outcome {
    readiness(*app.stopping.borrow(), app.store.trouble(), &app.office.stopped_events())?;
    Answer::json(&Status { status: "ready" })?.done()
}

/// Why nobody should be sent here now, if there is a reason.
fn readiness(
    stopping: bool,
    trouble: Option<impl Serialize>,
    stopped: &[(EventId, String)],
) -> Result<(), Problem> {
    if stopping {
        return Err(Problem::new(Code::Unavailable, "The server is stopping"));
    }
    let ids: Vec<String> =
        stopped.iter().take(STOPPED_NAMED_MAX).map(|(event, _)| event.to_string()).collect();
    if trouble.is_some() {
        let problem = Problem::new(Code::Unavailable, "The store has failed").with("trouble", trouble);
        return Err(if ids.is_empty() { problem } else { problem.with("stoppedEvents", ids) });
    }
    if stopped.is_empty() {
        return Ok(());
    }
    for (event, reason) in stopped.iter().take(STOPPED_NAMED_MAX) {
        tracing::warn!(%event, reason, "an event has stopped");
    }
    let told = format!("{} events have stopped", stopped.len());
    Err(Problem::new(Code::Unavailable, told).with("stoppedEvents", ids))
}

/// What is counted, in the Prometheus form that the caller likes best: OpenMetrics, or the older one if he does not say.
///
/// # Errors
/// None.
pub async fn metrics(app: Arc<App>, call: Call) -> Outcome {
    app.metrics.rooms.note(&app.rooms);
    let like = |family, kind| media(&call.headers, family, kind);
    let (kind, text) = if like("application", "openmetrics-text") > like("text", "plain") {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", app.metrics.text())
    } else {
        ("text/plain; version=0.0.4; charset=utf-8", app.metrics.classic_text())
    };
    Answer::bytes(kind, text.into()).cached("no-store").done()
}

/// The interface's description.
///
/// # Errors
/// None.
pub async fn openapi(_app: Arc<App>, _call: Call) -> Outcome {
    // Made once: it says the same as long as the program runs.
    static WRITTEN: LazyLock<Result<Bytes, String>> = LazyLock::new(|| {
        let written = serde_json::to_vec(&Document::openapi());
        written.map(Bytes::from).map_err(|error| error.to_string())
    });
    let written = WRITTEN.clone().map_err(|error| Problem::new(Code::Internal, error))?;
    Answer::bytes("application/json", written).cached("public, max-age=300").done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_can_not_sell_says_so() {
        let nothing: Option<&str> = None;
        let stopped = [(EventId(7), "an invariant".to_owned())];
        assert!(readiness(false, nothing, &[]).is_ok());
        for (stopping, trouble, stopped, told) in [
            (true, nothing, &[][..], "stopping"),
            (false, Some("disk"), &[][..], "disk"),
            (false, nothing, &stopped[..], "1 events have stopped"),
            (false, Some("disk"), &stopped[..], "store has failed"),
        ] {
            let problem = readiness(stopping, trouble, stopped).unwrap_err();
            assert_eq!(problem.code(), Code::Unavailable);
            let problem = format!("{problem:?}");
            assert!(problem.contains(told) || told == "disk" && problem.contains("trouble"), "{problem}");
            assert_eq!(problem.contains("stoppedEvents"), !stopped.is_empty());
        }
    }
}
