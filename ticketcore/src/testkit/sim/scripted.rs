//! Paths of money that random runs come to too rarely: each walked on purpose, by a host that reports what its gateway says.

use std::sync::Arc;

use super::history::{History, violation};
use super::{Tally, reversals};
use crate::answer::CommandError;
use crate::id::{HoldId, OrderId, Revision, SeatIndex, UserId};
use crate::invariant::{Invariant, Violation};
use crate::order::{
    CaptureMode, CheckoutRequest, Effect, EndReason, ExchangeRequest, News, ObserveRequest, PayRequest,
    PaymentSeen, RefundSeen, RefundWhat, StaffAction, StaffOrderRequest, Word,
};
use crate::request::{CloseOrderRequest, Item};
use crate::sale::SaleState;
use crate::store::MemoryStore;
use crate::testkit::audit::LedgerRow;
use crate::testkit::{ADULT, SmallSale};

pub(super) type Walked<T = ()> = Result<T, Violation>;

pub(super) const PRICE: i64 = 5_000;

/// Walks every such path.
///
/// # Errors
/// The invariant that a step on the way breaks; [`Invariant::I7Money`] if one can't be taken, or the money does not come right.
pub fn rare_money() -> Result<Tally, Violation> {
    let mut tally = Tally::default();
    let walks: [fn() -> Walked<Tally>; 14] = [
        wrong_amount,
        money_of_an_expired_order,
        late_news_of_an_open_order,
        called_off_before_confirmed,
        action_after_the_deadline,
        action_after_it_was_cancelled,
        paid_twice,
        late_when_the_seat_is_gone,
        late_and_over_the_limit,
        capture_refused_before_the_sale,
        capture_refused_after_the_sale,
        dispute_of_a_cancelled_order,
        authorized_after_all,
        exchanged_and_refunded,
    ];
    for walk in walks.into_iter().chain(reversals::WALKS) {
        tally.merge(&walk()?);
    }
    Ok(tally)
}

/// One order of one seat.
pub(super) struct Walk {
    pub sale: SmallSale,
    pub order: OrderId,
    tally: Tally,
}

impl Walk {
    pub fn begin(review: bool) -> Walked<Self> {
        Self::begin_as(|request| request.review = review)
    }

    /// Two seats are for sale, of which nobody may have both.
    fn begin_as(change: impl FnOnce(&mut CheckoutRequest)) -> Walked<Self> {
        let mut definition = SmallSale::definition(1, 2, 0);
        definition.rules.tickets_per_user_max = 1;
        let sale = SmallSale::open(Arc::new(MemoryStore::new()), &definition);
        let hold: HoldId = took(sale.hold(1, &[0]).wait())?.id;
        let mut request = CheckoutRequest::new(hold, UserId::from(1));
        change(&mut request);
        took(sale.office.checkout(request).wait())?;
        Ok(Self { sale, order: hold.order(), tally: Tally::default() })
    }

    pub fn pay(&self) -> Walked {
        let (gateway, method) = (Word::cut("external"), Word::cut("card"));
        let request = PayRequest { order: self.order, user: UserId::from(1), key: None, gateway, method };
        took(self.sale.office.pay(request).wait()).map(|_| ())
    }

    pub fn tell(&mut self, news: News) -> Walked {
        self.tally.news(&news);
        took(self.sale.office.observe(ObserveRequest { order: self.order, news }).wait()).map(|_| ())
    }

    pub fn seen(&mut self, attempt: u32, seen: PaymentSeen) -> Walked {
        self.tell(News::Payment { attempt, seen })
    }

    /// The first attempt's money is disputed.
    pub fn dispute(&self, name: &str, amount_minor: i64) -> Walked {
        self.staff(StaffAction::OpenDispute { attempt: 1, reference: Word::cut(name), amount_minor })
    }

    /// A dispute of it is over.
    pub fn settle(&self, name: &str, amount_minor: i64, won: bool) -> Walked {
        self.staff(StaffAction::CloseDispute { attempt: 1, reference: Word::cut(name), amount_minor, won })
    }

    pub fn staff(&self, action: StaffAction) -> Walked {
        let request = StaffOrderRequest { order: self.order, by: UserId::from(9), key: None, action };
        took(self.sale.office.staff_order(request).wait()).map(|_| ())
    }

    pub fn expire(&self) {
        self.sale.clock.advance(3 * 3_600_000);
        self.sale.office.maintain();
    }

    pub fn call_off(&self) -> Walked {
        took(self.sale.office.set_sale_state(self.sale.event, SaleState::Cancelled).wait()).map(|_| ())
    }

