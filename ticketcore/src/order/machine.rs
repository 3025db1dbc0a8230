//! The order machine: what a step does to an order. Pure, total, and the only place where an order changes.

use super::payment::{Payment, PaymentState};
use super::record::OrderRecord;
use super::refund::{Refund, RefundState};
use super::state::OrderState;
use super::step::{OrderStep, Way};
use super::table::{StepKind, transition};
use super::tickets::TicketStatus;
use super::word::Word;
use crate::fact::Lines;
use crate::time::UtcMs;

/// A step that does not fit its order; says why.
pub(crate) type Misfit = &'static str;

impl OrderRecord {
    /// The state after `step`, if the step is legal now.
    pub fn after(&self, step: &OrderStep) -> Option<OrderState> {
        // News of a payment that is not the last one are about money alone.
        if let OrderStep::PaymentObserved { attempt, .. } | OrderStep::CaptureRefused { attempt, .. } = step
            && *attempt != super::count(self.payments().len())
        {
            return Some(self.state);
        }
        self.after_kind(step.kind())
    }

    pub fn after_kind(&self, kind: StepKind) -> Option<OrderState> {
        let row = transition(Some(self.state), kind)?;
        Some(if self.needs_review() { row.in_review } else { row.to })
    }

    /// An order was confirmed, cancelled or expired: `lines` are what its hold kept.
    pub fn close(&mut self, kind: StepKind, lines: &Lines) -> Result<(), Misfit> {
        self.state = self.after_kind(kind).ok_or("the step is not legal in this state")?;
        self.lines = lines.clone();
        Ok(())
    }

    /// Takes a step.
    pub fn step(&mut self, step: &OrderStep, at: UtcMs) -> Result<(), Misfit> {
        let after = self.after(step).ok_or("the step is not legal in this state")?;
        if let OrderStep::Reversed { reason, back } = step {
            // While it has tickets.
            let live = self.live_tickets();
            self.kill(&live, back, TicketStatus::Refunded)?;
            self.account_mut().reason = Some(*reason);
        }
        self.state = after;
        match step {
            OrderStep::PaymentStarted { .. }
            | OrderStep::PaymentObserved { .. }
            | OrderStep::CaptureRefused { .. } => self.payment_step(step, at),
            OrderStep::RefundStarted { .. }
            | OrderStep::RefundObserved { .. }
            | OrderStep::RefundTryObserved { .. }
            | OrderStep::RefundRetried { .. } => self.refund_step(step, at),
            OrderStep::Transferred { .. } | OrderStep::Exchanged { .. } | OrderStep::Redeemed { .. } => {
                self.ticket_step(step, at)
            }
            OrderStep::DisputeOpened { .. }
            | OrderStep::DisputeClosed { .. }
            | OrderStep::DisputeBegun { .. }
            | OrderStep::DisputeEnded { .. } => self.dispute_step(step),
            OrderStep::Approved { .. } => {
                self.account_mut().approved = true;
                Ok(())
            }
            OrderStep::CaptureRequested => {
                let fresh = !std::mem::replace(&mut self.account_mut().capture_requested, true);
                fresh.then_some(()).ok_or("the capture was requested before")
            }
            OrderStep::ConfirmedOutside { reference, lines } => {
                self.account_mut().outside = Some(reference.clone());
                self.lines = lines.clone();
                Ok(())
            }
            OrderStep::LateConfirmed { lines } => {
                self.lines = lines.clone();
                Ok(())
            }
            OrderStep::Dropped { reason, lines } => {
                self.account_mut().reason = Some(*reason);
                self.lines = lines.clone();
                Ok(())
            }
            OrderStep::LateRefused { reason } => {
                self.account_mut().reason = Some(*reason);
                Ok(())
            }
            OrderStep::Reversed { .. } => Ok(()),
        }
    }

