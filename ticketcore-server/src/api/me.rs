//! What a buyer has, over all events.

use std::sync::Arc;

use ticketcore::{EventId, OrderDetails};

use super::document::ProblemBody;
use super::order_shape::{OrderShape, listed};
use super::paging::{cursor, page};
use super::shapes::Page;
use super::{off_reactor, route};
use crate::app::App;
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem};

/// The operations.
pub const ROUTES: &[Route] = &[route!("GET" "/v1/me/orders" "list_my_orders" Access::Buyer, orders)];

/// Events that one request looks through at most; the cursor goes on from there.
const EVENTS_PER_REQUEST: usize = 64;

/// The orders of the caller, event by event in the order in which they were added. A page may have fewer than `limit`, and none, and still
/// have a `next`.
///
/// # Errors
/// What is wrong with the parameters.
#[utoipa::path(get, path = "/v1/me/orders", operation_id = "list_my_orders", tag = "buy",
    params(("eventId" = Option<String>, Query, description = "Only of this event"), ("cursor" = Option<String>, Query, description = "Where to go on"),
        ("limit" = Option<usize>, Query, description = "Events' orders until there are so many, 1 to 1000")),
    responses((status = 200, body = Page<OrderShape<'static>>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn orders(app: Arc<App>, call: Call) -> Outcome {
    let user = call.buyer()?;
    let [event, after, limit] = call.query(["eventId", "cursor", "limit"])?;
    let (after, limit) = page(after, limit)?;
    let unknown = || Problem::new(Code::UnknownEvent, Code::UnknownEvent.title());
    let only: Option<EventId> = event.map(|id| id.parse().map_err(|_| unknown())).transpose()?;
    let mut events: Vec<EventId> = app.office.events().iter().map(|entry| entry.id).collect();
    events.retain(|id| {
        id.0 > after && only.is_none_or(|only| only == *id) && call.principal.event(*id).is_ok()
    });
    let more = events.len() > EVENTS_PER_REQUEST;
    events.truncate(EVENTS_PER_REQUEST);
    let found = off_reactor(&app, move |app| {
        let mut found: Vec<(_, Vec<OrderDetails>)> = Vec::new();
        let (mut count, mut last) = (0, None);
        for event in &events {
            let orders = match app.office.orders_of(*event, user) {
                Ok(orders) => orders,
                // In the catalogue, and never defined.
                Err(ticketcore::CommandError::Refused(_)) => continue,
                Err(error) => return Err(error),
            };
            count += orders.len();
            last = Some(*event);
            found.push((app.office.manifest(*event)?, orders));
            if count >= limit {
                break;
            }
        }
        let next = last.filter(|last| more || events.last() != Some(last));
        Ok((found, next))
    });
    let (found, next) = found.await?.map_err(|error| command_problem(error, &()))?;
    let mut items: Vec<OrderShape<'_>> = Vec::new();
    for (manifest, orders) in &found {
        items.extend(orders.iter().map(|order| listed(&app, order, manifest)));
    }
    Answer::json(&Page { items, next: next.map(|event| cursor(event.0)) })?.done()
}
