//! [`Watch`]: what must be looked at again at a time: a hold that may be abandoned then, an order that may stay unpaid.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::ops::Bound;

use hashbrown::HashMap;

use crate::time::UtcMs;

/// What must be looked at again. Bounded: what is put in when it is full makes the one go that was due first.
#[derive(Debug)]
pub struct Watch<K, V> {
    known: HashMap<K, (UtcMs, V)>,
    due: BTreeSet<(UtcMs, K)>,
    max: usize,
}

impl<K: Copy + Ord + Hash, V> Watch<K, V> {
    /// Room for so many, at least one.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { known: HashMap::new(), due: BTreeSet::new(), max: max.max(1) }
    }

    /// Looks at something again at a time; if it is watched already, at that time instead. Returns what had to go.
    pub fn put(&mut self, key: K, value: V, at: UtcMs) -> Option<(K, V)> {
        self.remove(key);
        let gone = if self.known.len() >= self.max { self.first() } else { None };
        self.known.insert(key, (at, value));
        self.due.insert((at, key));
        gone
    }

    /// Need not be looked at any more.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let (at, value) = self.known.remove(&key)?;
        self.due.remove(&(at, key));
        Some(value)
    }

    /// What is watched under a key.
    #[must_use]
    pub fn get(&self, key: K) -> Option<&V> {
        self.known.get(&key).map(|(_, value)| value)
    }

    /// Takes out what is due, the earliest first, so many at most.
    pub fn due(&mut self, now: UtcMs, max: usize) -> Vec<(K, V)> {
        let mut taken = Vec::new();
        while taken.len() < max && self.due.first().is_some_and(|(at, _)| *at <= now) {
            taken.extend(self.first());
        }
        taken
    }

    /// What is watched, with when it is due, in that order: so many at most after that one.
    #[must_use]
    pub fn after(&self, after: Option<(UtcMs, K)>, max: usize) -> Vec<(K, UtcMs, V)>
    where
        V: Clone,
    {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let due = self.due.range((from, Bound::Unbounded)).take(max);
        due.filter_map(|(at, key)| Some((*key, *at, self.get(*key)?.clone()))).collect()
    }

    /// How many are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn first(&mut self) -> Option<(K, V)> {
        let (_, key) = self.due.pop_first()?;
        self.known.remove(&key).map(|(_, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_out_in_order_and_once() {
        let mut watch = Watch::new(3);
        assert_eq!(watch.put(1, "a", UtcMs(30)), None);
        assert_eq!(watch.put(2, "b", UtcMs(10)), None);
        assert_eq!(watch.put(3, "c", UtcMs(20)), None);
        assert_eq!(watch.put(2, "b again", UtcMs(40)), None, "the same one");
        assert_eq!(watch.get(2), Some(&"b again"));
        assert_eq!(watch.put(4, "d", UtcMs(50)), Some((3, "c")), "what was due first makes room");
        let first = watch.after(None, 2);
        assert_eq!(first, [(1, UtcMs(30), "a"), (2, UtcMs(40), "b again")]);
        assert_eq!(watch.after(Some((UtcMs(40), 2)), 9), [(4, UtcMs(50), "d")]);
        assert_eq!(watch.remove(4), Some("d"));
        assert_eq!(watch.remove(4), None);
        assert_eq!(watch.due(UtcMs(29), 9), []);
        assert_eq!(watch.due(UtcMs(99), 1), [(1, "a")]);
        assert_eq!(watch.due(UtcMs(99), 9), [(2, "b again")]);
        assert!(watch.is_empty() && watch.due(UtcMs(99), 9).is_empty());
    }
}
