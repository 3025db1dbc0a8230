//! The vouchers of one event: found by the hash of their code in O(1), one word of uses each.
//!
//! Vouchers come, and are revoked, while the caller has the event to itself; uses are taken and given back by whoever holds the shard of
//! their hold. Entries lie in chunks that never move, so that a use is counted without a lock; the index is the only lock, a leaf.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_utils::CachePadded;
use hashbrown::HashTable;

use crate::id::VoucherIndex;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{ArcSwap, Mutex};
use crate::voucher::{CodeHash, VoucherBatch, VoucherTerms};

/// Vouchers that memory is taken for at once.
const CHUNK: usize = 1_024;
/// Locks of the index.
const STRIPES: usize = 64;
/// Bit of a voucher's word that says that it was revoked; the others count uses.
const REVOKED: u32 = 1 << 31;

/// One voucher: 24 bytes. Hash and batch are written before the index knows of it, and not changed while it does.
#[derive(Debug, Default)]
struct Entry {
    hash: [AtomicU64; 2],
    batch: AtomicU32,
    word: AtomicU32,
}

impl Entry {
    fn hash(&self) -> [u64; 2] {
        [self.hash[0].load(Ordering::Relaxed), self.hash[1].load(Ordering::Relaxed)]
    }
}

/// The terms of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub terms: VoucherTerms,
    pub revoked: bool,
}

/// Every batch.
pub(crate) type Batches = BTreeMap<VoucherBatch, Batch>;

/// What is known of one voucher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Voucher {
    pub batch: VoucherBatch,
    pub terms: VoucherTerms,
    pub uses: u32,
    /// It, not its batch.
    pub revoked: bool,
    pub batch_revoked: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Vouchers {
    chunks: ArcSwap<Vec<Arc<[Entry]>>>,
    batches: ArcSwap<Batches>,
    len: AtomicU32,
    index: Box<[CachePadded<Mutex<HashTable<u32>>>]>,
}

impl Default for Vouchers {
    fn default() -> Self {
        Self {
            chunks: ArcSwap::from_pointee(Vec::new()),
            batches: ArcSwap::from_pointee(Batches::new()),
            len: AtomicU32::new(0),
            index: (0..STRIPES).map(|_| CachePadded::new(Mutex::new(HashTable::new()))).collect(),
        }
    }
}

fn words(hash: CodeHash) -> [u64; 2] {
    let number = u128::from_le_bytes(hash.0);
    #[expect(clippy::cast_possible_truncation, reason = "the halves of it")]
    [number as u64, (number >> 64) as u64]
}

fn bytes(words: [u64; 2]) -> CodeHash {
    CodeHash((u128::from(words[0]) | u128::from(words[1]) << 64).to_le_bytes())
}

/// The lock that a hash belongs to. The other bits are the table's.
fn stripe(words: [u64; 2]) -> usize {
    usize::try_from(words[1] % STRIPES as u64).unwrap_or_default()
}

fn entry(chunks: &[Arc<[Entry]>], at: u32) -> Option<&Entry> {
    let at = at as usize;
    chunks.get(at / CHUNK)?.get(at % CHUNK)
}

impl Vouchers {
    /// How many there are.
    pub fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    /// Every batch.
    pub fn batches(&self) -> Arc<Batches> {
        self.batches.load_full()
    }

    /// The voucher with this code. O(1).
    pub fn find(&self, hash: CodeHash) -> Option<VoucherIndex> {
        let words = words(hash);
        let chunks = self.chunks.load();
        let table = self.index[stripe(words)].lock();
        let same = |at: &u32| entry(&chunks, *at).is_some_and(|entry| entry.hash() == words);
        table.find(words[0], same).map(|at| VoucherIndex(*at))
    }

