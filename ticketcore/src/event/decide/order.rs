//! Orders: open, confirm, cancel.

use super::{Decide, Decided, Instead};
use crate::answer::{Order, Reply};
use crate::command::CommandKey;
use crate::event::shard::OrderRecord;
use crate::fact::{Fact, Lines, OrderCancelled, OrderConfirmed, OrderOpened};
use crate::id::{HoldNumber, OrderId, UserId};
use crate::order::OrderState;
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
    fn existing(&self, number: HoldNumber, order: &OrderRecord) -> Instead {
        match order.state {
            OrderState::Confirmed => Instead::Answer(self.as_it_is(number, order, order.lines.clone(), None)),
            OrderState::Open => match self.own_hold(number, order.user) {
                Ok(hold) => match self.not_overdue(hold) {
                    Ok(()) => {
                        Instead::Answer(self.as_it_is(number, order, hold.lines.clone(), Some(hold.deadline)))
                    }
                    Err(expired) => Instead::Refused(expired),
                },
                Err(unknown) => Instead::Refused(unknown),
            },
            state @ (OrderState::Cancelled | OrderState::Expired) => {
                Instead::Refused(Refusal::OrderState { state })
            }
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
        if order.state != OrderState::Open {
            return Err(Refusal::OrderState { state: order.state }.into());
        }
        let hold = self.own_hold(number, request.user)?;
        self.not_overdue(hold)?;
        let (lines, deadline) = (hold.lines.clone(), hold.deadline);
        self.scope.lock_lines(&lines.seats);
        let confirmed =
            OrderConfirmed { order: number, user: request.user, keyed: keyed.map(CommandKey::keyed), lines };
        Self::until(Fact::OrderConfirmed(confirmed), deadline)
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
            OrderState::Confirmed | OrderState::Expired => {
                return Err(Refusal::OrderState { state: order.state }.into());
            }
            OrderState::Open => {}
        }
        let lines = self.own_hold(number, request.user)?.lines.clone();
        self.scope.lock_lines(&lines.seats);
        let cancelled =
            OrderCancelled { order: number, user: request.user, keyed: keyed.map(CommandKey::keyed), lines };
        Self::always(Fact::OrderCancelled(cancelled))
    }

    fn own_order(&self, number: HoldNumber, user: UserId) -> Result<&OrderRecord, Refusal> {
        if number.shard() != user.shard() {
            return Err(Refusal::UnknownOrder);
        }
        let now = self.now;
        let order = self.scope.look(number.shard()).orders.get(&number);
        order
            .filter(|order| order.user == user && order.is_remembered(now))
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
