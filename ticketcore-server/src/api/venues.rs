//! Venues.

use std::sync::Arc;

use serde::Serialize;
use ticketcore::{VenueEntry, VenueId};
use utoipa::ToSchema;

use super::paging::{cursor, page};
use super::shapes::Page;
use super::{PUBLIC, route};
use crate::app::App;
use crate::http::{Answer, Call, Code, Outcome, Problem, Route};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("GET" "/v1/venues" "list_venues" PUBLIC, list),
    route!("GET" "/v1/venues/{venueId}" "get_venue" PUBLIC, get),
];

/// A venue.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Venue {
    /// Its id.
    #[schema(example = "ven_0000000000001")]
    pub id: String,
    /// Its name.
    pub name: String,
}

impl From<&VenueEntry> for Venue {
    fn from(entry: &VenueEntry) -> Self {
        Self { id: entry.id.to_string(), name: entry.name.clone() }
    }
}

/// Lists venues, in the order in which they were added.
///
/// # Errors
/// What is wrong with the parameters.
#[utoipa::path(get, path = "/v1/venues", operation_id = "list_venues", tag = "browse",
    params(("cursor" = Option<String>, Query, description = "Where to go on"), ("limit" = Option<usize>, Query, description = "1 to 1000")),
    responses((status = 200, body = Page<Venue>), (status = 400, description = "validation_failed", content_type = "application/problem+json", body = super::document::ProblemBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Outcome {
    let [after, limit] = call.query(["cursor", "limit"])?;
    let (after, limit) = page(after, limit)?;
    let venues = app.office.venues();
    let rest = &venues[venues.partition_point(|venue| venue.id.0 <= after)..];
    let shown = &rest[..limit.min(rest.len())];
    let next = (shown.len() < rest.len()).then(|| cursor(shown[shown.len() - 1].id.0));
    Answer::json(&Page { items: shown.iter().map(Venue::from).collect(), next })?
        .cached("public, max-age=60")
        .done()
}

/// One venue.
///
/// # Errors
/// There is no such venue.
#[utoipa::path(get, path = "/v1/venues/{venueId}", operation_id = "get_venue", tag = "browse",
    params(("venueId" = String, Path, description = "A venue's id")),
    responses((status = 200, body = Venue), (status = 404, description = "not_found", content_type = "application/problem+json", body = super::document::ProblemBody)))]
pub async fn get(app: Arc<App>, call: Call) -> Outcome {
    let id: VenueId = call.id("venueId", Code::NotFound)?;
    let venues = app.office.venues();
    let found = venues.iter().find(|venue| venue.id == id).ok_or_else(|| Problem::not_found("venue"))?;
    Answer::json(&Venue::from(found))?.cached("public, max-age=60").done()
}
