//! Holds: seats and places kept for one buyer until a deadline.

use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use ticketcore::guard::Activity;
use ticketcore::manifest::Manifest;
use ticketcore::{
    AmendRequest, ExtendRequest, Hold, HoldId, HoldRequest, Item, Operation, Pending, ReleaseRequest,
    Revision, UserId,
};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::items::{ItemShape, RemovedPlaces, area, seats, ticket_type};
use super::lines::{LineShape, lines, money};
use super::shapes::{MoneyShape, rfc3339};
use super::{asked_before, event_manifest, route};
use crate::app::App;
use crate::guard::Sent;
use crate::http::{
    Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, no_content, read_json,
};
use crate::room::{Passed, admission};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/holds" "place_hold" Access::Buyer, place),
    route!("GET" "/v1/holds/{holdId}" "get_hold" Access::Buyer, get),
    route!("PATCH" "/v1/holds/{holdId}" "amend_hold" Access::Buyer, amend),
    route!("DELETE" "/v1/holds/{holdId}" "release_hold" Access::Buyer, release),
    route!("POST" "/v1/holds/{holdId}/extend" "extend_hold" Access::Buyer, extend),
];

/// What to hold: `items`, or in short `seatIds` with the event's first ticket type.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaceHold {
    /// The event.
    pub event_id: String,
    /// What to hold, all or nothing.
    pub items: Option<Vec<ItemShape>>,
    /// In place of `items`: these seats.
    pub seat_ids: Option<Vec<String>>,
    /// Goes with `seatIds`.
    pub ticket_type: Option<String>,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The sales channel.
    pub channel: Option<String>,
    /// A code that unlocks an allocation.
    pub access_code: Option<String>,
    /// The code of a voucher.
    pub voucher: Option<String>,
    /// How long, in seconds; the event's default if absent.
    pub ttl_seconds: Option<u64>,
    /// The solution of a challenge, as the header `Challenge-Solution`.
    pub challenge: Option<String>,
}

/// What changes about a hold, all or nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AmendHold {
    /// Seats to give back.
    #[serde(default)]
    pub remove_seat_ids: Vec<String>,
    /// Places to give back.
    #[serde(default)]
    pub remove_places: Vec<RemovedPlaces>,
    /// What to add.
    #[serde(default)]
    pub add_items: Vec<ItemShape>,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The sales channel.
    pub channel: Option<String>,
    /// A code that unlocks an allocation.
    pub access_code: Option<String>,
}

/// How much longer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExtendHold {
    /// The new deadline is this far from now, in seconds; the event's default if absent.
    pub ttl_seconds: Option<u64>,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// A hold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldShape<'a> {
    /// Its id.
    pub hold_id: String,
    /// Its event.
    pub event_id: String,
    /// For `If-Match`: it grows with every change of the hold.
    pub version: u64,
    /// The event's revision at which it was so.
    pub revision: u64,
    /// When it ends.
    pub expires_at: String,
    /// When it ends, from `serverTime` on, in milliseconds.
    pub expires_in_ms: u64,
    /// How often it may still be extended.
    pub extensions_left: u32,
    /// What it keeps.
    pub lines: Vec<LineShape<'a>>,
    /// The sum of all prices.
    pub total: MoneyShape,
    /// The server's time.
    pub server_time: String,
}

/// A hold as its buyer may know it.
pub fn shape<'a>(app: &App, hold: &Hold, manifest: &'a Manifest) -> HoldShape<'a> {
    let now = app.now();
    HoldShape {
        hold_id: hold.id.to_string(),
        event_id: hold.id.event.to_string(),
        version: hold.version.0,
        revision: hold.version.0,
        expires_at: rfc3339(hold.deadline),
        expires_in_ms: hold.deadline.since_ms(now),
        extensions_left: hold.extensions_left,
        lines: lines(&hold.lines, manifest),
        total: money(hold.total_minor, manifest),
        server_time: rfc3339(now),
    }
}

fn answer(app: &App, hold: &Hold, manifest: &Manifest) -> Result<Answer, Problem> {
    Ok(Answer::json(&shape(app, hold, manifest))?.etag(hold.version.0).replayed(hold.replayed))
}

