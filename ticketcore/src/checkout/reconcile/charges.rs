//! The gateways' own lists against the orders.

use std::sync::Arc;
use std::time::Duration;

use super::Reconciler;
use super::report::{ChargeFinding, ReconcileReport};
use crate::answer::{CommandError, OrderDetails};
use crate::checkout::drive::Join;
use crate::checkout::line::Line;
use crate::checkout::money::known;
use crate::checkout::options::Orphans;
use crate::checkout::waits::block_on;
use crate::gateway::{
    Answer, GatewayAction, GatewayKey, ListedCharge, LookUp, PaymentGateway, Refund, Reply, Void,
};
use crate::id::OrderId;
use crate::money::Money;
use crate::order::{News, ObserveRequest, Payment, PaymentSeen, PaymentState, RefundSeen, RefundState, Word};
use crate::refusal::Refusal;
use crate::time::UtcMs;

/// Parts of a gateway's list that one round reads.
const PAGES_PER_ROUND: usize = 10;

/// Refunds of charges without an order count from here: no order has so many refunds.
const ORPHAN_REFUNDS_FROM: u32 = 1_000_000;

/// Where a gateway's list goes on.
#[derive(Default)]
pub(super) struct List {
    after: Option<Word>,
    /// It does not list.
    none: bool,
}

impl Reconciler {
    /// Reads on in a gateway's list.
    pub(super) fn compare(&self, line: &Arc<Line>, list: &mut List, report: &mut ReconcileReport) {
        for _ in 0..PAGES_PER_ROUND {
            if list.none || line.retry_after_ms().is_some() {
                return;
            }
            let after = list.after.clone();
            let page = match self.ask(line, |gateway, reply| gateway.charges(after, reply)) {
                Answer::Yes(page) => page,
                Answer::No { retry_may_help: false, .. } if list.after.is_none() => {
                    list.none = true;
                    return;
                }
                // From the beginning: the place may be one it does not know any more.
                Answer::No { retry_may_help: false, .. } => {
                    list.after = None;
                    return;
                }
                Answer::No { code, .. } => return report.errors.push(format!("{}: {code}", line.name)),
                Answer::Unknown { reason } => return report.errors.push(format!("{}: {reason}", line.name)),
            };
            for charge in page.charges {
                report.charges += 1;
                self.charge(line, charge, report);
            }
            list.after = page.next;
            if list.after.is_none() {
                return;
            }
        }
        report.more |= list.after.is_some();
    }

