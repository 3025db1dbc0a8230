//! What a buyer thread saw. Each thread has its own; they are merged when the sale is over.

use std::collections::BTreeMap;
use std::time::Duration;

use ticketcore::fact::Lines;
use ticketcore::{HoldNumber, Refusal, UserId};

use crate::histogram::Histogram;

/// Length of one step of the time line in milliseconds of the sale's clock.
pub const STEP_MS: u64 = 5_000;
/// Violations that are kept in words; all are counted.
const KEPT_MAX: usize = 20;

/// Things that must never happen.
#[derive(Default)]
pub struct Violations {
    /// How many.
    pub count: u64,
    /// The first ones, in words.
    pub first: Vec<String>,
}

impl Violations {
    /// Notes one.
    pub fn add(&mut self, what: impl Into<String>) {
        self.count += 1;
        if self.first.len() < KEPT_MAX {
            self.first.push(what.into());
        }
    }

    /// Notes one unless `holds`.
    pub fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.add(what());
        }
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(KEPT_MAX);
    }
}

/// An order that was confirmed, as its buyer was told.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sale {
    /// The order.
    pub order: HoldNumber,
    /// The buyer.
    pub user: UserId,
    /// What was bought.
    pub lines: Lines,
    /// For how much.
    pub total_minor: i64,
}

/// See the module.
#[derive(Default)]
pub struct Tally {
    /// Hold requests, those sent twice counted once.
    pub attempts: u64,
    /// Hold requests that were accepted.
    pub placed: u64,
    /// Refusals of hold requests by name.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Refused hold requests by step of the time line.
    pub refused_at: Vec<u32>,
    /// Requests sent a second time.
    pub duplicates: u64,
    /// Holds their buyers walked away from.
    pub abandoned: u64,
    /// Holds that were over when their buyers wanted to pay.
    pub lapsed: Vec<HoldNumber>,
    /// Orders whose payment was declined.
    pub declined: Vec<HoldNumber>,
    /// Orders of which nothing was known when their buyers were told, or which died like that.
    pub pending: u64,
    /// Orders whose buyers got their money back.
    pub refunded: Vec<HoldNumber>,
    /// Holds that only the second click of a double click got; they are given back.
    pub unclaimed: u64,
    /// Those of them that had not run out before that.
    pub released: u64,
    /// Confirmed orders.
    pub sales: Vec<Sale>,
    /// Time to the answer of hold requests that were accepted.
    pub hold_times: Histogram,
    /// Time to the answer of hold requests that were refused.
    pub refusal_times: Histogram,
    /// Time from the checkout to the tickets.
    pub confirm_times: Histogram,
    /// Time from the checkout to the news that the payment was declined and the seats are free.
    pub decline_times: Histogram,
    /// See [`Violations`].
    pub violations: Violations,
}

impl Tally {
    /// A hold request was refused, so long after the sale opened.
    pub fn refused(&mut self, refusal: &Refusal, at_ms: u64, took: Duration) {
        *self.refusals.entry(reason(refusal)).or_default() += 1;
        self.refusal_times.add(took);
        let step = usize::try_from(at_ms / STEP_MS).unwrap_or(usize::MAX).min(100_000);
        if self.refused_at.len() <= step {
            self.refused_at.resize(step + 1, 0);
        }
        self.refused_at[step] += 1;
    }

    /// Adds what another thread saw.
    pub fn merge(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.placed += other.placed;
        self.duplicates += other.duplicates;
        self.abandoned += other.abandoned;
        self.lapsed.extend(other.lapsed);
        self.declined.extend(other.declined);
        self.pending += other.pending;
        self.refunded.extend(other.refunded);
        self.unclaimed += other.unclaimed;
        self.released += other.released;
        self.sales.extend(other.sales);
        self.hold_times.merge(&other.hold_times);
        self.refusal_times.merge(&other.refusal_times);
        self.confirm_times.merge(&other.confirm_times);
        self.decline_times.merge(&other.decline_times);
        self.violations.merge(other.violations);
        for (reason, count) in other.refusals {
            *self.refusals.entry(reason).or_default() += count;
        }
        self.refused_at.resize(self.refused_at.len().max(other.refused_at.len()), 0);
        for (all, one) in self.refused_at.iter_mut().zip(other.refused_at) {
            *all += one;
        }
    }
}

/// The name of a refusal, as its message begins.
fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::SeatsUnavailable(_) => "seats_unavailable",
        Refusal::BestAvailableMiss { .. } => "best_available_miss",
        Refusal::AreaExhausted { .. } => "area_exhausted",
        Refusal::QuotaExhausted { .. } => "quota_exhausted",
        Refusal::UserLimit { .. } => "user_limit",
        Refusal::Overloaded { .. } => "overloaded",
        _ => "other",
    }
}