    fn due(&mut self) -> Walked<Option<Effect>> {
        let due = took(self.sale.office.due_orders(self.sale.event, None, 1))?.into_iter().next();
        let effect = due.map(|due| due.effect);
        effect.iter().for_each(|effect| self.tally.effect(effect));
        Ok(effect)
    }

    /// Does what is due until nothing is. Refunds go well.
    pub fn go_on(&mut self) -> Walked {
        while let Some(effect) = self.due()? {
            self.tell(match effect {
                Effect::Confirm => News::Confirm,
                Effect::SettleLate => News::SettleLate,
                Effect::Reverse => News::Reverse,
                Effect::Drop(reason) => News::Drop(reason),
                Effect::StartRefund { attempt, reason } => News::StartRefund { attempt, reason },
                Effect::Refund { refund, tries, .. } => News::Refund { refund, tries, seen: succeeded() },
                Effect::Void(charge) => News::Payment { attempt: charge.attempt, seen: PaymentSeen::Voided },
                other => return Err(broken(format!("{other:?} is due"))),
            })?;
        }
        Ok(())
    }

    /// The journal breaks nothing, and says of the money what the gateway's ledger says.
    pub fn end(mut self, ledger: &[(u32, [i64; 4])]) -> Walked<Tally> {
        let mut history = History::new(self.sale.event);
        history.follow(&*self.sale.store, &mut self.tally)?;
        history.recount()?;
        history.auditor().settled()?;
        let row = |&(attempt, [authorized_minor, captured_minor, voided_minor, refunded_minor]): &(
            u32,
            [i64; 4],
        )| {
            let order = self.order.number;
            LedgerRow { order, attempt, authorized_minor, captured_minor, voided_minor, refunded_minor }
        };
        let rows: Vec<LedgerRow> = ledger.iter().map(row).collect();
        history.auditor().against_ledger(&rows)?;
        Ok(self.tally)
    }
}

fn broken(what: impl ToString) -> Violation {
    violation(Invariant::I7Money, Revision::ZERO, what)
}

pub(super) fn took<T>(outcome: Result<T, CommandError>) -> Walked<T> {
    outcome.map_err(broken)
}

pub(super) fn captured(amount_minor: i64) -> PaymentSeen {
    PaymentSeen::Captured { reference: Word::cut("ch_1"), amount_minor, fingerprint: None }
}

fn authorized() -> PaymentSeen {
    PaymentSeen::Authorized { reference: Word::cut("ch_1"), lapses_at: None, fingerprint: None }
}

pub(super) fn succeeded() -> RefundSeen {
    RefundSeen::Succeeded { reference: Word::cut("re_1") }
}

/// A gateway that takes another amount than it was asked for: nothing is sold for it, and all of it goes back.
fn wrong_amount() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.seen(1, captured(1))?;
    walk.go_on()?;
    walk.end(&[(1, [1, 1, 0, 1])])
}

/// The first of two payments, said to be unknown, went through. The order expires before the second is known; the money of the first is
/// disputed for a while, goes back, is refused for good, and goes back when it is tried again.
fn money_of_an_expired_order() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.seen(1, PaymentSeen::NotFound)?;
    walk.pay()?;
    walk.seen(1, captured(PRICE))?;
    walk.expire();
    walk.dispute("dp_1", PRICE)?;
    walk.settle("dp_1", PRICE, true)?;
    walk.tell(News::StartRefund { attempt: 1, reason: EndReason::Surplus })?;
    walk.seen(2, PaymentSeen::Declined { code: Word::cut("no") })?;
    walk.tell(News::StartRefund { attempt: 1, reason: EndReason::Surplus })?;
    let seen = RefundSeen::Failed { code: Word::cut("account_closed"), retry: false };
    walk.tell(News::Refund { refund: 1, tries: 0, seen })?;
    walk.staff(StaffAction::RetryRefund { refund: 1 })?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE])])
}

/// Money that comes after it was said to be unknown finds its order open: it buys the seat, once staff has looked at it if staff must.
/// Or it is let go before.
fn late_news_of_an_open_order() -> Walked<Tally> {
    let mut tally = Tally::default();
    for review in [false, true] {
        let mut walk = Walk::begin(review)?;
        walk.pay()?;
        walk.seen(1, PaymentSeen::NotFound)?;
        walk.seen(1, PaymentSeen::Voided)?;
        walk.pay()?;
        walk.seen(2, PaymentSeen::NotFound)?;
        walk.seen(2, captured(PRICE))?;
        if review {
            walk.staff(StaffAction::Approve)?;
        }
        walk.go_on()?;
        tally.merge(&walk.end(&[(2, [PRICE, PRICE, 0, 0])])?);
    }
    Ok(tally)
}

