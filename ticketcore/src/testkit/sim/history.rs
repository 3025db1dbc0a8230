//! The journal as it is in the store right now, audited, with the reference model at every revision of it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::expected::order_of;
use super::tally::Tally;
use super::twists::Twists;
use crate::fact::{Fact, HoldEnd, LeftWhy, Lines, OrderStep, Stamp};
use crate::id::{EventId, HoldNumber, Revision};
use crate::invariant::{Invariant, Violation};
use crate::manifest::Definition;
use crate::order::{OrderState, PaymentSeen, StepKind};
use crate::refusal::Refusal;
use crate::store::{ReadError, Snapshot, Store, StoreFailure, StreamId};
use crate::testkit::{Auditor, Command, Model, ModelAnswer};

/// See the module.
pub(super) struct History {
    stream: StreamId,
    facts: Vec<(Stamp, Fact)>,
    /// The model after each fact.
    models: Vec<Model>,
    auditor: Auditor,
    /// Facts of commands whose outcome nobody has been told.
    unclaimed: BTreeSet<Revision>,
    /// What was observed of payments.
    known: BTreeSet<(HoldNumber, u32, String)>,
    twists: Twists,
}

impl History {
    /// The journal of an event that has just been defined.
    pub fn new(event: EventId) -> Self {
        Self {
            stream: StreamId::Event(event),
            facts: Vec::new(),
            models: Vec::new(),
            auditor: Auditor::new(),
            unclaimed: BTreeSet::new(),
            known: BTreeSet::new(),
            twists: Twists::default(),
        }
    }

    /// Reads what is new in the journal and judges every fact of it.
    pub fn follow(&mut self, store: &dyn Store, tally: &mut Tally) -> Result<(), Violation> {
        let mut new = Vec::new();
        let read = store.read(self.stream, self.end(), &mut |record| {
            new.push((record.stamp, Fact::decode(record.body)));
            ControlFlow::Continue(())
        });
        read.map_err(|error: ReadError| violation(Invariant::I5Durable, self.end(), error))?;
        for (stamp, fact) in new {
            let fact = fact.map_err(|error| violation(Invariant::I5Durable, stamp.revision, error))?;
            let about = order_of(&fact);
            let before = about.and_then(|number| self.auditor.order_state(number));
            self.auditor.fact(stamp, &fact)?;
            self.note_money(&fact, before, tally);
            self.twists.note(&fact, tally);
            self.note_waiting(&fact, tally);
            self.add(stamp, fact)?;
        }
        Ok(())
    }

    /// Whether every fact seen so far is there, word for word; if not, what is wrong with the first that is not. If the journal may be
    /// truncated, those before its beginning are there by a snapshot that covers them.
    pub fn compare(
        &self,
        store: &dyn Store,
        may_truncate: bool,
    ) -> Result<Result<(), (Revision, String)>, ReadError> {
        let after = match store.read(self.stream, Revision::ZERO, &mut |_| ControlFlow::Break(())) {
            Err(ReadError::Truncated { oldest }) if may_truncate => {
                let covered = self.snapshot(store)?.map(|snapshot| snapshot.revision).unwrap_or_default();
                if oldest > covered.next() {
                    let what = format!("the journal begins at {oldest}, and its snapshot ends at {covered}");
                    return Ok(Err((covered, what)));
                }
                Revision(oldest.0 - 1)
            }
            Err(error) => return Err(error),
            Ok(_) => Revision::ZERO,
        };
        let mut seen = self.facts.iter().skip(usize::try_from(after.0).unwrap_or(usize::MAX));
        let mut wrong = None;
        store.read(self.stream, after, &mut |record| {
            let Some((stamp, fact)) = seen.next() else { return ControlFlow::Break(()) };
            if record.stamp == *stamp && Fact::decode(record.body).as_ref() == Ok(fact) {
                return ControlFlow::Continue(());
            }
            wrong = Some((stamp.revision, format!("{fact:?} has become another fact")));
            ControlFlow::Break(())
        })?;
        Ok(match (wrong, seen.next()) {
            (Some(wrong), _) => Err(wrong),
            (None, Some((stamp, fact))) => {
                Err((stamp.revision, format!("an acknowledged fact is lost: {fact:?}")))
            }
            (None, None) => Ok(()),
        })
    }

    /// Whether the beginning of the journal has been dropped.
    pub fn is_truncated_in(&self, store: &dyn Store) -> bool {
        let first = store.read(self.stream, Revision::ZERO, &mut |_| ControlFlow::Break(()));
        matches!(first, Err(ReadError::Truncated { .. }))
    }

