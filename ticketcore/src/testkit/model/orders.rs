//! Open, confirm and cancel orders.

use super::{Answered, Decided, Model, ModelAnswer};
use crate::fact::{Fact, OrderCancelled, OrderConfirmed, OrderOpened};
use crate::key::Operation;
use crate::order::OrderState;
use crate::refusal::Refusal;
use crate::request::{CloseOrderRequest, OpenOrderRequest};
use crate::sale::Activity;
use crate::time::UtcMs;

impl Model {
    /// Opens an order.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn open_order(&mut self, request: &OpenOrderRequest, at: UtcMs) -> Answered {
        self.is_event(request.hold.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_open_order(request, t))
    }

    fn decide_open_order(&self, request: &OpenOrderRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.user, Operation::OpenOrder, request.key.as_ref(), request)?;
        let number = request.hold.number;
        if let Some(order) = self.own_order(number, request.user, t) {
            return match order.state {
                OrderState::Open if t >= order.payment_deadline => {
                    Err(Refusal::HoldExpired { deadline: order.payment_deadline }.into())
                }
                OrderState::Open | OrderState::Confirmed => {
                    Err(ModelAnswer::Order(number, order.clone()).into())
                }
                state => Err(Refusal::OrderState { state }.into()),
            };
        }
        let hold = self.own_hold(number, request.user)?;
        self.allowed(Activity::OpenOrder)?;
        hold.not_overdue(t)?;
        let payment_ttl_ms = self.manifest.rules().payment_ttl_ms;
        Ok(Fact::OrderOpened(OrderOpened {
            hold: number,
            user: request.user,
            keyed,
            payment_deadline: t.plus_ms(payment_ttl_ms).min(hold.lifetime_end),
            lines: hold.lines.clone(),
        }))
    }

    /// Confirms an order.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn confirm_order(&mut self, request: &CloseOrderRequest, at: UtcMs) -> Answered {
        self.is_event(request.order.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_confirm_order(request, t))
    }

    fn decide_confirm_order(&self, request: &CloseOrderRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.user, Operation::ConfirmOrder, request.key.as_ref(), request)?;
        let number = request.order.number;
        let order = self.own_order(number, request.user, t).ok_or(Refusal::UnknownOrder)?;
        if order.state == OrderState::Confirmed {
            return Err(ModelAnswer::Order(number, order.clone()).into());
        }
        self.allowed(Activity::Pay)?;
        if order.state != OrderState::Open {
            return Err(Refusal::OrderState { state: order.state }.into());
        }
        let hold = self.own_hold(number, request.user)?;
        hold.not_overdue(t)?;
        let lines = hold.lines.clone();
        Ok(Fact::OrderConfirmed(OrderConfirmed { order: number, user: request.user, keyed, lines }))
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn cancel_order(&mut self, request: &CloseOrderRequest, at: UtcMs) -> Answered {
        self.is_event(request.order.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_cancel_order(request, t))
    }

    fn decide_cancel_order(&self, request: &CloseOrderRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.user, Operation::CancelOrder, request.key.as_ref(), request)?;
        let number = request.order.number;
        let order = self.own_order(number, request.user, t).ok_or(Refusal::UnknownOrder)?;
        match order.state {
            OrderState::Cancelled => Err(ModelAnswer::Order(number, order.clone()).into()),
            OrderState::Open => {
                let lines = order.lines.clone();
                Ok(Fact::OrderCancelled(OrderCancelled { order: number, user: request.user, keyed, lines }))
            }
            state => Err(Refusal::OrderState { state }.into()),
        }
    }
}
