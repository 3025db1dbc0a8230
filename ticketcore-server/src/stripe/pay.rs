//! What is asked about payments: authorise, capture, void, look up.

use sha2::{Digest, Sha256};
use ticketcore::gateway::{Answer, Authorize, Capture, GatewayAction, GatewayKey, LookUp, Void};
use ticketcore::order::PaymentSeen;
use ticketcore::{Currency, Money, UtcMs, Word};

use super::failure::{Failure, Refused};
use super::find::INTENTS;
use super::form::Form;
use super::gateway::Core;
use super::objects::PaymentIntent;
use super::{METADATA_CALL, METADATA_KEY, METADATA_ORDER};

/// Currencies whose smallest unit is another one for Stripe than in ISO 4217: an amount would be taken as a hundred times as much, or as a
/// hundredth.
const OTHER_UNIT: [&str; 3] = ["ISK", "MGA", "UGX"];

/// What a return address has in the place of the order's id.
const ORDER_PLACE: &str = "{order}";

impl Core {
    pub async fn authorize(&self, call: Authorize) -> Answer<PaymentSeen> {
        if call.key.action != GatewayAction::Authorize {
            return Answer::never("wrong_key");
        }
        if call.amount.minor <= 0 {
            return Answer::never("bad_amount");
        }
        if !takes(call.amount.currency) {
            return Answer::never("unsupported_currency");
        }
        let key = call.key.to_string();
        let mut form = Form::new()
            .with("amount", &call.amount.minor.to_string())
            .with("currency", &currency(call.amount))
            .with("capture_method", if call.capture_now { "automatic" } else { "manual" })
            .with("confirm", "true")
            .with("payment_method", call.method.as_str());
        for kind in &self.options.method_types {
            form = form.with("payment_method_types[]", kind);
        }
        form = named(form, call.key, &fingerprint(&call)).with("expand[]", "latest_charge");
        if let Some(url) = &call.return_url {
            form = form.with("return_url", &url.as_str().replace(ORDER_PLACE, &call.key.order.to_string()));
        }
        match self.api.post::<PaymentIntent>(INTENTS, &form, Some(&key)).await {
            Ok(said) => self.paid(&call, said.object),
            Err(Failure::Refused(refused)) => self.not_paid(&call, &refused).await,
            Err(failure) => failure.answer(),
        }
    }

    /// What Stripe made of it.
    fn paid(&self, call: &Authorize, intent: PaymentIntent) -> Answer<PaymentSeen> {
        match self.noted(intent) {
            Ok(intent) if !is_about(&intent, call.key, call.amount) => {
                Answer::unknown("the gateway answers about another payment")
            }
            Ok(intent) => self.seen(&intent),
            Err(failure) => failure.answer(),
        }
    }

    async fn not_paid(&self, call: &Authorize, refused: &Refused) -> Answer<PaymentSeen> {
        if refused.is_key_reused() {
            return self.key_reused(call).await;
        }
        let made = refused.error.payment_intent.as_ref();
        let made = made.filter(|intent| is_about(intent, call.key, call.amount)).cloned();
        if let Some(intent) = made.and_then(|intent| self.noted(intent).ok()) {
            // The same, with the bank's own code.
            let declined = refused.is_declined() && intent.status == "requires_payment_method";
            if !declined && refused.status.is_client_error() {
                return self.seen(&intent);
            }
        }
        if refused.is_declined() {
            return Answer::Yes(PaymentSeen::Declined { code: Word::cut(refused.code()) });
        }
        Failure::answer_of(refused)
    }

    /// The key came with other parameters. Perhaps only with another return address, after the house moved: then it is the same payment.
    async fn key_reused(&self, call: &Authorize) -> Answer<PaymentSeen> {
        match self.find_intent(call.key, UtcMs(0)).await {
            Ok(Some(intent)) if intent.call() == Some(&fingerprint(call)) => self.seen(&intent),
            Ok(Some(_)) => Answer::never("key_reused"),
            // Used, and not for a payment that is there.
            Ok(None) => Answer::unknown("the key was used"),
            Err(failure) => failure.doubt(),
        }
    }

    pub async fn capture(&self, call: Capture) -> Answer<PaymentSeen> {
        let payment = Some(call.key).filter(|key| key.action == GatewayAction::Capture);
        let Some(payment) = payment.and_then(GatewayKey::payment) else { return Answer::never("wrong_key") };
        if call.amount.minor <= 0 {
            return Answer::never("bad_amount");
        }
        // Stripe captures what it is told to, in the payment's own currency.
        let intent = match self.own(payment, call.reference.as_str()).await {
            Ok(intent) => intent,
            Err(answer) => return answer,
        };
        if intent.currency() != Some(call.amount.currency) {
            return Answer::never("wrong_currency");
        }
        let form = Form::new()
            .with("amount_to_capture", &call.amount.minor.to_string())
            .with("expand[]", "latest_charge");
        let path = format!("{INTENTS}/{}/capture", intent.id);
        match self.api.post_once::<PaymentIntent>(&path, &form, &call.key.to_string()).await {
            Ok(said) => self.seen(&said.object),
            Err(Failure::Refused(refused)) if refused.is_key_reused() => Answer::never("key_reused"),
            Err(Failure::Refused(refused)) => match refused.error.payment_intent.as_ref() {
                Some(intent) if refused.status == 400 && intent.status == "canceled" => {
                    Answer::never("voided")
                }
                _ => Failure::answer_of(&refused),
            },
            Err(failure) => failure.answer(),
        }
    }

