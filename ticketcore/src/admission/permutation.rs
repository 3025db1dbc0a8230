//! [`Permutation`]: a secret order of the numbers below `n`, which nobody needs to store.
//!
//! A generalised Feistel network over `Z_a x Z_b`, with `a * b` the least such product not below `n`, and cycle walking for what
//! falls outside: J. Black, P. Rogaway, *Ciphers with Arbitrary Finite Domains*, CT-RSA 2002, methods 2 and 3. The round functions are
//! HMAC-SHA-256 of the round and the half. A half has only `sqrt(n)` values, so that all rounds fit in small tables: 16 rounds of a million
//! are 64 KB, and a position costs 16 look-ups.
//!
//! To check it elsewhere: `a = ceil(sqrt(n))`, `b = ceil(n / a)`, `l, r = divmod(x, b)`. For `round` from 0 to 15 let
//! `f(v) = int(HMAC-SHA-256(key, "ticketcore permutation v1" || round as 1 byte || v as 4 bytes)[0..8]) mod m`; even rounds do
//! `l = (l + f(r)) mod a` with `m = a`, odd ones `r = (r + f(l)) mod b` with `m = b`. The result is `l * b + r`, once more from the start with
//! that while it is not below `n`. All numbers are big endian.

use super::mac::MacKey;

/// Rounds of the network. Ten are what NIST SP 800-38G asks of a network over domains of its least size; those here can be smaller.
pub const ROUNDS: usize = 16;
const LABEL: &[u8] = b"ticketcore permutation v1";

/// A keyed permutation of the numbers below [`len`](Self::len). Building one takes `16 * sqrt(n)` hashes and as many numbers of 4 bytes; a
/// look-up in either direction is O(1).
#[derive(Clone, Debug)]
pub struct Permutation {
    n: u32,
    a: u32,
    b: u32,
    /// All rounds, one after the other: of `b` numbers if even, of `a` if odd.
    tables: Vec<u32>,
}

impl Permutation {
    /// The permutation of the numbers below `n` that a key stands for.
    #[must_use]
    pub fn new(key: &[u8; 32], n: u32) -> Self {
        let key = MacKey::new(key);
        let (a, b) = sides(n);
        let mut tables = Vec::with_capacity(ROUNDS / 2 * (a as usize + b as usize));
        for round in 0..ROUNDS {
            let (entries, modulus) = if round % 2 == 0 { (b, a) } else { (a, b) };
            tables.extend((0..entries).map(|value| shift(&key, round, value, modulus)));
        }
        Self { n, a, b, tables }
    }

    /// How many numbers it permutes.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.n
    }

    /// Whether there is nothing to permute.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Where `x` goes; `None` unless it is below [`len`](Self::len).
    #[must_use]
    pub fn forward(&self, x: u32) -> Option<u32> {
        self.walk(x, Self::encrypt)
    }

    /// What goes to `y`; `None` unless it is below [`len`](Self::len).
    #[must_use]
    pub fn backward(&self, y: u32) -> Option<u32> {
        self.walk(y, Self::decrypt)
    }

    /// Each step stays on the cycle that `x` is on, and `x` itself is inside: it ends.
    fn walk(&self, x: u32, step: impl Fn(&Self, u64) -> u64) -> Option<u32> {
        if x >= self.n {
            return None;
        }
        let mut x = step(self, u64::from(x));
        while x >= u64::from(self.n) {
            x = step(self, x);
        }
        u32::try_from(x).ok()
    }

    fn encrypt(&self, x: u64) -> u64 {
        let (mut l, mut r) = self.split(x);
        let mut rest = &self.tables[..];
        for _pair in 0..ROUNDS / 2 {
            let (even, after) = rest.split_at(self.b as usize);
            l = add(l, even[r as usize], self.a);
            let (odd, after) = after.split_at(self.a as usize);
            r = add(r, odd[l as usize], self.b);
            rest = after;
        }
        self.join(l, r)
    }

    fn decrypt(&self, y: u64) -> u64 {
        let (mut l, mut r) = self.split(y);
        let mut rest = &self.tables[..];
        for _pair in 0..ROUNDS / 2 {
            let (before, odd) = rest.split_at(rest.len() - self.a as usize);
            r = add(r, self.b - odd[l as usize], self.b);
            let (before, even) = before.split_at(before.len() - self.b as usize);
            l = add(l, self.a - even[r as usize], self.a);
            rest = before;
        }
        self.join(l, r)
    }

    #[expect(clippy::cast_possible_truncation, reason = "x is below a * b")]
    fn split(&self, x: u64) -> (u32, u32) {
        let b = u64::from(self.b);
        ((x / b) as u32, (x % b) as u32)
    }

    fn join(&self, l: u32, r: u32) -> u64 {
        u64::from(l) * u64::from(self.b) + u64::from(r)
    }
}

