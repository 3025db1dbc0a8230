//! Which outcomes a run has produced. The lists are closed: an outcome that was never produced is a gap in the simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::paid::{PaidAnswer, PaidOutcome};
use crate::answer::{Answer, CommandError};
use crate::event::Outcome;
use crate::fact::{Fact, HoldEnd};
use crate::order::{
    Effect, EndReason, News, OrderState, OrderStep, PaymentSeen, RefundSeen, StepKind, TRANSITIONS,
};
use crate::refusal::Refusal;
use crate::testkit::Fault;

/// Seeds from which on a run must produce every kind of outcome but refusals.
const SEEDS_FOR_KINDS: u64 = 50;
/// Seeds from which on it must produce every refusal, too.
const SEEDS_FOR_EVERYTHING: u64 = 1_000;

/// Counts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<String, u64>,
}

macro_rules! kinds {
    ($name:ident, $list:ident, $type:ty, { $($variant:pat => $kind:literal,)* }) => {
        const $list: &[&str] = &[$($kind),*];
        const fn $name(of: &$type) -> &'static str {
            match of {
                $($variant => $kind,)*
            }
        }
    };
}

kinds!(fact_kind, FACT_KINDS, Fact, {
    Fact::EventDefined(_) => "event_defined",
    Fact::ManifestChanged(_) => "manifest_changed",
    Fact::SaleStateChanged { .. } => "sale_state_changed",
    Fact::HoldPlaced(_) => "hold_placed",
    Fact::HoldAmended(_) => "hold_amended",
    Fact::HoldExtended(_) => "hold_extended",
    Fact::HoldEnded(crate::fact::HoldEnded { end: HoldEnd::Released, .. }) => "hold_released",
    Fact::HoldEnded(crate::fact::HoldEnded { end: HoldEnd::ForceReleased, .. }) => "hold_force_released",
    Fact::HoldEnded(crate::fact::HoldEnded { end: HoldEnd::Expired, .. }) => "hold_expired",
    Fact::OrderOpened(_) => "order_opened",
    Fact::OrderConfirmed(_) => "order_confirmed",
    Fact::OrderCancelled(_) => "order_cancelled",
    Fact::PaymentRulesSet(_) => "payment_rules_set",
    Fact::CheckoutOpened(_) => "checkout_opened",
    Fact::OrderStepped(_) => "order_stepped",
    Fact::SeatsChanged(_) => "seats_changed",
    Fact::PlacesChanged(_) => "places_changed",
    Fact::AllocationReleased { .. } => "allocation_released",
});

kinds!(error_kind, ERROR_KINDS, CommandError, {
    CommandError::Refused(_) => "refused",
    CommandError::Unknown { .. } => "unknown",
    CommandError::Failed { .. } => "failed",
});

kinds!(answer_kind, ANSWER_KINDS, Answer, {
    Answer::Hold(_) => "hold",
    Answer::Order(_) => "order",
    Answer::Done(crate::answer::Done { revision: None, .. }) => "nothing_to_do",
    Answer::Done(_) => "done",
    Answer::Change(_) => "change",
});

kinds!(state_kind, STATE_KINDS, OrderState, {
    OrderState::Open => "open",
    OrderState::Confirmed => "confirmed",
    OrderState::Cancelled => "cancelled",
    OrderState::Expired => "expired",
    OrderState::Paying => "paying",
    OrderState::InReview => "in_review",
    OrderState::Authorized => "authorized",
    OrderState::Captured => "captured",
});

kinds!(payment_kind, PAYMENT_KINDS, PaymentSeen, {
    PaymentSeen::ActionRequired { .. } => "action_required",
    PaymentSeen::Authorized { .. } => "authorized",
    PaymentSeen::Captured { .. } => "captured",
    PaymentSeen::Declined { .. } => "declined",
    PaymentSeen::Voided => "voided",
    PaymentSeen::NotFound => "not_found",
});

kinds!(refund_kind, REFUND_KINDS, RefundSeen, {
    RefundSeen::Submitted { .. } => "submitted",
    RefundSeen::Succeeded { .. } => "succeeded",
    RefundSeen::Failed { retry: true, .. } => "failed_for_now",
    RefundSeen::Failed { .. } => "failed",
    RefundSeen::NotFound => "not_found",
});

kinds!(effect_kind, EFFECT_KINDS, Effect, {
    Effect::Authorize(_) => "authorize",
    Effect::LookUp(_) => "look_up",
    Effect::Capture(_) => "capture",
    Effect::Void(_) => "void",
    Effect::Refund { .. } => "refund",
    Effect::LookUpRefund { .. } => "look_up_refund",
    Effect::Confirm => "confirm",
    Effect::Drop(_) => "drop",
    Effect::SettleLate => "settle_late",
    Effect::StartRefund { .. } => "start_refund",
    Effect::Reverse => "reverse",
});

