//! Paths of money that went one way and comes back the other: refunds that fail after they went through, disputes in part, several at once,
//! and heard of out of order. Part of the rare ones, see [`rare_money`](super::rare_money).

use super::Tally;
use super::scripted::{PRICE, Walk, Walked, captured, succeeded, took};
use crate::id::UserId;
use crate::order::{EndReason, News, RefundSeen, RefundWhat, StaffAction, Word};
use crate::request::CloseOrderRequest;

/// Every one of them.
pub(super) const WALKS: [fn() -> Walked<Tally>; 9] = [
    refund_comes_back,
    surplus_comes_back_and_is_stuck,
    older_try_comes_back,
    part_of_a_payment_is_lost,
    two_disputes_at_once,
    closed_before_opened,
    disputed_in_part_when_called_off,
    dispute_after_a_refund,
    late_money_of_which_a_part_is_lost,
];

/// An order that is paid and sold.
fn sold() -> Walked<Walk> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.seen(1, captured(PRICE))?;
    walk.go_on()?;
    Ok(walk)
}

fn failed(retry: bool) -> RefundSeen {
    RefundSeen::Failed { code: Word::cut("returned"), retry }
}

fn of_try(tries: u32, seen: RefundSeen) -> News {
    News::Refund { refund: 1, tries, seen }
}

/// What went through comes back, is told twice, and late that it went through; then it goes for good.
fn refund_comes_back() -> Walked<Tally> {
    let mut walk = sold()?;
    walk.staff(StaffAction::Refund(RefundWhat::Full))?;
    for seen in [succeeded(), failed(true), failed(true), succeeded()] {
        walk.tell(of_try(0, seen))?;
    }
    walk.go_on()?;
    walk.tell(of_try(0, failed(true)))?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE])])
}

/// The money of a cancelled order comes back, for good: staff has it tried again.
fn surplus_comes_back_and_is_stuck() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    let request = CloseOrderRequest { order: walk.order, user: UserId::from(1), key: None };
    took(walk.sale.office.cancel_order(request).wait())?;
    walk.seen(1, captured(PRICE))?;
    walk.tell(News::StartRefund { attempt: 1, reason: EndReason::Surplus })?;
    walk.tell(of_try(0, succeeded()))?;
    walk.tell(of_try(0, failed(false)))?;
    walk.staff(StaffAction::RetryRefund { refund: 1 })?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE])])
}

/// A try that had failed goes through after all, and then comes back: the newer one goes on.
fn older_try_comes_back() -> Walked<Tally> {
    let mut walk = sold()?;
    walk.staff(StaffAction::Refund(RefundWhat::Full))?;
    for seen in [failed(true), succeeded(), failed(true), succeeded()] {
        walk.tell(of_try(0, seen))?;
    }
    walk.tell(of_try(1, RefundSeen::Submitted { reference: Word::cut("re_2") }))?;
    walk.tell(of_try(1, succeeded()))?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE])])
}

/// A part of the money is lost; the rest, and the ticket, stay. The rest goes back when it is asked for.
fn part_of_a_payment_is_lost() -> Walked<Tally> {
    let mut walk = sold()?;
    walk.dispute("dp_1", 1_500)?;
    walk.settle("dp_1", 1_500, false)?;
    walk.settle("dp_1", 1_500, true)?;
    walk.staff(StaffAction::Refund(RefundWhat::Full))?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE - 1_500])])
}

/// Two disputes, of which one is won and one takes all there is.
fn two_disputes_at_once() -> Walked<Tally> {
    let mut walk = sold()?;
    walk.dispute("dp_1", 1_500)?;
    walk.dispute("dp_2", i64::MAX)?;
    walk.dispute("dp_1", 2_000)?;
    walk.settle("dp_1", 1_500, true)?;
    walk.settle("dp_2", PRICE, false)?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, 0])])
}

/// The ends of two disputes are heard of before their beginnings.
fn closed_before_opened() -> Walked<Tally> {
    let mut walk = sold()?;
    walk.settle("dp_1", 700, false)?;
    walk.settle("dp_2", PRICE, true)?;
    walk.dispute("dp_2", PRICE)?;
    walk.dispute("dp_1", 700)?;
    walk.staff(StaffAction::Refund(RefundWhat::Amount(PRICE - 700)))?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE - 700])])
}

/// The event is called off while a part is disputed: what the dispute leaves goes back.
fn disputed_in_part_when_called_off() -> Walked<Tally> {
    let mut walk = sold()?;
    walk.dispute("dp_1", 10)?;
    walk.call_off()?;
    walk.go_on()?;
    walk.settle("dp_1", 10, false)?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE - 10])])
}

/// All of the money is disputed when most of it has gone back: the dispute takes the rest, and the ticket with it.
fn dispute_after_a_refund() -> Walked<Tally> {
    let mut walk = sold()?;
    walk.staff(StaffAction::Refund(RefundWhat::Amount(PRICE - 40)))?;
    walk.go_on()?;
    walk.dispute("dp_1", PRICE)?;
    walk.settle("dp_1", PRICE, false)?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE - 40])])
}

/// A part of late money is lost before it is settled: the rest buys nothing, and goes back.
fn late_money_of_which_a_part_is_lost() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.expire();
    walk.seen(1, captured(PRICE))?;
    walk.settle("dp_1", 300, false)?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE - 300])])
}
