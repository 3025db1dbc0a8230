//! Rebase: another writer was first. Facts of ours that the store did not take are taken back, the missing facts applied, and every
//! unanswered command decided again, in order, refusals and replays too. Losers are refused.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::apply::{Origin, apply};
use super::decide::Instead;
use super::scope::{ShardSet, with_shards};
use super::settle::Until;
use super::shard::Gate;
use super::submit::{Seen, Step, Submitted};
use super::touched::{seats_of, shards_of};
use super::{Ask, EventCore, OnPanic, Unanswered};
use crate::answer::CommandError;
use crate::canary::Canary;
use crate::fact::{Fact, Stamp};
use crate::id::Revision;
use crate::invariant::{Invariant, Violation};
use crate::log::{Stop, Told};
use crate::store::{ReadError, Records, Tail};
use crate::sync::atomic::Ordering;

/// The facts after the durable revision.
struct Missing {
    first: Revision,
    records: Records,
    tail: Tail,
}

/// Commands that were taken back, in order. Whatever happens, each is answered.
struct Again(VecDeque<Unanswered>);

impl Drop for Again {
    fn drop(&mut self) {
        for entry in self.0.drain(..) {
            let reason = "it was taken back and could not be decided again".to_owned();
            entry.slot.fill(Err(CommandError::Unknown { reason }));
        }
    }
}

impl EventCore {
    /// Catches up with the other writer, if there was a conflict. Runs on one thread at a time.
    pub fn rebase(self: &Arc<Self>) {
        if self.conflict.swap(false, Ordering::AcqRel) {
            self.rebase_now();
        }
    }

