//! Every payment method of the sandbox, from the hold to the end.

use ticketcore::checkout::Progress;
use ticketcore::gateway::{ActionEnd, Entered, SandboxOptions};
use ticketcore::order::{
    CaptureMode, OnDecline, PaymentRules, PaymentState, RefundState, RefundWhat, StaffAction,
};
use ticketcore::{OrderState, SeatState};

use crate::shop::{PRICE, Shop, options, word};

const MINUTE: u64 = 60_000;

#[test]
fn methods_that_succeed_in_the_end() {
    // What the buyer is told, and after how long.
    for (method, ms) in [
        ("pm_ok", 0),
        ("pm_timeout_before", 1_000),
        ("pm_timeout_after", 1_000),
        ("pm_slow:2000", 2_000),
        ("pm_arrives_late:60000", 1_000),
        ("pm_late:5000", 15_000),
        ("pm_refund_fails", 0),
    ] {
        for capture in [CaptureMode::Immediate, CaptureMode::OnConfirm] {
            let rules = PaymentRules { capture, ..PaymentRules::default() };
            let mut shop = Shop::with(SandboxOptions::default(), rules, options());
            let (order, bought) = shop.buy(1, &[0, 1], method);
            assert!(bought.try_take().is_none());
            shop.pass(ms);
            assert_eq!(bought.try_take(), Some(Ok(Progress::Confirmed { order })), "{method}");
            shop.pass(2 * MINUTE);
            assert_eq!((shop.seat(0), shop.details(order).tickets.len()), (SeatState::Sold, 2));
            let paid = i128::from(2 * PRICE);
            assert_eq!(shop.totals(), [paid, paid, 0, 0, 0], "{method}");
            shop.closed_books();
            assert_eq!(shop.checkout.status().driven, 0);
        }
    }
}

#[test]
fn a_decline_leaves_the_seats_or_frees_them_at_once() {
    for (method, code) in [("pm_declined", "card_declined"), ("pm_nothing", "no_such_method")] {
        let mut shop = Shop::new();
        let (order, bought) = shop.buy(1, &[0], method);
        shop.run();
        let Some(Ok(Progress::Declined { code: said, pay_until: Some(_), .. })) = bought.try_take() else {
            panic!("{method}: not declined")
        };
        assert_eq!((said, shop.seat(0)), (word(code), SeatState::Held));
        // Another card may do.
        let again = shop.pay_again(order, "pm_ok");
        shop.run();
        assert_eq!(again.try_take(), Some(Ok(Progress::Confirmed { order })));
        shop.closed_books();
    }
    let rules = PaymentRules { on_decline: OnDecline::Free, ..PaymentRules::default() };
    let mut shop = Shop::with(SandboxOptions::default(), rules, options());
    let (order, bought) = shop.buy(1, &[0], "pm_declined");
    shop.run();
    assert!(matches!(bought.try_take(), Some(Ok(Progress::Declined { pay_until: None, .. }))));
    assert_eq!((shop.seat(0), shop.state(order)), (SeatState::Free, OrderState::Cancelled));
    shop.closed_books();
}

#[test]
fn an_unknown_outcome_is_pending_and_then_known() {
    for (method, end) in [("pm_late", OrderState::Confirmed), ("pm_late_declined", OrderState::Open)] {
        let mut shop = Shop::new();
        let (order, bought) = shop.buy(1, &[0], method);
        shop.pass(10_000);
        assert!(bought.try_take().is_none(), "{method}");
        shop.pass(20_000);
        assert_eq!(bought.try_take(), Some(Ok(Progress::Pending { order })), "{method}");
        assert_eq!((shop.state(order), shop.seat(0)), (OrderState::Paying, SeatState::Held));
        shop.pass_reconciled(MINUTE, 5_000);
        assert_eq!(shop.state(order), end, "{method}");
        shop.pass_reconciled(20 * MINUTE, 30_000);
        shop.closed_books();
    }
}

