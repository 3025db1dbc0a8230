//! Refunds that come back when nobody says so, and refunds that take their time.

use std::sync::Arc;

use ticketcore::checkout::{Checkout, Reconciler};
use ticketcore::gateway::{
    Answer, Authorize, Capture, LookUp, PaymentGateway, Refund, Reply, SandboxFaults, SandboxGateway,
    SandboxOptions, Void,
};
use ticketcore::order::{PaymentRules, PaymentSeen, RefundSeen, RefundState, RefundWhat};

use crate::shop::{PRICE, Shop, options, word};

const MINUTE: u64 = 60_000;

#[test]
fn a_refund_that_came_back_unheard_is_found_in_the_list_and_sent_again() {
    let faults = SandboxFaults { notify_lost_pct: 100, ..SandboxFaults::NONE };
    let bank = SandboxOptions { faults, ..SandboxOptions::default() };
    let mut shop = Shop::with(bank, PaymentRules::default(), options());
    let order = shop.sold(1, &[0, 1], "pm_refund_bounces:600000");
    let _first = shop.refund(order, RefundWhat::Tickets(vec![0]));
    shop.run();
    assert_eq!((shop.refund_state(order), shop.totals()[3]), (RefundState::Succeeded, i128::from(PRICE)));
    shop.pass(10 * MINUTE);
    assert_eq!(shop.totals()[3], 0, "it is back, and nobody has said so");
    let report = shop.reconcile();
    assert_eq!((report.observed, report.unaccounted.count), (1, 0), "{report:?}");
    shop.pass(MINUTE);
    let refund = shop.details(order).refunds[0].clone();
    assert_eq!((refund.state, refund.through, refund.tries), (RefundState::Succeeded, Some(1), 1));
    assert_eq!(shop.totals()[3], i128::from(PRICE));
    shop.closed_books();
    assert!(shop.reconcile().is_clean());
}

/// A sandbox that works on the first refund of each order for ever.
struct Slow(Arc<SandboxGateway>);

impl PaymentGateway for Slow {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn key_retention_ms(&self) -> u64 {
        self.0.key_retention_ms()
    }
    fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>) {
        self.0.authorize(call, reply);
    }
    fn capture(&self, call: Capture, reply: Reply<PaymentSeen>) {
        self.0.capture(call, reply);
    }
    fn void(&self, call: Void, reply: Reply<PaymentSeen>) {
        self.0.void(call, reply);
    }
    fn refund(&self, call: Refund, reply: Reply<RefundSeen>) {
        self.0.refund(call, reply);
    }
    fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>) {
        self.0.look_up(call, reply);
    }
    fn look_up_refund(&self, call: LookUp, reply: Reply<RefundSeen>) {
        if call.key.number == 1 {
            return reply.answer(Answer::Yes(RefundSeen::Submitted { reference: word("sbx_9") }));
        }
        self.0.look_up_refund(call, reply);
    }
}

#[test]
fn a_refund_that_takes_days_keeps_no_other_from_being_looked_up() {
    let mut shop = Shop::new();
    let gateways = vec![Arc::new(Slow(Arc::clone(&shop.bank))) as Arc<dyn PaymentGateway>];
    shop.checkout = Checkout::new(Arc::clone(&shop.sale.office), gateways, options()).unwrap();
    shop.reconciler = Reconciler::new(&shop.checkout);
    let order = shop.sold(1, &[0, 1, 2], "pm_refund_pending:1000");
    let refunds: Vec<_> =
        (0..3).map(|ticket| shop.refund(order, RefundWhat::Tickets(vec![ticket]))).collect();
    shop.pass(500);
    shop.pass_reconciled(5 * MINUTE, 10_000);
    let states: Vec<_> = shop.details(order).refunds.iter().map(|refund| refund.state).collect();
    assert_eq!(states, [RefundState::Submitted, RefundState::Succeeded, RefundState::Succeeded]);
    assert_eq!(shop.checkout.status().driven, 0, "it is left to the reconciler");
    drop(refunds);
}
