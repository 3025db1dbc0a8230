//! What is wrong with orders, holds and money: for staff, for the log and for whoever watches.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;
use ticketcore::checkout::{ChargeFinding, Checkout, ReconcileReport};
use ticketcore::gateway::ListedCharge;
use ticketcore::order::Finding;
use ticketcore::{EventId, HoldId, Money, OrderId, UtcMs, Word};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use utoipa::ToSchema;

use crate::api::document::ProblemBody;
use crate::api::route;
use crate::api::shapes::{MoneyShape, rfc3339};
use crate::app::App;
use crate::auth::Scope;
use crate::http::{Access, Answer, Call, Outcome, Route};

/// The operations.
pub const ROUTES: &[Route] =
    &[route!("GET" "/v1/admin/findings" "list_findings" Access::Key(Scope::Orders), list)];

/// How often it is looked for a new report.
const LOOK: Duration = Duration::from_secs(2);
/// Findings that one look logs, each on a line of its own; the rest is counted on one more.
const LINES_MAX: usize = 20;
/// A finding that is seen again after so long is new, in milliseconds.
const FORGET_AFTER_MS: u64 = 10 * 60_000;
/// Findings that are remembered so that they are not logged again.
const KNOWN_MAX: usize = 8_192;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The money is in, and there are no tickets.
    PaidWithoutTickets,
    /// Money is reserved, or its outcome unknown, that no order wants.
    MoneyWithoutOrder,
    /// Tickets are valid whose money is neither in nor reserved.
    TicketsWithoutMoney,
    /// The gateway refuses a refund for good: try it again, or pay it back in another way.
    RefundStuck,
    /// A hold is over, and nobody has ended it.
    HoldOverdue,
    /// A hold is kept for an order that there is not.
    PinnedWithoutOrder,
    /// An order is live whose hold is gone.
    OrderWithoutHold,
    /// The gateway lists a payment that bears none of our keys.
    ForeignCharge,
    /// The gateway lists a payment of ours whose order is not here.
    OrphanCharge,
    /// The gateway lists a second payment under the key of another one.
    ChargedTwice,
    /// The gateway and the order do not agree about the money.
    ChargeDiffers,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::PaidWithoutTickets,
        Self::MoneyWithoutOrder,
        Self::TicketsWithoutMoney,
        Self::RefundStuck,
        Self::HoldOverdue,
        Self::PinnedWithoutOrder,
        Self::OrderWithoutHold,
        Self::ForeignCharge,
        Self::OrphanCharge,
        Self::ChargedTwice,
        Self::ChargeDiffers,
    ];

    /// Its name in answers, metrics and the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PaidWithoutTickets => "paid_without_tickets",
            Self::MoneyWithoutOrder => "money_without_order",
            Self::TicketsWithoutMoney => "tickets_without_money",
            Self::RefundStuck => "refund_stuck",
            Self::HoldOverdue => "hold_overdue",
            Self::PinnedWithoutOrder => "pinned_without_order",
            Self::OrderWithoutHold => "order_without_hold",
            Self::ForeignCharge => "foreign_charge",
            Self::OrphanCharge => "orphan_charge",
            Self::ChargedTwice => "charged_twice",
            Self::ChargeDiffers => "charge_differs",
        }
    }
}

/// What is wrong with one order, hold or payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingShape {
    /// What is wrong.
    pub kind: FindingKind,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<String>,
    /// The hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_id: Option<String>,
    /// The number of the order's payment or, for `refund_stuck`, of its refund, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// When the payment began, or the hold's time ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What the gateway lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charge: Option<ChargeShape>,
}

/// A payment as its gateway lists it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChargeShape {
    /// The gateway.
    pub gateway: String,
    /// The gateway's name of it.
    pub reference: String,
    /// What is reserved.
    pub reserved: MoneyShape,
    /// What was taken.
    pub captured: MoneyShape,
    /// What of it was given back.
    pub refunded: MoneyShape,
}

