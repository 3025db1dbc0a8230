//! Gateways in trouble, gateways that forget, gateways that report by themselves, and gateways that are the host's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ticketcore::checkout::{Checkout, CheckoutOptions, Progress};
use ticketcore::gateway::{
    Authorize, BreakerOptions, CallFault, Capture, Entered, GatewayAction, GatewayKey, LookUp, Outage,
    PaymentGateway, Refund, Reply, SandboxFaults, SandboxGateway, SandboxOptions, Seen, Void,
};
use ticketcore::order::{
    Effect, News, ObserveRequest, PayRequest, PaymentRules, PaymentSeen, PaymentState, RefundSeen,
    RefundState, RefundWhat,
};
use ticketcore::testkit::Rng;
use ticketcore::{CommandError, OrderState, Refusal, SeatState, UserId};

use crate::shop::{PRICE, Shop, options, word};

const MINUTE: u64 = 60_000;

#[test]
fn an_outage_opens_the_breaker_and_everything_recovers() {
    for outage in [Outage::Silent, Outage::Refusing] {
        let breaker = BreakerOptions { window: 10, failures: 5, open_ms: 5_000, probes: 1 };
        let bank = SandboxOptions::default();
        let mut shop = Shop::with(bank, PaymentRules::default(), CheckoutOptions { breaker, ..options() });
        let before = shop.sold(1, &[0], "pm_ok");
        shop.bank.set_outage(Some(outage));
        let bought: Vec<_> = (1..9).map(|n| shop.buy(u128::from(n) + 1, &[n], "pm_ok")).collect();
        shop.pass(2_000);
        assert!(!shop.checkout.status().gateways[0].is_well, "{outage:?}");
        // Nobody begins what can't go on.
        let request = shop.request(20, &[20]);
        let order = request.hold.order();
        let refused = shop.checkout.buy(request, "sandbox", "pm_ok").try_take();
        let Some(Err(CommandError::Refused(Refusal::Overloaded { retry_after_ms: 1.. }))) = refused else {
            panic!("{outage:?}: {refused:?}")
        };
        assert!(shop.sale.office.order_details(order).is_err(), "nothing was begun");
        // A refund waits, too.
        let _refund = shop.refund(before, RefundWhat::Full);
        shop.pass(4 * MINUTE);
        assert!(
            bought
                .iter()
                .all(|(order, told)| told.try_take() == Some(Ok(Progress::Pending { order: *order })))
        );
        assert_eq!(shop.totals(), [5_000, 5_000, 0, 0, 0]);
        assert_eq!(shop.refund_state(before), RefundState::Requested);
        shop.bank.set_outage(None);
        shop.pass_reconciled(MINUTE, 5_000);
        assert!(shop.checkout.status().gateways[0].is_well);
        for (order, _) in &bought {
            assert_eq!(shop.state(*order), OrderState::Confirmed, "{outage:?}");
        }
        assert_eq!(shop.refund_state(before), RefundState::Succeeded);
        assert_eq!(shop.totals(), [45_000, 45_000, 0, 5_000, 0]);
        shop.closed_books();
        assert!(shop.reconcile().is_clean());
    }
}

#[test]
fn a_gateway_is_shut_until_it_is_tried_and_well_when_a_try_went_well() {
    let breaker = BreakerOptions { window: 10, failures: 5, open_ms: 5_000, probes: 1 };
    let bank = SandboxOptions::default();
    let mut shop = Shop::with(bank, PaymentRules::default(), CheckoutOptions { breaker, ..options() });
    let well_and_shut = |shop: &Shop| {
        let status = shop.checkout.status();
        (status.gateways[0].is_well, status.gateways[0].is_shut)
    };
    assert_eq!(well_and_shut(&shop), (true, false));
    shop.bank.set_outage(Some(Outage::Refusing));
    let bought: Vec<_> = (0..8).map(|n| shop.buy(u128::from(n) + 1, &[n], "pm_ok")).collect();
    shop.run();
    assert_eq!(well_and_shut(&shop), (false, true));
    shop.pass(4_999);
    assert_eq!(well_and_shut(&shop), (false, true));
    shop.pass(1);
    assert_eq!(well_and_shut(&shop), (false, false), "the next call tries it");
    // Who waited comes back within a quarter of a second, and is refused.
    shop.pass(1_000);
    assert_eq!(well_and_shut(&shop), (false, true));
    shop.bank.set_outage(None);
    shop.pass_reconciled(MINUTE, 5_000);
    assert_eq!(well_and_shut(&shop), (true, false));
    assert!(bought.iter().all(|(order, _)| shop.state(*order) == OrderState::Confirmed));
    shop.closed_books();
}

