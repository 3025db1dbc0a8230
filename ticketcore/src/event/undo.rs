//! Undo: before-images of what a fact touches, so that facts which another writer overtook can be taken back. Images are put
//! back in reverse order of revision, while nobody else is in the event.

use std::sync::Arc;

use super::counted::{Counted, counted_now};
use super::scope::{Layout, Scope, State};
use super::shard::{HoldRecord, Usage};
use super::stripe::SeatSlot;
use super::touched::{key_of, pool_counts, seats_of};
use super::vouchers::Batches;
use super::waiting::{EVERYWHERE, Waiter};
use crate::fact::{Fact, HoldPlaced, Lines, Revoked, Stamp};
use crate::id::{HoldNumber, Revision, SHARDS, SeatIndex, UserId, VoucherIndex};
use crate::key::key_tag;
use crate::order::{Move, OrderRecord};
use crate::sale::SaleState;

/// What a fact changed, as it was before.
pub(crate) struct Undo {
    /// The layout, if the fact replaces it.
    layout: Option<Arc<Layout>>,
    seats: Vec<(SeatIndex, SeatSlot)>,
    /// What the fact took from pools, and what it gave back.
    taken: Lines,
    given: Lines,
    blocked: Option<(super::pool::PoolName, u32)>,
    usage: Option<(UserId, Usage)>,
    /// Known only after sequencing for a hold that is placed.
    hold: Option<(HoldNumber, Option<HoldRecord>)>,
    placed_by: Option<UserId>,
    order: Option<(HoldNumber, Option<Box<OrderRecord>>)>,
    key: Option<(UserId, u64)>,
    /// What few facts touch.
    beside: Option<Box<UndoBeside>>,
}

/// Of vouchers and the waiting list, as it was before.
#[derive(Default)]
struct UndoBeside {
    /// How many vouchers there were, and the batches.
    vouchers: Option<(u32, Arc<Batches>)>,
    revoked: Vec<VoucherIndex>,
    /// An entry that left the waiting list.
    waited: Option<(Revision, Waiter)>,
    /// Whether one joined it.
    joined: bool,
}

impl UndoBeside {
    fn capture(layout: &Layout, fact: &Fact) -> Self {
        let waited = |entry| Some((entry, layout.waiting.get(entry)?));
        let vouchers = || Some((layout.vouchers.len(), layout.vouchers.batches()));
        match fact {
            Fact::HoldPlacedWith(f) => Self { waited: f.with.waiting.and_then(waited), ..Self::default() },
            Fact::WaitingLeft(f) => Self { waited: waited(f.entry), ..Self::default() },
            Fact::WaitingJoined(_) => Self { joined: true, ..Self::default() },
            Fact::VouchersRevoked(f) => {
                let revoked = match &f.which {
                    Revoked::Vouchers(which) => which.clone(),
                    Revoked::Batch(_) => Vec::new(),
                };
                Self { vouchers: vouchers(), revoked, ..Self::default() }
            }
            _ => Self { vouchers: vouchers(), ..Self::default() },
        }
    }

    fn restore(self, layout: &Layout, stamp: Stamp) {
        if self.joined {
            layout.waiting.remove(stamp.revision);
        }
        if let Some((entry, waiter)) = self.waited {
            layout.waiting.add(entry, waiter);
        }
        self.revoked.iter().for_each(|voucher| _ = layout.vouchers.set_revoked(*voucher, false));
        if let Some((len, batches)) = self.vouchers {
            layout.vouchers.take_back(len, batches);
        }
    }
}

impl Undo {
    /// Notes what `fact` is about to change. Its shards and stripes are locked.
    pub fn capture(state: &State, scope: &mut Scope<'_>, fact: &Fact) -> Self {
        let mut undo = Self {
            layout: None,
            seats: Vec::new(),
            taken: Lines::default(),
            given: Lines::default(),
            blocked: None,
            usage: None,
            hold: None,
            placed_by: None,
            order: None,
            key: None,
            beside: None,
        };
        match fact {
            Fact::HoldPlacedWith(f) => {
                undo.placed(scope, &f.placed);
                undo.beside = Some(Box::new(UndoBeside::capture(scope.layout, fact)));
            }
            Fact::WaitingJoined(_)
            | Fact::WaitingLeft(_)
            | Fact::VouchersAdded(_)
            | Fact::VouchersRevoked(_) => {
                undo.beside = Some(Box::new(UndoBeside::capture(scope.layout, fact)));
            }
            Fact::HoldPlaced(placed) => undo.placed(scope, placed),
            Fact::HoldAmended(amended) => {
                undo.records(scope, amended.hold, amended.user);
                undo.taken = amended.added.clone();
                undo.given = amended.removed.clone();
            }
            Fact::HoldExtended(extended) => undo.records(scope, extended.hold, extended.user),
            Fact::HoldEnded(ended) => {
                undo.records(scope, ended.hold, ended.user);
                undo.given = ended.lines.clone();
            }
            Fact::OrderOpened(opened) => undo.records(scope, opened.hold, opened.user),
            Fact::CheckoutOpened(f) => undo.records(scope, f.opened.hold, f.opened.user),
            Fact::OrderStepped(stepped) => {
                undo.records(scope, stepped.order, stepped.user);
                for moved in stepped.step.moves() {
                    match moved {
                        Move::HeldToFree(lines) | Move::SoldToFree(lines) => undo.given = lines.clone(),
                        Move::FreeToSold(lines) => undo.taken = lines.clone(),
                        Move::HeldToSold(_) => {}
                    }
                }
            }
            Fact::OrderConfirmed(confirmed) => undo.records(scope, confirmed.order, confirmed.user),
            Fact::OrderCancelled(cancelled) => {
                undo.records(scope, cancelled.order, cancelled.user);
                undo.given = cancelled.lines.clone();
            }
            Fact::PlacesChanged(changed) => {
                let pool = super::pool::PoolName::Area(changed.area, changed.allocation);
                undo.blocked = Some((pool, scope.layout.pools.level(pool).blocked));
            }
            Fact::SeatsChanged(_) => {}
            Fact::SaleStateChanged { .. }
            | Fact::AllocationReleased { .. }
            | Fact::ManifestChanged(_)
            | Fact::PaymentRulesSet(_)
            | Fact::WaitingRulesSet(_)
            | Fact::EventDefined(_) => undo.layout = Some(state.layout.load_full()),
        }
        undo.seats = seats_of(fact).into_iter().map(|seat| (seat, scope.seat(seat))).collect();
        undo.key = key_of(fact).map(|(user, operation, keyed)| {
            (user, key_tag(scope.layout.manifest.rules().key_secret, user, operation, &keyed.key))
        });
        undo
    }

