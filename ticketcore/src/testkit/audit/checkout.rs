//! Facts about orders that a gateway pays, up to their end: opened, paid, reviewed, ended, paid late.

use super::accounts::places;
use super::books::{AuditedOrder, Books, Checked, ensure};
use super::holds::same_lines;
use super::till::{Till, Where};
use crate::fact::{CheckoutOpened, Lines, Stamp};
use crate::id::HoldNumber;
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::limits::ATTEMPTS_PER_ORDER_MAX;
use crate::order::{CaptureMode, EndReason, LateMoney, OnDecline, OrderState, PaymentSeen};
use crate::refusal::SeatState;
use crate::sale::{Activity, SaleState};
use crate::time::UtcMs;

impl Books {
    pub fn checkout_opened(&mut self, stamp: Stamp, checkout: &CheckoutOpened) -> Checked {
        let (opened, terms) = (&checkout.opened, &checkout.terms);
        let number = opened.hold;
        self.key(stamp, opened.user, Operation::OpenOrder, opened.keyed.as_ref())?;
        self.allowed(Activity::OpenOrder)?;
        let before = self.orders.get(&number).map(|order| order.state);
        ensure(before.is_none(), Invariant::I12OneOrder, || format!("{number:?} has an order: {before:?}"))?;
        let rules = terms.rules;
        let same =
            crate::order::PaymentRules { capture: self.payment_rules.capture, ..rules } == self.payment_rules;
        ensure(same, Invariant::I8SameFacts, || format!("{rules:?} are not the event's rules"))?;
        let payment_ttl_ms = self.manifest.rules().payment_ttl_ms;
        let hold = self.live_hold(stamp, number, opened.user)?;
        same_lines(number, &hold.lines, &opened.lines)?;
        let hard = stamp.at.plus_ms(rules.payment_deadline_ms_max).min(hold.lifetime_end);
        let pay_until = stamp.at.plus_ms(payment_ttl_ms).min(hard);
        // Nothing is to be paid, and staff must look at it: it has staff's time.
        let in_review = terms.review && checkout.amount_minor == 0;
        let intent = stamp.at.plus_ms(rules.intent_ttl_ms).min(pay_until);
        let first = if in_review { stamp.at.plus_ms(rules.review_ttl_ms) } else { intent };
        let found = (opened.payment_deadline, terms.pay_until, terms.hard_deadline);
        ensure(found == (first, pay_until, hard), Invariant::I4DeadIsDead, || {
            format!("{number:?} may be paid until {found:?}, not {:?}", (first, pay_until, hard))
        })?;
        let extra = checkout.extra.iter().try_fold(0i64, |sum, line| sum.checked_add(line.amount_minor));
        let due = opened.lines.total_minor().zip(extra).and_then(|(lines, extra)| lines.checked_add(extra));
        let right = due == Some(checkout.amount_minor) && checkout.amount_minor >= 0;
        ensure(right, Invariant::I7Money, || {
            format!("{} are to be paid, not {due:?}", checkout.amount_minor)
        })?;
        let till = Till { terms: Some(*terms), amount_minor: checkout.amount_minor, ..Till::default() };
        let state = if in_review { OrderState::InReview } else { OrderState::Open };
        self.orders.insert(number, AuditedOrder { till, state, ..AuditedOrder::open(opened.user) });
        self.pin(number, first);
        self.tally.orders_opened += 1;
        Ok(())
    }

    /// The effective deadline of an order's hold is this from now on.
    pub fn pin(&mut self, number: HoldNumber, deadline: UtcMs) {
        if let Some(hold) = self.holds.get_mut(&number) {
            hold.payment_deadline = Some(deadline);
        }
    }

    pub(super) fn payment_started(
        &mut self,
        stamp: Stamp,
        number: HoldNumber,
        attempt: u32,
        amount_minor: i64,
        deadline: UtcMs,
    ) -> Checked {
        self.allowed(Activity::Pay)?;
        let user = self.order(number)?.user;
        self.live_hold(stamp, number, user)?;
        let till = &mut self.order_mut(number)?.till;
        till.start(attempt, amount_minor)?;
        let few = attempt as usize <= ATTEMPTS_PER_ORDER_MAX;
        ensure(few, Invariant::I7Money, || format!("attempt {attempt} of {ATTEMPTS_PER_ORDER_MAX}"))?;
        let hard = till.terms.map(|terms| terms.hard_deadline);
        // The seats of a payment nobody knows about stay until its answer or the hard limit.
        ensure(Some(deadline) == hard, Invariant::I4DeadIsDead, || {
            format!("a payment may take until {deadline}, not {hard:?}")
        })?;
        self.pin(number, deadline);
        Ok(())
    }

