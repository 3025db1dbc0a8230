//! [`JoinTree`]: a Merkle tree over the join log, with proofs of inclusion.
//!
//! Hashes, root and proofs are those of RFC 9162 (Certificate Transparency, version 2), section 2.1: a leaf is
//! `SHA-256(0x00 || data)`, a node `SHA-256(0x01 || left || right)`, the tree of `n` leaves is split at the largest power of two below `n`.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A hash of the tree.
pub type Hash = [u8; 32];

/// Nodes below this height are hashed again when they are needed: they would be nearly all of the tree.
const KEPT_FROM: u32 = 4;
const BLOCK: u64 = 1 << KEPT_FROM;

/// The hash of a leaf with this data.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The upper part of a tree over leaves that are kept elsewhere, 4 bytes a leaf. Grows at its end; leaves never change.
#[derive(Clone, Debug, Default)]
pub struct JoinTree {
    /// `levels[k]` has the nodes of height `KEPT_FROM + k` that are full, from the left.
    levels: Vec<Vec<Hash>>,
}

impl JoinTree {
    /// Hashes what has not been hashed of the first `count` leaves, `leaf` gives their hashes. Leaves of a last block that is not full stay
    /// for later. Two hashes a leaf in the end, whatever the steps are.
    pub fn extend(&mut self, count: u64, leaf: impl Fn(u64) -> Hash) {
        let full = count / BLOCK;
        let mut block = self.levels.first().map_or(0, Vec::len) as u64;
        while block < full {
            let hash = small_tree(block * BLOCK, BLOCK, &leaf);
            self.push(hash);
            block += 1;
        }
    }

    /// Adds a node at the bottom, and those above it that it makes full.
    fn push(&mut self, mut hash: Hash) {
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            nodes.push(hash);
            if nodes.len() % 2 == 1 {
                return;
            }
            hash = node_hash(&nodes[nodes.len() - 2], &nodes[nodes.len() - 1]);
        }
    }

    /// The root of the first `count` leaves. O(log n) once they are [hashed](Self::extend).
    #[must_use]
    pub fn root(&self, count: u64, leaf: impl Fn(u64) -> Hash) -> Hash {
        self.subtree(0, count, &leaf)
    }

    /// The proof that leaf `at` is among the first `count`: hashes from the bottom to the top. `None` unless it is. O(log n).
    #[must_use]
    pub fn proof(&self, at: u64, count: u64, leaf: impl Fn(u64) -> Hash) -> Option<Vec<Hash>> {
        if at >= count {
            return None;
        }
        let (mut from, mut len) = (0, count);
        let mut proof = Vec::new();
        while len > 1 {
            let left = split(len);
            if at - from < left {
                proof.push(self.subtree(from + left, len - left, &leaf));
                len = left;
            } else {
                proof.push(self.subtree(from, left, &leaf));
                (from, len) = (from + left, len - left);
            }
        }
        proof.reverse();
        Some(proof)
    }

    fn subtree(&self, from: u64, len: u64, leaf: &impl Fn(u64) -> Hash) -> Hash {
        if len == 0 {
            return Sha256::digest([]).into();
        }
        if let Some(kept) = self.kept(from, len) {
            return kept;
        }
        if len == 1 {
            return leaf(from);
        }
        let left = split(len);
        node_hash(&self.subtree(from, left, leaf), &self.subtree(from + left, len - left, leaf))
    }

    fn kept(&self, from: u64, len: u64) -> Option<Hash> {
        if !len.is_power_of_two() || !from.is_multiple_of(len) {
            return None;
        }
        let height = len.trailing_zeros().checked_sub(KEPT_FROM)?;
        let nodes = self.levels.get(height as usize)?;
        nodes.get(usize::try_from(from / len).ok()?).copied()
    }

    /// How many leaves are hashed for good.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.levels.first().map_or(0, Vec::len) as u64 * BLOCK
    }

    /// Bytes of memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.levels.iter().map(|nodes| nodes.capacity() * size_of::<Hash>()).sum()
    }
}

/// The tree of a few leaves, nothing kept.
fn small_tree(from: u64, len: u64, leaf: &impl Fn(u64) -> Hash) -> Hash {
    if len == 1 {
        return leaf(from);
    }
    node_hash(&small_tree(from, len / 2, leaf), &small_tree(from + len / 2, len / 2, leaf))
}

/// The largest power of two below `len`, which is over 1.
fn split(len: u64) -> u64 {
    1 << (63 - (len - 1).leading_zeros())
}

/// What is published of a log: `SHA-256(0x02 || count as 8 bytes, big endian || root of its tree)`. A root alone does not tell how many leaves
/// there are: a proof can be good for several counts.
#[must_use]
pub fn log_root(count: u64, tree_root: &Hash) -> Hash {
    Sha256::new()
        .chain_update([2])
        .chain_update(count.to_be_bytes())
        .chain_update(tree_root)
        .finalize()
        .into()
}

/// Whether a leaf's hash is that of number `at` of the `count` leaves of a log with this [`log_root`]: RFC 9162, section 2.1.3.2.
#[must_use]
pub fn verify_inclusion(leaf: &Hash, at: u64, count: u64, proof: &[Hash], root: &Hash) -> bool {
    if at >= count {
        return false;
    }
    let (mut at, mut last, mut hash) = (at, count - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = node_hash(step, &hash);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && bool::from(log_root(count, &hash).ct_eq(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(at: u64) -> Hash {
        leaf_hash(&at.to_be_bytes())
    }

    /// The definition of RFC 9162, word by word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                node_hash(&defined(&leaves[..k]), &defined(&leaves[k..]))
            }
        }
    }

    #[test]
    fn roots_are_as_defined_however_the_tree_grew() {
        let leaves: Vec<Hash> = (0..200).map(leaf).collect();
        let mut grown = JoinTree::default();
        for count in 0..=200u64 {
            if count % 7 == 0 {
                grown.extend(count, leaf);
            }
            let expected = defined(&leaves[..usize::try_from(count).unwrap()]);
            assert_eq!(grown.root(count, leaf), expected, "{count}");
            assert_eq!(JoinTree::default().root(count, leaf), expected, "{count}");
        }
        // An earlier tree's root, after it has grown.
        assert_eq!(grown.root(33, leaf), defined(&leaves[..33]));
    }

    #[test]
    fn every_leaf_is_proven_and_nothing_else() {
        let mut tree = JoinTree::default();
        tree.extend(100, leaf);
        for count in [1u64, 2, 3, 15, 16, 17, 31, 64, 100] {
            let root = log_root(count, &tree.root(count, leaf));
            for at in 0..count {
                let proof = tree.proof(at, count, leaf).unwrap();
                assert!(verify_inclusion(&leaf(at), at, count, &proof, &root), "{at} of {count}");
                assert!(!verify_inclusion(&leaf(at + 1), at, count, &proof, &root));
                assert!(!verify_inclusion(&leaf(at), at + 1, count, &proof, &root));
                assert!(!verify_inclusion(&leaf(at), at, count, &proof, &leaf(0)));
                assert!(!verify_inclusion(&leaf(at), at, count + 1, &proof, &root));
                if !proof.is_empty() {
                    assert!(!verify_inclusion(&leaf(at), at, count, &proof[1..], &root));
                    let mut longer = proof.clone();
                    longer.push(root);
                    assert!(!verify_inclusion(&leaf(at), at, count, &longer, &root));
                }
            }
            assert_eq!(tree.proof(count, count, leaf), None);
        }
    }
}
