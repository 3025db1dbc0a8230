//! What we read of Stripe's objects: as little as will do.

use std::collections::BTreeMap;

use serde::Deserialize;
use ticketcore::Currency;
use ticketcore::gateway::GatewayKey;

use super::{METADATA_CALL, METADATA_KEY};

pub(super) type Metadata = Option<BTreeMap<String, String>>;

fn key(metadata: &Metadata) -> Option<GatewayKey> {
    metadata.as_ref()?.get(METADATA_KEY)?.parse().ok()
}

fn currency(code: &str) -> Option<Currency> {
    code.to_ascii_uppercase().parse().ok()
}

/// An object, or its name where it was not asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Object(Box<T>),
    Name(serde::de::IgnoredAny),
}

impl<T> Expandable<T> {
    pub fn object(&self) -> Option<&T> {
        match self {
            Expandable::Name(_) => None,
            Expandable::Object(object) => Some(object),
        }
    }
}

/// A payment attempt.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PaymentIntent {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    #[serde(default)]
    pub created: u64,
    pub amount_capturable: Option<i64>,
    pub amount_received: Option<i64>,
    #[serde(default)]
    pub metadata: Metadata,
    pub latest_charge: Option<Expandable<Charge>>,
    pub last_payment_error: Option<PaymentError>,
    pub next_action: Option<NextAction>,
}

impl PaymentIntent {
    pub fn key(&self) -> Option<GatewayKey> {
        key(&self.metadata)
    }

    /// The hash of what was asked when it was made.
    pub fn call(&self) -> Option<&str> {
        self.metadata.as_ref()?.get(METADATA_CALL).map(String::as_str)
    }

    pub fn currency(&self) -> Option<Currency> {
        currency(&self.currency)
    }

    pub fn charge(&self) -> Option<&Charge> {
        self.latest_charge.as_ref()?.object()
    }

    /// What was taken.
    pub fn captured_minor(&self) -> i64 {
        if self.status != "succeeded" {
            return 0;
        }
        let charged = || self.charge().and_then(|charge| charge.amount_captured);
        self.amount_received.or_else(charged).unwrap_or(self.amount)
    }

    /// What is reserved.
    pub fn outstanding_minor(&self) -> i64 {
        if self.status == "requires_capture" { self.amount_capturable.unwrap_or(self.amount) } else { 0 }
    }

    /// What was given back of what was taken. Stripe lists what was reserved and not taken as refunded, too.
    pub fn refunded_minor(&self) -> i64 {
        let captured_minor = self.captured_minor();
        let Some(charge) = self.charge().filter(|_| captured_minor > 0) else { return 0 };
        (charge.amount_refunded - (charge.amount - captured_minor).max(0)).clamp(0, captured_minor)
    }
}

/// The money of an attempt.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Charge {
    #[serde(default)]
    pub amount: i64,
    pub amount_captured: Option<i64>,
    #[serde(default)]
    pub amount_refunded: i64,
    #[serde(default)]
    pub metadata: Metadata,
    pub payment_method_details: Option<MethodDetails>,
}

impl Charge {
    pub fn key(&self) -> Option<GatewayKey> {
        key(&self.metadata)
    }
}

/// How it was paid: `{ "type": "card", "card": { .. } }`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct MethodDetails {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(flatten)]
    by_kind: BTreeMap<String, serde_json::Value>,
}

impl MethodDetails {
    fn detail(&self, name: &str) -> Option<&serde_json::Value> {
        self.by_kind.get(self.kind.as_deref()?)?.get(name)
    }

    pub fn fingerprint(&self) -> Option<&str> {
        self.detail("fingerprint")?.as_str()
    }

    /// In seconds since 1970.
    pub fn capture_before(&self) -> Option<u64> {
        self.detail("capture_before")?.as_u64()
    }
}

/// Why an attempt failed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PaymentError {
    pub code: Option<String>,
    pub decline_code: Option<String>,
}

/// What the buyer must do.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct NextAction {
    pub redirect_to_url: Option<RedirectToUrl>,
}

/// Where he must go.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RedirectToUrl {
    pub url: Option<String>,
}

/// Money that goes back.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refund {
    pub id: String,
    pub status: Option<String>,
    pub failure_reason: Option<String>,
    #[serde(default)]
    pub metadata: Metadata,
}

impl Refund {
    pub fn key(&self) -> Option<GatewayKey> {
        key(&self.metadata)
    }

    /// The hash of what was asked when it was made.
    pub fn call(&self) -> Option<&str> {
        self.metadata.as_ref()?.get(METADATA_CALL).map(String::as_str)
    }
}

/// Money that the payer's bank wants back.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Dispute {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub payment_intent: Option<String>,
}

impl Dispute {
    /// Whether the bank only asks, and has taken nothing.
    pub fn is_inquiry(&self) -> bool {
        self.status.starts_with("warning_")
    }

    /// Whether the bank has decided.
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "won" | "lost" | "warning_closed")
    }

    pub fn currency(&self) -> Option<Currency> {
        currency(&self.currency)
    }
}

/// A part of a list, newest first.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Page<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

/// What is found in a list by its key.
pub(super) trait Named {
    fn id(&self) -> &str;
    fn named(&self) -> Option<GatewayKey>;
}

impl Named for PaymentIntent {
    fn id(&self) -> &str {
        &self.id
    }
    fn named(&self) -> Option<GatewayKey> {
        self.key()
    }
}

impl Named for Refund {
    fn id(&self) -> &str {
        &self.id
    }
    fn named(&self) -> Option<GatewayKey> {
        self.key()
    }
}