kinds!(reason_kind, REASON_KINDS, EndReason, {
    EndReason::Declined => "declined",
    EndReason::Rejected => "rejected",
    EndReason::EventCancelled => "event_cancelled",
    EndReason::OverLimit => "over_limit",
    EndReason::WrongAmount => "wrong_amount",
    EndReason::TooLate => "too_late",
    EndReason::CaptureRefused => "capture_refused",
    EndReason::Surplus => "surplus",
    EndReason::Asked => "asked",
});

kinds!(paid_kind, PAID_KINDS, PaidAnswer, {
    PaidAnswer::Order(_) => "order",
    PaidAnswer::Stepped(crate::answer::Stepped { revision: None, .. }) => "nothing_to_do",
    PaidAnswer::Stepped(crate::answer::Stepped { replayed: true, .. }) => "stepped, again",
    PaidAnswer::Stepped(_) => "stepped",
    PaidAnswer::Done(_) => "done",
});

/// Steps that the engine has no command for yet.
const UNREACHABLE: [StepKind; 1] = [StepKind::Exchanged];
/// Refusals that belong to them.
const UNREACHABLE_REFUSALS: [&str; 1] = ["price_differs"];

const EVENTS: [&str; 33] = [
    "rebased",
    "crashed",
    "stopped",
    "reopened",
    "closed",
    "snapshot saved",
    "answered late",
    "refused before durable",
    "lost and found in the journal",
    // Of orders that a gateway pays.
    "driver crashed",
    "money of an earlier attempt",
    "old news told again",
    "paid: lost and found in the journal",
    "refund stuck and listed",
    // Of local stores.
    "power cut in an append",
    "power cut while keeping house",
    "power cut in a snapshot",
    "power cut in an opening",
    "power cut in a closing",
    "power cut survived",
    "process killed",
    "store closed and opened",
    "torn end cut off",
    "fact found that nobody was told of",
    "snapshot found after a crash",
    "disk error in an opening",
    "disk error stopped the store",
    "disk error put off keeping house",
    "disk full put off keeping house",
    "disk full refused",
    "segment archived",
    "segment used again",
    "harm refused",
];
const STORES: [&str; 3] = ["memory", "memory, shared", "local"];
const REPLAYS: [&str; 3] = ["hold", "order", "done"];

impl Tally {
    fn add(&mut self, class: &str, name: &str, count: u64) {
        *self.counts.entry(format!("{class}: {name}")).or_default() += count;
    }

    pub(super) fn outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(answer) => {
                let kind = answer_kind(answer);
                self.add("answer", kind, 1);
                if let Answer::Order(order) = answer {
                    self.order(order.state);
                }
                let replayed = match answer {
                    Answer::Hold(hold) => hold.replayed,
                    Answer::Order(order) => order.replayed,
                    Answer::Done(done) => done.replayed,
                    Answer::Change(_) => false,
                };
                if replayed {
                    self.add("replayed", kind, 1);
                }
            }
            Err(error) => {
                self.add("error", error_kind(error), 1);
                if let CommandError::Refused(refusal) = error {
                    self.add("refusal", refusal.code(), 1);
                }
            }
        }
    }

    pub(super) fn fact(&mut self, fact: &Fact) {
        self.add("fact", fact_kind(fact), 1);
    }

    pub(super) fn order(&mut self, state: OrderState) {
        self.add("order", state_kind(&state), 1);
    }

    /// What was answered about an order that a gateway pays.
    pub(super) fn paid(&mut self, outcome: &PaidOutcome) {
        match outcome {
            Ok(answer) => {
                self.add("paid", paid_kind(answer), 1);
                if let PaidAnswer::Stepped(stepped) = answer {
                    self.order(stepped.state);
                }
            }
            Err(error) => {
                self.add("error", error_kind(error), 1);
                if let CommandError::Refused(refusal) = error {
                    self.add("refusal", refusal.code(), 1);
                }
            }
        }
    }

    /// What an order is told.
    pub(super) fn news(&mut self, news: &News) {
        match news {
            News::Payment { seen, .. } => self.add("payment seen", payment_kind(seen), 1),
            News::Refund { seen, .. } => self.refund_seen(seen),
            _ => {}
        }
    }

    /// What a gateway said of a refund.
    pub(super) fn refund_seen(&mut self, seen: &RefundSeen) {
        self.add("refund seen", refund_kind(seen), 1);
    }

    /// What is due.
    pub(super) fn effect(&mut self, effect: &Effect) {
        self.add("effect", effect_kind(effect), 1);
    }

    /// Why something ended or goes back.
    pub(super) fn end_reason(&mut self, step: &OrderStep) {
        if let OrderStep::Dropped { reason, .. }
        | OrderStep::LateRefused { reason }
        | OrderStep::RefundStarted { reason, .. }
        | OrderStep::Reversed { reason, .. } = step
        {
            self.add("reason", reason_kind(reason), 1);
        }
    }

    /// Where a step led.
    pub(super) fn transition(&mut self, from: Option<OrderState>, step: StepKind, to: OrderState) {
        self.add("transition", &transition_name(from, step, to), 1);
    }

    pub(super) fn fault(&mut self, fault: Fault, count: u64) {
        if count > 0 {
            self.add("fault", &format!("{fault:?}"), count);
        }
    }

    /// The store of a run.
    pub(super) fn store(&mut self, store: &'static str) {
        debug_assert!(STORES.contains(&store), "{store}");
        self.add("store", store, 1);
    }

    pub(super) fn event(&mut self, event: &'static str) {
        debug_assert!(EVENTS.contains(&event), "{event}");
        self.add("event", event, 1);
    }

    /// Adds the counts of another run.
    pub fn merge(&mut self, other: &Tally) {
        for (name, count) in &other.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
    }

    /// Every count, by name.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(name, count)| (name.as_str(), *count))
    }

    /// What `demand` asks for and has never been produced.
    #[must_use]
    pub fn missing(&self, demand: Demand) -> Vec<String> {
        let all = demanded(demand);
        all.into_iter().filter(|name| !self.counts.contains_key(name)).collect()
    }
}

