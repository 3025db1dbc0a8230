//! Late money: it comes when the order's time has run out.

use ticketcore::order::{Effect, EndReason, News, ObserveRequest, PaymentSeen};
use ticketcore::testkit::SmallSale;
use ticketcore::{OrderState, SeatState};

use crate::bank::Bank;
use crate::desk::{Desk, PRICE, authorized, captured, declined, in_state};

#[test]
fn late_money_buys_the_same_seats_if_they_are_free() {
    for seen in [authorized(), captured(2 * PRICE)] {
        let desk = Desk::new();
        let order = desk.too_late(1, &[0, 1]);
        assert_eq!(desk.seat(0), SeatState::Free);
        desk.seen(order, 1, seen).unwrap();
        assert_eq!(desk.due(order, &Effect::SettleLate), OrderState::Confirmed);
        assert_eq!((desk.seat(0), desk.seat(1)), (SeatState::Sold, SeatState::Sold));
        assert_eq!(desk.details(order).tickets.len(), 2);
        assert_eq!(desk.observe(order, News::SettleLate).unwrap().revision, None, "once");
        desk.check();
    }
}

#[test]
fn late_money_goes_back_if_one_of_the_seats_is_gone() {
    let desk = Desk::new();
    let order = desk.too_late(1, &[0, 1]);
    desk.sold(2, &[1]);
    desk.seen(order, 1, captured(2 * PRICE)).unwrap();
    assert_eq!(desk.due(order, &Effect::SettleLate), OrderState::Cancelled);
    desk.due(order, &Effect::StartRefund { attempt: 1, reason: EndReason::TooLate });
    assert_eq!((desk.seat(0), desk.details(order).refunds[0].amount_minor), (SeatState::Free, 2 * PRICE));
    desk.check();
}

#[test]
fn late_money_for_places_of_an_area() {
    let desk = Desk::of(&SmallSale::definition(0, 0, 10));
    let buy = |user: u128, places| {
        let hold = desk.sale.hold_places(user, places).wait().unwrap();
        let request = ticketcore::order::CheckoutRequest::new(hold.id, hold.user);
        let order = desk.sale.office.checkout(request).wait().unwrap().id;
        desk.pay(order).unwrap();
        order
    };
    let (first, second) = (buy(1, 6), buy(2, 4));
    desk.run_out();
    desk.seen(first, 1, captured(6 * PRICE)).unwrap();
    desk.seen(second, 1, captured(4 * PRICE)).unwrap();
    desk.sale.hold_places(3, 4).wait().unwrap();
    assert_eq!(desk.due(first, &Effect::SettleLate), OrderState::Confirmed, "six are left");
    assert_eq!(desk.due(second, &Effect::SettleLate), OrderState::Cancelled, "none is left");
    desk.check();
}

#[test]
fn late_money_is_not_kept_from_its_seats_by_a_dead_hold() {
    for many in [false, true] {
        let desk = Desk::new();
        let order = desk.too_late(1, &[0]);
        let hold = desk.sale.hold(2, &[0]).wait().unwrap();
        desk.seen(order, 1, captured(PRICE)).unwrap();
        desk.sale.clock.set(hold.deadline);
        let request = ObserveRequest { order, news: News::SettleLate };
        let answer = if many {
            desk.sale.office.observe_many(vec![request]).remove(0).wait()
        } else {
            desk.sale.office.observe(request).wait()
        };
        assert_eq!(answer.unwrap().state, OrderState::Confirmed);
        desk.check();
    }
}

#[test]
fn late_money_over_the_limit_goes_back() {
    let mut definition = SmallSale::definition(1, 10, 0);
    definition.rules.tickets_per_user_max = 2;
    let desk = Desk::of(&definition);
    let order = desk.too_late(1, &[0, 1]);
    desk.sold(1, &[2]);
    desk.seen(order, 1, captured(2 * PRICE)).unwrap();
    assert_eq!(desk.due(order, &Effect::SettleLate), OrderState::Cancelled);
    assert_eq!(desk.details(order).reason, Some(EndReason::OverLimit));
    desk.check();
}

