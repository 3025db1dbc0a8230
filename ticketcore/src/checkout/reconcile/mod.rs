//! [`Reconciler`]: nothing is left undone, and the books agree.

mod charges;
mod report;
mod rounds;

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

pub use report::{ChargeFinding, Listed, ReconcileReport};
pub(super) use rounds::Rounds;

use super::drive::Join;
use super::driver::{Checkout, DUE_PAGE};
use super::inner::Inner;
use crate::answer::DueOrder;
use crate::id::{EventId, OrderId, SHARDS};
use crate::order::{Charge, Effect, Finding, Word};
use crate::sync::Mutex;
use crate::time::UtcMs;

/// Orders that one round looks at.
const DUE_PER_ROUND: usize = 4_096;
/// Closed events that one round opens, to see whether something is due there.
const OPENED_PER_ROUND: usize = 16;
/// Parts of events (a 64th each) that one round looks over.
const PARTS_PER_ROUND: usize = SHARDS;
/// Payments whose buyer acts or whose order is over, and refunds that the gateway has, are looked up so often, in milliseconds.
const LOOK_UP_EVERY_MS: u64 = 30_000;
/// A payment so young is about to be sent by whoever began it, in milliseconds.
const YOUNG_MS: u64 = 10_000;
/// What is normal for a moment is a finding after so long, in milliseconds.
const FINDING_AFTER_MS: u64 = 60_000;
/// Overdue holds are ended by the next tick of maintenance; one so late is a finding, in milliseconds.
const OVERDUE_AFTER_MS: u64 = 5_000;

/// Goes through every order with something to be done about it, every order and hold that is not as it should be, and every payment in the
/// gateways' lists. What it may repair it repairs; the rest is in its [report](ReconcileReport).
///
/// A round is bounded and fair: events and gateways take turns, and the next round goes on where the last one ended. Rounds may run at once,
/// on any number of nodes: all they do is what drivers do, under the same keys.
pub struct Reconciler {
    inner: Arc<Inner>,
    place: Mutex<Place>,
}

/// Where the next round goes on.
#[derive(Default)]
struct Place {
    rounds: u64,
    /// Where the pass over all events of the catalogue is, closed ones too. One pass after a restart: an event with something due stays open.
    catalogue: Option<EventId>,
    passed: bool,
    /// Events whose due orders did not fit in the last round.
    after: HashMap<EventId, OrderId>,
    /// The part that was looked over last.
    part: Option<(EventId, usize)>,
    /// What each part showed when it was looked over last, if it showed anything.
    found: BTreeMap<(EventId, usize), Vec<Finding>>,
    looked_up: Option<UtcMs>,
    /// By line: where its list goes on, and whether it has none.
    lists: HashMap<Word, charges::List>,
}

impl Place {
    /// Keeps what a part shows now in place of what it showed before. Past the bound the parts that are looked at later are let go: what they
    /// show is seen again when there is room.
    fn note(&mut self, part: (EventId, usize), found: Vec<Finding>) {
        self.found.remove(&part);
        if found.is_empty() {
            return;
        }
        self.found.insert(part, found);
        while self.found.len() > 1
            && self.found.values().map(Vec::len).sum::<usize>() > ReconcileReport::STANDING_MAX
        {
            self.found.pop_last();
        }
    }
}

impl Reconciler {
    /// One that works through a driver, and for as long as it lives. Its rounds are the host's to run; a driver runs its own, see
    /// [`CheckoutOptions::reconcile_every_ms`](super::CheckoutOptions::reconcile_every_ms).
    #[must_use]
    pub fn new(checkout: &Checkout) -> Self {
        Self::of(Arc::clone(&checkout.inner))
    }

    pub(super) fn of(inner: Arc<Inner>) -> Self {
        Self { inner, place: Mutex::default() }
    }

    /// One round. Blocks for reading events and for calls of the gateways' lists; orders are only started, and go on by themselves.
    pub fn run_once(&self, now: UtcMs) -> ReconcileReport {
        let mut place = self.place.lock();
        let mut report = ReconcileReport { at: now, ..ReconcileReport::default() };
        let events = self.events(&mut place);
        report.events = events.len() as u64;
        self.resume(&mut place, &events, now, &mut report);
        self.look_over(&mut place, &events, now, &mut report);
        report.standing =
            place.found.values().flatten().take(ReconcileReport::STANDING_MAX).copied().collect();
        for line in &self.inner.lines {
            let list = place.lists.entry(line.name.clone()).or_default();
            self.compare(line, list, &mut report);
        }
        place.rounds += 1;
        report
    }

    /// The events of this round: those that are open, and some that may have to be.
    fn events(&self, place: &mut Place) -> Vec<EventId> {
        let mut events = self.inner.office.open_events();
        if !place.passed {
            let mut all: Vec<EventId> = self.inner.office.events().iter().map(|entry| entry.id).collect();
            all.sort_unstable();
            let after = place.catalogue;
            let rest = all.into_iter().filter(|event| after.is_none_or(|after| *event > after));
            let next: Vec<EventId> = rest.take(OPENED_PER_ROUND).collect();
            place.passed = next.len() < OPENED_PER_ROUND;
            place.catalogue = next.last().copied().or(after);
            events.extend(next);
            events.sort_unstable();
            events.dedup();
        }
        events
    }

