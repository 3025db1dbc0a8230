//! What disputes do to an order: its money, and the tickets that were bought with it.

use super::dispute::{Dispute, DisputeState};
use super::machine::Misfit;
use super::payment::PaymentState;
use super::record::OrderRecord;
use super::step::{EndReason, OrderStep};
use super::tickets::TicketStatus;
use super::word::Word;
use crate::fact::Lines;

impl OrderRecord {
    pub(super) fn dispute_step(&mut self, step: &OrderStep) -> Result<(), Misfit> {
        match step {
            OrderStep::DisputeOpened { attempt, reference } => {
                if self.disputes().iter().any(Dispute::is_open) {
                    return Err("a dispute is open");
                }
                let all = self.payment(*attempt).map_or(0, |payment| payment.captured_minor);
                self.begin_dispute(*attempt, reference, all)
            }
            OrderStep::DisputeClosed { won, back } => self.close_dispute(*won, back),
            OrderStep::DisputeBegun { attempt, reference, amount_minor } => {
                if self.dispute(reference).is_some() {
                    return Err("the dispute is known");
                }
                self.begin_dispute(*attempt, reference, *amount_minor)
            }
            OrderStep::DisputeEnded { attempt, reference, won, amount_minor, lost_minor, back } => {
                let at = self.end_dispute(*attempt, reference, *amount_minor)?;
                if self.settle_dispute(at, *won)? != *lost_minor {
                    return Err("a dispute takes what was disputed and is left");
                }
                self.tickets_after(*attempt, *won, back)
            }
            _ => Ok(()),
        }
    }

    fn begin_dispute(&mut self, attempt: u32, reference: &Word, amount_minor: i64) -> Result<(), Misfit> {
        self.add_dispute(attempt, reference, amount_minor)?;
        if self.pays(attempt) && self.terms().is_none_or(|terms| terms.rules.disputes_revoke) {
            self.restatus(TicketStatus::Valid, TicketStatus::Disputed);
        }
        Ok(())
    }

    fn add_dispute(&mut self, attempt: u32, reference: &Word, amount_minor: i64) -> Result<(), Misfit> {
        let payment = self.payment(attempt).filter(|payment| payment.state == PaymentState::Captured);
        let payment = payment.ok_or("there is no money to dispute")?;
        if !(0..=payment.captured_minor).contains(&amount_minor) {
            return Err("more is disputed than came in");
        }
        let (reference, state) = (reference.clone(), DisputeState::Open);
        let dispute = Dispute { reference, attempt, amount_minor, state, lost_minor: 0 };
        self.account_mut().disputes.push(dispute);
        Ok(())
    }

    /// The dispute that ends, which may not have been known.
    fn end_dispute(&mut self, attempt: u32, reference: &Word, amount_minor: i64) -> Result<usize, Misfit> {
        let disputes = &mut self.account_mut().disputes;
        let Some(at) = disputes.iter().position(|dispute| dispute.reference == *reference) else {
            let at = disputes.len();
            return self.add_dispute(attempt, reference, amount_minor).map(|()| at);
        };
        let dispute = &mut disputes[at];
        if !dispute.is_open() || dispute.attempt != attempt {
            return Err("the dispute is over, or about other money");
        }
        if !(0..=dispute.amount_minor).contains(&amount_minor) {
            return Err("more was disputed than when it began");
        }
        dispute.amount_minor = amount_minor;
        Ok(at)
    }

    /// Settles dispute number `at`; answers what it took.
    fn settle_dispute(&mut self, at: usize, won: bool) -> Result<i64, Misfit> {
        let dispute = self.disputes().get(at).ok_or("there is no such dispute")?;
        let attempt = dispute.attempt;
        let lost_minor = if won { 0 } else { dispute.amount_minor.min(self.left_minor(attempt)) };
        let account = self.account_mut();
        account.disputed_minor += lost_minor;
        if let Some(dispute) = account.disputes.get_mut(at) {
            dispute.state = if won { DisputeState::Won } else { DisputeState::Lost };
            dispute.lost_minor = lost_minor;
        }
        if let Some(payment) = super::nth(&mut account.payments, attempt) {
            payment.captured_minor -= lost_minor;
        }
        Ok(lost_minor)
    }

    /// The tickets of a dispute that is over: they die with the last of the money that bought them, else they are good again when nothing of it
    /// is in dispute any more.
    fn tickets_after(&mut self, attempt: u32, won: bool, back: &Lines) -> Result<(), Misfit> {
        if won || !self.pays(attempt) || self.left_minor(attempt) > 0 {
            if self.pays(attempt) && !self.is_disputed(attempt) {
                self.restatus(TicketStatus::Disputed, TicketStatus::Valid);
            }
            return (back.places() == 0).then_some(()).ok_or("tickets die whose money is there");
        }
        self.account_mut().reason = Some(EndReason::Asked);
        let live = self.live_tickets();
        self.kill(&live, back, TicketStatus::Refunded)
    }

    /// As disputes were closed when an order had one at a time, that nobody remembered.
    fn close_dispute(&mut self, won: bool, back: &Lines) -> Result<(), Misfit> {
        let open = self.disputes().iter().position(Dispute::is_open).ok_or("no dispute is open")?;
        let attempt = self.disputes().get(open).map_or(0, |dispute| dispute.attempt);
        self.settle_dispute(open, won)?;
        self.account_mut().disputes.remove(open);
        self.tickets_after(attempt, won, back)
    }
}
