//! The way of a command through an open event.

use std::sync::Arc;

use super::apply::{Origin, apply};
use super::decide::{Decision, Instead, decide};
use super::expiry::Way;
use super::scope::{Scope, ShardSet};
use super::shard::Gate;
use super::undo::Undo;
use super::{EventCore, Unanswered};
use crate::answer::{CommandError, Logged, Reply};
use crate::canary::{Canary, half_of};
use crate::command::Command;
use crate::fact::{Fact, HoldEnd, Stamp};
use crate::id::Revision;
use crate::limits::{DECIDE_ATTEMPTS_MAX, OFFER_PASSES_MAX, OFFERS_PER_STEP_MAX};
use crate::log::{Due, NotSequenced, Slot, Stop};
use crate::refusal::Refusal;
use crate::sync::atomic::Ordering;
use crate::time::UtcMs;

/// What a caller gets in the end.
pub(crate) type Verdict = Result<Reply, CommandError>;

/// A command that has been decided and may not be answered before something is durable.
pub(crate) enum Staged {
    /// It has a fact. On a shared store its slot is filled by whoever makes it durable, or decided again.
    Accepted { logged: Logged, slot: Option<Arc<Slot<Verdict>>> },
    /// It has none; the outcome depends on nothing after `seen`.
    Instead { outcome: Verdict, seen: Seen },
    /// Its key has an accepted outcome.
    Replay { seen: Seen },
    /// It can be answered now.
    Ready(Verdict),
    /// The event was closed meanwhile.
    Closed,
}

/// A command that has been handed in.
pub(crate) enum Submitted {
    Ready(Verdict),
    Waiting(Arc<Slot<Verdict>>),
    Closed,
}

/// What a decision without a fact rests on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Nothing after this revision.
    pub revision: Revision,
    /// Of the event when it was decided; facts it saw may be undone by the next rebase.
    pub epoch: u64,
}

/// What came of a decision without a fact that has been made already.
pub(super) struct First {
    pub instead: Instead,
    pub seen: Seen,
    pub now: UtcMs,
    /// Holds that had been expired before.
    pub expired: u64,
}

/// What came of a decision.
pub(super) enum Step<'a> {
    Accepted { logged: Logged, enlisted: Option<Box<Enlisted<'a>>> },
    Instead { instead: Instead, seen: Seen, now: UtcMs },
    Ready(Verdict),
    Closed,
    Rebasing,
}

/// On a shared store: where the outcome of a fact will be. [`Due`] is to be told once nothing is locked.
pub(super) struct Enlisted<'a> {
    slot: Arc<Slot<Verdict>>,
    due: Due<'a>,
}

impl Enlisted<'_> {
    /// Tells who is due.
    pub fn tell(self) -> Arc<Slot<Verdict>> {
        self.due.tell();
        self.slot
    }
}

/// Too much waits for the store.
pub(super) const fn overloaded() -> Refusal {
    Refusal::Overloaded { retry_after_ms: 100 }
}

impl EventCore {
    /// Decides a command, sequences and applies its fact, which has not been sent to the store when this returns.
    pub fn stage(self: &Arc<Self>, command: &Command, slot: Option<&Arc<Slot<Verdict>>>) -> Staged {
        self.stage_from(command, slot, None)
    }

