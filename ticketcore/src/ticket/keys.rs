//! Signing keys: one that signs, and the public halves of those before it.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};

use super::claims::{KeyId, TicketClaims, down, start};
use super::code::TicketCode;
use super::public::{KeyError, PublicKey, PublicKeys};
use crate::time::UtcMs;

/// What signs tickets. Keys come from the host: the seed of one is 32 bytes, drawn from a good source of randomness when it is made and kept
/// secret from then on; there is none of either in here. The secret is overwritten when it is dropped, and in no `Debug` output.
pub struct TicketKeys {
    active: SigningKey,
    id: KeyId,
    public: PublicKeys,
}

impl TicketKeys {
    /// A key that signs from `signs_from` on. It is the host's to overwrite its own copy of the seed.
    #[must_use]
    pub fn new(id: KeyId, seed: &[u8; 32], signs_from: UtcMs) -> Self {
        let active = SigningKey::from_bytes(seed);
        let mut keys = Self { active, id, public: PublicKeys::default() };
        let alone = PublicKeys::new(vec![PublicKey::of(id, keys.active.verifying_key(), signs_from)]);
        keys.public = alone.unwrap_or_default();
        keys
    }

    /// These keys and the public halves of older ones, whose codes stay good.
    ///
    /// # Errors
    /// If there are too many, or two have one id.
    pub fn with_older(mut self, older: &PublicKeys) -> Result<Self, KeyError> {
        self.public = PublicKeys::new([self.public.keys(), older.keys()].concat())?;
        Ok(self)
    }

    /// Lets another key sign from `at` on. The secret of the one before is gone; what it has signed before `at` stays good.
    ///
    /// # Errors
    /// If there was a key with this id, or there are too many. Nothing has changed then.
    pub fn rotate(&mut self, id: KeyId, seed: &[u8; 32], at: UtcMs) -> Result<(), KeyError> {
        let active = SigningKey::from_bytes(seed);
        let mut public = self.public.clone();
        let before = public.find_mut(self.id)?;
        *before = before.ending(at);
        let new = PublicKey::of(id, active.verifying_key(), at);
        self.public = PublicKeys::new([public.keys(), &[new]].concat())?;
        (self.active, self.id) = (active, id);
        Ok(())
    }

    /// Has all codes of an older key refused from `at` on.
    ///
    /// # Errors
    /// If it is not known, or active.
    pub fn retire(&mut self, id: KeyId, at: UtcMs) -> Result<(), KeyError> {
        if id == self.id {
            return Err(KeyError::Active(id));
        }
        self.public.find_mut(id)?.accepted_until = Some(at);
        Ok(())
    }

    /// Takes an older key away: all its codes are refused. What to do if its secret got out, since who has that can sign with any date.
    ///
    /// # Errors
    /// If it is not known, or active.
    pub fn forget(&mut self, id: KeyId) -> Result<(), KeyError> {
        if id == self.id {
            return Err(KeyError::Active(id));
        }
        self.public.find_mut(id)?;
        self.public.remove(id);
        Ok(())
    }

    /// The key that signs.
    #[must_use]
    pub const fn active(&self) -> KeyId {
        self.id
    }

    /// What scanners need.
    #[must_use]
    pub const fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// Signs a ticket. The same claims and key give the same code.
    ///
    /// # Errors
    /// [`KeyError::NotInUse`] if the active key is not in use at [`TicketClaims::signed_at`].
    pub fn sign(&self, claims: &TicketClaims) -> Result<TicketCode, KeyError> {
        self.usable_at(claims.signed_at)?;
        Ok(TicketCode::signed(self.id, claims, |message| self.sign_bytes(message)))
    }

    /// Whether scanners would take what is signed at this instant.
    pub(super) fn usable_at(&self, at: UtcMs) -> Result<(), KeyError> {
        let key = self.public.find(self.id).map_err(|_| KeyError::Unknown(self.id))?;
        if key.signs_at(start(down(at))) { Ok(()) } else { Err(KeyError::NotInUse(self.id)) }
    }

    pub(super) fn sign_bytes(&self, message: &[u8]) -> [u8; 64] {
        self.active.sign(message).to_bytes()
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKeys")
            .field("active", &self.id)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}
