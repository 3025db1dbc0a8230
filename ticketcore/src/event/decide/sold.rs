//! Orders that have been sold: refunds, new holders, exchanges, the door.

use super::{Decide, Decided, Instead};
use crate::command::CommandKey;
use crate::fact::{Keyed, OrderStep};
use crate::id::{HoldNumber, UserId};
use crate::limits::{REFUNDS_PER_ORDER_MAX, within};
use crate::order::{
    EndReason, OrderRecord, OrderState, PaymentState, RedeemRequest, RefundWhat, StepKind, TicketStatus,
    TransferRequest, Way,
};
use crate::refusal::{NotAdmitted, Refusal};
use crate::sale::Activity;
use crate::time::UtcMs;

type By = Option<(UserId, Keyed)>;

impl Decide<'_, '_> {
    pub(super) fn refund(&mut self, number: HoldNumber, by: By, what: &RefundWhat) -> Decided {
        let order = self.any_order(number)?;
        self.allowed(Activity::Refund)?;
        Self::legal(order, StepKind::RefundStarted)?;
        if order.state == OrderState::Expired {
            // Its money may still buy it seats, or goes back by itself.
            return Err(Refusal::OrderState { state: order.state }.into());
        }
        let last = u32::try_from(order.payments().len()).unwrap_or(u32::MAX);
        // Tickets go back with the money that bought them; what else came goes back by itself.
        let ours = |attempt: &u32| order.state != OrderState::Confirmed || order.pays(*attempt);
        let left = |attempt: &u32| ours(attempt) && order.left_minor(*attempt) > 0;
        // Tickets whose money is gone already are still that money's.
        let gone = if order.pays(last) { last } else { 0 };
        let attempt = (1..=last).rev().find(left).unwrap_or(gone);
        let left_minor = order.left_minor(attempt);
        if order.pays(last) && order.payment(last).is_some_and(|p| p.state == PaymentState::Authorized) {
            return self.refund_uncaptured(number, by, what);
        }
        let (tickets, amount_minor) = match what {
            RefundWhat::Full => (order.live_tickets(), left_minor),
            RefundWhat::Tickets(tickets) => {
                self.valid_tickets(order, tickets)?;
                let worth = order.places_of(tickets).total_minor().unwrap_or(i64::MAX);
                (tickets.clone(), if left_minor == 0 { 0 } else { worth })
            }
            RefundWhat::Amount(amount_minor) => (Vec::new(), *amount_minor),
        };
        // Money in dispute is not ours to send: who paid would get it twice.
        let left_minor = if order.is_disputed(attempt) { 0 } else { left_minor };
        let disputed = order.pays(last) && order.is_disputed(last);
        if tickets.is_empty() && amount_minor <= 0 || amount_minor > left_minor || disputed {
            return Err(Refusal::RefundTooLarge { left_minor }.into());
        }
        // Refunds of the house itself are few, and must not be kept back by staff's.
        let refunds = order.refunds().len() as u64 + 1;
        within("refunds", refunds, 1, REFUNDS_PER_ORDER_MAX as u64).map_err(Refusal::Limit)?;
        self.start_refund(number, by, attempt, amount_minor, tickets, EndReason::Asked)
    }

    /// The money of a sold order is still only reserved: all of it is let go with the sale, or nothing.
    fn refund_uncaptured(&mut self, number: HoldNumber, by: By, what: &RefundWhat) -> Decided {
        let order = self.any_order(number)?;
        if let RefundWhat::Tickets(tickets) = what {
            self.valid_tickets(order, tickets)?;
        }
        if *what != RefundWhat::Full {
            let amount_minor = order.account.as_ref().map_or(0, |account| account.amount_minor);
            return Err(Refusal::NotPaid { amount_minor }.into());
        }
        self.reverse(number, by, EndReason::Asked)
    }

    pub(super) fn start_refund(
        &mut self,
        number: HoldNumber,
        by: By,
        attempt: u32,
        amount_minor: i64,
        tickets: Vec<u32>,
        reason: EndReason,
    ) -> Decided {
        let order = self.any_order(number)?;
        let back = order.places_of(&tickets);
        let refund = u32::try_from(order.refunds().len() + 1).unwrap_or(u32::MAX);
        let seats = back.seats.clone();
        let step = OrderStep::RefundStarted { refund, attempt, amount_minor, tickets, back, reason };
        let fact = self.stepped(number, order, by, step)?;
        self.scope.lock_lines(&seats);
        Self::always(fact)
    }

