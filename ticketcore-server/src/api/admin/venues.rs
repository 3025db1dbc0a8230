//! Venues and their seating plans, for staff.

use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use ticketcore::plan::SeatingPlan;
use ticketcore::{BoxOffice, VenueId};
use utoipa::ToSchema;

use crate::api::document::ProblemBody;
use crate::api::venues::Venue;
use crate::api::{off_reactor, route};
use crate::app::App;
use crate::auth::Scope;
use crate::http::{
    Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, read_bytes, read_json,
};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/admin/venues" "add_venue" Access::Key(Scope::Events), add),
    route!("PUT" "/v1/admin/venues/{venueId}/plan" "import_plan" Access::Key(Scope::Events), import),
    route!("GET" "/v1/admin/venues/{venueId}/plan" "get_plan" Access::Key(Scope::Events), plan),
];

/// A venue to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddVenue {
    /// Its name.
    pub name: String,
}

/// A plan that was imported.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanShape {
    /// Its venue.
    pub venue_id: String,
    /// Its name.
    pub name: String,
    /// Its seats.
    pub seats: usize,
    /// Its zones.
    pub zones: usize,
    /// Its categories, best first.
    pub categories: Vec<String>,
}

/// Adds a venue. Doing so twice adds two.
///
/// # Errors
/// The name is empty or too long.
#[utoipa::path(post, path = "/v1/admin/venues", operation_id = "add_venue", tag = "admin", request_body = AddVenue,
    responses((status = 201, body = Venue), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn add(app: Arc<App>, mut call: Call) -> Outcome {
    let AddVenue { name } = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let added = name.clone();
    let id = off_reactor(&app, move |app| app.office.add_venue(&added)).await?;
    let id = id.map_err(|error| command_problem(error, &()))?;
    let path = format!("/v1/venues/{id}");
    Answer::json(&Venue { id: id.to_string(), name })?.status(StatusCode::CREATED).location(&path).done()
}

/// Imports a venue's seating plan, the open seating-plan JSON, in place of the one before. Events keep what they were made from.
///
/// # Errors
/// What is wrong with the plan, and where.
#[utoipa::path(put, path = "/v1/admin/venues/{venueId}/plan", operation_id = "import_plan", tag = "admin",
    request_body(content = Object, description = "The plan", content_type = "application/json"),
    params(("venueId" = String, Path, description = "A venue's id")),
    responses((status = 200, body = PlanShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn import(app: Arc<App>, mut call: Call) -> Outcome {
    let venue = known(&app, call.id("venueId", Code::NotFound)?)?;
    let bytes = read_bytes(&mut call, app.config.limits.plan_bytes_max).await?;
    let parsed = off_reactor(&app, move |app| {
        let plan = SeatingPlan::parse(&bytes).map_err(|error| Problem::invalid("", error.to_string()))?;
        keep(&app.office, venue, &plan)?;
        Ok(plan)
    });
    Answer::json(&shown(venue, &parsed.await??))?.done()
}

/// A venue's seating plan.
///
/// # Errors
/// There is none.
#[utoipa::path(get, path = "/v1/admin/venues/{venueId}/plan", operation_id = "get_plan", tag = "admin",
    params(("venueId" = String, Path, description = "A venue's id")),
    responses((status = 200, body = Object), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn plan(app: Arc<App>, call: Call) -> Outcome {
    let venue = known(&app, call.id("venueId", Code::NotFound)?)?;
    let plan = off_reactor(&app, move |app| stored(app, venue)).await??;
    Answer::bytes("application/json", plan.to_json().into()).cached("no-store").done()
}

/// The plan of a venue.
///
/// # Errors
/// [`Code::NotFound`].
pub fn stored(app: &App, venue: VenueId) -> Result<SeatingPlan, Problem> {
    let body =
        app.office.host_record(&record(venue)).ok_or_else(|| Problem::not_found("plan of this venue"))?;
    let damaged = |error: String| Problem::new(Code::Internal, format!("The plan can't be read: {error}"));
    let bytes = zstd::decode_all(&body[..]).map_err(|error| damaged(error.to_string()))?;
    SeatingPlan::parse(&bytes).map_err(|error| damaged(error.to_string()))
}

/// Keeps the plan of a venue. Waits for the store.
///
/// # Errors
/// The store failed.
pub fn keep(office: &BoxOffice, venue: VenueId, plan: &SeatingPlan) -> Result<(), Problem> {
    let saved = office.save_host_record(&record(venue), &packed(plan)?);
    saved.map(|_| ()).map_err(|error| command_problem(error, &()))
}

fn packed(plan: &SeatingPlan) -> Result<Vec<u8>, Problem> {
    zstd::encode_all(plan.to_json().as_bytes(), 3)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))
}

fn known(app: &App, id: VenueId) -> Result<VenueId, Problem> {
    let venues = app.office.venues();
    venues
        .iter()
        .find(|venue| venue.id == id)
        .map(|venue| venue.id)
        .ok_or_else(|| Problem::not_found("venue"))
}

fn record(venue: VenueId) -> String {
    format!("plan/{venue}")
}

fn shown(venue: VenueId, plan: &SeatingPlan) -> PlanShape {
    let rows = plan.zones.iter().flat_map(|zone| &zone.rows);
    PlanShape {
        venue_id: venue.to_string(),
        name: plan.name.clone(),
        seats: rows.map(|row| row.seats.len()).sum(),
        zones: plan.zones.len(),
        categories: plan.categories.iter().map(|category| category.name.clone()).collect(),
    }
}
