//! Reads of the live state by those who may see it. What they return must wait until it is durable.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::EventCore;
use super::decide::{Instead, decide};
use super::scope::{ShardSet, with_shards};
use super::shard::{HoldRecord, Shard, is_remembered};
use super::stripe::SeatSlot;
use super::vouchers::Voucher;
use crate::answer::{CommandError, DueOrder, Hold, Order, OrderDetails};
use crate::command::Command;
use crate::fact::Fact;
use crate::id::{HoldId, HoldNumber, OrderId, SHARDS, SeatIndex, UserId};
use crate::key::{IdempotencyKey, Operation, key_tag};
use crate::log::{Slot, Told, Wake};
use crate::manifest::ManifestChange;
use crate::order::{OrderRecord, OrderState};
use crate::refusal::Refusal;
use crate::request::ManifestRequest;
use crate::sale::SaleState;
use crate::sync::atomic::Ordering;
use crate::time::UtcMs;
use crate::voucher::{CodeHash, VoucherInfo};
use crate::waiting::WaitingEntry;

/// Where an open event stands.
#[cfg(feature = "testkit")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The time a fact logged now would get.
    pub now: UtcMs,
    /// The last revision given out.
    pub sequenced: crate::id::Revision,
    /// The last durable revision.
    pub durable: crate::id::Revision,
    /// Rebases so far.
    pub epoch: u64,
}

impl EventCore {
    /// Where it stands.
    #[cfg(feature = "testkit")]
    pub fn progress(&self) -> Progress {
        Progress {
            now: self.log.now(self.clock.now()),
            sequenced: self.log.sequenced(),
            durable: self.log.durable(),
            epoch: self.epoch.load(Ordering::Acquire) / 2,
        }
    }

    /// Runs `read` on the live state and returns what it found once all of that is durable. On a shared store that is at least what
    /// was in the journal when this was called. Reads again if another writer was first.
    pub fn read_durably<R>(self: &Arc<Self>, read: impl Fn(&Self) -> R) -> Result<R, CommandError> {
        loop {
            let epoch = self.quiet_epoch();
            let found = read(self);
            let seen = self.log.sequenced();
            if self.log.durable() < seen || self.log.is_shared() {
                self.log.send();
                let slot: Arc<Slot<Result<(), CommandError>>> = Slot::new();
                let fill = Arc::clone(&slot);
                let wake: Wake = Box::new(move |told| {
                    fill.fill(if let Told::Stopped(stop) = told { Err(stop.error()) } else { Ok(()) });
                });
                if self.log.is_shared() {
                    self.log.enlist_at_end(seen, wake).tell();
                    // Taken back before it was enlisted: nobody will tell.
                    if self.epoch.load(Ordering::Acquire) != epoch {
                        continue;
                    }
                    self.ask_end();
                } else {
                    self.log.enlist(seen, wake).tell();
                }
                slot.wait(None).unwrap_or(Ok(()))?;
            }
            if self.epoch.load(Ordering::Acquire) == epoch {
                return Ok(found);
            }
        }
    }

    /// States and versions of seats.
    pub fn seats(&self, seats: &[SeatIndex]) -> Vec<(SeatIndex, SeatSlot)> {
        with_shards(&self.state, ShardSet::One(0), |scope| {
            let real: Vec<SeatIndex> =
                seats.iter().copied().filter(|seat| scope.layout.manifest.is_real(*seat)).collect();
            scope.lock_stripes(real.iter().copied(), 0);
            real.iter().map(|&seat| (seat, scope.seat(seat))).collect()
        })
    }

    /// A live hold of a user.
    pub fn find_hold(&self, id: HoldId, user: UserId) -> Result<Hold, Refusal> {
        let at = self.log.now(self.clock.now());
        with_shards(&self.state, ShardSet::One(id.number.shard()), |scope| {
            let hold = scope.shard(id.number.shard()).holds.get(&id.number);
            let hold =
                hold.filter(|hold| hold.user == user && hold.deadline > at).ok_or(Refusal::UnknownHold)?;
            Ok(Hold {
                id,
                user,
                lines: hold.lines.clone(),
                total_minor: hold.lines.total_minor().unwrap_or(i64::MAX),
                deadline: hold.deadline,
                at,
                extensions_left: hold.extensions_left,
                version: hold.version,
                replayed: false,
            })
        })
    }

