//! Orders that staff must look at before they are final.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Deserialize;
use ticketcore::order::{StaffAction, StaffOrderRequest};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::order_shape::OrderShape;
use super::orders::own_order;
use super::route;
use super::tickets::current;
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Access, Call, Outcome, Route, command_problem, read_json};

/// The operations.
pub const ROUTES: &[Route] =
    &[route!("POST" "/v1/orders/{orderId}/review" "review_order" Access::Key(Scope::Orders), review)];

/// What becomes of an order in review.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewDecision {
    /// It goes on: the buyer gets his tickets.
    Approve,
    /// It ends, and its money goes back.
    Reject,
}

/// A decision about an order in review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewOrder {
    /// What becomes of it.
    pub decision: ReviewDecision,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// Decides about an order in review.
///
/// # Errors
/// It is not in review, or there is no such order.
#[utoipa::path(post, path = "/v1/orders/{orderId}/review", operation_id = "review_order", tag = "buy", request_body = ReviewOrder,
    params(("orderId" = String, Path, description = "An order's id"), ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 200, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn review(app: Arc<App>, mut call: Call) -> Outcome {
    let by = call.principal.key(Scope::Orders)?.user;
    let asked: ReviewOrder = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = Some(call.key(asked.idempotency_key.as_deref())?);
    let (order, _, manifest) = own_order(&app, &call).await?;
    let action = match asked.decision {
        ReviewDecision::Approve => StaffAction::Approve,
        ReviewDecision::Reject => StaffAction::Reject,
    };
    let request = StaffOrderRequest { order, by, key, action };
    let done = app.checkout.staff_order(request).await.map_err(|error| command_problem(error, &*manifest))?;
    current(&app, &call, (order, &manifest), done.replayed, StatusCode::OK).await
}
