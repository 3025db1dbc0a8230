//! Which outcomes a run has produced. The lists are closed: an outcome that was never produced is a gap in the simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::kinds::{
    ANSWER_KINDS, EFFECT_KINDS, ERROR_KINDS, FACT_KINDS, PAID_KINDS, PAYMENT_KINDS, REASON_KINDS,
    REFUND_KINDS, STATE_KINDS, answer_kind, effect_kind, error_kind, fact_kind, paid_kind, payment_kind,
    reason_kind, refund_kind, state_kind,
};
use super::paid::{PaidAnswer, PaidOutcome};
use crate::answer::{Answer, CommandError};
use crate::event::Outcome;
use crate::fact::Fact;
use crate::order::{Effect, News, OrderState, OrderStep, RefundSeen, StepKind, TRANSITIONS};
use crate::refusal::Refusal;
use crate::testkit::Fault;

/// Seeds from which on a run must produce every kind of outcome but refusals.
const SEEDS_FOR_KINDS: u64 = 400;
/// Seeds from which on it must produce every refusal, too.
const SEEDS_FOR_EVERYTHING: u64 = 2_000;

/// Counts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<String, u64>,
}

const EVENTS: [&str; 40] = [
    "rebased",
    "crashed",
    "stopped",
    "reopened",
    "closed",
    "snapshot saved",
    "answered late",
    "refused before durable",
    "lost and found in the journal",
    // Of the waiting list.
    "offered to who waits",
    "left the waiting list over the limit",
    "let who waits go first",
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
    "end lost, as was said",
    "journal that begins late opened",
    "side record saved",
    "side record erased",
];
/// Rare turns of money.
const TWISTS: [&str; 4] = [
    "refund came back",
    "two disputes at once",
    "dispute closed before it was opened",
    "dispute lost, tickets left alone",
];
const STORES: [&str; 3] = ["memory", "memory, shared", "local"];
const REPLAYS: [&str; 4] = ["hold", "order", "done", "waiting"];

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
                    Answer::Waiting(entry) => entry.replayed,
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

    pub(super) fn twist(&mut self, twist: &'static str) {
        debug_assert!(TWISTS.contains(&twist), "{twist}");
        self.add("twist", twist, 1);
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
    /// That, and every refusal, effect, thing a gateway says, transition of an order, reason of an end, and rare turn of money.
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
    let rows = TRANSITIONS.iter();
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
    let transitions = transitions();
    let transitions: Vec<&str> = transitions.iter().map(String::as_str).collect();
    let rare: [(&str, &[&str]); 7] = [
        ("refusal", Refusal::CODES),
        ("effect", EFFECT_KINDS),
        ("payment seen", PAYMENT_KINDS),
        ("refund seen", REFUND_KINDS),
        ("reason", REASON_KINDS),
        ("transition", &transitions),
        ("twist", &TWISTS),
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
