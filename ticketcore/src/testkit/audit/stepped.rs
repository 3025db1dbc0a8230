//! Facts that an order took a step: each is legal where the order stands, and led where the fact says. Those about tickets that are
//! sold are judged here, those before in `checkout`.

use super::accounts::places;
use super::books::{AuditedOrder, Books, Broken, Checked, ensure};
use super::steps::leads_to;
use super::till::Where;
use crate::fact::{Lines, OrderStep, OrderStepped, Stamp};
use crate::id::HoldNumber;
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::limits::REFUNDS_PER_ORDER_MAX;
use crate::order::{EndReason, OrderState};
use crate::sale::{Activity, SaleState};

impl Books {
    pub fn order_stepped(&mut self, stamp: Stamp, stepped: &OrderStepped) -> Checked {
        let number = stepped.order;
        if let Some((user, keyed)) = &stepped.by {
            self.key(stamp, *user, operation(&stepped.step), Some(keyed))?;
        }
        let order = self.order(number)?;
        let (user, from) = (order.user, order.state);
        ensure(user == stepped.user, Invariant::I1OneOwner, || format!("{number:?} is {user:?}'s"))?;
        let to = self.stands(number, &stepped.step)?;
        self.take_step(stamp, stepped)?;
        ensure(stepped.state == to, Invariant::I12OneOrder, || {
            format!("{number:?} goes from {from:?} to {:?}, not {to:?}", stepped.state)
        })?;
        self.order_mut(number)?.state = to;
        Ok(())
    }

    /// The order, which must have been opened.
    pub fn order(&self, number: HoldNumber) -> Result<&AuditedOrder, Broken> {
        let none = || (Invariant::I12OneOrder, format!("there is no order {number:?}"));
        self.orders.get(&number).ok_or_else(none)
    }

    pub fn order_mut(&mut self, number: HoldNumber) -> Result<&mut AuditedOrder, Broken> {
        let none = || (Invariant::I12OneOrder, format!("there is no order {number:?}"));
        self.orders.get_mut(&number).ok_or_else(none)
    }

    /// Where a step leads. One that a dead hold would need for its order is about the dead (I4); any other that does not fit is one life
    /// too many (I12).
    fn stands(&self, number: HoldNumber, step: &OrderStep) -> Result<OrderState, Broken> {
        let order = self.order(number)?;
        // News of an earlier attempt are nobody's business but its own.
        if let OrderStep::PaymentObserved { attempt, .. } | OrderStep::CaptureRefused { attempt, .. } = step
            && *attempt != order.till.last()
        {
            return Ok(order.state);
        }
        let to = leads_to(order.state, step.kind(), order.till.waits_for_review());
        to.ok_or_else(|| {
            let dead = order.state == OrderState::Expired;
            let invariant = if dead { Invariant::I4DeadIsDead } else { Invariant::I12OneOrder };
            (invariant, format!("{number:?} is {:?}, and {step:?}", order.state))
        })
    }

    fn take_step(&mut self, stamp: Stamp, stepped: &OrderStepped) -> Checked {
        let number = stepped.order;
        match &stepped.step {
            OrderStep::PaymentStarted { attempt, amount_minor, deadline, .. } => {
                self.by_its_user(stepped)?;
                self.payment_started(stamp, number, *attempt, *amount_minor, *deadline)
            }
            OrderStep::PaymentObserved { attempt, seen, deadline } => {
                self.payment_observed(stamp, number, *attempt, seen, *deadline)
            }
            OrderStep::CaptureRefused { attempt, .. } => {
                self.order_mut(number)?.till.refuse_capture(*attempt)
            }
            OrderStep::Approved { deadline } => self.approved(stamp, number, *deadline),
            OrderStep::ConfirmedOutside { lines, .. } => self.confirmed_outside(stamp, number, lines),
            OrderStep::Dropped { reason, lines } => self.dropped(number, *reason, lines),
            OrderStep::LateConfirmed { lines } => self.late_confirmed(number, lines),
            OrderStep::LateRefused { reason } => self.late_refused(number, *reason),
            OrderStep::CaptureRequested => {
                let till = &mut self.order_mut(number)?.till;
                let again = std::mem::replace(&mut till.capture_requested, true);
                ensure(!again, Invariant::I8SameFacts, || "its money was asked for before".to_owned())
            }
            OrderStep::RefundStarted { refund, attempt, amount_minor, tickets, back, reason } => {
                self.money_for_tickets(number, *attempt, *amount_minor, back, *reason)?;
                self.refund_started(number, (*refund, *attempt, *reason), *amount_minor, tickets, back)
            }
            OrderStep::RefundObserved { refund, seen } => {
                self.order_mut(number)?.till.observe_refund(*refund, None, seen)
            }
            OrderStep::RefundTryObserved { refund, tries, seen } => {
                self.order_mut(number)?.till.observe_refund(*refund, Some(*tries), seen)
            }
            OrderStep::RefundRetried { refund } => self.order_mut(number)?.till.retry_refund(*refund),
            OrderStep::Transferred { tickets, to } => {
                let by = stepped.by.as_ref().map(|(user, _)| *user);
                self.with_tickets(number)?.tickets.transfer(tickets, by, *to)
            }
            OrderStep::Exchanged { tickets, back, taken } => {
                self.by_its_user(stepped)?;
                self.exchanged(number, tickets, back, taken)
            }
            OrderStep::DisputeOpened { .. }
            | OrderStep::DisputeClosed { .. }
            | OrderStep::DisputeBegun { .. }
            | OrderStep::DisputeEnded { .. } => self.dispute_stepped(number, &stepped.step),
            OrderStep::Redeemed { ticket, way, forced, .. } => {
                self.allowed(Activity::Redeem)?;
                self.with_tickets(number)?.tickets.redeem(*ticket, *way, *forced)
            }
            OrderStep::Reversed { reason, back } => self.reversed(number, *reason, back),
        }
    }

