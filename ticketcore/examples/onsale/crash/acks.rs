//! What the seller tells its parent, a line each, and the comparison with the journal.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use ticketcore::fact::{Fact, Lines, Stamp};
use ticketcore::{
    EventId, Hold, HoldId, HoldNumber, HoldRequest, Order, OrderId, OrderState, Revision, UserId, UtcMs,
};

use crate::tally::Violations;

/// One acknowledgement, word for word as the buyer got it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ack {
    /// A hold and what was asked for.
    Hold(Box<(HoldRequest, Hold)>),
    /// The same again, under the same key, after a crash.
    Again(Box<(HoldRequest, Hold)>),
    /// An order was opened, confirmed or cancelled.
    Order(Box<Order>),
    /// Everything is sold.
    SoldOut,
}

/// What the journal says that buyers were told.
#[derive(Default)]
pub struct Told {
    holds: HashMap<HoldNumber, Hold>,
    /// By order and revision.
    orders: HashMap<(HoldNumber, Revision), Order>,
}

impl Told {
    /// Notes what the answer to a fact was.
    pub fn note(&mut self, event: EventId, stamp: Stamp, fact: &Fact) {
        let order = |number, user, state, lines: &Lines, payment_deadline| Order {
            id: OrderId { event, number },
            user,
            state,
            lines: lines.clone(),
            total_minor: lines.total_minor().unwrap_or_default(),
            payment_deadline,
            version: stamp.revision,
            replayed: false,
        };
        let mut noted = |number: HoldNumber, user: UserId, state, lines: &Lines, deadline: Option<UtcMs>| {
            self.orders.insert((number, stamp.revision), order(number, user, state, lines, deadline));
        };
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
            Fact::OrderOpened(f) => {
                noted(f.hold, f.user, OrderState::Open, &f.lines, Some(f.payment_deadline))
            }
            Fact::OrderConfirmed(f) => noted(f.order, f.user, OrderState::Confirmed, &f.lines, None),
            Fact::OrderCancelled(f) => noted(f.order, f.user, OrderState::Cancelled, &f.lines, None),
            _ => {}
        }
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
                Ack::Order(order) => {
                    let order = Order { replayed: false, ..(**order).clone() };
                    self.orders.get(&(order.id.number, order.version)) == Some(&order)
                }
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
