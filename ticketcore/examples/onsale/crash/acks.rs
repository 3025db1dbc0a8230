//! What the seller tells its parent, a line each, and the comparison with the journal.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use ticketcore::fact::{Fact, Lines, Stamp};
use ticketcore::order::OrderStep;
use ticketcore::{EventId, Hold, HoldId, HoldNumber, HoldRequest, UserId};

use crate::tally::{Sale, Violations};

/// One acknowledgement, word for word as the buyer got it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ack {
    /// A hold and what was asked for.
    Hold(Box<(HoldRequest, Hold)>),
    /// The same again, under the same key, after a crash.
    Again(Box<(HoldRequest, Hold)>),
    /// An order is paid and has its tickets.
    Sold(Box<Sale>),
    /// A payment was declined; its seats are free.
    Declined(HoldNumber),
    /// An order's money goes back.
    Refunded(HoldNumber),
    /// Everything is sold, and nothing is left to be done.
    SoldOut,
}

/// What the journal says that buyers were told.
#[derive(Default)]
pub struct Told {
    holds: HashMap<HoldNumber, Hold>,
    sold: HashMap<HoldNumber, Sale>,
    dropped: HashSet<HoldNumber>,
    refunded: HashSet<HoldNumber>,
}

impl Told {
    /// Notes what buyers are told because of a fact.
    pub fn note(&mut self, event: EventId, stamp: Stamp, fact: &Fact) {
        match fact {
            Fact::HoldPlaced(placed) => {
                let number = HoldNumber::new(stamp.revision, placed.user.shard());
                let hold = Hold {
                    id: HoldId { event, number },
                    user: placed.user,
                    lines: placed.lines.clone(),
                    total_minor: placed.lines.total_minor().unwrap_or_default(),
                    deadline: stamp.at.plus_ms(placed.ttl_ms),
                    at: stamp.at,
                    extensions_left: placed.extensions_left,
                    version: stamp.revision,
                    replayed: false,
                };
                self.holds.insert(number, hold);
            }
            Fact::OrderConfirmed(f) => self.sale(f.order, f.user, &f.lines),
            Fact::OrderStepped(f) => match &f.step {
                OrderStep::LateConfirmed { lines } => self.sale(f.order, f.user, lines),
                OrderStep::Dropped { .. } => _ = self.dropped.insert(f.order),
                OrderStep::RefundStarted { .. } => _ = self.refunded.insert(f.order),
                _ => {}
            },
            _ => {}
        }
    }

    fn sale(&mut self, order: HoldNumber, user: UserId, lines: &Lines) {
        let total_minor = lines.total_minor().unwrap_or_default();
        self.sold.insert(order, Sale { order, user, lines: lines.clone(), total_minor });
    }

    /// How many acknowledgements are not in the journal as they were given.
    pub fn lost<'a>(&self, acks: impl Iterator<Item = &'a Ack>, violations: &mut Violations) -> u64 {
        let mut lost = 0;
        for ack in acks {
            let there = match ack {
                Ack::Hold(ack) | Ack::Again(ack) => {
                    let hold = Hold { replayed: false, ..ack.1.clone() };
                    self.holds.get(&hold.id.number) == Some(&hold)
                }
                Ack::Sold(sale) => self.sold.get(&sale.order) == Some(sale),
                Ack::Declined(order) => self.dropped.contains(order),
                Ack::Refunded(order) => self.refunded.contains(order),
                Ack::SoldOut => true,
            };
            if !there {
                lost += 1;
                violations.add(format!("acknowledged and not in the journal: {ack:?}"));
            }
        }
        lost
    }
}
