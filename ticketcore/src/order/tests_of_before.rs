//! Facts as they were written before go on meaning what they meant.

use super::observed::RefundSeen;
use super::record::OrderRecord;
use super::refund::RefundState;
use super::step::OrderStep;
use super::terms::{CaptureMode, OnDecline};
use super::tests::{AMOUNT, all_seen, hear, lines, order, pay, refund, take};
use super::{StepKind, Word};
use crate::fact::Lines;

fn sold() -> OrderRecord {
    let mut fresh = order(CaptureMode::Immediate, OnDecline::Keep, false);
    pay(&mut fresh);
    hear(&mut fresh, 1, &all_seen()[2]);
    assert_eq!(fresh.close(StepKind::Confirmed, &lines()), Ok(()));
    fresh
}

fn opened(name: &str) -> OrderStep {
    OrderStep::DisputeOpened { attempt: 1, reference: Word::cut(name) }
}

#[test]
fn a_dispute_that_was_closed_without_a_name_took_all_that_was_left() {
    let mut order = sold();
    assert!(refund(&mut order, 1, 100, Vec::new()));
    assert!(take(&mut order, opened("d")));
    assert!(!take(&mut order, opened("e")), "one at a time");
    assert_eq!(order.disputes()[0].amount_minor, AMOUNT);
    assert!(take(&mut order, OrderStep::DisputeClosed { won: true, back: Lines::default() }));
    assert_eq!(order.disputes(), [], "nobody remembered it");
    assert!(take(&mut order, opened("d")), "so its name was good again");
    assert!(!take(&mut order, OrderStep::DisputeClosed { won: false, back: Lines::default() }));
    let back = order.sold();
    assert!(take(&mut order, OrderStep::DisputeClosed { won: false, back }));
    let lost = order.account.as_ref().map(|account| account.disputed_minor);
    assert_eq!((order.left_minor(1), lost), (0, Some(AMOUNT - 100)));
    assert!(order.live_tickets().is_empty() && order.disputes().is_empty());
}

#[test]
fn a_dispute_that_began_without_an_amount_ends_by_its_name() {
    let mut order = sold();
    assert!(take(&mut order, opened("d")));
    let ended = |lost_minor| {
        let (reference, back) = (Word::cut("d"), Lines::default());
        OrderStep::DisputeEnded { attempt: 1, reference, won: false, amount_minor: 50, lost_minor, back }
    };
    assert!(!take(&mut order, ended(49)));
    assert!(take(&mut order, ended(50)));
    assert_eq!((order.left_minor(1), order.live_tickets().len()), (AMOUNT - 50, 2));
}

#[test]
fn what_was_said_of_a_refund_was_said_of_its_latest_try() {
    let mut order = sold();
    assert!(refund(&mut order, 1, 100, Vec::new()));
    for seen in [
        RefundSeen::Failed { code: Word::cut("no"), retry: true },
        RefundSeen::Succeeded { reference: Word::cut("r") },
    ] {
        assert!(take(&mut order, OrderStep::RefundObserved { refund: 1, seen }));
    }
    let known = &order.refunds()[0];
    assert_eq!((known.state, known.tries, known.through), (RefundState::Succeeded, 1, Some(1)));
}