    /// Whether a command with this key was accepted, and is remembered.
    pub fn knows_key(&self, user: UserId, operation: Operation, key: &IdempotencyKey) -> bool {
        let at = self.log.now(self.clock.now());
        with_shards(&self.state, ShardSet::One(user.shard()), |scope| {
            let tag = key_tag(scope.layout.manifest.rules().key_secret, user, operation, key);
            scope.look(user.shard()).keys.find(tag, at).is_some()
        })
    }

    /// What a user waits for, and live holds that were offered to him.
    pub fn waiting_of(&self, user: UserId) -> (Vec<WaitingEntry>, Vec<Hold>) {
        let (entries, numbers) = with_shards(&self.state, ShardSet::One(user.shard()), |scope| {
            let offered = |hold: &HoldRecord| hold.with.as_ref().is_some_and(|with| with.waiting.is_some());
            let holds = scope.look(user.shard()).holds.iter();
            let numbers = holds.filter(|(_, hold)| hold.user == user && offered(hold)).map(|(n, _)| *n);
            let entry = |(entry, wish)| WaitingEntry { entry, wish, replayed: false };
            let entries = scope.layout.waiting.of_user(user).into_iter().map(entry);
            (entries.collect(), numbers.collect::<BTreeSet<_>>())
        });
        let id = |number| HoldId { event: self.id, number };
        let holds = numbers.into_iter().filter_map(|number| self.find_hold(id(number), user).ok());
        (entries, holds.collect())
    }

    /// The voucher with a code.
    pub fn find_voucher(&self, code: &str) -> Option<VoucherInfo> {
        with_shards(&self.state, ShardSet::One(0), |scope| {
            let vouchers = &scope.layout.vouchers;
            let voucher = vouchers.find(CodeHash::of(scope.layout.manifest.rules().key_secret, code))?;
            let Voucher { batch, terms, uses, revoked, batch_revoked } = vouchers.get(voucher)?;
            Some(VoucherInfo { voucher, batch, terms, uses, revoked: revoked || batch_revoked })
        })
    }

    /// An order of a user.
    pub fn find_order(&self, id: OrderId, user: UserId) -> Result<Order, Refusal> {
        let at = self.log.now(self.clock.now());
        with_shards(&self.state, ShardSet::One(id.number.shard()), |scope| {
            let order = order_in(scope.look(id.number.shard()), id, at);
            order.filter(|order| order.user == user).ok_or(Refusal::UnknownOrder)
        })
    }

    /// Orders with something to be done about them.
    pub fn due_orders(&self, after: HoldNumber, limit: usize) -> Vec<DueOrder> {
        let mut due = Vec::new();
        for at in 0..SHARDS {
            with_shards(&self.state, ShardSet::One(at), |scope| {
                let cancelled = scope.layout.sale_state == SaleState::Cancelled;
                let shard = scope.look(at);
                let later = shard.due.range((Bound::Excluded(after), Bound::Unbounded)).take(limit);
                due.extend(later.filter_map(|number| {
                    let order = shard.orders.get(number)?;
                    let effect = order.next_effect(cancelled)?;
                    let beside = order.effects_beside(&effect);
                    let (user, order) = (order.user, OrderId { event: self.id, number: *number });
                    Some(DueOrder { order, user, effect, beside })
                }));
            });
        }
        due.sort_unstable_by_key(|due| due.order.number);
        due.truncate(limit);
        due
    }

    /// Visits every order, shard by shard.
    pub fn each_order(&self, mut each: impl FnMut(HoldNumber, &OrderRecord)) {
        for at in 0..SHARDS {
            with_shards(&self.state, ShardSet::One(at), |scope| {
                scope.look(at).orders.iter().for_each(|(number, order)| each(*number, order));
            });
        }
    }

