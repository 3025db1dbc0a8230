//! A look over the orders and holds of one shard, for whoever reconciles: what should not be so for long.

use super::EventCore;
use super::scope::{ShardSet, with_shards};
use super::shard::HoldRecord;
use crate::id::{HoldId, HoldNumber, OrderId, SHARDS};
use crate::order::{Dispute, Effect, Finding, OrderRecord, OrderState, PaymentState, RefundState};
use crate::sale::SaleState;
use crate::time::UtcMs;

impl EventCore {
    /// What shard `at` shows. O(its orders and holds), under its lock.
    pub fn findings(&self, at: usize) -> Vec<Finding> {
        let now = self.log.now(self.clock.now());
        let mut found = Vec::new();
        with_shards(&self.state, ShardSet::One(at % SHARDS), |scope| {
            let cancelled = scope.layout.sale_state == SaleState::Cancelled;
            let shard = scope.look(at % SHARDS);
            for (number, order) in &shard.orders {
                let id = OrderId { event: self.id, number: *number };
                of_order(id, order, cancelled, &mut found);
                if order.state.is_live() && !shard.holds.contains_key(number) {
                    found.push(Finding::OrderWithoutHold { order: id });
                }
            }
            for (number, hold) in &shard.holds {
                let live = shard.orders.get(number).is_some_and(|order| order.state.is_live());
                self.of_hold(*number, hold, live, now, &mut found);
            }
        });
        found
    }

    fn of_hold(
        &self,
        number: HoldNumber,
        hold: &HoldRecord,
        live: bool,
        now: UtcMs,
        found: &mut Vec<Finding>,
    ) {
        let id = HoldId { event: self.id, number };
        if hold.deadline <= now {
            found.push(Finding::HoldOverdue { hold: id, deadline: hold.deadline });
        }
        if hold.pinned && !live {
            found.push(Finding::PinnedWithoutOrder { hold: id });
        }
    }
}

fn of_order(id: OrderId, order: &OrderRecord, cancelled: bool, found: &mut Vec<Finding>) {
    for (refund, number) in order.refunds().iter().zip(1..) {
        if refund.state == RefundState::Stuck {
            let amount_minor = refund.amount_minor;
            found.push(Finding::RefundStuck { order: id, refund: number, amount_minor });
        }
    }
    let since = order.last_payment().map_or(UtcMs(0), |payment| payment.started_at);
    match order.next_effect(cancelled) {
        Some(Effect::Confirm | Effect::SettleLate) => {
            found.push(Finding::PaidWithoutTickets { order: id, since });
        }
        Some(Effect::Void(charge) | Effect::LookUp(charge)) if !order.state.is_live() => {
            let since = charge.started_at;
            found.push(Finding::MoneyWithoutOrder { order: id, attempt: charge.attempt, since });
        }
        _ => {}
    }
    if order.state == OrderState::Confirmed && lacks_money(order) {
        found.push(Finding::TicketsWithoutMoney { order: id });
    }
}

/// Whether tickets of it are valid that a gateway was to be paid for, and no money of theirs is in or reserved.
fn lacks_money(order: &OrderRecord) -> bool {
    let Some(account) = order.account.as_deref() else { return false };
    let gateway = account.terms.is_some() && account.outside.is_none() && account.amount_minor > 0;
    let lost = account.disputed_minor > 0 || account.disputes.iter().any(Dispute::is_open);
    let paid = |state| matches!(state, PaymentState::Authorized | PaymentState::Captured);
    gateway
        && !lost
        && !order.last_payment().is_some_and(|payment| paid(payment.state))
        && !order.live_tickets().is_empty()
}
