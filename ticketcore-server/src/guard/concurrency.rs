//! [`Writers`]: how many requests of one buyer that change something are under way.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use parking_lot::Mutex;
use ticketcore::guard::Key;

const SHARDS: usize = 16;

/// Counts them. It remembers buyers with requests under way only, of which the server bounds the number.
pub(super) struct Writers {
    shards: [Mutex<HashMap<u64, u32>>; SHARDS],
    max: u32,
}

/// One of them, until it is dropped.
pub(super) struct Writing<'a> {
    writers: &'a Writers,
    key: Key,
}

impl Writers {
    pub fn new(max: u32) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), max }
    }

    /// One more, if there may be.
    pub fn enter(&self, key: Key) -> Option<Writing<'_>> {
        let mut shard = self.shard(key).lock();
        let count = shard.entry(key.bits()).or_insert(0);
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Writing { writers: self, key })
    }

    fn shard(&self, key: Key) -> &Mutex<HashMap<u64, u32>> {
        &self.shards[usize::try_from(key.bits() % SHARDS as u64).unwrap_or(0)]
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut shard = self.writers.shard(self.key).lock();
        if let Entry::Occupied(mut entry) = shard.entry(self.key.bits()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ticketcore::guard::{Keyed, Subject};

    use super::*;

    #[test]
    fn there_are_no_more_than_may_be_and_none_is_left_behind() {
        let writers = Writers::new(2);
        let key = |name: &[u8]| Keyed::new([1; 16]).key(Subject::User, 0, name);
        let (one, two) = (writers.enter(key(b"a")), writers.enter(key(b"a")));
        assert!(one.is_some() && two.is_some() && writers.enter(key(b"a")).is_none());
        assert!(writers.enter(key(b"b")).is_some());
        drop(one);
        assert!(writers.enter(key(b"a")).is_some());
        drop(two);
        assert!(writers.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
