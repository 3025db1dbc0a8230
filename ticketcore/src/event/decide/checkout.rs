//! Orders that a gateway pays: opening them, beginning a payment, what staff decides before they are confirmed.

use super::dispute::Disputed;
use super::{Decide, Decided, Instead};
use crate::answer::{Reply, Stepped};
use crate::command::CommandKey;
use crate::fact::{CheckoutOpened, Fact, Keyed, OrderOpened, OrderStep, OrderStepped};
use crate::id::{HoldNumber, OrderId, UserId};
use crate::limits::{ATTEMPTS_PER_ORDER_MAX, within};
use crate::order::{
    CheckoutRequest, EndReason, OrderRecord, OrderState, PayRequest, PaymentRules, PaymentRulesRequest,
    PaymentState, StaffAction, StaffOrderRequest, StepKind, Terms, Word,
};
use crate::refusal::Refusal;
use crate::sale::Activity;
use crate::time::UtcMs;

impl Decide<'_, '_> {
    pub(super) fn payment_rules(&mut self, request: &PaymentRulesRequest) -> Decided {
        Self::always(Fact::PaymentRulesSet(Box::new(request.rules)))
    }

    pub(super) fn checkout(&mut self, request: &CheckoutRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let number = request.hold.number;
        if let Ok(order) = self.own_order(number, request.user) {
            return Err(self.existing(number, order));
        }
        let hold = self.own_hold(number, request.user)?;
        self.allowed(Activity::OpenOrder)?;
        self.not_overdue(hold)?;
        let extra = request.extra.iter().try_fold(0i64, |sum, line| sum.checked_add(line.amount_minor));
        let amount = hold.lines.total_minor().zip(extra).and_then(|(lines, extra)| lines.checked_add(extra));
        let Some(amount_minor) = amount.filter(|amount| *amount >= 0) else {
            let found = amount.map_or(u64::MAX, i64::unsigned_abs);
            let beyond = within("extra: amount to pay", found, 0, 0).err();
            return Err(beyond.map_or(Instead::Changed, |limit| Refusal::Limit(limit).into()));
        };
        let event = *self.scope.layout.payment_rules;
        let rules = PaymentRules { capture: request.capture.unwrap_or(event.capture), ..event };
        let payment_ttl_ms = self.scope.layout.manifest.rules().payment_ttl_ms;
        let hard_deadline = self.now.plus_ms(rules.payment_deadline_ms_max).min(hold.lifetime_end);
        let terms = Terms {
            rules,
            late_money: request.late_money,
            review: request.review,
            pay_until: self.now.plus_ms(payment_ttl_ms).min(hard_deadline),
            hard_deadline,
        };
        let payment_deadline = match (amount_minor, terms.review) {
            // Nothing is to be paid: staff has its time.
            (0, true) => self.now.plus_ms(rules.review_ttl_ms),
            _ => self.now.plus_ms(rules.intent_ttl_ms).min(terms.pay_until),
        };
        let opened = OrderOpened {
            hold: number,
            user: request.user,
            keyed: keyed.map(CommandKey::keyed),
            payment_deadline,
            lines: hold.lines.clone(),
        };
        let valid_until = hold.deadline.min(self.this_instant());
        let checkout = CheckoutOpened { opened, terms, extra: request.extra.clone(), amount_minor };
        Self::until(Fact::CheckoutOpened(Box::new(checkout)), valid_until)
    }

    pub(super) fn pay(&mut self, request: &PayRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let number = request.order.number;
        let order = self.own_order(number, request.user)?;
        self.allowed(Activity::Pay)?;
        let Some((terms, account)) = order.terms().zip(order.account.as_ref()) else {
            return Err(Refusal::OrderState { state: order.state }.into());
        };
        if order.state != OrderState::Open {
            return Err(Refusal::OrderState { state: order.state }.into());
        }
        if account.amount_minor == 0 {
            return Err(Refusal::NotPaid { amount_minor: 0 }.into());
        }
        let attempts = account.payments.len() as u64 + 1;
        within("payments", attempts, 1, ATTEMPTS_PER_ORDER_MAX as u64).map_err(Refusal::Limit)?;
        let hold = self.own_hold(number, request.user)?;
        self.not_overdue(hold)?;
        let step = OrderStep::PaymentStarted {
            attempt: u32::try_from(attempts).unwrap_or(u32::MAX),
            gateway: request.gateway.clone(),
            method: request.method.clone(),
            amount_minor: account.amount_minor,
            // The seats of an unknown payment stay until its answer or the hard limit.
            deadline: terms.hard_deadline,
        };
        let until = hold.deadline;
        let by = keyed.map(|asked| (request.user, asked.keyed()));
        self.step(number, order, by, step, until)
    }

