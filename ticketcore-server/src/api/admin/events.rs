//! Events and their sale states, for staff.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use ticketcore::manifest::{Definition, Price, Rules, TicketType};
use ticketcore::order::{CaptureMode, OnDecline, PaymentRules, PaymentRulesRequest};
use ticketcore::plan::{PlanOptions, SeatingPlan};
use ticketcore::{Activity, CategoryIndex, EventId, SaleState, TicketTypeIndex, VenueId};
use utoipa::ToSchema;

use crate::api::document::ProblemBody;
use crate::api::shapes::{Currency, parse_rfc3339};
use crate::api::{event_manifest, off_reactor, route};
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, read_json};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/admin/events" "add_event" Access::Key(Scope::Events), add),
    route!("POST" "/v1/admin/events/{eventId}/sale-state" "set_sale_state" Access::Key(Scope::Events), sale_state),
];

/// An event to add, at a venue that has a plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddEvent {
    /// Where it is; the venue's plan is what is sold.
    pub venue_id: String,
    /// Its name.
    pub name: String,
    /// When it starts, RFC 3339.
    pub starts_at: String,
    /// The venue's IANA time zone; `UTC` if absent.
    pub zone: Option<String>,
    /// The currency of all its prices; `EUR` if absent.
    #[schema(value_type = Option<String>)]
    pub currency: Option<Currency>,
    /// Prices in minor units by ticket type and category: `{"adult": {"Stalls": 4500}}`. If absent there is one ticket type, `adult`, and
    /// prices that fall from category to category.
    pub prices: Option<BTreeMap<String, BTreeMap<String, i64>>>,
    /// Tickets one buyer may hold and own; 10 if absent.
    pub tickets_per_user_max: Option<u32>,
    /// How long a hold lasts if nothing is said, in seconds; 480 if absent. What a hold may ask for reaches at least that far: from 300 to 600
    /// seconds otherwise.
    pub hold_ttl_seconds: Option<u64>,
    /// Whether holds may not leave single seats over.
    #[serde(default)]
    pub orphan_rule: bool,
    /// When money is taken that a gateway has reserved: `immediate` (if absent), before there are tickets, or `on_confirm`, right after.
    #[schema(value_type = Option<crate::api::words::CaptureWord>)]
    pub capture: Option<CaptureMode>,
    /// Places of areas, by their names in the plan.
    #[serde(default)]
    pub area_capacities: BTreeMap<String, u32>,
}

/// An event that was added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddedEvent {
    /// Its id.
    pub id: String,
    /// Where its sale stands.
    #[schema(value_type = crate::api::words::SaleWord)]
    pub sale_state: SaleState,
}

/// A sale state.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetSaleState {
    /// What it is to be.
    #[schema(value_type = crate::api::words::SaleWord)]
    pub state: SaleState,
}

