//! What gateways are asked: nothing but names, amounts and the gateway's own words. Never personal data.

use serde::{Deserialize, Serialize};

use super::key::GatewayKey;
use crate::money::{Currency, Money};
use crate::order::{PaymentSeen, Word};
use crate::time::UtcMs;

/// Reserve money, or take it at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorize {
    /// The attempt's name; the order is in it.
    pub key: GatewayKey,
    /// How much: more than nothing.
    pub amount: Money,
    /// How the buyer pays, in the gateway's words: the token of a card, say.
    pub method: Word,
    /// Take the money at once, rather than reserve it.
    pub capture_now: bool,
    /// Where the buyer goes after what he must do on the gateway's page.
    pub return_url: Option<Word>,
}

/// Take reserved money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The capture's name; that of the payment follows from it.
    pub key: GatewayKey,
    /// The gateway's name of the payment.
    pub reference: Word,
    /// How much, at most what is reserved.
    pub amount: Money,
}

/// Give back what is reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Void {
    /// The void's name; that of the payment follows from it.
    pub key: GatewayKey,
    /// The gateway's name of the payment. Without one the key must do.
    pub reference: Option<Word>,
}

/// Give back what was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The refund's name.
    pub key: GatewayKey,
    /// The key under which the payment was authorised.
    pub payment: GatewayKey,
    /// The gateway's name of the payment.
    pub reference: Word,
    /// How much, at most what was taken and not given back.
    pub amount: Money,
}

/// Say what became of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookUp {
    /// The name of the payment attempt or refund.
    pub key: GatewayKey,
    /// The gateway's own name of it, if it was ever heard.
    pub reference: Option<Word>,
    /// Of a refund, the gateway's name of the payment whose money goes back, if it is known: the refund is one of that payment's.
    pub payment: Option<Word>,
    /// When it became durable that the gateway would be asked: the gateway heard nothing of it before.
    pub since: UtcMs,
}

impl LookUp {
    /// Looks up by the key alone, however old it is.
    #[must_use]
    pub const fn by_key(key: GatewayKey) -> Self {
        Self { key, reference: None, payment: None, since: UtcMs(0) }
    }
}

/// One payment in a gateway's own list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCharge {
    /// The gateway's name of it.
    pub reference: Word,
    /// The key it bears, if it bears one of ours.
    pub key: Option<GatewayKey>,
    /// The currency of the amounts.
    pub currency: Currency,
    /// What is reserved and neither taken nor given back, in minor units.
    pub outstanding_minor: i64,
    /// What was taken, in minor units.
    pub captured_minor: i64,
    /// What of it was given back, in minor units.
    pub refunded_minor: i64,
    /// What a look-up says of it.
    pub seen: PaymentSeen,
}

/// A part of a gateway's list, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargePage {
    /// The payments.
    pub charges: Vec<ListedCharge>,
    /// Where the next part begins: give it to [`PaymentGateway::charges`](super::PaymentGateway::charges). `None` at the end.
    pub next: Option<Word>,
}
