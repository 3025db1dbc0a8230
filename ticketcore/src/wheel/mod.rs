//! A hierarchical timing wheel: millions of deadlines, constant time to add or drop one.
//!
//! After Varghese and Lauck, *Hashed and Hierarchical Timing Wheels* (1987). Time is cut into ticks of 64 ms.
//! A level has 64 slots, a slot of level `n` spans 64^n ticks, and a word per level says which slots are
//! occupied. A tick is a number of 6-bit digits; an entry lives at the level of the highest digit in which its
//! tick differs from the wheel's, in the slot that digit names. Hence
//!
//! * every occupied slot lies ahead of the wheel, and everything in a lower level comes before everything in
//!   a higher one: the next slot is `trailing_zeros` of the lowest level that is not empty;
//! * ten levels hold any `u64` deadline, and a level takes memory only once something is that far away;
//! * when the wheel reaches a slot, its entries move to lower levels (at most once per level in their life),
//!   those of the reached tick to a heap ordered by `(deadline, item)`.
//!
//! The heap makes firing exact to the millisecond and ordered, and lets a burst be taken out in small steps.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::{iter, mem};

use crate::UtcMs;
use slab::{Entry, NIL, Place, Slab, smaller_capacity};

mod free;
mod slab;
#[cfg(test)]
mod tests;

/// Milliseconds per tick, as a power of two: 64 ms.
const TICK_MS_BITS: u32 = 6;
/// Slots per level, as a power of two: one bit each in a word.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Cancelled records that may wait in the heap before it is swept for them.
const STALE_MIN: usize = 64;
/// Free entries that one `advance` cuts off the end of the slab, should removals have left any.
const ADVANCE_CUT_MAX: usize = 1_024;

const _: () = assert!(SLOTS == u64::BITS as usize, "a level's slots are the bits of its word");

/// Names an entry. A key whose entry fired or was cancelled is recognised by its generation, also when the
/// entry's place is in use again (until a wheel has seen 2^32 more inserts).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WheelKey {
    index: u32,
    generation: u32,
}

/// Deadlines and what is due at them.
///
/// An entry fires at the first [`advance`](Self::advance) whose time has reached its deadline, never before it.
/// An entry takes 32 bytes for `T = u64`; memory is given back as the wheel empties.
#[derive(Debug)]
pub struct TimingWheel<T> {
    slab: Slab<T>,
    levels: Vec<Level>,
    /// The entries of ticks up to `tick`, and up to `stale` records of cancelled ones.
    due: BinaryHeap<Reverse<Due<T>>>,
    stale: usize,
    /// The latest time `advance` was told.
    now: UtcMs,
    /// How far slots have been emptied; behind `now` while more is due than callers took.
    tick: u64,
}

#[derive(Debug)]
struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
}

/// An entry in the heap; the order of the fields is the order of firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due<T> {
    deadline: UtcMs,
    item: T,
    generation: u32,
    index: u32,
}

impl<T: Copy + Ord> TimingWheel<T> {
    /// An empty wheel that stands at `start`.
    #[must_use]
    pub fn new(start: UtcMs) -> Self {
        TimingWheel {
            slab: Slab::new(),
            levels: Vec::new(),
            due: BinaryHeap::new(),
            stale: 0,
            now: start,
            tick: tick_of(start),
        }
    }

    /// Adds `item`, due at `deadline`; a deadline already past fires at the next `advance`.
    ///
    /// O(1), and O(log n) in the number of entries due if the deadline is past or within the current tick.
    ///
    /// # Panics
    /// If the wheel would hold 2^32 - 1 entries.
    pub fn insert(&mut self, deadline: UtcMs, item: T) -> WheelKey {
        let key = self.slab.insert(deadline, item);
        if let Some(due) = self.file(key.index) {
            self.due.push(Reverse(due));
        }
        key
    }

    /// Takes an entry out; `None` if it fired or was cancelled before.
    ///
    /// O(1); amortised O(1) for an entry of a reached tick.
    pub fn cancel(&mut self, key: WheelKey) -> Option<T> {
        let entry = self.slab.get(key)?;
        if let Place::Slot { level, slot } = entry.place {
            let (prev, next) = (entry.prev, entry.next);
            if !self.slab.join(prev, next) {
                let level = &mut self.levels[usize::from(level)];
                level.heads[usize::from(slot)] = next;
                if next == NIL {
                    level.occupied &= !(1 << slot);
                }
            }
            return Some(self.slab.remove(key.index));
        }
        self.stale += 1;
        let item = self.slab.remove(key.index);
        self.sweep();
        Some(item)
    }

