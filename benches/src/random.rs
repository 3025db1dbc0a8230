//! [`Random`]: a small seeded generator (splitmix64), the same numbers every time.

/// A generator of 64-bit numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        n ^ (n >> 31)
    }

    /// A number below `end`. The bias of the multiplication is below 2^-32 for the numbers used here.
    pub const fn below(&mut self, end: u32) -> u32 {
        (((self.next() >> 32) * end as u64) >> 32) as u32
    }

    /// Two different numbers below `end`, which is at least 2.
    pub const fn two_below(&mut self, end: u32) -> [u32; 2] {
        let first = self.below(end);
        let second = self.below(end - 1);
        [first, if second == first { end - 1 } else { second }]
    }

    /// All numbers below `end` in random order.
    #[must_use]
    pub fn permutation(&mut self, end: u32) -> Vec<u32> {
        let mut all: Vec<u32> = (0..end).collect();
        for at in (1..end).rev() {
            all.swap(at as usize, self.below(at + 1) as usize);
        }
        all
    }
}
