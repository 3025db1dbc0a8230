//! [`Webhook`]: what Stripe reports of its own accord, once its signature has been checked.

mod event;
mod heard;
mod signature;

use std::fmt;
use std::sync::Arc;

use ticketcore::Clock;
use ticketcore::Money;
use ticketcore::gateway::{GatewayKey, Seen};

use heard::Heard;
pub use signature::sign;

use super::secret::Secret;

/// Bytes of a delivery.
pub(super) const BODY_BYTES_MAX: usize = 512 << 10;

/// How deliveries are checked.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// The endpoint's signing secrets (`whsec_...`): any will do, so that one can be replaced. Without one nothing is accepted.
    pub secrets: Vec<Secret>,
    /// How old, or how far ahead, a signature may be, in milliseconds.
    pub tolerance_ms: u64,
}

impl WebhookOptions {
    /// Five minutes, as Stripe recommends.
    #[must_use]
    pub const fn new(secrets: Vec<Secret>) -> Self {
        Self { secrets, tolerance_ms: 300_000 }
    }
}

/// Checks and reads deliveries. It changes nothing: what a report says may be observed twice, late and out of order.
pub struct Webhook {
    options: WebhookOptions,
    clock: Arc<dyn Clock>,
    heard: Heard,
}

/// Why a delivery is not accepted. Answer 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadDelivery {
    /// The header is not of the form `t=..,v1=..`.
    #[error("the signature is not understood")]
    Malformed,
    /// No secret of ours made any of its signatures.
    #[error("the signature is not ours")]
    Forged,
    /// It was made too long ago, or not yet.
    #[error("the signature is too old or not yet valid")]
    Untimely,
    /// Too many bytes.
    #[error("the delivery is too large")]
    TooLarge,
    /// Signed, and yet no event.
    #[error("the event is not understood")]
    NoEvent,
}

/// A delivery that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Stripe's name of the event.
    pub event: String,
    /// What it says; `None` if it is nothing of ours or nothing that matters. Answer 200 all the same.
    pub report: Option<Report>,
    /// It was [noted](Webhook::noted) already.
    pub again: bool,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Where a payment or refund stood: for
    /// [`observe_notification`](ticketcore::checkout::Checkout::observe_notification).
    Seen {
        /// The key of the payment or refund.
        key: GatewayKey,
        /// Stripe's name of the payment, if it is about one.
        payment: Option<String>,
        /// Where it stood.
        seen: Seen,
    },
    /// Something about the money of a payment, without saying enough: have its order [run](ticketcore::checkout::Checkout::run).
    Changed {
        /// The key of the payment.
        key: GatewayKey,
    },
    /// The payer's bank wants money back.
    DisputeOpened {
        /// Stripe's name of the dispute.
        dispute: String,
        /// Stripe's name of the payment.
        payment: String,
        /// The key of the payment: known after [`resolve`](super::StripeGateway::resolve), unless nobody could be asked.
        key: Option<GatewayKey>,
        /// How much.
        amount: Money,
        /// It only asks, and has taken nothing yet.
        inquiry: bool,
    },
    /// The bank has decided.
    DisputeClosed {
        /// Stripe's name of the dispute.
        dispute: String,
        /// Stripe's name of the payment.
        payment: String,
        /// The key of the payment: known after [`resolve`](super::StripeGateway::resolve), unless nobody could be asked.
        key: Option<GatewayKey>,
        /// How much.
        amount: Money,
        /// Whether the money stays ours.
        won: bool,
        /// It only asked, and has taken nothing.
        inquiry: bool,
    },
}

impl Webhook {
    /// Checks deliveries by the secrets and the clock.
    #[must_use]
    pub fn new(options: WebhookOptions, clock: Arc<dyn Clock>) -> Self {
        Self { options, clock, heard: Heard::default() }
    }

    /// Checks and reads a delivery: the `Stripe-Signature` header and the body as it came, byte for byte.
    ///
    /// # Errors
    /// [`BadDelivery`] if it is not Stripe's, or not of now.
    pub fn receive(&self, signature: &str, body: &[u8]) -> Result<Delivery, BadDelivery> {
        if body.len() > BODY_BYTES_MAX {
            return Err(BadDelivery::TooLarge);
        }
        let now = self.clock.now();
        signature::check(&self.options, signature, body, now)?;
        let (event, report) = event::read(body, now)?;
        let again = self.heard.has(&event);
        Ok(Delivery { event, report: report.filter(|_| !again), again })
    }

    /// Its report is durable: when it comes again, it says nothing. Not before: Stripe sends what was not answered well again.
    pub fn noted(&self, delivery: &Delivery) {
        self.heard.note(&delivery.event);
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("options", &self.options).finish_non_exhaustive()
    }
}
