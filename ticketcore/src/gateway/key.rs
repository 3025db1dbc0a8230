//! [`GatewayKey`]: the name under which a gateway gets to know one effect.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::OrderId;

/// What an effect does to money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayAction {
    /// Reserves the money of a payment attempt, or takes it at once.
    Authorize,
    /// Takes money that was reserved.
    Capture,
    /// Gives reserved money back.
    Void,
    /// Gives taken money back.
    Refund,
}

impl GatewayAction {
    /// Every action.
    pub const ALL: [GatewayAction; 4] =
        [GatewayAction::Authorize, GatewayAction::Capture, GatewayAction::Void, GatewayAction::Refund];

    /// The word in a key's text.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            GatewayAction::Authorize => "pay",
            GatewayAction::Capture => "capture",
            GatewayAction::Void => "void",
            GatewayAction::Refund => "refund",
        }
    }
}

/// The name of one effect at a gateway: which order, what, and which of them. It follows from the order's state alone, so that whoever
/// resumes an order after a crash calls under the same key.
///
/// As text `ord_…:pay:1`; the first capture of the same attempt is `ord_…:capture:1`, the order's second refund `ord_…:refund:2`. A try
/// after a definite failure that may be tried again is an effect of its own: `ord_…:refund:2.1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayKey {
    /// The order.
    pub order: OrderId,
    /// The payment attempt, or the refund for [`GatewayAction::Refund`].
    pub number: u32,
    /// What is done.
    pub action: GatewayAction,
    /// How often this failed *for sure* before. A call whose answer is unknown is repeated under the same key.
    pub tries: u32,
}

impl GatewayKey {
    /// The key of a first try.
    #[must_use]
    pub const fn new(order: OrderId, action: GatewayAction, number: u32) -> Self {
        Self { order, number, action, tries: 0 }
    }

    /// The key of the next try, after this one failed for sure.
    #[must_use]
    pub const fn again(self) -> Self {
        Self { tries: self.tries.saturating_add(1), ..self }
    }

    /// The key under which the payment of a capture or void was authorised; an authorisation's is its own. A refund does not know its
    /// payment: `None`.
    #[must_use]
    pub const fn payment(self) -> Option<Self> {
        match self.action {
            GatewayAction::Authorize => Some(self),
            GatewayAction::Refund => None,
            _ => Some(Self::new(self.order, GatewayAction::Authorize, self.number)),
        }
    }
}

/// The text is not a gateway key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a gateway key")]
pub struct BadGatewayKey;

impl fmt::Display for GatewayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.order, self.action.word(), self.number)?;
        if self.tries > 0 {
            write!(f, ".{}", self.tries)?;
        }
        Ok(())
    }
}

impl fmt::Debug for GatewayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for GatewayKey {
    type Err = BadGatewayKey;

    /// Reads only what [`Display`](fmt::Display) writes: one key, one text.
    fn from_str(text: &str) -> Result<Self, BadGatewayKey> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(BadGatewayKey);
        let order = part()?.parse().map_err(|_| BadGatewayKey)?;
        let word = part()?;
        let action =
            GatewayAction::ALL.into_iter().find(|action| action.word() == word).ok_or(BadGatewayKey)?;
        let numbers = part()?;
        let (number, tries) = numbers.split_once('.').unwrap_or((numbers, "0"));
        let number = number.parse().map_err(|_| BadGatewayKey)?;
        let tries = tries.parse().map_err(|_| BadGatewayKey)?;
        let key = Self { order, number, action, tries };
        (key.to_string() == text).then_some(key).ok_or(BadGatewayKey)
    }
}

impl Serialize for GatewayKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GatewayKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::{EventId, HoldNumber, Revision};

    fn order() -> OrderId {
        OrderId { event: EventId(7), number: HoldNumber::new(Revision(1_000_003), 41) }
    }

    #[test]
    fn every_effect_has_one_key_and_every_key_one_text() {
        let mut texts = BTreeSet::new();
        for action in GatewayAction::ALL {
            for number in [0, 1, 2, u32::MAX] {
                let first = GatewayKey::new(order(), action, number);
                for key in [first, first.again(), GatewayKey { tries: u32::MAX, ..first }] {
                    assert_eq!(key.to_string().parse(), Ok(key));
                    let packed = postcard::to_allocvec(&key).unwrap();
                    assert_eq!(postcard::from_bytes(&packed), Ok(key));
                    let json = serde_json::to_string(&key).unwrap();
                    assert_eq!(serde_json::from_str::<GatewayKey>(&json).unwrap(), key);
                    texts.insert(key.to_string());
                }
            }
        }
        assert_eq!(texts.len(), 4 * 4 * 3);
        let text = GatewayKey::new(order(), GatewayAction::Refund, 2).again().to_string();
        assert_eq!(text, format!("{}:refund:2.1", order()));
    }

    #[test]
    fn a_payment_is_named_by_its_authorisation() {
        let pay = GatewayKey::new(order(), GatewayAction::Authorize, 2);
        let capture = GatewayKey::new(order(), GatewayAction::Capture, 2).again();
        assert_eq!(capture.payment(), Some(pay));
        assert_eq!(GatewayKey::new(order(), GatewayAction::Void, 2).payment(), Some(pay));
        assert_eq!(pay.payment(), Some(pay));
        assert_eq!(GatewayKey::new(order(), GatewayAction::Refund, 2).payment(), None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let order = order();
        let bad = [
            "pay",
            "pay:",
            "pay:1:2",
            "pay:+1",
            "pay:01",
            "pay:1.0",
            "pay:1.",
            "pay:4294967296",
            "Pay:1",
            ":1",
        ];
        for rest in bad {
            assert_eq!(format!("{order}:{rest}").parse::<GatewayKey>(), Err(BadGatewayKey), "{rest}");
        }
        for text in ["", ":", "ord_1:pay:1", "hld_000000000001a000000000001a:pay:1"] {
            assert_eq!(text.parse::<GatewayKey>(), Err(BadGatewayKey), "{text}");
        }
    }
}
