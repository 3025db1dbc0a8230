//! What a hand does at a gateway about a refund.

use super::drive::{Did, Fresh, Hand, done};
use super::line::Asks;
use super::money::{known, sendable_ms};
use crate::answer::OrderDetails;
use crate::gateway::{Answer, GatewayAction, GatewayKey, LookUp, Refund};
use crate::order::{Charge, News, RefundSeen, RefundState, Word};
use crate::time::UtcMs;

/// A try of a refund.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub refund: u32,
    pub tries: u32,
    pub started_at: UtcMs,
}

impl Hand<'_> {
    fn refund_key(&self, refund: u32, tries: u32) -> GatewayKey {
        GatewayKey { tries, ..self.key(GatewayAction::Refund, refund) }
    }

    /// Sends money back; looks it up first unless the try was written just now. One of which the gateway has never heard when it may have
    /// forgotten its key is tried anew, under the next key.
    pub(super) async fn refund(&mut self, at: UtcMs, due: Due, amount_minor: i64, charge: &Charge) -> Did {
        let Some(line) = self.inner.line(&charge.gateway) else { return Did::Leave };
        let key = self.refund_key(due.refund, due.tries);
        let intent = Fresh::Refund(due.refund, due.tries);
        let age_ms = at.max(self.inner.clock.now()).since_ms(due.started_at);
        let sendable = age_ms < sendable_ms(line.gateway.key_retention_ms());
        // What is too old to be found under its key is not sent under it.
        let fresh = self.drive.take_fresh(intent) && sendable;
        if !fresh {
            let payment = known(&charge.reference);
            let call = LookUp { key, reference: None, payment, since: due.started_at };
            let found = line.call(&self.inner.pool, Asks::News, move |gateway, reply| {
                gateway.look_up_refund(call, reply)
            });
            match found.await {
                Err(not) => return not.into(),
                Ok(Answer::Yes(RefundSeen::NotFound)) if sendable => {}
                Ok(Answer::Yes(RefundSeen::NotFound)) => {
                    let seen = RefundSeen::Failed { code: Word::cut("not_found"), retry: true };
                    return self.saw_refund(due.refund, due.tries, seen).await;
                }
                Ok(Answer::Yes(seen)) => return self.saw_refund(due.refund, due.tries, seen).await,
                Ok(_) => return Did::Failed,
            }
        }
        let Some(amount) = self.money(amount_minor) else { return Did::Failed };
        let payment = self.key(GatewayAction::Authorize, charge.attempt);
        let call = Refund { key, payment, reference: charge.reference.clone(), amount };
        let said =
            line.call(&self.inner.pool, Asks::Deed, move |gateway, reply| gateway.refund(call, reply)).await;
        if fresh && matches!(said, Err(_) | Ok(Answer::No { retry_may_help: true, .. })) {
            // Nobody has heard of it.
            self.drive.note_fresh(intent);
        }
        match said {
            Err(not) => not.into(),
            Ok(Answer::Yes(RefundSeen::NotFound)) => Did::Failed,
            Ok(Answer::Yes(seen)) => self.saw_refund(due.refund, due.tries, seen).await,
            Ok(Answer::No { code, retry_may_help: false }) => {
                self.saw_refund(due.refund, due.tries, RefundSeen::Failed { code, retry: false }).await
            }
            Ok(_) => Did::Failed,
        }
    }

    /// Learns what became of the refunds that gateways have: of the one that is due, and of all others, too. One that takes days keeps no
    /// other from being looked up.
    pub(super) async fn look_at_refunds(&mut self, details: &OrderDetails, due: (u32, u32, &Charge)) -> Did {
        let (first, tries, charge) = due;
        let paid = (&charge.reference, charge.started_at);
        let mut did = self.look_at_refund((first, tries), &charge.gateway, paid).await;
        for (refund, number) in details.refunds.iter().zip(1..) {
            if refund.state != RefundState::Submitted || number == first || !matches!(did, Did::Failed) {
                continue;
            }
            let paid = usize::try_from(refund.attempt).ok().and_then(|attempt| attempt.checked_sub(1));
            let Some(paid) = paid.and_then(|at| details.payments.get(at)) else { continue };
            let (gateway, paid) = (&paid.gateway, (&paid.reference, paid.started_at));
            did = self.look_at_refund((number, refund.tries), gateway, paid).await;
        }
        did
    }

    /// Of which refund and try, of whose payment: its name and when it was begun.
    async fn look_at_refund(
        &mut self,
        (refund, tries): (u32, u32),
        gateway: &Word,
        (payment, since): (&Word, UtcMs),
    ) -> Did {
        let Some(line) = self.inner.line(gateway) else { return Did::Leave };
        let key = self.refund_key(refund, tries);
        let call = LookUp { key, reference: None, payment: known(payment), since };
        match line
            .call(&self.inner.pool, Asks::News, move |gateway, reply| gateway.look_up_refund(call, reply))
            .await
        {
            Err(not) => not.into(),
            Ok(Answer::Yes(RefundSeen::Submitted { .. } | RefundSeen::NotFound)) => Did::Failed,
            Ok(Answer::Yes(seen)) => self.saw_refund(refund, tries, seen).await,
            Ok(_) => Did::Failed,
        }
    }

    async fn saw_refund(&self, refund: u32, tries: u32, seen: RefundSeen) -> Did {
        let failed = matches!(seen, RefundSeen::Failed { .. });
        let did = done(&self.observe(News::Refund { refund, tries, seen }).await);
        if did == Did::Moved && failed {
            // The next try is ours, and waits a little.
            self.drive.note_fresh(Fresh::Refund(refund, tries + 1));
            return Did::Failed;
        }
        did
    }
}
