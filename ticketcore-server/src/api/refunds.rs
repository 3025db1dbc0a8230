//! Refunds that staff must see to.

use std::sync::Arc;

use hyper::StatusCode;
use ticketcore::order::{StaffAction, StaffOrderRequest};

use super::document::ProblemBody;
use super::order_shape::OrderShape;
use super::orders::{JustKey, own_order};
use super::route;
use super::tickets::current;
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Access, Call, Code, Outcome, Route, command_problem, read_json};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/orders/{orderId}/refunds/{number}/retry" "retry_refund" Access::Key(Scope::Orders), retry),
];

/// Tries a stuck refund again. One that is not stuck is answered as it stands.
///
/// # Errors
/// There is no such refund, or no such order.
#[utoipa::path(post, path = "/v1/orders/{orderId}/refunds/{number}/retry", operation_id = "retry_refund", tag = "tickets", request_body = JustKey,
    params(("orderId" = String, Path, description = "An order's id"), ("number" = u32, Path, description = "The refund's number in the order, from 1"), ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 200, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn retry(app: Arc<App>, mut call: Call) -> Outcome {
    let by = call.principal.key(Scope::Orders)?.user;
    let asked: JustKey = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = Some(call.key(asked.idempotency_key.as_deref())?);
    let (order, _, manifest) = own_order(&app, &call).await?;
    let refund: u32 = call.id("number", Code::UnknownRefund)?;
    let request = StaffOrderRequest { order, by, key, action: StaffAction::RetryRefund { refund } };
    let done = app.checkout.staff_order(request).await.map_err(|error| command_problem(error, &*manifest))?;
    current(&app, &call, (order, &manifest), done.replayed, StatusCode::OK).await
}