    fn placed(&mut self, scope: &mut Scope<'_>, placed: &HoldPlaced) {
        self.placed_by = Some(placed.user);
        self.usage = Some((placed.user, scope.shard(placed.user.shard()).usage(placed.user)));
        self.taken = placed.lines.clone();
    }

    fn records(&mut self, scope: &mut Scope<'_>, number: HoldNumber, user: UserId) {
        let shard = scope.shard(number.shard());
        self.usage = Some((user, shard.usage(user)));
        self.hold = Some((number, shard.holds.get(&number).cloned()));
        self.order = Some((number, shard.orders.get(&number).cloned()));
    }

    /// Puts everything back. All shards are locked.
    pub fn restore(mut self, state: &State, scope: &mut Scope<'_>, stamp: Stamp, seats: bool) {
        scope.layout.waiting.mark(EVERYWHERE);
        if let Some(layout) = self.layout {
            let cancelled = scope.shard(0).layout.sale_state == SaleState::Cancelled;
            state.replace_layout(scope, layout);
            if cancelled {
                (0..SHARDS).for_each(|at| scope.shard(at).note_all_due());
            }
            return;
        }
        if let Some(beside) = self.beside.take() {
            beside.restore(scope.layout, stamp);
        }
        if let Some((user, tag)) = self.key {
            scope.shard(user.shard()).keys.remove(tag, stamp.revision);
        }
        if let Some(user) = self.placed_by {
            self.hold = Some((HoldNumber::new(stamp.revision, user.shard()), None));
        }
        if let Some((user, usage)) = self.usage {
            scope.shard(user.shard()).set_usage(user, usage);
        }
        let number = self.hold.as_ref().map(|(number, _)| *number);
        let counted = number.map(|number| (number, counted_now(scope, number)));
        if let Some((number, before)) = self.hold {
            restore_hold(state, scope, number, before);
        }
        if let Some((number, before)) = self.order {
            let orders = &mut scope.shard(number.shard()).orders;
            match before {
                Some(order) => orders.insert(number, order),
                None => orders.remove(&number),
            };
            scope.shard(number.shard()).note_due(number);
        }
        if let Some((number, before)) = counted {
            let after = counted_now(scope, number);
            let counted = scope.layout.recount(&before, &after, &mut Counted::new());
            debug_assert!(counted, "counters come back to where they were");
        }
        let pools = &scope.layout.pools;
        let counts = |lines| pool_counts(&scope.layout.manifest, lines).into_iter();
        let given = counts(&self.taken).all(|(pool, count)| pools.give(pool, count));
        let taken = counts(&self.given).all(|(pool, count)| pools.force_take(pool, count));
        let blocked = self.blocked.is_none_or(|(pool, blocked)| pools.force_block(pool, blocked));
        debug_assert!(given && taken && blocked, "pools come back to where they were");
        if seats {
            scope.lock_stripes(self.seats.iter().map(|(seat, _)| *seat), 0);
            for (seat, slot) in self.seats.into_iter().rev() {
                scope.set_seat(seat, slot);
            }
            scope.unlock_stripes();
        }
    }
}

fn restore_hold(state: &State, scope: &mut Scope<'_>, number: HoldNumber, before: Option<HoldRecord>) {
    let shard = scope.shard(number.shard());
    if let Some(now) = shard.holds.remove(&number) {
        shard.wheel.cancel(now.timer);
    }
    if let Some(mut hold) = before {
        hold.timer = shard.wheel.insert(hold.deadline, number);
        state.due_at(hold.deadline);
        shard.holds.insert(number, hold);
    }
}
