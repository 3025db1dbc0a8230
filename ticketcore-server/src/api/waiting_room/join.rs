//! Joining and leaving.

use std::sync::Arc;

use hyper::StatusCode;
use ticketcore::admission::{
    EntrantTag, Entry, Joined, Place, RoomRefusal, Token, TokenError, TokenKind, WaitEstimate,
};
use ticketcore::guard::{Activity, Happening};
use ticketcore::{EventId, UserId};

use super::shapes::{JoinRoom, PlaceShape, TokenOnly, WaitShape};
use super::{refused, room_problem, token_problem};
use crate::api::document::ProblemBody;
use crate::api::event_manifest;
use crate::api::shapes::rfc3339;
use crate::app::App;
use crate::guard::Sent;
use crate::http::{Answer, Call, Code, Outcome, Problem, no_content, read_json};
use crate::room::{Desk, belongs, device_of, holder};

/// Joins the waiting room of an event. Who is in it gets the same place again, as often as he asks.
///
/// # Errors
/// There is no room, it takes nobody now, or what it takes to join is missing.
#[utoipa::path(post, path = "/v1/waiting-room/join", operation_id = "join_waiting_room", tag = "waiting room", request_body = JoinRoom,
    responses((status = 200, body = PlaceShape, description = "He was in it before"), (status = 201, body = PlaceShape),
        (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn join(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: JoinRoom = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let none = || Problem::new(Code::UnknownEvent, "There is no such event");
    let event: EventId = asked.event_id.parse().map_err(|_| none())?;
    call.principal.event(event)?;
    let desk = match app.rooms.find(event) {
        Some(desk) => desk,
        None => {
            // Whether there is such an event takes a look only then.
            event_manifest(&app, &call, event).await?;
            app.rooms.named(event)?
        }
    };
    let (tag, device, demanded) = entrant(&app, &call, &desk, user, &asked)?;
    let sent = Sent { solution: asked.challenge.as_deref(), demanded, ..Sent::default() };
    let judged = app.guard.check(Activity::Join, &call, sent).await?;
    let joined = desk.journal().change(app.now(), |room, now| {
        let joined = room.join(tag, now)?;
        let (number, new) = (joined.number(), matches!(joined, Joined::Now(..)));
        let fact = if let Joined::Now(_, fact) = joined { Some(fact) } else { None };
        Ok(((number, new), fact))
    });
    let (number, new) = joined.map_err(room_problem)?.durable().await.map_err(room_problem)?;
    app.guard.note(Happening::Joined, &judged);
    let shown = place_of(&app, &desk, (number, tag, device))?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Answer::json(&shown)?.status(status).done()
}

/// Leaves the room: the place, or the admission, goes on. Who is not in it is answered alike.
///
/// # Errors
/// The token is not good.
#[utoipa::path(post, path = "/v1/waiting-room/leave", operation_id = "leave_waiting_room", tag = "waiting room", request_body = TokenOnly,
    responses((status = 204, description = "He is not in it any more"),
        (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn leave(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: TokenOnly = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let (desk, token) = shown(&app, &call, user, &asked.position_token)?;
    let number = u32::try_from(token.number).map_err(|_| refused(RoomRefusal::NotInside))?;
    let left = desk.journal().change(app.now(), |room, now| Ok(((), room.leave(number, now)?)));
    left.map_err(room_problem)?.durable().await.map_err(room_problem)?;
    no_content()
}

/// Who joins: what stands for him in the room, and in the device's place of his tokens; whether he must solve a challenge. Who is in the room has
/// done so.
fn entrant(
    app: &App,
    call: &Call,
    desk: &Desk,
    user: UserId,
    asked: &JoinRoom,
) -> Result<(EntrantTag, [u8; 8], bool), Problem> {
    let look = desk.look(|room| {
        let tag = room.tagger().user(user);
        (room.config().entry, tag, room.tagger().clone(), room.number_of(tag).is_some())
    });
    let (entry, tag, tagger, known) = look.map_err(refused)?;
    match entry {
        Entry::Account if call.is_session() => {
            Err(Problem::new(Code::AccountRequired, "A session without an account can't join this room"))
        }
        Entry::Account => Ok((tag, device_of(call), false)),
        Entry::Challenge => Ok((tag, device_of(call), !known)),
        Entry::Invite => {
            let missing = || Problem::new(Code::InvitationRequired, "Send `invitation`");
            let text = asked.invitation.as_deref().ok_or_else(missing)?;
            let clock = app.now();
            let token = app.rooms.keys.read(text, TokenKind::Invitation, desk.event(), desk.now(clock));
            let token = token.map_err(token_problem)?;
            // Its end is no time of the room's: it was set by the clock.
            if clock >= token.until {
                return Err(token_problem(TokenError::Expired { until: token.until }));
            }
            Ok((tagger.invited(&token.tag.0), holder(tag), false))
        }
    }
}

/// The room and the place that a position token is of, if it is the caller's.
pub(super) fn shown(app: &App, call: &Call, user: UserId, text: &str) -> Result<(Arc<Desk>, Token), Problem> {
    let event = Token::event_of(text).map_err(token_problem)?;
    call.principal.event(event)?;
    let desk = app.rooms.named(event)?;
    let look = desk.look_at(app.now(), |room, now| (room.tagger().user(user), now));
    let (tag, now) = look.map_err(refused)?;
    let token = app.rooms.keys.read(text, TokenKind::Position, event, now).map_err(token_problem)?;
    if belongs(&token, tag, device_of(call)) {
        Ok((desk, token))
    } else {
        Err(token_problem(TokenError::Foreign))
    }
}

/// Where somebody stands, and a new token of his place.
pub(super) fn place_of(
    app: &App,
    desk: &Desk,
    (number, tag, device): (u32, EntrantTag, [u8; 8]),
) -> Result<PlaceShape, Problem> {
    let status = desk.status();
    let look = desk.look_at(app.now(), |room, now| {
        (room.place(number, now), room.phase(), now, now.plus_ms(room.config().position_ttl_ms))
    });
    let (place, phase, now, until) = look.map_err(refused)?;
    let place = place.map_err(refused)?;
    let token = Token {
        kind: TokenKind::Position,
        event: desk.event(),
        tag,
        device,
        number: u64::from(number),
        issued: now,
        until,
        tickets: 0,
    };
    let (position, ahead, come_until) = match place {
        Place::Waiting { position, ahead } => (Some(position), Some(ahead), None),
        Place::Called { position, until, .. } => (Some(position), Some(0), Some(until)),
        Place::Inside { position, .. } => (Some(position), Some(0), None),
        Place::Undrawn | Place::Lapsed { .. } | Place::Over => (None, None, None),
    };
    let wait = ahead.filter(|ahead| *ahead > 0).and_then(|ahead| wait(&status.pace, ahead));
    Ok(PlaceShape {
        event_id: desk.event().to_string(),
        position_token: app.rooms.keys.sign(&token),
        position_token_expires_at: rfc3339(until),
        phase,
        number,
        entrant: tag.to_string(),
        position,
        ahead,
        come_until: come_until.map(rfc3339),
        sold_out_likely: position.zip(status.sold_out_likely_from).is_some_and(|(at, from)| at >= from),
        poll_after_ms: poll_after(&wait, ahead, status.poll_after_ms),
        wait,
        server_time: rfc3339(now),
    })
}

fn wait(pace: &WaitEstimate, ahead: u64) -> Option<WaitShape> {
    pace.wait(ahead).map(|wait| WaitShape { p50_ms: wait.p50_ms, p90_ms: wait.p90_ms })
}

/// Who is far back polls seldom, who is near the front in time.
fn poll_after(wait: &Option<WaitShape>, ahead: Option<u64>, seldom_ms: u64) -> u64 {
    match (wait, ahead) {
        (_, Some(0)) => POLL_MS_MIN,
        (Some(wait), _) => (wait.p50_ms / 2).clamp(POLL_MS_MIN, seldom_ms.max(POLL_MS_MIN)),
        (None, _) => seldom_ms,
    }
}

/// Nobody need ask more often, in milliseconds: people are called once a second.
const POLL_MS_MIN: u64 = 1_000;