    /// Whoever asked under a key is the order's user.
    fn by_its_user(&self, stepped: &OrderStepped) -> Checked {
        let own = stepped.by.as_ref().is_none_or(|(by, _)| *by == stepped.user);
        ensure(own, Invariant::I1OneOwner, || format!("{:?} is not theirs: {:?}", stepped.order, stepped.by))
    }

    /// The order, with its tickets made if they were not yet.
    pub fn with_tickets(&mut self, number: HoldNumber) -> Result<&mut AuditedOrder, Broken> {
        let order = self.order_mut(number)?;
        if order.tickets.is_empty() && order.state == OrderState::Confirmed {
            let (lines, user) = (order.lines.clone(), order.user);
            order.tickets.issue(&lines, user);
        }
        Ok(order)
    }

    /// Places of dead tickets go back on sale, and their owner owns fewer.
    pub fn unsell(&mut self, number: HoldNumber, back: &Lines) -> Checked {
        let order = self.order_mut(number)?;
        let user = order.user;
        order.lines = order.tickets.sold();
        self.free_sold(number, back)?;
        self.accounts.add_user(user, 0, -places(back)?)
    }

    /// No ticket that a gateway was paid for dies without its money, and none that was paid for otherwise dies for money it never had.
    fn money_for_tickets(
        &self,
        number: HoldNumber,
        attempt: u32,
        amount_minor: i64,
        back: &Lines,
        reason: EndReason,
    ) -> Checked {
        let till = &self.order(number)?.till;
        let worth = back.total_minor().unwrap_or(i64::MAX);
        if till.terms.is_none() || places(back)? == 0 {
            return Ok(());
        }
        if till.outside {
            let asked = reason == EndReason::Asked;
            return ensure(asked, Invariant::I7Money, || {
                format!("{number:?} was paid outside, and {reason:?}")
            });
        }
        let none = matches!(till.last_money(), None | Some(Where::LetGo | Where::Nowhere));
        let enough = worth == 0
            || none
            || attempt == till.last()
                && till.last_money() == Some(Where::Taken)
                && amount_minor >= worth.min(till.left_minor(attempt));
        ensure(enough, Invariant::I7Money, || {
            format!("{back:?} goes back for {amount_minor} of attempt {attempt}: {till:?}")
        })
    }

    fn refund_started(
        &mut self,
        number: HoldNumber,
        (refund, attempt, reason): (u32, u32, EndReason),
        amount_minor: i64,
        tickets: &[u32],
        back: &Lines,
    ) -> Checked {
        // The house's own are not counted.
        let few = refund as usize <= REFUNDS_PER_ORDER_MAX || reason != EndReason::Asked;
        ensure(few, Invariant::I7Money, || format!("refund {refund}"))?;
        let order = self.with_tickets(number)?;
        order.till.start_refund(refund, attempt, amount_minor, tickets.len())?;
        order.tickets.kill(tickets, back)?;
        if tickets.is_empty() { Ok(()) } else { self.unsell(number, back) }
    }

    fn exchanged(&mut self, number: HoldNumber, tickets: &[u32], back: &Lines, taken: &Lines) -> Checked {
        // For the same money; free ones may be given for fewer.
        let few = (1..=places(back)?).contains(&places(taken)?);
        let same = few && back.total_minor() == taken.total_minor();
        ensure(same && !tickets.is_empty(), Invariant::I7Money, || {
            format!("{back:?} was exchanged for {taken:?}")
        })?;
        let order = self.with_tickets(number)?;
        order.tickets.living(tickets, true)?;
        order.tickets.kill(tickets, back)?;
        self.unsell(number, back)?;
        let order = self.order_mut(number)?;
        let user = order.user;
        order.tickets.issue(taken, user);
        order.lines = order.tickets.sold();
        self.sell_free(number, taken)?;
        self.accounts.add_user(user, 0, places(taken)?)
    }

    /// A sale is undone only if its money can't be had, or nobody wants it.
    fn reversed(&mut self, number: HoldNumber, reason: EndReason, back: &Lines) -> Checked {
        let cancelled = self.sale == SaleState::Cancelled;
        let order = self.with_tickets(number)?;
        let last = order.till.attempts.last();
        let gone = last.is_some_and(|last| last.money == Where::LetGo || last.capture_refused);
        let reserved = last.is_some_and(|last| last.money == Where::Reserved);
        let so = match reason {
            EndReason::CaptureRefused => gone,
            EndReason::EventCancelled => cancelled && (gone || reserved),
            EndReason::Asked => reserved,
            _ => false,
        };
        ensure(so, Invariant::I7Money, || format!("{number:?} was undone as {reason:?}: {:?}", order.till))?;
        order.tickets.kill_all(back)?;
        self.tally.orders_cancelled += 1;
        self.unsell(number, back)
    }
}

/// What a step is asked for under.
const fn operation(step: &OrderStep) -> Operation {
    match step {
        OrderStep::PaymentStarted { .. } | OrderStep::Transferred { .. } | OrderStep::Exchanged { .. } => {
            Operation::Order
        }
        OrderStep::Redeemed { .. } => Operation::Redeem,
        _ => Operation::StaffOrder,
    }
}
