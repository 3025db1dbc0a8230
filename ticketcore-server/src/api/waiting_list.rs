//! The waiting list of an event that is sold out.

use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use ticketcore::admission::Bound;
use ticketcore::manifest::Manifest;
use ticketcore::waiting::{JoinWaitingRequest, LeaveWaitingRequest, WaitingEntry, Wish};
use ticketcore::{EventId, Hold, Operation, Revision};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::holds::{HoldShape, shape as hold_shape};
use super::items::{category, ticket_type};
use super::{asked_before, event_manifest, route};
use crate::app::App;
use crate::http::{
    Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, no_content, read_json,
};
use crate::room::{Desk, admission};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/events/{eventId}/waiting-list" "join_waiting_list" Access::Buyer, join),
    route!("GET" "/v1/events/{eventId}/waiting-list" "get_waiting_list" Access::Buyer, get),
    route!("DELETE" "/v1/events/{eventId}/waiting-list/{entry}" "leave_waiting_list" Access::Buyer, leave),
];

/// What to wait for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinWaitingList {
    /// How many places.
    pub places: u32,
    /// Who they are for; the event's first ticket type if absent.
    pub ticket_type: Option<String>,
    /// Of this category; of any if absent.
    pub category: Option<String>,
    /// Seats must be side by side.
    #[serde(default)]
    pub together: bool,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// An entry of the list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryShape {
    /// Its name. Lower ones come first.
    pub entry: String,
    /// How many places.
    pub places: u32,
    /// Who they are for.
    pub ticket_type: String,
    /// Of this category; of any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Seats must be side by side.
    pub together: bool,
}

/// What the caller waits for, and what was found for him.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingShape<'a> {
    /// What he waits for.
    pub entries: Vec<EntryShape>,
    /// What was found: holds like any other.
    pub offers: Vec<HoldShape<'a>>,
}

/// Joins the waiting list.
///
/// # Errors
/// Why the engine refuses: there are places, for example.
#[utoipa::path(post, path = "/v1/events/{eventId}/waiting-list", operation_id = "join_waiting_list", tag = "waiting list", request_body = JoinWaitingList,
    params(("eventId" = String, Path, description = "An event's id"), ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 201, body = EntryShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn join(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: JoinWaitingList = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = call.key(asked.idempotency_key.as_deref())?;
    let (event, manifest) = named(&app, &call).await?;
    // As long as there may be something for those in the waiting room nobody gets around them here.
    let sold_out = |desk: &Desk| desk.last().is_some_and(|step| step.bound == Bound::SoldOut);
    if !app.rooms.find(event).is_some_and(|desk| sold_out(&desk))
        && let Err(problem) = admission(&app, &call, event, user, false)
        // Who asks again is answered as before, whether or not he could begin now.
        && !asked_before(&app, event, user, Operation::Waiting, Some(&key)).await
    {
        return Err(problem);
    }
    let wish = Wish {
        places: asked.places,
        category: asked.category.as_deref().map(|name| category(&manifest, name)).transpose()?,
        ticket_type: ticket_type(&manifest, asked.ticket_type.as_deref())?,
        together: asked.together,
    };
    let request = JoinWaitingRequest { event, user, key: Some(key), wish, identities: Vec::new() };
    let entry = app.office.join_waiting(request).await.map_err(|error| command_problem(error, &*manifest))?;
    Answer::json(&entry_shape(&entry, &manifest))?.status(StatusCode::CREATED).replayed(entry.replayed).done()
}

/// What the caller waits for, and what was found for him.
///
/// # Errors
/// There is no such event.
#[utoipa::path(get, path = "/v1/events/{eventId}/waiting-list", operation_id = "get_waiting_list", tag = "waiting list",
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = WaitingShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn get(app: Arc<App>, call: Call) -> Outcome {
    let user = call.buyer()?;
    let (event, manifest) = named(&app, &call).await?;
    let found = app.office.waiting_of_async(event, user).await;
    let (entries, offers): (Vec<WaitingEntry>, Vec<Hold>) =
        found.map_err(|error| command_problem(error, &*manifest))?;
    let shown = WaitingShape {
        entries: entries.iter().map(|entry| entry_shape(entry, &manifest)).collect(),
        offers: offers.iter().map(|hold| hold_shape(&app, hold, &manifest)).collect(),
    };
    Answer::json(&shown)?.done()
}

/// Leaves the list. Who is not in it is answered alike.
///
/// # Errors
/// There is no such event.
#[utoipa::path(delete, path = "/v1/events/{eventId}/waiting-list/{entry}", operation_id = "leave_waiting_list", tag = "waiting list",
    params(("eventId" = String, Path, description = "An event's id"), ("entry" = String, Path, description = "The entry")),
    responses((status = 204, description = "It is not in the list any more"), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn leave(app: Arc<App>, call: Call) -> Outcome {
    let user = call.buyer()?;
    let (event, manifest) = named(&app, &call).await?;
    let entry = Revision(call.id("entry", Code::NotFound)?);
    let key = call.optional_key(None)?;
    let left = app.office.leave_waiting(LeaveWaitingRequest { event, user, key, entry }).await;
    left.map_err(|error| command_problem(error, &*manifest))?;
    no_content()
}

async fn named(app: &Arc<App>, call: &Call) -> Result<(EventId, Arc<Manifest>), Problem> {
    let event: EventId = call.id("eventId", Code::UnknownEvent)?;
    Ok((event, event_manifest(app, call, event).await?))
}

fn entry_shape(entry: &WaitingEntry, manifest: &Manifest) -> EntryShape {
    EntryShape {
        entry: entry.entry.0.to_string(),
        places: entry.wish.places,
        ticket_type: manifest.ticket_types()[entry.wish.ticket_type.at()].name.clone(),
        category: entry.wish.category.map(|category| manifest.categories()[category.at()].name.clone()),
        together: entry.wish.together,
    }
}
