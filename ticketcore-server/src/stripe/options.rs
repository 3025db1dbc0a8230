//! [`StripeOptions`]: the account, and how long to wait for it.

use super::secret::Secret;

/// How a [`StripeGateway`](super::StripeGateway) behaves.
#[derive(Clone, Debug)]
pub struct StripeOptions {
    /// The secret or restricted key: `sk_...` or `rk_...`. A restricted one needs to write PaymentIntents and
    /// refunds and to read charges and, for rules that count by card, payment methods.
    pub api_key: Secret,
    /// The gateway's name, which orders keep.
    pub name: String,
    /// Where the API is. `http:` is for loopback addresses only.
    pub base: String,
    /// What fingerprints of cards are hashed with before anybody keeps them. Without one they are dropped, and no limit counts cards.
    pub fingerprint_secret: Option<Secret>,
    /// Kinds of payment methods, in Stripe's words. They must allow manual capture and be decided at once: what is still being worked on
    /// after a payment's deadline sells nothing.
    pub method_types: Vec<String>,
    /// How long a connection may take to come about, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long the answer of one request may take, in milliseconds.
    pub answer_timeout_ms: u64,
    /// How long a call may take in all, in milliseconds; then it is unknown. Less than the driver's own timeout.
    pub call_timeout_ms: u64,
    /// Connections that are kept for the next call.
    pub idle_connections_max: usize,
    /// How long they are kept, in milliseconds.
    pub idle_ms: u64,
    /// How far back [`charges`](ticketcore::gateway::PaymentGateway::charges) begins, in milliseconds.
    pub charges_window_ms: u64,
    /// Parts of Stripe's lists, of a hundred each, that one look-up reads before it gives up as unknown.
    pub list_pages_max: u32,
    /// Look for payments by Stripe's search before its lists. It finds fast and proves nothing; not every account has it.
    pub search: bool,
    /// A certificate authority to trust besides the usual ones, as DER: for a proxy of the house.
    pub trusted_root_der: Option<Vec<u8>>,
}

impl StripeOptions {
    /// The usual ones, for an account.
    #[must_use]
    pub fn new(api_key: Secret) -> Self {
        Self {
            api_key,
            name: "stripe".to_owned(),
            base: "https://api.stripe.com".to_owned(),
            fingerprint_secret: None,
            method_types: vec!["card".to_owned()],
            connect_timeout_ms: 5_000,
            answer_timeout_ms: 30_000,
            call_timeout_ms: 50_000,
            idle_connections_max: 32,
            idle_ms: 20_000,
            charges_window_ms: 24 * 3_600_000,
            list_pages_max: 50,
            search: true,
            trusted_root_der: None,
        }
    }
}

/// Why there is no such gateway.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StripeError {
    /// The base is not an address we call.
    #[error("`{0}` is no https: address (http: only on loopback; no path)")]
    Base(String),
    /// The key can't be a key.
    #[error("the API key does not begin with `sk_` or `rk_`, or has characters that no key has")]
    ApiKey,
    /// An option has no sensible value.
    #[error("{0}")]
    Option(&'static str),
    /// TLS can't be had.
    #[error("no TLS: {0}")]
    Tls(String),
}
