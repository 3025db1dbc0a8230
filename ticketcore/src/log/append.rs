//! What becomes of an append: into the durable view, then published, then those who wait are told; or sent again, or the end of the log.

use super::sequencer::{Sent, Sequencer};
use super::{Log, Stop};
use crate::id::Revision;
use crate::limits::APPEND_ATTEMPTS_MAX;
use crate::store::{Appended, Batch, CompletionSink};
use crate::sync::atomic::Ordering;
use crate::sync::{MutexGuard, lock_short};

impl Log {
    /// Appends without a completion if the store can: the common case takes the sequencer's lock once, when it is over.
    #[inline]
    pub(super) fn append_at_once(&self, batch: Batch, mut facts: Vec<Sent>) -> MutexGuard<'_, Sequencer> {
        let outcome = self.store.append_at_once(&batch);
        if outcome == Some(Appended::Yes) {
            let published = self.publish(&batch, &mut facts);
            let mut sequencer = lock_short(&self.end.sequencer);
            if published {
                sequencer.ended(batch, facts);
            }
            return sequencer;
        }
        lock_short(&self.end.sequencer).sent = facts;
        match outcome {
            Some(outcome) => self.complete(batch, outcome),
            None => self.submit(batch),
        }
        lock_short(&self.end.sequencer)
    }

    fn appended(&self, batch: Batch) {
        let mut facts = std::mem::take(&mut lock_short(&self.end.sequencer).sent);
        if !self.publish(&batch, &mut facts) {
            return;
        }
        let pump = {
            let mut sequencer = lock_short(&self.end.sequencer);
            sequencer.ended(batch, facts);
            !self.end.pumping.load(Ordering::Relaxed) && sequencer.asked
        };
        if pump {
            self.send();
        }
    }

    /// A batch is in the journal: into the durable view with it, then everybody may know. False if it does not fit; then the log stops.
    fn publish(&self, batch: &Batch, facts: &mut Vec<Sent>) -> bool {
        if let Err(violation) = self.follower.appended(batch.first_revision, &batch.records, facts) {
            self.stop(Stop::Violated(violation));
            return false;
        }
        facts.clear();
        let last = Revision(batch.first_revision.0 + u64::from(batch.records.count()) - 1);
        let at = batch.records.base().0;
        if at > self.durable_at.load(Ordering::Relaxed) {
            self.durable_at.fetch_max(at, Ordering::AcqRel);
        }
        // In one order with the waiters' count: either we see who is about to wait, or they see this.
        self.durable.swap(last.0, Ordering::SeqCst);
        self.waiters.wake(last);
        true
    }

    fn again(&self, batch: Batch, stop: Stop) {
        let attempts = {
            let mut sequencer = lock_short(&self.end.sequencer);
            sequencer.attempts += 1;
            sequencer.attempts
        };
        if attempts >= APPEND_ATTEMPTS_MAX {
            self.stop(stop);
            return;
        }
        let pump = {
            let mut sequencer = lock_short(&self.end.sequencer);
            sequencer.held = Some(batch);
            sequencer.in_flight = false;
            !self.end.pumping.load(Ordering::Relaxed)
        };
        if pump {
            self.send();
        }
    }
}

impl CompletionSink for Log {
    fn complete(&self, batch: Batch, outcome: Appended) {
        match outcome {
            Appended::Yes => self.appended(batch),
            Appended::Conflict { .. } if self.capabilities.shared => {
                lock_short(&self.end.sequencer).held = Some(batch);
                self.follower.conflict();
            }
            Appended::Conflict { tail } => {
                let reason = format!("another writer is at batch {} of a store for one writer", tail.seq);
                self.stop(Stop::Foreign(reason));
            }
            Appended::Failed(failure) => self.again(batch, Stop::Failed(failure.to_string())),
            Appended::Unknown(failure) => self.again(batch, Stop::Unknown(failure.to_string())),
        }
    }
}
