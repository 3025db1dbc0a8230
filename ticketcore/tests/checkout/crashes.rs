//! The driver dies between any two of its steps, and another one goes on; two drivers work on the same orders.

use ticketcore::checkout::{Checkout, Reconciler};
use ticketcore::gateway::{SandboxFaults, SandboxOptions};
use ticketcore::order::{OnDecline, PaymentRules, RefundWhat};
use ticketcore::testkit::Rng;
use ticketcore::{Clock, OrderState};

use crate::shop::{Shop, driver, options};

const MINUTE: u64 = 60_000;

/// Runs one purchase, lets the driver die after `steps` steps, and the next one finish. False if there were not so many steps.
fn dies_after(method: &str, on_decline: OnDecline, steps: usize) -> bool {
    let rules = PaymentRules { on_decline, ..PaymentRules::default() };
    let mut shop = Shop::with(SandboxOptions::default(), rules, options());
    let (order, _bought) = shop.buy(1, &[0], method);
    for _ in 0..steps {
        if shop.checkout.step(shop.sale.clock.now(), 1) == 0 {
            let bank = shop.bank.next_due().map(|due| due.since_ms(shop.sale.clock.now()));
            let next = [shop.checkout.next_in_ms(), bank].into_iter().flatten().min();
            let Some(ms) = next.filter(|ms| *ms < 20_000) else { return false };
            shop.sale.clock.advance(ms);
            shop.bank.tick();
        }
    }
    let shop = shop.crash(options());
    shop.pass_reconciled(3 * MINUTE, 5_000);
    shop.pass_reconciled(25 * MINUTE, MINUTE);
    let Ok(details) = shop.sale.office.order_details(order) else {
        // It died before there was an order; the hold is over by now.
        assert_eq!(shop.totals(), [0; 5]);
        return true;
    };
    let state = details.order.state;
    let sold = state == OrderState::Confirmed;
    assert!(!state.is_live(), "{method} after {steps}: {state:?}");
    // Once the intent is written, money that can be had buys the seat.
    if !details.payments.is_empty() && !method.contains("declined") && method != "pm_requires_action" {
        assert!(sold, "{method} after {steps}: {details:?}");
    }
    assert_eq!(shop.totals()[1], if sold { 5_000 } else { 0 }, "{method} after {steps}");
    shop.closed_books();
    true
}

#[test]
fn a_driver_may_die_between_any_two_steps() {
    for method in [
        "pm_ok",
        "pm_declined",
        "pm_timeout_before",
        "pm_timeout_after",
        "pm_slow:500",
        "pm_late:3000",
        "pm_late_declined:3000",
        "pm_arrives_late:3000",
        "pm_requires_action",
        "pm_capture_declined",
    ] {
        for on_decline in [OnDecline::Keep, OnDecline::Free] {
            let steps = (0..60).take_while(|steps| dies_after(method, on_decline, *steps)).count();
            assert!(steps > 5, "{method}: {steps}");
        }
    }
}

#[test]
fn a_refund_survives_a_death_between_any_two_steps() {
    for method in ["pm_ok", "pm_refund_fails", "pm_refund_pending:2000"] {
        for steps in 0..20 {
            let mut shop = Shop::new();
            let order = shop.sold(1, &[0], method);
            let _refund = shop.refund(order, RefundWhat::Full);
            let run = shop.checkout.step(shop.sale.clock.now(), steps);
            let shop = shop.crash(options());
            shop.pass_reconciled(MINUTE, 5_000);
            let back = if run == 0 { 0 } else { 5_000 };
            assert_eq!(shop.totals(), [5_000, 5_000, 0, back, 0], "{method} after {steps}");
            shop.closed_books();
        }
    }
}

/// Two drivers step in any order; each has its reconciler.
fn race(seed: u64) {
    let mut rng = Rng::new(seed);
    let faults = SandboxFaults {
        lost_before_pct: 15,
        lost_after_pct: 15,
        declined_pct: 10,
        late_pct: 10,
        arrives_late_pct: 10,
        refund_fails_pct: 20,
        late_ms: 4_000,
        ..SandboxFaults::NONE
    };
    let bank = SandboxOptions { seed, faults, ..SandboxOptions::default() };
    let mut shop = Shop::with(bank, PaymentRules::default(), options());
    let other: Checkout = driver(&shop.sale, &shop.bank, options());
    let reconciler = Reconciler::new(&other);
    for buyer in 0..8u32 {
        let (order, _bought) = shop.buy(u128::from(buyer), &[buyer], "pm_ok");
        for _ in 0..rng.below(12) {
            let which = if rng.below(2) == 0 { &shop.checkout } else { &other };
            which.step(shop.sale.clock.now(), 1);
        }
        if rng.below(2) == 0 {
            other.run(order);
        }
        if rng.below(3) == 0 {
            let _underway = shop.refund(order, RefundWhat::Full);
        }
    }
    for _ in 0..4_000 {
        match rng.below(40) {
            0 => _ = reconciler.run_once(shop.sale.clock.now()),
            1 => _ = shop.reconcile(),
            2 => {
                shop.sale.clock.advance(1 + rng.below(3_000));
                shop.bank.tick();
                shop.sale.office.maintain();
            }
            n if n % 2 == 0 => _ = shop.checkout.step(shop.sale.clock.now(), 1),
            _ => _ = other.step(shop.sale.clock.now(), 1),
        }
    }
    shop.bank.set_faults(SandboxFaults::NONE);
    for _ in 0..60 {
        shop.pass_reconciled(30_000, 30_000);
        let _report = reconciler.run_once(shop.sale.clock.now());
        while other.step(shop.sale.clock.now(), 1_000) > 0 {}
    }
    shop.closed_books();
    assert!(shop.reconcile().is_clean(), "seed {seed}: {:?}", shop.reconcile());
}

#[test]
fn two_drivers_race_on_the_same_orders() {
    for seed in 0..24 {
        race(seed);
    }
}
