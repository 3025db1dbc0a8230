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
use super::submit::{First, Seen, Staged};
use super::touched::pool_counts;
use crate::answer::Logged;
use crate::command::Command;
use crate::fact::{Fact, Stamp};
use crate::id::{SeatIndex, UserId};
use crate::log::Stop;
use crate::request::Item;
use crate::sync::atomic::Ordering;
use crate::time::UtcMs;

/// Commands of a run: others wait meanwhile for the locks it has.
const COMMANDS_MAX: usize = 16;
/// Seats of a run.
const SEATS_MAX: usize = 64;

/// A command, by its place in the slice it came with.
pub(crate) type Member<'c> = (usize, &'c Command);

/// A fact of a run.
struct Made {
    /// Which of the commands it answers.
    member: usize,
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
    /// Commands without a fact, and why.
    others: Vec<(usize, Instead)>,
    /// The facts' encodings, one after the other, and where each ends.
    bodies: Vec<u8>,
    ends: Vec<usize>,
    stamps: Vec<Stamp>,
}

impl Runner {
    fn clear(&mut self) {
        self.users.clear();
        self.tags.clear();
        self.seats.clear();
        self.made.clear();
        self.others.clear();
        self.bodies.clear();
        self.ends.clear();
        self.stamps.clear();
    }

    /// How many of the commands, from the first on, can be in one run. Their seats are in `seats` then.
    fn gather(&mut self, scope: &Scope<'_>, commands: &[Member<'_>]) -> usize {
        for (_, command) in commands.iter().take(COMMANDS_MAX) {
            let before = self.seats.len();
            let user = seats_of(scope, command, &mut self.seats);
            let fits = before == 0 || self.seats.len() <= SEATS_MAX;
            match user.filter(|user| fits && !self.users.contains(user)) {
                Some(user) => self.users.push(user),
                None => {
                    self.seats.truncate(before);
                    break;
                }
            }
            self.tags.push(command.key().map(|key| key.tag(scope.layout)));
        }
        self.seats.sort_unstable();
        if self.seats.windows(2).any(|two| two[0] == two[1]) { 1 } else { self.users.len() }
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
/// seats, and counters that are reserved. Its seats are added to `seats`.
fn seats_of(scope: &Scope<'_>, command: &Command, seats: &mut Vec<SeatIndex>) -> Option<UserId> {
    let manifest = &scope.layout.manifest;
    let before = seats.len();
    let user = match command {
        Command::Hold(request) if request.is_plain() && !manifest.rules().orphan_rule => {
            for item in &request.items {
                let Item::Seats { seats: named, .. } = item else { return None };
                seats.extend_from_slice(named);
            }
            request.user
        }
        Command::Release(request) => {
            let number = request.hold.number;
            let own = number.shard() == request.user.shard();
            let hold = own.then(|| scope.look(number.shard()).holds.get(&number)).flatten();
            let lines = hold.filter(|hold| hold.user == request.user).map(|hold| &hold.lines);
            seats.extend(lines.into_iter().flat_map(|lines| &lines.seats).map(|line| line.seat));
            request.user
        }
        _ => return None,
    };
    seats[before..].iter().all(|seat| seat.at() < manifest.seat_count()).then_some(user)
}

impl EventCore {
    /// Whether there may be runs. On a shared store each fact may have to be taken back by itself; and a defect that tests put in is to show
    /// in every command.
    fn takes_runs(&self) -> bool {
        !self.log.is_shared() && !self.canaries.any()
    }

    /// Stages commands that lock the same shard alone, in order, each with the outcome of [`stage`](Self::stage).
    pub fn stage_together<'c>(
        self: &Arc<Self>,
        commands: &[Member<'c>],
        runner: &mut Runner,
        mut staged: impl FnMut(Member<'c>, Staged),
    ) {
        let mut rest = commands;
        while let [next, others @ ..] = rest {
            let alone = others.is_empty() || !self.takes_runs();
            let Some(Ran { count, seen, now, expired }) = (!alone).then(|| self.run(rest, runner)).flatten()
            else {
                staged(*next, self.stage(next.1, None));
                rest = others;
                continue;
            };
            for (stamp, Made { member, fact, .. }) in runner.stamps.iter().zip(runner.made.drain(..)) {
                let logged = Logged { event: self.id, stamp: *stamp, fact, replayed: false };
                staged(rest[member], Staged::Accepted { logged, slot: None });
            }
            for (member, instead) in runner.others.drain(..) {
                let first = First { instead, seen, now, expired };
                staged(rest[member], self.stage_from(rest[member].1, None, Some(first)));
            }
            rest = &rest[count..];
        }
    }

    /// Decides, logs and applies as many commands as can be in one run; `None` if there are not several.
    fn run(self: &Arc<Self>, commands: &[Member<'_>], runner: &mut Runner) -> Option<Ran> {
        let ShardSet::One(shard) = commands[0].1.shards() else { return None };
        runner.clear();
        let expired = self.expiry.expired();
        self.locked(ShardSet::One(shard), |scope| {
            if scope.gate() != Gate::Open || self.log.stopped().is_some() {
                return None;
            }
            let count = runner.gather(scope, commands);
            if count < 2 {
                return None;
            }
            let clock = self.clock.now();
            let now = self.log.now(clock);
            runner.look_ahead(scope, shard, now);
            scope.lock_ahead(&runner.seats);
            black_box(runner.seats.iter().filter(|seat| scope.is_free(**seat)).count());
            for (member, (_, command)) in commands[..count].iter().enumerate() {
                scope.known_tag = runner.tags[member];
                match decide(scope, self.id, command, now, self.canaries) {
                    Ok(Decision { fact, valid_until }) => {
                        debug_assert_eq!(
                            valid_until,
                            UtcMs::NEVER,
                            "a fact of a run holds whenever it is logged"
                        );
                        // It stays reserved; what a later command gives back is its own.
                        scope.reserved.clear();
                        fact.encoded(|body| runner.bodies.extend_from_slice(body));
                        runner.ends.push(runner.bodies.len());
                        runner.made.push(Made { member, tag: scope.tag.take(), fact });
                    }
                    Err(instead) => runner.others.push((member, instead)),
                }
            }
            self.log_run(scope, clock, runner);
            // What was refused may rest on facts of the run.
            let seen = Seen { revision: self.log.sequenced(), epoch: self.epoch.load(Ordering::Acquire) };
            Some(Ran { count, seen, now, expired })
        })
    }

    /// Sequences and applies what was made. That for which there is no room is decided again by itself, and then told so.
    fn log_run(self: &Arc<Self>, scope: &mut Scope<'_>, clock: UtcMs, runner: &mut Runner) {
        let facts = runner.made.iter().map(|made| &made.fact);
        self.log.sequence_all(clock, (&runner.bodies, &runner.ends), facts, &mut runner.stamps);
        for Made { member, fact, .. } in runner.made.drain(runner.stamps.len()..) {
            if let Fact::HoldPlaced(placed) = &*fact {
                scope.reserved = pool_counts(&scope.layout.manifest, &placed.lines);
                scope.give_back();
            }
            runner.others.push((member, Instead::Changed));
        }
        for (stamp, made) in runner.stamps.iter().zip(&runner.made) {
            scope.tag = made.tag;
            let origin = Origin::Decided { lasting: stamp.at };
            if let Err(violation) = apply(&self.state, scope, *stamp, &made.fact, origin) {
                // The next pump tells who waits.
                self.log.latch(Stop::Violated(violation));
            }
        }
    }
}
