//! The auditor: folds the journal of an event and says which invariant a fact breaks.
//!
//! It knows the manifest and the facts and nothing else: none of the engine's state, and none of its code that applies
//! facts. It sees what a journal can show. Which channel a request came through is not in a fact, so of the rules of
//! access only those are checked that no request could meet. Names: what a journal of this engine could never hold and no
//! other invariant is about (order of revisions and times, a sale state that does not allow the activity) is
//! `I8 same facts`.

mod accounts;
mod beside;
mod books;
mod checkout;
mod counts;
mod disputes;
mod holds;
mod keys;
mod ledger;
mod orders;
mod quarrel;
mod recount;
mod staff;
mod stepped;
mod steps;
mod summary;
#[cfg(feature = "testkit")]
#[cfg(test)]
mod tests;
mod tickets;
mod till;
mod waiting;

use std::ops::ControlFlow;

pub use self::books::AuditedHold;
pub use self::counts::{Counts, PoolKey, QuotaCounts, UserCounts};
pub use self::ledger::{LedgerRow, MoneySummary};
pub use self::summary::AuditSummary;

use self::books::{Books, Broken};
use crate::fact::{Fact, Stamp};
use crate::id::Revision;
use crate::invariant::{Invariant, Violation};
use crate::order::OrderState;
use crate::refusal::SeatState;
use crate::sale::SaleState;
use crate::store::{ReadError, Record, Store, StreamId};
use crate::time::UtcMs;
use crate::{AllocationIndex, HoldNumber, SeatIndex, UserId};

/// Facts between two recounts from scratch.
const RECOUNT_FACTS: u32 = 1 << 17;

/// A journal could not be audited, or broke an invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// It broke an invariant.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// It could not be read from its first fact on.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Folds one event's journal, fact by fact, and checks every invariant that a journal can show.
///
/// O(log n) per fact, and a recount of everything from scratch every 131,072 facts. After a violation nothing more is
/// looked at: every later call gives the first violation again.
#[derive(Debug)]
pub struct Auditor {
    books: Option<Box<Books>>,
    last: Stamp,
    facts: u64,
    since_recount: u32,
    broken: Option<Violation>,
}