    /// As [`stage`](Self::stage), from a first decision on.
    pub(super) fn stage_from(
        self: &Arc<Self>,
        command: &Command,
        slot: Option<&Arc<Slot<Verdict>>>,
        mut first: Option<First>,
    ) -> Staged {
        let mut shards = command.shards();
        let mut passes = 0;
        for attempt in 0.. {
            let last = attempt >= DECIDE_ATTEMPTS_MAX;
            if last {
                shards = ShardSet::All;
            }
            let (step, expired) = match first.take() {
                Some(First { instead, seen, now, expired }) => {
                    (Step::Instead { instead, seen, now }, expired)
                }
                None => {
                    let expired = self.expiry.expired();
                    (self.step(command, shards, slot, passes < OFFER_PASSES_MAX), expired)
                }
            };
            let (instead, seen, now) = match step {
                Step::Accepted { logged, enlisted } => {
                    return Staged::Accepted { logged, slot: enlisted.map(|enlisted| enlisted.tell()) };
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
                Instead::Waiting(categories) => {
                    let offered = self.offer(categories, OFFERS_PER_STEP_MAX);
                    if offered.made > 0 {
                        self.log.pump();
                    }
                    if let Some(error) = offered.blocked {
                        return Staged::Ready(Err(command.kept_from(error)));
                    }
                    passes += u32::from(offered.fruitless);
                    if last && passes < OFFER_PASSES_MAX {
                        break;
                    }
                }
                Instead::Refused(mut refusal) => {
                    self.note_miss(&mut refusal, command);
                    return self.refused(refusal, Revision::ZERO, seen, command);
                }
                Instead::Overdue(mut refusal, owners) => {
                    let known = match self.make_way(&owners, now, expired, &mut refusal) {
                        Way::Same(known) => known,
                        Way::Blocked(error) => return Staged::Ready(Err(error)),
                        Way::Clearer if last => break,
                        Way::Clearer => continue,
                    };
                    if Self::needs_the_event_alone(&refusal) && shards != ShardSet::All {
                        let durable = self.log.durable();
                        if self.view_confirms(&mut refusal, command) {
                            return self.settled(refusal, Seen { revision: durable, ..seen });
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
        if self.canaries.on(Canary::StaleRefusal) {
            Staged::Ready(Err(refusal.into()))
        } else if self.is_settled(seen, durable >= seen.revision)
            || (known <= durable && self.view_confirms(&mut refusal, command))
        {
            self.settled(refusal, Seen { revision: durable, ..seen })
        } else {
            Staged::Instead { outcome: Err(refusal.into()), seen }
        }
    }

    /// Counts a code that nobody has, and says how long its user must wait; unless he had to already.
    fn note_miss(&self, refusal: &mut Refusal, command: &Command) {
        if let (Refusal::UnknownCode { retry_after_ms: wait @ 0 }, Some(user)) =
            (refusal, command.gives_code())
        {
            *wait = self.guesses.miss(user, self.clock.now());
        }
    }

    /// A refusal that rests on nothing but what is durable. On a shared store another writer may have changed that before the command
    /// came.
    fn settled(&self, refusal: Refusal, seen: Seen) -> Staged {
        let outcome = Err(refusal.into());
        if self.log.is_shared() { Staged::Instead { outcome, seen } } else { Staged::Ready(outcome) }
    }

    fn step(
        self: &Arc<Self>,
        command: &Command,
        shards: ShardSet,
        slot: Option<&Arc<Slot<Verdict>>>,
        heeds_waiting: bool,
    ) -> Step<'_> {
        self.locked(shards, |scope| {
            scope.heeds_waiting = heeds_waiting;
            match scope.gate() {
                Gate::Open => {}
                Gate::Rebasing => return Step::Rebasing,
                Gate::Closed => return Step::Closed,
            }
            if let Some(stop) = self.log.stopped() {
                return Step::Ready(Err(command.kept_from(stop.refusal())));
            }
            if let Some(user) = command.gives_code() {
                scope.guess_delay_ms = self.guesses.delay_ms(user, self.clock.now());
            }
            self.decide_and_log(scope, command, slot)
        })
    }

    /// Decides and, if the answer is a fact, sequences and applies it.
    pub(super) fn decide_and_log<'a>(
        self: &'a Arc<Self>,
        scope: &mut Scope<'_>,
        command: &Command,
        slot: Option<&Arc<Slot<Verdict>>>,
    ) -> Step<'a> {
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
            let Decision { fact, valid_until } = decision;
            let valid_until = if self.canaries.on(Canary::LateExpiry) { UtcMs::NEVER } else { valid_until };
            let undo = self.log.is_shared().then(|| Box::new(Undo::capture(&self.state, scope, &fact)));
            let sequenced = fact.encoded(|body| self.log.sequence(clock, valid_until, body, &fact));
            match sequenced {
                Ok(stamp) => return self.accept(scope, command, stamp, fact, undo, slot),
                Err(NotSequenced::Again(at)) => {
                    scope.give_back();
                    scope.unlock_stripes();
                    now = at;
                }
                Err(NotSequenced::Overloaded) => {
                    scope.give_back();
                    return Step::Ready(Err(overloaded().into()));
                }
            }
        }
    }

    fn accept<'a>(
        self: &'a Arc<Self>,
        scope: &mut Scope<'_>,
        command: &Command,
        stamp: Stamp,
        fact: Arc<Fact>,
        undo: Option<Box<Undo>>,
        slot: Option<&Arc<Slot<Verdict>>>,
    ) -> Step<'a> {
        let lasting = if self.log.is_shared() { self.log.durable_time() } else { stamp.at };
        let origin = Origin::Decided { lasting };
        let applied = if self.canaries.on(Canary::HalfHold) {
            apply(&self.state, scope, stamp, &half_of(&fact), origin)
        } else {
            apply(&self.state, scope, stamp, &fact, origin)
        };
        if let Err(violation) = applied {
            // Whoever sends next tells who waits.
            self.log.latch(Stop::Violated(violation));
        }
        if matches!(&*fact, Fact::HoldEnded(ended) if ended.end == HoldEnd::Expired) {
            self.expiry.count();
        }
        let logged = Logged { event: self.id, stamp, fact, replayed: false };
        let Some(undo) = undo else { return Step::Accepted { logged, enlisted: None } };
        let slot = slot.cloned().unwrap_or_else(Slot::new);
        let entry = Unanswered {
            revision: stamp.revision,
            fact: Some((stamp, undo)),
            command: command.clone(),
            slot: Arc::clone(&slot),
            readings: self.log.readings(),
        };
        self.remember(entry, &mut self.unanswered.lock());
        let due = self.log.enlist(stamp.revision, Self::fill(&slot, Ok(Reply::Logged(logged.clone()))));
        Step::Accepted { logged, enlisted: Some(Box::new(Enlisted { slot, due })) }
    }

    /// Decides, sends and answers one command.
    pub fn submit(self: &Arc<Self>, command: &Command, slot: Option<Arc<Slot<Verdict>>>) -> Submitted {
        let staged = self.stage(command, slot.as_ref());
        // Also when this command has no fact: making way for it may have logged some.
        if self.log.sequenced() > self.log.durable() {
            self.log.pump();
        }
        self.settle(staged, command, slot)
    }
}
