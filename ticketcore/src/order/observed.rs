//! What a gateway is known to say: the definite answers of the outside world, as facts keep them.
//!
//! *Unknown* is not among them. A call whose answer was lost changes nothing: the attempt stays unresolved until somebody looks it up.

use serde::{Deserialize, Serialize};

use super::word::Word;
use crate::time::UtcMs;

/// A hashed identity (an e-mail address, a card's fingerprint) that limits count. Opaque: the host hashes it with a secret of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identity(pub u128);

/// What a gateway says of one payment attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentSeen {
    /// The buyer must do something first (3-D Secure, say).
    ActionRequired {
        /// What, in the gateway's words: an address to go to, a token for its page.
        next_action: Word,
    },
    /// The money is reserved.
    Authorized {
        /// The gateway's name of the payment.
        reference: Word,
        /// When the reservation lapses, if the gateway says so.
        lapses_at: Option<UtcMs>,
        /// The payer's instrument, if the gateway tells instruments apart.
        fingerprint: Option<Identity>,
    },
    /// The money is ours.
    Captured {
        /// The gateway's name of the payment.
        reference: Word,
        /// How much, in minor units.
        amount_minor: i64,
        /// The payer's instrument, if the gateway tells instruments apart.
        fingerprint: Option<Identity>,
    },
    /// It was declined: no money moved, and none will.
    Declined {
        /// Why, in the gateway's words.
        code: Word,
    },
    /// The reservation was given back, or has lapsed.
    Voided,
    /// The gateway has never heard of the attempt.
    NotFound,
}

impl PaymentSeen {
    /// The payer's instrument, if this tells it.
    #[must_use]
    pub const fn fingerprint(&self) -> Option<Identity> {
        match self {
            PaymentSeen::Authorized { fingerprint, .. } | PaymentSeen::Captured { fingerprint, .. } => {
                *fingerprint
            }
            _ => None,
        }
    }
}

/// What a gateway says of one refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundSeen {
    /// It has it and will see.
    Submitted {
        /// The gateway's name of the refund.
        reference: Word,
    },
    /// The money is on its way to the payer.
    Succeeded {
        /// The gateway's name of the refund.
        reference: Word,
    },
    /// It did not work.
    Failed {
        /// Why, in the gateway's words.
        code: Word,
        /// Whether trying again may help. If not, the refund is stuck until staff sees to it.
        retry: bool,
    },
    /// The gateway has never heard of it.
    NotFound,
}
