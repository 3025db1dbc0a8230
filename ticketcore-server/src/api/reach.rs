//! How handlers reach the engine without holding up the reactor.

use std::sync::Arc;

use ticketcore::manifest::Manifest;
use ticketcore::{EventId, IdempotencyKey, Operation, UserId};

use crate::app::App;
use crate::http::{Call, Code, Problem, command_problem};

/// The manifest of an event that the caller may touch.
///
/// # Errors
/// [`Code::UnknownEvent`], or the event can't be opened.
pub async fn event_manifest(app: &Arc<App>, call: &Call, event: EventId) -> Result<Arc<Manifest>, Problem> {
    call.principal.event(event)?;
    // Nearly always the event is open, and it is at hand; opening one takes its time.
    let found = match app.office.durable_revision(event) {
        Some(_) => app.office.manifest(event),
        None => off_reactor(app, move |app| app.office.manifest(event)).await?,
    };
    found.map_err(|error| command_problem(error, &()))
}

/// Does what may wait for the store, on a thread that may wait.
///
/// # Errors
/// [`Code::Internal`] if it panicked.
pub async fn off_reactor<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> T + Send + 'static,
) -> Result<T, Problem> {
    let app = Arc::clone(app);
    let done = tokio::task::spawn_blocking(move || work(&app)).await;
    done.map_err(|_| Problem::new(Code::Internal, "A fault of ours; it is in the log"))
}

/// Whether the same was asked before, and done.
pub async fn asked_before(
    app: &App,
    event: EventId,
    user: UserId,
    operation: Operation,
    key: Option<&IdempotencyKey>,
) -> bool {
    match key {
        Some(key) => app.office.knows_key_async(event, user, operation, key.clone()).await.unwrap_or(false),
        None => false,
    }
}
