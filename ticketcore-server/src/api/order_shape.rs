//! What is shown of an order.

use serde::Serialize;
use ticketcore::manifest::Manifest;
use ticketcore::order::{
    Dispute, DisputeState, Payment, PaymentState, Place, Refund, RefundState, Ticket, TicketStatus,
};
use ticketcore::{OrderDetails, UserId};
use utoipa::ToSchema;

use super::lines::{LineShape, lines, money};
use super::orders::reason_name;
use super::shapes::{MoneyShape, rfc3339};
use super::words::{DisputeWord, EndWord, OrderWord, PaymentWord, RefundWord};
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Call, Problem};

/// An order. What was paid for it, and what becomes of that money, is its buyer's and staff's to see: whoever a ticket of it was given to is
/// shown the order without.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderShape<'a> {
    /// Its id.
    pub order_id: String,
    /// The hold it came from.
    pub hold_id: String,
    /// Its event.
    pub event_id: String,
    /// Where it stands.
    #[schema(value_type = OrderWord)]
    pub status: &'static str,
    /// Why it ended, if it did not end as it should. For its buyer and for staff only.
    #[schema(value_type = Option<EndWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the buyer must do at the gateway: an address to go to, or a token for its page. Not in lists: ask for the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_action: Option<String>,
    /// While it is live: when its time ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_deadline: Option<String>,
    /// What is ordered. For its buyer and for staff only: whoever tickets were given to lists those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineShape<'a>>>,
    /// The sum of all prices. For its buyer and for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<MoneyShape>,
    /// All there is to pay. For its buyer and for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<MoneyShape>,
    /// Payment attempts, the first first. For its buyer and for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payments: Option<Vec<PaymentShape>>,
    /// Refunds, the first first. For its buyer and for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunds: Option<Vec<RefundShape>>,
    /// Disputes, in the order in which they became known. For its buyer and for staff only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disputes: Option<Vec<DisputeShape>>,
    /// Tickets that let somebody in; those that he holds, for whom tickets were given to.
    pub ticket_count: usize,
    /// Grows with every change.
    pub version: u64,
    /// The server's time.
    pub server_time: String,
}

/// A payment attempt.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentShape {
    /// From 1.
    pub number: usize,
    /// Where it stands.
    #[schema(value_type = PaymentWord)]
    pub status: &'static str,
    /// How much was asked for.
    pub amount: MoneyShape,
    /// How much was taken.
    pub captured: MoneyShape,
    /// Why it was declined, or will not be captured, in the gateway's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Money that goes back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundShape {
    /// From 1.
    pub number: usize,
    /// Where it stands.
    #[schema(value_type = RefundWord)]
    pub status: &'static str,
    /// How much.
    pub amount: MoneyShape,
    /// Tickets that died with it.
    pub tickets: Vec<u32>,
    /// Why.
    #[schema(value_type = EndWord)]
    pub reason: String,
}

/// Money that who paid wants back through his bank.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisputeShape {
    /// The gateway's name of it.
    pub reference: String,
    /// The payment attempt whose money it is about, from 1.
    pub attempt: u32,
    /// Where it stands.
    #[schema(value_type = DisputeWord)]
    pub status: &'static str,
    /// How much is disputed.
    pub amount: MoneyShape,
    /// How much it took: what was disputed, as far as that was left.
    pub lost: MoneyShape,
}

/// Who is shown an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Its buyer, or staff.
    Party,
    /// Somebody to whom a ticket of it was given: the buyer's money is not for him.
    Guest(UserId),
}

impl Reader {
    /// Who is calling, if he may see the order at all.
    ///
    /// # Errors
    /// Nobody is.
    pub fn of(call: &Call, details: &OrderDetails) -> Result<Self, Problem> {
        if call.principal.has(Scope::Orders) {
            return Ok(Self::Party);
        }
        let user = call.buyer()?;
        Ok(if user == details.order.user { Self::Party } else { Self::Guest(user) })
    }

    /// Whether a ticket is his to see.
    #[must_use]
    pub fn sees(self, ticket: &Ticket) -> bool {
        match self {
            Self::Party => true,
            Self::Guest(user) => ticket.holder == Some(user),
        }
    }
}

