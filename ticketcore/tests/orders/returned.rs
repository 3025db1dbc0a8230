//! Refunds that had gone through, and whose money came back.

use ticketcore::order::{
    Effect, EndReason, News, RefundSeen, RefundState, RefundWhat, StaffAction, TicketStatus,
};
use ticketcore::{OrderId, Refusal};

use crate::desk::{Desk, PRICE, captured, failed, refused, succeeded, word};

/// A refund of all of an order whose first try has gone through.
fn refunded(desk: &Desk) -> OrderId {
    let order = desk.sold(1, &[0]);
    desk.refund(order, RefundWhat::Full).unwrap();
    desk.refund_seen(order, 1, succeeded()).unwrap();
    assert_eq!(desk.next(order), None);
    order
}

#[test]
fn a_refund_that_fails_after_it_had_succeeded_is_tried_again() {
    let desk = Desk::new();
    let order = refunded(&desk);
    let news = |tries, seen| desk.observe(order, News::Refund { refund: 1, tries, seen }).unwrap().revision;
    assert_eq!(news(1, failed(true)), None, "there was no such try");
    assert_eq!(news(1, succeeded()), None);
    assert!(news(0, failed(true)).is_some(), "the money is back with the house");
    assert_eq!(news(0, failed(true)), None, "told twice");
    assert_eq!(news(0, succeeded()), None, "told late: it had been through, and is not any more");
    assert_eq!(news(0, RefundSeen::Submitted { reference: word("re") }), None);
    let Some(Effect::Refund { tries: 1, amount_minor: PRICE, .. }) = desk.next(order) else {
        panic!("{:?}", desk.next(order))
    };
    assert_eq!(desk.statuses(order), [TicketStatus::Refunded], "the tickets stay dead");
    assert_eq!(
        desk.refund(order, RefundWhat::Amount(1)),
        Err(refused(Refusal::RefundTooLarge { left_minor: 0 }))
    );
    assert!(news(1, succeeded()).is_some());
    assert_eq!((news(0, failed(true)), news(0, succeeded())), (None, None), "of the older try");
    let refund = desk.details(order).refunds[0].clone();
    assert_eq!((refund.state, refund.through, refund.tries), (RefundState::Succeeded, Some(1), 1));
    assert_eq!(desk.next(order), None);
    desk.check();
}

#[test]
fn a_refund_that_fails_for_good_after_it_had_succeeded_is_stuck_until_staff_retries_it() {
    let desk = Desk::new();
    let order = refunded(&desk);
    desk.refund_seen(order, 1, failed(false)).unwrap();
    assert_eq!((desk.details(order).refunds[0].state, desk.next(order)), (RefundState::Stuck, None));
    let report = desk.sale.office.money_report(desk.sale.event).unwrap();
    assert_eq!((report.refund_stuck_minor, report.refunded_minor), (PRICE, 0));
    desk.staff(order, StaffAction::RetryRefund { refund: 1 }).unwrap();
    assert!(matches!(desk.next(order), Some(Effect::Refund { tries: 1, .. })));
    for tries in 1..8 {
        desk.refund_seen(order, 1, succeeded()).unwrap();
        desk.refund_seen(order, 1, failed(true)).unwrap();
        assert_eq!(desk.details(order).refunds[0].tries, tries + 1);
    }
    assert_eq!(desk.details(order).refunds[0].state, RefundState::Stuck, "not for ever");
    desk.check();
}

#[test]
fn a_refund_whose_older_try_comes_back_goes_on_with_the_newer_one() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    desk.refund(order, RefundWhat::Full).unwrap();
    let news = |tries, seen| desk.observe(order, News::Refund { refund: 1, tries, seen }).unwrap().revision;
    assert!(news(0, failed(true)).is_some());
    let Some(Effect::Refund { tries: 1, started_at, .. }) = desk.next(order) else { panic!() };
    desk.sale.clock.advance(60_000);
    assert!(news(0, succeeded()).is_some(), "it went through after all");
    assert_eq!(news(1, failed(true)), None, "that of the other try went back");
    assert!(news(0, failed(false)).is_some());
    let Some(Effect::Refund { tries: 1, started_at: still, .. }) = desk.next(order) else { panic!() };
    assert_eq!(still, started_at, "it may have been sent: it is as old as it was");
    assert_eq!(news(0, succeeded()), None);
    assert!(news(1, succeeded()).is_some());
    desk.check();
}

#[test]
fn nothing_can_fail_about_a_refund_of_nothing() {
    let desk = Desk::free();
    let order = desk.open(1, &[0]);
    desk.due(order, &Effect::Confirm);
    desk.refund(order, RefundWhat::Full).unwrap();
    for tries in [0, 1] {
        for seen in [failed(true), failed(false), succeeded()] {
            let news = News::Refund { refund: 1, tries, seen };
            assert_eq!(desk.observe(order, news).unwrap().revision, None);
        }
    }
    assert_eq!(desk.details(order).refunds[0].state, RefundState::Succeeded);
    desk.check();
}

#[test]
fn an_order_whose_money_went_back_is_remembered_when_it_comes_back_weeks_later() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    desk.pay(order).unwrap();
    desk.cancel(order).unwrap();
    desk.seen(order, 1, captured(PRICE)).unwrap();
    desk.due(order, &Effect::StartRefund { attempt: 1, reason: EndReason::Surplus });
    desk.refund_seen(order, 1, succeeded()).unwrap();
    desk.sale.clock.advance(30 * 24 * 3_600_000);
    desk.sold(2, &[1]);
    desk.check();
    desk.refund_seen(order, 1, failed(true)).unwrap();
    assert!(matches!(desk.next(order), Some(Effect::Refund { tries: 1, amount_minor: PRICE, .. })));
    desk.check();
}