    /// Waits for a call on this thread. Such calls are few, and do not stand in the line of those that orders need.
    fn ask<T: Send + 'static>(
        &self,
        line: &Line,
        call: impl FnOnce(&dyn PaymentGateway, Reply<T>),
    ) -> Answer<T> {
        let (reply, answered) = Reply::pair();
        call(&*line.gateway, reply);
        answered.wait_timeout(Duration::from_millis(self.inner.options.call_timeout_ms))
    }

    fn charge(&self, line: &Line, charge: ListedCharge, report: &mut ReconcileReport) {
        let gateway = line.name.clone();
        let Some(key) = charge.key.and_then(GatewayKey::payment) else {
            return report.unaccounted.push(ChargeFinding::Foreign { gateway, charge });
        };
        if self.inner.is_driven(key.order) {
            return;
        }
        let details = match block_on(self.inner.office.order_soon(key.order)) {
            Ok((_, details)) => details,
            Err(CommandError::Refused(Refusal::UnknownOrder | Refusal::UnknownEvent)) => {
                return self.orphan(line, key, charge, report);
            }
            Err(error) => return report.errors.push(format!("{}: {error}", key.order)),
        };
        let payment = (key.number as usize).checked_sub(1).and_then(|at| details.payments.get(at));
        let Some(payment) = payment.filter(|payment| payment.gateway == line.name) else {
            return self.orphan(line, key, charge, report);
        };
        let known = payment.reference.as_str();
        if !known.is_empty() && known != charge.reference.as_str() {
            if charge.outstanding_minor > 0 || charge.captured_minor > charge.refunded_minor {
                report.unaccounted.push(ChargeFinding::Twice { gateway, charge });
            }
            return;
        }
        if charge.seen != PaymentSeen::NotFound && payment.after(&charge.seen).is_some() {
            return self.observe(key, charge.seen, report);
        }
        if charge.refunded_minor < refunded_minor(&details, key.number)
            && self.came_back(line, key, &details, report)
        {
            return;
        }
        if let Some((captured_minor, refunded_minor)) = difference(&details, key.number, payment, &charge) {
            let differs = ChargeFinding::Differs { gateway, charge, captured_minor, refunded_minor };
            report.unaccounted.push(differs);
        }
    }

    /// The list says something new.
    fn observe(&self, key: GatewayKey, seen: PaymentSeen, report: &mut ReconcileReport) {
        self.tell(key.order, News::Payment { attempt: key.number, seen }, report);
    }

    fn tell(&self, order: OrderId, news: News, report: &mut ReconcileReport) {
        match self.inner.office.observe(ObserveRequest { order, news }).wait() {
            Ok(_) => {
                report.observed += 1;
                self.inner.start(order, Join::default());
            }
            Err(error) => report.errors.push(format!("{order}: {error}")),
        }
    }

    /// Less went back than the order believes. Nothing is due about a refund that went through: it is looked up again here. Whether one has
    /// come back.
    fn came_back(
        &self,
        line: &Line,
        payment: GatewayKey,
        details: &OrderDetails,
        report: &mut ReconcileReport,
    ) -> bool {
        let begun = (payment.number as usize).checked_sub(1).and_then(|at| details.payments.get(at));
        let since = begun.map_or(UtcMs(0), |payment| payment.started_at);
        let mut any = false;
        for (refund, number) in details.refunds.iter().zip(1..) {
            let ours = refund.attempt == payment.number && refund.state == RefundState::Succeeded;
            let Some(tries) = refund.through.filter(|_| ours) else { continue };
            let key = GatewayKey { tries, ..GatewayKey::new(payment.order, GatewayAction::Refund, number) };
            let paid = begun.and_then(|payment| known(&payment.reference));
            let call = LookUp { key, reference: None, payment: paid, since };
            let found = self.ask(line, |gateway, reply| gateway.look_up_refund(call, reply));
            if let Answer::Yes(seen @ RefundSeen::Failed { .. }) = found {
                self.tell(key.order, News::Refund { refund: number, tries, seen }, report);
                any = true;
            }
        }
        any
    }

    /// Money that bears our key and that nobody here wants.
    fn orphan(&self, line: &Line, key: GatewayKey, charge: ListedCharge, report: &mut ReconcileReport) {
        let kept_minor = charge.captured_minor - charge.refunded_minor;
        if charge.outstanding_minor <= 0 && kept_minor <= 0 {
            return;
        }
        let given_back =
            self.inner.options.orphans == Orphans::GiveBack && self.give_back(line, key, &charge);
        report.unaccounted.push(ChargeFinding::Orphan { gateway: line.name.clone(), charge, given_back });
    }

    fn give_back(&self, line: &Line, payment: GatewayKey, charge: &ListedCharge) -> bool {
        let kept_minor = charge.captured_minor - charge.refunded_minor;
        let mut done = true;
        if charge.outstanding_minor > 0 {
            let key = GatewayKey::new(payment.order, GatewayAction::Void, payment.number);
            let call = Void { key, reference: Some(charge.reference.clone()) };
            done &= self.ask(line, |gateway, reply| gateway.void(call, reply)).yes().is_some();
        }
        if kept_minor > 0 {
            let number = ORPHAN_REFUNDS_FROM.saturating_add(payment.number);
            let key = GatewayKey::new(payment.order, GatewayAction::Refund, number);
            let amount = Money { minor: kept_minor, currency: charge.currency };
            let call = Refund { key, payment, reference: charge.reference.clone(), amount };
            done &= self.ask(line, |gateway, reply| gateway.refund(call, reply)).yes().is_some();
        }
        done
    }
}

/// What the order says went back of an attempt.
fn refunded_minor(details: &OrderDetails, attempt: u32) -> i64 {
    let back =
        |refund: &&crate::order::Refund| refund.attempt == attempt && refund.state == RefundState::Succeeded;
    details.refunds.iter().filter(back).map(|refund| refund.amount_minor).sum()
}

/// What the order says was captured and went back, if the gateway says otherwise and no call under way explains it.
fn difference(
    details: &OrderDetails,
    attempt: u32,
    payment: &Payment,
    charge: &ListedCharge,
) -> Option<(i64, i64)> {
    let under_way = |state| matches!(state, RefundState::Requested | RefundState::Submitted);
    if details.refunds.iter().any(|refund| refund.attempt == attempt && under_way(refund.state)) {
        return None;
    }
    let refunded_minor = refunded_minor(details, attempt);
    // What a lost dispute took went past the gateway's list, or not: gateways differ.
    if details.disputed_minor > 0 || payment.is_unresolved() {
        return None;
    }
    let reserved = charge.outstanding_minor > 0;
    let agrees = match payment.state {
        PaymentState::Authorized => charge.captured_minor == 0,
        PaymentState::Captured => {
            charge.captured_minor == payment.captured_minor && charge.refunded_minor == refunded_minor
        }
        _ => !reserved && charge.captured_minor == charge.refunded_minor,
    };
    (!agrees).then_some((payment.captured_minor, refunded_minor))
}
