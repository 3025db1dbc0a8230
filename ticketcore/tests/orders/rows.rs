//! Every row of the table of transitions happens for real, and what is not in the table is refused with the state the order is in.

use ticketcore::order::{
    CaptureMode, CheckoutRequest, Effect, EndReason, ExchangeRequest, News, PaymentRules, PaymentSeen,
    RefundSeen, RefundWhat, StaffAction, StepKind, TRANSITIONS, Way, transition,
};
use ticketcore::testkit::ADULT;
use ticketcore::{CommandError, Item, NotAdmitted, OrderId, OrderState, Refusal, SeatIndex, Stepped};

use crate::desk::{
    Answer, Desk, PRICE, authorized, capture, captured, declined, failed, in_state, on_decline, refused,
    rules, word,
};
use OrderState as S;
use StepKind as K;

/// The buyer of every order here, with the first seat.
const BUYER: u128 = 7;

/// Brings an order into `state`, with a payment attempt where that state may have one.
fn reach(desk: &Desk, state: S, review: bool) -> OrderId {
    let order = if review { desk.reviewed(BUYER, &[0]) } else { desk.open(BUYER, &[0]) };
    match state {
        S::Open => {}
        S::Paying => _ = desk.pay(order).unwrap(),
        S::InReview | S::Authorized => {
            desk.pay(order).unwrap();
            desk.seen(order, 1, authorized()).unwrap();
            if review && state == S::Authorized {
                desk.staff(order, StaffAction::Approve).unwrap();
            }
        }
        S::Captured => {
            desk.pay(order).unwrap();
            desk.seen(order, 1, captured(PRICE)).unwrap();
        }
        S::Confirmed => {
            desk.pay(order).unwrap();
            desk.seen(order, 1, captured(PRICE)).unwrap();
            desk.due(order, &Effect::Confirm);
        }
        S::Cancelled => _ = desk.cancel(order).unwrap(),
        S::Expired => {
            desk.pay(order).unwrap();
            desk.run_out();
        }
    }
    assert_eq!(desk.state(order), state);
    order
}

/// An order in `from` for which `step` is legal.
fn ready(from: S, step: K) -> (Desk, OrderId) {
    let mode = match (from, step) {
        (S::Confirmed, K::Captured | K::Voided | K::CaptureRefused | K::Reversed)
        | (S::Authorized, K::Confirmed) => CaptureMode::OnConfirm,
        (S::Confirmed, K::CaptureRequested) => CaptureMode::Manual,
        _ => CaptureMode::Immediate,
    };
    if (from, step) == (S::Open, K::Confirmed) {
        let desk = Desk::free();
        let order = desk.open(BUYER, &[0]);
        return (desk, order);
    }
    let desk = Desk::with(capture(mode));
    let order = if mode == CaptureMode::Immediate {
        reach(&desk, from, from == S::InReview)
    } else {
        let order = reach(&desk, S::Authorized, false);
        if from == S::Confirmed {
            desk.due(order, &Effect::Confirm);
        }
        order
    };
    prepare(&desk, order, from, step);
    (desk, order)
}

fn prepare(desk: &Desk, order: OrderId, from: S, step: K) {
    let again = || {
        // An attempt that was declined, and is heard of again.
        desk.pay(order).unwrap();
        desk.seen(order, 1, declined()).unwrap();
    };
    match (from, step) {
        (S::Open, K::Authorized | K::Captured | K::Voided) => again(),
        (_, K::Dropped) => desk.cancel_event(),
        (S::Confirmed, K::Reversed) => _ = desk.seen(order, 1, PaymentSeen::Voided).unwrap(),
        (S::Confirmed | S::Cancelled, K::RefundObserved) => refund(desk, order, from),
        (S::Confirmed | S::Cancelled, K::RefundRetried) => {
            refund(desk, order, from);
            desk.refund_seen(order, 1, failed(false)).unwrap();
        }
        (S::Cancelled, K::RefundStarted | K::DisputeOpened) => late_capture(desk, order),
        (S::Confirmed, K::DisputeClosed) => _ = desk.dispute(order, 1).unwrap(),
        (S::Cancelled, K::DisputeClosed) => {
            late_capture(desk, order);
            desk.dispute(order, 1).unwrap();
        }
        (S::Expired, K::RefundStarted | K::RefundObserved | K::RefundRetried) => {
            refund_surplus(desk, order, step)
        }
        (S::Expired, K::DisputeOpened) => late_capture(desk, order),
        (S::Expired, K::DisputeClosed) => {
            late_capture(desk, order);
            desk.dispute(order, 1).unwrap();
        }
        (S::Expired, K::LateConfirmed) => _ = desk.seen(order, 1, authorized()).unwrap(),
        (S::Expired, K::LateRefused) => {
            desk.seen(order, 1, authorized()).unwrap();
            desk.sale.hold(8, &[0]).wait().unwrap();
        }
        _ => {}
    }
}

