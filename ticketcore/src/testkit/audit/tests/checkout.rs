//! Orders that a gateway pays, up to their end, that break an invariant.

use super::journal::*;
use crate::fact::{Fact, HoldEnd, Lines, OrderStep};
use crate::invariant::Invariant;
use crate::order::{CaptureMode, EndReason, ExtraLine, OrderState, PaymentSeen, Word};
use crate::sale::SaleState;
use crate::time::UtcMs;

use Invariant as I;
use OrderState as S;

const PAY_UNTIL: UtcMs = UtcMs(15 * MINUTE);

#[test]
fn checkouts_that_break_an_invariant() {
    caught(&[
        (I::I12OneOrder, "opened twice", |j| {
            let order = j.checkout(|_| {});
            j.open(0, order, seats(&[0, 1]));
        }),
        (I::I4DeadIsDead, "an intent may wait for longer than the rules say", |j| {
            j.checkout(|c| c.opened.payment_deadline = UtcMs(MINUTE + 1));
        }),
        (I::I4DeadIsDead, "the hard deadline is later than the rules say", |j| {
            j.checkout(|c| c.terms.hard_deadline = UtcMs(21 * MINUTE));
        }),
        (I::I4DeadIsDead, "paying may go on for too long", |j| {
            j.checkout(|c| c.terms.pay_until = UtcMs(16 * MINUTE));
        }),
        (I::I8SameFacts, "under rules of its own", |j| {
            j.checkout(|c| c.terms.rules.review_ttl_ms += 1);
        }),
        (I::I7Money, "less is to be paid than the tickets cost", |j| {
            j.checkout(|c| c.amount_minor = 1_999);
        }),
        (I::I7Money, "less than nothing is to be paid", |j| {
            j.checkout(|c| {
                c.extra = vec![ExtraLine { code: Word::cut("voucher"), amount_minor: -2_001 }];
                c.amount_minor = -1;
            });
        }),
        (I::I2Conservation, "opened with other lines", |j| {
            j.checkout(|c| c.opened.lines = seats(&[0]));
        }),
        (I::I12OneOrder, "a step of no order", |j| {
            let hold = j.hold(0, ANN, seats(&[0]));
            j.pay(0, hold, 1);
        }),
        (I::I7Money, "confirmed without money", |j| {
            let order = j.checkout(|_| {});
            j.confirm(0, order, seats(&[0, 1]));
        }),
        (I::I7Money, "confirmed when the money is reserved, and must be taken first", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).seen(order, S::Authorized, 1, authorized(), Some(HARD));
            j.confirm(0, order, seats(&[0, 1]));
        }),
        (I::I7Money, "confirmed for another amount", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).seen(order, S::Captured, 1, captured(1_999), Some(HARD));
            j.confirm(0, order, seats(&[0, 1]));
        }),
        (I::I12OneOrder, "confirmed while its payment is under way", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).confirm(0, order, seats(&[0, 1]));
        }),
        (I::I4DeadIsDead, "confirmed at its hard deadline", |j| {
            let order = j.captured();
            j.confirm(20 * MINUTE, order, seats(&[0, 1]));
        }),
        (I::I12OneOrder, "paid outside and confirmed twice", |j| {
            let order = j.checkout(|_| {});
            let outside =
                || OrderStep::ConfirmedOutside { reference: Word::cut("cash"), lines: seats(&[0, 1]) };
            j.step(0, order, S::Confirmed, outside()).step(0, order, S::Confirmed, outside());
        }),
        (I::I8SameFacts, "dropped as declined, and nothing was", |j| {
            let order = j.checkout(|_| {});
            let step = OrderStep::Dropped { reason: EndReason::Declined, lines: seats(&[0, 1]) };
            j.step(0, order, S::Cancelled, step);
        }),
        (I::I2Conservation, "dropped with other lines", |j| {
            let order = j.checkout(|_| {});
            j.sale(0, SaleState::Cancelled);
            let step = OrderStep::Dropped { reason: EndReason::EventCancelled, lines: seats(&[0]) };
            j.step(0, order, S::Cancelled, step);
        }),
    ]);
}

