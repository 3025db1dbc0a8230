//! The way of a command through an open event.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::decide::{Decision, Instead, decide};
use super::scope::{Scope, ShardSet, with_shards};
use super::shard::Gate;
use super::{EventCore, Unanswered, apply, undo::Undo};
use crate::answer::{Answer, CommandError, answer};
use crate::canary::Canary;
use crate::command::Command;
use crate::fact::{Fact, Stamp};
use crate::id::Revision;
use crate::limits::DECIDE_ATTEMPTS_MAX;
use crate::log::{NotSequenced, Slot, Stop, Woken};
use crate::refusal::Refusal;
use crate::time::UtcMs;

/// What a caller gets in the end.
pub(crate) type Outcome = Result<Answer, CommandError>;

/// A command that has been decided and may not be answered before something is durable.
pub(crate) enum Staged {
    /// It has a fact. On a shared store its slot is filled by whoever makes it durable, or decided again.
    Accepted { answer: Answer, revision: Revision, slot: Option<Arc<Slot<Outcome>>> },
    /// It has none; the outcome depends on nothing after `seen`.
    Instead { outcome: Outcome, seen: Seen },
    /// Its key has an accepted outcome.
    Replay { seen: Seen },
    /// It can be answered now.
    Ready(Outcome),
    /// The event was closed meanwhile.
    Closed,
}

/// A command that has been handed in.
pub(crate) enum Submitted {
    Ready(Outcome),
    Waiting(Arc<Slot<Outcome>>),
    Closed,
}

/// What a decision without a fact rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Nothing after this revision.
    revision: Revision,
    /// Decided before this many rebases; facts it saw may be undone by the next one.
    epoch: u64,
}

enum Step {
    Accepted { answer: Answer, stamp: Stamp, slot: Option<Arc<Slot<Outcome>>> },
    Instead { instead: Instead, seen: Seen, now: UtcMs },
    Ready(Outcome),
    Closed,
    Rebasing,
}

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A panic under a lock must not leave an event that looks healthy: parking_lot does not poison, so this does.
struct StopOnPanic<'a>(&'a EventCore);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.log.stop(Stop::Unknown("a panic while the event was locked".to_owned()));
        }
    }
}

impl EventCore {
    /// Decides a command, sequences and applies its fact. Nothing has been sent to the store when this returns.
    pub fn stage(self: &Arc<Self>, command: &Command, slot: Option<&Arc<Slot<Outcome>>>) -> Staged {
        let mut shards = command.shards();
        for attempt in 0.. {
            let last = attempt >= DECIDE_ATTEMPTS_MAX;
            if last {
                shards = ShardSet::All;
            }
            let (instead, seen, now) = match self.step(command, shards, slot) {
                Step::Accepted { answer, stamp, slot } => {
                    return Staged::Accepted { answer, revision: stamp.revision, slot };
                }
                Step::Ready(outcome) => return Staged::Ready(outcome),
                Step::Closed => return Staged::Closed,
                Step::Rebasing => {
                    self.wait_for_rebase();
                    continue;
                }
                Step::Instead { instead, seen, now } => (instead, seen, now),
            };
            match instead {
                Instead::Replay(revision) => return Staged::Replay { seen: Seen { revision, ..seen } },
                Instead::Answer(answer) => return Staged::Instead { outcome: Ok(answer), seen },
                Instead::Changed => {}
                Instead::Refused(refusal) => {
                    return self.refused(refusal, Revision::ZERO, seen, command);
                }
                Instead::Overdue(mut refusal, owners) => {
                    let (expired, known) = self.make_way(&owners, now, &mut refusal);
                    if expired && !last {
                        continue;
                    }
                    if Self::needs_the_event_alone(&refusal) && shards != ShardSet::All {
                        if self.view_confirms(&mut refusal, command) {
                            return Staged::Ready(Err(refusal.into()));
                        }
                        shards = ShardSet::All;
                        continue;
                    }
                    return self.refused(refusal, known, seen, command);
                }
            }
        }
        Staged::Ready(Err(Refusal::Overloaded { retry_after_ms: 1 }.into()))
    }

    /// A refusal, which speaks of facts up to `known` and rests on nothing after `seen`.
    fn refused(&self, mut refusal: Refusal, known: Revision, seen: Seen, command: &Command) -> Staged {
        let seen = Seen { revision: seen.revision.max(known), ..seen };
        let durable = self.log.durable();
        let at_once = self.is_settled(seen, durable >= seen.revision)
            || self.canaries.on(Canary::StaleRefusal)
            || (known <= durable && self.view_confirms(&mut refusal, command));
        let outcome = Err(CommandError::Refused(refusal));
        if at_once { Staged::Ready(outcome) } else { Staged::Instead { outcome, seen } }
    }

    fn step(
        self: &Arc<Self>,
        command: &Command,
        shards: ShardSet,
        slot: Option<&Arc<Slot<Outcome>>>,
    ) -> Step {
        let _stop_on_panic = StopOnPanic(self);
        with_shards(&self.state, shards, |scope| {
            match scope.gate() {
                Gate::Open => {}
                Gate::Rebasing => return Step::Rebasing,
                Gate::Closed => return Step::Closed,
            }
            if let Some(stop) = self.log.stopped() {
                return Step::Ready(Err(command.kept_from(stop.refusal())));
            }
            self.decide_and_log(scope, command, slot)
        })
    }