#[test]
fn the_buyer_acts() {
    let action = |shop: &mut Shop| {
        let (order, bought) = shop.buy(1, &[0], "pm_requires_action");
        shop.run();
        let Some(Ok(Progress::ActionRequired { next_action, .. })) = bought.try_take() else {
            panic!("no action is asked for")
        };
        assert_eq!(next_action, word("sandbox:sbx_1"));
        assert_eq!(shop.checkout.status().driven, 0, "nobody polls");
        order
    };
    let mut shop = Shop::new();
    let order = action(&mut shop);
    // He comes back without having done anything: the same again.
    let back = shop.checkout.returned(order);
    shop.run();
    assert!(matches!(back.try_take(), Some(Ok(Progress::ActionRequired { .. }))));
    shop.bank.complete_action(Shop::key(order, 1), ActionEnd::Done).unwrap();
    let back = shop.checkout.returned(order);
    shop.run();
    assert_eq!(back.try_take(), Some(Ok(Progress::Confirmed { order })));
    shop.closed_books();

    let mut shop = Shop::new();
    let order = action(&mut shop);
    shop.bank.complete_action(Shop::key(order, 1), ActionEnd::Failed).unwrap();
    let back = shop.checkout.returned(order);
    shop.run();
    assert!(matches!(back.try_take(), Some(Ok(Progress::Declined { .. }))));
    shop.pass_reconciled(20 * MINUTE, MINUTE);
    shop.closed_books();

    // He never comes back, and what he does is found all the same.
    let mut shop = Shop::new();
    let order = action(&mut shop);
    shop.bank.complete_action(Shop::key(order, 1), ActionEnd::Done).unwrap();
    shop.reconcile();
    shop.run();
    assert_eq!(shop.state(order), OrderState::Confirmed);
}

#[test]
fn a_payment_that_waits_for_its_buyer_is_voided_when_the_order_is_dead() {
    let mut shop = Shop::new();
    let (order, _) = shop.buy(1, &[0], "pm_requires_action");
    shop.run();
    shop.pass(21 * MINUTE);
    assert_eq!((shop.state(order), shop.seat(0)), (OrderState::Expired, SeatState::Free));
    shop.reconcile();
    shop.run();
    assert_eq!(shop.details(order).payments[0].state, PaymentState::Voided);
    assert_eq!(
        shop.bank.complete_action(Shop::key(order, 1), ActionEnd::Done),
        None,
        "he can't pay any more"
    );
    assert_eq!(shop.totals(), [0; 5]);
    shop.closed_books();
    // Had he paid in time for the look-up, it would be late money: the seats are free, so they are his.
    let mut shop = Shop::new();
    let (order, _) = shop.buy(1, &[0], "pm_requires_action");
    shop.run();
    shop.pass(21 * MINUTE);
    shop.bank.complete_action(Shop::key(order, 1), ActionEnd::Done).unwrap();
    shop.reconcile();
    shop.run();
    assert_eq!(shop.state(order), OrderState::Confirmed);
    shop.closed_books();
}

#[test]
fn a_capture_that_is_refused_frees_the_money() {
    let mut shop = Shop::new();
    let (order, bought) = shop.buy(1, &[0], "pm_capture_declined");
    shop.run();
    let Some(Ok(Progress::Declined { code, .. })) = bought.try_take() else { panic!("not declined") };
    assert_eq!((code, shop.state(order)), (word("capture_declined"), OrderState::Open));
    assert_eq!(shop.totals(), [5_000, 0, 5_000, 0, 0]);
    // Sold before it is captured: the sale is undone.
    let rules = PaymentRules { capture: CaptureMode::OnConfirm, ..PaymentRules::default() };
    let mut shop = Shop::with(SandboxOptions::default(), rules, options());
    let order = shop.sold(1, &[0], "pm_capture_declined");
    assert_eq!((shop.state(order), shop.seat(0)), (OrderState::Cancelled, SeatState::Free));
    assert_eq!(shop.totals(), [5_000, 0, 5_000, 0, 0]);
    shop.closed_books();
}

#[test]
fn refunds_of_every_kind() {
    for (method, ms, end) in [
        ("pm_ok", 0, RefundState::Succeeded),
        ("pm_refund_fails", 5_000, RefundState::Succeeded),
        ("pm_refund_stuck", 0, RefundState::Stuck),
        ("pm_refund_pending:60000", 2 * MINUTE, RefundState::Succeeded),
        ("pm_refund_bounces:60000", 2 * MINUTE, RefundState::Succeeded),
    ] {
        let mut shop = Shop::new();
        let order = shop.sold(1, &[0, 1], method);
        let refund = shop.refund(order, RefundWhat::Tickets(vec![0]));
        shop.run();
        assert!(matches!(refund.try_take(), Some(Ok(_))), "{method}");
        assert_eq!((shop.seat(0), shop.seat(1)), (SeatState::Free, SeatState::Sold), "{method}");
        shop.pass_reconciled(ms, 5_000);
        assert_eq!(shop.refund_state(order), end, "{method}");
        let back = if end == RefundState::Succeeded { i128::from(PRICE) } else { 0 };
        assert_eq!(shop.totals()[3], back, "{method}");
        shop.closed_books();
        let report = shop.reconcile();
        assert_eq!(report.findings.count, u64::from(end == RefundState::Stuck), "{method}: {report:?}");
    }
}

