//! Idempotency keys: a user and an operation name at most one accepted outcome by a key.

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use siphasher::sip::{SipHasher13, SipHasher24};
use smallvec::SmallVec;

use crate::fact::append_encoded;
use crate::id::UserId;
use crate::limits::{KEY_BYTES_MAX, LimitExceeded, within};
use crate::pack::append_hold_request;
use crate::request::HoldRequest;

/// A key chosen by the client and repeated on every retry of one request: 1 to 128 bytes of UTF-8.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(SmallVec<[u8; 40]>);

impl IdempotencyKey {
    /// Checks the length.
    ///
    /// # Errors
    /// [`LimitExceeded`] if the key is empty or longer than [`KEY_BYTES_MAX`].
    pub fn new(text: &str) -> Result<Self, LimitExceeded> {
        within("idempotency_key", text.len() as u64, 1, KEY_BYTES_MAX as u64)?;
        Ok(Self(SmallVec::from_slice(text.as_bytes())))
    }

    /// The bytes of the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Checked when it was made.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for IdempotencyKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = IdempotencyKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an idempotency key")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<IdempotencyKey, E> {
                let text = std::str::from_utf8(bytes).map_err(E::custom)?;
                IdempotencyKey::new(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// What a key is asked for. The same key may be used once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names of the commands")]
pub enum Operation {
    Hold,
    Amend,
    Extend,
    Release,
    OpenOrder,
    ConfirmOrder,
    CancelOrder,
    Staff,
}

/// The 64-bit name of (user, operation, key) in an event's idempotency table: SipHash-1-3 under the event's own
/// secret, so that nobody outside can make two keys collide. Two keys that do collide (2^-64) make the second
/// be refused as reused.
#[must_use]
pub(crate) fn key_tag(secret: (u64, u64), user: UserId, operation: Operation, key: &IdempotencyKey) -> u64 {
    // In one piece: the hasher is slow at odd lengths.
    let mut whole = [0; 17 + KEY_BYTES_MAX];
    let len = 17 + key.0.len();
    whole[..16].copy_from_slice(&user.0);
    whole[16] = operation as u8;
    whole[17..len].copy_from_slice(&key.0);
    SipHasher13::new_with_keys(secret.0, secret.1).hash(&whole[..len])
}

/// The fingerprint of a request's body: SipHash-2-4 of its canonical encoding.
#[must_use]
pub(crate) fn fingerprint(body: &[u8]) -> u64 {
    SipHasher24::new_with_keys(0x7469_636b_6574_636f, 0x7265_2066_7072_696e).hash(body)
}

/// The fingerprint of a request: that of its encoding, the key included (two requests are compared only under the
/// same key).
#[must_use]
pub(crate) fn request_fingerprint<T: Serialize>(request: &T) -> u64 {
    BODY.with_borrow_mut(|body| {
        body.clear();
        append_encoded(request, body);
        fingerprint(body)
    })
}

/// The same for the most frequent request.
#[must_use]
pub(crate) fn hold_fingerprint(request: &HoldRequest) -> u64 {
    let found = BODY.with_borrow_mut(|body| {
        body.clear();
        append_hold_request(request, body).then(|| fingerprint(body))
    });
    found.unwrap_or_else(|| request_fingerprint(request))
}

thread_local! {
    static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use super::*;

    #[test]
    fn a_tag_is_the_hash_of_user_operation_and_key() {
        let key = IdempotencyKey::new("order 1").unwrap();
        let user = UserId([7; 16]);
        let mut hasher = SipHasher13::new_with_keys(1, 2);
        hasher.write(&user.0);
        hasher.write_u8(Operation::Extend as u8);
        hasher.write(b"order 1");
        assert_eq!(key_tag((1, 2), user, Operation::Extend, &key), hasher.finish());
    }

    #[test]
    fn small_and_large_requests_have_the_fingerprint_of_their_encoding() {
        for len in [0usize, 1, 200, 400, 600, 5_000] {
            let body: Vec<u32> = (0..u32::try_from(len).unwrap()).collect();
            let encoded = postcard::to_allocvec(&body).unwrap();
            assert_eq!(request_fingerprint(&body), fingerprint(&encoded), "{len}");
        }
    }
}
