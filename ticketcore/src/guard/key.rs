//! [`Key`]: the short name of whoever is counted.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

/// What kind of thing is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An address, or the network that one customer of a provider has ([`Block`](super::Block)).
    Address,
    /// A user.
    User,
    /// A device, as far as it keeps its cookie.
    Device,
    /// An API key.
    ApiKey,
    /// With what is paid: a card, an account.
    Payment,
}

impl Subject {
    /// Every kind.
    pub const ALL: [Subject; 5] =
        [Subject::Address, Subject::User, Subject::Device, Subject::ApiKey, Subject::Payment];

    /// Its name in policies and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Subject::Address => "address",
            Subject::User => "user",
            Subject::Device => "device",
            Subject::ApiKey => "api-key",
            Subject::Payment => "payment",
        }
    }
}

/// Whoever is counted, as 64 bits that only who has the secret can relate to him. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Key(u64);

impl From<u64> for Key {
    fn from(bits: u64) -> Self {
        Self::of_bits(bits)
    }
}

impl From<Key> for u64 {
    fn from(key: Key) -> Self {
        key.bits()
    }
}

impl Key {
    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// With [bits](Self::bits) that were kept.
    #[must_use]
    pub const fn of_bits(bits: u64) -> Key {
        Key(if bits == 0 { 1 } else { bits })
    }

    /// Another key of the same somebody: one for each thing that is counted of him.
    #[must_use]
    pub fn with(self, what: u64) -> Key {
        // The bits are unpredictable already: they only need mixing (splitmix64).
        let n = self.0 ^ what.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Key((n ^ (n >> 31)).max(1))
    }
}

/// Makes keys with SipHash-2-4 under a secret: nobody outside can find two callers with one key, or fill one bucket of a table.
#[derive(Clone)]
pub struct Keyed([u8; 16]);

impl Keyed {
    /// With a secret: of a process, if nobody must know its keys again.
    #[must_use]
    pub const fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// The key of somebody of a kind, in a class of things that are counted apart (0 if there is but one).
    #[must_use]
    pub fn key(&self, subject: Subject, class: u8, name: &[u8]) -> Key {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(&[subject as u8, class]);
        hasher.write(name);
        Key(hasher.finish().max(1))
    }
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_kind_class_name_and_secret() {
        let keyed = Keyed::new([1; 16]);
        let one = keyed.key(Subject::User, 0, b"ann");
        assert_eq!(keyed.key(Subject::User, 0, b"ann"), one);
        let others = [
            keyed.key(Subject::Device, 0, b"ann"),
            keyed.key(Subject::User, 1, b"ann"),
            keyed.key(Subject::User, 0, b"bob"),
            Keyed::new([2; 16]).key(Subject::User, 0, b"ann"),
            one.with(1),
            one.with(2),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, one, "{at}");
            assert!(!others[..at].contains(other), "{at}");
        }
        assert!(!format!("{keyed:?}").contains('1'), "the secret is not printed");
    }
}