#[test]
fn payments_that_break_an_invariant() {
    caught(&[
        (I::I4DeadIsDead, "begun when the order is dead", |j| {
            let order = j.checkout(|_| {});
            j.pay(MINUTE, order, 1);
        }),
        (I::I4DeadIsDead, "begun after it expired", |j| {
            let order = j.checkout(|_| {});
            j.end(MINUTE, order, HoldEnd::Expired, seats(&[0, 1])).pay(MINUTE, order, 1);
        }),
        (I::I7Money, "counted wrongly", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 2);
        }),
        (I::I12OneOrder, "two under way at once", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).pay(0, order, 2);
        }),
        (I::I7Money, "for another amount", |j| {
            let order = j.checkout(|c| {
                c.extra = vec![ExtraLine { code: Word::cut("fee"), amount_minor: 1 }];
                c.amount_minor = 2_001;
            });
            j.pay(0, order, 1);
        }),
        (I::I4DeadIsDead, "with a deadline of its own", |j| {
            let order = j.checkout(|_| {});
            let (gateway, method, deadline) = (Word::cut("g"), Word::cut("m"), UtcMs(21 * MINUTE));
            let step =
                OrderStep::PaymentStarted { attempt: 1, gateway, method, amount_minor: 2_000, deadline };
            j.step(0, order, S::Paying, step);
        }),
        (I::I7Money, "news of no attempt", |j| {
            let order = j.checkout(|_| {});
            j.seen(order, S::Authorized, 1, authorized(), Some(HARD));
        }),
        (I::I7Money, "reserved after it was captured", |j| {
            let order = j.sold();
            j.seen(order, S::Confirmed, 1, authorized(), None);
        }),
        (I::I7Money, "captured twice", |j| {
            let order = j.sold();
            j.seen(order, S::Confirmed, 1, captured(2_000), None);
        }),
        (I::I12OneOrder, "it leads elsewhere than the fact says", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).seen(order, S::Captured, 1, authorized(), Some(HARD));
        }),
        (I::I12OneOrder, "it goes on although staff must look at it", |j| {
            let order = j.checkout(|c| c.terms.review = true);
            let review = UtcMs(24 * 60 * MINUTE);
            j.pay(0, order, 1).seen(order, S::Authorized, 1, authorized(), Some(review));
        }),
        (I::I4DeadIsDead, "a review that ends after the reservation lapses", |j| {
            let order = j.checkout(|c| c.terms.review = true);
            let lapses_at = Some(UtcMs(2 * 60 * MINUTE));
            let seen = PaymentSeen::Authorized { reference: Word::default(), lapses_at, fingerprint: None };
            let review = UtcMs(24 * 60 * MINUTE);
            j.pay(0, order, 1).seen(order, S::InReview, 1, seen, Some(review));
        }),
        (I::I4DeadIsDead, "after a decline it keeps the deadline of a payment under way", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).seen(order, S::Open, 1, declined(), Some(HARD));
        }),
        (I::I4DeadIsDead, "news of money that is not the order's last moves its deadline", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).seen(order, S::Open, 1, declined(), Some(PAY_UNTIL)).pay(0, order, 2);
            j.seen(order, S::Paying, 1, authorized(), Some(HARD));
        }),
        (I::I4DeadIsDead, "news of a live order that is dead", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1);
            let (seen, deadline) = (authorized(), Some(HARD));
            let step = OrderStep::PaymentObserved { attempt: 1, seen, deadline };
            j.step(20 * MINUTE, order, S::Authorized, step);
        }),
        (I::I7Money, "a capture refused of what was captured", |j| {
            let order = j.captured();
            j.confirm(0, order, seats(&[0, 1]));
            let step = OrderStep::CaptureRefused { attempt: 1, code: Word::cut("no") };
            j.step(0, order, S::Confirmed, step);
        }),
        (I::I8SameFacts, "its money asked for twice", |j| {
            let order = j.checkout(|c| c.terms.rules.capture = CaptureMode::Manual);
            j.pay(0, order, 1).seen(order, S::Authorized, 1, authorized(), Some(HARD));
            j.confirm(0, order, seats(&[0, 1])).step(0, order, S::Confirmed, OrderStep::CaptureRequested);
            j.step(0, order, S::Confirmed, OrderStep::CaptureRequested);
        }),
        (I::I8SameFacts, "paid although the event is cancelled", |j| {
            let order = j.checkout(|_| {});
            j.sale(0, SaleState::Cancelled).pay(0, order, 1);
        }),
        (I::I3OneAnswer, "begun twice under one key", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).seen(order, S::Open, 1, declined(), Some(PAY_UNTIL)).pay(0, order, 2);
            let at = [j.facts.len() - 3, j.facts.len() - 1];
            for at in at {
                let Fact::OrderStepped(stepped) = &mut j.facts[at].1 else { unreachable!("a payment began") };
                stepped.by = Some((stepped.user, keyed("again").unwrap()));
            }
        }),
    ]);
}

