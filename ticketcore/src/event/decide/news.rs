//! News of an order's money, and what the house itself must do about an order. What is known already, or not due any more, changes nothing.

use super::{Decide, Decided, Instead};
use crate::canary::Canary;
use crate::fact::{Keyed, OrderStep};
use crate::id::{HoldNumber, UserId};
use crate::order::{
    Effect, EndReason, News, ObserveRequest, OrderRecord, OrderState, PaymentSeen, PaymentState, RefundSeen,
    StepKind, Word,
};
use crate::refusal::Refusal;
use crate::sale::{Activity, SaleState};
use crate::time::UtcMs;

impl Decide<'_, '_> {
    pub(super) fn observe(&mut self, request: &ObserveRequest) -> Decided {
        let number = request.order.number;
        match &request.news {
            News::Payment { attempt, seen } => self.payment_seen(number, *attempt, seen),
            News::CaptureRefused { attempt, code } => self.capture_refused(number, *attempt, code),
            News::Refund { refund, tries, seen } => self.refund_seen(number, *refund, *tries, seen),
            News::Confirm => self.confirm_due(number),
            News::Drop(reason) => {
                self.due(number, &Effect::Drop(*reason))?;
                self.drop_order(number, None, *reason)
            }
            News::SettleLate => {
                self.due(number, &Effect::SettleLate)?;
                self.settle_late(number)
            }
            News::StartRefund { attempt, reason } => {
                self.due(number, &Effect::StartRefund { attempt: *attempt, reason: *reason })?;
                self.refund_rest(number, *attempt, *reason)
            }
            News::Reverse => {
                self.due(number, &Effect::Reverse)?;
                let cancelled = self.scope.layout.sale_state == SaleState::Cancelled;
                let reason = if cancelled { EndReason::EventCancelled } else { EndReason::CaptureRefused };
                self.reverse(number, None, reason)
            }
        }
    }

    /// Goes on if `effect` is what must be done next; else the order is answered as it stands.
    fn due(&self, number: HoldNumber, effect: &Effect) -> Result<(), Instead> {
        let order = self.any_order(number)?;
        let cancelled = self.scope.layout.sale_state == SaleState::Cancelled;
        if order.next_effect(cancelled).as_ref() == Some(effect) {
            return Ok(());
        }
        Err(self.as_it_stands(number, order))
    }

    fn payment_seen(&mut self, number: HoldNumber, attempt: u32, seen: &PaymentSeen) -> Decided {
        let order = self.any_order(number)?;
        let payment = order.payment(attempt).ok_or(Refusal::UnknownPayment { attempt })?;
        if payment.after(seen).is_none() {
            return Err(self.as_it_stands(number, order));
        }
        let last = order.payments().len() == attempt as usize;
        if !order.state.is_live() || !last {
            let step = OrderStep::PaymentObserved { attempt, seen: seen.clone(), deadline: None };
            return self.step(number, order, None, step, UtcMs::NEVER);
        }
        let hold = self.own_hold(number, order.user)?;
        if hold.deadline <= self.now {
            return Err(self.overdue(number, hold.deadline));
        }
        let until = hold.deadline.min(self.this_instant());
        let deadline = Some(self.deadline_after(order, seen, hold.deadline));
        let step = OrderStep::PaymentObserved { attempt, seen: seen.clone(), deadline };
        if seen.fingerprint().is_none() || self.canaries.on(Canary::ForgetCard) {
            return self.step(number, order, None, step, until);
        }
        let order = order.clone();
        if let Some(reason) = self.count_after(number, &order, &step)? {
            // What the gateway said is looked up again, and then sent back.
            return self.drop_order(number, None, reason);
        }
        let stepped = self.step(number, &order, None, step, until);
        if stepped.is_err() {
            self.scope.give_back();
        }
        stepped
    }

    /// The hold's effective deadline after news of a live order's last payment.
    fn deadline_after(&self, order: &OrderRecord, seen: &PaymentSeen, now: UtcMs) -> UtcMs {
        let Some(terms) = order.terms() else { return now };
        match StepKind::of(seen) {
            StepKind::Declined | StepKind::Voided => terms.pay_until.min(terms.hard_deadline),
            StepKind::Authorized | StepKind::Captured if order.needs_review() => {
                let lapses = match seen {
                    PaymentSeen::Authorized { lapses_at, .. } => *lapses_at,
                    _ => None,
                };
                let review = self.now.plus_ms(terms.rules.review_ttl_ms);
                let margin = terms.rules.lapse_margin_ms;
                lapses.map_or(review, |lapses| review.min(UtcMs(lapses.0.saturating_sub(margin))))
            }
            // Approved late, it may be past its own deadline.
            _ => terms.hard_deadline.max(now),
        }
    }

    fn capture_refused(&mut self, number: HoldNumber, attempt: u32, code: &Word) -> Decided {
        let order = self.any_order(number)?;
        let payment = order.payment(attempt).ok_or(Refusal::UnknownPayment { attempt })?;
        if payment.state != PaymentState::Authorized || payment.capture_refused {
            return Err(self.as_it_stands(number, order));
        }
        let step = OrderStep::CaptureRefused { attempt, code: code.clone() };
        match self.step(number, order, None, step, UtcMs::NEVER) {
            // Not the order's business in this state: the money is looked after as it is.
            Err(Instead::Refused(_)) => Err(self.as_it_stands(number, order)),
            decided => decided,
        }
    }

    fn refund_seen(&mut self, number: HoldNumber, refund: u32, tries: u32, seen: &RefundSeen) -> Decided {
        let order = self.any_order(number)?;
        let at = (refund as usize).checked_sub(1);
        let known = at.and_then(|at| order.refunds().get(at)).ok_or(Refusal::UnknownRefund { refund })?;
        if !known.clone().observe(tries, seen, self.now) {
            return Err(self.as_it_stands(number, order));
        }
        let step = OrderStep::RefundTryObserved { refund, tries, seen: seen.clone() };
        self.step(number, order, None, step, UtcMs::NEVER)
    }

    fn confirm_due(&mut self, number: HoldNumber) -> Decided {
        let order = self.any_order(number)?;
        let user = order.user;
        if order.state == OrderState::Confirmed {
            return Err(self.as_it_stands(number, order));
        }
        self.allowed(Activity::Pay)?;
        self.due(number, &Effect::Confirm)?;
        let hold = self.own_hold(number, user)?;
        if hold.deadline <= self.now {
            return Err(self.overdue(number, hold.deadline));
        }
        self.confirm(number, user, None)
    }

    /// Sends back all that is left of an attempt's money, and the tickets with it.
    fn refund_rest(&mut self, number: HoldNumber, attempt: u32, reason: EndReason) -> Decided {
        let order = self.any_order(number)?;
        let tickets = if order.pays(attempt) { order.live_tickets() } else { Vec::new() };
        let amount_minor = order.left_minor(attempt);
        self.start_refund(number, None, attempt, amount_minor, tickets, reason)
    }

    /// Undoes a sale: its tickets die, and its money goes back however far it has come.
    pub(super) fn reverse(
        &mut self,
        number: HoldNumber,
        by: Option<(UserId, Keyed)>,
        reason: EndReason,
    ) -> Decided {
        let order = self.any_order(number)?;
        let back = order.sold();
        let step = self.stepped(number, order, by, OrderStep::Reversed { reason, back: back.clone() })?;
        self.scope.lock_lines(&back.seats);
        Self::always(step)
    }
}