    pub(super) fn payment_observed(
        &mut self,
        stamp: Stamp,
        number: HoldNumber,
        attempt: u32,
        seen: &PaymentSeen,
        deadline: Option<UtcMs>,
    ) -> Checked {
        let order = self.order_mut(number)?;
        order.till.observe(attempt, seen)?;
        let (user, live, last) = (order.user, order.state.is_live(), order.till.last());
        let news_of_the_order = live && attempt == last;
        ensure(deadline.is_some() == news_of_the_order, Invariant::I4DeadIsDead, || {
            format!("news of attempt {attempt} of {last} set the deadline {deadline:?}")
        })?;
        let Some(deadline) = deadline else { return Ok(()) };
        let before = self.live_hold(stamp, number, user)?.effective_deadline();
        let till = &self.order(number)?.till;
        let Some(terms) = till.terms else { return Ok(()) };
        let review = stamp.at.plus_ms(terms.rules.review_ttl_ms);
        let right = match seen {
            PaymentSeen::Declined { .. } | PaymentSeen::NotFound | PaymentSeen::Voided => terms.pay_until,
            PaymentSeen::Authorized { lapses_at: Some(lapses), .. } if till.waits_for_review() => {
                review.min(UtcMs(lapses.0.saturating_sub(terms.rules.lapse_margin_ms)))
            }
            PaymentSeen::Authorized { .. } | PaymentSeen::Captured { .. } if till.waits_for_review() => {
                review
            }
            _ => terms.hard_deadline.max(before),
        };
        ensure(deadline == right, Invariant::I4DeadIsDead, || {
            format!("after {seen:?} it may be paid until {deadline}, not {right}")
        })?;
        self.pin(number, deadline);
        Ok(())
    }

    pub(super) fn approved(&mut self, stamp: Stamp, number: HoldNumber, deadline: UtcMs) -> Checked {
        self.allowed(Activity::Pay)?;
        let user = self.order(number)?.user;
        self.live_hold(stamp, number, user)?;
        let till = &mut self.order_mut(number)?.till;
        till.approved = true;
        let right = till.terms.map(|t| t.hard_deadline.max(stamp.at.plus_ms(t.rules.intent_ttl_ms)));
        ensure(Some(deadline) == right, Invariant::I4DeadIsDead, || {
            format!("once approved it may be paid until {deadline}, not {right:?}")
        })?;
        self.pin(number, deadline);
        Ok(())
    }

    /// Paid outside: sold at once.
    pub(super) fn confirmed_outside(&mut self, stamp: Stamp, number: HoldNumber, lines: &Lines) -> Checked {
        self.allowed(Activity::Pay)?;
        self.order_mut(number)?.till.outside = true;
        self.sell_held(stamp, number, lines)
    }

    /// What the order's hold keeps is sold, while the hold lives.
    pub(super) fn sell_held(&mut self, stamp: Stamp, number: HoldNumber, lines: &Lines) -> Checked {
        let user = self.order(number)?.user;
        let hold = self.live_hold(stamp, number, user)?;
        same_lines(number, &hold.lines, lines)?;
        let count = places(lines)?;
        self.sell(number, lines)?;
        self.accounts.add_user(user, -count, count)?;
        self.holds.remove(&number);
        self.sold(number, lines)
    }

    /// The order has tickets for `lines` from now on.
    pub(super) fn sold(&mut self, number: HoldNumber, lines: &Lines) -> Checked {
        let total = lines.total_minor().and_then(|total| self.tally.money_minor.checked_add(total));
        let total = total.ok_or_else(|| (Invariant::I7Money, "the amounts can't be added up".to_owned()))?;
        self.tally.money_minor = total;
        self.tally.orders_confirmed += 1;
        self.order_mut(number)?.lines = lines.clone();
        Ok(())
    }

    /// Nothing is sold before its money is there as the terms say.
    pub(super) fn is_paid(&self, number: HoldNumber) -> Checked {
        let till = &self.order(number)?.till;
        let Some(terms) = till.terms else { return Ok(()) };
        let paid = match till.attempts.last() {
            None => till.amount_minor == 0,
            Some(last) => match last.money {
                Where::Taken => last.taken_minor == till.amount_minor,
                Where::Reserved => terms.rules.capture != CaptureMode::Immediate && !last.capture_refused,
                _ => false,
            },
        };
        ensure(paid, Invariant::I7Money, || format!("{number:?} is not paid: {till:?}"))
    }

