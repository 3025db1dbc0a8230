//! Disputes that have names and amounts, and break an invariant; and some that break none.

use super::journal::*;
use super::*;
use crate::fact::{Lines, OrderStep};
use crate::order::{Way, Word};

use Invariant as I;
use OrderState as S;

fn begun(name: &str, amount_minor: i64) -> OrderStep {
    OrderStep::DisputeBegun { attempt: 1, reference: Word::cut(name), amount_minor }
}

/// Lost: so much was disputed, so much taken, and so much is free.
fn lost(name: &str, amount_minor: i64, lost_minor: i64, back: Lines) -> OrderStep {
    let reference = Word::cut(name);
    OrderStep::DisputeEnded { attempt: 1, reference, won: false, amount_minor, lost_minor, back }
}

fn won(name: &str, amount_minor: i64) -> OrderStep {
    let (reference, back) = (Word::cut(name), Lines::default());
    OrderStep::DisputeEnded { attempt: 1, reference, won: true, amount_minor, lost_minor: 0, back }
}

fn used() -> OrderStep {
    OrderStep::Redeemed { ticket: 0, way: Way::Entry, device_at: None, forced: false }
}

fn none() -> Lines {
    Lines::default()
}

/// A sold order takes these steps.
fn steps(j: &mut Journal, steps: Vec<OrderStep>) -> HoldNumber {
    let order = j.sold();
    for step in steps {
        j.step(0, order, S::Confirmed, step);
    }
    order
}

#[test]
fn disputes_with_names_that_break_an_invariant() {
    caught(&[
        (I::I7Money, "begun twice", |j| _ = steps(j, vec![begun("a", 5), begun("a", 5)])),
        (I::I7Money, "begun after it ended", |j| _ = steps(j, vec![won("a", 5), begun("a", 5)])),
        (I::I7Money, "ended twice", |j| {
            steps(j, vec![begun("a", 5), won("a", 5), lost("a", 5, 5, none())]);
        }),
        (I::I7Money, "more is disputed than came in", |j| _ = steps(j, vec![begun("a", 2_001)])),
        (I::I7Money, "less than nothing is disputed", |j| _ = steps(j, vec![begun("a", -1)])),
        (I::I7Money, "what is lost is disputed again", |j| {
            steps(j, vec![lost("a", 1_500, 1_500, none()), begun("b", 501)]);
        }),
        (I::I7Money, "it takes more than was disputed", |j| {
            steps(j, vec![begun("a", 5), lost("a", 5, 6, none())]);
        }),
        (I::I7Money, "more is disputed in the end", |j| {
            steps(j, vec![begun("a", 5), lost("a", 6, 6, none())]);
        }),
        (I::I7Money, "it takes less than it could", |j| _ = steps(j, vec![lost("a", 5, 4, none())])),
        (I::I7Money, "won, and it takes something", |j| {
            let (reference, back) = (Word::cut("a"), none());
            let step = OrderStep::DisputeEnded {
                attempt: 1,
                reference,
                won: true,
                amount_minor: 5,
                lost_minor: 5,
                back,
            };
            steps(j, vec![begun("a", 5), step]);
        }),
        (I::I7Money, "it takes what went back", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_500, &[], none());
            j.step(0, order, S::Confirmed, lost("a", 2_000, 501, none()));
        }),
        (I::I7Money, "it ends about another attempt", |j| {
            let (reference, back) = (Word::cut("a"), none());
            let step = OrderStep::DisputeEnded {
                attempt: 2,
                reference,
                won: true,
                amount_minor: 5,
                lost_minor: 0,
                back,
            };
            steps(j, vec![begun("a", 5), step]);
        }),
        (I::I2Conservation, "tickets die whose money is left", |j| {
            steps(j, vec![begun("a", 1_999), lost("a", 1_999, 1_999, seats(&[0, 1]))]);
        }),
        (I::I2Conservation, "all is lost, and the seats stay sold", |j| {
            steps(j, vec![lost("a", 1_000, 1_000, none()), lost("b", 1_000, 1_000, none())]);
        }),
        (I::I1OneOwner, "used while another dispute is open", |j| {
            steps(j, vec![begun("a", 5), begun("b", 5), won("a", 5), used()]);
        }),
        (I::I7Money, "lost money goes back", |j| {
            let order = steps(j, vec![lost("a", 5, 5, none())]);
            j.refund(order, 1, 1_996, &[], none());
        }),
    ]);
}

#[test]
fn disputes_that_break_nothing_and_add_up() {
    let mut journal = Journal::onsale();
    let order = steps(
        &mut journal,
        vec![
            begun("a", 500),
            begun("b", 2_000),
            lost("c", 100, 100, none()),
            lost("a", 400, 400, none()),
            won("b", 2_000),
            used(),
            begun("d", 1_500),
            lost("d", 1_500, 1_500, seats(&[0, 1])),
        ],
    );
    let (mut auditor, taken) = journal.audit();
    taken.unwrap();
    auditor.check_all().unwrap();
    auditor.settled().unwrap();
    assert_eq!(auditor.summary().money.disputed_minor, 2_000);
    let row = LedgerRow {
        order,
        attempt: 1,
        authorized_minor: 2_000,
        captured_minor: 2_000,
        voided_minor: 0,
        refunded_minor: 0,
    };
    auditor.against_ledger(&[row]).unwrap();
}