#[test]
fn an_outage_keeps_few_calls_going_out() {
    let breaker = BreakerOptions { window: 10, failures: 5, open_ms: 5_000, probes: 1 };
    let mut shop = Shop::with(
        SandboxOptions::default(),
        PaymentRules::default(),
        CheckoutOptions { breaker, in_flight_max: 2, ..options() },
    );
    shop.bank.set_outage(Some(Outage::Refusing));
    let bought: Vec<_> = (0..20).map(|n| shop.buy(u128::from(n) + 1, &[n], "pm_ok")).collect();
    shop.pass(MINUTE);
    shop.bank.set_outage(None);
    shop.pass_reconciled(2 * MINUTE, 5_000);
    assert!(bought.iter().all(|(order, _)| shop.state(*order) == OrderState::Confirmed));
    shop.closed_books();
}

#[test]
fn nothing_is_sent_again_when_the_gateway_may_have_forgotten_its_key() {
    // The key is kept for 8 minutes: sent again for 7.
    let bank = SandboxOptions { key_retention_ms: 8 * MINUTE, ..SandboxOptions::default() };
    let mut shop = Shop::with(bank, PaymentRules::default(), options());
    shop.bank.set_outage(Some(Outage::Silent));
    let (order, _bought) = shop.buy(1, &[0], "pm_ok");
    shop.pass(7 * MINUTE);
    shop.bank.set_outage(None);
    shop.pass_reconciled(MINUTE, 10_000);
    assert_eq!(shop.details(order).payments[0].state, PaymentState::Started, "only looked up");
    assert_eq!((shop.totals(), shop.seat(0)), ([0; 5], SeatState::Held));
    // Ten minutes after it began it counts as never received.
    shop.pass_reconciled(3 * MINUTE, 10_000);
    assert_eq!(shop.details(order).payments[0].state, PaymentState::Declined);
    assert_eq!(shop.state(order), OrderState::Open);
    let again = shop.pay_again(order, "pm_ok");
    shop.run();
    assert_eq!(again.try_take(), Some(Ok(Progress::Confirmed { order })));
    shop.closed_books();

    // A payment that had its effect is found, however old it is.
    let bank = SandboxOptions { key_retention_ms: 8 * MINUTE, ..SandboxOptions::default() };
    let mut shop = Shop::with(bank, PaymentRules::default(), options());
    let (order, _bought) = shop.buy(1, &[0], "pm_timeout_after");
    shop.run_until(|shop| shop.totals()[0] == 5_000);
    let shop = shop.crash(options());
    shop.pass(15 * MINUTE);
    shop.reconcile();
    shop.run();
    assert_eq!(shop.state(order), OrderState::Confirmed);
    shop.closed_books();
}

#[test]
fn a_refund_whose_key_may_be_forgotten_is_tried_anew() {
    let bank = SandboxOptions { key_retention_ms: 8 * MINUTE, ..SandboxOptions::default() };
    let mut shop = Shop::with(bank, PaymentRules::default(), options());
    let order = shop.sold(1, &[0], "pm_ok");
    shop.bank.set_outage(Some(Outage::Silent));
    let _refund = shop.refund(order, RefundWhat::Full);
    shop.pass(9 * MINUTE);
    shop.bank.set_outage(None);
    shop.pass_reconciled(MINUTE, 10_000);
    assert_eq!(shop.refund_state(order), RefundState::Succeeded);
    assert_eq!(shop.details(order).refunds[0].tries, 1, "under the next key");
    shop.closed_books();
}

/// A sandbox that counts how often it is asked where something stands.
struct Counted {
    bank: Arc<SandboxGateway>,
    asked: AtomicU64,
}

impl PaymentGateway for Counted {
    fn name(&self) -> &str {
        self.bank.name()
    }
    fn key_retention_ms(&self) -> u64 {
        self.bank.key_retention_ms()
    }
    fn authorize(&self, call: Authorize, reply: Reply<PaymentSeen>) {
        self.bank.authorize(call, reply);
    }
    fn capture(&self, call: Capture, reply: Reply<PaymentSeen>) {
        self.bank.capture(call, reply);
    }
    fn void(&self, call: Void, reply: Reply<PaymentSeen>) {
        self.bank.void(call, reply);
    }
    fn refund(&self, call: Refund, reply: Reply<RefundSeen>) {
        self.bank.refund(call, reply);
    }
    fn look_up(&self, call: LookUp, reply: Reply<PaymentSeen>) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.bank.look_up(call, reply);
    }
    fn look_up_refund(&self, call: LookUp, reply: Reply<RefundSeen>) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.bank.look_up_refund(call, reply);
    }
}

