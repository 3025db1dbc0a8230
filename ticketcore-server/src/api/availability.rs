//! What is left of an event, as everybody reads it: prebuilt, never from locks.

use std::sync::Arc;

use hyper::Method;
use hyper::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use ticketcore::{EventId, Revision, SaleState};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::{PUBLIC, SEES_DRAFTS, route};
use crate::app::App;
use crate::auth::Principal;
use crate::http::{Answer, Call, Code, Outcome, Payload, Problem, Route};
use crate::publish::{CACHED, Change, Changes, Part, Published, SeatBits, Shown, Snapshot, made_once, media};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("GET" "/v1/events/{eventId}/availability" "get_availability" PUBLIC, read),
    route!("GET" "/v1/events/{eventId}/availability/changes" "list_changes" PUBLIC, changes),
    route!("GET" "/v1/events/{eventId}/availability/stream" "stream_changes" PUBLIC, stream),
];

/// One event of the stream.
#[derive(ToSchema)]
pub struct StreamEvent {
    /// `change` or `reload`; what has neither name may come one day and is nothing to act on.
    pub event: String,
    /// The revision that it leads to.
    pub id: String,
    /// Of a `change` the JSON text of what `.../availability/changes` says.
    pub data: String,
}

/// Bytes of changes that are put together on the thread that serves the request; more on another.
const MERGED_AT_ONCE_MAX: usize = 16 << 10;

