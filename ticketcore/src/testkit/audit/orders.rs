//! Facts about orders.

use super::accounts::places;
use super::books::{AuditedOrder, Books, Checked, ensure};
use super::holds::same_lines;
use crate::fact::{Lines, OrderCancelled, OrderConfirmed, OrderOpened, Stamp};
use crate::id::{HoldNumber, UserId};
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::order::OrderState;
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
        let order = AuditedOrder { user: opened.user, state: OrderState::Open, lines: Lines::default() };
        self.orders.insert(number, order);
        if let Some(hold) = self.holds.get_mut(&number) {
            hold.payment_deadline = Some(opened.payment_deadline);
        }
        self.tally.orders_opened += 1;
        Ok(())
    }

    pub fn order_confirmed(&mut self, stamp: Stamp, confirmed: &OrderConfirmed) -> Checked {
        let number = confirmed.order;
        self.key(stamp, confirmed.user, Operation::ConfirmOrder, confirmed.keyed.as_ref())?;
        self.allowed(Activity::Pay)?;
        self.open_order(number)?;
        let hold = self.live_hold(stamp, number, confirmed.user)?;
        same_lines(number, &hold.lines, &confirmed.lines)?;
        let total = confirmed.lines.total_minor();
        let total = total.and_then(|total| self.tally.money_minor.checked_add(total));
        let total = total.ok_or_else(|| (Invariant::I7Money, "the amounts can't be added up".to_owned()))?;
        self.sell(number, &confirmed.lines)?;
        let count = places(&confirmed.lines)?;
        self.accounts.add_user(confirmed.user, -count, count)?;
        self.holds.remove(&number);
        self.close(number, confirmed.user, OrderState::Confirmed, confirmed.lines.clone());
        self.tally.money_minor = total;
        self.tally.orders_confirmed += 1;
        Ok(())
    }

    pub fn order_cancelled(&mut self, stamp: Stamp, cancelled: &OrderCancelled) -> Checked {
        let number = cancelled.order;
        self.key(stamp, cancelled.user, Operation::CancelOrder, cancelled.keyed.as_ref())?;
        self.open_order(number)?;
        let hold = self.hold_of(number, cancelled.user)?;
        same_lines(number, &hold.lines, &cancelled.lines)?;
        self.free_hold(number)?;
        self.close(number, cancelled.user, OrderState::Cancelled, Lines::default());
        self.tally.orders_cancelled += 1;
        Ok(())
    }

    fn close(&mut self, number: HoldNumber, user: UserId, state: OrderState, lines: Lines) {
        self.orders.insert(number, AuditedOrder { user, state, lines });
    }

    /// The order is open. One whose hold is dead can't come back (I4), any other can't end twice (I12).
    fn open_order(&self, number: HoldNumber) -> Checked {
        match self.orders.get(&number).map(|order| order.state) {
            Some(OrderState::Open) => Ok(()),
            Some(OrderState::Expired) => {
                Err((Invariant::I4DeadIsDead, format!("order {number:?} has expired")))
            }
            Some(state) => Err((Invariant::I12OneOrder, format!("order {number:?} is {state:?}"))),
            None => Err((Invariant::I12OneOrder, format!("there is no order {number:?}"))),
        }
    }
}
