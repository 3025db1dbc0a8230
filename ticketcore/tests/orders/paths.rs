//! Ways to a confirmed order, and ways out before it: capture modes, free orders, review, declines, attempts, deadlines.

use ticketcore::order::{
    CaptureMode, CheckoutRequest, Effect, EndReason, ExtraLine, PaymentRules, PaymentRulesRequest,
    PaymentSeen, PaymentState, StaffAction,
};
use ticketcore::{CommandError, OrderState, Refusal, SeatState};

use crate::bank::Bank;
use crate::desk::{Desk, PRICE, authorized, capture, captured, in_state, refused, rules, word};

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
