//! Turns that the money of an order takes rarely, counted: what a run has never come to, it has not tried.

use std::collections::{BTreeMap, BTreeSet};

use super::tally::Tally;
use crate::fact::{Fact, OrderStep};
use crate::id::HoldNumber;
use crate::order::{RefundSeen, Word};

/// See the module.
#[derive(Default)]
pub(super) struct Twists {
    /// Tries of refunds that went through: order, refund, try.
    through: BTreeSet<(HoldNumber, u32, u32)>,
    /// Disputes by order and name: whether they are open.
    disputes: BTreeMap<(HoldNumber, String), bool>,
}

impl Twists {
    /// Looks at the next fact.
    pub fn note(&mut self, fact: &Fact, tally: &mut Tally) {
        let Fact::OrderStepped(stepped) = fact else { return };
        let order = stepped.order;
        match &stepped.step {
            OrderStep::RefundTryObserved { refund, tries, seen: RefundSeen::Succeeded { .. } } => {
                self.through.insert((order, *refund, *tries));
            }
            OrderStep::RefundTryObserved { refund, tries, seen: RefundSeen::Failed { .. } }
                if self.through.remove(&(order, *refund, *tries)) =>
            {
                tally.twist("refund came back");
            }
            OrderStep::DisputeBegun { reference, .. } => {
                if self.open(order) > 0 {
                    tally.twist("two disputes at once");
                }
                self.note_dispute(order, reference, true);
            }
            OrderStep::DisputeEnded { reference, lost_minor, back, .. } => {
                if self.note_dispute(order, reference, false).is_none() {
                    tally.twist("dispute closed before it was opened");
                }
                if *lost_minor > 0 && back.places() == 0 {
                    tally.twist("dispute lost, tickets left alone");
                }
            }
            _ => {}
        }
    }

    fn open(&self, order: HoldNumber) -> usize {
        let of = self.disputes.range((order, String::new())..).take_while(|((at, _), _)| *at == order);
        of.filter(|(_, open)| **open).count()
    }

    fn note_dispute(&mut self, order: HoldNumber, reference: &Word, open: bool) -> Option<bool> {
        self.disputes.insert((order, reference.as_str().to_owned()), open)
    }
}
