//! How a server is set up: a TOML file, environment variables and flags, checked at start. Every option stands in `docs/SERVER.md`.

mod check;
mod load;

use std::path::PathBuf;

use serde::Deserialize;

pub use load::{ConfigError, load};

use crate::auth::Issuer;
use crate::guard::GuardConfig;
use crate::publish::PublishOptions;

/// How a server is set up. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where it listens, address and port.
    pub listen: String,
    /// The folder of its store and its secrets.
    pub data: PathBuf,
    /// TLS, if it ends here.
    pub tls: Option<Tls>,
    /// Bounds.
    pub limits: Limits,
    /// Who is believed.
    pub auth: Auth,
    /// How orders are paid.
    pub payments: Payments,
    /// Origins whose pages may call: `https://shop.example`, or `*`.
    pub cors_origins: Vec<String>,
    /// What is logged.
    pub log: Log,
    /// How what everybody reads is kept fresh.
    pub publish: PublishOptions,
    /// How the door is kept.
    pub guard: GuardConfig,
}

/// TLS.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and those above it, PEM.
    pub certificate_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
}

/// Bounds of what a request, a connection and the whole may be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// Bytes of a seating plan's document.
    pub plan_bytes_max: usize,
    /// Bytes of what a gateway reports.
    pub webhook_bytes_max: usize,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Connections at once; more are closed at once.
    pub connections_max: usize,
    /// Requests that are worked on at once; more wait.
    pub requests_max: usize,
    /// Requests that wait for others to be done; more are refused as `overloaded`.
    pub waiting_max: usize,
    /// Once a request has waited for so long, in milliseconds, the latest to come is served first.
    pub waiting_target_ms: u64,
    /// A request that has waited for so long, in milliseconds, is refused as `overloaded`.
    pub waiting_ms_max: u64,
    /// Time for a request's head to arrive, in milliseconds; also how long a connection may idle.
    pub head_timeout_ms: u64,
    /// Time for a request's body to arrive, in milliseconds.
    pub body_timeout_ms: u64,
    /// Time that a reader gets who takes nothing of what is sent to him, in milliseconds.
    pub write_timeout_ms: u64,
    /// Time for a request to arrive and be worked on, in milliseconds; longer than for its body.
    pub request_timeout_ms: u64,
    /// Time that requests under way get when the server is told to stop, in milliseconds.
    pub shutdown_ms: u64,
}

/// Who is believed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Issuers of buyers' tokens.
    pub issuers: Vec<Issuer>,
    /// Whether anybody may begin a session without an account.
    pub anonymous_sessions: bool,
    /// How long such a session lasts, in milliseconds.
    pub session_ttl_ms: u64,
}

/// Which gateway takes the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayKind {
    /// One to try things with. No money moves.
    Sandbox,
    /// Stripe.
    Stripe,
    /// The operator's own: it reads what is due and reports what became of it.
    External,
}

/// How orders are paid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Payments {
    /// Which gateway takes the money.
    pub gateway: GatewayKind,
    /// How long an order's answer waits for it to be final, in milliseconds.
    pub patience_ms: u64,
    /// Where buyers come back to from a page of the gateway's.
    pub return_url: Option<String>,
    /// What an order's own return address may begin with.
    pub return_url_prefixes: Vec<String>,
    /// Stripe's secrets, if it takes the money.
    pub stripe: Option<StripeConfig>,
}

/// Stripe's secrets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeConfig {
    /// A file with the API key, `sk_...` or `rk_...`.
    pub api_key_file: PathBuf,
    /// Files with the webhook endpoint's signing secrets, `whsec_...`: any will do, so that one can be replaced.
    #[serde(default)]
    pub webhook_secret_files: Vec<PathBuf>,
    /// Where its interface is, if not where Stripe has it.
    pub base: Option<String>,
}

/// What is logged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// One JSON object a line, rather than text for people.
    pub json: bool,
    /// Whether every request is logged, not only what went wrong.
    pub requests: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            data: "data".into(),
            tls: None,
            limits: Limits::default(),
            auth: Auth::default(),
            payments: Payments::default(),
            cors_origins: Vec::new(),
            log: Log::default(),
            publish: PublishOptions::default(),
            guard: GuardConfig::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 10,
            plan_bytes_max: 64 << 20,
            webhook_bytes_max: 256 << 10,
            head_bytes_max: 16 << 10,
            connections_max: 20_000,
            requests_max: 2_048,
            waiting_max: 20_000,
            waiting_target_ms: 400,
            waiting_ms_max: 750,
            head_timeout_ms: 15_000,
            body_timeout_ms: 10_000,
            write_timeout_ms: 30_000,
            request_timeout_ms: 30_000,
            shutdown_ms: 10_000,
        }
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self { issuers: Vec::new(), anonymous_sessions: false, session_ttl_ms: 24 * 3_600_000 }
    }
}

impl Default for Payments {
    fn default() -> Self {
        Self {
            gateway: GatewayKind::External,
            patience_ms: 2_000,
            return_url: None,
            return_url_prefixes: Vec::new(),
            stripe: None,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), json: false, requests: false }
    }
}
