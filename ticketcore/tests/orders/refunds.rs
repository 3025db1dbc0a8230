//! Money that goes back, and events that do not happen.

use ticketcore::order::{
    CaptureMode, CheckoutRequest, Effect, EndReason, ExtraLine, News, PaymentSeen, RefundSeen, RefundState,
    RefundWhat, StaffAction, TicketStatus, Way,
};
use ticketcore::{CommandError, OrderState, Refusal, SeatState};

use crate::bank::Bank;
use crate::desk::{
    Desk, PRICE, authorized, capture, captured, declined, failed, in_state, refused, succeeded, word,
};

fn too_large<T>(left_minor: i64) -> Result<T, CommandError> {
    Err(refused(Refusal::RefundTooLarge { left_minor }))
}

#[test]
fn a_refund_of_a_ticket_frees_its_seat_to_be_sold_again() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    assert_eq!(desk.refund(order, RefundWhat::Tickets(vec![1])).unwrap().number, 1);
    assert_eq!(desk.statuses(order), [TicketStatus::Valid, TicketStatus::Refunded]);
    assert_eq!((desk.seat(0), desk.seat(1)), (SeatState::Sold, SeatState::Free), "before the money is back");
    assert!(matches!(desk.next(order), Some(Effect::Refund { refund: 1, amount_minor: PRICE, .. })));
    let again = desk.sold(2, &[1]);
    let status = TicketStatus::Refunded;
    let dead = Err(refused(Refusal::TicketNotValid { ticket: 1, status }));
    assert_eq!(desk.refund(order, RefundWhat::Tickets(vec![1])), dead);
    let bad = |tickets: &[u32]| desk.refund(order, RefundWhat::Tickets(tickets.to_vec()));
    assert_eq!(bad(&[]), Err(refused(Refusal::NothingRequested)));
    assert_eq!(bad(&[2]), Err(refused(Refusal::UnknownTicket { ticket: 2 })));
    assert_eq!(bad(&[0, 0]), Err(refused(Refusal::UnknownTicket { ticket: 0 })), "twice");
    desk.refund_seen(order, 1, succeeded()).unwrap();
    assert_eq!(
        (desk.next(order), desk.state(order), desk.state(again)),
        (None, OrderState::Confirmed, OrderState::Confirmed)
    );
    desk.check();
}

#[test]
fn a_refund_of_an_amount_leaves_every_ticket_valid() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    desk.refund(order, RefundWhat::Amount(1_000)).unwrap();
    assert_eq!(desk.statuses(order), [TicketStatus::Valid]);
    assert_eq!(desk.refund(order, RefundWhat::Amount(PRICE - 999)), too_large(PRICE - 1_000));
    for nothing in [0, -1, i64::MIN] {
        assert_eq!(desk.refund(order, RefundWhat::Amount(nothing)), too_large(PRICE - 1_000));
    }
    assert_eq!(desk.refund(order, RefundWhat::Tickets(vec![0])), too_large(PRICE - 1_000), "not all is left");
    desk.refund(order, RefundWhat::Full).unwrap();
    assert_eq!(desk.refund(order, RefundWhat::Full), too_large(0), "twice");
    let refunds = desk.details(order).refunds;
    assert_eq!(refunds.iter().map(|refund| refund.amount_minor).collect::<Vec<_>>(), [1_000, PRICE - 1_000]);
    assert_eq!((desk.seat(0), refunds[1].tickets.clone()), (SeatState::Free, vec![0]));
    desk.check();
}

#[test]
fn tickets_whose_money_is_gone_are_taken_back_for_nothing() {
    for tickets in [RefundWhat::Full, RefundWhat::Tickets(vec![0])] {
        let desk = Desk::new();
        let order = desk.sold(1, &[0]);
        desk.refund(order, RefundWhat::Amount(PRICE)).unwrap();
        desk.refund(order, tickets.clone()).unwrap();
        let refund = desk.details(order).refunds[1].clone();
        assert_eq!((refund.attempt, refund.amount_minor, refund.state), (1, 0, RefundState::Succeeded));
        assert_eq!((desk.statuses(order), desk.seat(0)), (vec![TicketStatus::Refunded], SeatState::Free));
        desk.check();
    }
}

#[test]
fn a_full_refund_sends_back_what_came_on_top() {
    let desk = Desk::new();
    let extra = vec![ExtraLine { code: word("fee"), amount_minor: 300 }];
    let request = CheckoutRequest { extra, ..desk.checkout_request(1, &[0, 1]) };
    let order = desk.sale.office.checkout(request).wait().unwrap().id;
    desk.pay(order).unwrap();
    let mut bank = Bank::default();
    bank.settle(&desk);
    desk.refund(order, RefundWhat::Tickets(vec![0])).unwrap();
    desk.refund(order, RefundWhat::Full).unwrap();
    bank.settle(&desk);
    assert_eq!(bank.has(order), 0);
    assert_eq!(desk.details(order).refunds[1].amount_minor, PRICE + 300);
    desk.check();
}

