//! Coming in.

use std::sync::Arc;

use hyper::StatusCode;
use ticketcore::UtcMs;
use ticketcore::admission::{EntrantTag, RoomError, RoomRefusal, Token, TokenKind};

use super::join::{place_of, shown};
use super::shapes::{AdmittedShape, PlaceShape, TokenOnly};
use super::{refused, room_problem};
use crate::api::document::ProblemBody;
use crate::api::shapes::rfc3339;
use crate::app::App;
use crate::http::{Answer, Call, Outcome, Problem, read_json};
use crate::room::Desk;

/// Comes in, if it is his turn; else says where he stands. Asking again gives the same admission.
///
/// # Errors
/// The token is not good, or the place was lost.
#[utoipa::path(post, path = "/v1/waiting-room/admit", operation_id = "admit", tag = "waiting room", request_body = TokenOnly,
    responses((status = 200, body = AdmittedShape), (status = 202, body = PlaceShape, description = "Not yet"),
        (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn admit(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: TokenOnly = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let (desk, token) = shown(&app, &call, user, &asked.position_token)?;
    let number = u32::try_from(token.number).map_err(|_| refused(RoomRefusal::NotInside))?;
    let who = (number, token.tag, token.device);
    let admitted = desk.journal().change(app.now(), |room, now| {
        let admission = room.admit(number, now)?;
        Ok(((admission.since, admission.until, admission.tickets), admission.fact))
    });
    match admitted {
        Ok(written) => {
            let admitted = written.durable().await.map_err(room_problem)?;
            Answer::json(&admission(&app, &desk, who, admitted))?.done()
        }
        // He waits: nothing was done, and the room is as it was told before.
        Err(RoomError::Refused(
            RoomRefusal::NotCalled | RoomRefusal::Crowded | RoomRefusal::Phase { .. },
        )) => waiting(&app, &desk, who),
        Err(error) => Err(room_problem(error)),
    }
}

fn waiting(app: &App, desk: &Desk, who: (u32, EntrantTag, [u8; 8])) -> Outcome {
    let place: Result<PlaceShape, Problem> = place_of(app, desk, who);
    Answer::json(&place?)?.status(StatusCode::ACCEPTED).done()
}

fn admission(
    app: &App,
    desk: &Desk,
    (number, tag, device): (u32, EntrantTag, [u8; 8]),
    (since, until, tickets): (UtcMs, UtcMs, u32),
) -> AdmittedShape {
    let now = desk.now(app.now());
    let token = Token {
        kind: TokenKind::Admission,
        event: desk.event(),
        tag,
        device,
        number: u64::from(number),
        // However often he asks, it is the same admission.
        issued: since,
        until,
        tickets,
    };
    AdmittedShape {
        event_id: desk.event().to_string(),
        admission_token: app.rooms.keys.sign(&token),
        expires_at: rfc3339(until),
        expires_in_ms: until.since_ms(now),
        tickets_left: tickets,
        server_time: rfc3339(now),
    }
}
