//! Ways to a confirmed order, and ways out before it: capture modes, free orders, review, declines, attempts, deadlines.

use std::thread;

use ticketcore::order::{
    CaptureMode, CheckoutRequest, Effect, EndReason, ExtraLine, OnDecline, PaymentRules, PaymentRulesRequest,
    PaymentSeen, PaymentState, StaffAction,
};
use ticketcore::testkit::{SmallSale, key};
use ticketcore::{CommandError, OrderState, Refusal, SeatState};

use crate::bank::Bank;
use crate::desk::{
    Desk, PRICE, authorized, capture, captured, declined, in_state, on_decline, refused, rules, word,
};

#[test]
fn a_buyer_pays_and_has_tickets_in_every_capture_mode() {
    for (mode, last) in [
        (CaptureMode::Immediate, PaymentState::Captured),
        (CaptureMode::OnConfirm, PaymentState::Captured),
        (CaptureMode::Manual, PaymentState::Authorized),
    ] {
        let desk = Desk::with(capture(mode));
        let order = desk.open(1, &[0, 1]);
        assert_eq!(desk.pay(order).unwrap().number, 1);
        let mut bank = Bank::default();
        bank.settle(&desk);
        let details = desk.details(order);
        assert_eq!(
            (details.order.state, details.payments[0].state),
            (OrderState::Confirmed, last),
            "{mode:?}"
        );
        assert_eq!(
            (details.tickets.len(), desk.seat(0), desk.seat(1)),
            (2, SeatState::Sold, SeatState::Sold)
        );
        if mode == CaptureMode::Manual {
            assert_eq!(bank.has(order), 0, "the host takes the money when it likes");
            let asked = desk.staff(order, StaffAction::Capture).unwrap();
            assert!(asked.revision.is_some());
            assert_eq!(desk.staff(order, StaffAction::Capture).unwrap().revision, None, "asked before");
            bank.settle(&desk);
        }
        assert_eq!(bank.has(order), 2 * PRICE);
        assert_eq!(desk.staff(order, StaffAction::Capture).unwrap().revision, None, "nothing to capture");
        desk.check();
    }
}

#[test]
fn what_the_host_adds_is_paid_with_the_tickets() {
    let desk = Desk::new();
    let line = |code, amount_minor| ExtraLine { code: word(code), amount_minor };
    let extra = vec![line("fee", 150), line("voucher", -1_000)];
    let request = CheckoutRequest { extra: extra.clone(), ..desk.checkout_request(1, &[0]) };
    let order = desk.sale.office.checkout(request).wait().unwrap().id;
    let details = desk.details(order);
    assert_eq!((details.amount_minor, details.extra), (PRICE - 850, extra));
    desk.pay(order).unwrap();
    let mut bank = Bank::default();
    bank.settle(&desk);
    assert_eq!(bank.has(order), PRICE - 850);

    for amount in [-PRICE - 1, i64::MIN, i64::MAX] {
        let too_much = CheckoutRequest { extra: vec![line("x", amount)], ..desk.checkout_request(2, &[1]) };
        let hold = too_much.hold;
        let answer = desk.sale.office.checkout(too_much).wait();
        assert!(matches!(answer, Err(CommandError::Refused(Refusal::Limit(_)))), "{answer:?}");
        desk.sale.release(hold, 2.into()).wait().unwrap();
    }
    let nothing = CheckoutRequest { extra: vec![line("gift", -PRICE)], ..desk.checkout_request(3, &[2]) };
    let free = desk.sale.office.checkout(nothing).wait().unwrap().id;
    assert_eq!(desk.due(free, &Effect::Confirm), OrderState::Confirmed, "a discount of everything");
    desk.check();
}

#[test]
fn a_free_order_needs_no_payment() {
    let desk = Desk::free();
    let order = desk.open(1, &[0]);
    assert_eq!(desk.pay(order), Err(refused(Refusal::NotPaid { amount_minor: 0 })));
    assert_eq!(desk.due(order, &Effect::Confirm), OrderState::Confirmed);
    let other = desk.open(2, &[1]);
    assert_eq!(desk.confirm(other), Ok(OrderState::Confirmed), "the buyer may ask, too");
    desk.check();
}

