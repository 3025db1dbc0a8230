//! Whose orders and tickets there are, and what the money of an event adds up to.

use serde::{Deserialize, Serialize};

use super::BoxOffice;
use crate::answer::{CommandError, OrderDetails};
use crate::id::{EventId, HoldNumber, OrderId, SeatIndex, TicketId, UserId};
use crate::order::{OrderRecord, OrderState, PaymentState, Place, RefundState, Ticket, TicketStatus};
use crate::refusal::Refusal;

/// The money of an event's orders in minor units, and what it was for.
///
/// `captured = refunded + refunding + refund_stuck + disputed + kept`; what is not kept for tickets is `surplus`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyReport {
    /// Orders with an account.
    pub orders: u64,
    /// Reserved and neither taken nor given back yet.
    pub authorized_minor: i64,
    /// Taken, all in all.
    pub captured_minor: i64,
    /// Sent back.
    pub refunded_minor: i64,
    /// On its way back.
    pub refunding_minor: i64,
    /// Should go back and can't: staff must see to it.
    pub refund_stuck_minor: i64,
    /// Taken away by lost disputes.
    pub disputed_minor: i64,
    /// Kept for orders that are confirmed.
    pub kept_minor: i64,
    /// Taken for orders that are not: it is confirmed or sent back next.
    pub surplus_minor: i64,
    /// Attempts whose outcome is not known.
    pub unresolved: u64,
    /// Tickets that let somebody in.
    pub tickets_valid: u64,
    /// Tickets that are dead.
    pub tickets_dead: u64,
}

impl MoneyReport {
    /// Counts one order.
    pub(crate) fn count(&mut self, order: &OrderRecord) {
        if order.state == OrderState::Confirmed {
            for index in 0..order.ticket_count() {
                let valid = order.ticket(index).is_some_and(|ticket| ticket.status == TicketStatus::Valid);
                *(if valid { &mut self.tickets_valid } else { &mut self.tickets_dead }) += 1;
            }
        }
        let Some(account) = &order.account else { return };
        self.orders += 1;
        self.disputed_minor += account.disputed_minor;
        self.captured_minor += account.disputed_minor;
        for (payment, attempt) in account.payments.iter().zip(1..) {
            match payment.state {
                PaymentState::Authorized => self.authorized_minor += payment.amount_minor,
                PaymentState::Captured => {
                    self.captured_minor += payment.captured_minor;
                    let left = order.left_minor(attempt);
                    let kept = order.state == OrderState::Confirmed && order.pays(attempt);
                    *(if kept { &mut self.kept_minor } else { &mut self.surplus_minor }) += left;
                }
                _ => self.unresolved += u64::from(payment.is_unresolved()),
            }
        }
        for refund in &account.refunds {
            *match refund.state {
                RefundState::Succeeded => &mut self.refunded_minor,
                RefundState::Requested | RefundState::Submitted => &mut self.refunding_minor,
                RefundState::Stuck => &mut self.refund_stuck_minor,
            } += refund.amount_minor;
        }
    }
}

/// A ticket that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldTicket {
    /// The ticket.
    pub id: TicketId,
    /// What it is for.
    pub place: Place,
    /// What has become of it.
    pub ticket: Ticket,
}

impl BoxOffice {
    /// What the money of an event adds up to. Waits until what it saw is durable. O(orders).
    ///
    /// # Errors
    /// If the event is unknown or can't be opened, or the store failed meanwhile.
    pub fn money_report(&self, event: EventId) -> Result<MoneyReport, CommandError> {
        let core = self.office.open_event(event)?;
        core.read_durably(|core| {
            let mut report = MoneyReport::default();
            core.each_order(|_, order| report.count(order));
            report
        })
    }

    /// Every order of a user, ascending. Waits until what it saw is durable.
    ///
    /// # Errors
    /// As [`money_report`](Self::money_report).
    pub fn orders_of(&self, event: EventId, user: UserId) -> Result<Vec<OrderDetails>, CommandError> {
        let core = self.office.open_event(event)?;
        core.read_durably(|core| core.orders_in_detail(user))
    }

    /// Orders of an event, at most `limit`, in ascending order after `after`: all, or those in one state. Waits until what it saw is durable.
    /// O(orders).
    ///
    /// # Errors
    /// As [`money_report`](Self::money_report).
    pub fn orders_after(
        &self,
        event: EventId,
        after: Option<OrderId>,
        state: Option<OrderState>,
        limit: usize,
    ) -> Result<Vec<OrderDetails>, CommandError> {
        let core = self.office.open_event(event)?;
        let after = after.map_or(HoldNumber(0), |order| order.number);
        core.read_durably(|core| core.orders_after(after, state, limit))
    }

    /// Every valid ticket that a user holds, bought or given to him, ascending. Waits until what it saw is durable. O(orders).
    ///
    /// # Errors
    /// As [`money_report`](Self::money_report).
    pub fn tickets_of(&self, event: EventId, user: UserId) -> Result<Vec<HeldTicket>, CommandError> {
        let core = self.office.open_event(event)?;
        core.read_durably(|core| {
            let mut held = Vec::new();
            core.each_order(|number, order| tickets_in(order, OrderId { event, number }, user, &mut held));
            held.sort_unstable_by_key(|ticket| ticket.id);
            held
        })
    }

    /// The order or hold that has a seat, with its user. Waits until what it saw is durable.
    ///
    /// # Errors
    /// As [`money_report`](Self::money_report); [`Refusal::UnknownSeats`] if there is no such seat.
    pub fn owner_of(
        &self,
        event: EventId,
        seat: SeatIndex,
    ) -> Result<Option<(OrderId, UserId)>, CommandError> {
        let core = self.office.open_event(event)?;
        let found = core.read_durably(|core| {
            let (_, slot) = core.seats(&[seat]).into_iter().next()?;
            let number = HoldNumber(slot.owner);
            Some(
                (slot.owner != 0).then(|| core.user_of(number).map(|user| (OrderId { event, number }, user))),
            )
        })?;
        match found {
            Some(owner) => Ok(owner.flatten()),
            None => Err(Refusal::UnknownSeats(vec![seat]).into()),
        }
    }
}

fn tickets_in(order: &OrderRecord, id: OrderId, user: UserId, held: &mut Vec<HeldTicket>) {
    if order.state != OrderState::Confirmed {
        return;
    }
    for index in 0..order.ticket_count() {
        let known = order.ticket(index).zip(order.place(index));
        let own = known.filter(|(ticket, _)| {
            ticket.holder.unwrap_or(order.user) == user && ticket.status == TicketStatus::Valid
        });
        held.extend(own.map(|(ticket, place)| HeldTicket {
            id: TicketId { order: id, index },
            place,
            ticket,
        }));
    }
}
