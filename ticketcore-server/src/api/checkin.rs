//! At the door: using tickets, and what scanners that are offline must know.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use ticketcore::order::Way;
use ticketcore::ticket::{NotValid, TicketCode, TicketPlace};
use ticketcore::{EventId, Scan};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::shapes::{Page, parse_rfc3339, rfc3339};
use super::{PUBLIC, event_manifest, off_reactor, route};
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, read_json};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/checkin/redeem" "redeem_ticket" Access::Key(Scope::Checkin), redeem),
    route!("GET" "/v1/checkin/keys" "list_ticket_keys" PUBLIC, keys),
    route!("GET" "/v1/events/{eventId}/revocations" "get_revocations" Access::Key(Scope::Checkin), revocations),
];

/// A scan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedeemTicket {
    /// What was scanned, or typed.
    pub code: String,
    /// `entry` (if absent) or `exit`.
    #[schema(value_type = Option<super::words::WayWord>)]
    pub way: Option<Way>,
    /// The event at whose door it was scanned; another's tickets are refused.
    pub event_id: Option<String>,
    /// The scanner's own name of the scan: repeated when an offline scan is sent again.
    pub nonce: Option<String>,
    /// When the device scanned it, if it was not connected.
    pub device_time: Option<String>,
    /// Let it through although it was used before or is in dispute; never one that is dead.
    #[serde(default)]
    pub force: bool,
}

/// Somebody may go through.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redeemed {
    /// `ok`.
    pub status: &'static str,
    /// The ticket.
    pub ticket_id: String,
    /// Its event.
    pub event_id: String,
    /// Its seat's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_id: Option<String>,
    /// Its area's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_id: Option<String>,
    /// Who it is for.
    pub ticket_type: String,
    /// Whether it is the answer to a scan that was sent before.
    pub replayed: bool,
    /// The server's time.
    pub server_time: String,
}

/// A key that signs tickets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketKeyShape {
    /// Its number, which codes bear.
    pub id: u16,
    /// Ed25519, base64.
    pub public_key: String,
    /// It signs from this instant on.
    pub signs_from: String,
    /// It signs until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signs_until: Option<String>,
    /// What it has signed is accepted until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_until: Option<String>,
}

/// Uses a ticket at the door.
///
/// # Errors
/// [`Code::TicketCodeNotValid`] and [`Code::NotAdmitted`], each with a `reason` from a closed list.
#[utoipa::path(post, path = "/v1/checkin/redeem", operation_id = "redeem_ticket", tag = "check-in", request_body = RedeemTicket,
    responses((status = 200, body = Redeemed), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn redeem(app: Arc<App>, mut call: Call) -> Outcome {
    let by = call.principal.key(Scope::Checkin)?.user;
    let asked: RedeemTicket = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let code = TicketCode::from_typed(&asked.code).map_err(not_valid)?;
    let keys = app.ticket_keys.public();
    let now = app.now();
    let device_at = asked.device_time.as_deref().map(parse_rfc3339).transpose();
    let device_at = device_at.map_err(|why| Problem::invalid("/deviceTime", why))?;
    if device_at.is_some_and(|at| at > now) {
        return Err(Problem::invalid("/deviceTime", "in the future"));
    }
    let claims = ticketcore::ticket::verify(&code, keys, device_at.unwrap_or(now)).map_err(not_valid)?;
    let event = claims.ticket.order.event;
    let other = asked.event_id.as_deref().is_some_and(|id| id.parse() != Ok(event));
    if other || call.principal.event(event).is_err() {
        return Err(not_valid(NotValid::WrongEvent { event }));
    }
    let manifest = event_manifest(&app, &call, event).await?;
    let scan = Scan {
        by,
        key: call.optional_key(asked.nonce.as_deref())?,
        way: asked.way.unwrap_or(Way::Entry),
        device_at,
        force: asked.force,
    };
    let redeemed = app.office.redeem_code(&code, keys, scan).map_err(not_valid)?.await;
    let stepped = redeemed.map_err(|error| command_problem(error, &*manifest))?;
    let (seat_id, area_id) = match claims.place {
        TicketPlace::Seat(seat) => (Some(manifest.seat_id(seat).to_owned()), None),
        TicketPlace::Area(area) => (None, Some(manifest.areas()[area.at()].name.clone())),
    };
    let shown = Redeemed {
        status: "ok",
        ticket_id: claims.ticket.to_string(),
        event_id: event.to_string(),
        seat_id,
        area_id,
        ticket_type: manifest.ticket_types()[claims.ticket_type.at()].name.clone(),
        replayed: stepped.replayed,
        server_time: rfc3339(now),
    };
    Answer::json(&shown)?.replayed(stepped.replayed).done()
}

/// The keys that tickets are signed with, for scanners.
///
/// # Errors
/// None.
#[utoipa::path(get, path = "/v1/checkin/keys", operation_id = "list_ticket_keys", tag = "check-in",
    responses((status = 200, body = Page<TicketKeyShape>)))]
pub async fn keys(app: Arc<App>, _call: Call) -> Outcome {
    let key = |key: &ticketcore::ticket::PublicKey| TicketKeyShape {
        id: key.id.0,
        public_key: BASE64_STANDARD.encode(key.as_bytes()),
        signs_from: rfc3339(key.signs_from),
        signs_until: key.signs_until.map(rfc3339),
        accepted_until: key.accepted_until.map(rfc3339),
    };
    let items = app.ticket_keys.public().keys().iter().map(key).collect();
    Answer::json(&Page { items, next: None })?.cached("public, max-age=300").done()
}

/// Every dead ticket of an event, signed: what scanners that are offline must know.
///
/// # Errors
/// There is no such event.
#[utoipa::path(get, path = "/v1/events/{eventId}/revocations", operation_id = "get_revocations", tag = "check-in",
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn revocations(app: Arc<App>, call: Call) -> Outcome {
    let event: EventId = call.id("eventId", Code::UnknownEvent)?;
    event_manifest(&app, &call, event).await?;
    let list = off_reactor(&app, move |app| app.office.revocations(event)).await?;
    let list = list.map_err(|error| command_problem(error, &()))?;
    let bytes =
        list.sign(&app.ticket_keys).map_err(|error| Problem::new(Code::Unavailable, error.to_string()))?;
    Answer::bytes("application/octet-stream", bytes.into())
        .etag(list.revision().0)
        .cached("private, max-age=5")
        .done()
}

/// What is said of a code is its own fault's name and no more.
fn not_valid(why: NotValid) -> Problem {
    let told = why.to_string();
    let reason = told.split(':').next().unwrap_or("not_a_ticket").to_owned();
    Problem::new(Code::TicketCodeNotValid, told).with("reason", reason)
}
