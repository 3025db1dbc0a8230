//! Orders of an event, for staff.

use std::sync::Arc;

use ticketcore::{EventId, HoldNumber, OrderId, OrderState};

use crate::api::document::ProblemBody;
use crate::api::order_shape::{OrderShape, listed};
use crate::api::paging::{cursor, page};
use crate::api::shapes::Page;
use crate::api::{event_manifest, off_reactor, route};
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem};

/// The operations.
pub const ROUTES: &[Route] =
    &[route!("GET" "/v1/admin/events/{eventId}/orders" "list_orders" Access::Key(Scope::Orders), orders)];

/// Orders of an event, in the order of their numbers: all, or those that stand at one place, such as `in_review`.
///
/// # Errors
/// What is wrong with the parameters, or there is no such event.
#[utoipa::path(get, path = "/v1/admin/events/{eventId}/orders", operation_id = "list_orders", tag = "admin",
    params(("eventId" = String, Path, description = "An event's id"),
        ("status" = Option<crate::api::words::OrderWord>, Query, description = "Only orders that stand there"),
        ("cursor" = Option<String>, Query, description = "Where to go on"), ("limit" = Option<usize>, Query, description = "1 to 1000; 50 if absent")),
    responses((status = 200, body = Page<OrderShape<'static>>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn orders(app: Arc<App>, call: Call) -> Outcome {
    let event: EventId = call.id("eventId", Code::UnknownEvent)?;
    let [status, after, limit] = call.query(["status", "cursor", "limit"])?;
    let (after, limit) = page(after, limit)?;
    let state = status.map(|name| state_named(&name)).transpose()?;
    let manifest = event_manifest(&app, &call, event).await?;
    let found = off_reactor(&app, move |app| {
        let after = OrderId { event, number: HoldNumber(after) };
        // One more tells whether there are more.
        app.office.orders_after(event, Some(after), state, limit + 1)
    });
    let mut found = found.await?.map_err(|error| command_problem(error, &*manifest))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| cursor(last.order.id.number.0));
    let items: Vec<OrderShape<'_>> = found.iter().map(|order| listed(&app, order, &manifest)).collect();
    Answer::json(&Page { items, next })?.done()
}

fn state_named(name: &str) -> Result<OrderState, Problem> {
    let found = OrderState::ALL.into_iter().find(|state| state.name() == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = OrderState::ALL.iter().map(|state| state.name()).collect();
        Problem::invalid("status", format!("one of {}", names.join(", ")))
    })
}
