//! The idempotency table of one shard: which keys have an accepted outcome, and at which revision.
//!
//! A record is 16 bytes: the key's tag and the revision of its fact; everything else is read from the journal
//! when a key comes back. Records are kept by generations of logged time, so that forgetting is dropping a table.

use std::collections::VecDeque;

use hashbrown::HashTable;

use crate::id::Revision;
use crate::limits::KEY_RETENTION_MS;
use crate::time::UtcMs;

const GENERATIONS: u64 = 5;
const GENERATION_MS: u64 = KEY_RETENTION_MS / (GENERATIONS - 1);

/// The generation of logged time that `at` belongs to.
pub(crate) const fn generation(at: UtcMs) -> u64 {
    at.0 / GENERATION_MS
}

/// The oldest generation still remembered at `at`.
pub(crate) const fn oldest_generation(at: UtcMs) -> u64 {
    generation(at).saturating_sub(GENERATIONS - 1)
}

#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    /// Ascending by generation.
    generations: VecDeque<(u64, HashTable<(u64, Revision)>)>,
}

impl KeyTable {
    /// Where the accepted outcome of the key is, if it is remembered at `now`.
    pub fn find(&self, tag: u64, now: UtcMs) -> Option<Revision> {
        let oldest = oldest_generation(now);
        let kept = self.generations.iter().rev().filter(|(generation, _)| *generation >= oldest);
        kept.filter_map(|(_, table)| table.find(tag, |record| record.0 == tag)).map(|record| record.1).next()
    }

    /// Remembers a key whose fact was logged at `at`. A later generation may be there already, of facts that were taken back.
    pub fn insert(&mut self, tag: u64, revision: Revision, at: UtcMs) {
        let generation = generation(at);
        let from = self.generations.iter().rposition(|(earlier, _)| *earlier <= generation);
        let at = match from {
            Some(at) if self.generations[at].0 == generation => at,
            _ => {
                let at = from.map_or(0, |before| before + 1);
                self.generations.insert(at, (generation, HashTable::new()));
                at
            }
        };
        self.generations[at].1.insert_unique(tag, (tag, revision), |record| record.0);
    }

    /// Takes a record back.
    pub fn remove(&mut self, tag: u64, revision: Revision) {
        for (_, table) in &mut self.generations {
            if let Ok(entry) = table.find_entry(tag, |record| *record == (tag, revision)) {
                entry.remove();
            }
        }
    }

    /// Forgets what is too old at `at`. True if a generation was dropped.
    pub fn forget(&mut self, at: UtcMs) -> bool {
        let oldest = oldest_generation(at);
        let mut any = false;
        while self.generations.front().is_some_and(|(generation, _)| *generation < oldest) {
            self.generations.pop_front();
            any = true;
        }
        any
    }

    /// Every record as (generation, tag, revision), sorted by revision.
    pub fn records(&self) -> Vec<(u64, u64, Revision)> {
        let of = |(generation, table): &(u64, HashTable<(u64, Revision)>)| {
            table.iter().map(|(tag, revision)| (*generation, *tag, *revision)).collect::<Vec<_>>()
        };
        let mut records: Vec<_> = self.generations.iter().flat_map(of).collect();
        records.sort_by_key(|record| record.2);
        records
    }

    /// Puts a record back whose generation is known; generations must come in ascending order.
    pub fn restore(&mut self, generation: u64, tag: u64, revision: Revision) {
        self.insert(tag, revision, UtcMs(generation * GENERATION_MS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_remembered_72_hours_and_forgotten_after_90() {
        for start in [0, GENERATION_MS - 1, GENERATION_MS * 7 + 5] {
            let mut keys = KeyTable::default();
            keys.insert(9, Revision(1), UtcMs(start));
            let at = |ms: u64| UtcMs(start + ms);
            assert_eq!(keys.find(9, at(KEY_RETENTION_MS)), Some(Revision(1)));
            assert_eq!(keys.find(9, at(KEY_RETENTION_MS / 4 * 5)), None);
            assert!(keys.forget(at(KEY_RETENTION_MS / 4 * 5)), "memory is given back");
            assert!(keys.records().is_empty());
        }
    }

    #[test]
    fn a_key_belongs_to_its_generation_whatever_was_taken_back() {
        let mut keys = KeyTable::default();
        keys.insert(1, Revision(1), UtcMs(GENERATION_MS * 9));
        keys.remove(1, Revision(1));
        keys.insert(2, Revision(1), UtcMs(GENERATION_MS * 3));
        keys.insert(3, Revision(2), UtcMs(GENERATION_MS * 4));
        keys.insert(4, Revision(3), UtcMs(GENERATION_MS * 4));
        assert_eq!(keys.records(), [(3, 2, Revision(1)), (4, 3, Revision(2)), (4, 4, Revision(3))]);
    }

    #[test]
    fn a_removed_key_is_unknown() {
        let mut keys = KeyTable::default();
        keys.insert(9, Revision(1), UtcMs(5));
        keys.remove(9, Revision(2));
        assert_eq!(keys.find(9, UtcMs(5)), Some(Revision(1)));
        keys.remove(9, Revision(1));
        assert_eq!(keys.find(9, UtcMs(5)), None);
    }
}