/// Adds an event, as a draft. Doing so twice adds two.
///
/// # Errors
/// What is wrong with the definition, and where.
#[utoipa::path(post, path = "/v1/admin/events", operation_id = "add_event", tag = "admin", request_body = AddEvent,
    responses((status = 201, body = AddedEvent), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn add(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: AddEvent = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let capture = asked.capture.unwrap_or_default();
    if capture == CaptureMode::Manual {
        return Err(Problem::invalid("/capture", "`immediate` or `on_confirm`"));
    }
    if let Some(Currency(currency)) = asked.currency
        && !app.till.takes(currency)
    {
        return Err(Problem::invalid("/currency", not_taken(currency)));
    }
    let venue: VenueId = asked.venue_id.parse().map_err(|_| Problem::not_found("venue"))?;
    let id = off_reactor(&app, move |app| {
        let plan = super::venues::stored(app, venue)?;
        let definition = definition(&asked, &plan, venue)?;
        define(app, &definition, capture).map_err(|error| command_problem(error, &()))
    });
    let id = id.await??;
    let path = format!("/v1/events/{id}");
    let shown = AddedEvent { id: id.to_string(), sale_state: SaleState::Draft };
    Answer::json(&shown)?.status(StatusCode::CREATED).location(&path).done()
}

/// Changes an event's sale state.
///
/// # Errors
/// It can't change like that.
#[utoipa::path(post, path = "/v1/admin/events/{eventId}/sale-state", operation_id = "set_sale_state", tag = "admin", request_body = SetSaleState,
    params(("eventId" = String, Path, description = "An event's id")),
    responses((status = 200, body = AddedEvent), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn sale_state(app: Arc<App>, mut call: Call) -> Outcome {
    let SetSaleState { state } = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let event: EventId = call.id("eventId", Code::UnknownEvent)?;
    let currency = event_manifest(&app, &call, event).await?.rules().currency;
    // It may have been added while another gateway took the money.
    if state.allows(Activity::Hold) && !app.till.takes(currency) {
        return Err(Problem::invalid("/state", not_taken(currency)));
    }
    let set = app.office.set_sale_state(event, state).await;
    set.map_err(|error| command_problem(error, &()))?;
    Answer::json(&AddedEvent { id: event.to_string(), sale_state: state })?.done()
}

/// Why nothing is sold in a currency.
fn not_taken(currency: ticketcore::Currency) -> String {
    format!("the payment gateway takes no payments in {currency}")
}

/// Adds an event. Waits for the store.
///
/// # Errors
/// As [`BoxOffice::add_event`](ticketcore::BoxOffice::add_event).
pub fn define(
    app: &App,
    definition: &Definition,
    capture: CaptureMode,
) -> Result<EventId, ticketcore::CommandError> {
    let event = app.office.add_event(definition)?;
    let rules = PaymentRules { capture, on_decline: OnDecline::Keep, ..PaymentRules::default() };
    app.office.set_payment_rules(PaymentRulesRequest { event, rules }).wait()?;
    Ok(event)
}

fn definition(asked: &AddEvent, plan: &SeatingPlan, venue: VenueId) -> Result<Definition, Problem> {
    let starts_at = parse_rfc3339(&asked.starts_at).map_err(|why| Problem::invalid("/startsAt", why))?;
    let mut options = PlanOptions::new(&asked.name);
    let rules = &mut options.rules;
    *rules = Rules { venue: Some(venue), starts_at, orphan_rule: asked.orphan_rule, ..rules.clone() };
    if let Some(zone) = &asked.zone {
        rules.zone.clone_from(zone);
    }
    rules.currency = asked.currency.map_or(rules.currency, |currency| currency.0);
    rules.tickets_per_user_max = asked.tickets_per_user_max.unwrap_or(rules.tickets_per_user_max);
    if let Some(seconds) = asked.hold_ttl_seconds {
        rules.hold_ttl_ms = seconds.saturating_mul(1_000);
        // Who wants short holds, or long ones, means it.
        rules.hold_ttl_ms_min = rules.hold_ttl_ms_min.min(rules.hold_ttl_ms);
        rules.hold_ttl_ms_max = rules.hold_ttl_ms_max.max(rules.hold_ttl_ms);
        rules.hold_lifetime_ms_max = rules.hold_lifetime_ms_max.max(rules.hold_ttl_ms_max);
    }
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| secret[at + byte]));
    rules.key_secret = (half(0), half(8));
    options.area_capacities.clone_from(&asked.area_capacities);
    if let Some(prices) = &asked.prices {
        options.ticket_types = prices.keys().map(|name| TicketType { name: name.clone() }).collect();
        let category = |name: &str| {
            let found = plan.categories.iter().position(|category| category.name == name);
            found
                .map(CategoryIndex::of)
                .ok_or_else(|| Problem::invalid(format!("/prices/*/{name}"), "the plan has no such category"))
        };
        let mut list = Vec::new();
        for (at, by_category) in prices.values().enumerate() {
            for (name, minor) in by_category {
                let (ticket_type, category) = (TicketTypeIndex::of(at), category(name)?);
                list.push(Price { ticket_type, category, minor: *minor });
            }
        }
        options.prices = Some(list);
    }
    plan.to_definition(&options).map_err(|error| Problem::new(Code::Manifest, error.to_string()))
}
