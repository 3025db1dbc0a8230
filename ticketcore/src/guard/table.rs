//! [`Table`]: a memory of fixed size of what is known about keys.
//!
//! It is built like a processor's cache: shards behind a lock each, in each shard buckets of eight, and two buckets where a key may be
//! (of which a new key takes the first if it is not nearly full, else the emptier one). Nothing is ever moved and nothing grows. When both buckets of a new key are full,
//!
//! 1. a key that nothing is known about any more (a limit that is replenished, a window that is over) makes room: nothing is lost;
//! 2. if all sixteen are hot, the one goes of which least is lost (the limit that would be replenished first), and is counted as
//!    *forgotten hot*. Whoever it was may do a little more than he should; nobody is ever refused because there is no room.
//!
//! Which bucket a key goes to depends on a secret ([`Keyed`](super::Keyed)): nobody can aim at the sixteen neighbours of his own.

use std::marker::PhantomData;

use crossbeam_utils::CachePadded;

use super::key::Key;
use super::steady::Steady;
use crate::sync::Mutex;
use crate::time::UtcMs;

const WAYS: usize = 8;
/// A first bucket with so many keys is nearly full. Fewer look-ups need the second bucket the higher this is, and fewer buckets are full the
/// lower it is.
const NEARLY_FULL: usize = 6;
/// Words of a line of the processor's cache.
const LINE: usize = 8;
const SHARDS_MAX: usize = 64;
/// Words of what is known about a key at most.
const MEMORY_WORDS_MAX: usize = 4;
/// Keys that a table may have room for: 2^28, 8 GiB of them.
const SLOTS_MAX: usize = 1 << 28;

/// What is known about a key.
pub(super) trait Memory: Copy {
    /// Words of memory that it takes.
    const WORDS: usize;

    /// From its words; from zeros, that nothing is known: then the system gives the memory when it is first used.
    fn read(words: &[u64]) -> Self;

    /// Into its words.
    fn write(self, words: &mut [u64]);

    /// What would be lost with it at a time of the table's, in any unit; 0 if nothing.
    fn weight(&self, now_ms: u64) -> u64;
}

/// How full a memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fullness {
    /// Keys there is room for.
    pub slots: u64,
    /// Keys that were ever put in and not replaced.
    pub used: u64,
    /// Keys that made room while something was still known about them.
    pub forgotten_hot: u64,
    /// Bytes of memory, when all of it is used.
    pub bytes: u64,
}

struct Shard<M> {
    steady: Steady,
    /// Of each bucket eight keys (0 is none) and then what is known about each: all of it lies together.
    words: Vec<u64>,
    /// Where the first line begins.
    from: usize,
    buckets: usize,
    used: u64,
    forgotten_hot: u64,
    of: PhantomData<M>,
}

/// See the module.
pub(super) struct Table<M> {
    shards: Box<[CachePadded<Mutex<Shard<M>>>]>,
    /// Buckets of a shard, less one.
    mask: u64,
}

impl<M: Memory> Table<M> {
    /// Room for at least so many keys, rounded up to a power of two.
    pub fn new(slots: usize) -> Self {
        let buckets = slots.clamp(1, SLOTS_MAX).div_ceil(WAYS).next_power_of_two().max(2);
        // Every shard has two buckets at least.
        let shards = (buckets / 2).min(SHARDS_MAX);
        let each = buckets / shards;
        Self {
            shards: (0..shards).map(|_| CachePadded::new(Mutex::new(Shard::new(each)))).collect(),
            mask: each as u64 - 1,
        }
    }

    /// Changes what is known about a key. The change is told the table's time, in milliseconds.
    pub fn update<R>(&self, key: Key, clock: UtcMs, change: impl FnOnce(&mut M, u64) -> R) -> R {
        let buckets = self.buckets(key);
        let mut shard = self.shard(key).lock();
        let now = shard.steady.now(clock);
        let (bucket, way) = match shard.find(key, buckets) {
            Some(found) => found,
            None => shard.make_room(key, buckets, now),
        };
        let words = shard.memory(bucket, way);
        let mut memory = M::read(words);
        let changed = change(&mut memory, now);
        memory.write(words);
        changed
    }