#[test]
fn free_tickets_and_sales_paid_outside_are_refunded_without_a_gateway() {
    let free = Desk::free();
    let order = free.open(1, &[0]);
    free.due(order, &Effect::Confirm);
    let desk = Desk::new();
    let outside = desk.open(1, &[0]);
    desk.outside(outside).unwrap();
    for (desk, order) in [(&free, order), (&desk, outside)] {
        desk.refund(order, RefundWhat::Full).unwrap();
        let refund = desk.details(order).refunds[0].clone();
        assert_eq!((refund.state, refund.attempt, refund.amount_minor), (RefundState::Succeeded, 0, 0));
        assert_eq!((desk.seat(0), desk.next(order)), (SeatState::Free, None));
        desk.check();
    }
}

#[test]
fn a_refund_that_fails_is_tried_again_and_gets_stuck_never_lost() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    desk.refund(order, RefundWhat::Full).unwrap();
    for tries in 0..8 {
        let Some(Effect::Refund { tries: now, .. }) = desk.next(order) else { panic!("it is tried again") };
        assert_eq!(now, tries, "each try has a key of its own");
        desk.refund_seen(order, 1, failed(true)).unwrap();
        let old = News::Refund { refund: 1, tries, seen: failed(true) };
        assert_eq!(desk.observe(order, old).unwrap().revision, None, "an older failure was counted");
    }
    assert_eq!((desk.details(order).refunds[0].state, desk.next(order)), (RefundState::Stuck, None));
    desk.sale.clock.advance(10 * 24 * 3_600_000);
    desk.sold(2, &[1]);
    assert_eq!(desk.details(order).refunds[0].state, RefundState::Stuck, "listed for ever");
    assert!(desk.staff(order, StaffAction::RetryRefund { refund: 1 }).unwrap().revision.is_some());
    assert_eq!(desk.staff(order, StaffAction::RetryRefund { refund: 1 }).unwrap().revision, None);
    assert_eq!(
        desk.staff(order, StaffAction::RetryRefund { refund: 2 }),
        Err(refused(Refusal::UnknownRefund { refund: 2 }))
    );
    desk.refund_seen(order, 1, failed(false)).unwrap();
    assert_eq!(desk.details(order).refunds[0].state, RefundState::Stuck);
    desk.refund_seen(order, 1, succeeded()).unwrap();
    assert_eq!(desk.details(order).refunds[0].state, RefundState::Succeeded, "it went through after all");
    desk.check();
}

#[test]
fn an_older_try_that_the_gateway_accepts_late_does_not_stand_for_the_newer_one() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    desk.refund(order, RefundWhat::Full).unwrap();
    desk.refund_seen(order, 1, failed(true)).unwrap();
    let news = |tries, seen| desk.observe(order, News::Refund { refund: 1, tries, seen });
    let submitted = || RefundSeen::Submitted { reference: word("re") };
    assert_eq!(news(0, submitted()).unwrap().revision, None);
    assert!(matches!(desk.next(order), Some(Effect::Refund { tries: 1, .. })), "it is still to be sent");
    assert!(news(1, submitted()).unwrap().revision.is_some());
    assert!(matches!(desk.next(order), Some(Effect::LookUpRefund { tries: 1, .. })));
    assert_eq!(news(1, RefundSeen::NotFound).unwrap().revision, None);
    assert!(news(0, succeeded()).unwrap().revision.is_some(), "but money that went back went back");
    assert_eq!(desk.next(order), None);
    desk.check();
}

#[test]
fn a_refund_that_the_gateway_works_on_keeps_no_later_one_back() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.refund(order, RefundWhat::Tickets(vec![0])).unwrap();
    desk.refund_seen(order, 1, RefundSeen::Submitted { reference: word("re_1") }).unwrap();
    assert!(matches!(desk.next(order), Some(Effect::LookUpRefund { refund: 1, .. })));
    desk.refund(order, RefundWhat::Tickets(vec![1])).unwrap();
    assert!(matches!(desk.next(order), Some(Effect::Refund { refund: 2, .. })), "it is sent first");
    desk.refund_seen(order, 2, succeeded()).unwrap();
    assert!(matches!(desk.next(order), Some(Effect::LookUpRefund { refund: 1, .. })));
    desk.refund_seen(order, 1, succeeded()).unwrap();
    assert_eq!(desk.next(order), None);
    desk.check();
}

