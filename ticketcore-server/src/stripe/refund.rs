//! What is asked about refunds.

use ticketcore::gateway::{Answer, GatewayAction, LookUp, Refund};
use ticketcore::order::RefundSeen;
use ticketcore::{UtcMs, Word};

use super::failure::{Failure, Refused};
use super::find::REFUNDS;
use super::form::Form;
use super::gateway::Core;
use super::objects::{self, PaymentIntent};
use super::pay::{named, short_hash};

/// Refusals that may end, when the account has money again: Stripe keeps them under the key, so another try needs another.
const FAILED_FOR_NOW: [&str; 2] = ["balance_insufficient", "insufficient_funds"];

impl Core {
    pub async fn refund(&self, call: Refund) -> Answer<RefundSeen> {
        if call.key.action != GatewayAction::Refund || call.payment.action != GatewayAction::Authorize {
            return Answer::never("wrong_key");
        }
        if call.amount.minor <= 0 {
            return Answer::never("bad_amount");
        }
        // Stripe refunds what it is told to, in the payment's own currency.
        let intent = match self.own(call.payment, call.reference.as_str()).await {
            Ok(intent) => intent,
            Err(answer) => return answer,
        };
        if intent.currency() != Some(call.amount.currency) {
            return Answer::never("wrong_currency");
        }
        let form =
            Form::new().with("payment_intent", &intent.id).with("amount", &call.amount.minor.to_string());
        let form = named(form, call.key, &fingerprint(&call, &intent));
        match self.api.post::<objects::Refund>(REFUNDS, &form, Some(&call.key.to_string())).await {
            Ok(said) if said.object.key() != Some(call.key) => {
                Answer::unknown("the gateway answers about another refund")
            }
            Ok(said) => {
                self.names.note(call.key, &said.object.id);
                self.reader.refund(&said.object)
            }
            Err(Failure::Refused(refused)) => self.not_refunded(&call, &intent, &refused).await,
            Err(failure) => failure.answer(),
        }
    }

    async fn not_refunded(
        &self,
        call: &Refund,
        intent: &PaymentIntent,
        refused: &Refused,
    ) -> Answer<RefundSeen> {
        if refused.is_key_reused() {
            return match self.find_refund(call.key, Some(&intent.id), UtcMs(0)).await {
                Ok(Some(refund)) if refund.call() == Some(&fingerprint(call, intent)) => {
                    self.reader.refund(&refund)
                }
                Ok(Some(_)) => Answer::never("key_reused"),
                Ok(None) => Answer::unknown("the key was used"),
                Err(failure) => failure.doubt(),
            };
        }
        let code = refused.code();
        if refused.status.is_client_error() && FAILED_FOR_NOW.contains(&code) {
            return Answer::Yes(RefundSeen::Failed { code: Word::cut(code), retry: true });
        }
        Failure::answer_of(refused)
    }

    pub async fn look_up_refund(&self, call: LookUp) -> Answer<RefundSeen> {
        if call.key.action != GatewayAction::Refund {
            return Answer::Yes(RefundSeen::NotFound);
        }
        let payment = call.payment.as_ref().map(Word::as_str);
        match self.find_refund(call.key, payment, call.since).await {
            Ok(Some(refund)) if refund.key() == Some(call.key) => self.reader.refund(&refund),
            Ok(Some(_)) => Answer::unknown("the refund bears another key"),
            Ok(None) => Answer::Yes(RefundSeen::NotFound),
            Err(failure) => failure.doubt(),
        }
    }
}

/// A hash of what a call is about.
fn fingerprint(call: &Refund, intent: &PaymentIntent) -> String {
    short_hash(&format!("{} {} {}", call.amount.minor, call.amount.currency, intent.id))
}