/// Holds seats and places, all or nothing.
///
/// # Errors
/// What is wrong with the request, or why the engine refuses.
#[utoipa::path(post, path = "/v1/holds", operation_id = "place_hold", tag = "buy", request_body = PlaceHold,
    params(("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 201, body = HoldShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn place(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: PlaceHold = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = call.key(asked.idempotency_key.as_deref())?;
    let event =
        asked.event_id.parse().map_err(|_| Problem::new(Code::UnknownEvent, "There is no such event"))?;
    let manifest = event_manifest(&app, &call, event).await?;
    let items = match (asked.items, asked.seat_ids) {
        (Some(items), None) if asked.ticket_type.is_none() => resolve(&items, &manifest, "/items")?,
        (None, Some(ids)) => {
            let ticket_type = ticket_type(&manifest, asked.ticket_type.as_deref())?;
            vec![Item::Seats { seats: seats(&manifest, &ids)?, ticket_type }]
        }
        _ => {
            return Err(Problem::invalid("/items", "either `items`, or `seatIds` perhaps with `ticketType`"));
        }
    };
    let request = HoldRequest {
        event,
        user,
        key: Some(key.clone()),
        items,
        channel: asked.channel,
        access_code: asked.access_code,
        ttl_ms: asked.ttl_seconds.map(|seconds| seconds.saturating_mul(1_000)),
        voucher: asked.voucher,
        identities: Vec::new(),
    };
    // Who asks again is answered as before, whether or not he could begin now.
    let again = || asked_before(&app, event, user, Operation::Hold, Some(&key));
    let passed = match admission(&app, &call, event, user, false) {
        Ok(passed) => passed,
        Err(_) if again().await => None,
        Err(problem) => return Err(problem),
    };
    let sent = Sent {
        solution: asked.challenge.as_deref(),
        key: asked.idempotency_key.as_deref(),
        ..Sent::default()
    };
    let judged = match app.guard.check(Activity::Hold, &call, sent).await {
        Ok(judged) => judged,
        Err(_) if again().await => app.guard.again(&call, sent),
        Err(problem) => return Err(problem),
    };
    let tickets = request.items.iter().map(Item::places).fold(0, u32::saturating_add);
    let place = || app.office.hold(request);
    let hold = charged(&app, &manifest, passed, (tickets, 0), again(), place).await?;
    app.guard.held(&judged, user, &hold);
    let path = format!("/v1/holds/{}", hold.id);
    answer(&app, &hold, &manifest)?.status(StatusCode::CREATED).location(&path).done()
}

/// A live hold.
///
/// # Errors
/// There is no such hold, or it is over.
#[utoipa::path(get, path = "/v1/holds/{holdId}", operation_id = "get_hold", tag = "buy",
    params(("holdId" = String, Path, description = "A hold's id")),
    responses((status = 200, body = HoldShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn get(app: Arc<App>, call: Call) -> Outcome {
    let (id, user, manifest) = named(&app, &call).await?;
    let hold = app.office.find_hold_async(id, user).await;
    answer(&app, &hold.map_err(|error| command_problem(error, &*manifest))?, &manifest)?.done()
}

/// Adds to a hold and takes from it, all or nothing. With `If-Match` only if it is still that version.
///
/// # Errors
/// As [`place`].
#[utoipa::path(patch, path = "/v1/holds/{holdId}", operation_id = "amend_hold", tag = "buy", request_body = AmendHold,
    params(("holdId" = String, Path, description = "A hold's id"), ("If-Match" = Option<String>, Header, description = "The hold's version, quoted"),
        ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body")),
    responses((status = 200, body = HoldShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn amend(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: AmendHold = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = call.optional_key(asked.idempotency_key.as_deref())?;
    let expected = call.if_match()?.map(Revision);
    let (hold, user, manifest) = named(&app, &call).await?;
    let remove_places = asked.remove_places.iter().map(|removed| {
        let kind = ticket_type(&manifest, removed.ticket_type.as_deref())?;
        Ok((area(&manifest, &removed.area_id)?, kind, removed.quantity))
    });
    let request = AmendRequest {
        hold,
        user,
        key: key.clone(),
        expected,
        remove_seats: seats(&manifest, &asked.remove_seat_ids)?,
        remove_places: remove_places.collect::<Result<_, Problem>>()?,
        add: resolve(&asked.add_items, &manifest, "/addItems")?,
        channel: asked.channel,
        access_code: asked.access_code,
    };
    let added = request.add.iter().map(Item::places).fold(0, u32::saturating_add);
    let again = || asked_before(&app, hold.event, user, Operation::Amend, key.as_ref());
    let passed = match admission(&app, &call, hold.event, user, false) {
        Ok(passed) => passed,
        // Who only takes from his hold need not be inside.
        Err(_) if added == 0 || again().await => None,
        Err(problem) => return Err(problem),
    };
    let removed = removed(&request);
    let (more, less) = (added.saturating_sub(removed), removed.saturating_sub(added));
    let amend = || app.office.amend(request);
    let hold = charged(&app, &manifest, passed, (more, less), again(), amend).await?;
    answer(&app, &hold, &manifest)?.done()
}

/// Gives a hold a later deadline.
///
/// # Errors
/// Why the engine refuses.
#[utoipa::path(post, path = "/v1/holds/{holdId}/extend", operation_id = "extend_hold", tag = "buy", request_body = ExtendHold,
    params(("holdId" = String, Path, description = "A hold's id"), ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 200, body = HoldShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn extend(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: ExtendHold = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = Some(call.key(asked.idempotency_key.as_deref())?);
    let (hold, user, manifest) = named(&app, &call).await?;
    let ttl_ms = asked.ttl_seconds.map(|seconds| seconds.saturating_mul(1_000));
    let request = ExtendRequest { hold, user, key, ttl_ms };
    let hold = app.office.extend(request).await.map_err(|error| command_problem(error, &*manifest))?;
    answer(&app, &hold, &manifest)?.done()
}

/// Gives a hold back. What is not held any more is a success.
///
/// # Errors
/// The hold belongs to an order.
#[utoipa::path(delete, path = "/v1/holds/{holdId}", operation_id = "release_hold", tag = "buy",
    params(("holdId" = String, Path, description = "A hold's id")),
    responses((status = 204, description = "It is not held any more"), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn release(app: Arc<App>, call: Call) -> Outcome {
    let (hold, user, manifest) = named(&app, &call).await?;
    let key = call.optional_key(None)?;
    // Who gives a hold back while he is inside may hold as much again.
    let passed = match call.header("admission-token") {
        Some(_) => admission(&app, &call, hold.event, user, false).ok().flatten(),
        None => None,
    };
    let places = match &passed {
        Some(_) => app.office.find_hold_async(hold, user).await.map_or(0, |hold| hold.lines.places()),
        None => 0,
    };
    let released = app.office.release(ReleaseRequest { hold, user, key }).await;
    let released = released.map_err(|error| command_problem(error, &*manifest))?;
    app.guard.released(hold);
    // Of two who release it at once one has.
    if let Some(passed) = passed.filter(|_| released.revision.is_some() && !released.replayed) {
        passed.give_back(&app, places);
    }
    no_content()
}

/// Changes a hold and charges it to the admission that its buyer has, if he needs one. What it will hold `more` is used up before, so that
/// two at once don't hold more than he may, and given back unless it was held now; what it then holds `less` is given back. Who has not so
/// many tickets left and asks `again` is answered as before, at no cost.
async fn charged(
    app: &App,
    manifest: &Manifest,
    mut passed: Option<Passed>,
    (more, less): (u32, u32),
    again: impl Future<Output = bool>,
    change: impl FnOnce() -> Pending<Hold>,
) -> Result<Hold, Problem> {
    let used = passed.as_ref().filter(|_| more > 0).map(|passed| passed.use_tickets(app, more));
    if let Some(Err(problem)) = used {
        if !again.await {
            return Err(problem);
        }
        passed = None;
    }
    let done = change().await;
    let changed = done.as_ref().is_ok_and(|hold| !hold.replayed);
    let back = if changed { less } else { more };
    if let Some(passed) = passed.filter(|_| back > 0) {
        passed.give_back(app, back);
    }
    done.map_err(|error| command_problem(error, manifest))
}

/// Places that an amendment takes from a hold. A seat that is named twice is one.
fn removed(request: &AmendRequest) -> u32 {
    let mut seats = request.remove_seats.clone();
    seats.sort_unstable();
    seats.dedup();
    let seats = u32::try_from(seats.len()).unwrap_or(u32::MAX);
    request.remove_places.iter().fold(seats, |sum, (_, _, places)| sum.saturating_add(*places))
}

async fn named(app: &Arc<App>, call: &Call) -> Result<(HoldId, UserId, Arc<Manifest>), Problem> {
    let user = call.buyer()?;
    let id: HoldId = call.id("holdId", Code::UnknownHold)?;
    let unknown = |problem: Problem| match problem.code() {
        Code::UnknownEvent => Problem::new(Code::UnknownHold, Code::UnknownHold.title()),
        _ => problem,
    };
    Ok((id, user, event_manifest(app, call, id.event).await.map_err(unknown)?))
}

fn resolve(items: &[ItemShape], manifest: &Manifest, pointer: &str) -> Result<Vec<Item>, Problem> {
    items.iter().enumerate().map(|(at, item)| item.resolve(manifest, &format!("{pointer}/{at}"))).collect()
}
