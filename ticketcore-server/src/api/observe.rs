//! What became of payments that the vendor takes himself.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ticketcore::gateway::{GatewayAction, GatewayKey};
use ticketcore::manifest::Manifest;
use ticketcore::order::{News, ObserveRequest, PaymentSeen, RefundSeen, Word};
use ticketcore::{OrderDetails, OrderId, UtcMs};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::orders::{details, word};
use super::shapes::{MoneyShape, parse_rfc3339, rfc3339};
use super::{event_manifest, route};
use crate::app::App;
use crate::auth::Scope;
use crate::external::{EffectKind, External, NAME, due_of, is_of_the_house};
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, read_json};

/// The operations.
pub const ROUTES: &[Route] =
    &[route!("POST" "/v1/gateway/observe" "observe_effect" Access::Key(Scope::Payments), observe_effect)];

/// A provider that has not heard of a payment that is so young may hear of it yet, in milliseconds.
const NOT_FOUND_GRACE_MS: u64 = 60_000;
/// How often is looked whether the house has done its part.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// The longest that an effect may be put off, in milliseconds.
const PUT_OFF_MS_MAX: u64 = 600_000;

/// What the provider says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// The buyer must do something first: `nextAction`, perhaps `retryAfterMs`.
    ActionRequired,
    /// The money is reserved: `reference`, perhaps `lapsesAt` and `fingerprint`.
    Authorized,
    /// The money is taken: `reference`, `amount`, perhaps `fingerprint`.
    Captured,
    /// It was declined; no money moved and none will: perhaps `code`.
    Declined,
    /// The reservation was given back, or has lapsed.
    Voided,
    /// The reserved money will never be taken: perhaps `code`.
    CaptureRefused,
    /// The provider has never heard of it.
    NotFound,
    /// The provider has the refund and will see: `reference`, perhaps `retryAfterMs`.
    RefundSubmitted,
    /// The money is on its way back: `reference`.
    RefundSucceeded,
    /// The refund did not work: `retry`, perhaps `code`.
    RefundFailed,
    /// Nobody knows: the effect is due again, perhaps `retryAfterMs` from now.
    Unknown,
}

/// A report about one payment or refund.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observation {
    /// The key of the effect, or of any effect of the same payment.
    pub key: String,
    /// What the provider says.
    pub outcome: Observed,
    /// The provider's name of the payment or the refund.
    pub reference: Option<String>,
    /// How much was taken.
    pub amount: Option<MoneyShape>,
    /// Why, in the provider's words.
    pub code: Option<String>,
    /// What the buyer must do: an address to go to, or a token for the provider's page.
    pub next_action: Option<String>,
    /// When the reservation lapses, RFC 3339.
    pub lapses_at: Option<String>,
    /// What tells the payer's instrument from others; only a keyed hash of it is kept.
    pub fingerprint: Option<String>,
    /// Whether trying again may help.
    pub retry: Option<bool>,
    /// In how many milliseconds to hand the effect out again (`unknown`), or the look-up that follows (`action_required`,
    /// `refund_submitted`); what is above 600,000 is 600,000. If absent: at once, or when whoever has that look-up has had his time.
    pub retry_after_ms: Option<u64>,
}

/// What a report came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedShape {
    /// The order.
    pub order_id: String,
    /// Where it stands now.
    #[schema(value_type = super::words::OrderWord)]
    pub status: &'static str,
    /// Whether it said anything new.
    pub changed: bool,
    /// The order's version, which grows with every change.
    pub version: u64,
    /// Whether something is due of this order that the vendor must see to.
    pub more_due: bool,
    /// The server's time.
    pub server_time: String,
}

impl ObservedShape {
    /// Where an order stands after a report.
    pub(super) fn of(app: &App, now: &OrderDetails, changed: bool) -> Self {
        Self {
            order_id: now.order.id.to_string(),
            status: now.order.state.name(),
            changed,
            version: now.order.version.0,
            more_due: !due_of(now).is_empty(),
            server_time: rfc3339(app.now()),
        }
    }
}

