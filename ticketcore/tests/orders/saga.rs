//! Sagas: whatever step fails, comes twice or loses its answer, in the end all money has become tickets or gone back (I7).

use ticketcore::order::{CaptureMode, OnDecline, PaymentRules, PaymentState, RefundWhat, StaffAction};
use ticketcore::{OrderId, OrderState};

use crate::bank::{Bank, Mishap, Paid};
use crate::desk::{Desk, PRICE, authorized, capture, on_decline, rules};

/// A story: it begins, is driven, something happens, and it is driven again.
struct Saga {
    name: &'static str,
    rules: fn() -> PaymentRules,
    bank: fn(&mut Bank),
    begin: fn(&Desk) -> OrderId,
    then: fn(&Desk, &mut Bank, OrderId),
    /// Where the order stands in the end, and what of its money is kept.
    ends: (OrderState, i64),
}

fn begin(desk: &Desk) -> OrderId {
    let order = desk.open(1, &[0, 1]);
    desk.pay(order).unwrap();
    order
}

fn begin_reviewed(desk: &Desk) -> OrderId {
    let order = desk.reviewed(1, &[0, 1]);
    desk.pay(order).unwrap();
    order
}

fn nothing(_: &mut Bank) {}

const fn saga(name: &'static str, ends: (OrderState, i64)) -> Saga {
    Saga { name, rules, bank: nothing, begin, then: |_, _, _| {}, ends }
}

fn sagas() -> Vec<Saga> {
    use OrderState::{Cancelled, Confirmed};
    let all = 2 * PRICE;
    vec![
        saga("captured before it is confirmed", (Confirmed, all)),
        Saga { rules: || capture(CaptureMode::OnConfirm), ..saga("captured after", (Confirmed, all)) },
        Saga {
            rules: || capture(CaptureMode::Manual),
            then: |desk, _, order| _ = desk.staff(order, StaffAction::Capture).unwrap(),
            ..saga("captured when the host says so", (Confirmed, all))
        },
        Saga {
            rules: || capture(CaptureMode::OnConfirm),
            bank: |bank| bank.refuses_captures = true,
            ..saga("capture refused after the sale", (Cancelled, 0))
        },
        Saga {
            bank: |bank| bank.refuses_captures = true,
            then: |desk, _, order| {
                assert_eq!(desk.state(order), OrderState::Open, "another card may do");
                desk.cancel(order).unwrap();
            },
            ..saga("capture refused before the sale", (Cancelled, 0))
        },
        Saga {
            rules: || on_decline(OnDecline::Free),
            bank: |bank| bank.declines = true,
            ..saga("declined", (Cancelled, 0))
        },
        Saga {
            then: |desk, _, order| _ = desk.refund(order, RefundWhat::Full).unwrap(),
            ..saga("refunded", (Confirmed, 0))
        },
        Saga {
            then: |desk, _, order| _ = desk.refund(order, RefundWhat::Tickets(vec![1])).unwrap(),
            ..saga("half refunded", (Confirmed, PRICE))
        },
        Saga { then: |desk, _, _| desk.cancel_event(), ..saga("event cancelled", (Confirmed, 0)) },
        Saga {
            begin: begin_reviewed,
            then: |desk, _, order| _ = desk.staff(order, StaffAction::Reject).unwrap(),
            ..saga("rejected", (Cancelled, 0))
        },
        Saga {
            begin: begin_reviewed,
            then: |desk, _, order| _ = desk.staff(order, StaffAction::Approve).unwrap(),
            ..saga("approved", (Confirmed, all))
        },
        Saga {
            begin: |desk| {
                let order = begin(desk);
                desk.seen(order, 1, authorized()).unwrap();
                desk.cancel(order).unwrap();
                order
            },
            ..saga("cancelled by the buyer", (Cancelled, 0))
        },
        Saga {
            begin: |desk| desk.too_late(1, &[0, 1]),
            ..saga("too late and never asked for", (OrderState::Expired, 0))
        },
        Saga {
            begin: |desk| {
                let order = desk.too_late(1, &[0, 1]);
                desk.seen(order, 1, authorized()).unwrap();
                order
            },
            ..saga("late, seats free", (Confirmed, all))
        },
        Saga {
            begin: |desk| {
                let order = desk.too_late(1, &[0, 1]);
                desk.sold(2, &[1]);
                desk.seen(order, 1, authorized()).unwrap();
                order
            },
            ..saga("late, seats taken", (Cancelled, 0))
        },
    ]
}

