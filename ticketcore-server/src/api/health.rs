//! Whether the server is well, what it counts, and its interface's description.

use std::sync::Arc;

use serde::Serialize;
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

/// The store takes what is written, and the server is not stopping.
///
/// # Errors
/// [`Code::Unavailable`] with what is wrong.
pub async fn ready(app: Arc<App>, _call: Call) -> Outcome {
    if *app.stopping.borrow() {
        return Err(Problem::new(Code::Unavailable, "The server is stopping"));
    }
    if let Some(trouble) = app.store.trouble() {
        return Err(Problem::new(Code::Unavailable, "The store has failed").with("trouble", trouble));
    }
    Answer::json(&Status { status: "ready" })?.done()
}

/// What is counted, in the Prometheus form that the caller likes best: OpenMetrics, or the older one if he does not say.
///
/// # Errors
/// None.
pub async fn metrics(app: Arc<App>, call: Call) -> Outcome {
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
    Answer::json(&Document::openapi())?.cached("public, max-age=300").done()
}
