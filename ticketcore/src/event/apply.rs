//! `apply`: what a fact does to the state of an event. Live traffic, recovery, catching up with another node and
//! snapshots all go through here. It looks at no clock, and for a fact that was decided on the same state it can't
//! fail; an error means that the journal or the engine is wrong, and stops the event.

mod beside;
mod staff;

use std::sync::Arc;

use super::counted::{Counted, counted as counted_of, counted_now};
use super::keys::generation;
use super::pool::PoolName;
use super::scope::{Layout, Scope, State};
use super::shard::HoldRecord;
use super::touched::{each_quota, key_of, pool_counts};
use super::waiting::{EVERYWHERE, categories_opened_by};
use crate::fact::{
    CheckoutOpened, Fact, HoldAmended, HoldEnded, HoldExtended, HoldPlaced, HoldWith, Lines, OrderOpened,
    OrderStepped, Stamp,
};
use crate::id::{HoldNumber, SHARDS};
use crate::invariant::{Invariant, Violation};
use crate::key::key_tag;
use crate::order::{Move, OrderRecord, StepKind};
use crate::refusal::{SeatConflict, SeatState};
use crate::sale::SaleState;
use crate::time::UtcMs;

type Applied = Result<(), Violation>;

/// Where a fact that is applied comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The journal: it stays.
    Journal,
    /// `decide`, which has taken the pools already. It may be taken back: only what is too old at this time is forgotten.
    Decided { lasting: UtcMs },
}

/// Applies `fact`. Its shards and the stripes of its seats must be locked.
pub(crate) fn apply(
    state: &State,
    scope: &mut Scope<'_>,
    stamp: Stamp,
    fact: &Fact,
    origin: Origin,
) -> Applied {
    let (reserved, lasting) = match origin {
        Origin::Journal => (false, stamp.at),
        Origin::Decided { lasting } => (true, lasting),
    };
    if let Some((user, operation, keyed)) = key_of(fact) {
        let secret = scope.layout.manifest.rules().key_secret;
        let known = if reserved { scope.tag.take() } else { None };
        let tag = known.unwrap_or_else(|| key_tag(secret, user, operation, &keyed.key));
        debug_assert_eq!(tag, key_tag(secret, user, operation, &keyed.key), "the key was just looked for");
        let shard = scope.shard(user.shard());
        shard.forget(lasting);
        shard.keys.insert(tag, stamp.revision, stamp.at);
    }
    let mut apply = Apply { state, scope, stamp, reserved, lasting };
    match fact {
        Fact::HoldPlaced(placed) => apply.hold_placed(placed, None),
        Fact::HoldPlacedWith(f) => apply.hold_placed_with(f),
        Fact::VouchersAdded(added) => apply.vouchers_added(added),
        Fact::VouchersRevoked(revoked) => apply.vouchers_revoked(revoked),
        Fact::WaitingRulesSet(rules) => {
            let layout = Layout { waiting_rules: *rules, ..apply.scope.layout.clone() };
            state.replace_layout(apply.scope, Arc::new(layout));
            Ok(())
        }
        Fact::WaitingJoined(joined) => apply.waiting_joined(joined),
        Fact::WaitingLeft(left) => apply.waiting_over(left.entry, left.user),
        Fact::HoldEnded(ended) => apply.hold_ended(ended),
        Fact::OrderOpened(opened) => apply.order_opened(opened, None),
        Fact::CheckoutOpened(checkout) => apply.order_opened(&checkout.opened, Some(checkout)),
        Fact::OrderConfirmed(confirmed) => {
            apply.order_closed(confirmed.order, StepKind::Confirmed, Move::HeldToSold(&confirmed.lines))
        }
        Fact::OrderCancelled(cancelled) => {
            apply.order_closed(cancelled.order, StepKind::Cancelled, Move::HeldToFree(&cancelled.lines))
        }
        Fact::OrderStepped(stepped) => apply.order_stepped(stepped),
        Fact::PaymentRulesSet(rules) => {
            let layout = Layout { payment_rules: Arc::new(**rules), ..apply.scope.layout.clone() };
            state.replace_layout(apply.scope, Arc::new(layout));
            Ok(())
        }
        Fact::HoldAmended(amended) => apply.hold_amended(amended),
        Fact::HoldExtended(extended) => apply.hold_extended(extended),
        Fact::SeatsChanged(changed) => apply.seats_changed(changed),
        Fact::PlacesChanged(changed) => apply.places_changed(changed),
        Fact::SaleStateChanged { to } => {
            let layout = Layout { sale_state: *to, ..apply.scope.layout.clone() };
            let cancelled = *to == SaleState::Cancelled;
            state.replace_layout(apply.scope, Arc::new(layout));
            // No other state changes what is due.
            if cancelled {
                (0..SHARDS).for_each(|at| apply.scope.shard(at).note_all_due());
            }
            apply.scope.layout.waiting.mark(EVERYWHERE);
            Ok(())
        }
        Fact::AllocationReleased { allocation } => apply.allocation_released(*allocation),
        Fact::ManifestChanged(change) => apply.manifest_changed(change),
        Fact::EventDefined(_) => Err(apply.broken(Invariant::I8SameFacts, "an event is defined once")),
    }
}