#[test]
fn a_free_order_is_reviewed_like_any_other() {
    let desk = Desk::free();
    let order = desk.reviewed(1, &[0]);
    assert_eq!((desk.state(order), desk.next(order)), (OrderState::InReview, None));
    assert_eq!(desk.confirm(order), in_state(OrderState::InReview));
    desk.run_out();
    assert_eq!(desk.state(order), OrderState::InReview, "staff has its own time");
    desk.staff(order, StaffAction::Approve).unwrap();
    assert_eq!(desk.due(order, &Effect::Confirm), OrderState::Confirmed);
    let rejected = desk.reviewed(2, &[1]);
    desk.staff(rejected, StaffAction::Reject).unwrap();
    assert_eq!((desk.state(rejected), desk.seat(1)), (OrderState::Cancelled, SeatState::Free));
    desk.check();
}

#[test]
fn a_review_ends_by_staff_or_by_its_own_deadline() {
    let desk = Desk::new();
    let mut bank = Bank::default();
    let orders: Vec<_> = (0..3).map(|at| desk.reviewed(u128::from(at), &[at])).collect();
    orders.iter().for_each(|order| _ = desk.pay(*order).unwrap());
    bank.settle(&desk);
    desk.run_out();
    assert!(orders.iter().all(|order| desk.state(*order) == OrderState::InReview), "longer than a payment");
    desk.staff(orders[0], StaffAction::Approve).unwrap();
    desk.staff(orders[1], StaffAction::Reject).unwrap();
    assert_eq!(desk.staff(orders[1], StaffAction::Approve), in_state(OrderState::Cancelled));
    desk.sale.clock.advance(rules().review_ttl_ms);
    // The approved one has its own minute to be confirmed: it comes too late here, and its seat is free.
    bank.settle(&desk);
    desk.sale.office.maintain();
    bank.settle(&desk);
    let ends: Vec<_> = orders.iter().map(|order| (desk.state(*order), bank.has(*order))).collect();
    let none = (OrderState::Cancelled, 0);
    assert_eq!(ends, [(OrderState::Confirmed, PRICE), none, none]);
    assert_eq!(desk.details(orders[1]).reason, Some(EndReason::Rejected));
    assert_eq!((bank.reserved(), desk.seat(1), desk.seat(2)), (0, SeatState::Free, SeatState::Free));
    desk.check();
}

#[test]
fn a_review_ends_before_the_authorisation_lapses() {
    let desk = Desk::new();
    let order = desk.reviewed(1, &[0]);
    desk.pay(order).unwrap();
    let lapses = desk.sale.clock.advance(1_000).plus_ms(2 * rules().lapse_margin_ms);
    let seen =
        PaymentSeen::Authorized { reference: word("auth"), lapses_at: Some(lapses), fingerprint: None };
    desk.seen(order, 1, seen).unwrap();
    let deadline = desk.details(order).order.payment_deadline.unwrap();
    assert_eq!(deadline.plus_ms(rules().lapse_margin_ms), lapses);
    desk.sale.clock.set(deadline);
    assert_eq!(desk.staff(order, StaffAction::Approve), in_state(OrderState::Expired), "dead is dead");
    assert_eq!(desk.due(order, &Effect::SettleLate), OrderState::Cancelled);
    assert!(matches!(desk.next(order), Some(Effect::Void(_))), "the default outcome gives the money back");
    desk.check();
}

#[test]
fn a_buyer_who_must_act_comes_back() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    desk.pay(order).unwrap();
    let act = |at: &str| PaymentSeen::ActionRequired { next_action: word(at) };
    desk.seen(order, 1, act("https://bank.example/1")).unwrap();
    assert_eq!(desk.details(order).payments[0].note, word("https://bank.example/1"));
    assert!(matches!(desk.next(order), Some(Effect::LookUp(_))), "nothing is sent while the buyer acts");
    assert_eq!(desk.seen(order, 1, act("https://bank.example/1")).unwrap().revision, None, "known");
    assert!(desk.seen(order, 1, act("https://bank.example/2")).unwrap().revision.is_some(), "another page");
    desk.seen(order, 1, captured(PRICE)).unwrap();
    assert_eq!(desk.seen(order, 1, act("https://bank.example/3")).unwrap().revision, None, "too late");
    assert_eq!(desk.due(order, &Effect::Confirm), OrderState::Confirmed);
    desk.check();
}

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
    desk.refund_seen(expired, 1, crate::desk::succeeded()).unwrap();
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

