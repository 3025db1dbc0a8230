//! Overdue holds and due allocations: expired as ordinary commands, by maintenance or by whoever meets them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::scope::{ShardSet, with_shards};
use super::{EventCore, Staged};
use crate::command::Command;
use crate::id::{AllocationIndex, HoldNumber, Revision, SHARDS};
use crate::limits::EXPIRE_BATCH_MAX;
use crate::refusal::{Refusal, SeatState};
use crate::time::UtcMs;

/// What a round of expiry did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round {
    /// Holds and allocations that were ended.
    pub ended: usize,
    /// Whether more is due now.
    pub more: bool,
}

impl EventCore {
    /// Clears the way for a refused command: expires overdue owners it met, or everything due if only counters refused it. Says
    /// whether anything was expired, and otherwise fills in until when the seats are held and which revision says so.
    pub(super) fn make_way(
        self: &Arc<Self>,
        owners: &[HoldNumber],
        now: UtcMs,
        refusal: &mut Refusal,
    ) -> (bool, Revision) {
        if owners.is_empty() {
            let due = self.state.next_due.load(Ordering::Acquire) <= now.0;
            return (due && self.expire_due(now, usize::MAX).ended > 0, Revision::ZERO);
        }
        let mut expired = false;
        let mut known = Revision::ZERO;
        let Refusal::SeatsUnavailable(conflicts) = refusal else { return (false, known) };
        let held = conflicts.iter_mut().filter(|conflict| conflict.state == SeatState::Held);
        // Owners come in the order of the request, conflicts by seat: pair them by looking at the owner's lines.
        let mut held: Vec<_> = held.collect();
        for &owner in owners {
            let found = with_shards(&self.state, ShardSet::One(owner.shard()), |scope| {
                let hold = scope.shard(owner.shard()).holds.get(&owner)?;
                Some((hold.deadline, hold.version, hold.lines.clone()))
            });
            match found {
                Some((deadline, _, _)) if deadline <= now => {
                    expired |= matches!(self.stage(&Command::Expire(owner), None), Staged::Accepted { .. });
                }
                Some((deadline, version, lines)) => {
                    known = known.max(version);
                    for conflict in &mut held {
                        if lines.seats.iter().any(|line| line.seat == conflict.seat) {
                            conflict.until = Some(deadline);
                        }
                    }
                }
                // It ended meanwhile: worth another look.
                None => expired = true,
            }
        }
        (expired, known)
    }

    /// Expires what is due at `now`, at most `limit` holds, and sends it.
    pub fn expire(self: &Arc<Self>, limit: usize) -> Round {
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
        round
    }

    fn expire_due(self: &Arc<Self>, now: UtcMs, limit: usize) -> Round {
        let mut round = Round::default();
        // Raised first and lowered again shard by shard, so that no hold placed meanwhile is missed.
        self.state.next_due.store(u64::MAX, Ordering::Release);
        let mut due = Vec::new();
        for shard in 0..SHARDS {
            loop {
                due.clear();
                let room = (limit - round.ended).min(EXPIRE_BATCH_MAX);
                let (more, next) = with_shards(&self.state, ShardSet::One(shard), |scope| {
                    let wheel = &mut scope.shard(shard).wheel;
                    if wheel.next_due() > now {
                        return (false, wheel.next_due());
                    }
                    let more = wheel.advance(now, room, &mut due);
                    (more, wheel.next_due())
                });
                self.state.due_at(next);
                for &number in &due {
                    if matches!(self.stage(&Command::Expire(number), None), Staged::Accepted { .. }) {
                        round.ended += 1;
                    } else {
                        self.put_back(number);
                    }
                }
                round.more |= more;
                if !more || round.ended >= limit || due.is_empty() {
                    break;
                }
                round.more = false;
            }
        }
        round
    }

    /// A hold that fired and was not expired (the log is full, or its deadline moved): back into the wheel.
    fn put_back(&self, number: HoldNumber) {
        let deadline = with_shards(&self.state, ShardSet::One(number.shard()), |scope| {
            let shard = scope.shard(number.shard());
            shard.schedule(number);
            shard.holds.get(&number).map(|hold| hold.deadline)
        });
        if let Some(deadline) = deadline {
            self.state.due_at(deadline);
        }
    }

    fn release_due_allocations(self: &Arc<Self>, now: UtcMs) -> usize {
        let layout = self.state.layout.load_full();
        let allocations = layout.manifest.allocations().iter().enumerate();
        let due = allocations.filter(|(at, allocation)| {
            allocation.release_at.is_some_and(|due| due <= now) && layout.released >> at & 1 == 0
        });
        due.map(|(at, _)| self.stage(&Command::ReleaseDue(AllocationIndex::of(at)), None))
            .filter(|staged| matches!(staged, Staged::Accepted { .. }))
            .count()
    }
}