    /// Looks at what is known about a key; makes no room for one that nothing is known about.
    pub fn look<R>(&self, key: Key, clock: UtcMs, look: impl FnOnce(&M, u64) -> R) -> R {
        let buckets = self.buckets(key);
        let shard = self.shard(key).lock();
        let now = shard.steady.look(clock);
        let memory = match shard.find(key, buckets) {
            Some((bucket, way)) => M::read(&shard.words[shard.place(bucket, way)..][..M::WORDS]),
            None => M::read(&[0; MEMORY_WORDS_MAX][..M::WORDS]),
        };
        look(&memory, now)
    }

    /// What is made of everything that is known, at the table's time; part by part, and one shard is locked for a part.
    pub fn parts<T>(
        &self,
        clock: UtcMs,
        make: impl Fn(Key, M, u64) -> Option<T>,
    ) -> impl Iterator<Item = Vec<T>> {
        self.shards.iter().map(move |shard| {
            let shard = shard.lock();
            let now = shard.steady.look(clock);
            let mut part = Vec::new();
            for bucket in 0..shard.buckets {
                for (way, bits) in shard.keys(bucket).iter().enumerate().filter(|(_, bits)| **bits != 0) {
                    let memory = M::read(&shard.words[shard.place(bucket, way)..][..M::WORDS]);
                    part.extend(make(Key::of_bits(*bits), memory, now));
                }
            }
            part
        })
    }

    pub fn fullness(&self) -> Fullness {
        let mut sum = Fullness::default();
        for shard in &self.shards {
            let shard = shard.lock();
            sum.slots += (shard.buckets * WAYS) as u64;
            sum.bytes += size_of_val(shard.words.as_slice()) as u64;
            sum.used += shard.used;
            sum.forgotten_hot += shard.forgotten_hot;
        }
        sum
    }

    fn shard(&self, key: Key) -> &Mutex<Shard<M>> {
        let at = (key.bits() >> 56) & (self.shards.len() as u64 - 1);
        &self.shards[index(at)]
    }

    /// Two different ones, from bits that the shard is not chosen by.
    fn buckets(&self, key: Key) -> [usize; 2] {
        let one = key.bits() & self.mask;
        let two = (key.bits() >> 28) & self.mask;
        [index(one), index(if one == two { one ^ 1 } else { two })]
    }
}

impl<M: Memory> Shard<M> {
    /// Words of a bucket.
    const STRIDE: usize = WAYS * (1 + M::WORDS);

    fn new(buckets: usize) -> Self {
        let words = vec![0_u64; buckets * Self::STRIDE + LINE];
        let from = words.as_ptr().align_offset(LINE * size_of::<u64>()).min(LINE);
        let (steady, of) = (Steady::default(), PhantomData);
        Self { steady, words, from, buckets, used: 0, forgotten_hot: 0, of }
    }

    fn keys(&self, bucket: usize) -> &[u64] {
        &self.words[self.from + bucket * Self::STRIDE..][..WAYS]
    }

    fn place(&self, bucket: usize, way: usize) -> usize {
        self.from + bucket * Self::STRIDE + WAYS + way * M::WORDS
    }

    fn memory(&mut self, bucket: usize, way: usize) -> &mut [u64] {
        let place = self.place(bucket, way);
        &mut self.words[place..][..M::WORDS]
    }

    fn find(&self, key: Key, buckets: [usize; 2]) -> Option<(usize, usize)> {
        let way = |bucket: usize| self.keys(bucket).iter().position(|known| *known == key.bits());
        let in_bucket = |bucket: usize| way(bucket).map(|way| (bucket, way));
        in_bucket(buckets[0]).or_else(|| in_bucket(buckets[1]))
    }

    fn make_room(&mut self, key: Key, buckets: [usize; 2], now: u64) -> (usize, usize) {
        let used = |bucket: usize| self.keys(bucket).iter().filter(|key| **key != 0).count();
        let first = used(buckets[0]);
        let second = if first < NEARLY_FULL { WAYS } else { used(buckets[1]) };
        let (bucket, way) = if first == WAYS && second == WAYS {
            self.lightest(buckets, now)
        } else {
            let bucket = buckets[usize::from(second < first)];
            let free = self.keys(bucket).iter().position(|key| *key == 0).unwrap_or(0);
            self.used += 1;
            (bucket, free)
        };
        let at = self.from + bucket * Self::STRIDE + way;
        self.words[at] = key.bits();
        self.memory(bucket, way).fill(0);
        (bucket, way)
    }

