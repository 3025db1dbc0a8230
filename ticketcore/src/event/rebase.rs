//! Rebase: another writer was first. Facts of ours that the store did not take are taken back, the missing facts applied, and every
//! unanswered command decided again, in order, refusals and replays too. Losers are refused.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::apply::apply;
use super::scope::{ShardSet, with_shards};
use super::shard::Gate;
use super::touched::{seats_of, shards_of};
use super::{EventCore, Unanswered};
use crate::canary::Canary;
use crate::fact::{Fact, Stamp};
use crate::id::Revision;
use crate::invariant::{Invariant, Violation};
use crate::log::Stop;
use crate::store::{ReadError, Records, Tail};

impl EventCore {
    /// Catches up with the other writer. Runs on one thread at a time.
    pub fn rebase(self: &Arc<Self>) {
        if !self.conflict.swap(false, Ordering::AcqRel) {
            return;
        }
        match self.missing() {
            Ok((first, records, tail)) => {
                self.set_gate(Gate::Rebasing);
                if let Err(violation) = self.catch_up(first, &records, tail) {
                    self.log.stop(Stop::Violated(violation));
                }
                self.set_gate(Gate::Open);
                self.log.rebased();
            }
            Err(ReadError::Failed(_)) => self.conflict.store(true, Ordering::Release),
            Err(error @ ReadError::Truncated { .. }) => self.log.stop(Stop::Unknown(error.to_string())),
        }
    }

    /// The facts after the durable revision.
    fn missing(&self) -> Result<(Revision, Records, Option<Tail>), ReadError> {
        let durable = self.log.durable();
        let mut records = Records::default();
        let read = self.log.store().read(self.log.stream(), durable, &mut |record| {
            records.push(record.stamp.at, record.body);
            ControlFlow::Continue(())
        });
        let (_, tail) = read?;
        Ok((durable.next(), records, Some(tail)))
    }

    fn catch_up(
        self: &Arc<Self>,
        first: Revision,
        records: &Records,
        tail: Option<Tail>,
    ) -> Result<(), Violation> {
        let unanswered = self.take_back();
        if records.count() > 0 {
            for record in records.iter(first) {
                let broken = |what| Violation::new(Invariant::I8SameFacts, record.stamp.revision, what);
                let fact = Fact::decode(record.body).map_err(|error| broken(error.to_string()))?;
                self.apply_foreign(record.stamp, &fact)?;
            }
            if let Some(tail) = tail {
                self.log.follow(first, records, tail)?;
            }
        }
        for entry in unanswered {
            self.decide_again(&entry.command, &entry.slot);
        }
        Ok(())
    }

    /// Undoes every fact that is not durable, latest first, and returns the commands in order.
    fn take_back(&self) -> Vec<Unanswered> {
        let durable = self.log.durable();
        let mut entries: Vec<Unanswered> = {
            let mut unanswered = self.unanswered.lock();
            self.epoch.fetch_add(1, Ordering::AcqRel);
            unanswered.drain(..).filter(|entry| entry.revision > durable).collect()
        };
        entries.sort_by_key(|entry| (entry.revision, entry.fact.is_none()));
        let seats = !self.canaries.on(Canary::LostUndo);
        for entry in entries.iter_mut().rev() {
            if let Some((stamp, undo)) = entry.fact.take() {
                with_shards(&self.state, ShardSet::All, |scope| {
                    undo.restore(&self.state, scope, stamp, seats);
                });
            }
        }
        self.log.forget_pending();
        entries
    }

    fn apply_foreign(&self, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        with_shards(&self.state, shards_of(fact), |scope| {
            scope.lock_stripes(seats_of(fact).into_iter(), 0);
            apply(&self.state, scope, stamp, fact, false)
        })
    }
}
