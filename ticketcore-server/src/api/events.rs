//! Events: what is announced, what is for sale, at which prices.

use std::sync::Arc;

use serde::Serialize;
use ticketcore::manifest::Manifest;
use ticketcore::{EventEntry, EventId, SaleState, SectionIndex, TicketTypeIndex};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::paging::{cursor, page};
use super::shapes::{Currency, MoneyShape, Page, parse_rfc3339, rfc3339};
use super::{PUBLIC, SEES_DRAFTS, event_manifest, off_reactor, route};
use crate::app::App;
use crate::http::{Answer, Call, Code, Outcome, Problem, Route, command_problem};

/// Events that one list opens at most. More than a page has if nothing is said of its length.
const OPENED_MAX: usize = 64;

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("GET" "/v1/events" "list_events" PUBLIC, list),
    route!("GET" "/v1/events/{eventId}" "get_event" PUBLIC, get),
    route!("GET" "/v1/events/{eventId}/sections" "list_sections" PUBLIC, sections),
];

/// An event, as it stands in lists.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventSummary {
    /// Its id.
    #[schema(example = "evt_0000000000002")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub venue_id: Option<String>,
    /// When it starts, RFC 3339 in UTC.
    pub starts_at: String,
    /// The venue's IANA time zone.
    pub zone: String,
    /// Where its sale stands.
    #[schema(value_type = super::words::SaleWord)]
    pub sale_state: SaleState,
}

/// An event with what it sells.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventDetail {
    /// As in lists.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// The currency of all its prices.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// Price levels.
    pub categories: Vec<CategoryShape>,
    /// Who a ticket may be for.
    pub ticket_types: Vec<String>,
    /// Areas without seats.
    pub areas: Vec<AreaShape>,
    /// Tickets one buyer may hold and own.
    pub tickets_per_user_max: u32,
    /// How long a hold lasts if nothing is said, in milliseconds.
    pub hold_ttl_ms: u64,
    /// Server's time.
    pub server_time: String,
}

/// A price level.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryShape {
    /// Its name, which names it in requests.
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
    /// What a ticket costs.
    pub prices: Vec<PriceShape>,
}

/// What a ticket costs.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceShape {
    /// For whom.
    pub ticket_type: String,
    /// How much.
    pub price: MoneyShape,
}

/// An area without seats.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AreaShape {
    /// Its name, which is its id in requests.
    pub id: String,
    /// Its price level.
    pub category: String,
    /// Places in all.
    pub capacity: u32,
}

/// A section with what is left of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SectionShape {
    /// Its name, which names it in requests.
    pub id: String,
    /// Seats in all.
    pub capacity: u32,
}

