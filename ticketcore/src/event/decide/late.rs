//! Late money: it came after the deadline, and the seats may be gone.

use super::{Decide, Decided};
use crate::event::pool::PoolName;
use crate::event::touched::each_quota;
use crate::fact::{Lines, OrderStep};
use crate::id::HoldNumber;
use crate::order::{EndReason, OrderRecord, PaymentState};
use crate::sale::Activity;
use crate::time::UtcMs;

impl Decide<'_, '_> {
    /// Sells the same places if they are free, or says why the money goes back. The caller has expired what is overdue.
    pub(super) fn settle_late(&mut self, number: HoldNumber) -> Decided {
        let order = self.any_order(number)?.clone();
        let lines = match self.late_reason(&order) {
            Some(reason) => return self.refuse_late(number, &order, reason),
            None => order.lines.clone(),
        };
        if self.take_free(&lines) {
            let step = self.stepped(number, &order, None, OrderStep::LateConfirmed { lines })?;
            return Self::always(step);
        }
        self.refuse_late(number, &order, EndReason::TooLate)
    }

    fn refuse_late(&mut self, number: HoldNumber, order: &OrderRecord, reason: EndReason) -> Decided {
        self.step(number, order, None, OrderStep::LateRefused { reason }, UtcMs::NEVER)
    }

    /// Why the money goes back whatever is free.
    fn late_reason(&self, order: &OrderRecord) -> Option<EndReason> {
        if self.allowed(Activity::Pay).is_err() {
            return Some(EndReason::EventCancelled);
        }
        let wrong = order.last_payment().is_some_and(|payment| {
            payment.state == PaymentState::Captured
                && Some(payment.captured_minor) != order.account.as_ref().map(|a| a.amount_minor)
        });
        if wrong {
            return Some(EndReason::WrongAmount);
        }
        if order.needs_review() {
            // Nobody has looked at it in time.
            return Some(EndReason::Rejected);
        }
        let usage = self.scope.look(order.user.shard()).usage(order.user);
        let limit = self.scope.layout.manifest.rules().tickets_per_user_max;
        let over = (usage.held + usage.owned).saturating_add(order.lines.places()) > limit;
        over.then_some(EndReason::OverLimit)
    }

    /// Locks and reserves `lines` if all of them are free; else nothing is reserved.
    pub(super) fn take_free(&mut self, lines: &Lines) -> bool {
        let manifest = std::sync::Arc::clone(&self.scope.layout.manifest);
        if !lines.seats.iter().all(|line| manifest.is_real(line.seat)) {
            return false;
        }
        self.scope.lock_lines(&lines.seats);
        let mut free = self.scope.are_free(&lines.seats, |_| true);
        for line in &lines.areas {
            free = free && self.reserve(PoolName::Area(line.area, line.allocation), line.quantity, 0).is_ok();
        }
        free = free
            && each_quota(&manifest, lines, |quota, count| {
                self.reserve(PoolName::Quota(quota), count, 0).is_ok()
            });
        if !free {
            self.scope.give_back();
        }
        free
    }
}
