//! Orders that break an invariant.

use super::journal::*;
use crate::fact::{Fact, HoldEnd, OrderOpened};
use crate::id::{HoldNumber, UserId};
use crate::invariant::Invariant;
use crate::sale::SaleState;
use crate::time::UtcMs;

#[test]
fn orders_that_break_an_invariant() {
    use Invariant as I;
    caught(&[
        (I::I4DeadIsDead, "opened when dead", |j| {
            let hold = j.hold(0, ANN, seats(&[0]));
            j.open(8 * MINUTE, hold, seats(&[0]));
        }),
        (I::I4DeadIsDead, "opened without a hold", |j| {
            j.open(0, HoldNumber(77), seats(&[0]));
        }),
        (I::I4DeadIsDead, "opened from a released hold", |j| {
            let hold = j.hold(0, ANN, seats(&[0]));
            j.end(0, hold, HoldEnd::Released, seats(&[0])).open(0, hold, seats(&[0]));
        }),
        (I::I12OneOrder, "opened twice", |j| {
            let order = j.order();
            j.open(0, order, seats(&[0]));
        }),
        (I::I12OneOrder, "opened again after it was cancelled", |j| {
            let order = j.order();
            j.cancel(0, order, seats(&[0])).open(0, order, seats(&[0]));
        }),
        (I::I4DeadIsDead, "a payment deadline past the lifetime", |j| {
            let hold = j.hold(0, ANN, seats(&[0]));
            let (user, payment_deadline, lines) = (UserId::from(ANN), UtcMs(31 * MINUTE), seats(&[0]));
            j.add(0, Fact::OrderOpened(OrderOpened { hold, user, keyed: None, payment_deadline, lines }));
        }),
        (I::I2Conservation, "opened with other lines", |j| {
            let hold = j.hold(0, ANN, seats(&[0]));
            j.open(0, hold, seats(&[0, 1]));
        }),
        (I::I4DeadIsDead, "confirmed at its deadline", |j| {
            let order = j.order();
            j.confirm(15 * MINUTE, order, seats(&[0]));
        }),
        (I::I4DeadIsDead, "confirmed after it expired", |j| {
            let order = j.order();
            j.end(15 * MINUTE, order, HoldEnd::Expired, seats(&[0])).confirm(15 * MINUTE, order, seats(&[0]));
        }),
        (I::I12OneOrder, "confirmed twice", |j| {
            let order = j.order();
            j.confirm(0, order, seats(&[0])).confirm(0, order, seats(&[0]));
        }),
        (I::I12OneOrder, "confirmed without an order", |j| {
            let hold = j.hold(0, ANN, seats(&[0]));
            j.confirm(0, hold, seats(&[0]));
        }),
        (I::I2Conservation, "confirmed with fewer seats", |j| {
            let hold = j.hold(0, ANN, seats(&[0, 1]));
            j.open(0, hold, seats(&[0, 1])).confirm(0, hold, seats(&[0]));
        }),
        (I::I8SameFacts, "paid although the event is cancelled", |j| {
            let order = j.order();
            j.sale(0, SaleState::Cancelled).confirm(0, order, seats(&[0]));
        }),
        (I::I12OneOrder, "cancelled after it was confirmed", |j| {
            let order = j.order();
            j.confirm(0, order, seats(&[0])).cancel(0, order, seats(&[0]));
        }),
        (I::I2Conservation, "cancelled with other lines", |j| {
            let order = j.order();
            j.cancel(0, order, seats(&[1]));
        }),
    ]);
}