    /// The house ends a live order for a reason that is so.
    pub(super) fn dropped(&mut self, number: HoldNumber, reason: EndReason, lines: &Lines) -> Checked {
        let cancelled = self.sale == SaleState::Cancelled;
        let order = self.order(number)?;
        let (till, user) = (&order.till, order.user);
        let so = match reason {
            EndReason::Declined => {
                let frees = till.terms.is_some_and(|terms| terms.rules.on_decline == OnDecline::Free);
                order.state == OrderState::Open && frees && till.last_money() == Some(Where::Nowhere)
            }
            EndReason::Rejected => order.state == OrderState::InReview,
            EndReason::EventCancelled => cancelled,
            EndReason::WrongAmount => till
                .attempts
                .last()
                .is_some_and(|last| last.money == Where::Taken && last.taken_minor != till.amount_minor),
            EndReason::OverLimit => self.is_too_much_for_somebody(self.places_now(number)?),
            EndReason::TooLate | EndReason::CaptureRefused | EndReason::Surplus | EndReason::Asked => false,
        };
        ensure(so, Invariant::I8SameFacts, || format!("{number:?} ended as {reason:?}: {till:?}"))?;
        let hold = self.hold_of(number, user)?;
        same_lines(number, &hold.lines, lines)?;
        self.tally.orders_cancelled += 1;
        self.free_hold(number)
    }

    /// Late money buys what is free: the same, or what is as good if the buyer agreed to that.
    pub(super) fn late_confirmed(&mut self, number: HoldNumber, lines: &Lines) -> Checked {
        self.allowed(Activity::Pay)?;
        let order = self.order(number)?;
        let (user, till) = (order.user, &order.till);
        ensure(!till.waits_for_review(), Invariant::I12OneOrder, || "nobody has looked at it".to_owned())?;
        let last = till.attempts.last();
        let paid = last.is_some_and(|last| match last.money {
            Where::Taken => till.kept_minor() == till.amount_minor,
            Where::Reserved => !last.capture_refused,
            _ => false,
        });
        ensure(paid, Invariant::I7Money, || format!("{number:?} is not paid: {till:?}"))?;
        let agreed = till.terms.is_some_and(|terms| terms.late_money == LateMoney::Equivalent);
        let fine = order.wanted == *lines || agreed && self.worth(&order.wanted) == self.worth(lines);
        ensure(fine, Invariant::I7Money, || format!("{:?} was paid for, {lines:?} is sold", order.wanted))?;
        self.sell_free(number, lines)?;
        self.accounts.add_user(user, 0, places(lines)?)?;
        self.within_user_limit(user)?;
        self.sold(number, lines)
    }

    /// Late money goes back only if it must.
    pub(super) fn late_refused(&mut self, number: HoldNumber, reason: EndReason) -> Checked {
        let order = self.order(number)?;
        let till = &order.till;
        let limit = self.manifest.rules().tickets_per_user_max;
        let more = u32::try_from(places(&order.wanted)?).unwrap_or(u32::MAX);
        let so = match reason {
            EndReason::EventCancelled => !self.sale.allows(Activity::Pay),
            EndReason::WrongAmount => till
                .attempts
                .last()
                .is_some_and(|last| last.money == Where::Taken && till.kept_minor() != till.amount_minor),
            EndReason::Rejected => till.waits_for_review(),
            EndReason::OverLimit => {
                self.accounts.user(order.user).used().saturating_add(more) > limit
                    || self.is_too_much_for_its_own(number, more)
            }
            EndReason::TooLate => !self.could_sell(&order.wanted) || self.is_used_up(number),
            _ => false,
        };
        self.tally.orders_cancelled += u64::from(so);
        ensure(so, Invariant::I7Money, || format!("late money of {number:?} was refused as {reason:?}"))
    }

    /// Whether every place of the lines is free, and no quota is in the way.
    fn could_sell(&self, lines: &Lines) -> bool {
        let seats = lines.seats.iter().all(|line| {
            self.manifest.is_real(line.seat)
                && self.seats.get(line.seat.at()).is_some_and(|seat| seat.state == SeatState::Free)
        });
        let wanted = |pool| -> u32 {
            lines.areas.iter().filter(|l| (l.area, l.allocation) == pool).map(|l| l.quantity).sum()
        };
        let areas = lines.areas.iter().all(|line| {
            let pool = (line.area, line.allocation);
            self.accounts.pools.get(&pool).is_some_and(|counts| counts.free >= wanted(pool))
        });
        seats && areas && self.quotas_have_room(lines)
    }

    /// What lines are worth, place by place: category, ticket type and price of each.
    fn worth(&self, lines: &Lines) -> Vec<(u16, u16, i64, bool)> {
        let seats = lines
            .seats
            .iter()
            .map(|l| (self.manifest.category_of(l.seat).0, l.ticket_type.0, l.price_minor, true));
        let areas = lines.areas.iter().flat_map(|l| {
            let category = self.manifest.areas().get(l.area.at()).map_or(u16::MAX, |area| area.category.0);
            (0..l.quantity).map(move |_| (category, l.ticket_type.0, l.price_minor, false))
        });
        let mut all: Vec<_> = seats.chain(areas).collect();
        all.sort_unstable();
        all
    }
}