    /// Where the journal ends in a store.
    pub fn end_in(&self, store: &dyn Store) -> Result<Revision, ReadError> {
        Ok(store.read(self.stream, Revision(u64::MAX), &mut |_| ControlFlow::Continue(()))?.0)
    }

    /// What comes after `last` has been lost, and the store had said that it might.
    pub fn forget_after(&mut self, last: Revision) -> Result<(), Violation> {
        let kept = usize::try_from(last.0).unwrap_or(usize::MAX);
        self.facts.truncate(kept);
        self.models.truncate(kept);
        self.unclaimed.retain(|revision| *revision <= last);
        self.auditor = Auditor::new();
        for (stamp, fact) in &self.facts {
            self.auditor.fact(*stamp, fact)?;
        }
        Ok(())
    }

    /// The snapshot of the event.
    pub fn snapshot(&self, store: &dyn Store) -> Result<Option<Snapshot>, StoreFailure> {
        store.load_snapshot(self.stream)
    }

    /// Counts the transition that an order took, and notes what is known of payments.
    fn note_money(&mut self, fact: &Fact, before: Option<OrderState>, tally: &mut Tally) {
        if let Fact::OrderStepped(stepped) = fact
            && let OrderStep::PaymentObserved { attempt, seen, .. } = &stepped.step
        {
            self.known.insert((stepped.order, *attempt, format!("{seen:?}")));
        }
        let Some(number) = order_of(fact) else { return };
        let Some(after) = self.auditor.order_state(number) else { return };
        let last = self.auditor.payment_attempts(number);
        let step = match fact {
            Fact::OrderOpened(_) | Fact::CheckoutOpened(_) => StepKind::Opened,
            Fact::OrderConfirmed(_) => StepKind::Confirmed,
            Fact::OrderCancelled(_) => StepKind::Cancelled,
            Fact::HoldEnded(_) => StepKind::Expired,
            Fact::OrderStepped(stepped) => {
                tally.end_reason(&stepped.step);
                match &stepped.step {
                    OrderStep::PaymentObserved { attempt, .. }
                    | OrderStep::CaptureRefused { attempt, .. }
                        if *attempt != last =>
                    {
                        return tally.event("money of an earlier attempt");
                    }
                    step => step.kind(),
                }
            }
            _ => return,
        };
        tally.transition(before, step, after);
    }

    fn note_waiting(&self, fact: &Fact, tally: &mut Tally) {
        match fact {
            _ if offered(fact).is_none() => {
                // The fact before it made way for it.
                let last = self.facts.last().and_then(|(_, last)| offered(last));
                if last.is_some() && taken(fact).is_some() {
                    tally.event("let who waits go first");
                }
            }
            Fact::WaitingLeft(_) => tally.event("left the waiting list over the limit"),
            _ => tally.event("offered to who waits"),
        }
    }

    /// Whether this was observed of a payment.
    pub fn is_known(&self, number: HoldNumber, attempt: u32, seen: &PaymentSeen) -> bool {
        self.known.contains(&(number, attempt, format!("{seen:?}")))
    }

    /// Whether money was observed of a payment.
    pub fn is_heard_of(&self, number: HoldNumber, attempt: u32) -> bool {
        let from = (number, attempt, String::new());
        self.known.range(from..).next().is_some_and(|known| {
            (known.0, known.1) == (number, attempt)
                && !known.2.starts_with("Declined")
                && known.2 != "NotFound"
        })
    }

    /// The state of an order, however old.
    pub fn order_state(&self, number: HoldNumber) -> Option<OrderState> {
        self.auditor.order_state(number)
    }

    /// Who has audited every fact.
    pub const fn auditor(&self) -> &Auditor {
        &self.auditor
    }