/// The halves' ranges: as square as can be, with the fewest numbers that are not below `n`.
fn sides(n: u32) -> (u32, u32) {
    if n == 0 {
        return (0, 0);
    }
    let floor = n.isqrt();
    let a = if floor * floor == n { floor } else { floor + 1 };
    (a, n.div_ceil(a))
}

/// The round's function: the bias of the remainder is below 2^-47.
#[expect(clippy::cast_possible_truncation, reason = "a remainder of a division by 32 bits; sixteen rounds")]
fn shift(key: &MacKey, round: usize, value: u32, modulus: u32) -> u32 {
    let tag = key.tag(&[LABEL, &[round as u8], &value.to_be_bytes()]);
    let mut first = [0; 8];
    first.copy_from_slice(&tag[..8]);
    (u64::from_be_bytes(first) % u64::from(modulus)) as u32
}

fn add(x: u32, y: u32, modulus: u32) -> u32 {
    let sum = u64::from(x) + u64::from(y);
    let modulus = u64::from(modulus);
    #[expect(clippy::cast_possible_truncation, reason = "below the modulus")]
    let sum = if sum >= modulus { sum - modulus } else { sum } as u32;
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u64) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_be_bytes());
        key
    }

    fn check(permutation: &Permutation) {
        let n = permutation.len();
        let mut seen = vec![false; n as usize];
        for x in 0..n {
            let y = permutation.forward(x).unwrap();
            assert!(!std::mem::replace(&mut seen[y as usize], true), "n = {n}: two go to {y}");
            assert_eq!(permutation.backward(y), Some(x), "n = {n}");
        }
        assert_eq!((permutation.forward(n), permutation.backward(n)), (None, None));
    }

    #[test]
    fn every_size_up_to_ten_thousand_is_permuted() {
        // All sizes would hash for minutes in a debug build: sizes share tables where their sides are the same, so that a
        // permutation of one size is looked at through the walk of each size with these sides.
        let mut last: Option<Permutation> = None;
        for n in 0..=10_000 {
            let same = last.as_ref().is_some_and(|last| (last.a, last.b) == sides(n));
            let mut permutation = if same { last.take().unwrap() } else { Permutation::new(&key(7), n) };
            permutation.n = n;
            check(&permutation);
            last = Some(permutation);
        }
    }

    #[test]
    fn the_tables_of_a_size_depend_on_its_sides_alone() {
        for n in [2u32, 10, 99, 1_000] {
            for other in n.saturating_sub(3)..n + 3 {
                if sides(n) == sides(other) {
                    assert_eq!(Permutation::new(&key(3), n).tables, Permutation::new(&key(3), other).tables);
                }
            }
        }
    }

    #[test]
    fn large_sizes_are_permuted() {
        for n in [65_535, 65_536, 65_537, 1_000_000] {
            check(&Permutation::new(&key(u64::from(n)), n));
        }
        let most = Permutation::new(&key(1), 1 << 27);
        for x in (0..1 << 27).step_by(1_000_003) {
            assert_eq!(most.backward(most.forward(x).unwrap()), Some(x));
        }
    }

    #[test]
    fn other_keys_give_other_orders_and_the_same_key_the_same() {
        let order = |seed| {
            let permutation = Permutation::new(&key(seed), 100);
            (0..100).map(|x| permutation.forward(x).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    /// Chi squared of counts that should all be `expected`.
    fn chi_squared(counts: &[u32], expected: f64) -> f64 {
        counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
    }

    #[test]
    fn each_of_ten_entrants_gets_each_place_equally_often_over_ten_thousand_draws() {
        let mut counts = vec![0u32; 100];
        for draw in 0..10_000 {
            let permutation = Permutation::new(&key(draw), 10);
            for x in 0..10 {
                counts[(x * 10 + permutation.forward(x).unwrap()) as usize] += 1;
            }
        }
        // 81 degrees of freedom: the 99.99th percentile is 137.
        let found = chi_squared(&counts, 1_000.0);
        assert!(found < 137.0, "{found}");
    }

    #[test]
    fn each_order_of_four_is_equally_likely_over_ten_thousand_draws() {
        let mut counts = std::collections::BTreeMap::<Vec<u32>, u32>::new();
        for draw in 0..10_000 {
            let permutation = Permutation::new(&key(draw), 4);
            *counts.entry((0..4).map(|x| permutation.forward(x).unwrap()).collect()).or_default() += 1;
        }
        assert_eq!(counts.len(), 24);
        // 23 degrees of freedom: the 99.99th percentile is 57.
        let found = chi_squared(&counts.into_values().collect::<Vec<_>>(), 10_000.0 / 24.0);
        assert!(found < 57.0, "{found}");
    }
}