/// The event is called off when the money is reserved and nothing is sold yet: it is let go.
fn called_off_before_confirmed() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.seen(1, authorized())?;
    walk.call_off()?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, 0, PRICE, 0])])
}

/// The order has expired when the gateway asks its buyer to act, who does not.
fn action_after_the_deadline() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.expire();
    walk.seen(1, PaymentSeen::ActionRequired { next_action: Word::cut("sign") })?;
    walk.seen(1, PaymentSeen::Voided)?;
    walk.go_on()?;
    walk.end(&[])
}

/// Its buyer has cancelled the order when the gateway asks him to act, which he does not.
fn action_after_it_was_cancelled() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    let request = CloseOrderRequest { order: walk.order, user: UserId::from(1), key: None };
    took(walk.sale.office.cancel_order(request).wait())?;
    walk.seen(1, PaymentSeen::ActionRequired { next_action: Word::cut("sign") })?;
    walk.seen(1, PaymentSeen::Voided)?;
    walk.go_on()?;
    walk.end(&[])
}

/// Staff confirms an order that was paid outside, and then the card that was said to be unknown is charged, too: it is let go.
fn paid_twice() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.seen(1, PaymentSeen::NotFound)?;
    walk.staff(StaffAction::ConfirmOutside { reference: Word::cut("cash") })?;
    walk.seen(1, authorized())?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, 0, PRICE, 0])])
}

/// Late money, and somebody else has the seat.
fn late_when_the_seat_is_gone() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.expire();
    took(walk.sale.hold(2, &[0]).wait())?;
    walk.seen(1, captured(PRICE))?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE])])
}

/// Late money, and its user has another seat meanwhile.
fn late_and_over_the_limit() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.expire();
    took(walk.sale.hold(1, &[1]).wait())?;
    walk.seen(1, authorized())?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, 0, PRICE, 0])])
}

/// The reserved money can't be taken: it is let go, and another card does.
fn capture_refused_before_the_sale() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.seen(1, authorized())?;
    walk.tell(News::CaptureRefused { attempt: 1, code: Word::cut("no") })?;
    walk.go_on()?;
    walk.pay()?;
    walk.seen(2, captured(PRICE))?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, 0, PRICE, 0]), (2, [PRICE, PRICE, 0, 0])])
}

/// The money of what is sold can't be taken: the sale is undone.
fn capture_refused_after_the_sale() -> Walked<Tally> {
    let mut walk = Walk::begin_as(|request| request.capture = Some(CaptureMode::OnConfirm))?;
    walk.pay()?;
    walk.seen(1, authorized())?;
    walk.tell(News::Confirm)?;
    walk.tell(News::CaptureRefused { attempt: 1, code: Word::cut("no") })?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, 0, PRICE, 0])])
}

/// Who cancelled a paid order disputes its payment before the money is back, and wins.
fn dispute_of_a_cancelled_order() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.seen(1, captured(PRICE))?;
    let request = CloseOrderRequest { order: walk.order, user: UserId::from(1), key: None };
    took(walk.sale.office.cancel_order(request).wait())?;
    walk.dispute("dp_1", PRICE)?;
    walk.settle("dp_1", PRICE, false)?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, 0])])
}

/// Money that is reserved after it was said to be unknown, with and without a review.
fn authorized_after_all() -> Walked<Tally> {
    let mut tally = Tally::default();
    for review in [false, true] {
        let mut walk = Walk::begin(review)?;
        walk.pay()?;
        walk.seen(1, PaymentSeen::NotFound)?;
        walk.seen(1, authorized())?;
        walk.seen(1, captured(PRICE))?;
        if review {
            walk.staff(StaffAction::Approve)?;
        }
        walk.go_on()?;
        tally.merge(&walk.end(&[(1, [PRICE, PRICE, 0, 0])])?);
    }
    Ok(tally)
}

/// The ticket is changed for another of the same price, whose money goes back when it is refunded.
fn exchanged_and_refunded() -> Walked<Tally> {
    let mut walk = Walk::begin(false)?;
    walk.pay()?;
    walk.seen(1, captured(PRICE))?;
    walk.go_on()?;
    let items = vec![Item::Seats { seats: vec![SeatIndex(1)], ticket_type: ADULT }];
    let (order, user) = (walk.order, UserId::from(1));
    let request = ExchangeRequest { order, user, key: None, tickets: vec![0], items };
    took(walk.sale.office.exchange(request).wait())?;
    walk.staff(StaffAction::Refund(RefundWhat::Tickets(vec![1])))?;
    walk.go_on()?;
    walk.end(&[(1, [PRICE, PRICE, 0, PRICE])])
}
