//! A reconciler that goes through what the gateway has, and tells each order what it has not been told.

use super::paid::PaidCommand;
use super::world::World;
use crate::gateway::{GatewayKey, LookUp, PaymentGateway, Reply};
use crate::invariant::Violation;
use crate::order::{News, ObserveRequest, RefundSeen};

impl World {
    /// A reconciler goes through the gateway's list and tells each order what became of its payment.
    pub fn reconcile(&mut self, at: usize) -> Result<(), Violation> {
        let mut after = None;
        loop {
            let (reply, answered) = Reply::pair();
            self.bank.gateway.charges(after, reply);
            let Some(page) = answered.wait().yes() else { return self.reconcile_refunds(at) };
            for charge in page.charges {
                let Some(key) = charge.key else { continue };
                let known = self.history.is_known(key.order.number, key.number, &charge.seen);
                if known {
                    continue;
                }
                let heard = self.bank.hears(key, crate::gateway::Answer::Yes(charge.seen));
                if let Some(seen) = heard.yes() {
                    let news = News::Payment { attempt: key.number, seen };
                    self.tally.news(&news);
                    let request = ObserveRequest { order: key.order, news };
                    self.send_paid(at, PaidCommand::Observe(request))?;
                }
            }
            after = page.next;
            if after.is_none() {
                return self.reconcile_refunds(at);
            }
        }
    }

    /// Refunds that went through are looked up again: nothing is due about them, and the news that one has come back may be lost.
    fn reconcile_refunds(&mut self, at: usize) -> Result<(), Violation> {
        let through: Vec<GatewayKey> = self.bank.through.iter().copied().collect();
        for key in through {
            let (reply, answered) = Reply::pair();
            self.bank.gateway.look_up_refund(LookUp::by_key(key), reply);
            let heard = self.bank.hears_refund(key, answered.wait());
            let Some(seen @ RefundSeen::Failed { .. }) = heard.yes() else { continue };
            let news = News::Refund { refund: key.number, tries: key.tries, seen };
            self.tally.news(&news);
            self.send_paid(at, PaidCommand::Observe(ObserveRequest { order: key.order, news }))?;
        }
        Ok(())
    }
}
