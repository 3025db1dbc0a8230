//! What a report of Stripe's means when it is looked at now, and where buyers must go.

use ticketcore::gateway::{Answer, GatewayKey, Seen};
use ticketcore::order::{PaymentSeen, RefundSeen};

use super::failure::Failure;
use super::gateway::Core;
use super::objects::PaymentIntent;
use super::read::ASK;
use super::webhook::Report;

/// How long where a buyer must go is good, in milliseconds: Stripe's addresses live for longer, and one that leads nowhere any more does no
/// harm.
const PLACE_MS: u64 = 10_000;

impl Core {
    /// A payment is read again: the report is only a hint that something has happened, may be late, and leaves out the card. So is a refund
    /// that went through: it may have failed since. If it can't be read now, the report, which was signed, must do. A dispute names no key: its
    /// payment is asked for it.
    pub async fn resolve(&self, report: Report) -> Option<Report> {
        match report {
            Report::Seen { key, payment: Some(payment), seen: Seen::Payment(told) } => {
                let Ok(intent) = self.intent(&payment).await else {
                    return Some(Report::Seen { key, payment: Some(payment), seen: Seen::Payment(told) });
                };
                if intent.key() != Some(key) {
                    return None;
                }
                let seen = self.seen(&intent).yes().unwrap_or(told);
                Some(Report::Seen { key, payment: Some(payment), seen: Seen::Payment(seen) })
            }
            Report::Seen { key, payment, seen: Seen::Refund(told @ RefundSeen::Succeeded { .. }) } => {
                let seen = self.refund_now(key, &told).await.unwrap_or(told);
                Some(Report::Seen { key, payment, seen: Seen::Refund(seen) })
            }
            Report::DisputeOpened { dispute, payment, key, amount, inquiry } => {
                let key = key.or(self.disputed(&payment).await?);
                Some(Report::DisputeOpened { dispute, payment, key, amount, inquiry })
            }
            Report::DisputeClosed { dispute, payment, key, amount, won, inquiry } => {
                let key = key.or(self.disputed(&payment).await?);
                Some(Report::DisputeClosed { dispute, payment, key, amount, won, inquiry })
            }
            report => Some(report),
        }
    }

    /// Where a refund stands now that went through, if that can be learnt.
    async fn refund_now(&self, key: GatewayKey, told: &RefundSeen) -> Option<RefundSeen> {
        let RefundSeen::Succeeded { reference } = told else { return None };
        let refund = self.refund_named(reference.as_str()).await.ok()?;
        (refund.key() == Some(key)).then(|| self.reader.refund(&refund).yes())?
    }

    /// The key of a disputed payment: `None` if it is not ours, `Some(None)` if nobody knows now.
    async fn disputed(&self, payment: &str) -> Option<Option<GatewayKey>> {
        match self.intent(payment).await {
            Ok(intent) => intent.key().map(Some),
            Err(Failure::Refused(refused)) if refused.is_not_found() => None,
            Err(_) => Some(None),
        }
    }

    pub async fn next_action_url(&self, next_action: &str) -> Answer<Option<String>> {
        let Some(name) = next_action.strip_prefix(ASK) else {
            return Answer::Yes(Some(next_action.to_owned()));
        };
        if let Some(known) = self.places.get(name, self.clock.now()) {
            return Answer::Yes(known);
        }
        match self.intent(name).await {
            Ok(intent) => {
                let url = self.url(&intent);
                self.places.note(name, url.clone(), self.clock.now().plus_ms(PLACE_MS));
                Answer::Yes(url)
            }
            Err(failure) => failure.doubt(),
        }
    }

    /// Where the buyer must go now, if he must.
    fn url(&self, intent: &PaymentIntent) -> Option<String> {
        let acting = matches!(self.seen(intent), Answer::Yes(PaymentSeen::ActionRequired { .. }));
        let action = intent.next_action.as_ref().filter(|_| acting)?;
        action.redirect_to_url.as_ref()?.url.clone()
    }
}