#[test]
fn late_money_of_a_wrong_amount_goes_back() {
    for wrong in [0, PRICE - 1, PRICE + 1] {
        let desk = Desk::new();
        let order = desk.too_late(1, &[0]);
        desk.seen(order, 1, captured(wrong)).unwrap();
        assert_eq!(desk.due(order, &Effect::SettleLate), OrderState::Cancelled, "{wrong}");
        assert_eq!(desk.details(order).reason, Some(EndReason::WrongAmount));
        desk.check();
    }
}

#[test]
fn late_money_for_a_cancelled_event_goes_back() {
    let desk = Desk::new();
    let order = desk.too_late(1, &[0]);
    desk.cancel_event();
    desk.seen(order, 1, captured(PRICE)).unwrap();
    let mut bank = Bank::default();
    bank.payments.insert((order, 1), crate::bank::Paid::Captured(PRICE));
    bank.settle(&desk);
    assert_eq!((desk.state(order), bank.has(order)), (OrderState::Cancelled, 0));
    assert_eq!(desk.details(order).reason, Some(EndReason::EventCancelled));
    desk.check();
}

#[test]
fn late_news_that_brings_no_money_changes_nothing_but_the_payment() {
    for seen in [declined(), PaymentSeen::Voided, PaymentSeen::NotFound] {
        let desk = Desk::new();
        let order = desk.too_late(1, &[0]);
        assert!(matches!(desk.next(order), Some(Effect::LookUp(_))), "its outcome must be learnt");
        assert_eq!(desk.seen(order, 1, seen).unwrap().state, OrderState::Expired);
        assert_eq!(desk.next(order), None);
        desk.check();
    }
}

#[test]
fn an_order_whose_late_money_went_back_has_no_tickets_to_refund_or_to_dispute() {
    let desk = Desk::new();
    let order = desk.too_late(1, &[0]);
    desk.sold(2, &[0]);
    desk.seen(order, 1, captured(PRICE)).unwrap();
    desk.due(order, &Effect::SettleLate);
    // The money is in dispute before it went back; what the order once wanted is somebody else's.
    desk.dispute(order, 1).unwrap();
    assert_eq!(desk.next(order), None, "what is disputed is not sent back");
    desk.dispute_over(order, false).unwrap();
    let details = desk.details(order);
    assert_eq!((details.disputed_minor, details.next), (PRICE, None));
    assert_eq!(desk.seat(0), SeatState::Sold);
    desk.check();

    let other = Desk::new();
    let order = other.too_late(1, &[0]);
    other.sold(2, &[0]);
    other.seen(order, 1, captured(PRICE)).unwrap();
    other.due(order, &Effect::SettleLate);
    other.refund(order, ticketcore::order::RefundWhat::Full).unwrap();
    assert_eq!((other.details(order).refunds[0].amount_minor, other.seat(0)), (PRICE, SeatState::Sold));
    assert_eq!(other.transfer(order, 1, &[0], 3), in_state(OrderState::Cancelled));
    other.check();
}

#[test]
fn money_that_never_stops_coming_is_remembered_until_it_has_gone_back() {
    let desk = Desk::new();
    let order = desk.too_late(1, &[0]);
    desk.sold(2, &[0]);
    // Longer than ended orders are remembered, were they settled.
    desk.sale.clock.advance(10 * 24 * 3_600_000);
    desk.sold(3, &[1]);
    desk.check();
    assert_eq!(desk.due_count(), 1, "its outcome is still not known");
    desk.seen(order, 1, captured(PRICE)).unwrap();
    let mut bank = Bank::default();
    bank.payments.insert((order, 1), crate::bank::Paid::Captured(PRICE));
    bank.settle(&desk);
    assert_eq!((desk.state(order), bank.has(order)), (OrderState::Cancelled, 0));
    desk.check();
}