#[test]
fn what_is_refused_for_now_is_sent_again_without_being_looked_up() {
    let mut shop = Shop::new();
    let counted = Arc::new(Counted { bank: Arc::clone(&shop.bank), asked: AtomicU64::new(0) });
    let gateways = vec![Arc::clone(&counted) as Arc<dyn PaymentGateway>];
    shop.checkout = Checkout::new(Arc::clone(&shop.sale.office), gateways, options()).unwrap();
    shop.bank.fault_next(GatewayAction::Authorize, CallFault::Refused);
    shop.bank.fault_next(GatewayAction::Refund, CallFault::Refused);
    let (order, bought) = shop.buy(1, &[0], "pm_ok");
    shop.pass(5_000);
    assert_eq!(bought.try_take(), Some(Ok(Progress::Confirmed { order })));
    let _refund = shop.refund(order, RefundWhat::Full);
    shop.pass(5_000);
    assert_eq!(shop.refund_state(order), RefundState::Succeeded);
    assert_eq!(counted.asked.load(Ordering::Relaxed), 0, "the gateway had never heard of either");
    shop.closed_books();
}

#[test]
fn refunds_that_are_pending_are_not_looked_up_in_every_round() {
    let mut shop = Shop::new();
    let order = shop.sold(1, &[0], "pm_refund_pending:600000");
    let _refund = shop.refund(order, RefundWhat::Full);
    shop.pass(2 * MINUTE);
    assert_eq!(shop.refund_state(order), RefundState::Submitted);
    assert_eq!(shop.checkout.status().driven, 0, "it is left to the reconciler");
    let mut resumed = 0;
    for _ in 0..12 {
        resumed += shop.reconcile().resumed;
        shop.pass(5_000);
    }
    assert_eq!(resumed, 2, "once in 30 seconds");
    shop.pass_reconciled(10 * MINUTE, 10_000);
    assert_eq!(shop.refund_state(order), RefundState::Succeeded);
    shop.closed_books();
}

#[test]
fn reports_come_twice_and_in_any_order() {
    for seed in 0..20 {
        let faults = SandboxFaults { notify_twice: true, notify_shuffled: true, ..SandboxFaults::NONE };
        let bank = SandboxOptions { seed, faults, ..SandboxOptions::default() };
        let mut shop = Shop::with(bank, PaymentRules::default(), options());
        let mut rng = Rng::new(seed);
        let methods = ["pm_ok", "pm_declined", "pm_late:9000", "pm_slow:3000", "pm_refund_pending:2000"];
        for (buyer, method) in (0u32..).zip(methods) {
            let _bought = shop.buy(u128::from(buyer), &[buyer], method);
        }
        let mut all = Vec::new();
        for round in 0..60 {
            shop.checkout.step(ticketcore::Clock::now(&shop.sale.clock), 3);
            all.extend(shop.bank.notifications());
            // New ones, and old ones again.
            for _ in 0..3 {
                let Some(at) = (!all.is_empty()).then(|| rng.below(all.len() as u64)) else { break };
                let told = &all[usize::try_from(at).unwrap()];
                let _noted = shop.checkout.observe_notification(told.key, told.seen.clone());
            }
            if round == 30 {
                let order = shop.orders[4];
                let _refund = shop.refund(order, RefundWhat::Full);
            }
            shop.pass(500);
        }
        shop.pass_reconciled(2 * MINUTE, 10_000);
        shop.pass(20 * MINUTE);
        let confirmed =
            shop.orders.iter().filter(|order| shop.state(**order) == OrderState::Confirmed).count();
        assert_eq!(confirmed, 4, "seed {seed}");
        shop.closed_books();
    }
}

#[test]
fn a_report_alone_is_enough() {
    // Nobody polls while the buyer acts; what the gateway reports has the order confirmed.
    let mut shop = Shop::new();
    let (order, _bought) = shop.buy(1, &[0], "pm_requires_action");
    shop.run();
    shop.bank.complete_action(Shop::key(order, 1), ticketcore::gateway::ActionEnd::Done).unwrap();
    for told in shop.bank.notifications() {
        let noted = shop.checkout.observe_notification(told.key, told.seen);
        shop.run();
        assert!(noted.try_take().unwrap().is_ok());
    }
    assert_eq!(shop.state(order), OrderState::Confirmed);
    let mixed = shop.checkout.observe_notification(
        GatewayKey::new(order, GatewayAction::Refund, 1),
        Seen::Payment(PaymentSeen::Voided),
    );
    assert!(matches!(mixed.try_take(), Some(Err(CommandError::Failed { .. }))));
    // Nor does a report that a gateway never heard of a payment end it.
    let (order, _bought) = shop.buy(2, &[1], "pm_late");
    shop.run();
    let nothing =
        shop.checkout.observe_notification(Shop::key(order, 1), Seen::Payment(PaymentSeen::NotFound));
    assert!(matches!(nothing.try_take(), Some(Err(CommandError::Failed { .. }))));
    assert_eq!(shop.state(order), OrderState::Paying);
}

