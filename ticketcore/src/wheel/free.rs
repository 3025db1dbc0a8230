//! The free entries of a slab, lowest first.

/// A set of indices as a tree of words: a bit per index, above that a bit per word that is not 0, up to one word.
/// Three steps find the lowest of 262,144.
#[derive(Debug)]
pub(super) struct FreeSet {
    levels: Vec<Vec<u64>>,
}

impl FreeSet {
    pub(super) const fn new() -> Self {
        FreeSet { levels: Vec::new() }
    }

    /// Makes room for the indices below `len` and gives back what is above. No index at or above the smaller of
    /// the old and the new `len` may be in the set, and to grow it must be empty.
    pub(super) fn resize(&mut self, len: usize) {
        let mut words = len;
        for depth in 0.. {
            words = words.div_ceil(64);
            if depth == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let level = &mut self.levels[depth];
            level.resize(words, 0);
            if level.len() < level.capacity() / 4 {
                level.shrink_to_fit();
            }
            if words <= 1 {
                return self.levels.truncate(depth + 1);
            }
        }
    }

    /// Empties the set. Gives the room back, as after `resize(0)`, unless it is one word.
    pub(super) fn clear(&mut self) {
        match &mut self.levels[..] {
            [only] if only.len() == 1 => only[0] = 0,
            _ => self.levels.clear(),
        }
    }

    /// Whether there is room for `index`.
    pub(super) fn has_room(&self, index: usize) -> bool {
        self.levels.first().is_some_and(|level| index / 64 < level.len())
    }

    pub(super) fn add(&mut self, index: u32) {
        let mut at = index as usize;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let known = *word != 0;
            *word |= 1 << (at % 64);
            if known {
                return;
            }
            at /= 64;
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        let mut at = index;
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            *word &= !(1 << (at % 64));
            if *word != 0 {
                return;
            }
            at /= 64;
        }
    }

    /// The lowest index.
    pub(super) fn first(&self) -> Option<usize> {
        let mut at = 0;
        for level in self.levels.iter().rev() {
            let word = level.get(at).filter(|&&word| word != 0)?;
            at = at * 64 + word.trailing_zeros() as usize;
        }
        (!self.levels.is_empty()).then_some(at)
    }
}

#[cfg(test)]
impl FreeSet {
    pub(super) fn contains(&self, index: usize) -> bool {
        self.levels[0][index / 64] >> (index % 64) & 1 == 1
    }

    /// Every word says what is below it.
    pub(super) fn check(&self) {
        for pair in self.levels.windows(2) {
            assert_eq!(pair[1].len(), pair[0].len().div_ceil(64));
            for (at, &word) in pair[0].iter().enumerate() {
                assert_eq!(pair[1][at / 64] >> (at % 64) & 1 == 1, word != 0);
            }
        }
        assert!(self.levels.last().is_none_or(|top| top.len() <= 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_comes_first_on_every_level() {
        let mut set = FreeSet::new();
        assert_eq!(set.first(), None);
        set.resize(300_000);
        let indices = [0, 1, 63, 64, 4_095, 4_096, 262_143, 262_144, 299_999];
        indices.iter().rev().for_each(|&index| set.add(index));
        for index in indices {
            set.check();
            assert_eq!(set.first(), usize::try_from(index).ok());
            set.remove(index as usize);
        }
        assert_eq!(set.first(), None);
    }

    #[test]
    fn shrinking_keeps_what_is_below() {
        let mut set = FreeSet::new();
        set.resize(300_000);
        set.add(70);
        for len in [4_097, 4_096, 128, 71] {
            set.resize(len);
            set.check();
            assert_eq!(set.first(), Some(70));
        }
        set.remove(70);
        set.resize(0);
        assert_eq!(set.first(), None);
    }
}
