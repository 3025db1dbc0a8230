//! Waiting rooms, for staff.

use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use ticketcore::EventId;
use ticketcore::admission::{
    EntrantTag, Phase, Room, RoomConfig, RoomError, RoomFact, RoomRefusal, Token, TokenKind,
};
use utoipa::ToSchema;

use crate::api::document::ProblemBody;
use crate::api::{event_manifest, off_reactor, room_problem, route};
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, read_json};
use crate::room::{Desk, RoomStatus};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("PUT" "/v1/admin/waiting-rooms/{eventId}" "set_up_waiting_room" Access::Key(Scope::Events), set_up),
    route!("POST" "/v1/admin/waiting-rooms/{eventId}/phase" "move_waiting_room" Access::Key(Scope::Events), phase),
    route!("POST" "/v1/admin/waiting-rooms/{eventId}/draw" "draw_lottery" Access::Key(Scope::Events), draw),
    route!("POST" "/v1/admin/waiting-rooms/{eventId}/invitations" "invite" Access::Key(Scope::Events), invite),
];

/// Invitations made at once, at most.
const INVITATIONS_MAX: u32 = 1_000;
/// Bytes of the entropy of a lottery.
const ENTROPY_BYTES_MAX: usize = 1_000;

/// Where to move a room.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveRoom {
    /// `prequeue`, `drawing` (closes the prequeue), `queue`, `open` or `ended`.
    #[schema(value_type = String)]
    pub phase: Phase,
}

/// The entropy that has come to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrawLottery {
    /// As its source says it, 1 to 1,000 bytes.
    pub entropy: String,
}

/// How many invitations to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Invite {
    /// 1 to 1,000.
    pub count: u32,
    /// How long they are good, in seconds.
    pub ttl_seconds: u64,
}

/// Invitations.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitations {
    /// One place each.
    pub invitations: Vec<String>,
}

/// How a waiting room works; what is absent has its default. See `docs/ADMISSION.md`.
#[derive(ToSchema)]
#[schema(value_type = Object, example = json!({"entry": "account", "entropySource": "the hash of Bitcoin block 1,000,000"}))]
pub struct RoomSetUp(#[expect(dead_code, reason = "only described")] serde_json::Value);

/// Sets the waiting room of an event up, or changes how it works. What people relied on when they joined can't be changed.
///
/// # Errors
/// A setting is out of its range, or can't be changed any more.
#[utoipa::path(put, path = "/v1/admin/waiting-rooms/{eventId}", operation_id = "set_up_waiting_room", tag = "admin", request_body = RoomSetUp,
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = RoomStatus), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn set_up(app: Arc<App>, mut call: Call) -> Outcome {
    let config: RoomConfig = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let event = named(&app, &call).await?;
    config
        .check()
        .map_err(|wrong| Problem::invalid(format!("/{}", wrong.member.replace('.', "/")), wrong.why))?;
    let desk = off_reactor(&app, move |app| {
        let desk = app.rooms.set_up(event, config)?;
        app.rooms.step_now(&desk);
        Ok::<_, RoomError>(desk)
    });
    let desk = desk.await?.map_err(room_problem)?;
    told(&desk)
}

/// Moves a room to another phase. `drawing` closes the prequeue: the number of entrants and the root of the join log stand from then on.
///
/// # Errors
/// It can't move there.
#[utoipa::path(post, path = "/v1/admin/waiting-rooms/{eventId}/phase", operation_id = "move_waiting_room", tag = "admin", request_body = MoveRoom,
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = RoomStatus), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn phase(app: Arc<App>, mut call: Call) -> Outcome {
    let MoveRoom { phase } = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let event = named(&app, &call).await?;
    changed(&app, event, move |room| match phase {
        Phase::Drawing => room.close_prequeue(),
        other => room.become_phase(other),
    })
    .await
}

/// Draws the lottery, with the entropy that its source has come up with since the prequeue closed. The key is public from then on.
///
/// # Errors
/// The prequeue is not closed, or it is drawn already.
#[utoipa::path(post, path = "/v1/admin/waiting-rooms/{eventId}/draw", operation_id = "draw_lottery", tag = "admin", request_body = DrawLottery,
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = RoomStatus), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn draw(app: Arc<App>, mut call: Call) -> Outcome {
    let DrawLottery { entropy } = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    if entropy.is_empty() || entropy.len() > ENTROPY_BYTES_MAX {
        return Err(Problem::invalid("/entropy", format!("1 to {ENTROPY_BYTES_MAX} bytes")));
    }
    let event = named(&app, &call).await?;
    changed(&app, event, move |room| room.draw(&entropy)).await
}

/// Makes invitations to a room that takes them. Each is one place, whoever uses it.
///
/// # Errors
/// There is no such room.
#[utoipa::path(post, path = "/v1/admin/waiting-rooms/{eventId}/invitations", operation_id = "invite", tag = "admin", request_body = Invite,
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 201, body = Invitations), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn invite(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: Invite = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    if !(1..=INVITATIONS_MAX).contains(&asked.count) {
        return Err(Problem::invalid("/count", format!("1 to {INVITATIONS_MAX}")));
    }
    let event = named(&app, &call).await?;
    app.rooms.named(event)?;
    let now = app.now();
    let mut invitations = Vec::with_capacity(asked.count as usize);
    for _one in 0..asked.count {
        let mut key = [0; 16];
        getrandom::fill(&mut key).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        invitations.push(app.rooms.keys.sign(&Token {
            kind: TokenKind::Invitation,
            event,
            tag: EntrantTag(key),
            device: [0; 8],
            number: 0,
            issued: now,
            until: now.plus_ms(asked.ttl_seconds.saturating_mul(1_000)),
            tickets: 0,
        }));
    }
    Answer::json(&Invitations { invitations })?.status(StatusCode::CREATED).done()
}

async fn named(app: &Arc<App>, call: &Call) -> Result<EventId, Problem> {
    let event: EventId = call.id("eventId", Code::UnknownEvent)?;
    event_manifest(app, call, event).await?;
    Ok(event)
}

async fn changed(
    app: &Arc<App>,
    event: EventId,
    decide: impl FnOnce(&mut Room) -> Result<RoomFact, RoomRefusal> + Send + 'static,
) -> Outcome {
    let desk = app.rooms.named(event)?;
    let changing = off_reactor(app, move |app| {
        let written = desk.journal().change(app.now(), |room, _| Ok(((), Some(decide(room)?))))?;
        written.wait()?;
        app.rooms.step_now(&desk);
        Ok::<_, RoomError>(desk)
    });
    let desk = changing.await?.map_err(room_problem)?;
    told(&desk)
}

fn told(desk: &Desk) -> Outcome {
    Answer::bytes("application/json", desk.status().json.clone()).cached("no-store").done()
}
