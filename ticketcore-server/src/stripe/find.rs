//! Finding payments and refunds by key.
//!
//! A payment that is found is one. That there is none is proven by Stripe's lists alone, in the time in which it can have been made: its
//! search lags behind by a minute or more. A refund is looked for among those of its payment. A list that is too long proves nothing.

use serde::de::DeserializeOwned;
use ticketcore::UtcMs;
use ticketcore::gateway::GatewayKey;

use super::METADATA_KEY;
use super::METADATA_ORDER;
use super::failure::Failure;
use super::form::Form;
use super::gateway::Core;
use super::objects::{Named, Page, PaymentIntent, Refund};
use super::window::Window;

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
        let windows = Window::of_payment(since, self.clock.now());
        let listed = self.scan::<PaymentIntent>(INTENTS, &Form::new(), key, &windows).await?;
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

    /// A refund by its key, and Stripe's name of its payment if that is known. `None` is a promise.
    pub async fn find_refund(
        &self,
        key: GatewayKey,
        payment: Option<&str>,
        since: UtcMs,
    ) -> Result<Option<Refund>, Failure> {
        if let Some(name) = self.names.get(key).filter(|name| checked(name, "re_").is_some()) {
            return self.refund_named(&name).await.map(Some);
        }
        // However much was refunded since: it is among its payment's, which are few, or it is not.
        if let Some(payment) = payment.and_then(|name| checked(name, "pi_")) {
            return self.refund_of(payment, key).await;
        }
        // Which of the order's payments it is of is not known, nor whether the search knows them all.
        for paid in self.search(METADATA_ORDER, &key.order.to_string()).await {
            if let Some(found) = self.refund_of(&paid.id, key).await? {
                return Ok(Some(found));
            }
        }
        // When it was sent is not known either: it may be long after its payment.
        self.scan(REFUNDS, &Form::new(), key, &[Window::after(since)]).await
    }

    /// A refund among all those of a payment.
    async fn refund_of(&self, payment: &str, key: GatewayKey) -> Result<Option<Refund>, Failure> {
        self.scan(REFUNDS, &Form::new().with("payment_intent", payment), key, &[Window::ALWAYS]).await
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

    /// Looks through a list, window by window, until the key is found or the last of them ends. All share the number of pages.
    async fn scan<T: DeserializeOwned + Named>(
        &self,
        path: &str,
        filter: &Form,
        key: GatewayKey,
        windows: &[Window],
    ) -> Result<Option<T>, Failure> {
        let mut pages = self.options.list_pages_max;
        for window in windows {
            if let Some(found) = self.scan_window(path, filter, key, *window, &mut pages).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Reads what is in a window, newest first, until the key is found or the window ends.
    async fn scan_window<T: DeserializeOwned + Named>(
        &self,
        path: &str,
        filter: &Form,
        key: GatewayKey,
        window: Window,
        pages: &mut u32,
    ) -> Result<Option<T>, Failure> {
        let list = window.bounds(filter.clone()).with("limit", "100");
        let mut after: Option<String> = None;
        while *pages > 0 {
            *pages -= 1;
            let query = match &after {
                Some(after) => list.clone().with("starting_after", after),
                None => list.clone(),
            };
            let page = self.api.get::<Page<T>>(path, &query).await?;
            self.clocks_agree(window, page.at)?;
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

    /// If the clocks differ too much, what we look for may be dated outside of where we look.
    fn clocks_agree(&self, window: Window, theirs: Option<UtcMs>) -> Result<(), Failure> {
        let ours = self.clock.now();
        match theirs.filter(|theirs| window.may_miss(ours, *theirs)) {
            Some(theirs) => {
                let apart = ours.0.abs_diff(theirs.0);
                Err(Failure::NoAnswer(format!("our clock and the gateway's are {apart} ms apart")))
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
