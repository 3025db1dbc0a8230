//! What is due of payments that the vendor takes himself.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ticketcore::manifest::Manifest;
use ticketcore::{CommandError, DueOrder, EventId, HoldNumber, OrderId, UtcMs};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::document::ProblemBody;
use super::lines::money;
use super::shapes::{MoneyShape, rfc3339};
use super::{event_manifest, off_reactor, route};
use crate::app::App;
use crate::auth::{Scope, user_text};
use crate::external::{EffectKind, ForeignEffect, Handed, Seen};
use crate::http::{Access, Answer, Call, Code, Outcome, Problem, Route, command_problem, read_json};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("POST" "/v1/gateway/next-effects" "take_next_effects" Access::Key(Scope::Payments), take_next_effects),
];

/// Effects that are handed out at once, if nothing is said and at most.
const LIMIT: u32 = 20;
const LIMIT_MAX: u32 = 100;
/// How long an effect is the caller's, in seconds, if nothing is said and at most.
const LEASE_SECONDS: u32 = 60;
const LEASE_SECONDS_MAX: u32 = 600;
/// How long a caller may wait for something to be due, in seconds.
const WAIT_SECONDS_MAX: u32 = 20;
/// What falls due without anybody's doing (a deadline, say) is seen after this, by who waits.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Orders that are read at once.
const PAGE: usize = 256;

/// How much to do.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TakeEffects {
    /// Only of this event. If absent: of all that are open; one with something due is open within a minute of a restart.
    pub event_id: Option<String>,
    /// How many at most; 20 if absent.
    #[schema(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// For how long they are the caller's, in seconds; 60 if absent.
    #[schema(minimum = 1, maximum = 600)]
    pub lease_seconds: Option<u32>,
    /// How long to wait if nothing is due, in seconds; not at all if absent.
    #[schema(minimum = 0, maximum = 20)]
    pub wait_seconds: Option<u32>,
}

/// What is due.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectsShape {
    /// One an order at most, beside a look-up of each refund that the provider has. Empty if nothing is due that nobody has and that is not put
    /// off.
    pub items: Vec<EffectShape>,
    /// The server's time.
    pub server_time: String,
}

/// Something to be done at the provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectShape {
    /// Its name, always the same: for the provider's idempotency key, and for the report.
    #[schema(example = "ord_0000000000002000000000000000001:pay:1")]
    pub key: String,
    /// What is to be done.
    pub action: EffectKind,
    /// Whether it may have been handed out before: ask the provider what became of it first.
    pub may_have_been_done: bool,
    /// The order.
    pub order_id: String,
    /// Its event.
    pub event_id: String,
    /// Whose order.
    pub user_id: String,
    /// The payment attempt that it is about, from 1.
    pub attempt: u32,
    /// How much: of a refund, how much goes back.
    pub amount: MoneyShape,
    /// With what, as the buyer said.
    pub payment_method_id: String,
    /// The provider's name of the payment, if it was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When the intent was written: of a refund, of this try of it.
    pub intended_at: String,
    /// Until when nobody else gets it.
    pub leased_until: String,
    /// The same from `serverTime` on, in milliseconds.
    pub leased_for_ms: u64,
}

/// Hands out what is due of payments that the vendor takes himself. Each is the caller's until its lease ends: then it is handed out again,
/// with `mayHaveBeenDone`. The orders of an event come in turn: what was handed out before comes again when the others have been offered.
/// Report with `/v1/gateway/observe`.
///
/// # Errors
/// There is no such event; a number is out of bounds.
#[utoipa::path(post, path = "/v1/gateway/next-effects", operation_id = "take_next_effects", tag = "gateway", request_body = TakeEffects,
    responses((status = 200, body = EffectsShape), (status = "4XX", content_type = "application/problem+json", body = ProblemBody), (status = 503, content_type = "application/problem+json", body = ProblemBody)))]
pub async fn take_next_effects(app: Arc<App>, mut call: Call) -> Outcome {
    let asked: TakeEffects = read_json(&mut call, app.config.limits.body_bytes_max).await?;
    let limit = within("/limit", asked.limit.unwrap_or(LIMIT), 1, LIMIT_MAX)?;
    let lease = within("/leaseSeconds", asked.lease_seconds.unwrap_or(LEASE_SECONDS), 1, LEASE_SECONDS_MAX)?;
    let wait = within("/waitSeconds", asked.wait_seconds.unwrap_or(0), 0, WAIT_SECONDS_MAX)?;
    let only: Option<EventId> = match asked.event_id {
        None => None,
        Some(id) => {
            let event = id.parse().map_err(|_| Problem::new(Code::UnknownEvent, "There is no such event"))?;
            event_manifest(&app, &call, event).await?;
            Some(event)
        }
    };
    let allowed = call.principal.key(Scope::Payments)?.events.clone();
    // Who waits is answered before the request's own time is over.
    let patience = Duration::from_millis(app.config.limits.request_timeout_ms.saturating_sub(1_000));
    let deadline = Instant::now() + Duration::from_secs(wait.into()).min(patience);
    let mut stopping = app.stopping.clone();
    loop {
        let allowed = allowed.clone();
        let wanted = Wanted { only, allowed, limit: limit as usize, lease_ms: u64::from(lease) * 1_000 };
        let items = off_reactor(&app, move |app| take(app, &wanted)).await??;
        let left = deadline.saturating_duration_since(Instant::now());
        if !items.is_empty() || left.is_zero() || *stopping.borrow() {
            return Answer::json(&EffectsShape { items, server_time: rfc3339(app.now()) })?.done();
        }
        tokio::select! {
            () = app.external.stirred(left.min(LOOK_AGAIN)) => {}
            _ = stopping.changed() => {}
        }
    }
}