#[test]
fn two_gateways_of_one_name_are_refused() {
    let shop = Shop::new();
    let bank = || Arc::clone(&shop.bank) as Arc<dyn PaymentGateway>;
    let driver = Checkout::new(Arc::clone(&shop.sale.office), vec![bank(), bank()], options());
    assert!(matches!(driver, Err(CommandError::Failed { .. })));
}

#[test]
fn money_that_comes_after_the_order_is_dead_goes_back_or_buys_the_seats() {
    for taken in [false, true] {
        let mut shop = Shop::new();
        // Longer on its way than the order lives, and than anybody would send it again.
        let (order, _bought) = shop.buy(1, &[0], "pm_late:1500000");
        shop.pass_reconciled(21 * MINUTE, MINUTE);
        assert_eq!((shop.state(order), shop.seat(0)), (OrderState::Expired, SeatState::Free));
        if taken {
            shop.sold(2, &[0], "pm_ok");
        }
        shop.pass_reconciled(6 * MINUTE, 30_000);
        let end = if taken { OrderState::Cancelled } else { OrderState::Confirmed };
        assert_eq!(shop.state(order), end);
        assert_eq!(shop.totals()[1], i128::from(PRICE), "one of them has paid");
        shop.closed_books();
    }
}

#[test]
fn gateways_of_the_host_are_left_alone_and_listed() {
    let mut shop = Shop::new();
    let office = std::sync::Arc::clone(&shop.sale.office);
    let request = shop.request(1, &[0]);
    let order = office.checkout(request).wait().unwrap().id;
    let user = UserId::from(1);
    let pay = |method: &str| {
        let (gateway, method) = (word("external"), word(method));
        office.pay(PayRequest { order, user, key: None, gateway, method }).wait()
    };
    pay("cash").unwrap();
    let refused = shop.checkout.pay_again(PayRequest {
        order,
        user,
        key: None,
        gateway: word("external"),
        method: word("cash"),
    });
    assert!(matches!(refused.try_take(), Some(Err(CommandError::Failed { .. }))));
    let told = shop.checkout.resume(order);
    shop.pass(MINUTE);
    assert_eq!(told.try_take(), Some(Ok(Progress::Pending { order })));
    let due = |shop: &Shop| shop.checkout.foreign_due(shop.sale.event, None, 10).unwrap();
    let listed = due(&shop);
    assert!(matches!(&listed[..], [due] if due.order == order && matches!(due.effect, Effect::Authorize(_))));
    let report = shop.reconcile();
    assert_eq!((report.foreign.count, report.resumed, report.foreign.first), (1, 0, listed));
    // The host did it, and says so; the house does the rest.
    let seen = |seen| News::Payment { attempt: 1, seen };
    let authorized =
        PaymentSeen::Authorized { reference: word("host-1"), lapses_at: None, fingerprint: None };
    office.observe(ObserveRequest { order, news: seen(authorized) }).wait().unwrap();
    assert!(matches!(due(&shop)[0].effect, Effect::Capture(_)));
    let captured =
        PaymentSeen::Captured { reference: word("host-1"), amount_minor: PRICE, fingerprint: None };
    office.observe(ObserveRequest { order, news: seen(captured) }).wait().unwrap();
    assert_eq!(due(&shop), Vec::new());
    shop.checkout.run(order);
    shop.run();
    assert_eq!(shop.state(order), OrderState::Confirmed);
    assert!(shop.bank.ledger().entries().is_empty());
}

#[test]
fn too_much_is_refused_before_it_is_begun() {
    let options = CheckoutOptions { driven_max: 2, ..options() };
    let mut shop = Shop::with(SandboxOptions::default(), PaymentRules::default(), options);
    let first = [shop.buy(1, &[0], "pm_slow:1000"), shop.buy(2, &[1], "pm_slow:1000")];
    shop.run();
    let (third, refused) = shop.buy(3, &[2], "pm_ok");
    assert!(matches!(refused.try_take(), Some(Err(CommandError::Refused(Refusal::Overloaded { .. })))));
    assert!(!shop.checkout.run(third), "no room");
    shop.pass(2_000);
    assert!(first.iter().all(|(_, told)| matches!(told.try_take(), Some(Ok(Progress::Confirmed { .. })))));
    let refused = shop.bank.ledger().entries().iter().any(|e| matches!(e.entered, Entered::Refused { .. }));
    assert!(!refused);
    let unknown = shop.checkout.buy(
        shop.sale
            .hold(9, &[5])
            .wait()
            .map(|hold| ticketcore::order::CheckoutRequest::new(hold.id, hold.user))
            .unwrap(),
        "nobody",
        "pm_ok",
    );
    assert!(matches!(unknown.try_take(), Some(Err(CommandError::Failed { .. }))));
}