    /// Moves the wheel's time to `now` and appends at most `limit` due items to `due`, ordered by
    /// (deadline, item). True if more are due at the wheel's time: call again.
    ///
    /// Time never moves backward: with an earlier `now` the wheel fires what is due at the time it has.
    ///
    /// A call costs O(`limit` log n), n being the entries of the tick that is being fired, plus one move for each
    /// entry of the slots it reaches. A move is tens of nanoseconds at most, but they are not limited: a call that
    /// comes to a slot of 80,000 entries moves all of them, once (1.6 ms measured), and the calls after it take
    /// `limit` at a time. Records of cancelled entries are dropped on the way, each once.
    pub fn advance(&mut self, now: UtcMs, limit: usize, due: &mut Vec<T>) -> bool {
        self.now = self.now.max(now);
        let target = tick_of(self.now);
        let mut room = limit;
        loop {
            while let Some(&Reverse(first)) = self.due.peek() {
                if self.slab.get(first.key()).is_none() {
                    self.stale -= 1;
                } else if first.deadline > self.now {
                    break;
                } else if room == 0 {
                    return true;
                } else {
                    room -= 1;
                    due.push(self.slab.remove(first.index));
                }
                self.due.pop();
            }
            if !self.step(target) {
                break;
            }
        }
        // Every slot up to here is empty, so no entry's place depends on the ticks that are skipped.
        self.tick = target;
        self.slab.cut(ADVANCE_CUT_MAX);
        self.give_back();
        false
    }

    /// No entry is due before this: the exact deadline, or an earlier time at which `advance` will know better
    /// (at most ten times per entry). [`UtcMs::NEVER`] if the wheel is empty. O(levels).
    #[must_use]
    pub fn next_due(&self) -> UtcMs {
        if self.is_empty() {
            return UtcMs::NEVER;
        }
        match (self.due.peek(), self.next_slot()) {
            (Some(Reverse(first)), _) => first.deadline,
            (None, Some((_, _, start))) => UtcMs(start << TICK_MS_BITS),
            (None, None) => UtcMs::NEVER,
        }
    }

    /// How many entries wait or are due.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slab.len() == 0
    }

    /// Puts an entry into its slot, or returns its record for the heap if its tick is reached.
    fn file(&mut self, index: u32) -> Option<Due<T>> {
        let entry = self.slab.entry(index);
        let tick = tick_of(entry.deadline);
        if tick <= self.tick {
            entry.place = Place::Due;
            let Entry { deadline, item, generation, .. } = *entry;
            return Some(Due { deadline, item, generation, index });
        }
        let (level, slot) = slot_of(tick, self.tick);
        while self.levels.len() <= usize::from(level) {
            self.levels.push(Level { occupied: 0, heads: [NIL; SLOTS] });
        }
        let list = &mut self.levels[usize::from(level)];
        let next = mem::replace(&mut list.heads[usize::from(slot)], index);
        list.occupied |= 1 << slot;
        (entry.prev, entry.next) = (NIL, next);
        entry.place = Place::Slot { level, slot };
        self.slab.join(index, next);
        None
    }

    /// The first occupied slot and its first tick.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        let (level, word) = (0u32..).zip(&self.levels).find(|(_, level)| level.occupied != 0)?;
        let slot = word.occupied.trailing_zeros();
        let (shift, above) = (level * SLOT_BITS, (level + 1) * SLOT_BITS);
        let start = (self.tick >> above << above) | (u64::from(slot) << shift);
        Some((level as usize, slot as usize, start))
    }

    /// Moves on to the next occupied slot and empties it, if it starts at `target` or before.
    fn step(&mut self, target: u64) -> bool {
        let Some((level, slot, start)) = self.next_slot().filter(|&(_, _, start)| start <= target) else {
            return false;
        };
        debug_assert!(start > self.tick, "an occupied slot lies ahead");
        self.tick = start;
        let level = &mut self.levels[level];
        level.occupied &= !(1 << slot);
        let mut index = mem::replace(&mut level.heads[slot], NIL);
        // `extend` orders a large slot in linear time, which pushing one by one would not.
        let mut due = mem::take(&mut self.due);
        due.extend(iter::from_fn(|| {
            while index != NIL {
                let this = index;
                index = self.slab.entry(this).next;
                if let Some(record) = self.file(this) {
                    return Some(Reverse(record));
                }
            }
            None
        }));
        self.due = due;
        true
    }

    /// Drops the records of cancelled entries once they are the larger half of the heap.
    fn sweep(&mut self) {
        if self.is_empty() {
            self.due.clear();
            self.stale = 0;
        } else if self.stale > STALE_MIN && self.stale > self.due.len() / 2 {
            self.due.retain(|Reverse(record)| self.slab.get(record.key()).is_some());
            self.stale = 0;
        }
        self.give_back();
    }

    fn give_back(&mut self) {
        if let Some(capacity) = smaller_capacity(self.due.len(), self.due.capacity()) {
            self.due.shrink_to(capacity);
        }
    }
}

impl<T> Due<T> {
    fn key(&self) -> WheelKey {
        WheelKey { index: self.index, generation: self.generation }
    }
}

fn tick_of(time: UtcMs) -> u64 {
    time.0 >> TICK_MS_BITS
}

/// The level and slot of a later `tick`, seen from `reached`: its highest digit that differs.
#[expect(clippy::cast_possible_truncation, reason = "a u64 has 11 digits of 6 bits, and a digit is below 64")]
const fn slot_of(tick: u64, reached: u64) -> (u8, u8) {
    let level = (tick ^ reached).ilog2() / SLOT_BITS;
    let slot = (tick >> (level * SLOT_BITS)) % SLOTS as u64;
    (level as u8, slot as u8)
}
