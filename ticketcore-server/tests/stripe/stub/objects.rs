//! Stripe's objects as JSON, with what a client might trip over.

use serde_json::{Value, json};

use super::bank::{AUTHORIZATION_MS, Intent, Refund};

impl Intent {
    pub fn json(&self, expanded: bool) -> Value {
        let charge = self.charge_id();
        let latest = match (&charge, expanded) {
            (Some(_), true) => self.charge(),
            (Some(id), false) => json!(id),
            (None, _) => Value::Null,
        };
        let error = self.declined.map(|code| {
            json!({ "type": "card_error", "code": "card_declined", "decline_code": code, "message": "No." })
        });
        let to = self.return_url.as_ref().map(|url| {
            let mut at = format!("https://hooks.stripe.com/redirect/authenticate/{}", self.id);
            if self.method == "pm_card_3ds_far" {
                at.push_str(&format!("?client_secret={}", "s".repeat(300)));
            }
            json!({ "type": "redirect_to_url", "redirect_to_url": { "url": at, "return_url": url } })
        });
        let action = (self.status == "requires_action")
            .then(|| to.unwrap_or_else(|| json!({ "type": "use_stripe_sdk", "use_stripe_sdk": {} })));
        json!({
            "id": self.id, "object": "payment_intent", "amount": self.amount,
            "amount_capturable": self.reserved(), "amount_received": self.received,
            "capture_method": if self.manual { "manual" } else { "automatic" },
            "client_secret": format!("{}_secret_x", self.id), "confirmation_method": "automatic",
            "created": self.created.0 / 1_000, "currency": self.currency, "last_payment_error": error,
            "latest_charge": latest, "livemode": false, "metadata": self.metadata, "next_action": action,
            "payment_method": self.method, "payment_method_types": ["card"], "status": self.status,
        })
    }

    fn charge_id(&self) -> Option<String> {
        let none = matches!(self.status, "requires_action" | "requires_confirmation");
        (!none).then(|| self.id.replacen("pi_", "ch_", 1))
    }

    fn charge(&self) -> Value {
        // What was reserved and not taken is listed as refunded, too.
        let let_go = if self.status == "canceled" { self.amount } else { 0 };
        let let_go = if self.status == "succeeded" { self.amount - self.received } else { let_go };
        let before = (self.created.0 + AUTHORIZATION_MS) / 1_000;
        let mut card = card(&self.method);
        card["capture_before"] = json!(self.manual.then_some(before));
        json!({
            "id": self.charge_id(), "object": "charge", "amount": self.amount, "amount_captured": self.received,
            "amount_refunded": self.refunded + let_go, "captured": self.received > 0,
            "currency": self.currency, "metadata": self.metadata, "payment_intent": self.id,
            "payment_method_details": { "type": "card", "card": card },
        })
    }
}

/// The card of a method: the same for all that begin alike.
pub fn card(method: &str) -> Value {
    let number = method.split("_again").next().unwrap();
    json!({ "brand": "visa", "last4": "4242", "fingerprint": format!("fp_{number}") })
}

impl Refund {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "refund", "amount": self.amount, "created": self.created.0 / 1_000,
            "currency": "eur", "failure_reason": self.reason, "metadata": self.metadata,
            "payment_intent": self.intent, "status": self.status,
        })
    }
}
