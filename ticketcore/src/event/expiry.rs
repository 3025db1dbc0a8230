//! Overdue holds and due allocations: expired as ordinary commands, by maintenance or by whoever meets them.

use std::sync::Arc;

use super::scope::ShardSet;
use super::{EventCore, Staged};
use crate::answer::CommandError;
use crate::command::Command;
use crate::id::{HoldNumber, Revision, SHARDS};
use crate::limits::EXPIRE_BATCH_MAX;
use crate::refusal::{Refusal, SeatConflict, SeatState};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::time::UtcMs;

/// What a round of expiry did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Round {
    /// Holds and allocations that were ended.
    pub ended: usize,
    /// Whether more is due now.
    pub more: bool,
    /// Why what is due can't be ended now.
    pub blocked: Option<CommandError>,
}

/// How far expiry has come: a refusal must not rest on a hold that somebody is expiring, or has expired since it was decided.
#[derive(Default)]
pub(super) struct Expiry {
    /// Passes over all shards that are under way or wait for their turn.
    passes: AtomicU32,
    /// One pass at a time.
    pass: Mutex<()>,
    /// Holds expired so far.
    expired: AtomicU64,
}

impl Expiry {
    /// Holds expired so far.
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Acquire)
    }

    /// A hold was expired.
    pub fn count(&self) {
        self.expired.fetch_add(1, Ordering::AcqRel);
    }

    /// Runs `pass` alone.
    fn alone<R>(&self, pass: impl FnOnce() -> R) -> R {
        self.passes.fetch_add(1, Ordering::AcqRel);
        let result = {
            let _alone = self.pass.lock();
            pass()
        };
        self.passes.fetch_sub(1, Ordering::AcqRel);
        result
    }
}

/// What was done for a command that overdue holds may have kept from a yes.
pub(super) enum Way {
    /// Something was expired since it was decided: decide it again.
    Clearer,
    /// Overdue holds are in the way and can't be expired now.
    Blocked(CommandError),
    /// Nothing overdue is in the way; facts up to this revision say so.
    Same(Revision),
}

impl EventCore {
    /// Clears the way for a refused command: expires overdue owners it met, or everything due if only counters refused it. Fills in
    /// until when the seats are held. `expired` holds had been expired before the command was decided.
    pub(super) fn make_way(
        self: &Arc<Self>,
        owners: &[HoldNumber],
        now: UtcMs,
        expired: u64,
        refusal: &mut Refusal,
    ) -> Way {
        let way = match refusal {
            Refusal::SeatsUnavailable(conflicts) if !owners.is_empty() => {
                self.expire_owners(owners, now, conflicts)
            }
            _ if !owners.is_empty() => self.expire_owners(owners, now, &mut []),
            _ => self.expire_for_counters(now, expired),
        };
        if matches!(way, Way::Clearer) {
            self.log.pump();
        }
        way
    }

    fn expire_for_counters(self: &Arc<Self>, now: UtcMs, expired: u64) -> Way {
        if self.release_due_allocations(now) > 0 {
            return Way::Clearer;
        }
        if self.nothing_due(now) && self.expiry.expired() == expired {
            return Way::Same(Revision::ZERO);
        }
        let round = self.expire_due(now, usize::MAX);
        match round.blocked {
            Some(error) => Way::Blocked(error),
            None if self.expiry.expired() != expired => Way::Clearer,
            None => Way::Same(Revision::ZERO),
        }
    }

    fn expire_owners(
        self: &Arc<Self>,
        owners: &[HoldNumber],
        now: UtcMs,
        conflicts: &mut [SeatConflict],
    ) -> Way {
        match self.look_at_owners(owners, now, conflicts) {
            Ok(known) => Way::Same(known),
            Err(overdue) => {
                for owner in overdue {
                    if let Staged::Ready(Err(error)) = self.stage(&Command::Expire(owner), None) {
                        return Way::Blocked(error);
                    }
                }
                Way::Clearer
            }
        }
    }

    /// Until when seats are held, filled in, and the last revision that says so; or those of the owners that are overdue, or have ended
    /// meanwhile.
    fn look_at_owners(
        &self,
        owners: &[HoldNumber],
        now: UtcMs,
        conflicts: &mut [SeatConflict],
    ) -> Result<Revision, Vec<HoldNumber>> {
        let mut known = Revision::ZERO;
        let mut overdue = Vec::new();
        for &owner in owners {
            let found = self.locked(ShardSet::One(owner.shard()), |scope| {
                let hold = scope.look(owner.shard()).holds.get(&owner).filter(|hold| hold.deadline > now)?;
                let kept = |seat| hold.lines.seats.binary_search_by_key(&seat, |line| line.seat).is_ok();
                for conflict in conflicts.iter_mut().filter(|c| c.state == SeatState::Held && kept(c.seat)) {
                    conflict.until = Some(hold.deadline);
                }
                Some(hold.version)
            });
            match found {
                Some(version) => known = known.max(version),
                None => overdue.push(owner),
            }
        }
        if overdue.is_empty() { Ok(known) } else { Err(overdue) }
    }

