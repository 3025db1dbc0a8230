//! A key names one accepted outcome (I3): the same request again is told what it was told, another one is refused.

use std::fmt::Debug;

use ticketcore::order::{
    CheckoutRequest, Effect, LateMoney, PayRequest, RedeemRequest, RefundWhat, StaffAction,
    StaffOrderRequest, TransferRequest, Way,
};
use ticketcore::testkit::{SmallSale, key};
use ticketcore::{
    CloseOrderRequest, CommandError, IdempotencyKey, OpenOrderRequest, OrderId, Pending, Refusal, Revision,
    Stepped, TicketId,
};

use crate::desk::{Desk, PRICE, STAFF, authorized, captured, failed, refused, user, word};

const KEY: &str = "once";

/// Asks twice, on this office and on one that has just been opened, then for something else under the same key.
fn once<R: Clone + Debug>(
    desk: &Desk,
    request: &R,
    other: &R,
    ask: impl Fn(&SmallSale, R) -> Pending<Stepped>,
) -> Stepped {
    let first = ask(&desk.sale, request.clone()).wait().unwrap();
    assert!(!first.replayed && first.revision.is_some(), "{request:?} is a fact: {first:?}");
    let after = desk.sale.journal().len();
    for sale in [desk.sale.again(5), desk.sale.again(6)] {
        let again = ask(&sale, request.clone()).wait().unwrap();
        assert_eq!(again, Stepped { replayed: true, ..first }, "{request:?}");
        let reused = Err(refused(Refusal::KeyReused { revision: first.revision.unwrap() }));
        assert_eq!(ask(&sale, other.clone()).wait(), reused, "{other:?}");
    }
    assert_eq!(desk.sale.journal().len(), after, "{request:?} once");
    first
}

fn pay(order: OrderId, method: &str) -> PayRequest {
    let (gateway, method) = (word("bank"), word(method));
    PayRequest { order, user: user(1), key: Some(key(KEY)), gateway, method }
}

fn staff(desk: &Desk, order: OrderId, name: &str, action: StaffAction, other: StaffAction) -> Stepped {
    let request = |action| StaffOrderRequest { order, by: user(STAFF), key: Some(key(name)), action };
    once(desk, &request(action), &request(other), |sale, request| sale.office.staff_order(request))
}

#[test]
fn a_checkout_that_comes_again_is_told_the_same_order() {
    let desk = Desk::new();
    let request = CheckoutRequest { key: Some(key(KEY)), ..desk.checkout_request(1, &[0]) };
    let first = desk.sale.office.checkout(request.clone()).wait().unwrap();
    desk.pay(first.id).unwrap();
    let again = desk.sale.office.checkout(request.clone()).wait().unwrap();
    assert!(again.replayed && again.state == first.state, "what was accepted, not what has become of it");
    assert_eq!((again.id, again.payment_deadline), (first.id, first.payment_deadline));
    let other = CheckoutRequest { late_money: LateMoney::Equivalent, ..request.clone() };
    let reused = Err(refused(Refusal::KeyReused { revision: Revision(first.version.0) }));
    assert_eq!(desk.sale.office.checkout(other).wait(), reused);
    let plain = OpenOrderRequest { hold: request.hold, user: request.user, key: request.key };
    assert_eq!(
        desk.sale.office.open_order(plain).wait(),
        reused,
        "an order without a gateway is another body"
    );
    desk.check();
}

#[test]
fn a_payment_that_comes_again_is_the_same_attempt() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    let first = once(&desk, &pay(order, "card"), &pay(order, "sepa"), |sale, r| sale.office.pay(r));
    assert_eq!(first.number, 1);
    desk.seen(order, 1, captured(PRICE)).unwrap();
    desk.due(order, &Effect::Confirm);
    let again = desk.sale.office.pay(pay(order, "card")).wait().unwrap();
    assert_eq!(again, Stepped { replayed: true, ..first }, "also when all is over");
    // Buyers' operations share their keys.
    let request =
        TransferRequest { order, user: user(1), key: Some(key(KEY)), tickets: vec![0], to: user(2) };
    let reused = Err(refused(Refusal::KeyReused { revision: first.revision.unwrap() }));
    assert_eq!(desk.sale.office.transfer(request).wait(), reused);
    desk.check();
}

