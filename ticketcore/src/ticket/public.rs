//! Public keys: all that a scanner needs to know a ticket. Nothing in them is secret, but a scanner must get them from somebody it trusts.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::claims::{KeyId, down, end, start, up};
use super::verify::NotValid;
use crate::limits::{LimitExceeded, TICKET_KEYS_MAX, within};
use crate::time::UtcMs;

/// A key can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is a key with this id already. Ids are never used again: codes of both would be taken for the other's.
    #[error("{0} is there already")]
    Duplicate(KeyId),
    /// No such key.
    #[error("{0} is not known")]
    Unknown(KeyId),
    /// The key signs: another must take its place first.
    #[error("{0} is the active key")]
    Active(KeyId),
    /// The bytes are not a public key in its one form, or one for which anybody can sign.
    #[error("{0} is not a good public key")]
    Weak(KeyId),
    /// The key was not in use at the time at which a code is to be signed: it would be refused.
    #[error("{0} is not in use then")]
    NotInUse(KeyId),
    /// The document is of a newer format.
    #[error("keys of format {found} can't be read, only {KEYS_FORMAT}")]
    Format {
        /// The format found.
        found: u32,
    },
    /// Too many keys.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

/// One public key and the time in which codes may have been signed with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name.
    pub id: KeyId,
    /// Codes signed before are refused. Down to the second.
    pub signs_from: UtcMs,
    /// Codes signed at or after this instant are refused. Up to the second.
    pub signs_until: Option<UtcMs>,
    /// From this instant on all its codes are refused, whenever they were signed.
    pub accepted_until: Option<UtcMs>,
    key: VerifyingKey,
}

impl PublicKey {
    /// A key that signs from an instant on.
    ///
    /// # Errors
    /// [`KeyError::Weak`].
    pub fn new(id: KeyId, bytes: &[u8; 32], signs_from: UtcMs) -> Result<Self, KeyError> {
        let good = |key: &VerifyingKey| !key.is_weak() && key.to_edwards().compress().as_bytes() == bytes;
        let key = VerifyingKey::from_bytes(bytes).ok().filter(good);
        key.map(|key| Self::of(id, key, signs_from)).ok_or(KeyError::Weak(id))
    }

    pub(super) const fn of(id: KeyId, key: VerifyingKey, signs_from: UtcMs) -> Self {
        Self { id, signs_from: start(down(signs_from)), signs_until: None, accepted_until: None, key }
    }

    /// This key, out of use from `until` on.
    #[must_use]
    pub const fn ending(self, until: UtcMs) -> Self {
        Self { signs_until: Some(end(up(until))), ..self }
    }

    /// The 32 bytes of the key (RFC 8032).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    pub(super) const fn verifying(&self) -> VerifyingKey {
        self.key
    }

    /// Whether a code may have been signed at `signed_at`.
    pub(super) fn signs_at(&self, signed_at: UtcMs) -> bool {
        self.signs_from <= signed_at && self.signs_until.is_none_or(|until| signed_at < until)
    }

    pub(super) fn in_use(&self, signed_at: UtcMs, now: UtcMs) -> Result<(), NotValid> {
        if self.signs_at(signed_at) && self.accepted_until.is_none_or(|until| now < until) {
            return Ok(());
        }
        Err(NotValid::KeyWindow { key: self.id })
    }

    /// Strictly: neither a key nor a signature of small order is good, nor another form of a good one.
    pub(super) fn check(&self, message: &[u8], signature: &Signature) -> Result<(), NotValid> {
        self.key.verify_strict(message, signature).map_err(|_| NotValid::BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until, accepted) = (self.signs_from, self.signs_until, self.accepted_until);
        write!(f, "{}({from} to {until:?}, accepted to {accepted:?})", self.id)
    }
}

/// Up to [`TICKET_KEYS_MAX`] keys, ascending by id. As JSON: `{"format":1,"keys":[{"id":1,"key":"<64 hex digits>","signs_from":0}]}`, with
/// `signs_until` and `accepted_until` where they are set; times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct PublicKeys(Vec<PublicKey>);

impl PublicKeys {
    /// These keys, in any order.
    ///
    /// # Errors
    /// [`KeyError::Duplicate`], [`KeyError::Limit`].
    pub fn new(mut keys: Vec<PublicKey>) -> Result<Self, KeyError> {
        within("ticket_keys", keys.len() as u64, 0, TICKET_KEYS_MAX as u64)?;
        keys.sort_unstable_by_key(|key| key.id);
        match keys.windows(2).find(|pair| pair[0].id == pair[1].id) {
            Some(pair) => Err(KeyError::Duplicate(pair[0].id)),
            None => Ok(Self(keys)),
        }
    }

    /// The keys, ascending by id.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    pub(super) fn find(&self, id: KeyId) -> Result<&PublicKey, NotValid> {
        let at = self.0.binary_search_by_key(&id, |key| key.id);
        at.map(|at| &self.0[at]).map_err(|_| NotValid::UnknownKey { key: id })
    }

    pub(super) fn find_mut(&mut self, id: KeyId) -> Result<&mut PublicKey, KeyError> {
        let at = self.0.binary_search_by_key(&id, |key| key.id);
        at.map(|at| &mut self.0[at]).map_err(|_| KeyError::Unknown(id))
    }

    pub(super) fn remove(&mut self, id: KeyId) {
        self.0.retain(|key| key.id != id);
    }
}

const KEYS_FORMAT: u32 = 1;

/// The keys as they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: KeyId,
    key: String,
    signs_from: UtcMs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signs_until: Option<UtcMs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted_until: Option<UtcMs>,
}

impl From<PublicKeys> for Document {
    fn from(keys: PublicKeys) -> Self {
        let hex = |key: &PublicKey| key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let entry = |key: &PublicKey| Entry {
            id: key.id,
            key: hex(key),
            signs_from: key.signs_from,
            signs_until: key.signs_until,
            accepted_until: key.accepted_until,
        };
        Self { format: KEYS_FORMAT, keys: keys.0.iter().map(entry).collect() }
    }
}

impl TryFrom<Document> for PublicKeys {
    type Error = KeyError;

    fn try_from(document: Document) -> Result<Self, KeyError> {
        if document.format != KEYS_FORMAT {
            return Err(KeyError::Format { found: document.format });
        }
        let key = |entry: Entry| {
            let bytes = unhex(&entry.key).ok_or(KeyError::Weak(entry.id))?;
            let key = PublicKey::new(entry.id, &bytes, entry.signs_from)?;
            let key = entry.signs_until.map_or(key, |until| key.ending(until));
            Ok(PublicKey { accepted_until: entry.accepted_until, ..key })
        };
        Self::new(document.keys.into_iter().map(key).collect::<Result<_, KeyError>>()?)
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|char| matches!(char, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