/// What is left of an event, at most a second or so old. By default by section, area and price level. With `level=seats` seat by seat: as
/// JSON, or with `Accept: application/octet-stream` as a map of two bits a seat. The tag starts with the revision.
///
/// # Errors
/// There is no such event or section, or no such form.
#[utoipa::path(get, path = "/v1/events/{eventId}/availability", operation_id = "get_availability", tag = "browse",
    params(("eventId" = String, Path, description = "An event's id"),
        ("level" = Option<String>, Query, description = "`sections` (as if absent) or `seats`"),
        ("section" = Option<String>, Query, description = "With `level=seats`: only the seats of this section")),
    responses((status = 200, description = "What is left", content(
            (Shown<'static> = "application/json"), (SeatBits = "application/octet-stream"))),
        (status = 304, description = "What the caller has is current"),
        (status = 400, description = "validation_failed", content_type = "application/problem+json", body = ProblemBody),
        (status = 404, description = "unknown_event, unknown_section", content_type = "application/problem+json", body = ProblemBody),
        (status = 406, description = "not_acceptable", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn read(app: Arc<App>, call: Call) -> Outcome {
    answer(&app.published, &call).await
}

/// What has changed since a revision, from memory. Seats and areas are told with the state they have; telling it twice is harmless.
///
/// # Errors
/// There is no such event; the changes are no longer at hand, or the seat map has changed: read the whole.
#[utoipa::path(get, path = "/v1/events/{eventId}/availability/changes", operation_id = "list_changes", tag = "browse",
    params(("eventId" = String, Path, description = "An event's id"),
        ("since" = u64, Query, description = "The revision that the caller has")),
    responses((status = 200, body = Changes<'static>),
        (status = 400, description = "validation_failed", content_type = "application/problem+json", body = ProblemBody),
        (status = 404, description = "unknown_event", content_type = "application/problem+json", body = ProblemBody),
        (status = 406, description = "not_acceptable", content_type = "application/problem+json", body = ProblemBody),
        (status = 410, description = "changes_gone", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn changes(app: Arc<App>, call: Call) -> Outcome {
    changed(&app.published, &call).await
}

/// Changes as they happen, as server-sent events: `change` with what [`changes`] would say, `reload` if the whole must be read again. The id
/// of each is its revision; who comes back with `Last-Event-ID` (or at first with `since`) gets what it missed.
///
/// # Errors
/// There is no such event; there are too many subscribers.
#[utoipa::path(get, path = "/v1/events/{eventId}/availability/stream", operation_id = "stream_changes", tag = "browse",
    params(("eventId" = String, Path, description = "An event's id"),
        ("since" = Option<u64>, Query, description = "The revision that the caller has"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last revision that the caller got; goes before `since`")),
    responses((status = 200, description = "Events until the connection ends", content_type = "text/event-stream", body = StreamEvent),
        (status = 400, description = "validation_failed", content_type = "application/problem+json", body = ProblemBody),
        (status = 404, description = "unknown_event", content_type = "application/problem+json", body = ProblemBody),
        (status = 503, description = "overloaded, unavailable", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn stream(app: Arc<App>, call: Call) -> Outcome {
    streamed(&app.published, &call).await
}

/// Whether the caller may see the event.
///
/// # Errors
/// [`Code::UnknownEvent`].
pub fn visible(snapshot: &Snapshot, principal: &Principal) -> Result<(), Problem> {
    if snapshot.sale_state == SaleState::Draft && !principal.has(SEES_DRAFTS) {
        return Err(Problem::new(Code::UnknownEvent, "There is no such event"));
    }
    Ok(())
}

/// What only staff sees is kept out of shared caches.
pub fn private_if_draft(snapshot: &Snapshot, headers: &mut HeaderMap) {
    if snapshot.sale_state == SaleState::Draft {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Sections,
    Map,
    List,
    Section(String),
}

async fn answer(published: &Arc<Published>, call: &Call) -> Outcome {
    let event = event(call)?;
    let (json, octets) = acceptable(&call.headers);
    let wanted = wanted(call, json, octets)?;
    let at_hand = |snapshot: &Arc<Snapshot>| {
        visible(snapshot, &call.principal)?;
        let answered = match &wanted {
            Wanted::Sections => &snapshot.sections,
            Wanted::Map => &snapshot.bitmap,
            Wanted::List | Wanted::Section(_) => return Ok(Err(Arc::clone(snapshot))),
        };
        let mut response = answered.answer(&call.headers)?;
        private_if_draft(snapshot, response.headers_mut());
        Ok(Ok(response))
    };
    let found = match published.read(event, at_hand) {
        Some(found) => found,
        None => at_hand(&published.snapshot(event).await?),
    };
    match found? {
        Ok(response) => Ok(response),
        Err(snapshot) => part(&snapshot, &wanted, octets > json, call).await,
    }
}

/// What is made when it is asked for.
async fn part(snapshot: &Arc<Snapshot>, wanted: &Wanted, as_map: bool, call: &Call) -> Outcome {
    let part = match wanted {
        Wanted::Section(name) => {
            let names = snapshot.geometry.manifest.section_names();
            let at = names.iter().position(|known| known == name);
            let unknown = || Problem::new(Code::UnknownSection, "There is no such section");
            let at = at.ok_or_else(unknown)?;
            if as_map { Part::SectionMap(at) } else { Part::SectionList(at) }
        }
        _ => Part::List,
    };
    let mut response = snapshot.part(part).await?.answer(&call.headers)?;
    private_if_draft(snapshot, response.headers_mut());
    Ok(response)
}

/// How much JSON and octets are liked.
fn acceptable(headers: &HeaderMap) -> (u16, u16) {
    (media(headers, "application", "json"), media(headers, "application", "octet-stream"))
}

fn wanted(call: &Call, json: u16, octets: u16) -> Result<Wanted, Problem> {
    let seats = match call.uri.query() {
        None | Some("") => Wanted::Sections,
        Some("level=seats") => Wanted::List,
        Some(_) => {
            let [level, section] = call.query(["level", "section"])?;
            match (level.as_deref(), section) {
                (None | Some("sections"), None) => Wanted::Sections,
                (Some("seats"), None) => Wanted::List,
                (Some("seats"), Some(section)) => Wanted::Section(section),
                (None | Some("sections"), Some(_)) => {
                    return Err(Problem::invalid("section", "goes with `level=seats`"));
                }
                (Some(_), _) => return Err(Problem::invalid("level", "`sections` or `seats`")),
            }
        }
    };
    match seats {
        Wanted::Sections if json == 0 => {
            Err(Problem::new(Code::NotAcceptable, "There is `application/json`"))
        }
        _ if json == 0 && octets == 0 => Err(Problem::new(
            Code::NotAcceptable,
            "There are `application/json` and `application/octet-stream`",
        )),
        Wanted::List if octets > json => Ok(Wanted::Map),
        wanted => Ok(wanted),
    }
}

async fn changed(published: &Arc<Published>, call: &Call) -> Outcome {
    let event = event(call)?;
    let [since] = call.query(["since"])?;
    let since = since.ok_or_else(|| Problem::invalid("since", "the revision that you have"))?;
    let since = revision("since", &since)?;
    let snapshot = published.snapshot(event).await?;
    visible(&snapshot, &call.principal)?;
    let body = if since >= snapshot.revision {
        Change::none(snapshot.revision, snapshot.sale_state, &snapshot.geometry.manifest)
            .map_err(unwritten)?
            .json()
    } else {
        let gone = || {
            let told = "The changes since then are gone, or the seat map has changed: read the whole again";
            Problem::new(Code::ChangesGone, told).with("revision", snapshot.revision.0)
        };
        let missed = snapshot.history.since(since).ok_or_else(gone)?;
        if missed.iter().any(|change| change.reload) {
            return Err(gone());
        }
        match missed {
            [only] => only.json(),
            several
                if several.iter().map(|change| change.frame.len()).sum::<usize>() <= MERGED_AT_ONCE_MAX =>
            {
                merged(&snapshot, since)?
            }
            _ => {
                let snapshot = Arc::clone(&snapshot);
                let work = tokio::task::spawn_blocking(move || merged(&snapshot, since));
                work.await.map_err(|_| Problem::new(Code::Internal, "They can't be put together"))??
            }
        }
    };
    let mut response = made_once("application/json", CACHED, body, &call.headers)?;
    private_if_draft(&snapshot, response.headers_mut());
    Ok(response)
}

/// The changes since a revision as one.
fn merged(snapshot: &Snapshot, since: Revision) -> Result<bytes::Bytes, Problem> {
    let missed = snapshot.history.since(since).unwrap_or_default();
    let merged = Change::merged(missed.iter().map(|change| &**change), &snapshot.geometry.manifest);
    let merged = merged.map_err(unwritten)?;
    Ok(merged.map(|change| change.json()).unwrap_or_default())
}

async fn streamed(published: &Arc<Published>, call: &Call) -> Outcome {
    let event = event(call)?;
    let [since] = call.query(["since"])?;
    // An id that is no revision of ours is as good as none.
    let last = call.header("last-event-id").and_then(|id| id.trim().parse().ok()).map(Revision);
    let since = match last {
        Some(last) => Some(last),
        None => since.map(|since| revision("since", &since)).transpose()?,
    };
    visible(&*published.snapshot(event).await?, &call.principal)?;
    let payload = if call.method == Method::HEAD {
        Payload::empty()
    } else {
        Payload::Stream(Box::pin(published.subscribe(event, since).await?))
    };
    // Proxies are asked not to collect events before they pass them on.
    Answer::payload("text/event-stream", payload)
        .cached("no-store")
        .header(HeaderName::from_static("x-accel-buffering"), "no")
        .done()
}

fn event(call: &Call) -> Result<EventId, Problem> {
    call.principal.event(call.id("eventId", Code::UnknownEvent)?)
}

fn revision(name: &str, text: &str) -> Result<Revision, Problem> {
    text.parse().map(Revision).map_err(|_| Problem::invalid(name, "a revision is a whole number"))
}

fn unwritten(error: std::io::Error) -> Problem {
    Problem::new(Code::Internal, error.to_string())
}

#[cfg(test)]
#[path = "availability_tests.rs"]
pub(super) mod tests;