    /// What is known of a voucher.
    pub fn get(&self, voucher: VoucherIndex) -> Option<Voucher> {
        if voucher.0 >= self.len() {
            return None;
        }
        let chunks = self.chunks.load();
        let entry = entry(&chunks, voucher.0)?;
        let word = entry.word.load(Ordering::Acquire);
        let batch = VoucherBatch(entry.batch.load(Ordering::Relaxed));
        let Batch { terms, revoked: batch_revoked } = *self.batches.load().get(&batch)?;
        Some(Voucher { batch, terms, uses: word & !REVOKED, revoked: word & REVOKED != 0, batch_revoked })
    }

    /// Takes a use if one of `uses_max` is left; whatever is left if that is `None`. False if none is, or there is no such voucher.
    #[must_use]
    pub fn take(&self, voucher: VoucherIndex, uses_max: Option<u32>) -> bool {
        let chunks = self.chunks.load();
        let Some(entry) = entry(&chunks, voucher.0) else { return false };
        let more = |word: u32| (word & !REVOKED < uses_max.unwrap_or(REVOKED - 1)).then_some(word + 1);
        entry.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// Gives a use back. False if none was taken.
    #[must_use]
    pub fn give(&self, voucher: VoucherIndex) -> bool {
        let chunks = self.chunks.load();
        let Some(entry) = entry(&chunks, voucher.0) else { return false };
        let less = |word: u32| (word & !REVOKED > 0).then(|| word - 1);
        entry.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    /// Adds vouchers, whose codes are new, to a batch. The caller has the event to itself.
    pub fn add(&self, batch: VoucherBatch, terms: VoucherTerms, codes: &[CodeHash]) {
        if self.batches.load().get(&batch).is_none() {
            let mut batches = (*self.batches.load_full()).clone();
            batches.insert(batch, Batch { terms, revoked: false });
            self.batches.store(Arc::new(batches));
        }
        let mut len = self.len();
        let room = (len as usize + codes.len()).div_ceil(CHUNK);
        let mut chunks = (*self.chunks.load_full()).clone();
        if chunks.len() < room {
            chunks.resize_with(room, || (0..CHUNK).map(|_| Entry::default()).collect());
            self.chunks.store(Arc::new(chunks.clone()));
        }
        for code in codes {
            let words = words(*code);
            if let Some(entry) = entry(&chunks, len) {
                entry.hash[0].store(words[0], Ordering::Relaxed);
                entry.hash[1].store(words[1], Ordering::Relaxed);
                entry.batch.store(batch.0, Ordering::Relaxed);
                entry.word.store(0, Ordering::Relaxed);
            }
            let hash_of = |at: &u32| entry(&chunks, *at).map_or(0, |entry| entry.hash()[0]);
            self.index[stripe(words)].lock().insert_unique(words[0], len, hash_of);
            len += 1;
        }
        self.len.store(len, Ordering::Release);
    }

    /// Takes vouchers back: those from `len` on go, and batches are as before. The caller has the event to itself.
    pub fn take_back(&self, len: u32, batches: Arc<Batches>) {
        let mut chunks = (*self.chunks.load_full()).clone();
        for at in len..self.len() {
            let Some(words) = entry(&chunks, at).map(Entry::hash) else { continue };
            if let Ok(found) = self.index[stripe(words)].lock().find_entry(words[0], |known| *known == at) {
                found.remove();
            }
        }
        chunks.truncate((len as usize).div_ceil(CHUNK));
        self.len.store(len, Ordering::Release);
        self.chunks.store(Arc::new(chunks));
        self.batches.store(batches);
    }

    /// Revokes a batch. False if there is none.
    pub fn revoke_batch(&self, batch: VoucherBatch) -> bool {
        let mut batches = (*self.batches.load_full()).clone();
        let Some(found) = batches.get_mut(&batch) else { return false };
        found.revoked = true;
        self.batches.store(Arc::new(batches));
        true
    }

    /// Revokes a voucher, or takes that back. False if it was so already, or there is none.
    pub fn set_revoked(&self, voucher: VoucherIndex, revoked: bool) -> bool {
        let chunks = self.chunks.load();
        let Some(entry) = entry(&chunks, voucher.0).filter(|_| voucher.0 < self.len()) else { return false };
        let before = if revoked {
            entry.word.fetch_or(REVOKED, Ordering::AcqRel)
        } else {
            entry.word.fetch_and(!REVOKED, Ordering::AcqRel)
        };
        (before & REVOKED != 0) != revoked
    }

    /// Every voucher in order: code, batch, uses, whether it was revoked.
    pub fn all(&self) -> impl Iterator<Item = (CodeHash, VoucherBatch, u32, bool)> {
        let chunks = self.chunks.load_full();
        (0..self.len()).filter_map(move |at| {
            let entry = entry(&chunks, at)?;
            let word = entry.word.load(Ordering::Acquire);
            let batch = VoucherBatch(entry.batch.load(Ordering::Relaxed));
            Some((bytes(entry.hash()), batch, word & !REVOKED, word & REVOKED != 0))
        })
    }

    /// Bytes of memory that entries and index take.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let tables = self.index.iter().map(|table| table.lock().allocation_size()).sum::<usize>();
        self.chunks.load().len() * CHUNK * size_of::<Entry>() + tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(at: u32) -> CodeHash {
        CodeHash::of((7, 8), &format!("CODE-{at}"))
    }

    fn codes(of: std::ops::Range<u32>) -> Vec<CodeHash> {
        of.map(code).collect()
    }

    #[test]
    fn a_voucher_is_found_by_its_code_and_has_its_uses() {
        let vouchers = Vouchers::default();
        let terms = VoucherTerms { uses_max: 2, ..VoucherTerms::default() };
        vouchers.add(VoucherBatch(9), terms, &codes(0..3_000));
        let at = vouchers.find(code(2_999)).unwrap();
        assert_eq!(at, VoucherIndex(2_999));
        assert_eq!(vouchers.find(code(3_000)), None);
        assert!(vouchers.take(at, Some(2)) && vouchers.take(at, Some(2)));
        assert!(!vouchers.take(at, Some(2)), "both are taken");
        assert!(vouchers.give(at));
        assert!(vouchers.set_revoked(at, true) && !vouchers.set_revoked(at, true));
        let voucher = vouchers.get(at).unwrap();
        assert_eq!((voucher.uses, voucher.revoked, voucher.batch), (1, true, VoucherBatch(9)));
        assert!(vouchers.give(at) && !vouchers.give(at), "no more than was taken");
    }

    #[test]
    fn what_is_taken_back_is_unknown_and_may_come_again() {
        let vouchers = Vouchers::default();
        let terms = VoucherTerms::default();
        vouchers.add(VoucherBatch(1), terms, &codes(0..1_500));
        let before = (vouchers.len(), vouchers.batches());
        vouchers.add(VoucherBatch(2), terms, &codes(1_500..4_000));
        vouchers.take_back(before.0, before.1);
        assert_eq!((vouchers.len(), vouchers.batches().len()), (1_500, 1));
        assert_eq!(vouchers.find(code(1_500)), None);
        assert_eq!(vouchers.find(code(1_499)), Some(VoucherIndex(1_499)));
        vouchers.add(VoucherBatch(3), terms, &codes(3_000..3_001));
        assert_eq!(vouchers.find(code(3_000)), Some(VoucherIndex(1_500)));
        assert_eq!(vouchers.get(VoucherIndex(1_501)), None);
    }

    #[test]
    fn a_million_vouchers_take_less_than_64_bytes_each() {
        let vouchers = Vouchers::default();
        // Hashes are random: their first words go into the table as they are.
        let mut rng = 1u128;
        let mut next = || {
            rng = rng.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
            CodeHash((rng ^ rng >> 64).to_le_bytes())
        };
        for _ in 0..100 {
            let codes: Vec<CodeHash> = (0..10_000).map(|_| next()).collect();
            vouchers.add(VoucherBatch(0), VoucherTerms::default(), &codes);
        }
        let each = vouchers.bytes() as f64 / 1e6;
        println!("{each:.1} bytes per voucher");
        assert!(each < 64.0, "{each}");
    }
}
