//! Runs: commands of one shard that were handed in together and of which none changes what another is decided on. A run is decided, then
//! logged, then applied.
//!
//! What a plain command costs is mostly waiting: for lines of memory that it comes to in no order, and at every lock for all it has
//! written. So the lines that a run will need are looked at ahead, which lets the processor wait for all of them at once, and its locks are
//! taken once: shard, stripes, sequencer.

use std::hint::black_box;
use std::sync::Arc;

use super::EventCore;
use super::apply::{Origin, apply};
use super::decide::{Decision, Instead, decide};
use super::scope::{Scope, ShardSet};
use super::shard::Gate;
use super::submit::{First, Seen, Staged, overloaded};
use super::touched::pool_counts;
use crate::answer::Logged;
use crate::canary::{Canaries, Canary};
use crate::command::Command;
use crate::fact::{Fact, Stamp};
use crate::id::{SeatIndex, UserId};
use crate::log::Stop;
use crate::request::Item;
use crate::sync::atomic::Ordering;
use crate::time::UtcMs;

/// Commands of a run: others wait meanwhile for the locks it has.
const COMMANDS_MAX: usize = 16;
/// Seats of a run, and how many there may be in the smallest event.
const SEATS_MAX: usize = 64;
const SEATS_MIN: usize = 4;

/// A command with its place in the slice it was handed in with.
pub(crate) type Numbered<'c> = (usize, &'c Command);

/// A fact of a run.
struct Made {
    /// Which command of the run it answers.
    at: usize,
    tag: Option<u64>,
    fact: Arc<Fact>,
}

/// What came of a run beside its facts.
struct Ran {
    /// How many commands were in it.
    count: usize,
    /// What those without a fact rest on.
    seen: Seen,
    /// When they were decided.
    now: UtcMs,
    /// Holds that had been expired before.
    expired: u64,
}

/// Room for runs, used again by each run of a slice.
#[derive(Default)]
pub(crate) struct Runner {
    users: Vec<UserId>,
    /// Tags of the commands' keys.
    tags: Vec<Option<u64>>,
    /// All seats of the run, in order.
    seats: Vec<SeatIndex>,
    made: Vec<Made>,
    /// Commands of the run without a fact, and why.
    others: Vec<(usize, Instead)>,
    /// Commands whose facts there was no room for.
    full: Vec<usize>,
    /// The facts' encodings, one after the other; and the facts, where each ends, and what it takes of the room there is.
    bodies: Vec<u8>,
    facts: Vec<(Arc<Fact>, usize, usize)>,
    stamps: Vec<Stamp>,
}

impl Runner {
    fn clear(&mut self) {
        self.users.clear();
        self.tags.clear();
        self.seats.clear();
        self.made.clear();
        self.others.clear();
        self.full.clear();
        self.bodies.clear();
        self.facts.clear();
        self.stamps.clear();
    }

    /// How many of the commands, from the first on, can be in one run. Their seats are in `seats` then.
    fn gather(&mut self, scope: &Scope<'_>, commands: &[Numbered<'_>], canaries: Canaries) -> usize {
        // Of a small event a run does not lock nearly all.
        let seats_max = (scope.layout.manifest.stripe_count() / 4).clamp(SEATS_MIN, SEATS_MAX);
        for (_, command) in commands.iter().take(COMMANDS_MAX) {
            let Some(user) = user_of(command) else { break };
            let before = self.seats.len();
            let known = add_seats(scope, command, &mut self.seats);
            let (earlier, own) = self.seats.split_at(before);
            let fits = known && (earlier.is_empty() || self.seats.len() <= seats_max);
            let meets = self.users.contains(&user) || own.iter().any(|seat| earlier.contains(seat));
            if !fits || (meets && !canaries.on(Canary::MixedRun)) {
                self.seats.truncate(before);
                break;
            }
            self.users.push(user);
            self.tags.push(command.key().map(|key| key.tag(scope.layout)));
        }
        self.seats.sort_unstable();
        self.users.len()
    }

    /// Looks at what deciding the run will look at first. What is read means nothing.
    fn look_ahead(&self, scope: &Scope<'_>, shard: usize, now: UtcMs) {
        let shard = scope.look(shard);
        let mut seen = 0;
        for (user, tag) in self.users.iter().zip(&self.tags) {
            seen += u64::from(shard.usage(*user).held);
            seen += tag.and_then(|tag| shard.keys.find(tag, now)).map_or(0, |revision| revision.0);
        }
        for seat in &self.seats {
            seen += u64::from(scope.layout.stripes.is_locked(*seat));
            seen += u64::from(scope.layout.manifest.class_of(*seat).is_some());
        }
        black_box(seen);
    }
}

/// Whose command it is, if it may be in a run: its stripes are known before it is decided, and what it is decided on is its user's, those
/// seats, and counters that are reserved.
fn user_of(command: &Command) -> Option<UserId> {
    match command {
        Command::Hold(request) => {
            let named = request.items.iter().all(|item| matches!(item, Item::Seats { .. }));
            (request.is_plain() && named).then_some(request.user)
        }
        Command::Release(request) => Some(request.user),
        _ => None,
    }
}