    /// The orders of a user, ascending.
    pub fn orders_in_detail(&self, user: UserId) -> Vec<OrderDetails> {
        let own = with_shards(&self.state, ShardSet::One(user.shard()), |scope| {
            let orders = scope.look(user.shard()).orders.iter();
            let mut own: Vec<_> = orders.filter(|(_, o)| o.user == user).map(|(number, _)| *number).collect();
            own.sort_unstable();
            own
        });
        let details = |number| self.order_details(OrderId { event: self.id, number }).ok();
        own.into_iter().filter_map(details).collect()
    }

    /// Orders after a number, ascending, at most `limit`: all, or those in one state. O(orders).
    pub fn orders_after(
        &self,
        after: HoldNumber,
        state: Option<OrderState>,
        limit: usize,
    ) -> Vec<OrderDetails> {
        let mut found = Vec::new();
        self.each_order(|number, order| {
            if number > after && state.is_none_or(|state| order.state == state) {
                found.push(number);
            }
        });
        found.sort_unstable();
        let details = |number| self.order_details(OrderId { event: self.id, number }).ok();
        found.into_iter().take(limit).filter_map(details).collect()
    }

    /// Whose hold or order it is.
    pub fn user_of(&self, number: HoldNumber) -> Option<UserId> {
        with_shards(&self.state, ShardSet::One(number.shard()), |scope| {
            let shard = scope.look(number.shard());
            let hold = shard.holds.get(&number).map(|hold| hold.user);
            hold.or_else(|| shard.orders.get(&number).map(|order| order.user))
        })
    }

    /// All that is known of an order.
    pub fn order_details(&self, id: OrderId) -> Result<OrderDetails, Refusal> {
        let at = self.log.now(self.clock.now());
        with_shards(&self.state, ShardSet::One(id.number.shard()), |scope| {
            let cancelled = scope.layout.sale_state == SaleState::Cancelled;
            let shard = scope.look(id.number.shard());
            let order = order_in(shard, id, at).ok_or(Refusal::UnknownOrder)?;
            let record = shard.orders.get(&id.number).ok_or(Refusal::UnknownOrder)?;
            let tickets = 0..if record.state == OrderState::Confirmed { record.ticket_count() } else { 0 };
            let account = record.account.as_deref().cloned().unwrap_or_default();
            let next = record.next_effect(cancelled);
            Ok(OrderDetails {
                order,
                terms: account.terms,
                amount_minor: account.amount_minor,
                tickets: tickets.filter_map(|at| record.place(at).zip(record.ticket(at))).collect(),
                beside: next.as_ref().map(|next| record.effects_beside(next)).unwrap_or_default(),
                next,
                extra: account.extra,
                payments: account.payments,
                refunds: account.refunds,
                reason: account.reason,
                disputed_minor: account.disputed_minor,
                disputes: account.disputes,
            })
        })
    }

    /// What a change of the manifest would be, if it is allowed now.
    pub fn plan_manifest_change(&self, request: &ManifestRequest) -> Result<ManifestChange, CommandError> {
        let now = self.log.now(self.clock.now());
        let command = Command::Manifest(Box::new(request.clone()));
        let decided = with_shards(&self.state, command.shards(), |scope| {
            decide(scope, self.id, &command, now, self.canaries)
        });
        match decided {
            Ok(decision) => match &*decision.fact {
                Fact::ManifestChanged(change) => Ok((**change).clone()),
                _ => Err(CommandError::Failed { reason: "not a manifest change".to_owned() }),
            },
            Err(Instead::Refused(refusal) | Instead::Overdue(refusal, _)) => Err(refusal.into()),
            Err(_) => Err(CommandError::Failed { reason: "not a manifest change".to_owned() }),
        }
    }
}

/// An order as its user may know it, if it is there and remembered at `at`.
fn order_in(shard: &Shard, id: OrderId, at: UtcMs) -> Option<Order> {
    let order = shard.orders.get(&id.number).filter(|order| is_remembered(order, at))?;
    let hold = shard.holds.get(&id.number);
    let lines = hold.map_or(&order.lines, |hold| &hold.lines);
    let payment_deadline = hold.filter(|_| order.state.is_live()).map(|hold| hold.deadline);
    Some(Order {
        id,
        user: order.user,
        state: order.state,
        lines: lines.clone(),
        total_minor: lines.total_minor().unwrap_or(i64::MAX),
        payment_deadline,
        version: order.version,
        replayed: false,
    })
}