/// Hears what became of a payment or a refund. News only ever makes money more certain: it may come twice, late and in any order, with a
/// lease or without.
///
/// # Errors
/// There is no such order, payment or refund, or it is another gateway's; what is said does not fit.
#[utoipa::path(post, path = "/v1/gateway/observe", operation_id = "observe_effect", tag = "gateway", request_body = Observation,
    responses((status = 200, body = ObservedShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn observe_effect(app: Arc<App>, mut call: Call) -> Outcome {
    let said: Observation = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let (key, manifest) = known_to_the_key(&app, &call, &said.key).await?;
    let order = key.order;
    let seen = app.external.leases.seen();
    let before = details(&app, order).await?;
    let intended_at = intended_at(&before, key)?;
    // Nobody knows, or nobody knows yet.
    let mut open = true;
    let (mut changed, mut now) = (false, before);
    if let Some(news) = news(&app.external, &said, key, &manifest)? {
        let young = app.now().since_ms(intended_at) < NOT_FOUND_GRACE_MS;
        open = young && is_not_found(&news);
        if !open {
            let noted = app.office.observe(ObserveRequest { order, news }).await;
            changed = noted.map_err(|error| command_problem(error, &*manifest))?.revision.is_some();
            now = settled(&app, order).await?;
        }
    }
    let due = due_of(&now);
    app.external.leases.settle(key, seen, &due);
    if let Some(next) = due.iter().copied().find(|due| due.is_about(key))
        && let Some(ms) = put_off_ms(&said, open, next.kind)
    {
        let at = app.now();
        app.external.leases.put_off(next, at, at.plus_ms(ms));
    }
    app.external.stir();
    Answer::json(&ObservedShape::of(&app, &now, changed))?.done()
}

/// What a key names, and the event it belongs to, if the caller may touch that.
///
/// # Errors
/// It is no key; [`Code::UnknownOrder`].
pub(super) async fn known_to_the_key(
    app: &Arc<App>,
    call: &Call,
    key: &str,
) -> Result<(GatewayKey, Arc<Manifest>), Problem> {
    let unknown = || Problem::new(Code::UnknownOrder, Code::UnknownOrder.title());
    let key: GatewayKey = key.parse().map_err(|_| Problem::invalid("/key", "no key of an effect"))?;
    let foreign = |problem: Problem| if problem.code() == Code::UnknownEvent { unknown() } else { problem };
    let manifest = event_manifest(app, call, key.order.event).await.map_err(foreign)?;
    Ok((key, manifest))
}

/// The order when what the house itself must do about it (sell, drop, begin a refund, undo) is done, or the server's patience is over.
pub(super) async fn settled(app: &Arc<App>, order: OrderId) -> Result<OrderDetails, Problem> {
    let until = Instant::now() + Duration::from_millis(app.config.payments.patience_ms);
    // It is told as soon as there is something to tell, which may not be all.
    let _progress = app.checkout.resume(order).await;
    loop {
        let found = details(app, order).await?;
        if Instant::now() >= until || !found.next.as_ref().is_some_and(is_of_the_house) {
            return Ok(found);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// For how long nobody gets what is due next of what was reported about; nothing if the report does not say.
fn put_off_ms(said: &Observation, open: bool, next: EffectKind) -> Option<u64> {
    let asked = said.retry_after_ms.map(|ms| ms.min(PUT_OFF_MS_MAX));
    match (said.outcome, next) {
        _ if open => Some(asked.unwrap_or(0)),
        // A report that comes late puts off nothing that has become due since.
        (Observed::ActionRequired, EffectKind::LookUp)
        | (Observed::RefundSubmitted, EffectKind::LookUpRefund) => asked,
        _ => None,
    }
}

/// When the intent was written that a key names, if it is one of ours.
pub(super) fn intended_at(order: &OrderDetails, key: GatewayKey) -> Result<UtcMs, Problem> {
    let payment = |number: u32| {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        order.payments.get(at).filter(|payment| payment.gateway.as_str() == NAME)
    };
    if key.action == GatewayAction::Refund {
        let at = usize::try_from(key.number).ok().and_then(|number| number.checked_sub(1));
        let refund =
            at.and_then(|at| order.refunds.get(at)).filter(|refund| payment(refund.attempt).is_some());
        let unknown = || Problem::new(Code::UnknownRefund, Code::UnknownRefund.title());
        return refund.map(|refund| refund.started_at).ok_or_else(unknown);
    }
    let unknown = || Problem::new(Code::UnknownPayment, Code::UnknownPayment.title());
    payment(key.number).map(|payment| payment.started_at).ok_or_else(unknown)
}

const fn is_not_found(news: &News) -> bool {
    matches!(news, News::Payment { seen: PaymentSeen::NotFound, .. })
}

/// What the engine is told; nothing if nobody knows.
fn news(
    external: &External,
    said: &Observation,
    key: GatewayKey,
    manifest: &Manifest,
) -> Result<Option<News>, Problem> {
    let code = |otherwise| Word::cut(said.code.as_deref().unwrap_or(otherwise));
    let reference = || needed("/reference", said.reference.as_deref());
    let fingerprint = || said.fingerprint.as_deref().and_then(|text| external.identity(text));
    let payment = |seen| News::Payment { attempt: key.number, seen };
    let refund = |seen| News::Refund { refund: key.number, tries: key.tries, seen };
    only_what_fits(said)?;
    let is_refund = key.action == GatewayAction::Refund;
    let about_refund = matches!(
        said.outcome,
        Observed::RefundSubmitted | Observed::RefundSucceeded | Observed::RefundFailed
    );
    let about_both = matches!(said.outcome, Observed::NotFound | Observed::Unknown);
    if !about_both && about_refund != is_refund {
        return Err(Problem::invalid("/outcome", "does not fit what the key names"));
    }
    Ok(Some(match said.outcome {
        Observed::Unknown => return Ok(None),
        Observed::NotFound if is_refund => refund(RefundSeen::NotFound),
        Observed::NotFound => payment(PaymentSeen::NotFound),
        Observed::ActionRequired => payment(PaymentSeen::ActionRequired {
            next_action: needed("/nextAction", said.next_action.as_deref())?,
        }),
        Observed::Authorized => {
            let lapses_at = said.lapses_at.as_deref().map(parse_rfc3339).transpose();
            let lapses_at = lapses_at.map_err(|why| Problem::invalid("/lapsesAt", why))?;
            payment(PaymentSeen::Authorized {
                reference: reference()?,
                lapses_at,
                fingerprint: fingerprint(),
            })
        }
        Observed::Captured => payment(PaymentSeen::Captured {
            reference: reference()?,
            amount_minor: taken(said.amount, manifest)?,
            fingerprint: fingerprint(),
        }),
        Observed::Declined => payment(PaymentSeen::Declined { code: code("declined") }),
        Observed::Voided => payment(PaymentSeen::Voided),
        Observed::CaptureRefused => {
            News::CaptureRefused { attempt: key.number, code: code("capture_refused") }
        }
        Observed::RefundSubmitted => refund(RefundSeen::Submitted { reference: reference()? }),
        Observed::RefundSucceeded => refund(RefundSeen::Succeeded { reference: reference()? }),
        Observed::RefundFailed => {
            let retry = said.retry.ok_or_else(|| Problem::invalid("/retry", "say whether it may help"))?;
            refund(RefundSeen::Failed { code: code("failed"), retry })
        }
    }))
}

/// What is said beside the outcome belongs to it, or it was meant otherwise.
fn only_what_fits(said: &Observation) -> Result<(), Problem> {
    use Observed as O;
    let fits: [(&str, bool, &[Observed]); 8] = [
        (
            "/reference",
            said.reference.is_some(),
            &[O::Authorized, O::Captured, O::RefundSubmitted, O::RefundSucceeded],
        ),
        ("/amount", said.amount.is_some(), &[O::Captured]),
        ("/code", said.code.is_some(), &[O::Declined, O::CaptureRefused, O::RefundFailed]),
        ("/nextAction", said.next_action.is_some(), &[O::ActionRequired]),
        ("/lapsesAt", said.lapses_at.is_some(), &[O::Authorized]),
        ("/fingerprint", said.fingerprint.is_some(), &[O::Authorized, O::Captured]),
        ("/retry", said.retry.is_some(), &[O::RefundFailed]),
        (
            "/retryAfterMs",
            said.retry_after_ms.is_some(),
            &[O::ActionRequired, O::RefundSubmitted, O::Unknown],
        ),
    ];
    for (pointer, there, outcomes) in fits {
        if there && !outcomes.contains(&said.outcome) {
            return Err(Problem::invalid(pointer, "does not go with this outcome"));
        }
    }
    Ok(())
}

fn needed(pointer: &str, text: Option<&str>) -> Result<Word, Problem> {
    word(pointer, text.ok_or_else(|| Problem::invalid(pointer, "missing"))?)
}

fn taken(amount: Option<MoneyShape>, manifest: &Manifest) -> Result<i64, Problem> {
    in_currency(amount.ok_or_else(|| Problem::invalid("/amount", "missing"))?, manifest)
}

/// An amount in minor units of an event's currency.
///
/// # Errors
/// It is another currency.
pub(super) fn in_currency(amount: MoneyShape, manifest: &Manifest) -> Result<i64, Problem> {
    if amount.currency.0 != manifest.rules().currency {
        return Err(Problem::invalid("/amount/currency", "not the event's"));
    }
    Ok(amount.amount)
}
