//! [`EntrantTag`]: what a waiting room knows of a person.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::mac::MacKey;
use super::merkle::{Hash, leaf_hash};
use crate::id::UserId;

/// A person's name in the room of one event: a keyed hash, so that who reads the join log learns of nobody whether he joined, and who knows his
/// own finds himself in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntrantTag(pub [u8; 16]);

impl EntrantTag {
    /// The data of a leaf of the join log's tree: the join number as 8 bytes, big endian, and the tag.
    #[must_use]
    pub fn leaf(self, number: u64) -> Hash {
        let mut data = [0; 24];
        data[..8].copy_from_slice(&number.to_be_bytes());
        data[8..].copy_from_slice(&self.0);
        leaf_hash(&data)
    }

    /// The tag that 32 hexadecimal digits stand for.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let number = u128::from_str_radix(text, 16).ok()?;
        (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then_some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for EntrantTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for EntrantTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ent_{self}")
    }
}

/// Makes tags: one secret a room.
#[derive(Clone)]
pub struct Tagger(MacKey);

impl Tagger {
    /// What makes the tags of a room with this secret.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(MacKey::new(key))
    }

    /// The tag of a user.
    #[must_use]
    pub fn user(&self, user: UserId) -> EntrantTag {
        short(&self.0.tag(&[b"user", &user.0]))
    }

    /// The tag of who comes with an invitation: that of its key, whoever uses it. One key, one place.
    #[must_use]
    pub fn invited(&self, key: &[u8; 16]) -> EntrantTag {
        short(&self.0.tag(&[b"invite", key]))
    }
}

fn short(tag: &[u8; 32]) -> EntrantTag {
    let mut half = [0; 16];
    half.copy_from_slice(&tag[..16]);
    EntrantTag(half)
}
