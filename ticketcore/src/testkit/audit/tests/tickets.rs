//! Tickets, refunds and disputes that break an invariant.

use super::journal::*;
use crate::fact::{Lines, OrderStep};
use crate::id::UserId;
use crate::invariant::Invariant;
use crate::order::{CaptureMode, EndReason, OrderState, PaymentSeen, RefundSeen, Way, Word};

use Invariant as I;
use OrderState as S;

fn redeem(j: &mut Journal, order: crate::HoldNumber, ticket: u32, way: Way, forced: bool) {
    j.step(0, order, S::Confirmed, OrderStep::Redeemed { ticket, way, device_at: None, forced });
}

fn succeeded() -> OrderStep {
    OrderStep::RefundObserved { refund: 1, seen: through() }
}

fn through() -> RefundSeen {
    RefundSeen::Succeeded { reference: Word::cut("re_1") }
}

fn failed() -> RefundSeen {
    RefundSeen::Failed { code: Word::cut("returned"), retry: true }
}

fn tried(tries: u32, seen: RefundSeen) -> OrderStep {
    OrderStep::RefundTryObserved { refund: 1, tries, seen }
}

#[test]
fn refunds_that_break_an_invariant() {
    caught(&[
        (I::I7Money, "more goes back than came in", |j| {
            let order = j.sold();
            j.refund(order, 1, 2_001, &[], Lines::default());
        }),
        (I::I7Money, "the same money goes back twice", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_500, &[], Lines::default());
            j.refund(order, 2, 501, &[], Lines::default());
        }),
        (I::I7Money, "nothing goes back", |j| {
            let order = j.sold();
            j.refund(order, 1, 0, &[], Lines::default());
        }),
        (I::I7Money, "counted wrongly", |j| {
            let order = j.sold();
            j.refund(order, 2, 1, &[], Lines::default());
        }),
        (I::I7Money, "a ticket dies for less than it cost", |j| {
            let order = j.sold();
            j.refund(order, 1, 999, &[0], seats(&[0]));
        }),
        (I::I2Conservation, "another seat is free than the ticket's", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[0], seats(&[1]));
        }),
        (I::I1OneOwner, "a ticket dies twice", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[0], seats(&[0]));
            j.refund(order, 2, 1_000, &[0], seats(&[0]));
        }),
        (I::I1OneOwner, "a ticket that is not there dies", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[2], seats(&[0]));
        }),
        (I::I12OneOrder, "the order is not over", |j| {
            let order = j.captured();
            j.refund(order, 1, 1_000, &[], Lines::default());
        }),
        (I::I7Money, "through twice", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[], Lines::default());
            j.step(0, order, S::Confirmed, succeeded()).step(0, order, S::Confirmed, succeeded());
        }),
        (I::I7Money, "tried again although it is not stuck", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[], Lines::default());
            j.step(0, order, S::Confirmed, OrderStep::RefundRetried { refund: 1 });
        }),
        (I::I7Money, "a sale is undone whose money is in", |j| {
            let order = j.sold();
            let step = OrderStep::Reversed { reason: EndReason::CaptureRefused, back: seats(&[0, 1]) };
            j.step(0, order, S::Cancelled, step);
        }),
        (I::I7Money, "another try of it than there is", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[], Lines::default());
            j.step(0, order, S::Confirmed, tried(1, through()));
        }),
        (I::I7Money, "back again although it was not through", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[], Lines::default());
            j.step(0, order, S::Confirmed, tried(0, failed())).step(
                0,
                order,
                S::Confirmed,
                tried(0, failed()),
            );
        }),
        (I::I7Money, "through again by a try whose money came back", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[], Lines::default());
            for seen in [through(), failed(), through()] {
                j.step(0, order, S::Confirmed, tried(0, seen));
            }
        }),
        (I::I7Money, "what came back goes back as another refund, too", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_500, &[], Lines::default());
            j.step(0, order, S::Confirmed, tried(0, through())).step(
                0,
                order,
                S::Confirmed,
                tried(0, failed()),
            );
            j.refund(order, 2, 501, &[], Lines::default());
        }),
        (I::I7Money, "a refund of nothing fails", |j| {
            let order = j.checkout(|checkout| checkout.terms.rules.capture = CaptureMode::Manual);
            j.pay(0, order, 1).seen(order, S::Authorized, 1, authorized(), Some(HARD));
            j.confirm(0, order, seats(&[0, 1])).seen(order, S::Confirmed, 1, PaymentSeen::Voided, None);
            j.refund(order, 1, 0, &[0], seats(&[0]));
            j.step(0, order, S::Confirmed, tried(0, failed()));
        }),
    ]);
}