    /// Starts what is due, page by page of each event in turn.
    fn resume(&self, place: &mut Place, events: &[EventId], now: UtcMs, report: &mut ReconcileReport) {
        let looks = place.looked_up.is_none_or(|last| now.since_ms(last) >= LOOK_UP_EVERY_MS || now < last);
        if looks {
            place.looked_up = Some(now);
        }
        let first = place.rounds == 0;
        // Another one is first each time.
        let turn = usize::try_from(place.rounds).unwrap_or_default() % events.len().max(1);
        let mut waiting: Vec<EventId> = events[turn..].iter().chain(&events[..turn]).copied().collect();
        let mut seen = 0;
        while !waiting.is_empty() && seen < DUE_PER_ROUND {
            waiting.retain(|event| {
                let after = place.after.get(event).copied();
                let page = match self.inner.office.due_orders(*event, after, DUE_PAGE) {
                    Ok(page) => page,
                    Err(error) => {
                        report.errors.push(format!("{event}: {error}"));
                        return false;
                    }
                };
                seen += page.len();
                for due in &page {
                    self.resume_one(due, now, looks, first, report);
                }
                match page.last().filter(|_| page.len() == DUE_PAGE) {
                    Some(last) => {
                        place.after.insert(*event, last.order);
                        true
                    }
                    None => {
                        place.after.remove(event);
                        false
                    }
                }
            });
        }
        report.more |= !waiting.is_empty() || !place.passed;
    }

    fn resume_one(&self, due: &DueOrder, now: UtcMs, looks: bool, first: bool, report: &mut ReconcileReport) {
        report.due += 1;
        if self.inner.is_driven(due.order) {
            report.driven += 1;
            return;
        }
        if self.inner.is_foreign(&due.effect) {
            report.foreign.push(due.clone());
            return;
        }
        let young = |charge: &Charge| !first && now.since_ms(charge.started_at) < YOUNG_MS;
        let shut = |charge: &Charge| {
            self.inner.line(&charge.gateway).is_some_and(|line| line.retry_after_ms().is_some())
        };
        let waits = match &due.effect {
            Effect::LookUp(charge) | Effect::LookUpRefund { charge, .. } => !looks || shut(charge),
            Effect::Authorize(charge) => young(charge) || shut(charge),
            Effect::Capture(charge) | Effect::Void(charge) | Effect::Refund { charge, .. } => shut(charge),
            _ => false,
        };
        if !waits && self.inner.start(due.order, Join::default()) {
            report.resumed += 1;
        } else {
            report.waiting += 1;
        }
    }

    /// Looks over orders and holds, some parts in each round.
    fn look_over(&self, place: &mut Place, events: &[EventId], now: UtcMs, report: &mut ReconcileReport) {
        let parts = events.len() * SHARDS;
        let mut overdue = false;
        for _ in 0..parts.min(PARTS_PER_ROUND) {
            let next = place.part.map_or((EventId(0), 0), |(event, part)| (event, part + 1));
            let at = events.iter().find_map(|event| match event.cmp(&next.0) {
                std::cmp::Ordering::Less => None,
                std::cmp::Ordering::Equal => (next.1 < SHARDS).then_some((*event, next.1)),
                std::cmp::Ordering::Greater => Some((*event, 0)),
            });
            let Some((event, part)) = at.or_else(|| Some((*events.first()?, 0))) else { return };
            place.part = Some((event, part));
            match self.inner.office.findings(event, part) {
                Ok(found) => {
                    let found = found.into_iter().filter(|finding| is_old(finding, now));
                    let mut kept = Vec::new();
                    for finding in found {
                        overdue |= matches!(finding, Finding::HoldOverdue { .. });
                        report.findings.push(finding);
                        if kept.len() < ReconcileReport::STANDING_MAX {
                            kept.push(finding);
                        }
                    }
                    place.note((event, part), kept);
                }
                Err(error) => report.errors.push(format!("{event}: {error}")),
            }
        }
        report.more |= parts > PARTS_PER_ROUND;
        if overdue {
            report.expired += self.inner.office.maintain().ended as u64;
        }
    }
}

/// Whether a finding has been one for long enough to be worth a word.
fn is_old(finding: &Finding, now: UtcMs) -> bool {
    match finding {
        Finding::PaidWithoutTickets { since, .. } | Finding::MoneyWithoutOrder { since, .. } => {
            now.since_ms(*since) >= FINDING_AFTER_MS
        }
        Finding::HoldOverdue { deadline, .. } => now.since_ms(*deadline) >= OVERDUE_AFTER_MS,
        _ => true,
    }
}
