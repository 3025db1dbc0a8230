//! Disputes of payments that the vendor takes himself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ticketcore::gateway::GatewayAction;
use ticketcore::order::{DisputeState, StaffAction, StaffOrderRequest};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::observe::{ObservedShape, in_currency, intended_at, known_to_the_key, settled};
use super::order_shape::{DisputeShape, dispute_shape};
use super::orders::{details, word};
use super::route;
use super::shapes::MoneyShape;
use super::words::DisputeWord;
use crate::app::App;
use crate::auth::{Scope, user_named};
use crate::external::{NAME, is_of_the_house};
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, read_json};

/// The operations.
pub const ROUTES: &[Route] =
    &[route!("POST" "/v1/gateway/disputes" "report_dispute" Access::Key(Scope::Payments), report_dispute)];

/// A report about a dispute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisputeReport {
    /// The key of any effect of the payment whose money it is about.
    #[schema(example = "ord_0000000000002000000000000000001:pay:1")]
    pub key: String,
    /// The provider's name of the dispute: an order has one of each name.
    pub reference: String,
    /// Where it stands.
    #[schema(value_type = DisputeWord)]
    pub status: DisputeState,
    /// How much is disputed; what is more than was taken does not count. If absent: all of it.
    pub amount: Option<MoneyShape>,
}

/// What the report came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportedDispute {
    /// The order, as after any report.
    #[serde(flatten)]
    pub order: ObservedShape,
    /// The dispute as it counts here: one that is over stays as it is.
    pub dispute: DisputeShape,
}

/// Hears where a dispute stands: that it was opened (`open`), or how it ended (`won` if the money stays). It may be said twice, late and in any
/// order: one that ends and was never opened is over at once. An inquiry that takes no money is no dispute.
///
/// # Errors
/// There is no such order or payment, or it is another gateway's; no money of it was taken; the order is not sold or over yet.
#[utoipa::path(post, path = "/v1/gateway/disputes", operation_id = "report_dispute", tag = "gateway", request_body = DisputeReport,
    responses((status = 200, body = ReportedDispute), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn report_dispute(app: Arc<App>, mut call: Call) -> Outcome {
    let said: DisputeReport = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let (key, manifest) = known_to_the_key(&app, &call, &said.key).await?;
    if key.action == GatewayAction::Refund {
        return Err(Problem::invalid("/key", "a refund's: name the payment"));
    }
    let order = key.order;
    let reference = word("/reference", &said.reference)?;
    let amount_minor = said.amount.map_or(Ok(i64::MAX), |amount| in_currency(amount, &manifest))?;
    let before = details(&app, order).await?;
    intended_at(&before, key)?;
    if before.next.as_ref().is_some_and(is_of_the_house) {
        // It is about to be sold, say: then it can be disputed.
        settled(&app, order).await?;
    }
    let attempt = key.number;
    let action = match said.status {
        DisputeState::Open => {
            StaffAction::OpenDispute { attempt, reference: reference.clone(), amount_minor }
        }
        DisputeState::Won | DisputeState::Lost => StaffAction::CloseDispute {
            attempt,
            reference: reference.clone(),
            amount_minor,
            won: said.status == DisputeState::Won,
        },
    };
    let request = StaffOrderRequest { order, by: user_named("gateway", NAME), key: None, action };
    let noted =
        app.checkout.staff_order(request).await.map_err(|error| command_problem(error, &*manifest))?;
    let now = settled(&app, order).await?;
    app.external.stir();
    let known = now.disputes.iter().find(|dispute| dispute.reference == reference);
    let known =
        known.ok_or_else(|| Problem::new(Code::Internal, "The dispute was noted and is not there"))?;
    let shown = ReportedDispute {
        order: ObservedShape::of(&app, &now, noted.revision.is_some()),
        dispute: dispute_shape(known, &manifest),
    };
    Answer::json(&shown)?.done()
}