#[test]
fn refunds_that_gateways_have_may_be_looked_up_beside_what_is_next() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1, 2]);
    let beside = || {
        let details = desk.details(order);
        let due = desk.sale.office.due_orders(desk.sale.event, None, 10).unwrap();
        let listed: Vec<_> = due.iter().flat_map(|due| due.effects().cloned()).collect();
        assert_eq!(listed, details.next.into_iter().chain(details.beside.clone()).collect::<Vec<_>>());
        let number = |effect| match effect {
            Effect::LookUpRefund { refund, amount_minor, started_at, .. } => {
                let known = &details.refunds[refund as usize - 1];
                assert_eq!((amount_minor, started_at), (known.amount_minor, known.started_at));
                refund
            }
            other => panic!("{other:?}"),
        };
        details.beside.into_iter().map(number).collect::<Vec<_>>()
    };
    let submitted = |number: u32| {
        desk.refund(order, RefundWhat::Tickets(vec![number - 1])).unwrap();
        desk.refund_seen(order, number, RefundSeen::Submitted { reference: word("re") }).unwrap();
    };
    submitted(1);
    assert_eq!(beside(), [0; 0], "it is next");
    submitted(2);
    assert!(matches!(desk.next(order), Some(Effect::LookUpRefund { refund: 1, .. })));
    assert_eq!(beside(), [2]);
    desk.refund(order, RefundWhat::Tickets(vec![2])).unwrap();
    assert!(matches!(desk.next(order), Some(Effect::Refund { refund: 3, .. })));
    assert_eq!(beside(), [1, 2]);
    desk.refund_seen(order, 1, succeeded()).unwrap();
    desk.refund_seen(order, 3, succeeded()).unwrap();
    assert!(matches!(desk.next(order), Some(Effect::LookUpRefund { refund: 2, .. })));
    assert_eq!(beside(), [0; 0]);
    desk.refund_seen(order, 2, succeeded()).unwrap();
    assert_eq!(desk.next(order), None);
    desk.check();
}

#[test]
fn money_that_is_only_reserved_is_let_go_not_refunded() {
    for mode in [CaptureMode::OnConfirm, CaptureMode::Manual] {
        let desk = Desk::with(capture(mode));
        let order = desk.open(1, &[0, 1]);
        desk.pay(order).unwrap();
        desk.seen(order, 1, authorized()).unwrap();
        desk.due(order, &Effect::Confirm);
        let not_paid = Err(refused(Refusal::NotPaid { amount_minor: 2 * PRICE }));
        assert_eq!(desk.refund(order, RefundWhat::Amount(1)), not_paid);
        assert_eq!(desk.refund(order, RefundWhat::Tickets(vec![0])), not_paid);
        assert_eq!(desk.refund(order, RefundWhat::Full).unwrap().state, OrderState::Cancelled, "{mode:?}");
        assert_eq!((desk.seat(0), desk.details(order).reason), (SeatState::Free, Some(EndReason::Asked)));
        assert!(matches!(desk.next(order), Some(Effect::Void(_))), "and is never captured");
        desk.seen(order, 1, captured(2 * PRICE)).unwrap();
        desk.due(order, &Effect::StartRefund { attempt: 1, reason: EndReason::Asked });
        desk.check();
    }
}

#[test]
fn a_capture_that_is_refused_reverses_the_sale_unless_it_came_through_after_all() {
    let desk = Desk::with(capture(CaptureMode::OnConfirm));
    let confirmed = |seat| {
        let order = desk.open(u128::from(seat), &[seat]);
        desk.pay(order).unwrap();
        desk.seen(order, 1, authorized()).unwrap();
        desk.due(order, &Effect::Confirm);
        desk.observe(order, News::CaptureRefused { attempt: 1, code: word("lapsed") }).unwrap();
        order
    };
    let refused = confirmed(0);
    assert_eq!(desk.due(refused, &Effect::Reverse), OrderState::Cancelled);
    assert_eq!((desk.seat(0), desk.redeem(refused, 0, 1, Way::Entry).is_err()), (SeatState::Free, true));
    assert!(matches!(desk.next(refused), Some(Effect::Void(_))));
    let captured_after_all = confirmed(1);
    desk.seen(captured_after_all, 1, captured(PRICE)).unwrap();
    assert_eq!(desk.next(captured_after_all), None, "the money is there");
    assert_eq!(desk.seat(1), SeatState::Sold);
    desk.check();
}

