//! What a hand does at a gateway about a payment: authorise, look up, capture, void.
//!
//! Whatever this process has not just written is looked up before it is sent, and an authorisation is never sent again when the gateway may
//! have forgotten its key. *Unknown* changes nothing: the next round looks the payment up.

use std::sync::Arc;

use super::drive::{Did, Fresh, Hand, done};
use super::line::{Asks, Line, NotCalled};
use crate::answer::OrderDetails;
use crate::gateway::{Answer, Authorize, Capture, GatewayAction, GatewayKey, LookUp, Void};
use crate::money::Money;
use crate::order::{Charge, News, PaymentSeen, PaymentState, Word};
use crate::time::UtcMs;

/// How long an authorisation may be sent under its key, in milliseconds, if the gateway keeps keys so long: an eighth is left for clocks that
/// differ and calls that are on their way.
pub(super) const fn sendable_ms(key_retention_ms: u64) -> u64 {
    key_retention_ms - key_retention_ms / 8
}

impl From<NotCalled> for Did {
    fn from(not: NotCalled) -> Self {
        match not {
            NotCalled::Shut(until) => Did::Shut(until),
            NotCalled::Full => Did::Leave,
        }
    }
}

/// A name, unless it is not known.
pub(super) fn known(reference: &Word) -> Option<Word> {
    (!reference.as_str().is_empty()).then(|| reference.clone())
}

