//! Payment attempts: one at a time, within the time an order has.

use std::thread;

use ticketcore::order::{CheckoutRequest, Effect, EndReason, OnDecline, PaymentRules};
use ticketcore::testkit::{SmallSale, key};
use ticketcore::{CommandError, OrderState, Refusal, SeatState};

use crate::desk::{Desk, PRICE, authorized, captured, declined, in_state, on_decline, rules, succeeded};

#[test]
fn a_decline_keeps_the_seats_or_frees_them() {
    let keep = Desk::with(on_decline(OnDecline::Keep));
    let order = keep.open(1, &[0]);
    let pay_until = keep.details(order).terms.unwrap().pay_until;
    keep.pay(order).unwrap();
    keep.seen(order, 1, declined()).unwrap();
    let details = keep.details(order);
    assert_eq!((details.order.state, details.next), (OrderState::Open, None));
    assert_eq!(details.order.payment_deadline, Some(pay_until), "the time that is left");
    assert_eq!(keep.pay(order).unwrap().number, 2, "another card");
    keep.seen(order, 2, captured(PRICE)).unwrap();
    assert_eq!(keep.due(order, &Effect::Confirm), OrderState::Confirmed);
    keep.check();

    let free = Desk::with(on_decline(OnDecline::Free));
    let order = free.open(1, &[0]);
    free.pay(order).unwrap();
    free.seen(order, 1, declined()).unwrap();
    assert_eq!(free.due(order, &Effect::Drop(EndReason::Declined)), OrderState::Cancelled);
    assert_eq!((free.seat(0), free.pay(order)), (SeatState::Free, in_state(OrderState::Cancelled)));
    free.check();
}

#[test]
fn at_most_one_attempt_is_unresolved_and_attempts_are_limited() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    for attempt in 1..=16 {
        assert_eq!(desk.pay(order).unwrap().number, attempt);
        assert_eq!(desk.pay(order), in_state(OrderState::Paying), "one is under way");
        desk.seen(order, attempt, declined()).unwrap();
        let unresolved = desk.details(order).payments.iter().filter(|p| p.is_unresolved()).count();
        assert_eq!(unresolved, 0);
    }
    assert!(matches!(desk.pay(order), Err(CommandError::Refused(Refusal::Limit(_)))));
    desk.check();
}

#[test]
fn an_earlier_attempt_that_succeeds_after_all_is_given_back() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    desk.pay(order).unwrap();
    desk.seen(order, 1, declined()).unwrap();
    desk.pay(order).unwrap();
    desk.seen(order, 1, captured(PRICE)).unwrap();
    assert_eq!(desk.state(order), OrderState::Paying, "the second attempt decides");
    desk.seen(order, 2, captured(PRICE)).unwrap();
    desk.due(order, &Effect::Confirm);
    desk.due(order, &Effect::StartRefund { attempt: 1, reason: EndReason::Surplus });
    let details = desk.details(order);
    assert_eq!((details.refunds[0].attempt, details.refunds[0].amount_minor), (1, PRICE));
    assert!(details.refunds[0].tickets.is_empty(), "the tickets were paid with the second");
    desk.check();
}

#[test]
fn an_earlier_attempt_that_succeeds_after_all_goes_back_when_the_order_is_over_however_it_ends() {
    let surplus = |desk: &Desk, seat| {
        let order = desk.open(u128::from(seat), &[seat]);
        desk.pay(order).unwrap();
        desk.seen(order, 1, declined()).unwrap();
        desk.pay(order).unwrap();
        desk.seen(order, 2, declined()).unwrap();
        desk.seen(order, 1, captured(PRICE)).unwrap();
        assert_eq!((desk.state(order), desk.next(order)), (OrderState::Open, None), "another card may do");
        order
    };
    let desk = Desk::new();
    let refund = Effect::StartRefund { attempt: 1, reason: EndReason::Surplus };
    let cancelled = surplus(&desk, 0);
    desk.cancel(cancelled).unwrap();
    desk.due(cancelled, &refund);
    let outside = surplus(&desk, 1);
    desk.outside(outside).unwrap();
    desk.due(outside, &refund);
    assert_eq!(desk.seat(1), SeatState::Sold);
    let expired = surplus(&desk, 2);
    desk.run_out();
    desk.due(expired, &refund);
    desk.refund_seen(expired, 1, succeeded()).unwrap();
    assert_eq!((desk.state(expired), desk.next(expired)), (OrderState::Expired, None));
    desk.check();
}

