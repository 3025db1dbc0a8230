//! What gateways report of their own accord.

use std::sync::Arc;

use ticketcore::UserId;
use ticketcore::gateway::GatewayKey;
use ticketcore::order::{StaffAction, StaffOrderRequest, Word};

use super::document::ProblemBody;
use super::{PUBLIC, route};
use crate::app::App;
use crate::auth::user_named;
use crate::http::{Call, Code, Outcome, Problem, Route, command_problem, no_content, read_bytes};
use crate::stripe::Report;
use crate::till::Till;

/// The operations.
pub const ROUTES: &[Route] = &[route!("POST" "/v1/webhooks/stripe" "receive_stripe_webhook" PUBLIC, stripe)];

/// Hears what Stripe reports. Answered with success only when it is durable: else Stripe comes again, and twice is once.
///
/// # Errors
/// [`Code::WebhookSignature`] if it is not Stripe's, or not of now.
#[utoipa::path(post, path = "/v1/webhooks/stripe", operation_id = "receive_stripe_webhook", tag = "webhooks",
    request_body(content = Object, description = "An event of Stripe's", content_type = "application/json"),
    params(("Stripe-Signature" = String, Header, description = "Stripe's signature")),
    responses((status = 204, description = "Noted"), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn stripe(app: Arc<App>, mut call: Call) -> Outcome {
    let Till::Stripe(gateway, webhook) = &app.till else { return Err(Problem::not_found("webhook")) };
    let signature = call.header("stripe-signature").unwrap_or_default().to_owned();
    let body = read_bytes(&mut call, app.config.limits.webhook_bytes_max).await?;
    let bad = |_| Problem::new(Code::WebhookSignature, Code::WebhookSignature.title());
    let delivery = webhook.receive(&signature, &body).map_err(bad)?;
    if !delivery.again
        && let Some(report) = delivery.report.clone()
        && let Some(report) = gateway.resolve(report).await
    {
        observe(&app, report).await?;
    }
    webhook.noted(&delivery);
    no_content()
}

async fn observe(app: &App, report: Report) -> Result<(), Problem> {
    let again = || Problem::new(Code::Unavailable, "It could not be noted").retry_after_ms(5_000);
    match report {
        Report::Seen { key, seen, .. } => {
            let noted = app.checkout.observe_notification(key, seen).await;
            heard(noted.map(drop))
        }
        Report::Changed { key } => {
            // False if too much is under way: the reconciler comes by.
            let _begun = app.checkout.run(key.order);
            Ok(())
        }
        // An inquiry has taken nothing.
        Report::DisputeOpened { inquiry: true, .. } => Ok(()),
        Report::DisputeOpened { dispute, key, .. } => {
            let key = key.ok_or_else(again)?;
            let reference = Word::cut(&dispute);
            staff(app, key, StaffAction::OpenDispute { attempt: key.number, reference }).await
        }
        Report::DisputeClosed { key, won, .. } => {
            let key = key.ok_or_else(again)?;
            staff(app, key, StaffAction::CloseDispute { won }).await
        }
    }
}

async fn staff(app: &App, key: GatewayKey, action: StaffAction) -> Result<(), Problem> {
    let by: UserId = user_named("gateway", app.till.name());
    let request = StaffOrderRequest { order: key.order, by, key: None, action };
    heard(app.checkout.staff_order(request).await.map(drop))
}

/// What the engine refuses it has understood; coming again would change nothing.
fn heard(outcome: Result<(), ticketcore::CommandError>) -> Result<(), Problem> {
    match outcome {
        Ok(()) => Ok(()),
        Err(ticketcore::CommandError::Refused(refusal)) if refusal.code() != "overloaded" => {
            tracing::info!(code = refusal.code(), "a report means nothing now");
            Ok(())
        }
        Err(error) => Err(command_problem(error, &())),
    }
}
