//! Draws: SplitMix64 (Steele, Lea, Flood 2014). Small, fast, the same everywhere for the same seed.

/// A stream of draws.
pub struct Rng(u64);

impl Rng {
    /// The stream of one buyer thread.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = Self(seed ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        rng.next();
        rng
    }

    /// 64 even bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`; 0 if `n` is 0. Even but for a bias of at most `n` in 2^64.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// An index into something of this length.
    #[expect(clippy::cast_possible_truncation, reason = "below a usize")]
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True this often in a hundred.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_repeatable_in_range_and_about_even() {
        let draws = |seed, stream| (0..8).map(|_| 0).scan(Rng::new(seed, stream), |r, _: i32| Some(r.next()));
        assert!(draws(1, 2).eq(draws(1, 2)));
        assert!(!draws(1, 2).eq(draws(1, 3)));
        let mut rng = Rng::new(7, 0);
        let hits = (0..10_000).filter(|_| rng.percent(20)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| rng.below(3) < 3) && rng.below(0) == 0);
    }
}
