//! What a scanner at a door needs when it is offline.

use super::claims::TicketClaims;
use super::code::TicketCode;
use super::public::PublicKeys;
use super::revoked::{ListError, RevocationList};
use super::verify::{NotValid, verify};
use crate::id::EventId;
use crate::time::UtcMs;

/// Keys, revocations and the event of one door. It keeps no record of who went in: that is the host's to do.
#[derive(Clone, Debug)]
pub struct OfflineScanner {
    keys: PublicKeys,
    revoked: RevocationList,
}

impl OfflineScanner {
    /// A scanner that lets in to `event`.
    #[must_use]
    pub const fn new(event: EventId, keys: PublicKeys) -> Self {
        Self { keys, revoked: RevocationList::empty(event) }
    }

    /// Takes newer keys.
    pub fn set_keys(&mut self, keys: PublicKeys) {
        self.keys = keys;
    }

    /// Reads a signed list of revocations, whole or changes, and adds it.
    ///
    /// # Errors
    /// [`ListError`]; what was known before stays.
    pub fn add_revocations(&mut self, list: &[u8], now: UtcMs) -> Result<(), ListError> {
        self.revoked.merge(&RevocationList::read(list, &self.keys, now)?)
    }

    /// What it knows of revocations.
    #[must_use]
    pub const fn revoked(&self) -> &RevocationList {
        &self.revoked
    }

    /// Whether a code lets in now.
    ///
    /// # Errors
    /// The first [`NotValid`] that applies.
    pub fn check(&self, code: &TicketCode, now: UtcMs) -> Result<TicketClaims, NotValid> {
        let claims = verify(code, &self.keys, now)?;
        let event = claims.ticket.order.event;
        if event != self.revoked.event() {
            return Err(NotValid::WrongEvent { event });
        }
        if self.revoked.contains(claims.ticket, claims.issue) {
            return Err(NotValid::Revoked);
        }
        Ok(claims)
    }
}
