//! [`Reputations`]: what to think of users and devices, from what they did before.
//!
//! A number, 0 for who is not known, above it for who did what bots do, below it for who bought and paid. Half of it is forgotten in every
//! half-life, so that nobody stays under suspicion and nobody lives on old merits. 16 bytes each.

use super::key::Key;
use super::table::{Fullness, Memory, Table, halves, whole};
use crate::time::UtcMs;

/// A reputation is between this and its negative.
pub const REPUTATION_MAX: i32 = 10_000;

/// The reputation, in thousandths, as 32 bits with a sign; and the second since when it has been so.
type Kept = [u32; 2];

impl Memory for Kept {
    const WORDS: usize = 1;

    fn read(words: &[u64]) -> Self {
        halves(words[0])
    }

    fn write(self, words: &mut [u64]) {
        words[0] = whole(self);
    }

    fn weight(&self, _now_ms: u64) -> u64 {
        // How much of it is forgotten by now only the half-life could tell; the order is nearly the same without.
        u64::from(self[0].cast_signed().unsigned_abs())
    }
}

/// Reputations of any number of keys in a memory of fixed size.
pub struct Reputations {
    table: Table<Kept>,
    half_life_s: u32,
}

impl Reputations {
    /// Room for so many keys; half of a reputation is forgotten in so many seconds (at least one).
    #[must_use]
    pub fn new(keys_max: usize, half_life_s: u32) -> Self {
        Self { table: Table::new(keys_max), half_life_s: half_life_s.max(1) }
    }

    /// Adds to somebody's reputation: above 0 is worse.
    pub fn add(&self, key: Key, points: i32, clock: UtcMs) {
        let half_life = u64::from(self.half_life_s);
        self.table.update(key, clock, |kept, now_ms| {
            let bound = i64::from(REPUTATION_MAX) * 1_000;
            let sum = (left(*kept, half_life, now_ms) + i64::from(points) * 1_000).clamp(-bound, bound);
            *kept = [i32::try_from(sum).unwrap_or(0).cast_unsigned(), second(now_ms)];
        });
    }

    /// What to think of somebody.
    #[must_use]
    pub fn of(&self, key: Key, clock: UtcMs) -> i32 {
        let half_life = u64::from(self.half_life_s);
        let thousandths = self.table.look(key, clock, |kept, now_ms| left(*kept, half_life, now_ms));
        i32::try_from(thousandths / 1_000).unwrap_or(0)
    }

    /// All that is known, part by part, to be [recalled](Self::recall) elsewhere or later. O(keys there is room for).
    pub fn parts(&self, clock: UtcMs) -> impl Iterator<Item = Vec<(Key, i32)>> {
        let half_life = u64::from(self.half_life_s);
        self.table.parts(clock, move |key, kept, now_ms| {
            let thousandths = i32::try_from(left(kept, half_life, now_ms)).unwrap_or(0);
            (thousandths.unsigned_abs() >= 1_000).then_some((key, thousandths))
        })
    }

    /// What was known of somebody at a time, in thousandths of a point: from now on that is what is.
    pub fn recall(&self, (key, thousandths): (Key, i32), was: UtcMs, clock: UtcMs) {
        let bound = REPUTATION_MAX * 1_000;
        let thousandths = thousandths.clamp(-bound, bound);
        self.table.update(key, clock, |kept, now_ms| {
            *kept = [thousandths.cast_unsigned(), second(was.0.min(now_ms))];
        });
    }

    /// How full the memory is.
    #[must_use]
    pub fn fullness(&self) -> Fullness {
        self.table.fullness()
    }
}

fn second(now_ms: u64) -> u32 {
    u32::try_from(now_ms / 1_000).unwrap_or(u32::MAX)
}

/// What is not forgotten: halved for each whole half-life, and evenly less within one.
fn left(kept: Kept, half_life: u64, now_ms: u64) -> i64 {
    let thousandths = i64::from(kept[0].cast_signed());
    let elapsed = u64::from(second(now_ms).saturating_sub(kept[1]));
    let halves = u32::try_from(elapsed / half_life).unwrap_or(u32::MAX).min(62);
    let halved = thousandths / (1_i64 << halves);
    let (into, whole) = (elapsed % half_life, half_life * 2);
    halved - halved * i64::try_from(into).unwrap_or(0) / i64::try_from(whole).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Keyed, Subject};

    #[test]
    fn good_and_bad_are_forgotten_by_halves() {
        let reputations = Reputations::new(64, 1_000);
        let key = Keyed::new([6; 16]).key(Subject::User, 0, b"ann");
        let at = |s: u64| UtcMs(1_000_000 + s * 1_000);
        assert_eq!(reputations.of(key, at(0)), 0);
        for sign in [1, -1] {
            let key = key.with(u64::from(sign == 1));
            reputations.add(key, sign * 80, at(0));
            for (s, left) in
                [(0, 80), (500, 60), (1_000, 40), (1_500, 30), (2_000, 20), (63_000, 0), (9_000_000, 0)]
            {
                assert_eq!(reputations.of(key, at(s)), sign * left, "{s}");
            }
            reputations.add(key, sign * 10, at(1_000));
            assert_eq!(reputations.of(key, at(1_000)), sign * 50);
        }
    }

    #[test]
    fn what_is_recalled_is_what_was_known_less_what_was_forgotten_meanwhile() {
        let keyed = Keyed::new([6; 16]);
        let (ann, bob, eve) = (
            keyed.key(Subject::User, 0, b"ann"),
            keyed.key(Subject::User, 0, b"bob"),
            keyed.key(Subject::User, 0, b"eve"),
        );
        let at = |s: u64| UtcMs(1_000_000 + s * 1_000);
        let before = Reputations::new(64, 1_000);
        before.add(ann, 80, at(0));
        before.add(eve, 1, at(0));
        before.add(bob, -80, at(500));
        let mut known: Vec<_> = before.parts(at(500)).flatten().collect();
        known.sort_unstable();
        let mut expected = vec![(ann, 60_000), (bob, -80_000)];
        expected.sort_unstable();
        assert_eq!(known, expected, "who is nearly forgotten is not kept");
        let after = Reputations::new(64, 1_000);
        for one in known {
            after.recall(one, at(500), at(1_500));
        }
        assert_eq!((after.of(ann, at(1_500)), after.of(bob, at(1_500))), (30, -40));
        after.recall((eve, i32::MIN), at(9_000), at(2_000));
        assert_eq!(after.of(eve, at(2_000)), -REPUTATION_MAX, "bounded, and from no later than now");
    }

    #[test]
    fn a_reputation_has_bounds() {
        let reputations = Reputations::new(64, 0);
        let key = Keyed::new([6; 16]).key(Subject::User, 0, b"ann");
        for clock in [0, u64::MAX] {
            reputations.add(key, i32::MAX, UtcMs(clock));
            reputations.add(key, i32::MAX, UtcMs(clock));
            assert_eq!(reputations.of(key, UtcMs(clock)), REPUTATION_MAX);
            reputations.add(key, i32::MIN, UtcMs(clock));
            reputations.add(key, i32::MIN, UtcMs(clock));
            assert_eq!(reputations.of(key, UtcMs(clock)), -REPUTATION_MAX);
        }
    }
}
