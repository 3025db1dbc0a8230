//! [`Bank`]: payments, refunds, kept keys and the events that are reported.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use ticketcore::UtcMs;

use super::api::Said;

/// How long money stays reserved, in milliseconds.
pub const AUTHORIZATION_MS: u64 = 7 * 24 * 3_600_000;
/// How long a key is remembered, in milliseconds.
const RETENTION_MS: u64 = 24 * 3_600_000;

pub type Metadata = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub struct Intent {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub manual: bool,
    pub method: String,
    pub status: &'static str,
    pub received: i64,
    pub refunded: i64,
    pub created: UtcMs,
    pub declined: Option<&'static str>,
    pub metadata: Metadata,
    pub return_url: Option<String>,
}

impl Intent {
    pub fn key(&self) -> &str {
        self.metadata.get("ticketcore_key").map_or("", String::as_str)
    }

    pub fn reserved(&self) -> i64 {
        if self.status == "requires_capture" { self.amount } else { 0 }
    }
}

#[derive(Clone, Debug)]
pub struct Refund {
    pub id: String,
    pub intent: String,
    pub amount: i64,
    pub status: &'static str,
    pub reason: Option<&'static str>,
    pub created: UtcMs,
    pub metadata: Metadata,
}

#[derive(Default)]
pub struct Bank {
    /// The oldest first.
    pub intents: Vec<Intent>,
    pub refunds: Vec<Refund>,
    pub kept: HashMap<String, (UtcMs, String, Said)>,
    /// What is reported: the event's type and its object, the oldest first.
    pub events: Vec<(&'static str, Value)>,
    /// Money that the account is short of: refunds are refused.
    pub broke: bool,
    /// How long the search lags behind, in milliseconds.
    pub search_lag_ms: u64,
    count: u64,
}

impl Bank {
    pub fn name(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}_3{:08}", self.count)
    }

    /// What happens by itself.
    pub fn settle(&mut self, now: UtcMs) {
        self.kept.retain(|_, (at, _, _)| now.since_ms(*at) < RETENTION_MS);
        let lapsed = |intent: &&mut Intent| {
            intent.status == "requires_capture" && now.since_ms(intent.created) >= AUTHORIZATION_MS
        };
        let mut reports = Vec::new();
        for intent in self.intents.iter_mut().filter(lapsed) {
            intent.status = "canceled";
            reports.push(intent.id.clone());
        }
        for id in reports {
            self.report("payment_intent.canceled", &id);
        }
    }

    pub fn intent(&mut self, id: &str) -> Option<&mut Intent> {
        self.intents.iter_mut().find(|intent| intent.id == id)
    }

    pub fn report(&mut self, kind: &'static str, id: &str) {
        if let Some(intent) = self.intents.iter().find(|intent| intent.id == id) {
            let object = intent.json(false);
            self.events.push((kind, object));
        }
    }

    pub fn report_refund(&mut self, kind: &'static str, id: &str) {
        if let Some(refund) = self.refunds.iter().find(|refund| refund.id == id) {
            let object = refund.json();
            self.events.push((kind, object));
        }
    }

    /// Reserves or takes the money.
    pub fn go_live(&mut self, id: &str) {
        let intent = self.intent(id).unwrap();
        let kind = if intent.manual {
            intent.status = "requires_capture";
            "payment_intent.amount_capturable_updated"
        } else {
            intent.status = "succeeded";
            intent.received = intent.amount;
            "payment_intent.succeeded"
        };
        self.report(kind, id);
    }

    /// The buyer acts, or what was being worked on is decided.
    pub fn decide(&mut self, id: &str, well: bool) {
        let intent = self.intent(id).unwrap();
        assert!(matches!(intent.status, "requires_action" | "processing"), "{intent:?}");
        if well {
            return self.go_live(id);
        }
        intent.status = "requires_payment_method";
        intent.declined = Some("payment_intent_authentication_failure");
        self.report("payment_intent.payment_failed", id);
    }

    /// A refund that was pending is decided.
    pub fn decide_refund(&mut self, id: &str, reason: Option<&'static str>) {
        let refund = self.refunds.iter_mut().find(|refund| refund.id == id).unwrap();
        assert_eq!(refund.status, "pending");
        refund.status = if reason.is_some() { "failed" } else { "succeeded" };
        refund.reason = reason;
        let (intent, amount) = (refund.intent.clone(), refund.amount);
        if reason.is_some() {
            self.intent(&intent).unwrap().refunded -= amount;
        }
        self.report_refund(if reason.is_some() { "refund.failed" } else { "refund.updated" }, id);
    }

    /// A refund that went through comes back.
    pub fn return_refund(&mut self, id: &str, reason: &'static str) {
        let refund = self.refunds.iter_mut().find(|refund| refund.id == id).unwrap();
        assert_eq!(refund.status, "succeeded");
        refund.status = "failed";
        refund.reason = Some(reason);
        let (intent, amount) = (refund.intent.clone(), refund.amount);
        self.intent(&intent).unwrap().refunded -= amount;
        self.report_refund("refund.failed", id);
    }

    /// Reserved, taken, given back.
    pub fn totals(&self) -> [i64; 3] {
        let sum = |what: fn(&Intent) -> i64| self.intents.iter().map(what).sum();
        [sum(Intent::reserved), sum(|intent| intent.received), sum(|intent| intent.refunded)]
    }

    /// What can never be.
    pub fn check(&self) {
        let mut keys = HashMap::new();
        for intent in &self.intents {
            assert!(intent.received <= intent.amount && intent.refunded <= intent.received, "{intent:?}");
            assert!((0..=intent.amount).contains(&intent.refunded), "{intent:?}");
            *keys.entry(intent.key()).or_insert(0) += 1;
        }
        assert!(keys.iter().all(|(key, count)| key.is_empty() || *count == 1), "a key twice: {keys:?}");
    }
}
