//! What gateways report of their own accord.

use std::sync::Arc;

use ticketcore::gateway::GatewayKey;
use ticketcore::order::{StaffAction, StaffOrderRequest, Word};
use ticketcore::{CommandError, Refusal, UserId};

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
    match report {
        Report::Seen { key, seen, .. } => {
            let noted = app.checkout.observe_notification(key, seen).await;
            heard(key, noted.map(drop))
        }
        Report::Changed { key } => {
            // False if too much is under way: the reconciler comes by.
            let _begun = app.checkout.run(key.order);
            Ok(())
        }
        // An inquiry has taken nothing, and never was a dispute when it ends as one.
        Report::DisputeOpened { inquiry: true, .. } | Report::DisputeClosed { inquiry: true, .. } => Ok(()),
        Report::DisputeOpened { dispute, key, amount, .. } => {
            let key = key.ok_or_else(again)?;
            let (attempt, reference) = (key.number, Word::cut(&dispute));
            let action = StaffAction::OpenDispute { attempt, reference, amount_minor: amount.minor };
            staff(app, key, action).await
        }
        Report::DisputeClosed { dispute, key, amount, won, .. } => {
            let key = key.ok_or_else(again)?;
            let (attempt, reference) = (key.number, Word::cut(&dispute));
            let action = StaffAction::CloseDispute { attempt, reference, amount_minor: amount.minor, won };
            staff(app, key, action).await
        }
    }
}

/// Notes what is said of a dispute. The order may be about to be sold, or the news that it is paid on its way: then Stripe comes again.
async fn staff(app: &App, key: GatewayKey, action: StaffAction) -> Result<(), Problem> {
    let by: UserId = user_named("gateway", app.till.name());
    let request = StaffOrderRequest { order: key.order, by, key: None, action };
    match app.checkout.staff_order(request).await {
        Err(CommandError::Refused(Refusal::OrderState { state })) if state.is_live() => Err(again()),
        Err(CommandError::Refused(Refusal::NotPaid { .. })) => Err(again()),
        outcome => heard(key, outcome.map(drop)),
    }
}

fn again() -> Problem {
    Problem::new(Code::Unavailable, "It could not be noted").retry_after_ms(5_000)
}

/// What the engine refuses it has understood; coming again would change nothing. Money that nobody here knows of is for people to look at.
fn heard(key: GatewayKey, outcome: Result<(), CommandError>) -> Result<(), Problem> {
    match outcome {
        Ok(()) => Ok(()),
        Err(CommandError::Refused(refusal)) if refusal.code() != "overloaded" => {
            let code = refusal.code();
            tracing::warn!(%key, code, "a report means nothing here: the gateway's books say more");
            Ok(())
        }
        Err(error) => Err(command_problem(error, &())),
    }
}