    /// Decides and, if the answer is a fact, sequences and applies it.
    fn decide_and_log(
        self: &Arc<Self>,
        scope: &mut Scope<'_>,
        command: &Command,
        slot: Option<&Arc<Slot<Outcome>>>,
    ) -> Step {
        let clock = self.clock.now();
        let mut now = self.log.now(clock);
        loop {
            let decision = match decide(scope, self.id, command, now, self.canaries) {
                Ok(decision) => decision,
                Err(instead) => {
                    let seen =
                        Seen { revision: self.log.sequenced(), epoch: self.epoch.load(Ordering::Acquire) };
                    return Step::Instead { instead, seen, now };
                }
            };
            let Decision { fact, valid_until, reserved } = decision;
            let fact = Arc::new(fact);
            let undo = self.log.is_shared().then(|| Undo::capture(&self.state, scope, &fact));
            let sequenced = SCRATCH.with_borrow_mut(|body| {
                fact.encode(body);
                self.log.sequence(clock, valid_until, body, &fact)
            });
            match sequenced {
                Ok(stamp) => return self.accept(scope, command, stamp, &fact, undo, slot),
                Err(NotSequenced::Again(at)) => {
                    reserved.give_back(scope);
                    scope.unlock_stripes();
                    now = at;
                }
                Err(NotSequenced::Overloaded) => {
                    reserved.give_back(scope);
                    return Step::Ready(Err(Refusal::Overloaded { retry_after_ms: 100 }.into()));
                }
            }
        }
    }

    fn accept(
        self: &Arc<Self>,
        scope: &mut Scope<'_>,
        command: &Command,
        stamp: Stamp,
        fact: &Fact,
        undo: Option<Undo>,
        slot: Option<&Arc<Slot<Outcome>>>,
    ) -> Step {
        let applied = if self.canaries.on(Canary::HalfHold) {
            apply::apply(&self.state, scope, stamp, &half(fact), true)
        } else {
            apply::apply(&self.state, scope, stamp, fact, true)
        };
        if let Err(violation) = applied {
            self.log.stop(Stop::Violated(violation));
        }
        let answer = answer(self.id, stamp, fact, false);
        let Some(undo) = undo else { return Step::Accepted { answer, stamp, slot: None } };
        let slot = slot.cloned().unwrap_or_else(Slot::new);
        let entry = Unanswered {
            revision: stamp.revision,
            fact: Some((stamp, undo)),
            command: command.clone(),
            slot: Arc::clone(&slot),
        };
        self.remember(entry, &mut self.unanswered.lock());
        self.fill_when_durable(stamp.revision, Ok(answer.clone()), &slot);
        Step::Accepted { answer, stamp, slot: Some(slot) }
    }

    fn remember(&self, entry: Unanswered, unanswered: &mut VecDeque<Unanswered>) {
        let durable = self.log.durable();
        while unanswered.front().is_some_and(|first| first.revision <= durable) {
            unanswered.pop_front();
        }
        unanswered.push_back(entry);
    }

    /// Whether a decision can be answered, given that what it saw is durable: not if it was taken back meanwhile.
    fn is_settled(&self, seen: Seen, durable: bool) -> bool {
        durable && self.epoch.load(Ordering::Acquire) == seen.epoch
    }

    /// Answers what can be answered and lets the rest wait. Call [`Log::pump`](crate::log::Log::pump) first.
    pub fn settle(
        self: &Arc<Self>,
        staged: Staged,
        command: &Command,
        slot: Option<Arc<Slot<Outcome>>>,
    ) -> Submitted {
        match staged {
            Staged::Ready(outcome) => ready(outcome, slot),
            Staged::Closed => Submitted::Closed,
            Staged::Accepted { slot: Some(own), .. } => filled_or_waiting(own, slot.is_some()),
            Staged::Accepted { answer, revision, slot: None } => {
                if self.log.spin_until_durable(revision) {
                    return ready(Ok(answer), slot);
                }
                let given = slot.is_some();
                let slot = slot.unwrap_or_else(Slot::new);
                self.fill_when_durable(revision, Ok(answer), &slot);
                filled_or_waiting(slot, given)
            }
            Staged::Instead { outcome, seen } => {
                if self.is_settled(seen, self.log.spin_until_durable(seen.revision)) {
                    return ready(outcome, slot);
                }
                self.wait_for_seen(seen, command, slot, |_, _| outcome)
            }
            Staged::Replay { seen } => {
                if self.is_settled(seen, self.log.spin_until_durable(seen.revision)) {
                    return ready(self.replay(seen.revision, command), slot);
                }
                self.wait_for_seen(seen, command, slot, move |core, command| {
                    core.replay(seen.revision, command)
                })
            }
        }
    }