/// What is wrong, as far as it was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingsShape {
    /// What stands: at most 1,000 of orders and holds, and 100 of the gateways' lists.
    pub items: Vec<FindingShape>,
    /// Whether there is more than is shown.
    pub more: bool,
    /// When it was looked last; absent if it was not looked yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<String>,
    /// The server's time.
    pub server_time: String,
}

/// What is wrong with orders, holds and money, and stays so unless somebody sees to it. A part of the orders is looked over every few
/// seconds. A key for some events sees what is about them.
///
/// # Errors
/// None.
#[utoipa::path(get, path = "/v1/admin/findings", operation_id = "list_findings", tag = "admin",
    responses((status = 200, body = FindingsShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Outcome {
    let all = call.principal.key(Scope::Orders)?.events.is_empty();
    let report = app.checkout.last_report();
    let shown = |found: &Found| match found.about.event() {
        Some(event) => call.principal.event(event).is_ok(),
        None => all,
    };
    let found = report.as_deref().map(found_in).unwrap_or_default();
    let items = found.into_iter().filter(shown).map(FindingShape::from).collect();
    let more = report.as_deref().is_some_and(has_more);
    let looked_at = report.map(|report| rfc3339(report.at));
    Answer::json(&FindingsShape { items, more, looked_at, server_time: rfc3339(app.now()) })?.done()
}

/// What a finding is about: the same as long as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct About {
    kind: FindingKind,
    order: Option<OrderId>,
    hold: Option<HoldId>,
    number: Option<u32>,
    reference: Option<Word>,
}

impl About {
    fn nothing(kind: FindingKind) -> Self {
        Self { kind, order: None, hold: None, number: None, reference: None }
    }

    fn order(kind: FindingKind, order: OrderId, number: Option<u32>) -> Self {
        Self { order: Some(order), number, ..Self::nothing(kind) }
    }

    fn hold(kind: FindingKind, hold: HoldId) -> Self {
        Self { hold: Some(hold), ..Self::nothing(kind) }
    }

    fn event(&self) -> Option<EventId> {
        self.order.map(|order| order.event).or(self.hold.map(|hold| hold.event))
    }
}

/// A finding.
struct Found {
    about: About,
    since: Option<UtcMs>,
    charge: Option<ChargeShape>,
}

impl From<&Finding> for Found {
    fn from(finding: &Finding) -> Self {
        use FindingKind as K;
        let (about, since) = match *finding {
            Finding::PaidWithoutTickets { order, since } => {
                (About::order(K::PaidWithoutTickets, order, None), Some(since))
            }
            Finding::MoneyWithoutOrder { order, attempt, since } => {
                (About::order(K::MoneyWithoutOrder, order, Some(attempt)), Some(since))
            }
            Finding::TicketsWithoutMoney { order } => {
                (About::order(K::TicketsWithoutMoney, order, None), None)
            }
            Finding::RefundStuck { order, refund, .. } => {
                (About::order(K::RefundStuck, order, Some(refund)), None)
            }
            Finding::HoldOverdue { hold, deadline } => (About::hold(K::HoldOverdue, hold), Some(deadline)),
            Finding::PinnedWithoutOrder { hold } => (About::hold(K::PinnedWithoutOrder, hold), None),
            Finding::OrderWithoutHold { order } => (About::order(K::OrderWithoutHold, order, None), None),
        };
        Self { about, since, charge: None }
    }
}

impl From<&ChargeFinding> for Found {
    fn from(finding: &ChargeFinding) -> Self {
        let (kind, gateway, charge) = match finding {
            ChargeFinding::Foreign { gateway, charge } => (FindingKind::ForeignCharge, gateway, charge),
            ChargeFinding::Orphan { gateway, charge, .. } => (FindingKind::OrphanCharge, gateway, charge),
            ChargeFinding::Twice { gateway, charge } => (FindingKind::ChargedTwice, gateway, charge),
            ChargeFinding::Differs { gateway, charge, .. } => (FindingKind::ChargeDiffers, gateway, charge),
        };
        let about = About {
            order: charge.key.map(|key| key.order),
            number: charge.key.map(|key| key.number),
            reference: Some(charge.reference.clone()),
            ..About::nothing(kind)
        };
        Self { about, since: None, charge: Some(charge_shape(gateway, charge)) }
    }
}

fn charge_shape(gateway: &Word, charge: &ListedCharge) -> ChargeShape {
    let money = |minor| MoneyShape::from(Money { minor, currency: charge.currency });
    ChargeShape {
        gateway: gateway.to_string(),
        reference: charge.reference.to_string(),
        reserved: money(charge.outstanding_minor),
        captured: money(charge.captured_minor),
        refunded: money(charge.refunded_minor),
    }
}

impl From<Found> for FindingShape {
    fn from(found: Found) -> Self {
        Self {
            kind: found.about.kind,
            order_id: found.about.order.map(|order| order.to_string()),
            hold_id: found.about.hold.map(|hold| hold.to_string()),
            number: found.about.number,
            since: found.since.map(rfc3339),
            charge: found.charge,
        }
    }
}

/// Whether there may be more than a report has room for.
fn has_more(report: &ReconcileReport) -> bool {
    report.standing.len() >= ReconcileReport::STANDING_MAX
        || report.unaccounted.count > report.unaccounted.first.len() as u64
}

fn found_in(report: &ReconcileReport) -> Vec<Found> {
    let charges = report.unaccounted.first.iter().map(Found::from);
    report.standing.iter().map(Found::from).chain(charges).collect()
}

/// The findings of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

/// Logs what is found for the first time and counts what stands, on the runtime it is called on, until the server stops.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn watch(checkout: &Arc<Checkout>, registry: &mut Registry, stop: watch::Receiver<bool>) {
    let counts = Family::<OfKind, Gauge>::default();
    registry.register("findings", "What is wrong with orders, holds and money, by kind", counts.clone());
    let watcher = Watcher { counts, known: HashMap::new() };
    watcher.count(&[]);
    tokio::spawn(keep_watching(Arc::downgrade(checkout), watcher, stop));
}

