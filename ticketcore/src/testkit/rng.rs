//! [`Rng`]: a small generator whose numbers depend on nothing but the seed, so that a printed seed is a whole test.
//!
//! xoshiro256++ 1.0 seeded by splitmix64, both by David Blackman and Sebastiano Vigna (public domain,
//! <https://prng.di.unimi.it>). Ranges by Lemire's method ("Fast Random Integer Generation in an Interval", 2019).

/// A deterministic random number generator for tests. Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator of this seed; any seed is as good as another.
    #[must_use]
    pub fn new(mut seed: u64) -> Self {
        Self { state: std::array::from_fn(|_| splitmix64(&mut seed)) }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let out = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let t = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= t;
        *d = d.rotate_left(45);
        out
    }

    /// A number below `n`, all equally likely.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below 0");
        let unfair = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(n);
            #[expect(clippy::cast_possible_truncation, reason = "the lower half decides what is unfair")]
            let low = wide as u64;
            if low >= unfair {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A position in a list of `len`.
    ///
    /// # Panics
    /// If `len` is 0.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a usize")
    }

    /// True in `pct` of 100 cases.
    pub fn chance(&mut self, pct: u32) -> bool {
        self.below(100) < u64::from(pct)
    }

    /// One of `list`.
    ///
    /// # Panics
    /// If `list` is empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.index(list.len())]
    }

    /// Puts `list` into random order, every order equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let at = self.index(end + 1);
            list.swap(at, end);
        }
    }
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_generators() {
        let mut seed = 1_234_567;
        let seeds: Vec<_> = (0..3).map(|_| splitmix64(&mut seed)).collect();
        assert_eq!(seeds, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let numbers: Vec<_> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(numbers, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_all_values_come() {
        let (mut one, mut two) = (Rng::new(7), Rng::new(7));
        let mut seen = [0u32; 6];
        for _ in 0..6_000 {
            let n = one.index(6);
            assert_eq!(n, two.index(6));
            seen[n] += 1;
        }
        assert!(seen.iter().all(|&count| (850..1_150).contains(&count)), "{seen:?}");
        assert_ne!(Rng::new(8), Rng::new(7));
        let hits = (0..10_000).filter(|_| one.chance(30)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!(!one.chance(0) && one.chance(100));
    }

    #[test]
    fn shuffling_keeps_the_items_and_picking_stays_inside() {
        let mut rng = Rng::new(1);
        let mut list: Vec<u32> = (0..50).collect();
        rng.shuffle(&mut list);
        assert_ne!(list, (0..50).collect::<Vec<_>>());
        assert!(list.contains(rng.pick(&list)));
        list.sort_unstable();
        assert_eq!(list, (0..50).collect::<Vec<_>>());
    }
}