#[test]
fn what_staff_does_under_a_key_happens_once() {
    let desk = Desk::new();
    let order = desk.reviewed(1, &[0, 1]);
    desk.pay(order).unwrap();
    desk.seen(order, 1, authorized()).unwrap();
    staff(&desk, order, "approve", StaffAction::Approve, StaffAction::Reject);
    desk.seen(order, 1, captured(2 * PRICE)).unwrap();
    desk.due(order, &Effect::Confirm);
    let amount = |minor| StaffAction::Refund(RefundWhat::Amount(minor));
    assert_eq!(staff(&desk, order, "amount", amount(1), amount(2)).number, 1);
    let tickets = |index| StaffAction::Refund(RefundWhat::Tickets(vec![index]));
    assert_eq!(staff(&desk, order, "ticket", tickets(0), tickets(1)).number, 2);
    desk.refund_seen(order, 2, failed(false)).unwrap();
    let retry = |refund| StaffAction::RetryRefund { refund };
    assert_eq!(staff(&desk, order, "retry", retry(2), retry(1)).number, 2);
    let dispute =
        |reference| StaffAction::OpenDispute { attempt: 1, reference: word(reference), amount_minor: PRICE };
    assert_eq!(staff(&desk, order, "dispute", dispute("a"), dispute("b")).number, 1);
    let close =
        |won| StaffAction::CloseDispute { attempt: 1, reference: word("a"), amount_minor: PRICE, won };
    staff(&desk, order, "close", close(true), close(false));
    let full = StaffAction::Refund(RefundWhat::Full);
    staff(&desk, order, "full", full, StaffAction::Capture);

    let rejected = desk.reviewed(2, &[2]);
    desk.pay(rejected).unwrap();
    desk.seen(rejected, 1, authorized()).unwrap();
    staff(&desk, rejected, "reject", StaffAction::Reject, StaffAction::Approve);
    let outside = desk.open(3, &[3]);
    let confirm = |reference| StaffAction::ConfirmOutside { reference: word(reference) };
    staff(&desk, outside, "outside", confirm("a"), confirm("b"));
    desk.check();
}

#[test]
fn a_capture_and_the_reversal_of_reserved_money_happen_once() {
    let desk = Desk::with(crate::desk::capture(ticketcore::order::CaptureMode::Manual));
    let confirmed = |by: u128, seat| {
        let order = desk.open(by, &[seat]);
        desk.pay(order).unwrap();
        desk.seen(order, 1, authorized()).unwrap();
        desk.due(order, &Effect::Confirm);
        order
    };
    staff(&desk, confirmed(1, 0), "capture", StaffAction::Capture, StaffAction::Approve);
    let full = StaffAction::Refund(RefundWhat::Full);
    staff(&desk, confirmed(2, 1), "full", full, StaffAction::Capture);
    desk.check();
}

#[test]
fn a_transfer_and_a_scan_that_come_again_happen_once() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    let transfer =
        |to| TransferRequest { order, user: user(1), key: Some(key(KEY)), tickets: vec![0], to: user(to) };
    once(&desk, &transfer(2), &transfer(3), |sale, request| sale.office.transfer(request));
    let ticket = TicketId { order, index: 0 };
    let scan = |way| RedeemRequest {
        ticket,
        issue: 2,
        by: user(STAFF),
        key: Some(key(KEY)),
        way,
        device_at: None,
        force: false,
    };
    once(&desk, &scan(Way::Entry), &scan(Way::Exit), |sale, request| sale.office.redeem(request));
    desk.check();
}

#[test]
fn closing_an_order_under_a_key_happens_once() {
    let desk = Desk::free();
    let close = |order, by: u128, name: &str| CloseOrderRequest {
        order,
        user: user(by),
        key: IdempotencyKey::new(name).ok(),
    };
    let order = desk.open(1, &[0]);
    let first = desk.sale.office.confirm_order(close(order, 1, KEY)).wait().unwrap();
    let again = desk.sale.office.confirm_order(close(order, 1, KEY)).wait().unwrap();
    assert_eq!((again.replayed, again.version), (true, first.version));
    let cancelled = desk.open(2, &[1]);
    let first = desk.sale.office.cancel_order(close(cancelled, 2, KEY)).wait().unwrap();
    let again = desk.sale.office.cancel_order(close(cancelled, 2, KEY)).wait().unwrap();
    assert_eq!((again.replayed, again.version), (true, first.version));
    let other = desk.open(2, &[2]);
    let reused = desk.sale.office.cancel_order(close(other, 2, KEY)).wait();
    assert!(matches!(reused, Err(CommandError::Refused(Refusal::KeyReused { .. }))), "{reused:?}");
    desk.check();
}