#[test]
fn a_sale_paid_outside_is_not_touched_by_what_becomes_of_other_money() {
    for late in [authorized(), captured(PRICE), PaymentSeen::Voided] {
        let desk = Desk::new();
        let order = desk.open(1, &[0]);
        desk.pay(order).unwrap();
        desk.seen(order, 1, declined()).unwrap();
        desk.outside(order).unwrap();
        let mut bank = Bank::default();
        match &late {
            PaymentSeen::Authorized { .. } => {
                _ = bank.payments.insert((order, 1), crate::bank::Paid::Authorized)
            }
            PaymentSeen::Captured { .. } => {
                _ = bank.payments.insert((order, 1), crate::bank::Paid::Captured(PRICE));
            }
            _ => {}
        }
        desk.seen(order, 1, late.clone()).unwrap();
        bank.settle(&desk);
        assert_eq!((bank.has(order), bank.reserved()), (0, 0), "{late:?}: it goes back");
        assert_eq!((desk.state(order), desk.seat(0)), (OrderState::Confirmed, SeatState::Sold), "{late:?}");
        assert_eq!(desk.statuses(order), [TicketStatus::Valid], "{late:?}");
        desk.check();
    }
}

#[test]
fn tickets_are_not_refunded_with_money_that_did_not_buy_them() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    desk.pay(order).unwrap();
    desk.seen(order, 1, declined()).unwrap();
    desk.outside(order).unwrap();
    desk.seen(order, 1, captured(PRICE)).unwrap();
    assert_eq!(desk.refund(order, RefundWhat::Amount(1)), too_large(0));
    desk.refund(order, RefundWhat::Tickets(vec![0])).unwrap();
    let refund = desk.details(order).refunds[0].clone();
    assert_eq!((refund.attempt, refund.amount_minor), (0, 0), "who was paid outside pays it back outside");
    desk.due(order, &Effect::StartRefund { attempt: 1, reason: EndReason::Surplus });
    assert_eq!(desk.details(order).refunds[1].amount_minor, PRICE);
    desk.check();
}

#[test]
fn the_number_of_refunds_is_limited_but_never_for_the_house() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    for _ in 0..256 {
        desk.refund(order, RefundWhat::Amount(1)).unwrap();
    }
    assert!(matches!(
        desk.refund(order, RefundWhat::Amount(1)),
        Err(CommandError::Refused(Refusal::Limit(_)))
    ));
    desk.cancel_event();
    desk.due(order, &Effect::StartRefund { attempt: 1, reason: EndReason::EventCancelled });
    let back: i64 = desk.details(order).refunds.iter().map(|refund| refund.amount_minor).sum();
    assert_eq!(back, PRICE);
    desk.check();
}

#[test]
fn a_cancelled_event_sends_everybody_his_money_in_bounded_batches() {
    let desk = Desk::new();
    let mut bank = Bank::default();
    let orders: Vec<_> = (0..10).map(|seat| desk.open(u128::from(seat), &[seat])).collect();
    orders[..9].iter().for_each(|order| _ = desk.pay(*order).unwrap());
    // Some are confirmed, some captured, some only under way, one without a payment.
    orders[..4].iter().for_each(|order| {
        desk.seen(*order, 1, captured(PRICE)).unwrap();
        desk.due(*order, &Effect::Confirm);
        bank.payments.insert((*order, 1), crate::bank::Paid::Captured(PRICE));
    });
    orders[4..6].iter().for_each(|order| {
        desk.seen(*order, 1, captured(PRICE)).unwrap();
        bank.payments.insert((*order, 1), crate::bank::Paid::Captured(PRICE));
    });
    desk.seen(orders[6], 1, authorized()).unwrap();
    bank.payments.insert((orders[6], 1), crate::bank::Paid::Authorized);
    desk.cancel_event();
    assert_eq!(desk.due_count(), 10, "every order has something to be done");
    bank.drive(&desk, 3, |_| crate::bank::Mishap::None);
    for order in &orders {
        assert_eq!(bank.has(*order), 0);
        assert!(matches!(desk.state(*order), OrderState::Cancelled | OrderState::Confirmed));
    }
    assert_eq!(bank.reserved(), 0);
    assert!((0..10).all(|seat| desk.seat(seat) == SeatState::Free));
    assert!(desk.statuses(orders[0]).iter().all(|status| *status == TicketStatus::Refunded));
    desk.check();
}

#[test]
fn refusals_of_refunds_stand_in_their_order() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    let open = desk.open(2, &[1]);
    assert_eq!(desk.refund(open, RefundWhat::Amount(i64::MAX)), in_state(OrderState::Open));
    assert_eq!(desk.dispute(open, 9), in_state(OrderState::Open));
    assert_eq!(desk.staff(open, StaffAction::RetryRefund { refund: 9 }), in_state(OrderState::Open));
    let nobody = ticketcore::OrderId { number: ticketcore::HoldNumber(64_000), ..order };
    assert_eq!(desk.refund(nobody, RefundWhat::Full), Err(refused(Refusal::UnknownOrder)));
    desk.check();
}