    /// If nothing overdue can be in the way of a refused command: the last revision that says so. `until`s are filled in.
    pub(super) fn nothing_overdue(
        &self,
        owners: &[HoldNumber],
        now: UtcMs,
        refusal: &mut Refusal,
    ) -> Option<Revision> {
        match refusal {
            Refusal::SeatsUnavailable(conflicts) if !owners.is_empty() => {
                self.look_at_owners(owners, now, conflicts).ok()
            }
            _ => {
                let layout = self.state.layout.load();
                let nothing = self.nothing_due(now) && layout.due_allocations(now).next().is_none();
                nothing.then_some(Revision::ZERO)
            }
        }
    }

    fn nothing_due(&self, now: UtcMs) -> bool {
        // In this order: a pass raises the one while it runs, and counts in the other until it has ended.
        self.state.next_due.load(Ordering::Acquire) > now.0 && self.expiry.passes.load(Ordering::Acquire) == 0
    }

    /// Expires what is due at `now`, at most `limit` holds, and sends it.
    pub fn expire(self: &Arc<Self>, limit: usize) -> Round {
        if self.log.stopped().is_some() {
            return Round::default();
        }
        let now = self.log.now(self.clock.now());
        let mut round = Round::default();
        if self.state.next_due.load(Ordering::Acquire) <= now.0 {
            round = self.expire_due(now, limit);
        }
        let released = self.release_due_allocations(now);
        round.ended += released;
        if round.ended > 0 {
            self.log.pump();
        }
        round.more |= self.offer_due(limit);
        round
    }

    fn expire_due(self: &Arc<Self>, now: UtcMs, limit: usize) -> Round {
        self.expiry.alone(|| {
            let mut round = Round::default();
            // Raised first and lowered again shard by shard, so that no hold placed meanwhile is missed.
            self.state.next_due.store(u64::MAX, Ordering::Release);
            for shard in 0..SHARDS {
                self.expire_shard(shard, now, limit, &mut round);
            }
            round.more &= round.blocked.is_none();
            round
        })
    }

    fn expire_shard(self: &Arc<Self>, shard: usize, now: UtcMs, limit: usize, round: &mut Round) {
        let mut due = Vec::new();
        loop {
            due.clear();
            let room = if round.blocked.is_some() { 0 } else { (limit - round.ended).min(EXPIRE_BATCH_MAX) };
            let (more, next) = self.locked(ShardSet::One(shard), |scope| {
                let wheel = &mut scope.shard(shard).wheel;
                if room == 0 || wheel.next_due() > now {
                    return (wheel.next_due() <= now, wheel.next_due());
                }
                (wheel.advance(now, room, &mut due), wheel.next_due())
            });
            self.state.due_at(next);
            for &number in &due {
                match self.stage(&Command::Expire(number), None) {
                    Staged::Accepted { .. } => round.ended += 1,
                    Staged::Ready(Err(error)) => {
                        round.blocked = Some(error);
                        self.put_back(number);
                    }
                    _ => self.put_back(number),
                }
            }
            if !more || due.is_empty() {
                round.more |= more;
                return;
            }
        }
    }

    /// A hold that fired and was not expired (the log is full, or its deadline moved): back into the wheel.
    fn put_back(&self, number: HoldNumber) {
        let deadline = self.locked(ShardSet::One(number.shard()), |scope| {
            let shard = scope.shard(number.shard());
            shard.schedule(number);
            shard.holds.get(&number).map(|hold| hold.deadline)
        });
        if let Some(deadline) = deadline {
            self.state.due_at(deadline);
        }
    }

    fn release_due_allocations(self: &Arc<Self>, now: UtcMs) -> usize {
        let layout = self.state.layout.load();
        if layout.manifest.allocations().is_empty() {
            return 0;
        }
        let due = layout.due_allocations(now);
        due.map(|allocation| self.stage(&Command::ReleaseDue(allocation), None))
            .filter(|staged| matches!(staged, Staged::Accepted { .. }))
            .count()
    }
}