/// What is shown of an order. Where its buyer must go is asked for, if need be.
pub async fn shape<'a>(
    app: &App,
    reader: Reader,
    details: &OrderDetails,
    manifest: &'a Manifest,
) -> OrderShape<'a> {
    let last = details.payments.last();
    let acting = last.filter(|payment| {
        let acts = payment.state == PaymentState::ActionRequired && details.order.state.is_live();
        acts && reader == Reader::Party
    });
    let next_action = match acting {
        None => None,
        Some(payment) => app.till.next_action(payment.note.as_str()).await,
    };
    shown(app, (reader, next_action), details, manifest)
}

/// What its buyer, or staff, is shown of an order in a list. Where its buyer must go is left out: a gateway would be asked once for each order.
#[must_use]
pub fn listed<'a>(app: &App, details: &OrderDetails, manifest: &'a Manifest) -> OrderShape<'a> {
    shown(app, (Reader::Party, None), details, manifest)
}

fn shown<'a>(
    app: &App,
    (reader, next_action): (Reader, Option<String>),
    details: &OrderDetails,
    manifest: &'a Manifest,
) -> OrderShape<'a> {
    let order = &details.order;
    let party = reader == Reader::Party;
    let refund = |(at, refund)| refund_shape(at, refund, manifest);
    let dispute = |dispute| dispute_shape(dispute, manifest);
    let payment = |(at, payment): (usize, &Payment)| PaymentShape {
        number: at + 1,
        status: payment_status(payment.state),
        amount: money(payment.amount_minor, manifest),
        captured: money(payment.captured_minor, manifest),
        code: (payment.state != PaymentState::ActionRequired && !payment.note.as_str().is_empty())
            .then(|| payment.note.as_str().to_owned()),
    };
    let counts = |(_, ticket): &&(Place, Ticket)| ticket.status == TicketStatus::Valid && reader.sees(ticket);
    OrderShape {
        order_id: order.id.to_string(),
        hold_id: order.id.hold().to_string(),
        event_id: order.id.event.to_string(),
        status: order.state.name(),
        reason: details.reason.filter(|_| party).map(reason_name),
        next_action,
        payment_deadline: order.payment_deadline.map(rfc3339),
        lines: party.then(|| lines(&order.lines, manifest)),
        total: party.then(|| money(order.total_minor, manifest)),
        amount: party.then(|| money(details.amount_minor, manifest)),
        payments: party.then(|| details.payments.iter().enumerate().map(payment).collect()),
        refunds: party.then(|| details.refunds.iter().enumerate().map(refund).collect()),
        disputes: party.then(|| details.disputes.iter().map(dispute).collect()),
        ticket_count: details.tickets.iter().filter(counts).count(),
        version: order.version.0,
        server_time: rfc3339(app.now()),
    }
}

/// What is shown of a refund.
#[must_use]
pub fn refund_shape(at: usize, refund: &Refund, manifest: &Manifest) -> RefundShape {
    RefundShape {
        number: at + 1,
        status: refund_status(refund.state),
        amount: money(refund.amount_minor, manifest),
        tickets: refund.tickets.clone(),
        reason: reason_name(refund.reason),
    }
}

/// What is shown of a dispute.
#[must_use]
pub fn dispute_shape(dispute: &Dispute, manifest: &Manifest) -> DisputeShape {
    DisputeShape {
        reference: dispute.reference.as_str().to_owned(),
        attempt: dispute.attempt,
        status: dispute_status(dispute.state),
        amount: money(dispute.amount_minor, manifest),
        lost: money(dispute.lost_minor, manifest),
    }
}

pub(super) const fn dispute_status(state: DisputeState) -> &'static str {
    match state {
        DisputeState::Open => "open",
        DisputeState::Won => "won",
        DisputeState::Lost => "lost",
    }
}

pub(super) const fn refund_status(state: RefundState) -> &'static str {
    match state {
        RefundState::Requested => "requested",
        RefundState::Submitted => "submitted",
        RefundState::Succeeded => "succeeded",
        RefundState::Stuck => "stuck",
    }
}

pub(super) const fn payment_status(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Started => "started",
        PaymentState::ActionRequired => "action_required",
        PaymentState::Authorized => "authorized",
        PaymentState::Captured => "captured",
        PaymentState::Declined => "declined",
        PaymentState::Voided => "voided",
    }
}