#[test]
fn sixty_four_clicks_with_sixty_four_keys_are_one_order_and_one_payment() {
    let desk = Desk::new();
    let hold = desk.sale.hold(1, &[0]).wait().unwrap();
    let orders: Vec<_> = thread::scope(|scope| {
        let click = |at: usize| {
            let request = CheckoutRequest {
                key: Some(key(&format!("k{at}"))),
                ..CheckoutRequest::new(hold.id, hold.user)
            };
            let desk = &desk;
            scope.spawn(move || {
                let order = desk.sale.office.checkout(request).wait().unwrap().id;
                (order, desk.pay(order))
            })
        };
        let threads: Vec<_> = (0..64).map(click).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(orders.iter().all(|(order, _)| *order == orders[0].0));
    let paid: Vec<_> = orders.iter().filter_map(|(_, paid)| paid.as_ref().ok()).collect();
    assert_eq!((paid.len(), paid[0].number), (1, 1), "one authorisation");
    let no = in_state(OrderState::Paying);
    assert!(orders.iter().filter(|(_, paid)| paid.is_err()).all(|(_, paid)| *paid == no));
    desk.check();
}

#[test]
fn an_order_without_an_intent_dies_in_a_minute() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    desk.sale.clock.advance(59_999);
    desk.sale.office.maintain();
    assert_eq!(desk.state(order), OrderState::Open);
    desk.sale.clock.advance(1);
    assert!(desk.pay(order).is_err(), "dead without any timer");
    assert!(desk.sale.hold(2, &[0]).wait().is_ok(), "its seat is free");
    assert_eq!((desk.state(order), desk.next(order)), (OrderState::Expired, None));
    desk.check();
}

#[test]
fn the_hard_deadline_is_absolute() {
    let desk = Desk::with(PaymentRules { payment_deadline_ms_max: 100_000, ..rules() });
    let opened = desk.sale.clock.advance(0);
    let order = desk.open(1, &[0]);
    let deadline = || desk.details(order).order.payment_deadline.unwrap();
    assert_eq!(deadline(), opened.plus_ms(60_000));
    for attempt in 1..=9 {
        desk.sale.clock.advance(10_000);
        desk.pay(order).unwrap();
        assert_eq!(deadline(), opened.plus_ms(100_000), "however often it is tried");
        desk.seen(order, attempt, declined()).unwrap();
        assert!(deadline() <= opened.plus_ms(100_000));
    }
    desk.pay(order).unwrap();
    desk.sale.clock.advance(10_000);
    // News of an overdue order: it expires first.
    assert_eq!(desk.seen(order, 10, authorized()).unwrap().state, OrderState::Expired);
    desk.check();

    let short = Desk::of(&SmallSale::definition(1, 10, 0));
    let hold = short.sale.hold(1, &[0]).wait().unwrap();
    let lifetime_end = hold.at.plus_ms(2 * 3_600_000);
    short.rules(PaymentRules { payment_deadline_ms_max: 24 * 3_600_000, ..rules() });
    short.sale.clock.advance(60_000);
    let order = short.sale.office.checkout(CheckoutRequest::new(hold.id, hold.user)).wait().unwrap().id;
    assert_eq!(
        short.details(order).terms.unwrap().hard_deadline,
        lifetime_end,
        "the hold's lifetime ends it too"
    );
}
