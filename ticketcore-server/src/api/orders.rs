//! Orders: from a hold to tickets, through a gateway.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use ticketcore::checkout::Progress;
use ticketcore::guard::Activity;
use ticketcore::manifest::Manifest;
use ticketcore::order::{CheckoutRequest, EndReason, LateMoney, PayRequest, Word};
use ticketcore::people::Contact;
use ticketcore::{CloseOrderRequest, CommandError, HoldId, Operation, OrderDetails, OrderId, UserId};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::order_shape::{OrderShape, Reader, shape};
use super::shapes::rfc3339;
use super::{asked_before, event_manifest, off_reactor, route};
use crate::app::App;
use crate::auth::Scope;
use crate::external;
use crate::guard::{Judged, Paying, Sent};
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, read_json};
use crate::return_urls;
use crate::room::admission;
use crate::till::Till;

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/orders" "place_order" Access::Buyer, place),
    route!("GET" "/v1/orders/{orderId}" "get_order" Access::Public, get),
    route!("POST" "/v1/orders/{orderId}/payments" "pay_order" Access::Buyer, pay),
    route!("POST" "/v1/orders/{orderId}/cancel" "cancel_order" Access::Buyer, cancel),
];

/// An order of a hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaceOrder {
    /// What becomes an order.
    pub hold_id: String,
    /// With what it is paid, in the gateway's words. May be absent if nothing is to be paid.
    pub payment_method_id: Option<String>,
    /// Who buys. Kept apart from the order, and can be erased; not a part of what the idempotency key stands for.
    pub customer: Option<Customer>,
    /// Where the buyer comes back to from a page of the gateway's, with `{order}` for the order's id: the address that the server is set up
    /// with (as if absent), or one that begins with what it allows. Not a part of what the idempotency key stands for.
    #[schema(example = "https://shop.example/back/{order}")]
    pub return_url: Option<String>,
    /// What to do if the money comes after the seats are gone and these seats are taken: `refund` (if absent) or `equivalent`.
    #[schema(value_type = Option<super::words::LateMoneyWord>)]
    pub late_money: Option<LateMoney>,
    /// The solution of a challenge, as the header `Challenge-Solution`.
    pub challenge: Option<String>,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// Who buys.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Customer {
    /// Where the confirmation goes.
    pub email: String,
    /// As the buyer writes it.
    #[serde(default)]
    pub name: String,
    /// BCP 47.
    #[serde(default)]
    pub locale: String,
}

