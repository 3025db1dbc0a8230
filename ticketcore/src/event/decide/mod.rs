//! `decide`: what a command would do to the state, as a fact, or why not. Pure: it reads what is locked, reserves pools, and
//! changes nothing else. See `docs/SEMANTICS.md`, from which it is written.

mod basket;
mod beside;
mod checkout;
mod dispute;
mod hold;
mod known;
mod late;
mod news;
mod order;
mod orphan;
mod sold;
mod staff;
mod swap;
mod waiting;

use std::sync::Arc;

use super::pool::PoolName;
use super::scope::Scope;
use super::touched::pool_counts;
use crate::answer::Reply;
use crate::canary::{Canaries, Canary};
use crate::command::{Command, CommandKey};
use crate::fact::Fact;
use crate::id::{EventId, HoldNumber, Revision};
use crate::refusal::Refusal;
use crate::sale::Activity;
use crate::time::UtcMs;

pub(crate) use known::check_items;
pub(super) use known::known;
pub(super) use orphan::ORPHAN_MARGIN;

/// What a command would do.
pub(crate) struct Decision {
    pub fact: Arc<Fact>,
    /// The fact may be logged before this instant; from then on the command must be decided again.
    pub valid_until: UtcMs,
}

/// Why a command logs no fact.
pub(crate) enum Instead {
    /// It is refused.
    Refused(Refusal),
    /// It was carried out before, at this revision.
    Replay(Revision),
    /// There is nothing to do; this is the answer.
    Answer(Reply),
    /// Overdue holds may be in its way: numbers of owners met, none if only counters are.
    Overdue(Refusal, Vec<HoldNumber>),
    /// What it saw without locks has changed: decide again.
    Changed,
    /// Places of these categories may be due to who waits for them.
    Waiting(u64),
}

impl From<Refusal> for Instead {
    fn from(refusal: Refusal) -> Self {
        Instead::Refused(refusal)
    }
}

type Decided = Result<Decision, Instead>;

/// Decides `command` at time `now`. The command's shards must be locked; stripes are locked here and stay locked.
pub(crate) fn decide(
    scope: &mut Scope<'_>,
    event: EventId,
    command: &Command,
    now: UtcMs,
    canaries: Canaries,
) -> Decided {
    let mut decide = Decide { scope, event, now, canaries };
    let keyed = decide.idempotency(command)?;
    match command {
        Command::Hold(request) => decide.hold(request, keyed),
        Command::Amend(request) => decide.amend(request, keyed),
        Command::Extend(request) => decide.extend(request, keyed),
        Command::Release(request) => decide.release(request, keyed),
        Command::Expire(number) => decide.expire(*number),
        Command::OpenOrder(request) => decide.open_order(request, keyed),
        Command::ConfirmOrder(request) => decide.confirm_order(request, keyed),
        Command::CancelOrder(request) => decide.cancel_order(request, keyed),
        Command::Seats(request) => decide.seats(request, keyed),
        Command::Places(request) => decide.places(request, keyed),
        Command::ForceRelease(request) => decide.force_release(request, keyed),
        Command::ReleaseAllocation(allocation) => decide.release_allocation(*allocation),
        Command::ReleaseDue(allocation) => decide.release_due(*allocation),
        Command::SaleState(request) => decide.sale_state(request.to),
        Command::Manifest(request) => decide.manifest(request),
        Command::PaymentRules(request) => decide.payment_rules(request),
        Command::Checkout(request) => decide.checkout(request, keyed),
        Command::Pay(request) => decide.pay(request, keyed),
        Command::Observe(request) => decide.observe(request),
        Command::StaffOrder(request) => decide.staff_order(request, keyed),
        Command::Transfer(request) => decide.transfer(request, keyed),
        Command::Exchange(request) => decide.exchange(request, keyed),
        Command::Redeem(request) => decide.redeem(request, keyed),
        Command::AddVouchers(request) => decide.add_vouchers(request, keyed),
        Command::RevokeVouchers(request) => decide.revoke_vouchers(request, keyed),
        Command::WaitingRules(request) => decide.waiting_rules(request),
        Command::JoinWaiting(request) => decide.join_waiting(request, keyed),
        Command::LeaveWaiting(request) => decide.leave_waiting(request, keyed),
        Command::Offer(entry, user) => decide.offer(*entry, *user),
    }
}

struct Decide<'s, 'a> {
    scope: &'s mut Scope<'a>,
    event: EventId,
    now: UtcMs,
    canaries: Canaries,
}

impl Decide<'_, '_> {
    fn idempotency<'r>(&mut self, command: &'r Command) -> Result<Option<CommandKey<'r>>, Instead> {
        let Some(asked) = command.key() else { return Ok(None) };
        let tag = match self.scope.known_tag.take() {
            Some(known) => known,
            None => asked.tag(self.scope.layout),
        };
        self.scope.tag = Some(tag);
        match self.scope.look(asked.user.shard()).keys.find(tag, self.now) {
            Some(revision) if !self.canaries.on(Canary::ForgetIdempotency) => Err(Instead::Replay(revision)),
            _ => Ok(Some(asked)),
        }
    }

    fn allowed(&self, activity: Activity) -> Result<(), Instead> {
        let state = self.scope.layout.sale_state;
        if state.allows(activity) { Ok(()) } else { Err(Refusal::SaleState { state, activity }.into()) }
    }

    /// A fact that holds whenever it is logged.
    fn always(fact: Fact) -> Decided {
        Self::until(fact, UtcMs::NEVER)
    }

    /// A fact that must be logged before `valid_until`.
    fn until(fact: Fact, valid_until: UtcMs) -> Decided {
        Ok(Decision { fact: Arc::new(fact), valid_until })
    }

    /// The instant from which a fact that names times made from `now` must be made again.
    fn this_instant(&self) -> UtcMs {
        self.now.plus_ms(1)
    }

    /// Reserves `count` places of a pool, those that the fact itself gives back counted as left.
    fn reserve(&mut self, pool: PoolName, count: u32, credit: u32) -> Result<(), u32> {
        self.scope.layout.pools.take(pool, count, credit)?;
        self.scope.reserved.push((pool, count));
        Ok(())
    }

    /// What a set of lines gives back to a pool.
    fn credit(&self, removed: &crate::fact::Lines, pool: PoolName) -> u32 {
        let counts = pool_counts(&self.scope.layout.manifest, removed);
        counts.into_iter().filter(|(name, _)| *name == pool).map(|(_, count)| count).sum()
    }
}