/// Which outcomes a run must have produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// None: the run is too short.
    Nothing,
    /// Every kind of answer, error, fact, fault, order and store there is, and every event of a run.
    AllButRefusals,
    /// That, and every refusal, effect, thing a gateway says, transition of an order, and reason of an end.
    Everything,
}

impl Demand {
    /// What a run of this many seeds must produce.
    #[must_use]
    pub const fn of(seeds: u64) -> Self {
        match seeds {
            0..SEEDS_FOR_KINDS => Demand::Nothing,
            SEEDS_FOR_KINDS..SEEDS_FOR_EVERYTHING => Demand::AllButRefusals,
            _ => Demand::Everything,
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = demanded(*self).len();
        match self {
            Demand::Nothing => write!(f, "no outcome is demanded of less than {SEEDS_FOR_KINDS} seeds"),
            Demand::AllButRefusals => write!(
                f,
                "every answer, error, fact, fault, order state, store and event ({count}); every refusal, effect, \
                 observation, transition and reason only from {SEEDS_FOR_EVERYTHING} seeds on"
            ),
            Demand::Everything => write!(
                f,
                "every outcome there is ({count}): every refusal, and every transition of an order, too"
            ),
        }
    }
}

fn transition_name(from: Option<OrderState>, step: StepKind, to: OrderState) -> String {
    let from = from.map_or("none", OrderState::name);
    format!("{from}, {}: {}", step.name(), to.name())
}

/// Every row of the table, both ways if it has two.
fn transitions() -> Vec<String> {
    let rows = TRANSITIONS.iter().filter(|row| !UNREACHABLE.contains(&row.step));
    let names =
        rows.flat_map(|row| [row.to, row.in_review].map(|to| transition_name(row.from, row.step, to)));
    names.collect::<BTreeSet<String>>().into_iter().collect()
}

fn demanded(demand: Demand) -> Vec<String> {
    let faults: Vec<String> = Fault::ALL.iter().map(|fault| format!("{fault:?}")).collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let kinds: [(&str, &[&str]); 9] = [
        ("paid", PAID_KINDS),
        ("answer", ANSWER_KINDS),
        ("error", ERROR_KINDS),
        ("event", &EVENTS),
        ("fact", FACT_KINDS),
        ("fault", &faults),
        ("order", STATE_KINDS),
        ("replayed", &REPLAYS),
        ("store", &STORES),
    ];
    let codes: Vec<&str> =
        Refusal::CODES.iter().copied().filter(|code| !UNREACHABLE_REFUSALS.contains(code)).collect();
    let transitions = transitions();
    let transitions: Vec<&str> = transitions.iter().map(String::as_str).collect();
    let rare: [(&str, &[&str]); 6] = [
        ("refusal", &codes),
        ("effect", EFFECT_KINDS),
        ("payment seen", PAYMENT_KINDS),
        ("refund seen", REFUND_KINDS),
        ("reason", REASON_KINDS),
        ("transition", &transitions),
    ];
    let lists = match demand {
        Demand::Nothing => Vec::new(),
        Demand::AllButRefusals => kinds.to_vec(),
        Demand::Everything => [&kinds[..], &rare[..]].concat(),
    };
    let names = |(class, names): (&str, &[&str])| -> Vec<String> {
        names.iter().map(|name| format!("{class}: {name}")).collect()
    };
    lists.into_iter().flat_map(names).collect()
}
