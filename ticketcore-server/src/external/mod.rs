//! Payments that the vendor takes himself: he reads what is due, does it at his provider, and reports what became of it.
//!
//! The engine decides what is due, as for every gateway; nothing is kept here that matters. What was handed out is leased, so that two
//! workers do not do it at once, and leases are memory: after a restart everything that is due is handed out again, marked as what may have
//! been done before. It bears the same key, under which the vendor's provider does it once. Orders come in turn, which is memory too, so that
//! what can't be done now keeps nothing else back.

mod buying;
mod effect;
mod leases;
mod rounds;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ticketcore::UtcMs;
use ticketcore::order::Identity;
use tokio::sync::Notify;

pub use buying::{buy, pay_again};
pub use effect::{EffectId, EffectKind, ForeignEffect, due_of, is_of_the_house};
pub use leases::{Handed, Leases, Seen};
pub use rounds::{Round, Rounds, Stretch};

/// The name under which payments are the vendor's own.
pub const NAME: &str = "external";

/// What is handed out of payments that the vendor takes.
pub struct External {
    /// Who does what, until when.
    pub leases: Leases,
    /// Whose turn it is.
    pub rounds: Rounds,
    began: Notify,
    turns: AtomicUsize,
    /// Hashes what tells payers' instruments apart.
    secret: [u8; 32],
}

impl External {
    /// Nothing is handed out. Intents older than `now` may have been handed out by whoever ran before.
    #[must_use]
    pub fn new(now: UtcMs, secret: [u8; 32]) -> Self {
        Self {
            leases: Leases::new(now),
            rounds: Rounds::default(),
            began: Notify::new(),
            turns: AtomicUsize::new(0),
            secret,
        }
    }

    /// Which event comes first this time.
    pub fn turn(&self) -> usize {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// A payer's instrument, as limits count it: a keyed hash of what the vendor calls it.
    #[must_use]
    pub fn identity(&self, instrument: &str) -> Option<Identity> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(instrument.as_bytes());
        let hash = mac.finalize().into_bytes();
        let first: [u8; 16] = hash.get(..16)?.try_into().ok()?;
        Some(Identity(u128::from_be_bytes(first)))
    }

    /// Something may be due that was not: whoever waits looks again.
    pub fn stir(&self) {
        self.began.notify_waiters();
    }

    /// Waits until something may be due, at most so long.
    pub async fn stirred(&self, at_most: Duration) {
        // Late or not, whoever waited looks again.
        let _stirred = tokio::time::timeout(at_most, self.began.notified()).await;
    }
}