    pub(super) fn staff_order(
        &mut self,
        request: &StaffOrderRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        let number = request.order.number;
        let by = keyed.map(|asked| (request.by, asked.keyed()));
        match &request.action {
            StaffAction::Approve => self.approve(number, by),
            StaffAction::Reject => {
                let order = self.any_order(number)?;
                if order.state != OrderState::InReview {
                    return Err(Refusal::OrderState { state: order.state }.into());
                }
                self.drop_order(number, by, EndReason::Rejected)
            }
            StaffAction::ConfirmOutside { reference } => self.confirm_outside(number, by, reference),
            StaffAction::Capture => {
                let order = self.any_order(number)?;
                Self::legal(order, StepKind::CaptureRequested)?;
                let asked = order.account.as_ref().is_some_and(|account| account.capture_requested);
                let reserved = order.last_payment().is_some_and(|p| p.state == PaymentState::Authorized);
                if asked || !reserved {
                    return Err(self.as_it_stands(number, order));
                }
                self.step(number, order, by, OrderStep::CaptureRequested, UtcMs::NEVER)
            }
            StaffAction::Refund(what) => self.refund(number, by, what),
            StaffAction::RetryRefund { refund } => self.retry_refund(number, by, *refund),
            StaffAction::OpenDispute { attempt, reference, amount_minor } => {
                let said = Disputed { attempt: *attempt, reference, amount_minor: *amount_minor };
                self.open_dispute(number, by, &said)
            }
            StaffAction::CloseDispute { attempt, reference, amount_minor, won } => {
                let said = Disputed { attempt: *attempt, reference, amount_minor: *amount_minor };
                self.close_dispute(number, by, &said, *won)
            }
        }
    }

    fn approve(&mut self, number: HoldNumber, by: Option<(UserId, Keyed)>) -> Decided {
        let order = self.any_order(number)?;
        self.allowed(Activity::Pay)?;
        let (Some(terms), OrderState::InReview) = (order.terms(), order.state) else {
            return Err(Refusal::OrderState { state: order.state }.into());
        };
        let hold = self.own_hold(number, order.user)?;
        if hold.deadline <= self.now {
            return Err(self.overdue(number, hold.deadline));
        }
        // The capture needs its time, also after a review that took longer than the order's own.
        let deadline = terms.hard_deadline.max(self.now.plus_ms(terms.rules.intent_ttl_ms));
        let until = hold.deadline.min(self.this_instant());
        self.step(number, order, by, OrderStep::Approved { deadline }, until)
    }

    fn confirm_outside(
        &mut self,
        number: HoldNumber,
        by: Option<(UserId, Keyed)>,
        reference: &Word,
    ) -> Decided {
        let order = self.any_order(number)?;
        if order.state == OrderState::Confirmed {
            return Err(self.as_it_stands(number, order));
        }
        self.allowed(Activity::Pay)?;
        if order.state != OrderState::Open {
            return Err(Refusal::OrderState { state: order.state }.into());
        }
        let hold = self.own_hold(number, order.user)?;
        if hold.deadline <= self.now {
            return Err(self.overdue(number, hold.deadline));
        }
        let (lines, until) = (hold.lines.clone(), hold.deadline);
        let stepped = self.stepped(
            number,
            order,
            by,
            OrderStep::ConfirmedOutside { reference: reference.clone(), lines: lines.clone() },
        )?;
        self.scope.lock_lines(&lines.seats);
        Self::until(stepped, until)
    }

    /// Ends a live order unsold.
    pub(super) fn drop_order(
        &mut self,
        number: HoldNumber,
        by: Option<(UserId, Keyed)>,
        reason: EndReason,
    ) -> Decided {
        let order = self.any_order(number)?;
        let lines = self.own_hold(number, order.user)?.lines.clone();
        let stepped = self.stepped(number, order, by, OrderStep::Dropped { reason, lines: lines.clone() })?;
        self.scope.lock_lines(&lines.seats);
        Self::always(stepped)
    }

    /// An order, whoever's: for staff and for the house itself.
    pub(super) fn any_order(&self, number: HoldNumber) -> Result<&OrderRecord, Refusal> {
        let now = self.now;
        let order = self.scope.look(number.shard()).orders.get(&number);
        order
            .filter(|order| crate::event::shard::is_remembered(order, now))
            .map(|order| &**order)
            .ok_or(Refusal::UnknownOrder)
    }

    /// The fact that an order takes a step, if it is legal now.
    pub(super) fn stepped(
        &self,
        number: HoldNumber,
        order: &OrderRecord,
        by: Option<(UserId, Keyed)>,
        step: OrderStep,
    ) -> Result<Fact, Instead> {
        let state = order.after(&step).ok_or(Refusal::OrderState { state: order.state })?;
        Ok(Fact::OrderStepped(Box::new(OrderStepped { order: number, user: order.user, by, state, step })))
    }

    /// As [`stepped`](Self::stepped), decided.
    pub(super) fn step(
        &self,
        number: HoldNumber,
        order: &OrderRecord,
        by: Option<(UserId, Keyed)>,
        step: OrderStep,
        valid_until: UtcMs,
    ) -> Decided {
        Self::until(self.stepped(number, order, by, step)?, valid_until)
    }

    /// The answer when an order needs no step.
    pub(super) fn as_it_stands(&self, number: HoldNumber, order: &OrderRecord) -> Instead {
        let order_id = OrderId { event: self.event, number };
        let state = order.state;
        Instead::Answer(Reply::Stepped(Stepped {
            order: order_id,
            state,
            revision: None,
            number: 0,
            replayed: false,
        }))
    }

    /// The hold is dead and has to be expired first.
    pub(super) fn overdue(&self, number: HoldNumber, deadline: UtcMs) -> Instead {
        Instead::Overdue(Refusal::HoldExpired { deadline }, vec![number])
    }
}