fn stage(saga: &Saga) -> (Desk, Bank, OrderId) {
    let desk = Desk::with((saga.rules)());
    let mut bank = Bank::default();
    (saga.bank)(&mut bank);
    let order = (saga.begin)(&desk);
    if desk.details(order).payments[0].state == PaymentState::Authorized {
        // What the order has been told, the bank has done.
        bank.payments.insert((order, 1), Paid::Authorized);
    }
    (desk, bank, order)
}

/// Runs a saga with mishaps; answers how many steps there were.
fn run(saga: &Saga, mishap: impl Fn(usize) -> Mishap) -> usize {
    let (desk, mut bank, order) = stage(saga);
    let first = bank.drive(&desk, 7, &mishap);
    (saga.then)(&desk, &mut bank, order);
    let second = bank.drive(&desk, 7, |step| mishap(first + step));
    let name = saga.name;
    assert_eq!((desk.state(order), bank.has(order)), saga.ends, "{name}");
    assert_eq!(bank.reserved(), 0, "{name}: a reservation is forgotten");
    let details = desk.details(order);
    let known: i64 = details.payments.iter().map(|payment| payment.captured_minor).sum();
    let back: i64 = details.refunds.iter().map(|refund| refund.amount_minor).sum();
    assert_eq!(known - back, bank.has(order), "{name}: the order and the bank count the same money");
    desk.check();
    first + second
}

#[test]
fn every_step_may_come_twice() {
    for saga in sagas() {
        let steps = run(&saga, |_| Mishap::None);
        assert!(steps > 0, "{}", saga.name);
        assert_eq!(run(&saga, |_| Mishap::Twice), steps, "{}: what comes twice happens once", saga.name);
    }
}

#[test]
fn every_step_may_fail_and_is_taken_again() {
    for saga in sagas() {
        let steps = run(&saga, |_| Mishap::None);
        for failing in 0..steps {
            for mishap in [Mishap::Before, Mishap::After] {
                let at = |step| if step == failing { mishap } else { Mishap::None };
                assert!(run(&saga, at) > steps, "{}: step {failing} was meant to fail", saga.name);
            }
        }
    }
}

#[test]
fn every_step_may_fail_three_times() {
    for saga in sagas() {
        let calm = run(&saga, |_| Mishap::None);
        let stormy = run(&saga, |step| if step % 4 == 3 { Mishap::None } else { Mishap::After });
        assert!(stormy > calm, "{}", saga.name);
    }
}

#[test]
fn a_worker_that_dies_between_any_two_steps_is_followed_by_another() {
    for saga in sagas() {
        let (desk, mut bank, order) = stage(&saga);
        // Every step is taken by an office that has just been opened.
        let mut then = false;
        for _ in 0..50 {
            let desk = Desk { sale: desk.sale.again(3) };
            let due = desk.sale.office.due_orders(desk.sale.event, None, 1).unwrap();
            match due.first() {
                Some(due) => bank.step(&desk, due, Mishap::None),
                None if then => break,
                None => {
                    then = true;
                    (saga.then)(&desk, &mut bank, order);
                }
            }
        }
        let last = Desk { sale: desk.sale.again(4) };
        assert_eq!(
            (last.state(order), bank.has(order), bank.reserved()),
            (saga.ends.0, saga.ends.1, 0),
            "{}",
            saga.name
        );
    }
}