    pub async fn void(&self, call: Void) -> Answer<PaymentSeen> {
        let payment = Some(call.key).filter(|key| key.action == GatewayAction::Void);
        let Some(payment) = payment.and_then(GatewayKey::payment) else { return Answer::never("wrong_key") };
        let found = match &call.reference {
            Some(reference) => self.own(payment, reference.as_str()).await.map(Some),
            None => self.find_intent(payment, UtcMs(0)).await.map_err(|failure| failure.doubt()),
        };
        let intent = match found {
            Ok(Some(intent)) => intent,
            Ok(None) => return Answer::Yes(PaymentSeen::NotFound),
            Err(answer) => return answer,
        };
        if let Some(answer) = self.is_void(&intent) {
            return answer;
        }
        let form = Form::new().with("expand[]", "latest_charge");
        let path = format!("{INTENTS}/{}/cancel", intent.id);
        match self.api.post_once::<PaymentIntent>(&path, &form, &call.key.to_string()).await {
            Ok(said) => self.seen(&said.object),
            // It has moved on meanwhile.
            Err(Failure::Refused(refused)) if refused.status == 400 => match self.intent(&intent.id).await {
                Ok(intent) => self.is_void(&intent).unwrap_or_else(|| Failure::answer_of(&refused)),
                Err(failure) => failure.doubt(),
            },
            Err(failure) => failure.answer(),
        }
    }

    /// What a void comes to if there is nothing to be done; `None` if there is.
    fn is_void(&self, intent: &PaymentIntent) -> Option<Answer<PaymentSeen>> {
        match intent.status.as_str() {
            "succeeded" => Some(Answer::never("already_captured")),
            "processing" => Some(Answer::not_now("processing")),
            "canceled" => Some(Answer::Yes(PaymentSeen::Voided)),
            "requires_payment_method" if intent.last_payment_error.is_some() => Some(self.seen(intent)),
            _ => None,
        }
    }

    pub async fn look_up(&self, call: LookUp) -> Answer<PaymentSeen> {
        if call.key.action != GatewayAction::Authorize {
            return Answer::Yes(PaymentSeen::NotFound);
        }
        let found = match &call.reference {
            Some(reference) => self.intent(reference.as_str()).await.map(Some),
            None => self.find_intent(call.key, call.since).await,
        };
        match found {
            Ok(Some(intent)) if intent.key() == Some(call.key) => self.seen(&intent),
            Ok(Some(_)) => Answer::unknown("the payment bears another key"),
            Ok(None) => Answer::Yes(PaymentSeen::NotFound),
            Err(failure) => failure.doubt(),
        }
    }

    /// The payment of this key and name.
    pub async fn own<T>(&self, payment: GatewayKey, reference: &str) -> Result<PaymentIntent, Answer<T>> {
        match self.intent(reference).await {
            Ok(intent) if intent.key() == Some(payment) => Ok(intent),
            Ok(_) => Err(Answer::never("no_such_payment")),
            Err(Failure::Refused(refused)) if refused.is_not_found() => Err(Answer::never("no_such_payment")),
            // Nothing was asked for yet, and may be asked for again.
            Err(failure) => Err(match failure.doubt() {
                Answer::Unknown { reason } => Answer::not_now(&reason),
                answer => answer,
            }),
        }
    }

    pub fn seen(&self, intent: &PaymentIntent) -> Answer<PaymentSeen> {
        self.reader.payment(intent, self.clock.now())
    }
}

/// Whether a currency is one that Stripe counts as the orders do.
pub(crate) fn takes(currency: Currency) -> bool {
    !OTHER_UNIT.contains(&currency.as_str())
}

pub(super) fn currency(amount: Money) -> String {
    amount.currency.as_str().to_ascii_lowercase()
}

/// Puts its names on something new.
pub(super) fn named(form: Form, key: GatewayKey, call: &str) -> Form {
    form.metadata(METADATA_KEY, &key.to_string())
        .metadata(METADATA_ORDER, &key.order.to_string())
        .metadata(METADATA_CALL, call)
}

/// A hash of what a call is about: where the buyer returns to is no part of it.
fn fingerprint(call: &Authorize) -> String {
    let now = if call.capture_now { "now" } else { "later" };
    short_hash(&format!("{} {} {now} {}", call.amount.minor, call.amount.currency, call.method))
}

pub(super) fn short_hash(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(16).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn is_about(intent: &PaymentIntent, key: GatewayKey, amount: Money) -> bool {
    intent.key() == Some(key) && intent.amount == amount.minor && intent.currency() == Some(amount.currency)
}