/// Another try to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayOrder {
    /// With what, in the gateway's words.
    pub payment_method_id: String,
    /// The solution of a challenge, as the header `Challenge-Solution`.
    pub challenge: Option<String>,
    /// As when the order was placed.
    pub return_url: Option<String>,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// Nothing, or an idempotency key.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JustKey {
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// Opens an order from a hold and pays it. 201 when it is final within the server's patience, else 202.
///
/// # Errors
/// [`Code::PaymentDeclined`] with the order and what became of the seats; why the engine refuses.
#[utoipa::path(post, path = "/v1/orders", operation_id = "place_order", tag = "buy", request_body = PlaceOrder,
    params(("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 201, body = OrderShape<'static>), (status = 202, body = OrderShape<'static>, description = "Not final yet: `nextAction`, or ask for it later"),
        (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn place(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: PlaceOrder = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = call.key(asked.idempotency_key.as_deref())?;
    let unknown = || Problem::new(Code::UnknownHold, Code::UnknownHold.title());
    let hold: HoldId = asked.hold_id.parse().map_err(|_| unknown())?;
    let foreign = |problem: Problem| if problem.code() == Code::UnknownEvent { unknown() } else { problem };
    let manifest = event_manifest(&app, &call, hold.event).await.map_err(foreign)?;
    if app.rooms.find(hold.event).is_some() {
        let holds = has(&app, hold.order(), user).await;
        admission(&app, &call, hold.event, user, holds)?;
    }
    let method = word("/paymentMethodId", asked.payment_method_id.as_deref().unwrap_or("none"))?;
    let return_url = return_url(&app, asked.return_url.as_deref())?;
    let given = asked.payment_method_id.is_some().then_some(&method);
    let sent = Sent {
        solution: asked.challenge.as_deref(),
        key: asked.idempotency_key.as_deref(),
        payment: paying(&app, &call, (hold.order(), user), given).await,
        demanded: false,
    };
    let (judged, review) = buyer_judged(&app, &call, hold.order(), sent).await?;
    if let Some(customer) = asked.customer {
        remember(&app, user, customer).await?;
    }
    let request = CheckoutRequest {
        key: Some(key),
        late_money: asked.late_money.unwrap_or(LateMoney::Refund),
        review,
        ..CheckoutRequest::new(hold, user)
    };
    let progress = match app.till {
        Till::External => external::buy(&app, request, method).await,
        _ => {
            let buying = app.checkout.buy_returning(request, app.till.name(), method.as_str(), return_url);
            within_patience(&app, hold.order(), buying).await
        }
    };
    let progress = progress.map_err(|error| command_problem(error, &*manifest))?;
    told(&app, (user, &judged), progress, &manifest).await
}

/// An order.
///
/// # Errors
/// There is no such order.
#[utoipa::path(get, path = "/v1/orders/{orderId}", operation_id = "get_order", tag = "buy",
    security(("buyer" = []), ("key" = ["orders"])),
    params(("orderId" = String, Path, description = "An order's id")),
    responses((status = 200, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn get(app: Arc<App>, call: Call) -> Outcome {
    let (_, details, manifest) = own_order(&app, &call).await?;
    let shown = shape(&app, Reader::of(&call, &details)?, &details, &manifest).await;
    Answer::json(&shown)?.etag(details.order.version.0).done()
}

/// Tries to pay again, after a decline for example.
///
/// # Errors
/// As [`place`].
#[utoipa::path(post, path = "/v1/orders/{orderId}/payments", operation_id = "pay_order", tag = "buy", request_body = PayOrder,
    params(("orderId" = String, Path, description = "An order's id"), ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 201, body = OrderShape<'static>), (status = 202, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn pay(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: PayOrder = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = call.key(asked.idempotency_key.as_deref())?;
    let (order, _, manifest) = bought_order(&app, &call, call.param("orderId")).await?;
    let method = word("/paymentMethodId", &asked.payment_method_id)?;
    let gateway = word("gateway", app.till.name())?;
    let sent = Sent {
        solution: asked.challenge.as_deref(),
        key: asked.idempotency_key.as_deref(),
        payment: paying(&app, &call, (order, user), Some(&method)).await,
        demanded: false,
    };
    // Who asks again was let through before.
    let judged = if asked_before(&app, order.event, user, Operation::Order, Some(&key)).await {
        app.guard.again(&call, sent)
    } else {
        app.guard.check(Activity::Order, &call, sent).await?
    };
    let return_url = return_url(&app, asked.return_url.as_deref())?;
    let request = PayRequest { order, user, key: Some(key), gateway, method };
    let progress = match app.till {
        Till::External => external::pay_again(&app, request).await,
        _ => within_patience(&app, order, app.checkout.pay_again_returning(request, return_url)).await,
    };
    let progress = progress.map_err(|error| command_problem(error, &*manifest))?;
    told(&app, (user, &judged), progress, &manifest).await
}

/// Cancels an order that is not sold yet: its seats are free, money that was reserved or taken goes back.
///
/// # Errors
/// Why the engine refuses.
#[utoipa::path(post, path = "/v1/orders/{orderId}/cancel", operation_id = "cancel_order", tag = "buy", request_body = JustKey,
    params(("orderId" = String, Path, description = "An order's id")),
    responses((status = 200, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn cancel(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: JustKey = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = call.optional_key(asked.idempotency_key.as_deref())?;
    let (order, _, manifest) = bought_order(&app, &call, call.param("orderId")).await?;
    let cancelled = app.checkout.cancel(CloseOrderRequest { order, user, key }).await;
    cancelled.map_err(|error| command_problem(error, &*manifest))?;
    let details = details(&app, order).await?;
    let shown = shape(&app, Reader::of(&call, &details)?, &details, &manifest).await;
    Answer::json(&shown)?.etag(details.order.version.0).done()
}

/// An order, all that is known of it, and its event's manifest.
pub type Found = (OrderId, OrderDetails, Arc<Manifest>);

/// The order that a path names, if the caller is staff, or bought it, or a ticket of it was given to him.
///
/// # Errors
/// [`Code::UnknownOrder`], also if it is somebody else's.
pub async fn own_order(app: &Arc<App>, call: &Call) -> Result<Found, Problem> {
    order_named(app, call, call.param("orderId")).await
}

/// The order of an id, if the caller is staff or bought it.
///
/// # Errors
/// [`Code::UnknownOrder`], also for whom tickets of it were given to.
pub async fn bought_order(app: &Arc<App>, call: &Call, id: &str) -> Result<Found, Problem> {
    let found = order_named(app, call, id).await?;
    match Reader::of(call, &found.1)? {
        Reader::Party => Ok(found),
        Reader::Guest(_) => Err(Problem::new(Code::UnknownOrder, Code::UnknownOrder.title())),
    }
}

async fn order_named(app: &Arc<App>, call: &Call, id: &str) -> Result<Found, Problem> {
    let unknown = || Problem::new(Code::UnknownOrder, Code::UnknownOrder.title());
    let staff = call.principal.has(Scope::Orders);
    let user = if staff { None } else { Some(call.buyer()?) };
    let order: OrderId = id.parse().map_err(|_| unknown())?;
    let foreign = |problem: Problem| if problem.code() == Code::UnknownEvent { unknown() } else { problem };
    let manifest = event_manifest(app, call, order.event).await.map_err(foreign)?;
    let details = details(app, order).await?;
    // Whoever a ticket was given to knows the order too.
    let holds = |user| details.tickets.iter().any(|(_, ticket)| ticket.holder == Some(user));
    match user {
        Some(user) if details.order.user != user && !holds(user) => Err(unknown()),
        _ => Ok((order, details, manifest)),
    }
}

/// All that is known of an order, once it is durable.
///
/// # Errors
/// [`Code::UnknownOrder`].
pub async fn details(app: &Arc<App>, order: OrderId) -> Result<OrderDetails, Problem> {
    let found = app.office.order_details_async(order).await;
    found.map_err(|error| command_problem(error, &()))
}

/// Text for the gateway or the host.
///
/// # Errors
/// [`Code::ValidationFailed`] if it is too long or empty.
pub fn word(pointer: &str, text: &str) -> Result<Word, Problem> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Problem::invalid(pointer, "empty, or with control characters"));
    }
    Word::new(text).map_err(|limit| Problem::invalid(pointer, limit.to_string()))
}

/// With what a caller pays, as precisely as it matters. The gateway is asked for who has something to pay only.
async fn paying<'a>(
    app: &App,
    call: &Call,
    (order, user): (OrderId, UserId),
    method: Option<&'a Word>,
) -> Option<Paying<'a>> {
    let method = method?;
    let asked = app.guard.counts_instruments(call) && has(app, order, user).await;
    let instrument = if asked { app.till.instrument(method.clone()).await } else { None };
    Some(Paying { method: method.as_str(), instrument })
}

/// Whether a buyer has a hold, or has ordered it already and asks again.
async fn has(app: &App, order: OrderId, user: UserId) -> bool {
    app.office.find_hold_async(order.hold(), user).await.is_ok()
        || app.office.find_order_async(order, user).await.is_ok()
}

async fn within_patience(
    app: &App,
    order: OrderId,
    progress: impl Future<Output = Result<Progress, CommandError>>,
) -> Result<Progress, CommandError> {
    let patience = Duration::from_millis(app.config.payments.patience_ms);
    tokio::time::timeout(patience, progress).await.unwrap_or(Ok(Progress::Pending { order }))
}

/// Whether a buyer may open an order, and whether staff looks at it. An order that there is keeps the terms that it was opened with: who
/// asks again gets the same.
async fn buyer_judged(
    app: &Arc<App>,
    call: &Call,
    order: OrderId,
    sent: Sent<'_>,
) -> Result<(Judged, bool), Problem> {
    if !call.known.exempt
        && !matches!(call.principal, crate::auth::Principal::Key(..))
        && let Ok(known) = app.office.order_details_async(order).await
    {
        let review = known.terms.is_some_and(|terms| terms.review);
        return Ok((app.guard.again(call, sent), review));
    }
    let judged = app.guard.check(Activity::Order, call, sent).await?;
    Ok((judged, judged.review))
}

/// What the buyer is told about where his purchase stands.
async fn told(
    app: &Arc<App>,
    (user, judged): (UserId, &Judged),
    progress: Progress,
    manifest: &Manifest,
) -> Outcome {
    let order = progress.order();
    let details = match details(app, order).await {
        Ok(details) if details.order.user == user => details,
        // So early that there is no order yet: nobody knows.
        Ok(_) | Err(_) => {
            let told = "It is under way: ask again with the same key";
            return Err(Problem::new(Code::OutcomeUnknown, told).retry_after_ms(1_000));
        }
    };
    app.guard.bought(judged, &details, &progress);
    let shown = shape(app, Reader::Party, &details, manifest).await;
    let path = format!("/v1/orders/{order}");
    match progress {
        Progress::Declined { code, pay_until, .. } => {
            let seats = if pay_until.is_some() { "kept" } else { "free" };
            Err(Problem::new(Code::PaymentDeclined, format!("The payment was declined: {}", code.as_str()))
                .with("declineCode", code.as_str())
                .with("seats", seats)
                .with("payUntil", pay_until.map(rfc3339))
                .with("order", shown))
        }
        Progress::Ended { state, reason, .. } => {
            Err(Problem::new(Code::OrderState, format!("The order is {}", state.name()))
                .with("orderStatus", state.name())
                .with("reason", reason.map(reason_name))
                .with("order", shown))
        }
        Progress::Confirmed { .. } => Answer::json(&shown)?
            .status(StatusCode::CREATED)
            .location(&path)
            .etag(details.order.version.0)
            .done(),
        _ => Answer::json(&shown)?
            .status(StatusCode::ACCEPTED)
            .location(&path)
            .etag(details.order.version.0)
            .done(),
    }
}

/// Why an order ended, as a word.
#[must_use]
pub fn reason_name(reason: EndReason) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "other".to_owned(),
    }
}

/// Where the buyer comes back to, if that is said and allowed.
fn return_url(app: &App, asked: Option<&str>) -> Result<Option<Word>, Problem> {
    let Some(asked) = asked else { return Ok(None) };
    let payments = &app.config.payments;
    return_urls::check(asked, payments.return_url.as_deref(), &payments.return_url_prefixes)?;
    word("/returnUrl", asked).map(Some)
}

async fn remember(app: &Arc<App>, user: UserId, customer: Customer) -> Result<(), Problem> {
    let Customer { email, name, locale } = customer;
    if email.is_empty() {
        return Err(Problem::invalid("/customer/email", "empty"));
    }
    let contact = Contact { email, name, locale, ..Contact::default() };
    contact.check().map_err(|error| Problem::invalid("/customer", error.to_string()))?;
    let saved = off_reactor(app, move |app| match app.office.contact(user) {
        Ok(Some(known)) if known == contact => Ok(()),
        _ => app.office.save_contact(user, &contact),
    });
    saved.await?.map_err(|error| Problem::new(Code::Unavailable, error.to_string()).retry_after_ms(5_000))
}