/// Adds the seats of a command that may be in a run. False if it may not be on this event, or names a seat that is not there.
fn add_seats(scope: &Scope<'_>, command: &Command, seats: &mut Vec<SeatIndex>) -> bool {
    let manifest = &scope.layout.manifest;
    match command {
        Command::Hold(request) => {
            let before = seats.len();
            for item in &request.items {
                if let Item::Seats { seats: named, .. } = item {
                    seats.extend_from_slice(named);
                }
            }
            let there = seats[before..].iter().all(|seat| seat.at() < manifest.seat_count());
            there && !manifest.rules().orphan_rule
        }
        Command::Release(request) => {
            let number = request.hold.number;
            let own = number.shard() == request.user.shard();
            let hold = own.then(|| scope.look(number.shard()).holds.get(&number)).flatten();
            let lines = hold.filter(|hold| hold.user == request.user).map(|hold| &hold.lines);
            seats.extend(lines.into_iter().flat_map(|lines| &lines.seats).map(|line| line.seat));
            true
        }
        _ => false,
    }
}

impl EventCore {
    /// Whether there may be runs. On a shared store each fact may have to be taken back by itself; and a defect that tests put in is to show
    /// in every command.
    fn takes_runs(&self) -> bool {
        !self.log.is_shared() && !self.canaries.other_than(Canary::MixedRun)
    }

    /// Stages commands that lock the same shard alone, those of each user in order, each with the outcome of [`stage`](Self::stage).
    pub fn stage_together<'c>(
        self: &Arc<Self>,
        commands: &[Numbered<'c>],
        runner: &mut Runner,
        mut staged: impl FnMut(Numbered<'c>, Staged),
    ) {
        let runs = self.takes_runs();
        let may_follow =
            |(one, other)| user_of(one).is_some_and(|user| user_of(other).is_some_and(|o| o != user));
        let mut rest = commands;
        while let [next, others @ ..] = rest {
            let several = runs && others.first().is_some_and(|other| may_follow((next.1, other.1)));
            let Some(ran) = several.then(|| self.run(rest, runner)).flatten() else {
                staged(*next, self.stage(next.1, None));
                rest = others;
                continue;
            };
            for (stamp, Made { at, fact, .. }) in runner.stamps.iter().zip(runner.made.drain(..)) {
                let logged = Logged { event: self.id, stamp: *stamp, fact, replayed: false };
                staged(rest[at], Staged::Accepted { logged, slot: None });
            }
            for at in runner.full.drain(..) {
                staged(rest[at], Staged::Ready(Err(overloaded().into())));
            }
            let Ran { count, seen, now, expired } = ran;
            for (at, instead) in runner.others.drain(..) {
                let first = First { instead, seen, now, expired };
                staged(rest[at], self.stage_from(rest[at].1, None, Some(first)));
            }
            rest = &rest[count..];
        }
    }

    /// Decides, logs and applies as many commands as can be in one run; `None` if there are not several.
    fn run(self: &Arc<Self>, commands: &[Numbered<'_>], runner: &mut Runner) -> Option<Ran> {
        let ShardSet::One(shard) = commands[0].1.shards() else { return None };
        runner.clear();
        let expired = self.expiry.expired();
        self.locked(ShardSet::One(shard), |scope| {
            if scope.gate() != Gate::Open || self.log.stopped().is_some() {
                return None;
            }
            let count = runner.gather(scope, commands, self.canaries);
            if count < 2 {
                return None;
            }
            let clock = self.clock.now();
            let now = self.log.now(clock);
            runner.look_ahead(scope, shard, now);
            scope.lock_ahead(&runner.seats);
            black_box(runner.seats.iter().filter(|seat| scope.is_free(**seat)).count());
            for (at, (_, command)) in commands[..count].iter().enumerate() {
                scope.known_tag = runner.tags[at];
                match decide(scope, self.id, command, now, self.canaries) {
                    Ok(Decision { fact, valid_until: UtcMs::NEVER }) => {
                        // It stays reserved; what a later command gives back is its own.
                        scope.reserved.clear();
                        let from = runner.bodies.len();
                        fact.encoded(|body| runner.bodies.extend_from_slice(body));
                        let room = self.log.room_of(&runner.bodies[from..], &fact);
                        runner.facts.push((Arc::clone(&fact), runner.bodies.len(), room));
                        runner.made.push(Made { at, tag: scope.tag.take(), fact });
                    }
                    Ok(_) => {
                        scope.give_back();
                        runner.others.push((at, Instead::Changed));
                    }
                    Err(instead) => runner.others.push((at, instead)),
                }
            }
            self.log_run(scope, clock, runner);
            // What was refused may rest on facts of the run.
            let seen = Seen { revision: self.log.sequenced(), epoch: self.epoch.load(Ordering::Acquire) };
            Some(Ran { count, seen, now, expired })
        })
    }

    /// Sequences and applies what was made, as far as there is room.
    fn log_run(self: &Arc<Self>, scope: &mut Scope<'_>, clock: UtcMs, runner: &mut Runner) {
        self.log.sequence_all(clock, &runner.bodies, runner.facts.drain(..), &mut runner.stamps);
        for Made { at, fact, .. } in runner.made.drain(runner.stamps.len()..) {
            if let Fact::HoldPlaced(placed) = &*fact {
                scope.reserved.extend(pool_counts(&scope.layout.manifest, &placed.lines));
            }
            runner.full.push(at);
        }
        scope.give_back();
        for (stamp, made) in runner.stamps.iter().zip(&runner.made) {
            scope.tag = made.tag;
            let origin = Origin::Decided { lasting: stamp.at };
            if let Err(violation) = apply(&self.state, scope, *stamp, &made.fact, origin) {
                // Whoever sends next tells who waits.
                self.log.latch(Stop::Violated(violation));
            }
        }
    }
}
