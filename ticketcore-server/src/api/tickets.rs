//! Tickets: their codes, pictures of them, giving them away, changing them, sending their money back.

use std::sync::Arc;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use ticketcore::manifest::Manifest;
use ticketcore::order::{
    ExchangeRequest, RefundWhat, StaffAction, StaffOrderRequest, Ticket, TicketStatus, TransferRequest,
};
use ticketcore::ticket::TicketCode;
use ticketcore::{CodeError, OrderDetails, OrderId, TicketId, UserId, UtcMs};
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::items::ItemShape;
use super::lines::{TicketPlace, place};
use super::order_shape::{OrderShape, Reader, RefundShape, refund_shape, shape};
use super::orders::{bought_order, details, own_order};
use super::shapes::Page;
use super::{off_reactor, route};
use crate::app::App;
use crate::auth::{Scope, parse_user};
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, read_json};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("GET" "/v1/orders/{orderId}/tickets" "list_tickets" Access::Public, list),
    route!("GET" "/v1/orders/{orderId}/tickets/{ticket}/qr.svg" "ticket_qr_svg" Access::Buyer, qr_svg),
    route!("GET" "/v1/orders/{orderId}/tickets/{ticket}/qr.png" "ticket_qr_png" Access::Buyer, qr_png),
    route!("POST" "/v1/orders/{orderId}/transfer" "transfer_tickets" Access::Buyer, transfer),
    route!("POST" "/v1/orders/{orderId}/exchange" "exchange_tickets" Access::Buyer, exchange),
    route!("GET" "/v1/orders/{orderId}/refunds" "list_refunds" Access::Public, refunds),
    route!("POST" "/v1/orders/{orderId}/refunds" "refund_order" Access::Key(Scope::Orders), refund),
];

/// Side of a QR picture, in pixels.
const QR_PIXELS: usize = 480;
/// A code is good for so long after the event starts, in milliseconds.
const GOOD_AFTER_START_MS: u64 = 24 * 3_600_000;

/// A ticket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketShape<'a> {
    /// Its id.
    pub ticket_id: String,
    /// Its number in the order, from 0.
    pub index: u32,
    /// Whether it lets somebody in.
    #[schema(value_type = super::words::TicketWord)]
    pub status: TicketStatus,
    /// From 1; grows when it changes hands.
    pub issue: u32,
    /// What a scanner reads, if it is valid and the caller holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it is for.
    #[serde(flatten)]
    pub place: TicketPlace<'a>,
}

/// Gives tickets to somebody else.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransferTickets {
    /// Which, by their numbers in the order.
    pub tickets: Vec<u32>,
    /// To whom: his `userId`.
    pub to_user_id: String,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// Changes tickets for others of the same price.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExchangeTickets {
    /// Which, by their numbers in the order.
    pub tickets: Vec<u32>,
    /// What for.
    pub items: Vec<ItemShape>,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// Sends money back: exactly one of `full`, `tickets` and `amount`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefundOrder {
    /// All tickets and all that is left.
    #[serde(default)]
    pub full: bool,
    /// These tickets, at what they cost.
    pub tickets: Option<Vec<u32>>,
    /// An amount in minor units; every ticket stays valid.
    pub amount: Option<i64>,
    /// As the header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// The tickets of an order, with codes of those that the caller holds. Whoever tickets were given to sees his own.