fn refund(desk: &Desk, order: OrderId, from: S) {
    if from == S::Cancelled {
        late_capture(desk, order);
    }
    desk.refund(order, RefundWhat::Amount(PRICE)).unwrap();
}

/// An expired order whose first attempt, declined once, was captured after all: a refund that only the house begins.
fn refund_surplus(desk: &Desk, order: OrderId, step: K) {
    desk.seen(order, 1, captured(PRICE)).unwrap();
    if step != K::RefundStarted {
        desk.due(order, &SURPLUS);
    }
    if step == K::RefundRetried {
        desk.refund_seen(order, 1, failed(false)).unwrap();
    }
}

/// Money that comes in for a cancelled order.
fn late_capture(desk: &Desk, order: OrderId) {
    desk.seen(order, 1, captured(PRICE)).unwrap();
}

/// Cancelled orders whose payment was under way; those of `reach` had none.
fn ready_cancelled(step: K) -> (Desk, OrderId) {
    let desk = Desk::new();
    let order = reach(&desk, S::Paying, false);
    desk.cancel(order).unwrap();
    prepare(&desk, order, S::Cancelled, step);
    (desk, order)
}

/// Confirmed orders whose last payment failed: staff confirmed them.
fn ready_outside() -> (Desk, OrderId) {
    let desk = Desk::new();
    let order = reach(&desk, S::Paying, false);
    desk.seen(order, 1, declined()).unwrap();
    desk.outside(order).unwrap();
    (desk, order)
}

/// Asks for `step`.
fn take(desk: &Desk, order: OrderId, step: K) -> Answer {
    let state = |state| Stepped { order, state, revision: None, number: 0, replayed: false };
    let payment = |seen| desk.seen(order, 1, seen);
    match step {
        K::Opened => {
            let request = CheckoutRequest::new(Desk::hold_of(order), BUYER.into());
            desk.sale.office.checkout(request).wait().map(|order| state(order.state))
        }
        K::PaymentStarted => desk.pay(order),
        K::ActionRequired => payment(PaymentSeen::ActionRequired { next_action: word("3ds") }),
        K::Authorized => payment(authorized()),
        K::Captured => payment(captured(PRICE)),
        K::Declined => payment(declined()),
        K::Voided => payment(PaymentSeen::Voided),
        K::CaptureRefused => desk.observe(order, News::CaptureRefused { attempt: 1, code: word("lapsed") }),
        K::Approved => desk.staff(order, StaffAction::Approve),
        K::Confirmed => desk.confirm(order).map(state),
        K::ConfirmedOutside => desk.outside(order),
        K::Cancelled => desk.cancel(order).map(state),
        K::Dropped => desk.observe(order, News::Drop(EndReason::EventCancelled)),
        K::Expired => {
            desk.sale.clock.advance(3 * 24 * 3_600_000);
            desk.sale.office.maintain();
            Ok(state(desk.state(order)))
        }
        K::LateConfirmed | K::LateRefused => desk.observe(order, News::SettleLate),
        K::CaptureRequested => desk.staff(order, StaffAction::Capture),
        K::RefundStarted if desk.next(order) == Some(SURPLUS) && desk.state(order) == S::Expired => {
            assert_eq!(desk.refund(order, RefundWhat::Full), in_state(S::Expired), "it goes back by itself");
            desk.observe(order, News::StartRefund { attempt: 1, reason: EndReason::Surplus })
        }
        K::RefundStarted => desk.refund(order, RefundWhat::Amount(1)),
        K::RefundObserved => {
            let seen = RefundSeen::Submitted { reference: word("re") };
            desk.observe(order, News::Refund { refund: 1, tries: 0, seen })
        }
        K::RefundRetried => desk.staff(order, StaffAction::RetryRefund { refund: 1 }),
        K::Transferred => desk.transfer(order, BUYER, &[0], 8),
        K::Exchanged => {
            let items = vec![Item::Seats { seats: vec![SeatIndex(5)], ticket_type: ADULT }];
            let request = ExchangeRequest { order, user: BUYER.into(), key: None, tickets: vec![0], items };
            desk.sale.office.exchange(request).wait()
        }
        K::DisputeOpened => desk.dispute(order, 1),
        K::DisputeClosed => desk.dispute_over(order, true),
        K::Redeemed => desk.redeem(order, 0, 1, Way::Entry),
        K::Reversed => desk.observe(order, News::Reverse),
    }
}

/// The money of a first attempt that a second one made useless.
const SURPLUS: Effect = Effect::StartRefund { attempt: 1, reason: EndReason::Surplus };