impl Auditor {
    /// An auditor that has seen nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        let last = Stamp { revision: Revision::ZERO, at: UtcMs(0) };
        Self { books: None, last, facts: 0, since_recount: 0, broken: None }
    }

    /// Audits a whole journal, and recounts at its end.
    ///
    /// # Errors
    /// The first violation, or why the journal can't be read from its first fact on.
    pub fn audit(store: &dyn Store, stream: StreamId) -> Result<AuditSummary, AuditError> {
        let mut auditor = Self::new();
        let mut found = Ok(());
        let _end = store.read(stream, Revision::ZERO, &mut |record| {
            found = auditor.record(record);
            if found.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        found?;
        auditor.check_all()?;
        Ok(auditor.summary())
    }

    /// Takes one stored record.
    ///
    /// # Errors
    /// As [`fact`](Self::fact); a record that can't be decoded breaks `I5 durable`.
    pub fn record(&mut self, record: Record<'_>) -> Result<(), Violation> {
        match Fact::decode(record.body) {
            Ok(fact) => self.fact(record.stamp, &fact),
            Err(error) => self.broken(record.stamp.revision, (Invariant::I5Durable, error.to_string())),
        }
    }

    /// Takes one fact.
    ///
    /// # Errors
    /// The invariant that it breaks; from then on always that one.
    pub fn fact(&mut self, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        if let Some(violation) = &self.broken {
            return Err(violation.clone());
        }
        if let Err(broken) = self.take(stamp, fact) {
            return self.broken(stamp.revision, broken);
        }
        self.last = stamp;
        self.facts += 1;
        self.since_recount += 1;
        if self.since_recount >= RECOUNT_FACTS { self.check_all() } else { Ok(()) }
    }

    /// Recounts everything from scratch and compares it with the counters kept so far. O(seats + holds + orders).
    ///
    /// # Errors
    /// As [`fact`](Self::fact).
    pub fn check_all(&mut self) -> Result<(), Violation> {
        if let Some(violation) = &self.broken {
            return Err(violation.clone());
        }
        self.since_recount = 0;
        match self.books.as_ref().map_or(Ok(()), |books| books.check_all()) {
            Ok(()) => Ok(()),
            Err(broken) => self.broken(self.last.revision, broken),
        }
    }

    /// Totals up to the last fact.
    #[must_use]
    pub fn summary(&self) -> AuditSummary {
        let tally = self.books.as_ref().map(|books| books.summary()).unwrap_or_default();
        AuditSummary { revision: self.last.revision, at: self.last.at, facts: self.facts, ..tally }
    }

    fn take(&mut self, stamp: Stamp, fact: &Fact) -> Result<(), Broken> {
        let out_of_order = |what: String| Err((Invariant::I8SameFacts, what));
        if stamp.revision != self.last.revision.next() {
            return out_of_order(format!("it follows {}", self.last.revision));
        }
        if stamp.at < self.last.at {
            return out_of_order(format!(
                "it was logged at {}, the one before at {}",
                stamp.at, self.last.at
            ));
        }
        match (&mut self.books, fact) {
            (None, Fact::EventDefined(definition)) => {
                self.books = Some(Box::new(Books::open(definition)?));
                Ok(())
            }
            (None, _) => out_of_order("the journal does not begin with the event's definition".to_owned()),
            (Some(books), fact) => books.fact(stamp, fact),
        }
    }

    fn broken(&mut self, revision: Revision, (invariant, what): Broken) -> Result<(), Violation> {
        let violation = Violation { invariant, revision, what };
        self.broken = Some(violation.clone());
        Err(violation)
    }
}

impl Default for Auditor {
    fn default() -> Self {
        Self::new()
    }
}

/// What the journal says, for comparing an engine's answers with it. Empty before the first fact.
impl Auditor {
    /// The sale state.
    #[must_use]
    pub fn sale_state(&self) -> Option<SaleState> {
        self.books.as_ref().map(|books| books.sale)
    }

    /// The state of every seat, by [`SeatIndex`]; dropped seats are blocked.
    #[must_use]
    pub fn seat_states(&self) -> Vec<SeatState> {
        self.books.iter().flat_map(|books| &books.seats).map(|seat| seat.state).collect()
    }

    /// The allocation a seat belongs to now.
    #[must_use]
    pub fn seat_allocation(&self, seat: SeatIndex) -> Option<AllocationIndex> {
        self.books.as_ref()?.seats.get(seat.at())?.allocation
    }

    /// The counters of every section.
    #[must_use]
    pub fn sections(&self) -> Vec<Counts> {
        self.books.as_ref().map(|books| books.accounts.sections.clone()).unwrap_or_default()
    }

    /// The counters of the seats of every allocation.
    #[must_use]
    pub fn allocations(&self) -> Vec<Counts> {
        self.books.as_ref().map(|books| books.accounts.allocations.clone()).unwrap_or_default()
    }

    /// The counters of every pool, ascending.
    #[must_use]
    pub fn pools(&self) -> Vec<(PoolKey, Counts)> {
        let pools = self.books.iter().flat_map(|books| &books.accounts.pools);
        pools.map(|(pool, counts)| (*pool, *counts)).collect()
    }

    /// The counters of every quota.
    #[must_use]
    pub fn quotas(&self) -> Vec<QuotaCounts> {
        self.books.as_ref().map(|books| books.accounts.quotas.clone()).unwrap_or_default()
    }

    /// What a user holds and owns.
    #[must_use]
    pub fn user(&self, user: UserId) -> UserCounts {
        self.books.as_ref().map(|books| books.accounts.user(user)).unwrap_or_default()
    }

    /// Every hold that has not ended, overdue ones and those of open orders included, by number.
    pub fn holds(&self) -> impl Iterator<Item = (HoldNumber, &AuditedHold)> {
        self.books.iter().flat_map(|books| books.holds.iter().map(|(number, hold)| (*number, hold)))
    }

    /// The state of an order, however old.
    #[must_use]
    pub fn order_state(&self, order: HoldNumber) -> Option<OrderState> {
        Some(self.books.as_ref()?.orders.get(&order)?.state)
    }

    /// How many payment attempts an order has had.
    #[must_use]
    pub fn payment_attempts(&self, order: HoldNumber) -> u32 {
        self.books.as_ref().and_then(|books| books.orders.get(&order)).map_or(0, |order| order.till.last())
    }

    /// The time of the last fact.
    #[must_use]
    pub const fn logged_time(&self) -> UtcMs {
        self.last.at
    }
}