    fn payment_step(&mut self, step: &OrderStep, at: UtcMs) -> Result<(), Misfit> {
        let payments = &mut self.account_mut().payments;
        match step {
            OrderStep::PaymentStarted { attempt, gateway, method, amount_minor, .. } => {
                if super::count(payments.len()) + 1 != *attempt {
                    return Err("attempts are counted from 1");
                }
                payments.push(Payment {
                    state: PaymentState::Started,
                    gateway: gateway.clone(),
                    method: method.clone(),
                    amount_minor: *amount_minor,
                    captured_minor: 0,
                    started_at: at,
                    reference: Word::default(),
                    note: Word::default(),
                    lapses_at: None,
                    fingerprint: None,
                    capture_refused: false,
                });
                Ok(())
            }
            OrderStep::PaymentObserved { attempt, seen, .. } => {
                let payment = super::nth(payments, *attempt).ok_or("there is no such attempt")?;
                payment.observe(seen).then_some(()).ok_or("the observation says nothing new")
            }
            OrderStep::CaptureRefused { attempt, code } => {
                let payment = super::nth(payments, *attempt).ok_or("there is no such attempt")?;
                if payment.state != PaymentState::Authorized || payment.capture_refused {
                    return Err("there is nothing to capture");
                }
                payment.capture_refused = true;
                payment.note = code.clone();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn refund_step(&mut self, step: &OrderStep, at: UtcMs) -> Result<(), Misfit> {
        match step {
            OrderStep::RefundStarted { refund, attempt, amount_minor, tickets, back, reason } => {
                if super::count(self.refunds().len()) + 1 != *refund {
                    return Err("refunds are counted from 1");
                }
                if *amount_minor < 0 || *amount_minor > self.left_minor(*attempt) {
                    return Err("more would go back than came in");
                }
                self.kill(tickets, back, TicketStatus::Refunded)?;
                // Tickets that cost nothing go back without a gateway.
                let state = if *amount_minor == 0 { RefundState::Succeeded } else { RefundState::Requested };
                self.account_mut().refunds.push(Refund {
                    state,
                    attempt: *attempt,
                    amount_minor: *amount_minor,
                    tickets: tickets.clone(),
                    reason: *reason,
                    tries: 0,
                    started_at: at,
                    reference: Word::default(),
                    note: Word::default(),
                    through: None,
                    came_back: Vec::new(),
                });
                Ok(())
            }
            OrderStep::RefundObserved { refund, seen } => {
                let refund = super::nth(&mut self.account_mut().refunds, *refund);
                let refund = refund.ok_or("there is no such refund")?;
                refund.observe(refund.tries, seen, at).then_some(()).ok_or("the observation says nothing new")
            }
            OrderStep::RefundTryObserved { refund, tries, seen } => {
                let refund = super::nth(&mut self.account_mut().refunds, *refund);
                let new = refund.ok_or("there is no such refund")?.observe(*tries, seen, at);
                new.then_some(()).ok_or("the observation says nothing new")
            }
            OrderStep::RefundRetried { refund } => {
                let refund = super::nth(&mut self.account_mut().refunds, *refund);
                let stuck = refund.ok_or("there is no such refund")?.retry(at);
                stuck.then_some(()).ok_or("the refund is not stuck")
            }
            _ => Ok(()),
        }
    }

    fn ticket_step(&mut self, step: &OrderStep, at: UtcMs) -> Result<(), Misfit> {
        match step {
            OrderStep::Transferred { tickets, to } => {
                self.are_valid(tickets)?;
                for index in tickets {
                    let ticket = self.ticket_mut(*index);
                    ticket.issue += 1;
                    ticket.holder = Some(*to);
                }
                Ok(())
            }
            OrderStep::Exchanged { tickets, back, taken } => {
                self.are_valid(tickets)?;
                self.kill(tickets, back, TicketStatus::Exchanged)?;
                self.account_mut().exchanged.push(taken.clone());
                Ok(())
            }
            OrderStep::Redeemed { ticket, way, forced, .. } => {
                let valid = self.are_valid(&[*ticket]);
                if !forced {
                    valid?;
                }
                if *ticket >= self.ticket_count() {
                    return Err("there is no such ticket");
                }
                let ticket = self.ticket_mut(*ticket);
                let inside = ticket.inside_since.is_some();
                match way {
                    Way::Entry if inside && !forced => return Err("somebody is inside with it"),
                    Way::Exit if !inside && !forced => return Err("nobody is inside with it"),
                    Way::Entry => {
                        ticket.inside_since = Some(at);
                        ticket.entries += 1;
                    }
                    Way::Exit => ticket.inside_since = None,
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn restatus(&mut self, from: TicketStatus, to: TicketStatus) {
        for index in 0..self.ticket_count() {
            if self.ticket(index).is_some_and(|ticket| ticket.status == from) {
                let ticket = self.ticket_mut(index);
                ticket.status = to;
                // Scanners that are offline know the old code as dead, for good.
                ticket.issue += u32::from(to == TicketStatus::Valid);
            }
        }
    }

    fn are_valid(&self, tickets: &[u32]) -> Result<(), Misfit> {
        let valid = |index: &u32| self.ticket(*index).is_some_and(|t| t.status == TicketStatus::Valid);
        tickets.iter().all(valid).then_some(()).ok_or("a ticket is not valid")
    }

    /// Tickets die and their places go back.
    pub(super) fn kill(&mut self, tickets: &[u32], back: &Lines, status: TicketStatus) -> Result<(), Misfit> {
        if !tickets.is_sorted_by(|a, b| a < b) {
            return Err("tickets are not ascending and distinct");
        }
        let live = self.live_tickets();
        if !tickets.iter().all(|index| live.binary_search(index).is_ok()) {
            return Err("a ticket is dead already");
        }
        if self.places_of(tickets) != *back {
            return Err("what goes back is not what the tickets are for");
        }
        for index in tickets {
            self.ticket_mut(*index).status = status;
        }
        Ok(())
    }
}
