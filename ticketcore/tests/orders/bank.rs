//! [`Bank`]: a gateway that does what the payment method says, and a driver that loses what a test wants lost.

use std::collections::BTreeMap;

use ticketcore::order::{Charge, Effect, News, ObserveRequest, PaymentSeen, RefundSeen};
use ticketcore::{DueOrder, OrderId};

use crate::desk::{Desk, authorized, captured, declined, word};

/// What the bank knows of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paid {
    Authorized,
    Captured(i64),
    Voided,
    Declined,
}

/// What a driver's step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    None,
    /// The call never arrives: the outcome is unknown, and nothing was done.
    Before,
    /// The call arrives and its answer is lost: the outcome is unknown, and it was done.
    After,
    /// Call and answer both come twice.
    Twice,
}

/// A gateway with a ledger of its own. Every call has a key, and a call that comes again changes nothing.
#[derive(Default)]
pub struct Bank {
    pub payments: BTreeMap<(OrderId, u32), Paid>,
    /// By order, refund and try.
    pub refunds: BTreeMap<(OrderId, u32, u32), i64>,
    /// Authorises and never captures.
    pub refuses_captures: bool,
    /// Declines whatever is asked.
    pub declines: bool,
    pub calls: usize,
}

impl Bank {
    /// What it keeps of an order's money.
    pub fn has(&self, order: OrderId) -> i64 {
        let paid = self.payments.iter().filter(|((of, _), _)| *of == order);
        let paid = paid.map(|(_, paid)| if let Paid::Captured(minor) = paid { *minor } else { 0 });
        let back = self.refunds.iter().filter(|((of, ..), _)| *of == order).map(|(_, minor)| *minor);
        paid.sum::<i64>() - back.sum::<i64>()
    }

    /// Reservations that nobody has taken or given back.
    pub fn reserved(&self) -> usize {
        self.payments.values().filter(|paid| **paid == Paid::Authorized).count()
    }

    fn seen(&self, key: (OrderId, u32)) -> PaymentSeen {
        match self.payments.get(&key) {
            None => PaymentSeen::NotFound,
            Some(Paid::Authorized) => authorized(),
            Some(Paid::Captured(minor)) => captured(*minor),
            Some(Paid::Voided) => PaymentSeen::Voided,
            Some(Paid::Declined) => declined(),
        }
    }

    /// Carries out an effect; the answer as the order must be told it, or the due step itself.
    fn call(&mut self, order: OrderId, effect: &Effect) -> News {
        self.calls += 1;
        let key = |charge: &Charge| (order, charge.attempt);
        match effect {
            Effect::Authorize(charge) => {
                let fresh = if self.declines { Paid::Declined } else { Paid::Authorized };
                self.payments.entry(key(charge)).or_insert(fresh);
                News::Payment { attempt: charge.attempt, seen: self.seen(key(charge)) }
            }
            Effect::LookUp(charge) => News::Payment { attempt: charge.attempt, seen: self.seen(key(charge)) },
            Effect::Capture(charge) => {
                let refuses = self.refuses_captures;
                let paid = self.payments.get_mut(&key(charge)).unwrap();
                match paid {
                    Paid::Authorized if !refuses => *paid = Paid::Captured(charge.amount_minor),
                    Paid::Authorized | Paid::Voided | Paid::Declined => {
                        return News::CaptureRefused { attempt: charge.attempt, code: word("lapsed") };
                    }
                    Paid::Captured(_) => {}
                }
                News::Payment { attempt: charge.attempt, seen: self.seen(key(charge)) }
            }
            Effect::Void(charge) => {
                let paid = self.payments.get_mut(&key(charge)).unwrap();
                if *paid == Paid::Authorized {
                    *paid = Paid::Voided;
                }
                News::Payment { attempt: charge.attempt, seen: self.seen(key(charge)) }
            }
            Effect::Refund { refund, tries, amount_minor, charge, .. } => {
                self.refunds.entry((order, *refund, *tries)).or_insert(*amount_minor);
                assert!(self.has(order) >= 0, "more goes back than came in: {charge:?}");
                let seen = RefundSeen::Succeeded { reference: word("re") };
                News::Refund { refund: *refund, tries: *tries, seen }
            }
            Effect::LookUpRefund { refund, tries, .. } => {
                let known = self.refunds.contains_key(&(order, *refund, *tries));
                let reference = word("re");
                let seen = if known { RefundSeen::Succeeded { reference } } else { RefundSeen::NotFound };
                News::Refund { refund: *refund, tries: *tries, seen }
            }
            Effect::Confirm => News::Confirm,
            Effect::Drop(reason) => News::Drop(*reason),
            Effect::SettleLate => News::SettleLate,
            Effect::StartRefund { attempt, reason } => {
                News::StartRefund { attempt: *attempt, reason: *reason }
            }
            Effect::Reverse => News::Reverse,
        }
    }

    /// Does what is due about one order.
    pub fn step(&mut self, desk: &Desk, due: &DueOrder, mishap: Mishap) {
        if mishap == Mishap::Before {
            return;
        }
        let news = self.call(due.order, &due.effect);
        let tell = |news: News| {
            // Told late it may be refused: the sale state may have changed, or the refund may be one too many.
            let told = desk.sale.office.observe(ObserveRequest { order: due.order, news }).wait();
            told.unwrap_or_else(|error| panic!("{:?}: {error}", due.effect));
        };
        match mishap {
            Mishap::After => {}
            Mishap::Twice => {
                let again = self.call(due.order, &due.effect);
                tell(news.clone());
                tell(again);
                tell(news);
            }
            _ => tell(news),
        }
    }

    /// Does all that is due until nothing is, at most `batch` orders at a time. `mishap` of the steps counted from 0; answers how many
    /// there were.
    pub fn drive(&mut self, desk: &Desk, batch: usize, mishap: impl Fn(usize) -> Mishap) -> usize {
        let mut steps = 0;
        loop {
            let mut after = None;
            let mut any = false;
            loop {
                let due = desk.sale.office.due_orders(desk.sale.event, after, batch).unwrap();
                assert!(due.len() <= batch);
                let Some(last) = due.last() else { break };
                after = Some(last.order);
                any = true;
                for due in due {
                    self.step(desk, &due, mishap(steps));
                    steps += 1;
                }
            }
            if !any {
                return steps;
            }
            assert!(steps < 2_000, "it ends");
        }
    }

    /// Does all that is due, without mishaps.
    pub fn settle(&mut self, desk: &Desk) -> usize {
        self.drive(desk, 100, |_| Mishap::None)
    }
}