#[test]
fn a_refund_is_sent_once_whatever_its_answers() {
    use ticketcore::gateway::{CallFault, GatewayAction};
    for faults in [
        vec![CallFault::LostAfter],
        vec![CallFault::LostBefore, CallFault::LostBefore],
        vec![CallFault::Refused, CallFault::LostAfter],
    ] {
        let mut shop = Shop::new();
        let order = shop.sold(1, &[0], "pm_ok");
        faults.iter().for_each(|fault| shop.bank.fault_next(GatewayAction::Refund, *fault));
        let _underway = shop.refund(order, RefundWhat::Full);
        shop.pass(10_000);
        assert_eq!(shop.refund_state(order), RefundState::Succeeded);
        assert_eq!(shop.totals(), [5_000, 5_000, 0, 5_000, 0]);
        shop.closed_books();
    }
}

#[test]
fn captures_and_voids_survive_lost_answers() {
    use ticketcore::gateway::{CallFault, GatewayAction};
    for fault in [CallFault::LostAfter, CallFault::LostBefore, CallFault::Refused] {
        let mut shop = Shop::new();
        shop.bank.fault_next(GatewayAction::Capture, fault);
        let (order, bought) = shop.buy(1, &[0], "pm_ok");
        shop.pass(2_000);
        assert_eq!(bought.try_take(), Some(Ok(Progress::Confirmed { order })), "{fault:?}");
        shop.closed_books();

        let mut shop = Shop::new();
        shop.bank.fault_next(GatewayAction::Void, fault);
        shop.buy(1, &[0], "pm_capture_declined").1.try_take();
        shop.pass(5_000);
        assert_eq!(shop.totals(), [5_000, 0, 5_000, 0, 0], "{fault:?}");
    }
}

#[test]
fn free_orders_need_no_gateway_and_reviews_wait_for_staff() {
    use ticketcore::order::{CheckoutRequest, ExtraLine};
    let mut shop = Shop::new();
    let free = ExtraLine { code: word("voucher"), amount_minor: -PRICE };
    let request = CheckoutRequest { extra: vec![free], ..shop.request(1, &[0]) };
    let order = request.hold.order();
    let bought = shop.checkout.buy(request, "sandbox", "pm_ok");
    shop.run();
    assert_eq!(bought.try_take(), Some(Ok(Progress::Confirmed { order })));
    assert_eq!(shop.totals(), [0; 5]);

    for (action, end) in
        [(StaffAction::Approve, OrderState::Confirmed), (StaffAction::Reject, OrderState::Cancelled)]
    {
        let mut shop = Shop::new();
        let request = CheckoutRequest { review: true, ..shop.request(1, &[0]) };
        let order = request.hold.order();
        let bought = shop.checkout.buy(request, "sandbox", "pm_ok");
        shop.run();
        assert_eq!(bought.try_take(), Some(Ok(Progress::InReview { order })));
        shop.staff(order, action).try_take();
        shop.run();
        assert_eq!(shop.state(order), end);
        shop.closed_books();
    }
}

#[test]
fn cancelling_gives_back_what_there_is() {
    use ticketcore::CloseOrderRequest;
    let mut shop = Shop::new();
    let (order, bought) = shop.buy(1, &[0], "pm_slow:5000");
    shop.pass(1_000);
    let user = shop.details(order).order.user;
    let cancelled = shop.checkout.cancel(CloseOrderRequest { order, user, key: None });
    shop.run();
    assert_eq!(cancelled.try_take().map(|order| order.unwrap().state), Some(OrderState::Cancelled));
    assert_eq!(shop.seat(0), SeatState::Free, "at once, whatever the gateway says");
    shop.pass(10_000);
    assert!(matches!(bought.try_take(), Some(Ok(Progress::Ended { state: OrderState::Cancelled, .. }))));
    assert_eq!(shop.totals(), [5_000, 0, 5_000, 0, 0]);
    shop.closed_books();
    let voided = |entry: &&ticketcore::gateway::Entry| entry.entered == Entered::Voided;
    assert_eq!(shop.bank.ledger().entries().iter().filter(voided).count(), 1);
}