    /// Of two full buckets.
    fn lightest(&mut self, buckets: [usize; 2], now: u64) -> (usize, usize) {
        let mut lightest = (u64::MAX, (buckets[0], 0));
        for bucket in buckets {
            for way in 0..WAYS {
                let memory = M::read(self.memory(bucket, way));
                lightest = lightest.min((memory.weight(now), (bucket, way)));
            }
        }
        self.forgotten_hot += u64::from(lightest.0 > 0);
        lightest.1
    }
}

/// What was masked to be within a table fits.
fn index(bits: u64) -> usize {
    usize::try_from(bits).unwrap_or(0)
}

/// Both halves of a word.
pub(super) fn halves(word: u64) -> [u32; 2] {
    // Each has 32 bits.
    [word >> 32, word & u64::from(u32::MAX)].map(|half| u32::try_from(half).unwrap_or(0))
}

/// What [`halves`] takes apart.
pub(super) fn whole([high, low]: [u32; 2]) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Keyed, Subject};

    /// A number that is worth itself until a time.
    impl Memory for [u64; 3] {
        const WORDS: usize = 3;

        fn read(words: &[u64]) -> Self {
            [words[0], words[1], words[2]]
        }

        fn write(self, words: &mut [u64]) {
            words.copy_from_slice(&self);
        }

        fn weight(&self, now_ms: u64) -> u64 {
            if now_ms < self[1] { self[0] } else { 0 }
        }
    }

    fn key(n: u64) -> Key {
        Keyed::new([3; 16]).key(Subject::User, 0, &n.to_le_bytes())
    }

    #[test]
    fn what_is_put_in_is_found_until_it_makes_room() {
        let table: Table<[u64; 3]> = Table::new(4_096);
        for n in 0..2_048 {
            table.update(key(n), UtcMs(1), |memory, _| *memory = [n + 1, 100, 0]);
        }
        for n in 0..2_048 {
            assert_eq!(table.look(key(n), UtcMs(1), |memory, _| memory[0]), n + 1);
        }
        assert_eq!(table.look(key(9_999), UtcMs(1), |memory, _| memory[0]), 0);
        let full = table.fullness();
        assert_eq!((full.slots, full.used, full.forgotten_hot), (4_096, 2_048, 0));
        // And a line of each of the 64 shards to begin at one.
        assert_eq!(full.bytes, 4_096 * 32 + 64 * 64);
    }

    #[test]
    fn what_nothing_is_known_about_makes_room_first_and_then_the_lightest() {
        // One shard with two buckets: every key has both.
        let table: Table<[u64; 3]> = Table::new(16);
        for n in 0..16 {
            table.update(key(n), UtcMs(1), |memory, _| *memory = [n + 10, if n == 7 { 50 } else { 100 }, 0]);
        }
        let put = |n: u64, at: u64| table.update(key(n), UtcMs(at), |memory, _| *memory = [99, 100, 0]);
        put(100, 60);
        assert_eq!(table.look(key(7), UtcMs(60), |memory, _| memory[0]), 0, "its time was over");
        assert_eq!(table.fullness().forgotten_hot, 0);
        put(101, 60);
        assert_eq!(table.look(key(0), UtcMs(60), |memory, _| memory[0]), 0, "the lightest");
        assert_eq!(table.look(key(15), UtcMs(60), |memory, _| memory[0]), 25);
        assert_eq!(table.fullness().forgotten_hot, 1);
    }

    #[test]
    fn the_smallest_and_odd_sizes_work() {
        for slots in [0, 1, 8, 9, 1_000] {
            let table: Table<[u64; 3]> = Table::new(slots);
            for n in 0..5_000 {
                table.update(key(n), UtcMs(n), |memory, _| *memory = [n, n + 100, 0]);
                assert_eq!(table.look(key(n), UtcMs(n), |memory, _| memory[0]), n);
            }
            assert!(table.fullness().used <= table.fullness().slots);
        }
    }
}
