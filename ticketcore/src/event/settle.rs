//! From a decision to an answer: who waits for what. Nothing is answered before it is durable. On a shared store an outcome without a
//! fact also waits until the journal's end, read after the command came, is no further than what was seen: another writer may have
//! changed everything.

use std::collections::VecDeque;
use std::sync::Arc;

use super::submit::{Seen, Staged, Submitted, Verdict};
use super::{Ask, EventCore, Unanswered};
use crate::answer::Reply;
use crate::command::Command;
use crate::id::Revision;
use crate::log::{Due, Slot, Together, Told, Wake};
use crate::sync::atomic::Ordering;

/// What an outcome without a fact waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// What it saw is durable.
    Durable,
    /// That, and so is all that a reading of the journal's end finds which begins now.
    AtEnd,
}

/// An outcome that is read or made when its time has come.
pub(super) type Late = Box<dyn FnOnce(&EventCore, &Command) -> Verdict + Send>;

impl EventCore {
    pub(super) fn remember(&self, entry: Unanswered, unanswered: &mut VecDeque<Unanswered>) {
        let durable = self.log.durable();
        while unanswered.front().is_some_and(|first| first.is_over(durable)) {
            unanswered.pop_front();
        }
        unanswered.push_back(entry);
    }

    /// Whether a decision can be answered, given that what it saw is durable: not if it was taken back meanwhile.
    pub(super) fn is_settled(&self, seen: Seen, durable: bool) -> bool {
        durable && self.epoch.load(Ordering::Acquire) == seen.epoch
    }

    /// Answers what can be answered and lets the rest wait. Call [`Log::pump`](crate::log::Log::pump) first.
    pub fn settle(
        self: &Arc<Self>,
        staged: Staged,
        command: &Command,
        slot: Option<Arc<Slot<Verdict>>>,
    ) -> Submitted {
        match staged {
            Staged::Ready(outcome) => ready(outcome, slot),
            Staged::Closed => Submitted::Closed,
            Staged::Accepted { slot: Some(own), .. } => filled_or_waiting(own, slot.is_some()),
            Staged::Accepted { logged, slot: None } => {
                let revision = logged.stamp.revision;
                let outcome = Ok(Reply::Logged(logged));
                if self.log.spin_until_durable(revision) {
                    return ready(outcome, slot);
                }
                let given = slot.is_some();
                let slot = slot.unwrap_or_else(Slot::new);
                self.log.enlist(revision, Self::fill(&slot, outcome)).tell();
                filled_or_waiting(slot, given)
            }
            Staged::Instead { outcome, seen } => {
                if self.log.is_shared() {
                    return self.wait(seen, Until::AtEnd, command, slot, Self::late(outcome));
                }
                if self.is_settled(seen, self.log.spin_until_durable(seen.revision)) {
                    return ready(outcome, slot);
                }
                self.wait(seen, Until::Durable, command, slot, Self::late(outcome))
            }
            Staged::Replay { seen } => {
                if self.is_settled(seen, self.log.spin_until_durable(seen.revision)) {
                    return ready(self.replay(seen.revision, command), slot);
                }
                self.wait(seen, Until::Durable, command, slot, Self::replay_late(seen.revision))
            }
        }
    }

    /// Has those told who wait `together` for facts that were logged together, the last of them at `last`. Only on a store for one
    /// writer: elsewhere each may have to be decided again. Call [`Log::pump`](crate::log::Log::pump) first.
    pub fn wait_together(self: &Arc<Self>, last: Revision, together: &Arc<Together>) {
        debug_assert!(!self.log.is_shared(), "nothing is taken back");
        if self.log.spin_until_durable(last) {
            together.tell(Told::Durable, last);
            return;
        }
        let (waiting, core) = (Arc::clone(together), Arc::clone(self));
        self.log.enlist(last, Box::new(move |told| waiting.tell(told, core.log.durable()))).tell();
    }

