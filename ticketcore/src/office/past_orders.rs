//! The orders of an event as they were: folded from its journal, each step through the order machine.

use hashbrown::HashMap;

use super::past::PastOrder;
use crate::fact::{Fact, HoldEnded, Lines, OrderOpened, Stamp};
use crate::id::{EventId, HoldNumber, OrderId};
use crate::order::{CheckoutOpened, OrderRecord, StepKind};

/// See the module.
#[derive(Default)]
pub(super) struct PastOrders {
    orders: HashMap<HoldNumber, OrderRecord>,
}

impl PastOrders {
    /// Takes the next fact. `Err` says what does not fit.
    pub fn fold(&mut self, stamp: Stamp, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::OrderOpened(f) => self.opened(stamp, f, None),
            Fact::CheckoutOpened(f) => self.opened(stamp, &f.opened, Some(f)),
            Fact::OrderConfirmed(f) => self.close(f.order, StepKind::Confirmed, &f.lines),
            Fact::OrderCancelled(f) => self.close(f.order, StepKind::Cancelled, &f.lines),
            Fact::HoldEnded(HoldEnded { hold, lines, .. }) if self.orders.contains_key(hold) => {
                self.close(*hold, StepKind::Expired, lines)
            }
            Fact::OrderStepped(f) => {
                let order = self.order(f.order)?;
                order.step(&f.step, stamp.at).map_err(|misfit| format!("{:?}: {misfit}", f.order))
            }
            _ => Ok(()),
        }
    }

    fn opened(
        &mut self,
        stamp: Stamp,
        opened: &OrderOpened,
        checkout: Option<&CheckoutOpened>,
    ) -> Result<(), String> {
        // Nothing is forgotten here: the generation says nothing.
        let mut order = OrderRecord::opened(opened.user, stamp.revision, 0, checkout);
        order.lines = opened.lines.clone();
        match self.orders.insert(opened.hold, order) {
            None => Ok(()),
            Some(_) => Err(format!("{:?} is opened twice", opened.hold)),
        }
    }

    fn close(&mut self, number: HoldNumber, kind: StepKind, lines: &Lines) -> Result<(), String> {
        self.order(number)?.close(kind, lines).map_err(|misfit| format!("{number:?}: {misfit}"))
    }

    fn order(&mut self, number: HoldNumber) -> Result<&mut OrderRecord, String> {
        self.orders.get_mut(&number).ok_or_else(|| format!("there is no order {number:?}"))
    }

    /// Every order there has been, by number.
    pub fn end(self, event: EventId) -> Vec<PastOrder> {
        let told = |(number, order): (HoldNumber, OrderRecord)| {
            let owned = order.sold();
            let OrderRecord { user, state, lines, .. } = order;
            PastOrder { id: OrderId { event, number }, user, state, lines, owned }
        };
        let mut orders: Vec<PastOrder> = self.orders.into_iter().map(told).collect();
        orders.sort_unstable_by_key(|order| order.id.number);
        orders
    }
}
