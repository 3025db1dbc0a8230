//! The part of the journal's fold that is about orders a gateway pays.

use ticketcore::HoldNumber;
use ticketcore::fact::{CheckoutOpened, Lines, OrderStep, OrderStepped, Stamp};
use ticketcore::order::{EndReason, PaymentSeen};

use crate::journal::Journal;

impl Journal {
    /// An order was opened.
    pub fn checkout(&mut self, stamp: Stamp, checkout: &CheckoutOpened) {
        let opened = &checkout.opened;
        self.opened += 1;
        let first = self.opened_orders.insert(opened.hold);
        self.violations.check(first, || format!("{}: a second order of {:?}", stamp.revision, opened.hold));
        let costs = opened.lines.total_minor() == Some(checkout.amount_minor);
        self.violations.check(costs, || format!("{}: {checkout:?}", stamp.revision));
        let Some(live) = self.live.get_mut(&opened.hold) else {
            return self.violations.add(format!("{}: an order of no hold", stamp.revision));
        };
        let fits = !live.ordered
            && stamp.at < live.deadline
            && (live.user, &live.lines) == (opened.user, &opened.lines)
            && opened.payment_deadline <= live.lifetime_end;
        (live.ordered, live.deadline) = (true, opened.payment_deadline);
        self.violations.check(fits, || format!("{}: {opened:?}", stamp.revision));
    }

    /// An order took a step.
    pub fn stepped(&mut self, stamp: Stamp, stepped: OrderStepped) {
        let order = stepped.order;
        if let (Some(deadline), Some(live)) = (stepped.step.deadline(), self.live.get_mut(&order)) {
            let fits = stamp.at < live.deadline && deadline <= live.lifetime_end;
            live.deadline = deadline;
            self.violations.check(fits, || format!("{}: {order:?} is overdue", stamp.revision));
        }
        match stepped.step {
            OrderStep::PaymentObserved { seen: PaymentSeen::Declined { .. }, .. } => {
                self.declined_at.insert(order, stamp.at);
            }
            OrderStep::Dropped { reason, lines } => {
                self.cancelled += 1;
                self.end(stamp, order, &lines, |live| live.ordered);
                self.step(stamp).returned += lines.places();
                if let (EndReason::Declined, Some(at)) = (reason, self.declined_at.remove(&order)) {
                    self.release_ms.push(stamp.at.since_ms(at));
                }
            }
            OrderStep::LateConfirmed { lines } => {
                self.late_confirmed += 1;
                self.take(stamp, order, &lines);
                self.sell(stamp, order, stepped.user, lines);
            }
            OrderStep::LateRefused { .. } => self.late_refused += 1,
            OrderStep::RefundStarted { amount_minor, back, .. } => {
                self.refund(stamp, order, amount_minor, &back);
            }
            OrderStep::PaymentStarted { .. }
            | OrderStep::PaymentObserved { .. }
            | OrderStep::RefundTryObserved { .. } => {}
            other => self.violations.add(format!("{}: nobody asked for {other:?}", stamp.revision)),
        }
    }

    fn refund(&mut self, stamp: Stamp, order: HoldNumber, amount_minor: i64, back: &Lines) {
        if back.places() == 0 {
            // Money that no tickets were bought with.
            return;
        }
        self.refunded += 1;
        self.money_minor -= amount_minor;
        let Some((user, lines)) = self.confirmed.remove(&order) else {
            return self.violations.add(format!("{}: {order:?} has no tickets", stamp.revision));
        };
        let whole = lines == *back && lines.total_minor() == Some(amount_minor);
        self.violations.check(whole, || format!("{}: not all of {order:?} goes back", stamp.revision));
        if let Some(tickets) = self.tickets.get_mut(&user) {
            *tickets = tickets.saturating_sub(lines.places());
        }
        for line in &back.seats {
            let own = self.owner[line.seat.at()].take() == Some(order);
            let sold = self.sold_at[line.seat.at()].take().is_some();
            self.violations.check(own && sold, || format!("{}: {:?} was not its", stamp.revision, line.seat));
        }
        for line in &back.areas {
            self.area_taken[line.area.at()] = self.area_taken[line.area.at()].saturating_sub(line.quantity);
            self.area_back += u64::from(line.quantity);
        }
        self.step(stamp).returned += back.places();
    }

    /// What every order with tickets cost, in minor units.
    pub fn totals(&self) -> Vec<(HoldNumber, i64)> {
        let total = |(order, (_, lines)): (&HoldNumber, &(_, Lines))| {
            (*order, lines.total_minor().unwrap_or(i64::MAX))
        };
        self.confirmed.iter().map(total).collect()
    }

    /// Of a hundred declines, how long the slowest but one took to free the seats, in milliseconds of the sale; from fact to fact.
    pub fn release_p99_ms(&mut self) -> u64 {
        self.release_ms.sort_unstable();
        let at = (self.release_ms.len() * 99).div_ceil(100).saturating_sub(1);
        self.release_ms.get(at).copied().unwrap_or_default()
    }
}