    /// Lets an outcome without a fact wait. On a shared store the command is remembered, and decided again if another writer is first.
    pub(super) fn wait(
        self: &Arc<Self>,
        seen: Seen,
        until: Until,
        command: &Command,
        slot: Option<Arc<Slot<Verdict>>>,
        outcome: Late,
    ) -> Submitted {
        let given = slot.is_some();
        let slot = slot.unwrap_or_else(Slot::new);
        let due = if self.log.is_shared() {
            let mut unanswered = self.unanswered.lock();
            if self.epoch.load(Ordering::Acquire) != seen.epoch {
                drop(unanswered);
                return self.submit_again(command, slot, given);
            }
            let entry = Unanswered {
                revision: seen.revision,
                fact: None,
                command: command.clone(),
                slot: Arc::clone(&slot),
                readings: self.log.readings(),
            };
            self.remember(entry, &mut unanswered);
            self.enlist_late(seen, until, &slot, command, outcome)
        } else {
            self.enlist_late(seen, until, &slot, command, outcome)
        };
        due.tell();
        if until == Until::AtEnd {
            self.ask_end();
        }
        filled_or_waiting(slot, given)
    }

    fn submit_again(self: &Arc<Self>, command: &Command, slot: Arc<Slot<Verdict>>, given: bool) -> Submitted {
        match self.submit(command, Some(slot)) {
            Submitted::Waiting(slot) => filled_or_waiting(slot, given),
            other => other,
        }
    }

    fn enlist_late(
        self: &Arc<Self>,
        seen: Seen,
        until: Until,
        slot: &Arc<Slot<Verdict>>,
        command: &Command,
        outcome: Late,
    ) -> Due<'_> {
        let (slot, core, command) = (Arc::clone(slot), Arc::clone(self), command.clone());
        let wake: Wake = Box::new(move |told| match told {
            Told::Durable => slot.fill(outcome(&core, &command)),
            Told::TakenBack => {}
            Told::Stopped(stop) => slot.fill(Err(stop.error())),
        });
        match until {
            Until::Durable => self.log.enlist(seen.revision, wake),
            Until::AtEnd => self.log.enlist_at_end(seen.revision, wake),
        }
    }

    /// Fills `slot` once what `outcome` rests on is durable; if that is taken back, whoever decides again fills it.
    pub(super) fn fill(slot: &Arc<Slot<Verdict>>, outcome: Verdict) -> Wake {
        let slot = Arc::clone(slot);
        Box::new(move |told| match told {
            Told::Durable => slot.fill(outcome),
            Told::TakenBack => {}
            Told::Stopped(stop) => slot.fill(Err(stop.error())),
        })
    }

    /// Has the journal's end read: one reading for all who asked before it begins.
    pub(super) fn ask_end(self: &Arc<Self>) {
        if self.manual {
            self.read_end();
        } else if !self.end_asked.swap(true, Ordering::AcqRel) {
            (self.ask)(Ask::ReadEnd);
        }
    }

    pub(super) fn late(outcome: Verdict) -> Late {
        Box::new(|_, _| outcome)
    }

    pub(super) fn replay_late(revision: Revision) -> Late {
        Box::new(move |core, command| core.replay(revision, command))
    }
}

fn ready(outcome: Verdict, slot: Option<Arc<Slot<Verdict>>>) -> Submitted {
    match slot {
        Some(slot) => {
            slot.fill(outcome);
            Submitted::Waiting(slot)
        }
        None => Submitted::Ready(outcome),
    }
}

/// Takes the outcome out of a slot of our own if it is there; a slot that was given to us has its waiter elsewhere.
fn filled_or_waiting(slot: Arc<Slot<Verdict>>, given: bool) -> Submitted {
    match if given { None } else { slot.try_take() } {
        Some(outcome) => Submitted::Ready(outcome),
        None => Submitted::Waiting(slot),
    }
}