#[test]
fn disputes_that_break_an_invariant() {
    fn open(j: &mut Journal, order: crate::HoldNumber) {
        let step = OrderStep::DisputeOpened { attempt: 1, reference: Word::cut("dp_1") };
        j.step(0, order, S::Confirmed, step);
    }
    caught(&[
        (I::I7Money, "closed and never opened", |j| {
            let order = j.sold();
            j.step(0, order, S::Confirmed, OrderStep::DisputeClosed { won: true, back: Lines::default() });
        }),
        (I::I7Money, "opened twice", |j| {
            let order = j.sold();
            open(j, order);
            open(j, order);
        }),
        (I::I12OneOrder, "of an order that is not sold", |j| {
            let order = j.captured();
            open(j, order);
        }),
        (I::I2Conservation, "lost, and the seats stay sold", |j| {
            let order = j.sold();
            open(j, order);
            j.step(0, order, S::Confirmed, OrderStep::DisputeClosed { won: false, back: Lines::default() });
        }),
        (I::I7Money, "lost money goes back", |j| {
            let order = j.sold();
            open(j, order);
            j.step(0, order, S::Confirmed, OrderStep::DisputeClosed { won: false, back: seats(&[0, 1]) });
            j.refund(order, 1, 1, &[], Lines::default());
        }),
        (I::I1OneOwner, "a disputed ticket is used", |j| {
            let order = j.sold();
            open(j, order);
            redeem(j, order, 0, Way::Entry, false);
        }),
    ]);
}

#[test]
fn tickets_that_break_an_invariant() {
    caught(&[
        (I::I1OneOwner, "used twice", |j| {
            let order = j.sold();
            redeem(j, order, 0, Way::Entry, false);
            redeem(j, order, 0, Way::Entry, false);
        }),
        (I::I1OneOwner, "somebody leaves who is not inside", |j| {
            let order = j.sold();
            redeem(j, order, 0, Way::Exit, false);
        }),
        (I::I1OneOwner, "a dead one is used, by force", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[0], seats(&[0]));
            redeem(j, order, 0, Way::Entry, true);
        }),
        (I::I12OneOrder, "used before it is sold", |j| {
            let order = j.captured();
            redeem(j, order, 0, Way::Entry, false);
        }),
        (I::I1OneOwner, "given away twice by the same", |j| {
            let order = j.sold();
            for to in [BOB, 7] {
                let step = OrderStep::Transferred { tickets: vec![0], to: UserId::from(to) };
                j.step(0, order, S::Confirmed, step);
                let Some((_, crate::fact::Fact::OrderStepped(stepped))) = j.facts.last_mut() else { return };
                stepped.by = Some((UserId::from(ANN), keyed(&format!("to {to}")).unwrap()));
            }
        }),
        (I::I8SameFacts, "in disorder", |j| {
            let order = j.sold();
            let step = OrderStep::Transferred { tickets: vec![1, 0], to: UserId::from(BOB) };
            j.step(0, order, S::Confirmed, step);
        }),
        (I::I7Money, "exchanged for what costs more", |j| {
            let order = j.sold();
            let (tickets, back, taken) = (vec![0], seats(&[0]), seats(&[2, 3]));
            j.step(0, order, S::Confirmed, OrderStep::Exchanged { tickets, back, taken });
        }),
        (I::I1OneOwner, "exchanged for somebody else's seat", |j| {
            let order = j.sold();
            j.hold(0, BOB, seats(&[2]));
            let (tickets, back, taken) = (vec![0], seats(&[0]), seats(&[2]));
            j.step(0, order, S::Confirmed, OrderStep::Exchanged { tickets, back, taken });
        }),
        (I::I1OneOwner, "used after it was exchanged", |j| {
            let order = j.sold();
            let (tickets, back, taken) = (vec![0], seats(&[0]), seats(&[2]));
            j.step(0, order, S::Confirmed, OrderStep::Exchanged { tickets, back, taken });
            redeem(j, order, 0, Way::Entry, false);
        }),
    ]);
}