///
/// # Errors
/// There is no such order.
#[utoipa::path(get, path = "/v1/orders/{orderId}/tickets", operation_id = "list_tickets", tag = "tickets",
    security(("buyer" = []), ("key" = ["orders"])),
    params(("orderId" = String, Path, description = "An order's id")),
    responses((status = 200, body = Page<TicketShape<'static>>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Outcome {
    let (order, details, manifest) = own_order(&app, &call).await?;
    let codes = match call.buyer() {
        Ok(user) if !details.tickets.is_empty() => {
            codes(&app, order, user, &manifest).await.unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let reader = Reader::of(&call, &details)?;
    let ticket = |(index, (at, ticket)): (u32, &(_, Ticket))| TicketShape {
        ticket_id: TicketId { order, index }.to_string(),
        index,
        status: ticket.status,
        issue: ticket.issue,
        code: codes.iter().find(|(id, _)| id.index == index).map(|(_, code)| code.to_string()),
        place: place(at, &manifest, reader == Reader::Party),
    };
    let tickets = (0u32..).zip(&details.tickets).filter(|(_, (_, ticket))| reader.sees(ticket));
    let items = tickets.map(ticket).collect();
    Answer::json(&Page { items, next: None })?.etag(details.order.version.0).done()
}

/// A ticket's code as a picture, SVG.
///
/// # Errors
/// There is no such ticket, or it is not the caller's or not valid.
#[utoipa::path(get, path = "/v1/orders/{orderId}/tickets/{ticket}/qr.svg", operation_id = "ticket_qr_svg", tag = "tickets",
    params(("orderId" = String, Path, description = "An order's id"), ("ticket" = u32, Path, description = "Its number in the order, from 0")),
    responses((status = 200, content_type = "image/svg+xml", body = String), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn qr_svg(app: Arc<App>, call: Call) -> Outcome {
    let code = one_code(&app, &call).await?;
    Answer::bytes("image/svg+xml", code.qr().svg().into()).cached("private, no-store").done()
}

/// A ticket's code as a picture, PNG.
///
/// # Errors
/// As [`qr_svg`].
#[utoipa::path(get, path = "/v1/orders/{orderId}/tickets/{ticket}/qr.png", operation_id = "ticket_qr_png", tag = "tickets",
    params(("orderId" = String, Path, description = "An order's id"), ("ticket" = u32, Path, description = "Its number in the order, from 0")),
    responses((status = 200, content_type = "image/png", body = Vec<u8>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn qr_png(app: Arc<App>, call: Call) -> Outcome {
    let code = one_code(&app, &call).await?;
    Answer::bytes("image/png", code.qr().png(QR_PIXELS).into()).cached("private, no-store").done()
}

/// Gives tickets to somebody else: their codes are dead, he gets new ones.
///
/// # Errors
/// Why the engine refuses.
#[utoipa::path(post, path = "/v1/orders/{orderId}/transfer", operation_id = "transfer_tickets", tag = "tickets", request_body = TransferTickets,
    params(("orderId" = String, Path, description = "An order's id"), ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 200, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn transfer(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: TransferTickets = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = Some(call.key(asked.idempotency_key.as_deref())?);
    let (order, _, manifest) = own_order(&app, &call).await?;
    let to = parse_user(&asked.to_user_id).ok_or_else(|| Problem::invalid("/toUserId", "no user id"))?;
    let request = TransferRequest { order, user, key, tickets: ascending(asked.tickets), to };
    let done = app.office.transfer(request).await.map_err(|error| command_problem(error, &*manifest))?;
    current(&app, &call, (order, &manifest), done.replayed, StatusCode::OK).await
}

/// Changes tickets for others of the same price: their codes are dead.
///
/// # Errors
/// Why the engine refuses.
#[utoipa::path(post, path = "/v1/orders/{orderId}/exchange", operation_id = "exchange_tickets", tag = "tickets", request_body = ExchangeTickets,
    params(("orderId" = String, Path, description = "An order's id"), ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 200, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn exchange(app: Arc<App>, mut call: Call) -> Outcome {
    let user = call.buyer()?;
    let asked: ExchangeTickets = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = Some(call.key(asked.idempotency_key.as_deref())?);
    let (order, _, manifest) = bought_order(&app, &call, call.param("orderId")).await?;
    let items = asked.items.iter().enumerate();
    let items =
        items.map(|(at, item)| item.resolve(&manifest, &format!("/items/{at}"))).collect::<Result<_, _>>()?;
    let request = ExchangeRequest { order, user, key, tickets: ascending(asked.tickets), items };
    let done = app.office.exchange(request).await.map_err(|error| command_problem(error, &*manifest))?;
    current(&app, &call, (order, &manifest), done.replayed, StatusCode::OK).await
}

/// The refunds of an order. For its buyer and for staff only.
///
/// # Errors
/// There is no such order.
#[utoipa::path(get, path = "/v1/orders/{orderId}/refunds", operation_id = "list_refunds", tag = "tickets",
    security(("buyer" = []), ("key" = ["orders"])),
    params(("orderId" = String, Path, description = "An order's id")),
    responses((status = 200, body = Page<RefundShape>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn refunds(app: Arc<App>, call: Call) -> Outcome {
    let (_, details, manifest) = bought_order(&app, &call, call.param("orderId")).await?;
    let items =
        details.refunds.iter().enumerate().map(|(at, refund)| refund_shape(at, refund, &manifest)).collect();
    Answer::json(&Page { items, next: None })?.done()
}

/// Sends money back; tickets die at once, the money follows. For staff.
///
/// # Errors
/// Why the engine refuses.
#[utoipa::path(post, path = "/v1/orders/{orderId}/refunds", operation_id = "refund_order", tag = "tickets", request_body = RefundOrder,
    params(("orderId" = String, Path, description = "An order's id"), ("Idempotency-Key" = Option<String>, Header, description = "Or `idempotencyKey` in the body; one of them is required")),
    responses((status = 201, body = OrderShape<'static>), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn refund(app: Arc<App>, mut call: Call) -> Outcome {
    let by = call.principal.key(Scope::Orders)?.user;
    let asked: RefundOrder = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let key = Some(call.key(asked.idempotency_key.as_deref())?);
    let (order, _, manifest) = own_order(&app, &call).await?;
    let what = match (asked.full, asked.tickets, asked.amount) {
        (true, None, None) => RefundWhat::Full,
        (false, Some(tickets), None) => RefundWhat::Tickets(ascending(tickets)),
        (false, None, Some(amount)) => RefundWhat::Amount(amount),
        _ => return Err(Problem::invalid("", "exactly one of `full`, `tickets` and `amount`")),
    };
    let request = StaffOrderRequest { order, by, key, action: StaffAction::Refund(what) };
    let done = app.checkout.staff_order(request).await.map_err(|error| command_problem(error, &*manifest))?;
    current(&app, &call, (order, &manifest), done.replayed, StatusCode::CREATED).await
}

/// An order as it stands, after a change of it.
///
/// # Errors
/// It can't be read.
pub async fn current(
    app: &Arc<App>,
    call: &Call,
    (order, manifest): (OrderId, &Manifest),
    replayed: bool,
    status: StatusCode,
) -> Outcome {
    let details: OrderDetails = details(app, order).await?;
    let shown = shape(app, Reader::of(call, &details)?, &details, manifest).await;
    let answer = Answer::json(&shown)?.status(status).replayed(replayed);
    answer.etag(details.order.version.0).done()
}

fn ascending(mut tickets: Vec<u32>) -> Vec<u32> {
    tickets.sort_unstable();
    tickets
}

async fn codes(
    app: &Arc<App>,
    order: OrderId,
    user: UserId,
    manifest: &Manifest,
) -> Result<Vec<(TicketId, TicketCode)>, Problem> {
    let starts_at = manifest.rules().starts_at;
    let until = if starts_at == UtcMs(0) { UtcMs::NEVER } else { starts_at.plus_ms(GOOD_AFTER_START_MS) };
    let signed = off_reactor(app, move |app| {
        app.office.ticket_codes(order, user, &app.ticket_keys, (UtcMs(0), until))
    });
    signed.await?.map_err(|error| match error {
        CodeError::Order(error) => command_problem(error, &()),
        _ => Problem::new(Code::Unavailable, "The ticket key can't sign now"),
    })
}

async fn one_code(app: &Arc<App>, call: &Call) -> Result<TicketCode, Problem> {
    let user = call.buyer()?;
    let (order, _, manifest) = own_order(app, call).await?;
    let index: u32 = call.id("ticket", Code::UnknownTicket)?;
    let codes = codes(app, order, user, &manifest).await?;
    let found = codes.into_iter().find(|(id, _)| id.index == index);
    found.map(|(_, code)| code).ok_or_else(|| Problem::new(Code::UnknownTicket, Code::UnknownTicket.title()))
}
