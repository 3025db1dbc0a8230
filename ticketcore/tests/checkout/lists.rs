//! The gateways' own lists against the orders; what stays wrong is reported.

use ticketcore::checkout::{ChargeFinding, CheckoutOptions, Orphans};
use ticketcore::gateway::{
    Answer, Authorize, GatewayAction, GatewayKey, Outage, PaymentGateway, Reply, SandboxFaults,
    SandboxOptions,
};
use ticketcore::order::{Finding, PaymentRules, PaymentSeen, PaymentState, RefundState, RefundWhat};
use ticketcore::testkit::SmallSale;
use ticketcore::{Currency, EventId, HoldNumber, Money, OrderId, OrderState, Revision, SeatState};

use crate::shop::{Shop, options, word};

const MINUTE: u64 = 60_000;

fn eur(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

/// Charges at the bank behind the driver's back.
fn charge(shop: &Shop, key: GatewayKey, capture_now: bool) {
    let call = Authorize { key, amount: eur(700), method: word("pm_ok"), capture_now, return_url: None };
    let (reply, answered) = Reply::pair();
    shop.bank.authorize(call, reply);
    assert!(matches!(answered.wait(), Answer::Yes(_)));
}

#[test]
fn money_the_orders_do_not_know_of_is_reported_and_ours_given_back() {
    for (orphans, back) in [(Orphans::Report, false), (Orphans::GiveBack, true)] {
        let options = CheckoutOptions { orphans, ..options() };
        let mut shop = Shop::with(SandboxOptions::default(), PaymentRules::default(), options);
        shop.sold(1, &[0], "pm_ok");
        shop.bank.plant_charge(eur(100), true);
        // Of an order and of an event that are not here.
        let elsewhere = |event, number| OrderId { event, number: HoldNumber::new(Revision(number), 3) };
        charge(&shop, Shop::key(elsewhere(shop.sale.event, 999_999), 1), false);
        charge(&shop, Shop::key(elsewhere(EventId(777), 5), 1), true);
        let report = shop.reconcile();
        let kinds = report.unaccounted.first.iter().map(|finding| match finding {
            ChargeFinding::Foreign { .. } => "foreign",
            ChargeFinding::Orphan { given_back, .. } if *given_back == back => "orphan",
            _ => "something else",
        });
        let kinds = kinds.collect::<Vec<_>>();
        assert_eq!((report.charges, kinds), (4, vec!["foreign", "orphan", "orphan"]));
        let kept = if back { 5_100 } else { 5_800 };
        let [.., outstanding] = shop.totals();
        assert_eq!(shop.totals()[1] - shop.totals()[3], kept);
        assert_eq!(outstanding, if back { 0 } else { 700 });
        // Again: nothing twice.
        let again = shop.reconcile();
        assert_eq!(again.unaccounted.count, if back { 1 } else { 3 });
        assert_eq!(shop.totals()[1] - shop.totals()[3], kept);
    }
}

#[test]
fn a_charge_whose_order_gave_up_on_it_is_found_in_the_list() {
    // It arrives so late that it counts as never received; nobody reports it.
    let faults = SandboxFaults { notify_lost_pct: 100, ..SandboxFaults::NONE };
    let bank = SandboxOptions { faults, key_retention_ms: 8 * MINUTE, ..SandboxOptions::default() };
    for paid_again in [false, true] {
        let mut shop = Shop::with(bank.clone(), PaymentRules::default(), options());
        let (order, _bought) = shop.buy(1, &[0], "pm_arrives_late:900000");
        // Only the first call is lost on its way; who comes after the retention does not call again.
        shop.run_until(|shop| shop.bank.next_due().is_some());
        shop.bank.set_outage(Some(Outage::Silent));
        shop.pass(7 * MINUTE + 1_000);
        shop.bank.set_outage(None);
        shop.pass_reconciled(4 * MINUTE, 10_000);
        assert_eq!(shop.details(order).payments[0].state, PaymentState::Declined);
        if paid_again {
            let _again = shop.pay_again(order, "pm_ok");
            shop.run();
            assert_eq!(shop.state(order), OrderState::Confirmed);
        }
        let report = shop.pass_reconciled(10 * MINUTE, 10_000);
        assert!(report.is_clean(), "{report:?}");
        let charged = i128::from(1 + u8::from(paid_again)) * 5_000;
        assert_eq!(shop.totals()[0], charged);
        shop.pass_reconciled(15 * MINUTE, MINUTE);
        shop.closed_books();
    }
}

#[test]
fn what_stays_wrong_is_reported() {
    let mut shop = Shop::new();
    let stuck = shop.sold(1, &[0], "pm_refund_stuck");
    let _refund = shop.refund(stuck, RefundWhat::Full);
    shop.run();
    assert_eq!(shop.refund_state(stuck), RefundState::Stuck);
    // Paid while the gateway was away: an authorisation nobody wants, and money without tickets.
    let (late, _bought) = shop.buy(2, &[1], "pm_ok");
    shop.run_until(|shop| shop.totals()[0] == 10_000);
    shop.bank.set_outage(Some(Outage::Refusing));
    shop.pass(25 * MINUTE);
    let report = shop.reconcile();
    assert!(!report.is_clean());
    let found = &report.findings.first;
    assert!(
        found.contains(&Finding::RefundStuck { order: stuck, refund: 1, amount_minor: 5_000 }),
        "{found:?}"
    );
    let unresolved = |finding: &&Finding| matches!(finding, Finding::MoneyWithoutOrder { order, .. } | Finding::PaidWithoutTickets { order, .. } if *order == late);
    assert_eq!(found.iter().filter(unresolved).count(), 1, "{found:?}");
    shop.bank.set_outage(None);
    let report = shop.pass_reconciled(2 * MINUTE, 10_000);
    assert_eq!(report.findings.count, 1, "the stuck one is for staff: {report:?}");
    shop.closed_books();
}

#[test]
fn findings_stand_while_other_events_are_looked_over() {
    let mut shop = Shop::new();
    let stuck = shop.sold(1, &[0], "pm_refund_stuck");
    let _refund = shop.refund(stuck, RefundWhat::Full);
    shop.run();
    // A round looks over as many parts as one event has.
    shop.sale.office.add_event(&SmallSale::definition(1, 2, 0)).unwrap();
    let reports: Vec<_> = (0..5).map(|_| shop.reconcile()).collect();
    assert!(reports.iter().any(|report| report.findings.is_empty()), "{reports:?}");
    let found = [Finding::RefundStuck { order: stuck, refund: 1, amount_minor: 5_000 }];
    for report in &reports[1..] {
        assert_eq!(report.standing, found, "{report:?}");
    }
}

#[test]
fn overdue_holds_are_ended() {
    let mut shop = Shop::new();
    let order = shop.request(1, &[0]).hold.order();
    shop.sale.clock.advance(2 * 3_600_000);
    assert!(shop.sale.office.order_details(order).is_err());
    let report = shop.reconcile();
    assert!(matches!(report.findings.first[..], [Finding::HoldOverdue { .. }]), "{report:?}");
    assert_eq!((report.expired, shop.seat(0)), (1, SeatState::Free));
    let again = shop.reconcile();
    assert!(again.is_clean() && again.standing.is_empty(), "{again:?}");
}

#[test]
fn what_the_gateway_says_of_its_own_books_must_agree() {
    let mut shop = Shop::new();
    let order = shop.sold(1, &[0], "pm_ok");
    assert!(shop.reconcile().is_clean());
    // Somebody refunds at the gateway's own desk.
    let key = GatewayKey::new(order, GatewayAction::Refund, 77);
    let reference = shop.details(order).payments[0].reference.clone();
    let call =
        ticketcore::gateway::Refund { key, payment: Shop::key(order, 1), reference, amount: eur(1_000) };
    let (reply, answered) = Reply::pair();
    shop.bank.refund(call, reply);
    assert!(answered.wait().yes().is_some());
    let report = shop.reconcile();
    let [ChargeFinding::Differs { charge, captured_minor: 5_000, refunded_minor: 0, .. }] =
        &report.unaccounted.first[..]
    else {
        panic!("{report:?}")
    };
    assert!(matches!(charge.seen, PaymentSeen::Captured { .. }));
    assert_eq!(charge.refunded_minor, 1_000);
}