#[test]
fn payment_rules_are_kept_by_the_order_and_have_limits() {
    let desk = Desk::with(capture(CaptureMode::OnConfirm));
    let order = desk.open(1, &[0]);
    desk.rules(capture(CaptureMode::Manual));
    assert_eq!(desk.details(order).terms.unwrap().rules.capture, CaptureMode::OnConfirm);
    desk.check();
    let set = |rules| {
        desk.sale.office.set_payment_rules(PaymentRulesRequest { event: desk.sale.event, rules }).wait()
    };
    for bad in [
        PaymentRules { intent_ttl_ms: 0, ..rules() },
        PaymentRules { payment_deadline_ms_max: u64::MAX, ..rules() },
        PaymentRules { review_ttl_ms: u64::MAX, ..rules() },
        PaymentRules { lapse_margin_ms: u64::MAX, ..rules() },
    ] {
        assert!(matches!(set(bad), Err(CommandError::Refused(Refusal::Limit(_)))), "{bad:?}");
    }
}

#[test]
fn an_order_is_cancelled_before_and_after_its_money_came() {
    let before = Desk::new();
    let order = before.open(1, &[0]);
    assert_eq!(before.cancel(order), Ok(OrderState::Cancelled));
    assert_eq!((before.seat(0), before.next(order)), (SeatState::Free, None));
    before.check();

    let after = Desk::new();
    let order = after.open(1, &[0]);
    after.pay(order).unwrap();
    after.seen(order, 1, captured(PRICE)).unwrap();
    assert_eq!(after.cancel(order), Ok(OrderState::Cancelled));
    assert_eq!(after.seat(0), SeatState::Free);
    after.due(order, &Effect::StartRefund { attempt: 1, reason: EndReason::Surplus });
    assert_eq!(after.details(order).refunds[0].amount_minor, PRICE);
    after.check();

    let under_way = Desk::new();
    let order = under_way.open(1, &[0]);
    under_way.pay(order).unwrap();
    under_way.cancel(order).unwrap();
    assert!(matches!(under_way.next(order), Some(Effect::LookUp(_))), "what became of it must be learnt");
    under_way.seen(order, 1, authorized()).unwrap();
    assert!(matches!(under_way.next(order), Some(Effect::Void(_))));
    under_way.check();
}

#[test]
fn a_wrong_amount_buys_nothing() {
    let desk = Desk::new();
    for (buyer, wrong) in [(1, PRICE - 1), (2, 0), (3, PRICE + 1)] {
        let seat = u32::try_from(buyer).unwrap();
        let order = desk.open(buyer, &[seat]);
        desk.pay(order).unwrap();
        desk.seen(order, 1, captured(wrong)).unwrap();
        assert_eq!(desk.confirm(order), in_state(OrderState::Captured));
        assert_eq!(desk.due(order, &Effect::Drop(EndReason::WrongAmount)), OrderState::Cancelled);
        let refund = Effect::StartRefund { attempt: 1, reason: EndReason::WrongAmount };
        assert_eq!(desk.next(order), (wrong > 0).then_some(refund));
        assert_eq!(desk.seat(seat), SeatState::Free);
    }
    let order = desk.open(4, &[4]);
    desk.pay(order).unwrap();
    let below = desk.seen(order, 1, captured(-1));
    assert!(matches!(below, Err(CommandError::Refused(Refusal::Limit(_)))), "{below:?}");
    desk.check();
}

#[test]
fn staff_confirms_what_was_paid_outside() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    assert_eq!(desk.outside(order).unwrap().state, OrderState::Confirmed);
    assert_eq!(desk.outside(order).unwrap().revision, None, "confirmed already");
    assert_eq!((desk.seat(0), desk.next(order)), (SeatState::Sold, None));
    let paying = desk.open(2, &[1]);
    desk.pay(paying).unwrap();
    assert_eq!(desk.outside(paying), in_state(OrderState::Paying));
    desk.check();
}
