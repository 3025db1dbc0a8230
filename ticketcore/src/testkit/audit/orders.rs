//! Facts about orders.

use super::books::{AuditedOrder, Books, Checked, ensure};
use super::holds::same_lines;
use super::steps::leads_to;
use crate::fact::{OrderCancelled, OrderConfirmed, OrderOpened, Stamp};
use crate::id::{HoldNumber, UserId};
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::order::{OrderState, StepKind};
use crate::sale::Activity;

impl Books {
    pub fn order_opened(&mut self, stamp: Stamp, opened: &OrderOpened) -> Checked {
        let number = opened.hold;
        self.key(stamp, opened.user, Operation::OpenOrder, opened.keyed.as_ref())?;
        self.allowed(Activity::OpenOrder)?;
        let before = self.orders.get(&number).map(|order| order.state);
        ensure(before.is_none(), Invariant::I12OneOrder, || format!("{number:?} has an order: {before:?}"))?;
        let hold = self.live_hold(stamp, number, opened.user)?;
        let latest = stamp.at.plus_ms(self.manifest.rules().payment_ttl_ms).min(hold.lifetime_end);
        ensure(opened.payment_deadline == latest, Invariant::I4DeadIsDead, || {
            format!("the payment deadline is {}, not {latest}", opened.payment_deadline)
        })?;
        same_lines(number, &hold.lines, &opened.lines)?;
        self.orders.insert(number, AuditedOrder::open(opened.user));
        self.pin(number, opened.payment_deadline);
        self.tally.orders_opened += 1;
        Ok(())
    }

    pub fn order_confirmed(&mut self, stamp: Stamp, confirmed: &OrderConfirmed) -> Checked {
        let number = confirmed.order;
        self.key(stamp, confirmed.user, Operation::ConfirmOrder, confirmed.keyed.as_ref())?;
        self.allowed(Activity::Pay)?;
        self.steps(number, confirmed.user, StepKind::Confirmed)?;
        self.is_paid(number)?;
        self.sell_held(stamp, number, &confirmed.lines)
    }

    pub fn order_cancelled(&mut self, stamp: Stamp, cancelled: &OrderCancelled) -> Checked {
        let number = cancelled.order;
        self.key(stamp, cancelled.user, Operation::CancelOrder, cancelled.keyed.as_ref())?;
        self.steps(number, cancelled.user, StepKind::Cancelled)?;
        let hold = self.hold_of(number, cancelled.user)?;
        same_lines(number, &hold.lines, &cancelled.lines)?;
        self.free_hold(number)?;
        self.tally.orders_cancelled += 1;
        Ok(())
    }

    /// The order, the user's, takes a step. One whose hold is dead can't come back (I4), any other can't end twice (I12).
    pub(super) fn steps(&mut self, number: HoldNumber, user: UserId, step: StepKind) -> Checked {
        let order = self.order_mut(number)?;
        let own = order.user;
        ensure(own == user, Invariant::I1OneOwner, || format!("{number:?} is {own:?}'s, not {user:?}'s"))?;
        let from = order.state;
        let dead = from == OrderState::Expired;
        let invariant = if dead { Invariant::I4DeadIsDead } else { Invariant::I12OneOrder };
        let to = leads_to(from, step, order.till.waits_for_review());
        order.state = to.ok_or_else(|| (invariant, format!("order {number:?} is {from:?}, and {step:?}")))?;
        Ok(())
    }
}
