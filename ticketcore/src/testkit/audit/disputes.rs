//! Facts that money of an order is disputed, or is not any more.

use super::accounts::places;
use super::books::{Books, Checked, ensure};
use super::quarrel::Said;
use crate::fact::{Lines, OrderStep};
use crate::id::HoldNumber;
use crate::invariant::Invariant;

impl Books {
    /// One of the four.
    pub fn dispute_stepped(&mut self, number: HoldNumber, step: &OrderStep) -> Checked {
        match step {
            OrderStep::DisputeOpened { attempt, reference } => {
                self.with_tickets(number)?.till.dispute_all(*attempt, reference.as_str())?;
                self.tickets_disputed(number, *attempt)
            }
            OrderStep::DisputeClosed { won, back } => {
                let attempt = self.with_tickets(number)?.till.close_the_one(*won)?;
                self.dispute_over(number, attempt, *won, back)
            }
            OrderStep::DisputeBegun { attempt, reference, amount_minor } => {
                let said =
                    Said { attempt: *attempt, name: reference.as_str(), disputed_minor: *amount_minor };
                self.with_tickets(number)?.till.begin_dispute(said)?;
                self.tickets_disputed(number, *attempt)
            }
            OrderStep::DisputeEnded { attempt, reference, won, amount_minor, lost_minor, back } => {
                let said =
                    Said { attempt: *attempt, name: reference.as_str(), disputed_minor: *amount_minor };
                self.with_tickets(number)?.till.end_dispute(said, *won, *lost_minor)?;
                self.dispute_over(number, *attempt, *won, back)
            }
            _ => Ok(()),
        }
    }

    /// Tickets that were bought with disputed money are out of use, if the terms say so.
    fn tickets_disputed(&mut self, number: HoldNumber, attempt: u32) -> Checked {
        let order = self.with_tickets(number)?;
        let revoked = order.till.terms.is_none_or(|terms| terms.rules.disputes_revoke);
        if revoked && order.till.serves(attempt) {
            order.tickets.dispute(true);
        }
        Ok(())
    }

    /// Tickets die if a dispute took the last of their money, and only then; else they are good again when nothing of it is in dispute.
    fn dispute_over(&mut self, number: HoldNumber, attempt: u32, won: bool, back: &Lines) -> Checked {
        let order = self.with_tickets(number)?;
        let serves = order.till.serves(attempt);
        let dead = !won && serves && order.till.left_minor(attempt) == 0;
        if !dead {
            if serves && !order.till.in_dispute(attempt) {
                order.tickets.dispute(false);
            }
            return ensure(places(back)? == 0, Invariant::I2Conservation, || format!("{back:?} is free"));
        }
        order.tickets.kill_all(back)?;
        if places(back)? == 0 { Ok(()) } else { self.unsell(number, back) }
    }
}