struct Apply<'s, 'a> {
    state: &'s State,
    scope: &'s mut Scope<'a>,
    stamp: Stamp,
    reserved: bool,
    lasting: UtcMs,
}

impl Apply<'_, '_> {
    fn broken(&self, invariant: Invariant, what: impl Into<String>) -> Violation {
        Violation::new(invariant, self.stamp.revision, what)
    }

    pub(super) fn hold_placed(&mut self, placed: &HoldPlaced, with: Option<Arc<HoldWith>>) -> Applied {
        let number = HoldNumber::new(self.stamp.revision, placed.user.shard());
        self.take(number, &placed.lines, SeatState::Held)?;
        let deadline = self.stamp.at.plus_ms(placed.ttl_ms);
        let (stamp, places) = (self.stamp, i64::from(placed.lines.places()));
        let shard = self.scope.shard(number.shard());
        shard.forget(self.lasting);
        shard.add_usage(placed.user, places, 0);
        let timer = shard.wheel.insert(deadline, number);
        let hold = HoldRecord {
            user: placed.user,
            lines: placed.lines.clone(),
            deadline,
            lifetime_end: stamp.at.plus_ms(placed.lifetime_ms),
            extensions_left: placed.extensions_left,
            pinned: false,
            version: stamp.revision,
            timer,
            with,
        };
        shard.holds.insert(number, hold);
        self.state.due_at(deadline);
        Ok(())
    }

    fn hold_amended(&mut self, amended: &HoldAmended) -> Applied {
        let number = amended.hold;
        self.give(number, &amended.removed, SeatState::Held)?;
        self.take(number, &amended.added, SeatState::Held)?;
        let grown = i64::from(amended.added.places()) - i64::from(amended.removed.places());
        let revision = self.stamp.revision;
        let shard = self.scope.shard(number.shard());
        let counted = shard.add_usage(amended.user, grown, 0);
        match shard.holds.get_mut(&number) {
            Some(hold) if counted => {
                let before = hold.with.is_some().then(|| counted_of(Some(hold), None));
                hold.lines = amended.lines.clone();
                hold.version = revision;
                before.map_or(Ok(()), |before| self.recount(number, &before))
            }
            _ => Err(self.broken(Invariant::I8SameFacts, "an amended hold is not there")),
        }
    }

    fn hold_extended(&mut self, extended: &HoldExtended) -> Applied {
        let revision = self.stamp.revision;
        let shard = self.scope.shard(extended.hold.shard());
        let Some(hold) = shard.holds.get_mut(&extended.hold) else {
            return Err(self.broken(Invariant::I8SameFacts, "an extended hold is not there"));
        };
        hold.deadline = extended.deadline;
        hold.extensions_left = extended.extensions_left;
        hold.version = revision;
        shard.schedule(extended.hold);
        self.state.due_at(extended.deadline);
        Ok(())
    }

