//! Orders that have been sold: refunds, disputes, new holders, exchanges, the door.

use super::{Decide, Decided, Instead};
use crate::command::CommandKey;
use crate::fact::{Keyed, Lines, OrderStep};
use crate::id::{HoldNumber, UserId};
use crate::limits::{REFUNDS_PER_ORDER_MAX, within};
use crate::order::{
    EndReason, ExchangeRequest, OrderRecord, OrderState, PaymentState, RedeemRequest, RefundWhat,
    TicketStatus, TransferRequest, Way, Word,
};
use crate::refusal::{NotAdmitted, Refusal};
use crate::sale::Activity;
use crate::time::UtcMs;

type By = Option<(UserId, Keyed)>;

impl Decide<'_, '_> {
    pub(super) fn refund(&mut self, number: HoldNumber, by: By, what: &RefundWhat) -> Decided {
        self.allowed(Activity::Refund)?;
        let order = self.any_order(number)?;
        let last = u32::try_from(order.payments().len()).unwrap_or(u32::MAX);
        let confirmed = order.state == OrderState::Confirmed;
        let of_any = (1..=last).rev().find(|attempt| order.left_minor(*attempt) > 0).unwrap_or(0);
        let attempt = if order.pays_tickets(last) { last } else { of_any };
        // Money that is reserved and not taken yet can't be sent back, and no ticket may die without it.
        let reserved = order.pays_tickets(last)
            && order.payment(last).is_some_and(|payment| payment.state != PaymentState::Captured);
        if reserved && !matches!(what, RefundWhat::Amount(_)) {
            let amount_minor = order.account.as_ref().map_or(0, |account| account.amount_minor);
            return Err(Refusal::NotPaid { amount_minor }.into());
        }
        let left_minor = order.left_minor(attempt);
        let (tickets, amount_minor) = match what {
            RefundWhat::Full if confirmed => (order.live_tickets(), left_minor),
            RefundWhat::Full => (Vec::new(), left_minor),
            RefundWhat::Tickets(tickets) => {
                self.valid_tickets(order, tickets)?;
                let worth = order.places_of(tickets).total_minor().unwrap_or(i64::MAX);
                (tickets.clone(), if attempt == 0 { 0 } else { worth })
            }
            RefundWhat::Amount(amount_minor) => (Vec::new(), *amount_minor),
        };
        if tickets.is_empty() && amount_minor <= 0 || amount_minor > left_minor {
            return Err(Refusal::RefundTooLarge { left_minor }.into());
        }
        self.start_refund(number, by, attempt, amount_minor, tickets, EndReason::Asked)
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
        let refunds = order.refunds().len() as u64 + 1;
        within("refunds", refunds, 1, REFUNDS_PER_ORDER_MAX as u64).map_err(Refusal::Limit)?;
        let back = order.places_of(&tickets);
        let refund = u32::try_from(refunds).unwrap_or(u32::MAX);
        let seats = back.seats.clone();
        let step = OrderStep::RefundStarted { refund, attempt, amount_minor, tickets, back, reason };
        let fact = self.stepped(number, order, by, step)?;
        self.scope.lock_lines(&seats);
        Self::always(fact)
    }

    pub(super) fn retry_refund(&mut self, number: HoldNumber, by: By, refund: u32) -> Decided {
        let order = self.any_order(number)?;
        let at = (refund as usize).checked_sub(1);
        let known = at.and_then(|at| order.refunds().get(at)).ok_or(Refusal::UnknownRefund { refund })?;
        if !known.clone().retry(self.now) {
            return Err(self.as_it_stands(number, order));
        }
        self.step(number, order, by, OrderStep::RefundRetried { refund }, UtcMs::NEVER)
    }

    pub(super) fn open_dispute(
        &mut self,
        number: HoldNumber,
        by: By,
        attempt: u32,
        reference: &Word,
    ) -> Decided {
        let order = self.any_order(number)?;
        let payment = order.payment(attempt).ok_or(Refusal::UnknownPayment { attempt })?;
        if payment.state != PaymentState::Captured {
            return Err(Refusal::NotPaid { amount_minor: payment.amount_minor }.into());
        }
        if order.account.as_ref().is_some_and(|account| account.dispute.is_some()) {
            return Err(self.as_it_stands(number, order));
        }
        let step = OrderStep::DisputeOpened { attempt, reference: reference.clone() };
        self.step(number, order, by, step, UtcMs::NEVER)
    }

    pub(super) fn close_dispute(&mut self, number: HoldNumber, by: By, won: bool) -> Decided {
        let order = self.any_order(number)?;
        if order.account.as_ref().is_none_or(|account| account.dispute.is_none()) {
            return Err(self.as_it_stands(number, order));
        }
        let disputed = order.account.as_ref().and_then(|account| Some(account.dispute.as_ref()?.0));
        let lost = !won && disputed.is_some_and(|attempt| order.pays_tickets(attempt));
        let back = if lost { order.sold() } else { Lines::default() };
        let seats = back.seats.clone();
        let fact = self.stepped(number, order, by, OrderStep::DisputeClosed { won, back })?;
        self.scope.lock_lines(&seats);
        Self::always(fact)
    }

    pub(super) fn transfer(&mut self, request: &TransferRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let number = request.order.number;
        let order = self.any_order(number)?;
        let own = |index: &u32| {
            order.ticket(*index).is_some_and(|ticket| ticket.holder.unwrap_or(order.user) == request.user)
        };
        match request.tickets.iter().find(|index| !own(index)) {
            // Whoever has nothing of an order does not learn that there is one.
            Some(_) if order.user != request.user && !request.tickets.iter().any(own) => {
                return Err(Refusal::UnknownOrder.into());
            }
            Some(&ticket) => return Err(Refusal::UnknownTicket { ticket }.into()),
            None => self.valid_tickets(order, &request.tickets)?,
        }
        let by = keyed.map(|asked| (request.user, asked.keyed()));
        let step = OrderStep::Transferred { tickets: request.tickets.clone(), to: request.to };
        self.step(number, order, by, step, UtcMs::NEVER)
    }

    pub(super) fn exchange(&mut self, request: &ExchangeRequest, _keyed: Option<CommandKey<'_>>) -> Decided {
        let order = self.own_order(request.order.number, request.user)?;
        Err(Refusal::OrderState { state: order.state }.into())
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

    /// Refuses tickets that are not there, named twice, or not valid.
    pub(super) fn valid_tickets(&self, order: &OrderRecord, tickets: &[u32]) -> Result<(), Instead> {
        if tickets.is_empty() {
            return Err(Refusal::NothingRequested.into());
        }
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