async fn keep_watching(checkout: Weak<Checkout>, mut watcher: Watcher, mut stop: watch::Receiver<bool>) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<Arc<ReconcileReport>> = None;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            // A sender that is gone can't say more.
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let Some(checkout) = checkout.upgrade() else { return };
        let report = checkout.last_report();
        drop(checkout);
        let Some(report) = report else { continue };
        if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &report)) {
            watcher.look(&report);
            last = Some(report);
        }
    }
}

/// What was found before.
struct Watcher {
    counts: Family<OfKind, Gauge>,
    /// When it was seen last.
    known: HashMap<About, UtcMs>,
}

impl Watcher {
    fn look(&mut self, report: &ReconcileReport) {
        let found = found_in(report);
        self.count(&found);
        let new = self.note(&found, report.at);
        for about in new.iter().take(LINES_MAX) {
            let order = about.order.map(|order| order.to_string()).unwrap_or_default();
            let hold = about.hold.map(|hold| hold.to_string()).unwrap_or_default();
            let reference = about.reference.as_ref().map_or("", Word::as_str);
            let number = about.number.unwrap_or_default();
            tracing::warn!(kind = about.kind.name(), %order, %hold, number, reference, "staff must see to it");
        }
        if new.len() > LINES_MAX {
            tracing::warn!(more = new.len() - LINES_MAX, "staff must see to more: `/v1/admin/findings`");
        }
    }

    /// Says how many there are of each kind.
    fn count(&self, found: &[Found]) {
        for kind in FindingKind::ALL {
            let count = found.iter().filter(|found| found.about.kind == kind).count();
            let label = OfKind { kind: kind.name() };
            self.counts.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Remembers what is found, and says what of it is new.
    fn note(&mut self, found: &[Found], at: UtcMs) -> Vec<About> {
        self.known.retain(|_, seen| at.since_ms(*seen) < FORGET_AFTER_MS);
        let mut new = Vec::new();
        for found in found {
            if self.known.insert(found.about.clone(), at).is_none() {
                new.push(found.about.clone());
            }
        }
        if self.known.len() > KNOWN_MAX {
            self.known.retain(|_, seen| *seen == at);
        }
        new
    }
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