    /// Finds out where the journal ends and follows it, on a shared store. Who waits for that is answered, now or when what was found is
    /// durable here.
    pub fn read_end(self: &Arc<Self>) {
        if !self.log.is_shared() || self.log.stopped().is_some() {
            return;
        }
        self.end_asked.store(false, Ordering::Release);
        let reading = self.log.begin_reading();
        let durable = self.log.durable();
        let mut end = durable;
        let read = self.log.store().read(self.log.stream(), durable, &mut |record| {
            end = record.stamp.revision;
            ControlFlow::Continue(())
        });
        match read {
            Ok(_) => self.log.end_reading(reading, end),
            // The next round of maintenance tries again.
            Err(ReadError::Failed(_)) => return,
            Err(error @ ReadError::Truncated { .. }) => {
                return self.log.stop(Stop::Foreign(error.to_string()));
            }
        }
        if end <= self.log.durable() {
            return;
        }
        if !self.log.claim() {
            // The append in flight is what was seen, or will meet it. Then it must be known which.
            let core = Arc::downgrade(self);
            let wake = move |told: Told<'_>| {
                if let (Told::Durable, Some(core)) = (told, core.upgrade()) {
                    core.ask_end();
                }
            };
            self.log.enlist(self.log.durable().next(), Box::new(wake)).tell();
        } else if end > self.log.durable() {
            self.rebase_now();
        } else {
            self.log.rebased();
        }
    }

    /// Appends are kept back meanwhile.
    fn rebase_now(self: &Arc<Self>) {
        let reading = self.log.begin_reading();
        match self.missing() {
            Ok(missing) => self.catch_up(&missing, reading),
            Err(ReadError::Failed(_)) => self.conflict.store(true, Ordering::Release),
            // Nothing of what waits is in the journal; a snapshot knows the rest.
            Err(error @ ReadError::Truncated { .. }) => self.log.stop(Stop::Foreign(error.to_string())),
        }
    }

    fn missing(&self) -> Result<Missing, ReadError> {
        let durable = self.log.durable();
        let mut records = Records::default();
        let read = self.log.store().read(self.log.stream(), durable, &mut |record| {
            records.push(record.stamp.at, record.body);
            ControlFlow::Continue(())
        });
        Ok(Missing { first: durable.next(), records, tail: read?.1 })
    }

    fn catch_up(self: &Arc<Self>, missing: &Missing, reading: u64) {
        if self.set_gate(Gate::Rebasing) {
            let _reopen = OnPanic(|| {
                self.log.stop(Stop::Unknown("a panic during a rebase".to_owned()));
                self.set_gate(Gate::Open);
            });
            let mut again = self.take_back();
            let mut later = Again(VecDeque::new());
            match self.follow(missing) {
                Ok(()) => {
                    while let Some(entry) = again.0.front() {
                        let done = self.decide_again(entry, reading);
                        let entry = again.0.pop_front();
                        later.0.extend(entry.filter(|_| !done));
                    }
                }
                Err(violation) => self.log.stop(Stop::Violated(violation)),
            }
            drop(again);
            self.epoch.fetch_add(1, Ordering::AcqRel);
            self.set_gate(Gate::Open);
            while let Some(Unanswered { command, slot, .. }) = later.0.front() {
                if let Submitted::Closed = self.submit(command, Some(Arc::clone(slot))) {
                    slot.fill(Err(CommandError::Failed { reason: "the event was closed".to_owned() }));
                }
                later.0.pop_front();
            }
        }
        self.log.rebased();
    }

    fn follow(&self, missing: &Missing) -> Result<(), Violation> {
        let Missing { first, records, tail } = missing;
        for record in records.iter(*first) {
            let broken = |what| Violation::new(Invariant::I8SameFacts, record.stamp.revision, what);
            let fact = Fact::decode(record.body).map_err(|error| broken(error.to_string()))?;
            self.apply_foreign(record.stamp, &fact)?;
        }
        if records.count() > 0 { self.log.follow(*first, records, *tail) } else { Ok(()) }
    }

    fn apply_foreign(&self, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        self.locked(shards_of(fact), |scope| {
            scope.lock_stripes(seats_of(fact).into_iter(), 0);
            apply(&self.state, scope, stamp, fact, Origin::Journal)
        })
    }

    /// Undoes every fact that is not durable, latest first, and returns the commands in order.
    fn take_back(&self) -> Again {
        let durable = self.log.durable();
        let mut entries: VecDeque<Unanswered> = {
            let mut unanswered = self.unanswered.lock();
            self.epoch.fetch_add(1, Ordering::AcqRel);
            unanswered.drain(..).filter(|entry| !entry.is_over(durable)).collect()
        };
        entries.make_contiguous().sort_by_key(|entry| (entry.revision, entry.fact.is_none()));
        let seats = !self.canaries.on(Canary::LostUndo);
        for entry in entries.iter_mut().rev() {
            if let Some((stamp, undo)) = entry.fact.take() {
                self.locked(ShardSet::All, |scope| undo.restore(&self.state, scope, stamp, seats));
            }
        }
        self.log.forget_pending();
        Again(entries)
    }

    /// Decides a remembered command again, while nobody else is in the event. False if it has to be decided once more when others may
    /// come in: overdue holds may be in its way.
    fn decide_again(self: &Arc<Self>, entry: &Unanswered, reading: u64) -> bool {
        let Unanswered { command, slot, .. } = entry;
        // The reading that this rebase began with tells the truth to whoever came before it.
        let until = if entry.readings < reading { Until::Durable } else { Until::AtEnd };
        let wait = |seen, until, outcome| {
            self.wait(seen, until, command, Some(Arc::clone(slot)), outcome);
        };
        match self.locked(ShardSet::All, |scope| self.decide_and_log(scope, command, Some(slot))) {
            Step::Accepted { enlisted, .. } => _ = enlisted.map(|enlisted| enlisted.tell()),
            Step::Ready(outcome) => slot.fill(outcome),
            Step::Instead { instead: Instead::Refused(refusal), seen, .. } => {
                wait(seen, until, Self::late(Err(refusal.into())));
            }
            Step::Instead { instead: Instead::Answer(answer), seen, .. } => {
                wait(seen, until, Self::late(Ok(answer)));
            }
            Step::Instead { instead: Instead::Replay(revision), seen, .. } => {
                wait(Seen { revision, ..seen }, Until::Durable, Self::replay_late(revision));
            }
            Step::Instead { instead: Instead::Overdue(mut refusal, owners), seen, now } => {
                let Some(known) = self.nothing_overdue(&owners, now, &mut refusal) else { return false };
                let seen = Seen { revision: seen.revision.max(known), ..seen };
                wait(seen, until, Self::late(Err(refusal.into())));
            }
            Step::Instead { instead: Instead::Changed | Instead::Waiting(_), .. }
            | Step::Closed
            | Step::Rebasing => return false,
        }
        true
    }

    pub(super) fn wait_for_rebase(&self) {
        let mut waiting = self.reopened.0.lock();
        let rebasing = || with_shards(&self.state, ShardSet::One(0), |scope| scope.gate() == Gate::Rebasing);
        while rebasing() {
            self.reopened.1.wait(&mut waiting);
        }
    }

    /// The epoch, once no rebase is under way.
    pub(super) fn quiet_epoch(&self) -> u64 {
        loop {
            let epoch = self.epoch.load(Ordering::Acquire);
            if epoch.is_multiple_of(2) {
                return epoch;
            }
            self.wait_for_rebase();
        }
    }

    /// The office is gone. Who waits for what only it could do, now or later, is told that the outcome is unknown.
    pub fn end(&self) {
        if self.log.is_shared() {
            self.log.stop(Stop::Unknown("the box office was closed".to_owned()));
        }
    }

    /// Does what the event has asked for.
    pub fn answer_ask(self: &Arc<Self>, ask: Ask) {
        match ask {
            Ask::Rebase => self.rebase(),
            Ask::ReadEnd => self.read_end(),
        }
    }
}
