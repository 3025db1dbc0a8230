//! [`GuardMetrics`]: what the guard counts. Labels are from short closed lists.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use ticketcore::guard::Fullness;

/// What was decided about what.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Decided {
    /// What was asked for.
    pub activity: &'static str,
    /// What the rules say; `exempt` if nobody was judged.
    pub verdict: &'static str,
    /// `true` if it was done, `false` in a dry run.
    pub enforced: &'static str,
}

/// Whose limit it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LimitedBy {
    /// Who is limited.
    pub by: &'static str,
    /// The class of routes.
    pub class: &'static str,
}

/// What became of a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// `given`, `solved`, or why a solution is none.
    pub outcome: &'static str,
}

/// Which memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Memory {
    /// `limits`, `counters`, `reputations`.
    pub memory: &'static str,
}

/// What the guard counts.
#[derive(Default)]
pub struct GuardMetrics {
    /// Decisions.
    pub decisions: Family<Decided, Counter>,
    /// Requests refused for their rate.
    pub limited: Family<LimitedBy, Counter>,
    /// Challenges.
    pub challenges: Family<Answered, Counter>,
    /// Decisions that the log had no room for.
    pub audit_dropped: Counter,
    /// Keys that made room while something was known about them.
    pub forgotten: Family<Memory, Gauge>,
    /// Keys in each memory.
    pub used: Family<Memory, Gauge>,
    /// Holds and orders that are followed.
    pub followed: Gauge,
}

impl GuardMetrics {
    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        let (decisions, limited) = (self.decisions.clone(), self.limited.clone());
        registry.register("guard_decisions", "Decisions about callers", decisions);
        registry.register("guard_limited", "Requests refused for their rate", limited);
        registry.register("guard_challenges", "Challenges, by what became of them", self.challenges.clone());
        let dropped = self.audit_dropped.clone();
        registry.register("guard_audit_dropped", "Decisions that the log had no room for", dropped);
        let forgotten = self.forgotten.clone();
        registry.register("guard_forgotten", "Keys forgotten while something was known of them", forgotten);
        registry.register("guard_keys", "Keys in the guard's memories", self.used.clone());
        registry.register("guard_followed", "Holds and orders that are followed", self.followed.clone());
    }

    /// Says how full the memories are.
    pub(super) fn fullness(&self, memory: &'static str, full: &Fullness) {
        let label = Memory { memory };
        self.forgotten.get_or_create(&label).set(i64::try_from(full.forgotten_hot).unwrap_or(i64::MAX));
        self.used.get_or_create(&label).set(i64::try_from(full.used).unwrap_or(i64::MAX));
    }
}
