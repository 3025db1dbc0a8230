//! Orders that a gateway pays, and orders that have been sold: commands, and what is to be done about them.

use std::sync::Arc;

use super::commands::Checked;
use super::{BoxOffice, Pending};
use crate::answer::{CommandError, Done, DueOrder, Order, OrderDetails, Stepped};
use crate::command::Command;
use crate::event::check_items;
use crate::id::{EventId, HoldNumber, OrderId};
use crate::limits::{self, within};
use crate::order::{
    CheckoutRequest, ExchangeRequest, Finding, News, ObserveRequest, PayRequest, PaymentRulesRequest,
    PaymentSeen, RedeemRequest, RefundWhat, StaffAction, StaffOrderRequest, TransferRequest,
};
use crate::refusal::Refusal;
use crate::time::{Clock, UtcMs};

impl BoxOffice {
    /// Opens an order that a gateway pays; if the hold has become an order already, that one.
    pub fn checkout(&self, request: CheckoutRequest) -> Pending<Order> {
        self.send(check_checkout(request))
    }

    /// Opens many such orders at once; see [`hold_many`](Self::hold_many).
    pub fn checkout_many(&self, requests: Vec<CheckoutRequest>) -> Vec<Pending<Order>> {
        self.send_many(requests.into_iter().map(check_checkout))
    }

    /// Begins a payment attempt. Its number is in the answer.
    pub fn pay(&self, request: PayRequest) -> Pending<Stepped> {
        self.office.submit(request.order.event, Command::Pay(Box::new(request)))
    }

    /// Begins many payment attempts at once; see [`hold_many`](Self::hold_many).
    pub fn pay_many(&self, requests: Vec<PayRequest>) -> Vec<Pending<Stepped>> {
        self.send_many(requests.into_iter().map(|r| Ok((r.order.event, Command::Pay(Box::new(r))))))
    }

    /// Tells an order what is known of its money, or has it take a step that is due. What is known or done already changes nothing.
    pub fn observe(&self, request: ObserveRequest) -> Pending<Stepped> {
        self.expire_for_late_money(std::slice::from_ref(&request));
        self.send(check_observe(request))
    }

    /// As [`observe`](Self::observe), for many orders at once. News of one order are taken in their order if the event is open.
    pub fn observe_many(&self, requests: Vec<ObserveRequest>) -> Vec<Pending<Stepped>> {
        self.expire_for_late_money(&requests);
        self.send_many(requests.into_iter().map(check_observe))
    }

    /// A dead hold must not keep late money from its seats.
    fn expire_for_late_money(&self, requests: &[ObserveRequest]) {
        let mut done: Option<EventId> = None;
        for request in requests.iter().filter(|request| request.news == News::SettleLate) {
            let event = request.order.event;
            if done.replace(event) != Some(event)
                && let Ok(core) = self.office.open_event(event)
            {
                core.expire(usize::MAX);
            }
        }
    }

    /// What staff, or the host, does to an order: reviews, refunds, disputes, payments outside.
    pub fn staff_order(&self, request: StaffOrderRequest) -> Pending<Stepped> {
        self.send(check_staff_order(request))
    }

    /// Gives tickets to somebody else; the old codes are dead.
    pub fn transfer(&self, request: TransferRequest) -> Pending<Stepped> {
        self.send(check_transfer(request))
    }

    /// Changes tickets for others of the same price; the old codes are dead.
    pub fn exchange(&self, request: ExchangeRequest) -> Pending<Stepped> {
        self.send(check_exchange(request))
    }

    /// Uses a ticket at the door.
    pub fn redeem(&self, request: RedeemRequest) -> Pending<Stepped> {
        self.office.submit(request.ticket.order.event, Command::Redeem(Box::new(request)))
    }

    /// Sets how orders of an event are paid from now on.
    pub fn set_payment_rules(&self, request: PaymentRulesRequest) -> Pending<Done> {
        self.send(check_rules(request))
    }