impl Hand<'_> {
    pub(super) const fn key(&self, action: GatewayAction, number: u32) -> GatewayKey {
        GatewayKey::new(self.drive.order, action, number)
    }

    /// An amount in the event's currency.
    pub(super) fn money(&self, minor: i64) -> Option<Money> {
        let manifest = self.inner.office.manifest(self.drive.order.event).ok()?;
        Some(Money { minor, currency: manifest.rules().currency })
    }

    /// Reserves the money; looks it up first unless the intent was written just now.
    pub(super) async fn authorize(&mut self, at: UtcMs, charge: &Charge) -> Did {
        let Some(line) = self.inner.line(&charge.gateway) else { return Did::Leave };
        let fresh = self.drive.take_fresh(Fresh::Payment(charge.attempt)) && charge.attempt > self.sent;
        self.sent = charge.attempt;
        let age_ms = at.max(self.inner.clock.now()).since_ms(charge.started_at);
        let sendable = age_ms < sendable_ms(line.gateway.key_retention_ms());
        if !fresh {
            match self.look_up(&line, charge).await {
                Err(did) => return did,
                Ok(Answer::Yes(PaymentSeen::NotFound)) if sendable => {}
                Ok(Answer::Yes(PaymentSeen::NotFound)) => return self.not_found(age_ms, charge).await,
                Ok(Answer::Yes(seen)) => return self.saw(charge.attempt, seen).await,
                Ok(_) => return Did::Failed,
            }
        }
        let Some(amount) = self.money(charge.amount_minor).filter(|_| sendable) else { return Did::Failed };
        let call = Authorize {
            key: self.key(GatewayAction::Authorize, charge.attempt),
            amount,
            method: charge.method.clone(),
            capture_now: false,
            return_url: self.drive.return_url(charge.attempt).or(self.inner.options.return_url.clone()),
        };
        let said = line
            .call(&self.inner.pool, Asks::Money, move |gateway, reply| gateway.authorize(call, reply))
            .await;
        if fresh && matches!(said, Err(_) | Ok(Answer::No { retry_may_help: true, .. })) {
            // Nobody has heard of it.
            self.sent = charge.attempt - 1;
            self.drive.note_fresh(Fresh::Payment(charge.attempt));
        }
        match said {
            Err(not) => not.into(),
            Ok(Answer::Yes(PaymentSeen::NotFound)) => Did::Failed,
            Ok(Answer::Yes(seen)) => self.saw(charge.attempt, seen).await,
            Ok(Answer::No { code, retry_may_help: false }) => {
                self.saw(charge.attempt, PaymentSeen::Declined { code }).await
            }
            Ok(_) => Did::Failed,
        }
    }

    /// Learns where a payment stands that is not to be sent: the buyer is acting, or the order is over.
    pub(super) async fn look(&mut self, at: UtcMs, details: &OrderDetails, charge: &Charge) -> Did {
        let Some(line) = self.inner.line(&charge.gateway) else { return Did::Leave };
        if self.looked && details.order.state.is_live() {
            return Did::Leave;
        }
        self.sent = self.sent.max(charge.attempt);
        match self.look_up(&line, charge).await {
            Err(did) => did,
            Ok(Answer::Yes(PaymentSeen::NotFound)) => {
                let age_ms = at.max(self.inner.clock.now()).since_ms(charge.started_at);
                self.not_found(age_ms, charge).await
            }
            Ok(Answer::Yes(seen)) => self.saw(charge.attempt, seen).await,
            Ok(_) => Did::Failed,
        }
    }

    /// The gateway has never heard of a payment that nobody will send (again): after the grace it counts as never received.
    async fn not_found(&mut self, age_ms: u64, charge: &Charge) -> Did {
        if age_ms < self.inner.options.not_found_grace_ms {
            return Did::Leave;
        }
        self.saw(charge.attempt, PaymentSeen::NotFound).await
    }

    /// Takes reserved money; looks first whether it is still reserved, unless the gateway has just said so.
    pub(super) async fn capture(&mut self, charge: &Charge) -> Did {
        let Some(line) = self.inner.line(&charge.gateway) else { return Did::Leave };
        let told = self.reserved.take() == Some(charge.attempt);
        if !told && let Some(did) = self.moved_on(&line, charge).await {
            return did;
        }
        let Some(amount) = self.money(charge.amount_minor) else { return Did::Failed };
        let key = self.key(GatewayAction::Capture, charge.attempt);
        let call = Capture { key, reference: charge.reference.clone(), amount };
        match line
            .call(&self.inner.pool, Asks::Deed, move |gateway, reply| gateway.capture(call, reply))
            .await
        {
            Err(not) => not.into(),
            Ok(Answer::Yes(seen @ (PaymentSeen::Captured { .. } | PaymentSeen::Voided))) => {
                self.saw(charge.attempt, seen).await
            }
            Ok(Answer::No { code, retry_may_help: false }) => {
                // Not captured by this call: by an earlier one, perhaps.
                match self.moved_on(&line, charge).await {
                    Some(did) => did,
                    None => {
                        let attempt = charge.attempt;
                        done(&self.observe(News::CaptureRefused { attempt, code }).await)
                    }
                }
            }
            Ok(_) => Did::Failed,
        }
    }

    /// Gives a reservation back, or keeps a payment that waits for its buyer from ever succeeding.
    pub(super) async fn void(&mut self, details: &OrderDetails, charge: &Charge) -> Did {
        let Some(line) = self.inner.line(&charge.gateway) else { return Did::Leave };
        let at = charge.attempt as usize - 1;
        let acting = details.payments.get(at).is_some_and(|p| p.state == PaymentState::ActionRequired);
        // What we know as reserved and the gateway as nothing is given back.
        let read = |seen| match seen {
            PaymentSeen::Declined { .. } | PaymentSeen::NotFound if !acting => PaymentSeen::Voided,
            seen => seen,
        };
        let told = self.reserved.take() == Some(charge.attempt);
        if !told || acting {
            match self.look_up(&line, charge).await {
                Err(did) => return did,
                Ok(Answer::Yes(PaymentSeen::ActionRequired { .. })) if acting => {}
                Ok(Answer::Yes(PaymentSeen::Authorized { .. })) if !acting => {}
                Ok(Answer::Yes(seen)) => return self.saw(charge.attempt, read(seen)).await,
                Ok(_) => return Did::Failed,
            }
        }
        let key = self.key(GatewayAction::Void, charge.attempt);
        let call = Void { key, reference: known(&charge.reference) };
        match line.call(&self.inner.pool, Asks::Deed, move |gateway, reply| gateway.void(call, reply)).await {
            Err(not) => not.into(),
            Ok(Answer::Yes(PaymentSeen::ActionRequired { .. } | PaymentSeen::Authorized { .. })) => {
                Did::Failed
            }
            Ok(Answer::Yes(seen)) => self.saw(charge.attempt, read(seen)).await,
            Ok(Answer::No { retry_may_help: false, .. }) => match self.look_up(&line, charge).await {
                Err(did) => did,
                Ok(Answer::Yes(seen @ (PaymentSeen::Captured { .. } | PaymentSeen::Voided))) => {
                    self.saw(charge.attempt, seen).await
                }
                Ok(_) => Did::Failed,
            },
            Ok(_) => Did::Failed,
        }
    }

    /// Looks up money that is reserved as far as we know; if the gateway knows of more, that is noted.
    async fn moved_on(&mut self, line: &Arc<Line>, charge: &Charge) -> Option<Did> {
        match self.look_up(line, charge).await {
            Err(did) => Some(did),
            Ok(Answer::Yes(seen @ (PaymentSeen::Captured { .. } | PaymentSeen::Voided))) => {
                Some(self.saw(charge.attempt, seen).await)
            }
            // Reserved; or the gateway does not know it under this name any more, and will say so when it is asked for the money.
            Ok(Answer::Yes(_)) => None,
            Ok(_) => Some(Did::Failed),
        }
    }

    async fn look_up(&self, line: &Arc<Line>, charge: &Charge) -> Result<Answer<PaymentSeen>, Did> {
        let call = LookUp {
            key: self.key(GatewayAction::Authorize, charge.attempt),
            reference: known(&charge.reference),
            payment: None,
            since: charge.started_at,
        };
        Ok(line
            .call(&self.inner.pool, Asks::News, move |gateway, reply| gateway.look_up(call, reply))
            .await?)
    }

    /// Tells the order what the gateway said.
    async fn saw(&mut self, attempt: u32, seen: PaymentSeen) -> Did {
        self.looked = matches!(seen, PaymentSeen::ActionRequired { .. });
        self.reserved = matches!(seen, PaymentSeen::Authorized { .. }).then_some(attempt);
        done(&self.observe(News::Payment { attempt, seen }).await)
    }
}