    fn hold_ended(&mut self, ended: &HoldEnded) -> Applied {
        self.give(ended.hold, &ended.lines, SeatState::Held)?;
        let hold = self.remove_hold(ended.hold)?;
        if hold.pinned || hold.with.is_some() {
            let order = self.scope.look(ended.hold.shard()).orders.get(&ended.hold);
            let before = counted_of(Some(&hold), order.map(|order| &**order));
            self.recount_to(&before, &Counted::new())?;
        }
        if !hold.pinned {
            return Ok(());
        }
        self.change_order(ended.hold, StepKind::Expired, &ended.lines)
    }

    fn order_opened(&mut self, opened: &OrderOpened, checkout: Option<&CheckoutOpened>) -> Applied {
        let stamp = self.stamp;
        let shard = self.scope.shard(opened.hold.shard());
        if shard.orders.contains_key(&opened.hold) {
            return Err(self.broken(Invariant::I12OneOrder, format!("{:?} has an order", opened.hold)));
        }
        let Some(hold) = shard.holds.get_mut(&opened.hold) else {
            return Err(self.broken(Invariant::I8SameFacts, "an ordered hold is not there"));
        };
        if hold.deadline <= stamp.at {
            return Err(self.broken(Invariant::I4DeadIsDead, format!("{:?} is overdue", opened.hold)));
        }
        let with = hold.with.clone();
        hold.pinned = true;
        hold.deadline = opened.payment_deadline;
        hold.version = stamp.revision;
        shard.schedule(opened.hold);
        self.state.due_at(opened.payment_deadline);
        let mut order = OrderRecord::opened(opened.user, stamp.revision, generation(stamp.at), checkout);
        order.with = with;
        shard.orders.insert(opened.hold, Box::new(order));
        if checkout.is_some() {
            shard.note_due(opened.hold);
        }
        Ok(())
    }

    fn order_closed(&mut self, number: HoldNumber, kind: StepKind, moved: Move<'_>) -> Applied {
        // What is sold goes on counting.
        let before = matches!(moved, Move::HeldToFree(_)).then(|| counted_now(self.scope, number));
        self.move_places(number, moved)?;
        self.change_order(number, kind, moved.lines())?;
        before.map_or(Ok(()), |before| self.recount(number, &before))
    }

    fn change_order(&mut self, number: HoldNumber, kind: StepKind, lines: &Lines) -> Applied {
        self.with_order(number, |order, _| order.close(kind, lines))
    }

    fn order_stepped(&mut self, stepped: &OrderStepped) -> Applied {
        let number = stepped.order;
        let counts = stepped.step.changes_counts();
        let before = counts.then(|| counted_now(self.scope, number));
        for moved in stepped.step.moves() {
            self.move_places(number, moved)?;
        }
        if let Some(deadline) = stepped.step.deadline() {
            let revision = self.stamp.revision;
            let shard = self.scope.shard(number.shard());
            let Some(hold) = shard.holds.get_mut(&number) else {
                return Err(self.broken(Invariant::I8SameFacts, "a pinned hold is not there"));
            };
            hold.deadline = deadline;
            hold.version = revision;
            shard.schedule(number);
            self.state.due_at(deadline);
        }
        self.with_order(number, |order, at| {
            order.step(&stepped.step, at)?;
            if order.state == stepped.state { Ok(()) } else { Err("the order stands elsewhere") }
        })?;
        before.map_or(Ok(()), |before| self.recount(number, &before))
    }

    /// Changes an order; a change that does not fit breaks the promise that an order has one life.
    fn with_order(
        &mut self,
        number: HoldNumber,
        change: impl FnOnce(&mut OrderRecord, UtcMs) -> Result<(), &'static str>,
    ) -> Applied {
        let stamp = self.stamp;
        let shard = self.scope.shard(number.shard());
        let Some(order) = shard.orders.get_mut(&number) else {
            return Err(self.broken(Invariant::I12OneOrder, format!("there is no order {number:?}")));
        };
        if let Err(misfit) = change(order, stamp.at) {
            return Err(self.broken(Invariant::I12OneOrder, format!("{number:?}: {misfit}")));
        }
        order.version = stamp.revision;
        order.generation = generation(stamp.at);
        if order.account.is_some() {
            shard.note_due(number);
        }
        Ok(())
    }

