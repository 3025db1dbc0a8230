//! Orders: open, confirm, cancel.

use super::{Decide, Decided, Instead};
use crate::answer::{Order, Reply};
use crate::command::CommandKey;
use crate::event::shard::is_remembered;
use crate::fact::{Fact, Keyed, Lines, OrderCancelled, OrderConfirmed, OrderOpened};
use crate::id::{HoldNumber, OrderId, UserId};
use crate::order::{OrderRecord, OrderState, StepKind};
use crate::refusal::Refusal;
use crate::request::{CloseOrderRequest, OpenOrderRequest};
use crate::sale::Activity;
use crate::time::UtcMs;

impl Decide<'_, '_> {
    pub(super) fn open_order(
        &mut self,
        request: &OpenOrderRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        let number = request.hold.number;
        if let Ok(order) = self.own_order(number, request.user) {
            return Err(self.existing(number, order));
        }
        let hold = self.own_hold(number, request.user)?;
        self.allowed(Activity::OpenOrder)?;
        self.not_overdue(hold)?;
        let payment_ttl_ms = self.scope.layout.manifest.rules().payment_ttl_ms;
        let opened = OrderOpened {
            hold: number,
            user: request.user,
            keyed: keyed.map(CommandKey::keyed),
            payment_deadline: self.now.plus_ms(payment_ttl_ms).min(hold.lifetime_end),
            lines: hold.lines.clone(),
        };
        Self::until(Fact::OrderOpened(opened), hold.deadline.min(self.this_instant()))
    }

    /// The answer when a hold that has become an order is ordered again.
    pub(super) fn existing(&self, number: HoldNumber, order: &OrderRecord) -> Instead {
        match order.state {
            OrderState::Confirmed => Instead::Answer(self.as_it_is(number, order, order.lines.clone(), None)),
            state if state.is_live() => match self.own_hold(number, order.user) {
                Ok(hold) => match self.not_overdue(hold) {
                    Ok(()) => {
                        Instead::Answer(self.as_it_is(number, order, hold.lines.clone(), Some(hold.deadline)))
                    }
                    Err(expired) => Instead::Refused(expired),
                },
                Err(unknown) => Instead::Refused(unknown),
            },
            state => Instead::Refused(Refusal::OrderState { state }),
        }
    }

    pub(super) fn confirm_order(
        &mut self,
        request: &CloseOrderRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        let number = request.order.number;
        let order = self.own_order(number, request.user)?;
        if order.state == OrderState::Confirmed {
            return Err(Instead::Answer(self.as_it_is(number, order, order.lines.clone(), None)));
        }
        self.allowed(Activity::Pay)?;
        let paid = order.terms().is_none() || order.is_paid();
        if order.after_kind(StepKind::Confirmed).is_none() || !paid {
            return Err(self.not_confirmable(order).into());
        }
        self.confirm(number, request.user, keyed.map(CommandKey::keyed))
    }

    /// Sells what an order's hold keeps.
    pub(super) fn confirm(&mut self, number: HoldNumber, user: UserId, keyed: Option<Keyed>) -> Decided {
        let hold = self.own_hold(number, user)?;
        self.not_overdue(hold)?;
        let (lines, deadline) = (hold.lines.clone(), hold.deadline);
        self.scope.lock_lines(&lines.seats);
        let confirmed = OrderConfirmed { order: number, user, keyed, lines };
        Self::until(Fact::OrderConfirmed(confirmed), deadline)
    }

    /// Why an order can't be confirmed: it is not where it should be, or not paid.
    pub(super) fn not_confirmable(&self, order: &OrderRecord) -> Refusal {
        match (&order.account, order.state) {
            (Some(account), OrderState::Open) if account.terms.is_some() => {
                Refusal::NotPaid { amount_minor: account.amount_minor }
            }
            (_, state) => Refusal::OrderState { state },
        }
    }

    pub(super) fn cancel_order(
        &mut self,
        request: &CloseOrderRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        let number = request.order.number;
        let order = self.own_order(number, request.user)?;
        match order.state {
            OrderState::Cancelled => {
                return Err(Instead::Answer(self.as_it_is(number, order, order.lines.clone(), None)));
            }
            state if state.is_live() => {}
            state => return Err(Refusal::OrderState { state }.into()),
        }
        let lines = self.own_hold(number, request.user)?.lines.clone();
        self.scope.lock_lines(&lines.seats);
        let cancelled =
            OrderCancelled { order: number, user: request.user, keyed: keyed.map(CommandKey::keyed), lines };
        Self::always(Fact::OrderCancelled(cancelled))
    }

    pub(super) fn own_order(&self, number: HoldNumber, user: UserId) -> Result<&OrderRecord, Refusal> {
        if number.shard() != user.shard() {
            return Err(Refusal::UnknownOrder);
        }
        let now = self.now;
        let order = self.scope.look(number.shard()).orders.get(&number);
        order
            .filter(|order| order.user == user && is_remembered(order, now))
            .map(|order| &**order)
            .ok_or(Refusal::UnknownOrder)
    }

    fn as_it_is(
        &self,
        number: HoldNumber,
        order: &OrderRecord,
        lines: Lines,
        payment_deadline: Option<UtcMs>,
    ) -> Reply {
        Reply::Order(Box::new(Order {
            id: OrderId { event: self.event, number },
            user: order.user,
            state: order.state,
            total_minor: lines.total_minor().unwrap_or(i64::MAX),
            lines,
            payment_deadline,
            version: order.version,
            replayed: true,
        }))
    }
}
