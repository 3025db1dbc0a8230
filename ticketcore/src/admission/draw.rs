//! [`DrawRecord`]: everything that makes a draw checkable by anyone.
//!
//! 1. Before the prequeue opens the operator publishes `commitment = SHA-256(key)` of a secret of 32 bytes, and where the entropy will come
//!    from ("the hash of Bitcoin block 912,000", say).
//! 2. When it closes he publishes the number of entrants and the [root](super::log_root) of the join log.
//! 3. Then the entropy comes to be, `draw key = HMAC-SHA-256(key, "ticketcore draw v1" || event as 8 bytes || entrants as 8 bytes || root ||
//!    SHA-256(source) || SHA-256(entropy))`, and entrant `j` has place [`Permutation::new`]`(draw key, entrants).forward(j)`.
//! 4. Then the key is revealed.
//!
//! The operator can't pick the result: what he chooses is fixed before the entropy is known. Who makes the entropy can't either: he does not
//! know the key. What the operator still can do is not reveal it, and be seen not to.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::mac::MacKey;
use super::merkle::{Hash, verify_inclusion};
use super::permutation::Permutation;
use super::tag::EntrantTag;
use crate::id::EventId;

const LABEL: &[u8] = b"ticketcore draw v1";

/// What is published of a key before anybody joins.
#[must_use]
pub fn commitment(key: &[u8; 32]) -> Hash {
    Sha256::digest(key).into()
}

/// A draw is not what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// The key revealed is not the one committed to.
    #[error("the key is not the one that was committed to")]
    OtherKey,
    /// The entry is not in the join log with this root and number of entrants, or not at this number.
    #[error("the entry is not in the join log")]
    NotInLog,
    /// The number is not below the number of entrants.
    #[error("no entrant has this number")]
    NoSuchEntrant,
}

/// What is published of one draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawRecord {
    /// The event.
    pub event: EventId,
    /// SHA-256 of the key, published before the prequeue opened.
    pub commitment: Hash,
    /// Where the entropy comes from, published with it.
    pub entropy_source: String,
    /// How many had joined when the prequeue closed.
    pub entrants: u32,
    /// The [root](super::log_root) of the join log then.
    pub root: Hash,
    /// The entropy.
    pub entropy: String,
    /// The key.
    pub key: [u8; 32],
}

impl DrawRecord {
    /// The order, if the key is the one committed to. O(sqrt(entrants)).
    ///
    /// # Errors
    /// [`DrawError::OtherKey`].
    pub fn order(&self) -> Result<Permutation, DrawError> {
        if !bool::from(commitment(&self.key).ct_eq(&self.commitment)) {
            return Err(DrawError::OtherKey);
        }
        Ok(Permutation::new(&self.draw_key(), self.entrants))
    }

    /// The place of one entry, counted from 0, if it is in the log and the key is the one committed to.
    ///
    /// # Errors
    /// [`DrawError`].
    pub fn check(&self, number: u32, tag: EntrantTag, proof: &[Hash]) -> Result<u32, DrawError> {
        let order = self.order()?;
        let position = order.forward(number).ok_or(DrawError::NoSuchEntrant)?;
        let (at, count) = (u64::from(number), u64::from(self.entrants));
        if verify_inclusion(&tag.leaf(at), at, count, proof, &self.root) {
            Ok(position)
        } else {
            Err(DrawError::NotInLog)
        }
    }

    fn draw_key(&self) -> [u8; 32] {
        let source: Hash = Sha256::digest(self.entropy_source.as_bytes()).into();
        let entropy: Hash = Sha256::digest(self.entropy.as_bytes()).into();
        let entrants = u64::from(self.entrants).to_be_bytes();
        MacKey::new(&self.key).tag(&[
            LABEL,
            &self.event.0.to_be_bytes(),
            &entrants,
            &self.root,
            &source,
            &entropy,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::merkle::{JoinTree, log_root};

    fn tag(number: u64) -> EntrantTag {
        EntrantTag(u128::from(number * 7).to_be_bytes())
    }

    fn drawn(entrants: u32) -> (DrawRecord, JoinTree) {
        let mut tree = JoinTree::default();
        let leaf = |at| tag(at).leaf(at);
        tree.extend(u64::from(entrants), leaf);
        let record = DrawRecord {
            event: EventId(9),
            commitment: commitment(&[5; 32]),
            entropy_source: "the hash of a block to come".to_owned(),
            entrants,
            root: log_root(u64::from(entrants), &tree.root(u64::from(entrants), leaf)),
            entropy: "00000000000000000001".to_owned(),
            key: [5; 32],
        };
        (record, tree)
    }

    #[test]
    fn everybody_can_check_his_entry_and_the_order_is_whole() {
        let (record, tree) = drawn(50);
        let mut places: Vec<u32> = (0..50)
            .map(|number| {
                let at = u64::from(number);
                let proof = tree.proof(at, 50, |at| tag(at).leaf(at)).unwrap();
                record.check(number, tag(at), &proof).unwrap()
            })
            .collect();
        places.sort_unstable();
        assert_eq!(places, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn whatever_is_changed_afterwards_is_seen_or_gives_another_order() {
        let (record, tree) = drawn(50);
        let proof = tree.proof(3, 50, |at| tag(at).leaf(at)).unwrap();
        let other = DrawRecord { key: [6; 32], ..record.clone() };
        assert_eq!(other.order().unwrap_err(), DrawError::OtherKey);
        for other in [
            DrawRecord { entrants: 49, ..record.clone() },
            DrawRecord { entrants: 51, ..record.clone() },
            DrawRecord { root: [0; 32], ..record.clone() },
        ] {
            assert_eq!(other.check(3, tag(3), &proof), Err(DrawError::NotInLog));
        }
        assert_eq!(record.check(3, tag(4), &proof), Err(DrawError::NotInLog));
        assert_eq!(record.check(4, tag(3), &proof), Err(DrawError::NotInLog));
        assert_eq!(record.check(50, tag(3), &proof), Err(DrawError::NoSuchEntrant));
        let order = |record: &DrawRecord| {
            let order = record.order().unwrap();
            (0..50).map(|x| order.forward(x).unwrap()).collect::<Vec<_>>()
        };
        for other in [
            DrawRecord { event: EventId(10), ..record.clone() },
            DrawRecord { entropy: "1".to_owned(), ..record.clone() },
            DrawRecord { entropy_source: "another".to_owned(), ..record.clone() },
            DrawRecord { root: [0; 32], ..record.clone() },
        ] {
            assert_ne!(order(&other), order(&record));
        }
    }
}