fn within(pointer: &str, found: u32, min: u32, max: u32) -> Result<u32, Problem> {
    let told = || Problem::invalid(pointer, format!("from {min} to {max}"));
    (min..=max).contains(&found).then_some(found).ok_or_else(told)
}

struct Wanted {
    only: Option<EventId>,
    /// Those of the key; all if empty.
    allowed: Vec<EventId>,
    limit: usize,
    lease_ms: u64,
}

/// Reads what is due and takes it. Waits for the store.
fn take(app: &App, wanted: &Wanted) -> Result<Vec<EffectShape>, Problem> {
    let events = match wanted.only {
        Some(event) => vec![event],
        None => {
            let mut open: Vec<EventId> = app.office.events().into_iter().map(|entry| entry.id).collect();
            open.retain(|event| {
                let allowed = wanted.allowed.is_empty() || wanted.allowed.contains(event);
                allowed && app.office.durable_revision(*event).is_some()
            });
            // No event is always the last.
            let first = app.external.turn() % open.len().max(1);
            open.rotate_left(first);
            open
        }
    };
    let mut taken = Vec::new();
    for event in events {
        match take_of(app, event, wanted, &mut taken) {
            Ok(()) => {}
            // One that has stopped keeps no other waiting; it is told by `/readyz`.
            Err(error) if wanted.only.is_none() && taken.is_empty() => {
                tracing::warn!(%event, %error, "what is due can't be read");
            }
            Err(error) if taken.is_empty() => return Err(command_problem(error, &())),
            // What is taken already is told.
            Err(_) => break,
        }
        if taken.len() >= wanted.limit {
            break;
        }
    }
    Ok(taken)
}

/// Looks at each order of an event once at most, from where whoever came last has stopped.
fn take_of(
    app: &App,
    event: EventId,
    wanted: &Wanted,
    taken: &mut Vec<EffectShape>,
) -> Result<(), CommandError> {
    let manifest = app.office.manifest(event)?;
    let begun = app.external.rounds.of(event);
    let newest = app.office.durable_revision(event).map_or(HoldNumber(0), |at| HoldNumber::new(at, 0));
    let (mut round, mut idle) = (begun, true);
    for stretch in begun.stretches(newest) {
        let mut after = Some(stretch.after);
        while let Some(number) = after {
            let seen = app.external.leases.seen();
            let page = app.checkout.foreign_due(event, Some(OrderId { event, number }), PAGE)?;
            idle &= page.is_empty();
            for due in page.iter().take_while(|due| due.order.number <= stretch.to) {
                let before = taken.len();
                let left = wanted.limit - before;
                taken.extend(handed(app, (due, seen), &manifest, wanted.lease_ms).take(left));
                if taken.len() == before {
                    continue;
                }
                round = app.external.rounds.go_on(event, round, &stretch, due.order.number);
                if taken.len() >= wanted.limit {
                    return Ok(());
                }
            }
            let last = page.last().filter(|_| page.len() == PAGE).map(|due| due.order.number);
            after = last.filter(|last| *last < stretch.to);
        }
    }
    if idle {
        app.external.rounds.forget(event, begun);
    }
    Ok(())
}

/// Hands out what is due of an order, as far as it is the vendor's and nobody has it: as much as is asked for, what nobody has had for longest
/// first.
fn handed(
    app: &App,
    (due, seen): (&DueOrder, Seen),
    manifest: &Manifest,
    lease_ms: u64,
) -> impl Iterator<Item = EffectShape> {
    let leases = &app.external.leases;
    let mut effects: Vec<_> =
        due.effects().filter_map(|effect| ForeignEffect::of(due.order, effect)).collect();
    if effects.len() > 1 {
        effects.sort_by_cached_key(|effect| leases.until(effect.id));
    }
    effects.into_iter().filter_map(move |effect| {
        let now = app.now();
        let until = now.plus_ms(lease_ms);
        let Handed { again } = leases.hand(effect.id, effect.intended_at, seen, now, until)?;
        let amount = money(effect.amount_minor, manifest);
        Some(shape(due, &effect, again, amount, (until, lease_ms)))
    })
}

fn shape(
    due: &DueOrder,
    effect: &ForeignEffect<'_>,
    may_have_been_done: bool,
    amount: MoneyShape,
    lease: (UtcMs, u64),
) -> EffectShape {
    let reference = effect.charge.reference.as_str();
    EffectShape {
        key: effect.id.key.to_string(),
        action: effect.id.kind,
        may_have_been_done,
        order_id: due.order.to_string(),
        event_id: due.order.event.to_string(),
        user_id: user_text(due.user),
        attempt: effect.charge.attempt,
        amount,
        payment_method_id: effect.charge.method.as_str().to_owned(),
        reference: (!reference.is_empty()).then(|| reference.to_owned()),
        intended_at: rfc3339(effect.intended_at),
        leased_until: rfc3339(lease.0),
        leased_for_ms: lease.1,
    }
}
