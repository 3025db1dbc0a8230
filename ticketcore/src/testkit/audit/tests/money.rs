//! Money at the end: against itself, and against a gateway's ledger.

use super::super::{LedgerRow, MoneySummary};
use super::journal::*;
use super::*;
use crate::fact::OrderStep;
use crate::order::{EndReason, RefundSeen, Word};

use OrderState as S;

fn audited(make: impl FnOnce(&mut Journal)) -> Auditor {
    let mut journal = Journal::onsale();
    make(&mut journal);
    let (mut auditor, taken) = journal.audit();
    taken.unwrap();
    auditor.check_all().unwrap();
    auditor
}

fn row(order: HoldNumber, attempt: u32, minor: [i64; 4]) -> LedgerRow {
    let [authorized_minor, captured_minor, voided_minor, refunded_minor] = minor;
    LedgerRow { order, attempt, authorized_minor, captured_minor, voided_minor, refunded_minor }
}

/// A declined attempt, one that took the money, tickets, one of which is refunded and one exchanged and used; then a dispute that is lost.
fn life(j: &mut Journal) -> HoldNumber {
    let order = j.checkout(|_| {});
    let pay_until = UtcMs(15 * MINUTE);
    j.pay(0, order, 1).seen(order, S::Open, 1, declined(), Some(pay_until));
    j.pay(0, order, 2).seen(order, S::Authorized, 2, authorized(), Some(HARD));
    j.seen(order, S::Captured, 2, captured(2_000), Some(HARD)).confirm(0, order, seats(&[0, 1]));
    let (tickets, back, reason) = (vec![0], seats(&[0]), EndReason::Asked);
    let step = OrderStep::RefundStarted { refund: 1, attempt: 2, amount_minor: 1_000, tickets, back, reason };
    j.step(0, order, S::Confirmed, step);
    for seen in [
        RefundSeen::Failed { code: Word::cut("busy"), retry: true },
        RefundSeen::Submitted { reference: Word::cut("re_1") },
        RefundSeen::Succeeded { reference: Word::cut("re_1") },
    ] {
        j.step(0, order, S::Confirmed, OrderStep::RefundObserved { refund: 1, seen });
    }
    j.step(0, order, S::Confirmed, OrderStep::Transferred { tickets: vec![1], to: UserId::from(BOB) });
    let (tickets, back, taken) = (vec![1], seats(&[1]), seats(&[3]));
    j.step(0, order, S::Confirmed, OrderStep::Exchanged { tickets, back, taken });
    let redeemed = |way| OrderStep::Redeemed { ticket: 2, way, device_at: None, forced: false };
    j.step(0, order, S::Confirmed, redeemed(crate::order::Way::Entry));
    j.step(0, order, S::Confirmed, redeemed(crate::order::Way::Exit));
    order
}

#[test]
fn a_life_of_an_order_breaks_nothing_and_adds_up() {
    let mut order = HoldNumber(0);
    let auditor = audited(|j| order = life(j));
    auditor.settled().unwrap();
    let good = [row(order, 2, [2_000, 2_000, 0, 1_000])];
    auditor.against_ledger(&good).unwrap();
    let money = MoneySummary {
        authorized_minor: 2_000,
        captured_minor: 2_000,
        refunded_minor: 1_000,
        ..MoneySummary::default()
    };
    assert_eq!(auditor.summary().money, money);
    assert_eq!((auditor.summary().sold, auditor.user(UserId::from(ANN)).owned), (1, 1));

    let auditor = audited(|j| {
        let order = life(j);
        let reference = Word::cut("dp_1");
        j.step(0, order, S::Confirmed, OrderStep::DisputeOpened { attempt: 2, reference });
        j.step(0, order, S::Confirmed, OrderStep::DisputeClosed { won: false, back: seats(&[3]) });
    });
    auditor.settled().unwrap();
    assert_eq!(auditor.summary().money, MoneySummary { disputed_minor: 1_000, ..money });
    assert_eq!((auditor.summary().sold, auditor.user(UserId::from(ANN)).owned), (0, 0));
}

#[test]
fn a_ledger_that_says_otherwise_is_caught() {
    let mut order = HoldNumber(0);
    let auditor = audited(|j| order = life(j));
    let good = row(order, 2, [2_000, 2_000, 0, 1_000]);
    let other = HoldNumber::new(Revision(999), 3);
    let ledgers: [(&str, Vec<LedgerRow>); 8] = [
        ("nothing was captured", vec![]),
        ("it is outstanding still", vec![row(order, 2, [2_000, 0, 0, 0])]),
        ("more was captured", vec![row(order, 2, [2_001, 2_001, 0, 1_000])]),
        ("it was not refunded", vec![row(order, 2, [2_000, 2_000, 0, 0])]),
        ("the first attempt came late", vec![good, row(order, 1, [2_000, 2_000, 0, 0])]),
        ("the first attempt is reserved", vec![good, row(order, 1, [2_000, 0, 0, 0])]),
        ("it was charged twice under one key", vec![good, good]),
        ("nobody knows of a charge", vec![good, row(other, 1, [5, 0, 0, 0])]),
    ];
    for (what, rows) in ledgers {
        let violation = auditor.against_ledger(&rows).expect_err(what);
        assert_eq!(violation.invariant, Invariant::I7Money, "{what}: {violation}");
    }
    // What was never taken and is let go is no harm.
    auditor.against_ledger(&[good, row(order, 1, [2_000, 0, 2_000, 0])]).unwrap();
}

#[test]
fn money_that_never_came_to_its_end_is_caught() {
    type Case = (&'static str, fn(&mut Journal));
    let unsettled: [Case; 4] = [
        ("nobody knows what became of it", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).cancel(0, order, seats(&[0, 1]));
        }),
        ("it is reserved for nobody", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).seen(order, S::Authorized, 1, authorized(), Some(HARD));
            j.cancel(0, order, seats(&[0, 1]));
        }),
        ("it was taken for nothing", |j| {
            let order = j.captured();
            j.cancel(0, order, seats(&[0, 1]));
        }),
        ("it is on its way back", |j| {
            let order = j.sold();
            j.refund(order, 1, 1_000, &[], Lines::default());
        }),
    ];
    for (what, make) in unsettled {
        let violation = audited(make).settled().expect_err(what);
        assert_eq!(violation.invariant, Invariant::I7Money, "{what}: {violation}");
    }
    let back = |seen| OrderStep::RefundTryObserved { refund: 1, tries: 0, seen };
    let returned = audited(|j| {
        let order = j.sold();
        j.refund(order, 1, 1_000, &[], Lines::default());
        let reference = Word::cut("re_1");
        j.step(0, order, S::Confirmed, back(RefundSeen::Succeeded { reference }));
        let code = Word::cut("returned");
        j.step(0, order, S::Confirmed, back(RefundSeen::Failed { code, retry: true }));
    });
    assert!(returned.settled().is_err(), "it came back, and is to be sent again");
    let money = returned.summary().money;
    assert_eq!((money.refunded_minor, money.refunding_minor), (0, 1_000));
    let stuck = audited(|j| {
        let order = j.sold();
        j.refund(order, 1, 1_000, &[], Lines::default());
        let seen = RefundSeen::Failed { code: Word::cut("closed"), retry: false };
        j.step(0, order, S::Confirmed, OrderStep::RefundObserved { refund: 1, seen });
    });
    stuck.settled().unwrap();
    let money = stuck.summary().money;
    assert_eq!((money.refunds_stuck, money.refund_stuck_minor, money.refunded_minor), (1, 1_000, 0));
}
