//! [`Histogram`]: how long things took, to about one percent.

use std::time::Duration;

const SUB_BITS: u32 = 6;
const SUB: u64 = 1 << SUB_BITS;
const BUCKETS: usize = ((64 - SUB_BITS as usize) + 1) << SUB_BITS;

/// How long things took, in nanoseconds: 64 buckets for every doubling.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u32>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], count: 0 }
    }
}

fn bucket(nanos: u64) -> usize {
    let shift = (63 - (nanos | SUB).leading_zeros()) - SUB_BITS;
    // Below 64 buckets of one; then the six bits behind the first one.
    let at = u64::from(shift) * SUB + (nanos >> shift);
    usize::try_from(at).unwrap_or(BUCKETS - 1).min(BUCKETS - 1)
}

/// The middle of a bucket.
#[expect(clippy::cast_precision_loss, reason = "one percent is all that is promised")]
fn nanos(at: usize) -> f64 {
    let at = at as u64;
    if at < 2 * SUB {
        return at as f64;
    }
    let shift = at / SUB - 1;
    ((at - shift * SUB) as f64 + 0.5) * (1u64 << shift) as f64
}

impl Histogram {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        self.counts[bucket(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX))] += 1;
        self.count += 1;
    }

    /// All of another.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, more)| *mine += more);
        self.count += other.count;
    }

    /// How many.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// What so many thousandths do not exceed, in milliseconds; not a number if there are none.
    #[must_use]
    pub fn quantile_ms(&self, thousandths: u64) -> f64 {
        let rank = (self.count * thousandths).div_ceil(1_000).max(1);
        let mut passed = 0;
        for (at, count) in self.counts.iter().enumerate() {
            passed += u64::from(*count);
            if passed >= rank {
                return nanos(at) / 1e6;
            }
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_one_percent() {
        let mut histogram = Histogram::default();
        for micros in 1..=10_000 {
            histogram.add(Duration::from_micros(micros));
        }
        for (thousandths, expected) in [(1, 0.01), (500, 5.0), (990, 9.9), (1_000, 10.0)] {
            let found = histogram.quantile_ms(thousandths);
            assert!((found / expected - 1.0).abs() < 0.011, "{thousandths}: {found}");
        }
        assert_eq!(histogram.count(), 10_000);
        assert!(Histogram::default().quantile_ms(500).is_nan());
        for nanos in [0, 1, 63, 64, 127, 128, u64::MAX] {
            histogram.add(Duration::from_nanos(nanos));
        }
    }
}