    /// Orders of an event with something to be done about them, at most `limit`, in ascending order after `after`. Waits until what it saw is
    /// durable: an effect of it may be run. O(orders due).
    ///
    /// # Errors
    /// If the event is unknown or can't be opened, or the store failed meanwhile.
    pub fn due_orders(
        &self,
        event: EventId,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<DueOrder>, CommandError> {
        let core = self.office.open_event(event)?;
        let after = after.map_or(HoldNumber(0), |order| order.number);
        core.read_durably(|core| core.due_orders(after, limit))
    }

    /// All that is known of an order, whoever's: for staff and for the house itself. Waits until what it saw is durable.
    ///
    /// # Errors
    /// [`Refusal::UnknownOrder`] if there is none.
    pub fn order_details(&self, order: OrderId) -> Result<OrderDetails, CommandError> {
        let core = self.office.open_event(order.event)?;
        core.read_durably(|core| core.order_details(order))?.map_err(CommandError::Refused)
    }

    /// As [`order_details`](Self::order_details), with the time the engine would log now; blocks nobody, and waits for no more than the
    /// order's own last fact.
    pub(crate) async fn order_soon(&self, order: OrderId) -> Result<(UtcMs, OrderDetails), CommandError> {
        Arc::clone(&self.office).open_soon(order.event).await?.order_soon(order).await
    }

    /// What a part of an event's orders and holds shows that should not be so for long, once it is durable. The parts are `0..SHARDS`.
    pub(crate) fn findings(&self, event: EventId, part: usize) -> Result<Vec<Finding>, CommandError> {
        let core = self.office.open_event(event)?;
        core.read_durably(|core| core.findings(part))
    }

    /// Events that are open now, ascending.
    pub(crate) fn open_events(&self) -> Vec<EventId> {
        let mut open: Vec<EventId> = self.office.events.load().keys().copied().collect();
        open.sort_unstable();
        open
    }

    /// Where time comes from.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.office.clock)
    }
}

fn check_checkout(request: CheckoutRequest) -> Checked {
    let max = limits::EXTRA_LINES_MAX as u64;
    within("extra", request.extra.len() as u64, 0, max).map_err(Refusal::Limit)?;
    Ok((request.hold.event, Command::Checkout(Box::new(request))))
}

/// Money is never negative.
fn check_observe(request: ObserveRequest) -> Checked {
    if let News::Payment { seen: PaymentSeen::Captured { amount_minor, .. }, .. } = &request.news
        && *amount_minor < 0
    {
        let found = amount_minor.unsigned_abs();
        within("amount_minor: below zero", found, 0, 0).map_err(Refusal::Limit)?;
    }
    Ok((request.order.event, Command::Observe(Box::new(request))))
}

fn check_staff_order(request: StaffOrderRequest) -> Checked {
    if let StaffAction::Refund(RefundWhat::Tickets(tickets)) = &request.action {
        check_tickets(tickets)?;
    }
    if let StaffAction::OpenDispute { amount_minor, .. } | StaffAction::CloseDispute { amount_minor, .. } =
        &request.action
    {
        // Nothing can't be disputed.
        let found = u64::try_from(*amount_minor).unwrap_or(0);
        within("amount_minor: disputed", found, 1, i64::MAX.unsigned_abs()).map_err(Refusal::Limit)?;
    }
    Ok((request.order.event, Command::StaffOrder(Box::new(request))))
}

fn check_transfer(request: TransferRequest) -> Checked {
    check_tickets(&request.tickets)?;
    Ok((request.order.event, Command::Transfer(Box::new(request))))
}

fn check_tickets(tickets: &[u32]) -> Result<(), Refusal> {
    if tickets.is_empty() {
        return Err(Refusal::NothingRequested);
    }
    let max = limits::TICKETS_PER_COMMAND_MAX as u64;
    within("tickets", tickets.len() as u64, 1, max).map_err(Refusal::Limit)
}

fn check_rules(request: PaymentRulesRequest) -> Checked {
    let rules = &request.rules;
    let lifetime = limits::HOLD_LIFETIME_MS_MAX;
    let check = |what, found, min, max| within(what, found, min, max).map_err(Refusal::Limit);
    check("intent_ttl_ms", rules.intent_ttl_ms, limits::INTENT_TTL_MS_MIN, lifetime)?;
    check("payment_deadline_ms_max", rules.payment_deadline_ms_max, limits::INTENT_TTL_MS_MIN, lifetime)?;
    check("review_ttl_ms", rules.review_ttl_ms, limits::INTENT_TTL_MS_MIN, limits::REVIEW_TTL_MS_MAX)?;
    check("lapse_margin_ms", rules.lapse_margin_ms, 0, limits::REVIEW_TTL_MS_MAX)?;
    Ok((request.event, Command::PaymentRules(Box::new(request))))
}

fn check_exchange(request: ExchangeRequest) -> Checked {
    if request.items.is_empty() {
        return Err(Refusal::NothingRequested);
    }
    check_tickets(&request.tickets)?;
    check_items(&request.items)?;
    Ok((request.order.event, Command::Exchange(Box::new(request))))
}