    /// Lets an outcome without a fact wait for what it saw. On a shared store the command is remembered, and decided again if another
    /// writer is first.
    fn wait_for_seen(
        self: &Arc<Self>,
        seen: Seen,
        command: &Command,
        slot: Option<Arc<Slot<Outcome>>>,
        outcome: impl FnOnce(&Self, &Command) -> Outcome + Send + 'static,
    ) -> Submitted {
        let given = slot.is_some();
        let slot = slot.unwrap_or_else(Slot::new);
        if self.log.is_shared() {
            let mut unanswered = self.unanswered.lock();
            if self.epoch.load(Ordering::Acquire) != seen.epoch {
                drop(unanswered);
                return self.submit(command, Some(slot));
            }
            let entry = Unanswered {
                revision: seen.revision,
                fact: None,
                command: command.clone(),
                slot: Arc::clone(&slot),
            };
            self.remember(entry, &mut unanswered);
            self.wake_later(seen.revision, &slot, command.clone(), outcome);
        } else {
            self.wake_later(seen.revision, &slot, command.clone(), outcome);
        }
        filled_or_waiting(slot, given)
    }

    fn wake_later(
        self: &Arc<Self>,
        revision: Revision,
        slot: &Arc<Slot<Outcome>>,
        command: Command,
        outcome: impl FnOnce(&Self, &Command) -> Outcome + Send + 'static,
    ) {
        let (slot, core) = (Arc::clone(slot), Arc::clone(self));
        let wake = move |woken: Woken<'_>| match woken {
            Woken::Durable => slot.fill(outcome(&core, &command)),
            Woken::TakenBack => {}
            Woken::Stopped(stop) => slot.fill(Err(stop.error())),
        };
        self.log.when_durable(revision, Box::new(wake));
    }

    fn fill_when_durable(&self, revision: Revision, outcome: Outcome, slot: &Arc<Slot<Outcome>>) {
        let slot = Arc::clone(slot);
        let wake = move |woken: Woken<'_>| match woken {
            Woken::Durable => slot.fill(outcome),
            Woken::TakenBack => {}
            Woken::Stopped(stop) => slot.fill(Err(stop.error())),
        };
        self.log.when_durable(revision, Box::new(wake));
    }

    /// Decides, sends and answers one command.
    pub fn submit(self: &Arc<Self>, command: &Command, slot: Option<Arc<Slot<Outcome>>>) -> Submitted {
        let staged = self.stage(command, slot.as_ref());
        if !matches!(staged, Staged::Ready(_)) {
            self.log.pump();
        }
        self.settle(staged, command, slot)
    }

    /// Decides a remembered command again, while nobody else is in the event.
    pub(super) fn decide_again(self: &Arc<Self>, command: &Command, slot: &Arc<Slot<Outcome>>) {
        let step =
            with_shards(&self.state, ShardSet::All, |scope| self.decide_and_log(scope, command, Some(slot)));
        let (outcome, seen) = match step {
            Step::Accepted { .. } => return,
            Step::Ready(outcome) => return slot.fill(outcome),
            Step::Closed | Step::Rebasing => {
                return slot.fill(Err(CommandError::Unknown { reason: "the event was closed".to_owned() }));
            }
            Step::Instead { instead, seen, .. } => match instead {
                Instead::Refused(refusal) | Instead::Overdue(refusal, _) => (Err(refusal.into()), seen),
                Instead::Answer(answer) => (Ok(answer), seen),
                Instead::Changed => (Err(Refusal::Overloaded { retry_after_ms: 1 }.into()), seen),
                Instead::Replay(revision) => {
                    let replay = move |core: &Self, command: &Command| core.replay(revision, command);
                    self.wait_for_seen(Seen { revision, ..seen }, command, Some(Arc::clone(slot)), replay);
                    return;
                }
            },
        };
        self.wait_for_seen(seen, command, Some(Arc::clone(slot)), |_, _| outcome);
    }

    fn wait_for_rebase(&self) {
        let mut waiting = self.reopened.0.lock();
        let rebasing = || with_shards(&self.state, ShardSet::One(0), |scope| scope.gate() == Gate::Rebasing);
        while rebasing() {
            self.reopened.1.wait(&mut waiting);
        }
    }
}

fn ready(outcome: Outcome, slot: Option<Arc<Slot<Outcome>>>) -> Submitted {
    match slot {
        Some(slot) => {
            slot.fill(outcome);
            Submitted::Waiting(slot)
        }
        None => Submitted::Ready(outcome),
    }
}

/// Takes the outcome out of a slot of our own if it is there; a slot that was given to us has its waiter elsewhere.
fn filled_or_waiting(slot: Arc<Slot<Outcome>>, given: bool) -> Submitted {
    match if given { None } else { slot.try_take() } {
        Some(outcome) => Submitted::Ready(outcome),
        None => Submitted::Waiting(slot),
    }
}

/// The canary `half_hold`: what is applied of a hold leaves out its last seat.
fn half(fact: &Fact) -> Fact {
    let mut half = fact.clone();
    if let Fact::HoldPlaced(placed) = &mut half
        && placed.lines.seats.len() > 1
    {
        placed.lines.seats.pop();
    }
    half
}