/// Lists events that are announced, in the order in which they were added. Staff sees drafts too.
///
/// # Errors
/// What is wrong with the parameters.
#[utoipa::path(get, path = "/v1/events", operation_id = "list_events", tag = "browse",
    params(("state" = Option<super::words::SaleWord>, Query, description = "Only events in this sale state"),
        ("from" = Option<String>, Query, description = "Only events that start at this instant or later"),
        ("until" = Option<String>, Query, description = "Only events that start before this instant"),
        ("text" = Option<String>, Query, description = "Only events whose name has this in it, whatever the case"),
        ("venueId" = Option<String>, Query, description = "Only events at this venue"),
        ("cursor" = Option<String>, Query, description = "Where to go on"),
        ("limit" = Option<usize>, Query, description = "1 to 1000")),
    responses((status = 200, body = Page<EventSummary>), (status = 400, description = "validation_failed", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Outcome {
    let [state, from, until, text, venue, after, limit] =
        call.query(["state", "from", "until", "text", "venueId", "cursor", "limit"])?;
    let (after, limit) = page(after, limit)?;
    let state = state.map(|name| sale_state(&name)).transpose()?;
    let instant = |name: &str, text: Option<String>| {
        text.map(|text| parse_rfc3339(&text)).transpose().map_err(|why| Problem::invalid(name, why))
    };
    let (from, until) = (instant("from", from)?, instant("until", until)?);
    let text = text.map(|text| text.to_lowercase());
    let wanted = |entry: &EventEntry| {
        from.is_none_or(|from| entry.starts_at >= from)
            && until.is_none_or(|until| entry.starts_at < until)
            && text.as_ref().is_none_or(|text| entry.name.to_lowercase().contains(text.as_str()))
            && venue.as_ref().is_none_or(|venue| entry.venue.is_some_and(|at| at.to_string() == *venue))
    };
    let events = app.office.events();
    let rest = &events[events.partition_point(|entry| entry.id.0 <= after)..];
    let mut items = Vec::new();
    let (mut next, mut last, mut opened) = (None, after, 0);
    for entry in rest.iter().filter(|entry| wanted(entry)) {
        // Opening takes its time: who lists many that are not open gets a shorter page.
        if app.office.durable_revision(entry.id).is_none() {
            if opened == OPENED_MAX {
                next = Some(cursor(last));
                break;
            }
            opened += 1;
        }
        let before = std::mem::replace(&mut last, entry.id.0);
        let Some(found) = summary(&app, &call, entry).await? else { continue };
        if state.is_some_and(|state| state != found.sale_state) {
            continue;
        }
        if items.len() == limit {
            next = Some(cursor(before));
            break;
        }
        items.push(found);
    }
    let cached = cached(call.principal.has(SEES_DRAFTS), "public, max-age=1");
    Answer::json(&Page { items, next })?.cached(cached).done()
}

/// One event.
///
/// # Errors
/// There is no such event, or it is not announced.
#[utoipa::path(get, path = "/v1/events/{eventId}", operation_id = "get_event", tag = "browse",
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = EventDetail), (status = 404, description = "unknown_event", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn get(app: Arc<App>, call: Call) -> Outcome {
    let (summary, manifest) = visible(&app, &call).await?;
    let cached = cached(summary.sale_state == SaleState::Draft, "public, max-age=1");
    Answer::json(&detail(&app, summary, &manifest))?.cached(cached).done()
}

/// The sections of an event.
///
/// # Errors
/// As [`get`].
#[utoipa::path(get, path = "/v1/events/{eventId}/sections", operation_id = "list_sections", tag = "browse",
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = Page<SectionShape>), (status = 404, description = "unknown_event", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn sections(app: Arc<App>, call: Call) -> Outcome {
    let (summary, manifest) = visible(&app, &call).await?;
    let section = |(at, name): (usize, &String)| SectionShape {
        id: name.clone(),
        capacity: manifest.section_capacity(SectionIndex::of(at)),
    };
    let items = manifest.section_names().iter().enumerate().map(section).collect();
    let cached = cached(summary.sale_state == SaleState::Draft, "public, max-age=60");
    Answer::json(&Page { items, next: None })?.cached(cached).done()
}

/// The event that a path names, if the caller may see it.
///
/// # Errors
/// [`Code::UnknownEvent`].
pub async fn visible(app: &Arc<App>, call: &Call) -> Result<(EventSummary, Arc<Manifest>), Problem> {
    let id: EventId = call.id("eventId", Code::UnknownEvent)?;
    call.principal.event(id)?;
    let unknown = || Problem::new(Code::UnknownEvent, "There is no such event");
    let events = app.office.events();
    let entry = events.iter().find(|entry| entry.id == id).ok_or_else(unknown)?;
    let summary = summary(app, call, entry).await?.ok_or_else(unknown)?;
    let manifest = event_manifest(app, call, id).await?;
    Ok((summary, manifest))
}

/// What only staff sees is kept out of shared caches.
const fn cached(shows_drafts: bool, public: &'static str) -> &'static str {
    if shows_drafts { "private, no-store" } else { public }
}

/// `None` if the caller may not see the event.
async fn summary(app: &Arc<App>, call: &Call, entry: &EventEntry) -> Result<Option<EventSummary>, Problem> {
    let id = entry.id;
    let found = match app.office.durable_revision(id) {
        Some(_) => app.office.availability(id),
        None => off_reactor(app, move |app| app.office.availability(id)).await?,
    };
    let availability = match found {
        Ok(availability) => availability,
        // Announced, and its definition was never stored: there is no such event.
        Err(ticketcore::CommandError::Refused(ticketcore::Refusal::UnknownEvent)) => return Ok(None),
        Err(error) => return Err(command_problem(error, &())),
    };
    let sale_state = availability.sale_state;
    if sale_state == SaleState::Draft && !call.principal.has(SEES_DRAFTS) {
        return Ok(None);
    }
    Ok(Some(EventSummary {
        id: entry.id.to_string(),
        name: entry.name.clone(),
        venue_id: entry.venue.map(|venue| venue.to_string()),
        starts_at: rfc3339(entry.starts_at),
        zone: entry.zone.clone(),
        sale_state,
    }))
}

fn detail(app: &App, summary: EventSummary, manifest: &Manifest) -> EventDetail {
    let rules = manifest.rules();
    let currency = Currency(rules.currency);
    let ticket_types: Vec<String> = manifest.ticket_types().iter().map(|kind| kind.name.clone()).collect();
    let prices = |at: usize| {
        let price = |(kind, name): (usize, &String)| {
            let amount = manifest.price(TicketTypeIndex::of(kind), ticketcore::CategoryIndex::of(at))?;
            Some(PriceShape { ticket_type: name.clone(), price: MoneyShape { amount, currency } })
        };
        ticket_types.iter().enumerate().filter_map(price).collect()
    };
    let category = |(at, category): (usize, &ticketcore::manifest::Category)| CategoryShape {
        name: category.name.clone(),
        color: category.color.clone(),
        prices: prices(at),
    };
    let area = |area: &ticketcore::manifest::Area| AreaShape {
        id: area.name.clone(),
        category: manifest.categories()[area.category.at()].name.clone(),
        capacity: area.capacity,
    };
    EventDetail {
        summary,
        currency,
        categories: manifest.categories().iter().enumerate().map(category).collect(),
        areas: manifest.areas().iter().map(area).collect(),
        tickets_per_user_max: rules.tickets_per_user_max,
        hold_ttl_ms: rules.hold_ttl_ms,
        server_time: rfc3339(app.now()),
        ticket_types,
    }
}

/// Reads a sale state's name.
///
/// # Errors
/// [`Code::ValidationFailed`].
pub fn sale_state(name: &str) -> Result<SaleState, Problem> {
    serde_json::from_value(name.into()).map_err(|_| Problem::invalid("state", "no sale state"))
}
