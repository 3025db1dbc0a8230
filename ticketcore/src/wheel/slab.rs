//! Where the entries live: one vector, addressed by index, with intrusive doubly linked lists.
//!
//! The lowest free entry is taken first, so that after a peak the entries gather at the front and the vector can
//! be cut off behind them, a few entries per removal.

use super::WheelKey;
use super::free::FreeSet;
use crate::UtcMs;

/// The end of a list.
pub(super) const NIL: u32 = u32::MAX;
/// Room that is kept however few entries are in use, twice this at most.
const CAPACITY_MIN: usize = 128;
/// Trailing free entries that one removal cuts off: more than the one it frees, few enough to be no work.
const REMOVAL_CUT_MAX: usize = 16;

/// Entries in use and free ones.
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: FreeSet,
    len: usize,
    /// Of the last insert. One counter for all entries, so that it outlives those that are cut off.
    generation: u32,
}

/// One deadline, linked to its neighbours in a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<T> {
    pub(super) deadline: UtcMs,
    pub(super) item: T,
    pub(super) generation: u32,
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) place: Place,
}

/// Which list an entry is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Free,
    /// None: the heap has a record of it.
    Due,
    Slot {
        level: u8,
        slot: u8,
    },
}

impl<T: Copy> Slab<T> {
    pub(super) const fn new() -> Self {
        Slab { entries: Vec::new(), free: FreeSet::new(), len: 0, generation: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// A new entry, in no list yet.
    pub(super) fn insert(&mut self, deadline: UtcMs, item: T) -> WheelKey {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let entry = Entry { deadline, item, generation, prev: NIL, next: NIL, place: Place::Due };
        let free = if self.len < self.entries.len() { self.free.first() } else { None };
        let at = free.unwrap_or(self.entries.len());
        let index = u32::try_from(at).unwrap_or(NIL);
        assert!(index != NIL, "a wheel holds fewer than 2^32 - 1 entries");
        if free.is_some() {
            self.free.remove(at);
            self.entries[at] = entry;
        } else {
            self.entries.push(entry);
            if !self.free.has_room(at) {
                self.free.resize(self.entries.len());
            }
        }
        self.len += 1;
        WheelKey { index, generation }
    }

    /// The entry that `key` names, if it is still in use.
    pub(super) fn get(&self, key: WheelKey) -> Option<&Entry<T>> {
        let entry = self.entries.get(key.index as usize)?;
        (entry.generation == key.generation && entry.place != Place::Free).then_some(entry)
    }

    pub(super) fn entry(&mut self, index: u32) -> &mut Entry<T> {
        &mut self.entries[index as usize]
    }

    /// Makes `prev` and `next` neighbours. False if there is no `prev`: the list's head is the caller's.
    pub(super) fn join(&mut self, prev: u32, next: u32) -> bool {
        if next != NIL {
            self.entry(next).prev = prev;
        }
        if prev != NIL {
            self.entry(prev).next = next;
        }
        prev != NIL
    }

    /// Frees an entry that is in no list any more.
    pub(super) fn remove(&mut self, index: u32) -> T {
        let entry = self.entry(index);
        debug_assert!(entry.place != Place::Free, "an entry is freed once");
        entry.place = Place::Free;
        let item = entry.item;
        self.len -= 1;
        self.free.add(index);
        self.cut(REMOVAL_CUT_MAX);
        item
    }

    /// Cuts off up to `limit` free entries at the end of the vector (all if none is in use), and gives their
    /// memory back once it is worth it.
    pub(super) fn cut(&mut self, limit: usize) {
        if self.len == 0 {
            self.entries.clear();
            self.free.clear();
        }
        for _ in 0..limit {
            if self.entries.pop_if(|last| last.place == Place::Free).is_none() {
                break;
            }
            self.free.remove(self.entries.len());
        }
        if let Some(capacity) = smaller_capacity(self.entries.len(), self.entries.capacity()) {
            self.entries.shrink_to(capacity);
            self.free.resize(self.entries.len());
        }
    }
}

/// The capacity to shrink to when less than a quarter is in use. At least half is given back, so shrinking and
/// growing again is paid for by the removals and inserts between.
pub(super) fn smaller_capacity(len: usize, capacity: usize) -> Option<usize> {
    (capacity > 2 * CAPACITY_MIN && len < capacity / 4).then(|| (2 * len).max(CAPACITY_MIN))
}

#[cfg(test)]
impl<T: Copy> Slab<T> {
    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    pub(super) fn peek(&self, index: u32) -> &Entry<T> {
        &self.entries[index as usize]
    }

    pub(super) fn check(&self) {
        self.free.check();
        for (index, entry) in self.entries.iter().enumerate() {
            assert_eq!(self.free.contains(index), entry.place == Place::Free);
        }
        assert_eq!(self.len, self.entries.iter().filter(|entry| entry.place != Place::Free).count());
        assert!(
            self.entries.capacity() <= 2 * CAPACITY_MIN || self.entries.len() >= self.entries.capacity() / 4
        );
    }
}