    /// Places of an order go where a step moves them; what its user holds and owns follows.
    fn move_places(&mut self, number: HoldNumber, moved: Move<'_>) -> Applied {
        let places = i64::from(moved.lines().places());
        let owned = match moved {
            Move::HeldToFree(lines) => {
                self.give(number, lines, SeatState::Held)?;
                self.remove_hold(number)?;
                return Ok(());
            }
            Move::HeldToSold(lines) => {
                let at = self.stamp.at;
                let deadline = self.scope.shard(number.shard()).holds.get(&number).map(|hold| hold.deadline);
                if deadline.is_none_or(|deadline| deadline <= at) {
                    return Err(self.broken(Invariant::I4DeadIsDead, format!("{number:?} is overdue")));
                }
                self.pass(number, lines, SeatState::Held, (SeatState::Sold, number.0))?;
                self.remove_hold(number)?;
                places
            }
            Move::SoldToFree(lines) => {
                self.give(number, lines, SeatState::Sold)?;
                -places
            }
            Move::FreeToSold(lines) => {
                self.take(number, lines, SeatState::Sold)?;
                places
            }
        };
        let shard = self.scope.shard(number.shard());
        let user = shard.orders.get(&number).map(|order| order.user);
        match user {
            Some(user) if shard.add_usage(user, 0, owned) => Ok(()),
            _ => Err(self.broken(Invariant::I10Limits, format!("{number:?} gives back more than is owned"))),
        }
    }

    fn remove_hold(&mut self, number: HoldNumber) -> Result<HoldRecord, Violation> {
        let shard = self.scope.shard(number.shard());
        let Some(hold) = shard.holds.remove(&number) else {
            return Err(self.broken(Invariant::I8SameFacts, format!("{number:?} ended and was not there")));
        };
        shard.wheel.cancel(hold.timer);
        if shard.add_usage(hold.user, -i64::from(hold.lines.places()), 0) {
            Ok(hold)
        } else {
            Err(self.broken(Invariant::I10Limits, format!("{:?} holds less than it gives", hold.user)))
        }
    }

    /// Free seats and places become held or sold by `number`.
    fn take(&mut self, number: HoldNumber, lines: &Lines, to: SeatState) -> Applied {
        let (free, taken) = ((SeatState::Free, 0), (to, number.0));
        if let Err(SeatConflict { seat, state, .. }) = self.scope.pass_seats(&lines.seats, free, taken) {
            let what = format!("seat {} is {state:?} and goes to {number:?}", seat.0);
            return Err(self.broken(Invariant::I1OneOwner, what));
        }
        if self.reserved {
            return Ok(());
        }
        for (pool, count) in pool_counts(&self.scope.layout.manifest, lines) {
            if !self.scope.layout.pools.force_take(pool, count) {
                return Err(self.broken(Invariant::I2Conservation, format!("{pool:?} is over its capacity")));
            }
        }
        Ok(())
    }

    /// Seats and places of `number` become free.
    fn give(&mut self, number: HoldNumber, lines: &Lines, from: SeatState) -> Applied {
        let layout = self.scope.layout;
        // Both times: somebody may take places of an area between the two.
        let back = if layout.waiting.is_empty() { 0 } else { categories_opened_by(&layout.manifest, lines) };
        layout.waiting.mark(back);
        self.pass(number, lines, from, (SeatState::Free, 0))?;
        let areas = lines
            .areas
            .iter()
            .all(|line| layout.pools.give(PoolName::Area(line.area, line.allocation), line.quantity));
        let give = |quota, count| layout.pools.give(PoolName::Quota(quota), count);
        if areas && each_quota(&layout.manifest, lines, give) {
            layout.waiting.mark(back);
            Ok(())
        } else {
            Err(self.broken(Invariant::I2Conservation, format!("a pool of {number:?} falls below zero")))
        }
    }

    fn pass(&mut self, number: HoldNumber, lines: &Lines, from: SeatState, to: (SeatState, u64)) -> Applied {
        let passed = self.scope.pass_seats(&lines.seats, (from, number.0), to);
        passed.map_err(|SeatConflict { seat, state, .. }| {
            let what = format!("seat {} is {state:?}, not {from:?} by {number:?}", seat.0);
            self.broken(Invariant::I1OneOwner, what)
        })
    }
}
