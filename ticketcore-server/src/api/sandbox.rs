//! What a buyer does on the page of the gateway in memory. Only there when that gateway takes the money.

use std::sync::Arc;

use serde::Deserialize;
use ticketcore::gateway::{ActionEnd, GatewayAction, GatewayKey};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::order_shape::{OrderShape, Reader, shape};
use super::orders::{bought_order, details};
use super::route;
use crate::app::App;
use crate::http::{Access, Answer, Call, Outcome, Problem, Route, command_problem, read_json};
use crate::till::Till;

/// The operations.
pub const ROUTES: &[Route] =
    &[route!("POST" "/v1/sandbox/actions" "complete_sandbox_action" Access::Buyer, complete)];

/// How an action ends.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionOutcome {
    /// The buyer did what he was asked for.
    Succeed,
    /// He did not.
    Fail,
}

/// What the buyer did.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompleteAction {
    /// The order whose payment asks for it.
    pub order_id: String,
    /// How it ended.
    pub outcome: ActionOutcome,
}

/// Does what the sandbox's payment asks the buyer for, and looks what became of the order.
///
/// # Errors
/// Nothing is asked of him.
#[utoipa::path(post, path = "/v1/sandbox/actions", operation_id = "complete_sandbox_action", tag = "sandbox", request_body = CompleteAction,
    responses((status = 200, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn complete(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: CompleteAction = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let Till::Sandbox(sandbox) = &app.till else { return Err(Problem::not_found("sandbox")) };
    let (order, found, manifest) = bought_order(&app, &call, &asked.order_id).await?;
    let attempt = u32::try_from(found.payments.len()).unwrap_or(u32::MAX);
    let end = match asked.outcome {
        ActionOutcome::Succeed => ActionEnd::Done,
        ActionOutcome::Fail => ActionEnd::Failed,
    };
    let done = sandbox.complete_action(GatewayKey::new(order, GatewayAction::Authorize, attempt), end);
    done.ok_or_else(|| Problem::not_found("action to be done"))?;
    app.checkout.returned(order).await.map_err(|error| command_problem(error, &*manifest))?;
    let details = details(&app, order).await?;
    Answer::json(&shape(&app, Reader::of(&call, &details)?, &details, &manifest).await)?.done()
}
