//! Finding payments and refunds by key.
//!
//! A payment that is found is one. That there is none is proven by Stripe's lists alone, from the time at which it became durable that
//! Stripe would be asked: its search lags behind by a minute or more. A list that is too long proves nothing.

use serde::de::DeserializeOwned;
use ticketcore::UtcMs;
use ticketcore::gateway::GatewayKey;

use super::METADATA_KEY;
use super::METADATA_ORDER;
use super::failure::Failure;
use super::form::Form;
use super::gateway::Core;
use super::objects::{Named, Page, PaymentIntent, Refund};

/// Stripe's clock and ours may differ by so much, in milliseconds.
const SKEW_MS_MAX: u64 = 5 * 60_000;
/// Lists begin so much earlier, in milliseconds: Stripe dates by the second and its clock, we by ours.
const EARLIER_MS: u64 = 2 * SKEW_MS_MAX;

pub(super) const INTENTS: &str = "/v1/payment_intents";
pub(super) const REFUNDS: &str = "/v1/refunds";

/// The name if it looks like one of Stripe's: it becomes part of a path.
pub(super) fn checked<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(prefix)?;
    let plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && !rest.is_empty()).then_some(name)
}

impl Core {
    /// A payment by Stripe's name of it.
    pub async fn intent(&self, name: &str) -> Result<PaymentIntent, Failure> {
        let Some(name) = checked(name, "pi_") else {
            return Err(Failure::NoAnswer(format!("`{name}` is no name of a payment")));
        };
        let path = format!("{INTENTS}/{name}");
        let found = self.api.get(&path, &Form::new().with("expand[]", "latest_charge")).await?;
        self.noted(found.object)
    }

    /// A payment by its key. `None` is a promise.
    pub async fn find_intent(&self, key: GatewayKey, since: UtcMs) -> Result<Option<PaymentIntent>, Failure> {
        if let Some(name) = self.names.get(key) {
            return self.intent(&name).await.map(Some);
        }
        for found in self.search(METADATA_KEY, &key.to_string()).await {
            if found.key() == Some(key) {
                // What the search says of it may be old.
                return self.intent(&found.id).await.map(Some);
            }
        }
        let listed = self.scan::<PaymentIntent>(INTENTS, Form::new(), key, since).await?;
        match listed {
            Some(found) => self.intent(&found.id).await.map(Some),
            None => Ok(None),
        }
    }

    /// A refund by Stripe's name of it.
    pub async fn refund_named(&self, name: &str) -> Result<Refund, Failure> {
        let Some(name) = checked(name, "re_") else {
            return Err(Failure::NoAnswer(format!("`{name}` is no name of a refund")));
        };
        Ok(self.api.get(&format!("{REFUNDS}/{name}"), &Form::new()).await?.object)
    }

    /// A refund by its key. `None` is a promise.
    pub async fn find_refund(&self, key: GatewayKey, since: UtcMs) -> Result<Option<Refund>, Failure> {
        if let Some(name) = self.names.get(key).filter(|name| checked(name, "re_").is_some()) {
            return self.refund_named(&name).await.map(Some);
        }
        // Those of the order's own payments are few, and a refund among them is one.
        for paid in self.search(METADATA_ORDER, &key.order.to_string()).await {
            let of = Form::new().with("payment_intent", &paid.id);
            if let Some(found) = self.scan::<Refund>(REFUNDS, of, key, UtcMs(0)).await? {
                return Ok(Some(found));
            }
        }
        self.scan::<Refund>(REFUNDS, Form::new(), key, since).await
    }

    /// What Stripe's search knows. Nothing if it can't be asked: it proves nothing anyhow.
    async fn search(&self, name: &str, value: &str) -> Vec<PaymentIntent> {
        if !self.options.search {
            return Vec::new();
        }
        let query = Form::new().with("query", &format!("metadata['{name}']:'{value}'")).with("limit", "10");
        let found = self.api.get::<Page<PaymentIntent>>("/v1/payment_intents/search", &query).await;
        found.map(|found| found.object.data).unwrap_or_default()
    }

    /// Reads a list, newest first, until the key is found or the list ends.
    async fn scan<T: DeserializeOwned + Named>(
        &self,
        path: &str,
        filter: Form,
        key: GatewayKey,
        since: UtcMs,
    ) -> Result<Option<T>, Failure> {
        let from = since.0.saturating_sub(EARLIER_MS) / 1_000;
        let filter = if from > 0 { filter.with("created[gte]", &from.to_string()) } else { filter };
        let filter = filter.with("limit", "100");
        let mut after: Option<String> = None;
        for _ in 0..self.options.list_pages_max {
            let query = match &after {
                Some(after) => filter.clone().with("starting_after", after),
                None => filter.clone(),
            };
            let page = self.api.get::<Page<T>>(path, &query).await?;
            self.clocks_agree(page.at)?;
            let (mut data, more) = (page.object.data, page.object.has_more);
            if let Some(at) = data.iter().position(|entry| entry.named() == Some(key)) {
                let found = data.swap_remove(at);
                self.names.note(key, found.id());
                return Ok(Some(found));
            }
            match data.last().filter(|_| more) {
                Some(last) => after = Some(last.id().to_owned()),
                None if more => break,
                None => return Ok(None),
            }
        }
        Err(Failure::NoAnswer("the list is too long to look through".to_owned()))
    }

    /// If our clock is ahead, what we asked for may have been dated before we began to look.
    fn clocks_agree(&self, theirs: Option<UtcMs>) -> Result<(), Failure> {
        let ours = self.clock.now();
        match theirs.filter(|theirs| ours.since_ms(*theirs) > SKEW_MS_MAX) {
            Some(theirs) => {
                let ahead = ours.since_ms(theirs);
                Err(Failure::NoAnswer(format!("our clock is {ahead} ms ahead of the gateway's")))
            }
            None => Ok(()),
        }
    }

    /// Remembers what Stripe calls a payment.
    pub fn noted(&self, intent: PaymentIntent) -> Result<PaymentIntent, Failure> {
        if checked(&intent.id, "pi_").is_none() {
            return Err(Failure::NoAnswer("an answer about something else".to_owned()));
        }
        if let Some(key) = intent.key() {
            self.names.note(key, &intent.id);
        }
        Ok(intent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_lead_elsewhere_are_no_names() {
        assert_eq!(checked("pi_3Abc_1", "pi_"), Some("pi_3Abc_1"));
        for name in ["", "pi_", "re_1", "pi_1/cancel", "pi_../x", "pi_1?x", "pi_1 ", "pi_é"] {
            assert_eq!(checked(name, "pi_"), None, "{name}");
        }
    }
}