    pub(super) fn retry_refund(&mut self, number: HoldNumber, by: By, refund: u32) -> Decided {
        let order = self.any_order(number)?;
        Self::legal(order, StepKind::RefundRetried)?;
        let at = (refund as usize).checked_sub(1);
        let known = at.and_then(|at| order.refunds().get(at)).ok_or(Refusal::UnknownRefund { refund })?;
        if !known.clone().retry(self.now) {
            return Err(self.as_it_stands(number, order));
        }
        self.step(number, order, by, OrderStep::RefundRetried { refund }, UtcMs::NEVER)
    }

    pub(super) fn transfer(&mut self, request: &TransferRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let number = request.order.number;
        let order = self.any_order(number)?;
        let own = |index: &u32| {
            order.ticket(*index).is_some_and(|ticket| ticket.holder.unwrap_or(order.user) == request.user)
        };
        // Whoever has nothing of an order does not learn that there is one.
        if order.user != request.user && !request.tickets.iter().any(own) {
            return Err(Refusal::UnknownOrder.into());
        }
        Self::legal(order, StepKind::Transferred)?;
        if let Some(&ticket) = request.tickets.iter().find(|index| !own(index)) {
            return Err(Refusal::UnknownTicket { ticket }.into());
        }
        self.valid_tickets(order, &request.tickets)?;
        let by = keyed.map(|asked| (request.user, asked.keyed()));
        let step = OrderStep::Transferred { tickets: request.tickets.clone(), to: request.to };
        self.step(number, order, by, step, UtcMs::NEVER)
    }

    pub(super) fn redeem(&mut self, request: &RedeemRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let number = request.ticket.order.number;
        let index = request.ticket.index;
        let order = self.any_order(number)?;
        self.allowed(Activity::Redeem)?;
        if order.state != OrderState::Confirmed {
            return Err(Refusal::NotAdmitted(NotAdmitted::NotSold).into());
        }
        let ticket = order.ticket(index).ok_or(Refusal::UnknownTicket { ticket: index })?;
        let no = match ticket.status {
            TicketStatus::Refunded => Some(NotAdmitted::Refunded),
            TicketStatus::Exchanged => Some(NotAdmitted::Exchanged),
            _ if ticket.issue != request.issue => Some(NotAdmitted::Superseded),
            _ if request.force => None,
            TicketStatus::Disputed => Some(NotAdmitted::Disputed),
            TicketStatus::Valid => match (request.way, ticket.inside_since) {
                (Way::Entry, Some(since)) => Some(NotAdmitted::AlreadyInside { since }),
                (Way::Exit, None) => Some(NotAdmitted::NotInside),
                _ => None,
            },
        };
        if let Some(no) = no {
            return Err(Refusal::NotAdmitted(no).into());
        }
        let by = keyed.map(|asked| (request.by, asked.keyed()));
        let step = OrderStep::Redeemed {
            ticket: index,
            way: request.way,
            device_at: request.device_at,
            forced: request.force,
        };
        self.step(number, order, by, step, UtcMs::NEVER)
    }

    /// Refuses a step that the order's state does not allow.
    pub(super) fn legal(order: &OrderRecord, kind: StepKind) -> Result<(), Refusal> {
        order.after_kind(kind).map(|_| ()).ok_or(Refusal::OrderState { state: order.state })
    }

    /// Refuses tickets that are not there, named twice or out of order, or not valid.
    pub(super) fn valid_tickets(&self, order: &OrderRecord, tickets: &[u32]) -> Result<(), Instead> {
        if order.state != OrderState::Confirmed {
            return Err(Refusal::OrderState { state: order.state }.into());
        }
        for pair in tickets.windows(2) {
            if pair[0] >= pair[1] {
                return Err(Refusal::UnknownTicket { ticket: pair[1] }.into());
            }
        }
        for &ticket in tickets {
            match order.ticket(ticket).map(|known| known.status) {
                None => return Err(Refusal::UnknownTicket { ticket }.into()),
                Some(TicketStatus::Valid) => {}
                Some(status) => return Err(Refusal::TicketNotValid { ticket, status }.into()),
            }
        }
        Ok(())
    }
}