/// A checkout that expired while its payment was under way, and whose money came then.
fn late(j: &mut Journal) -> crate::HoldNumber {
    let order = j.checkout(|_| {});
    j.pay(0, order, 1).end(20 * MINUTE, order, HoldEnd::Expired, seats(&[0, 1]));
    let (seen, deadline) = (captured(2_000), None);
    j.step(20 * MINUTE, order, S::Expired, OrderStep::PaymentObserved { attempt: 1, seen, deadline });
    order
}

#[test]
fn late_money_that_breaks_an_invariant() {
    const LATE: u64 = 20 * MINUTE;
    fn sell(j: &mut Journal, order: crate::HoldNumber, lines: Lines) {
        j.step(LATE, order, S::Confirmed, OrderStep::LateConfirmed { lines });
    }
    caught(&[
        (I::I7Money, "refused as too late although the seats are free", |j| {
            let order = late(j);
            j.step(LATE, order, S::Cancelled, OrderStep::LateRefused { reason: EndReason::TooLate });
        }),
        (I::I7Money, "refused as over the limit below it", |j| {
            let order = late(j);
            j.step(LATE, order, S::Cancelled, OrderStep::LateRefused { reason: EndReason::OverLimit });
        }),
        (I::I1OneOwner, "it buys what is somebody else's", |j| {
            let order = late(j);
            j.hold(LATE, BOB, seats(&[1]));
            sell(j, order, seats(&[0, 1]));
        }),
        (I::I7Money, "it buys other seats, and nobody agreed to that", |j| {
            let order = late(j);
            j.hold(LATE, BOB, seats(&[1]));
            sell(j, order, seats(&[0, 2]));
        }),
        (I::I10Limits, "it buys more than the user may have", |j| {
            let order = late(j);
            j.hold(LATE, ANN, seats(&[2, 3]));
            j.hold(LATE, ANN, places(3, None));
            sell(j, order, seats(&[0, 1]));
        }),
        (I::I7Money, "it was reserved, and the capture was refused", |j| {
            let order = j.checkout(|_| {});
            j.pay(0, order, 1).seen(order, S::Authorized, 1, authorized(), Some(HARD));
            let step = OrderStep::CaptureRefused { attempt: 1, code: Word::cut("no") };
            j.step(0, order, S::Authorized, step).end(LATE, order, HoldEnd::Expired, seats(&[0, 1]));
            sell(j, order, seats(&[0, 1]));
        }),
        (I::I12OneOrder, "it buys for an order that did not expire", |j| {
            let order = j.captured();
            sell(j, order, seats(&[0, 1]));
        }),
    ]);
}
