//! What everybody may look at, and what makes the draw checkable.

use std::sync::Arc;

use hyper::StatusCode;
use ticketcore::EventId;
use ticketcore::admission::RoomRefusal;

use super::join::shown;
use super::refused;
use super::shapes::{DrawShape, ProofShape, StatusEvent, TokenOnly};
use crate::api::document::ProblemBody;
use crate::app::App;
use crate::http::{Answer, Call, Code, Outcome, Payload, Problem, read_json};
use crate::room::{Desk, RoomStatus, StatusStream, hex};

/// What everybody may know of a waiting room. The same bytes for all, good for a second.
///
/// # Errors
/// There is no such room.
#[utoipa::path(get, path = "/v1/waiting-room/{eventId}", operation_id = "get_waiting_room", tag = "waiting room", security(()),
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = RoomStatus), (status = 304, description = "It is as it was"),
        (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn status(app: Arc<App>, call: Call) -> Outcome {
    let desk = named(&app, &call)?;
    let status = desk.status();
    let etag = desk.etag(&status);
    let answer = match call.header("if-none-match") {
        Some(known) if known.split(',').any(|tag| tag.trim() == etag) => {
            Answer::payload("application/json", Payload::empty()).status(StatusCode::NOT_MODIFIED)
        }
        _ => Answer::bytes("application/json", status.json.clone()),
    };
    answer.cached("public, max-age=1").header(hyper::header::ETAG, etag).done()
}

/// The same, each time it changes, as server-sent events.
///
/// # Errors
/// There is no such room, or too many follow it.
#[utoipa::path(get, path = "/v1/waiting-room/{eventId}/stream", operation_id = "stream_waiting_room", tag = "waiting room", security(()),
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, description = "Events until the connection ends", content_type = "text/event-stream", body = StatusEvent),
        (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn stream(app: Arc<App>, call: Call) -> Outcome {
    let desk = named(&app, &call)?;
    let most = app.config.publish.subscribers_max;
    let stream = StatusStream::open(desk.follow(), app.stopping.clone(), &app.rooms.followers, most);
    let full = || Problem::new(Code::Overloaded, format!("{most} follow already")).retry_after_ms(5_000);
    let payload = Payload::Stream(Box::pin(stream.ok_or_else(full)?));
    Answer::payload("text/event-stream", payload).cached("no-store").done()
}

/// Everything that makes the draw checkable, once it is made.
///
/// # Errors
/// There is no such room, or no draw yet.
#[utoipa::path(get, path = "/v1/waiting-room/{eventId}/draw", operation_id = "get_draw", tag = "waiting room", security(()),
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = DrawShape),
        (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn draw(app: Arc<App>, call: Call) -> Outcome {
    let desk = named(&app, &call)?;
    let (record, phase) = desk.look(|room| (room.draw_record(), room.phase())).map_err(refused)?;
    let record = record.ok_or_else(|| refused(RoomRefusal::Phase { phase }))?;
    let shown = DrawShape {
        event_id: record.event.to_string(),
        commitment: hex(&record.commitment),
        entropy_source: record.entropy_source,
        entrants: record.entrants,
        root: hex(&record.root),
        entropy: record.entropy,
        key: hex(&record.key),
    };
    Answer::json(&shown)?.cached("public, max-age=60").done()
}

/// The proof that the caller's entry took part in the lottery.
///
/// # Errors
/// The token is not good, the prequeue is not closed, or he joined later.
#[utoipa::path(post, path = "/v1/waiting-room/proof", operation_id = "prove_entry", tag = "waiting room", request_body = TokenOnly,
    responses((status = 200, body = ProofShape),
        (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn proof(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: TokenOnly = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let (desk, token) = shown(&app, &call, user, &asked.position_token)?;
    let number = u32::try_from(token.number).map_err(|_| refused(RoomRefusal::NotInside))?;
    let look = desk.look(|room| (room.entrants(), room.proof(number), room.phase()));
    let (entrants, path, phase) = look.map_err(refused)?;
    let (entrants, root) = entrants.ok_or_else(|| refused(RoomRefusal::Phase { phase }))?;
    let late = || Problem::new(Code::NotInRoom, "The entry took no part in the lottery: it came later");
    let path = path.ok_or_else(late)?;
    let shown = ProofShape {
        event_id: desk.event().to_string(),
        number,
        entrant: token.tag.to_string(),
        path: path.iter().map(hex).collect(),
        entrants,
        root: hex(&root),
    };
    Answer::json(&shown)?.done()
}

fn named(app: &App, call: &Call) -> Result<Arc<Desk>, Problem> {
    let event: EventId = call.id("eventId", Code::UnknownEvent)?;
    call.principal.event(event)?;
    app.rooms.named(event)
}