/// An expired order with two attempts, both declined.
fn ready_twice_declined() -> (Desk, OrderId) {
    let desk = Desk::new();
    let order = desk.open(BUYER, &[0]);
    for attempt in [1, 2] {
        desk.pay(order).unwrap();
        desk.seen(order, attempt, declined()).unwrap();
    }
    desk.run_out();
    assert_eq!(desk.state(order), S::Expired);
    (desk, order)
}

#[test]
fn every_row_of_the_table_happens() {
    for row in TRANSITIONS {
        let Some(from) = row.from else { continue };
        let (desk, order) = match (from, row.step) {
            (S::Cancelled, step) => ready_cancelled(step),
            (S::Confirmed, K::Authorized) => ready_outside(),
            (S::Expired, K::RefundStarted | K::RefundObserved | K::RefundRetried) => {
                let (desk, order) = ready_twice_declined();
                prepare(&desk, order, from, row.step);
                (desk, order)
            }
            (from, step) => ready(from, step),
        };
        assert_eq!(desk.state(order), from, "{row:?}");
        let before = desk.sale.journal().len();
        let answer = take(&desk, order, row.step);
        assert_eq!(answer.map(|stepped| stepped.state), Ok(row.to), "{row:?}");
        assert_eq!(desk.state(order), row.to, "{row:?}");
        assert!(desk.sale.journal().len() > before, "{row:?} is a fact");
        desk.check();
    }
}

#[test]
fn an_order_to_be_reviewed_goes_where_the_table_says() {
    for row in TRANSITIONS.iter().filter(|row| row.in_review != row.to) {
        let (desk, order) = match row.from {
            None => {
                let desk = Desk::free();
                let order = desk.reviewed(BUYER, &[0]);
                (desk, order)
            }
            Some(from) => {
                let desk = Desk::with(rules());
                let order = reach(&desk, from, true);
                prepare(&desk, order, from, row.step);
                take(&desk, order, row.step).unwrap();
                (desk, order)
            }
        };
        assert_eq!(desk.state(order), row.in_review, "{row:?}");
        desk.check();
    }
}

/// What a step that is not in the table is answered with, if not with the state.
fn documented(state: S, step: K, answer: &Answer) -> bool {
    let stands = matches!(answer, Ok(stepped) if stepped.revision.is_none() && stepped.state == state);
    let is = |refusal| *answer == Err(refused(refusal));
    match (state, step) {
        // The order of the hold, as it stands; one that ended unsold is named by its state.
        (S::Cancelled | S::Expired, K::Opened) => false,
        (_, K::Opened) => stands,
        // News changes nothing where it means nothing; of an attempt or a refund that is not there, it says so.
        (S::Open, step) if step.is_payment_news() || step == K::CaptureRefused => {
            is(Refusal::UnknownPayment { attempt: 1 })
        }
        (S::Cancelled, K::CaptureRefused) => is(Refusal::UnknownPayment { attempt: 1 }),
        (_, step) if step.is_payment_news() || step == K::CaptureRefused => stands,
        (_, K::RefundObserved) => is(Refusal::UnknownRefund { refund: 1 }),
        // What the house does itself it does only when it is due.
        (_, K::Dropped | K::LateConfirmed | K::LateRefused | K::Reversed | K::Expired) => stands,
        // Done already.
        (S::Confirmed, K::Confirmed | K::ConfirmedOutside) | (S::Cancelled, K::Cancelled) => stands,
        (_, K::Redeemed) => is(Refusal::NotAdmitted(NotAdmitted::NotSold)),
        _ => false,
    }
}

#[test]
fn what_is_not_in_the_table_is_refused_with_the_state() {
    let mut refused = 0;
    for state in OrderState::ALL {
        for &step in StepKind::ALL {
            if transition(Some(state), step).is_some() {
                continue;
            }
            let desk = Desk::new();
            let order = reach(&desk, state, state == S::InReview);
            let before = desk.sale.journal();
            let answer = take(&desk, order, step);
            let plain = matches!(&answer, Err(CommandError::Refused(Refusal::OrderState { state: is })) if *is == state);
            assert!(plain || documented(state, step, &answer), "{state:?} {step:?}: {answer:?}");
            assert_eq!(desk.sale.journal(), before, "{state:?} {step:?} changes nothing");
            refused += usize::from(plain);
        }
    }
    assert!(refused > 60, "most are refused with the state: {refused}");
}

#[test]
fn an_open_order_that_is_not_free_is_not_confirmed_by_asking() {
    let desk = Desk::with(PaymentRules { ..on_decline(ticketcore::order::OnDecline::Keep) });
    let order = desk.open(BUYER, &[0, 1]);
    assert_eq!(desk.confirm(order), Err(refused(Refusal::NotPaid { amount_minor: 2 * PRICE })));
    assert_eq!(desk.observe(order, News::Confirm).unwrap().revision, None, "it is not due");
    desk.check();
}