    fn add(&mut self, stamp: Stamp, fact: Fact) -> Result<(), Violation> {
        let next = match (self.models.last(), &fact, offered(&fact)) {
            (None, Fact::EventDefined(definition), _) => self.first(stamp, definition)?,
            (Some(before), Fact::HoldEnded(ended), _) if ended.end == HoldEnd::Expired => {
                let mut next = before.clone();
                let logged = next.expire(ended.hold, stamp.at);
                if logged.as_ref() != Some(&(stamp, fact.clone())) {
                    let what = format!("{fact:?}, but the model says {logged:?}");
                    return Err(violation(Invariant::I8SameFacts, stamp.revision, what));
                }
                next
            }
            (Some(before), _, Some(entry)) => {
                let mut next = before.clone();
                let logged = next.offer(entry, stamp.at);
                if logged.as_ref() != Some(&(stamp, fact.clone())) {
                    let what = format!("{fact:?}, but the model says {logged:?}");
                    return Err(violation(Invariant::I11Fair, stamp.revision, what));
                }
                next
            }
            (before, ..) => {
                let Some(before) = before else {
                    let what = "the journal does not begin with the event";
                    return Err(violation(Invariant::I8SameFacts, stamp.revision, what));
                };
                if let Some(entry) = taken(&fact).and_then(|lines| before.passed_over(lines)) {
                    let what = format!("{fact:?}, but {entry} waits for that");
                    return Err(violation(Invariant::I11Fair, stamp.revision, what));
                }
                self.unclaimed.insert(stamp.revision);
                let mut next = before.clone();
                next.follow(stamp, &fact);
                next
            }
        };
        self.models.push(next);
        self.facts.push((stamp, fact));
        Ok(())
    }

    fn first(&self, stamp: Stamp, definition: &Definition) -> Result<Model, Violation> {
        let StreamId::Event(event) = self.stream else { unreachable!("made from an event") };
        Model::new(event, definition, stamp.at)
            .map_err(|error| violation(Invariant::I8SameFacts, stamp.revision, error))
    }

    /// The last revision in the store.
    pub fn end(&self) -> Revision {
        Revision(self.facts.len() as u64)
    }

    /// The fact at `revision`.
    pub fn fact(&self, revision: Revision) -> Option<&(Stamp, Fact)> {
        self.facts.get(at(revision)?)
    }

    /// The model at `revision`.
    pub fn model_at(&self, revision: Revision) -> Option<&Model> {
        self.models.get(at(revision)?)
    }

    /// What the model says to `command` where the fact at `revision` was logged, and that fact.
    pub fn asked(
        &self,
        command: &Command,
        revision: Revision,
    ) -> Option<(Result<ModelAnswer, Refusal>, Stamp, &Fact)> {
        let (stamp, fact) = self.fact(revision)?;
        let before = self.model_at(Revision(revision.0 - 1))?;
        Some((before.clone().run(command, stamp.at), *stamp, fact))
    }

    /// The model at the end.
    ///
    /// # Panics
    /// Before the first fact.
    pub fn model(&self) -> &Model {
        self.models.last().expect("the event is defined")
    }

    /// Somebody has been told of the fact at `revision`. False if somebody had been told before.
    pub fn claim(&mut self, revision: Revision) -> bool {
        self.unclaimed.remove(&revision)
    }

    /// Facts nobody has been told of.
    pub fn unclaimed(&self) -> impl Iterator<Item = Revision> + '_ {
        self.unclaimed.iter().copied()
    }

    /// The last revision at or before `upto` of a fact that `is_about` picks.
    pub fn last_about(&self, upto: Revision, is_about: impl Fn(&Fact) -> bool) -> Option<Revision> {
        let upto = &self.facts[..usize::try_from(upto.0).ok()?.min(self.facts.len())];
        upto.iter().rev().find(|(_, fact)| is_about(fact)).map(|(stamp, _)| stamp.revision)
    }

    /// Every fact.
    pub fn facts(&self) -> &[(Stamp, Fact)] {
        &self.facts
    }

    /// Recounts everything.
    pub fn recount(&mut self) -> Result<(), Violation> {
        self.auditor.check_all()
    }
}

/// The entry of the waiting list whose turn it was.
fn offered(fact: &Fact) -> Option<Revision> {
    match fact {
        Fact::HoldPlacedWith(f) => f.with.waiting,
        Fact::WaitingLeft(f) => (f.why == LeftWhy::OverLimit).then_some(f.entry),
        _ => None,
    }
}

/// What somebody took who did not wait for it.
const fn taken(fact: &Fact) -> Option<&Lines> {
    match fact {
        Fact::HoldPlaced(f) => Some(&f.lines),
        Fact::HoldPlacedWith(f) => Some(&f.placed.lines),
        Fact::HoldAmended(f) => Some(&f.added),
        _ => None,
    }
}

fn at(revision: Revision) -> Option<usize> {
    usize::try_from(revision.0).ok()?.checked_sub(1)
}

pub(super) fn violation(invariant: Invariant, revision: Revision, what: impl ToString) -> Violation {
    Violation::new(invariant, revision, what.to_string())
}
