//! Payments through Stripe: [`StripeGateway`] is a [`PaymentGateway`](ticketcore::gateway::PaymentGateway), [`Webhook`] hears what Stripe
//! reports of its own accord.
//!
//! Every payment attempt is one PaymentIntent, created and confirmed in one request under its
//! [`GatewayKey`](ticketcore::gateway::GatewayKey), which is the `Idempotency-Key` and stands in the metadata (`ticketcore_key`), so that it
//! is found again when nobody heard the answer. Every refund is one Refund, likewise.
//!
//! # Wiring
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use ticketcore::{BoxOffice, Options, SystemClock};
//! # use ticketcore::checkout::{Checkout, CheckoutOptions};
//! # use ticketcore_server::stripe::*;
//! # async fn wire(office: Arc<BoxOffice>) -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Handle::current();
//! let clock = Arc::new(SystemClock);
//! let gateway = Arc::new(StripeGateway::new(StripeOptions::new(Secret::new("sk_live_...")), clock.clone(), runtime)?);
//! // It answers from tasks of the runtime: no threads that wait for it are needed.
//! let options = CheckoutOptions { callers_per_gateway: 0, ..CheckoutOptions::default() };
//! let checkout = Checkout::new(office, vec![gateway.clone()], options)?;
//!
//! // POST /v1/webhooks/stripe
//! let webhook = Webhook::new(WebhookOptions::new(vec![Secret::new("whsec_...")]), clock);
//! # let (signature, body) = ("", &b""[..]);
//! let delivery = webhook.receive(signature, body)?; // else 400
//! if !delivery.again
//!     && let Some(report) = delivery.report.clone()
//! {
//!     match gateway.resolve(report).await {
//!         Some(Report::Seen { key, seen, .. }) => {
//!             checkout.observe_notification(key, seen).await?; // else 500: Stripe comes again
//!         }
//!         Some(Report::Changed { key, .. }) => {
//!             checkout.run(key.order);
//!         }
//!         Some(Report::DisputeOpened { .. } | Report::DisputeClosed { .. }) => { /* staff_order */ }
//!         None => {}
//!     }
//! }
//! webhook.noted(&delivery);
//! # Ok(())
//! # }
//! ```
//!
//! # What is definite
//!
//! | what happened | what is answered |
//! |---|---|
//! | no connection, or nothing was sent on it | not now |
//! | 401, 403, 429 of the rate limiter | not now: no endpoint ran |
//! | 402 | declined; of a capture or refund a refusal for good |
//! | other 4xx | a refusal for good |
//! | 409, 429 `lock_timeout`, 5xx, a broken connection, a late or garbled answer | unknown |
//!
//! Stripe keeps the answer of a key for 24 hours, failures of endpoints that ran included. So a refund that was refused for now (the
//! account's balance) counts as [failed](ticketcore::order::RefundSeen::Failed), and its next try has the next key; and a capture or
//! cancellation whose kept answer is a failure is asked again without a key, since a PaymentIntent is captured or cancelled once at most
//! whatever the keys.
//!
//! What is found under a key is proven by a list: a payment's by that of the time in which it can have been made, a refund's by that of its
//! payment. A list that is longer than [`list_pages_max`](StripeOptions::list_pages_max) proves nothing, and the answer is unknown.
//!
//! Amounts are sent in minor units of ISO 4217. ISK, MGA and UGX, which Stripe counts in another unit, are refused for good
//! (`unsupported_currency`) before anything is sent.

mod api;
mod charges;
mod connect;
mod failure;
mod find;
mod form;
mod gateway;
mod http;
mod instrument;
mod names;
mod objects;
mod options;
mod pay;
mod read;
mod recent;
mod refund;
mod resolve;
mod secret;
mod webhook;
mod window;

pub use gateway::StripeGateway;
pub use options::{StripeError, StripeOptions};
pub use secret::Secret;
// The guard asks others in the same way.
pub(crate) use connect::{Connector, Target};
pub(crate) use form::Form;
pub(crate) use pay::takes;
pub use webhook::{BadDelivery, Delivery, Report, Webhook, WebhookOptions, sign};

/// The version of Stripe's API that requests are written for.
pub const STRIPE_VERSION: &str = "2024-06-20";

/// Where the metadata of payments and refunds keep their key.
pub const METADATA_KEY: &str = "ticketcore_key";
/// Where the metadata keep the order, so that everything about it can be searched for.
pub const METADATA_ORDER: &str = "ticketcore_order";
/// Where the metadata keep a hash of what was asked under the key.
pub const METADATA_CALL: &str = "ticketcore_call";
