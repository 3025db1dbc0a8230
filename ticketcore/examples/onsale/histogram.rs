//! A log-linear histogram of durations: 32 steps per power of two, so that a value is known to about 3 %.

use std::time::Duration;

const STEPS: usize = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Nanoseconds up to 2^40, a quarter of an hour; longer ones count as that.
const SLOTS: usize = STEPS * (41 - STEP_BITS as usize);

/// Durations, counted.
#[derive(Clone)]
pub struct Histogram {
    slots: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { slots: vec![0; SLOTS], count: 0 }
    }
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.slots[slot(ns)] += 1;
        self.count += 1;
    }

    /// Adds all that another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (slot, more) in self.slots.iter_mut().zip(&other.slots) {
            *slot += more;
        }
        self.count += other.count;
    }

    /// How many were counted.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The duration, in microseconds, that `permille` thousandths do not exceed; 0 if nothing was counted.
    pub fn quantile_us(&self, permille: u64) -> f64 {
        let wanted = (self.count * permille).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (at, count) in self.slots.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_ns(at) as f64 / 1_000.0;
            }
        }
        0.0
    }

    /// Counts of steps `per_octave` to a power of two, with their lower ends in nanoseconds; from the first to the last that is not empty.
    pub fn bars(&self, per_octave: usize) -> Vec<(u64, u64)> {
        let width = STEPS / per_octave;
        let bars = self.slots.chunks(width).enumerate();
        let bars: Vec<_> = bars.map(|(at, chunk)| (lower_ns(at * width), chunk.iter().sum())).collect();
        let first = bars.iter().position(|bar| bar.1 > 0).unwrap_or(0);
        let last = bars.iter().rposition(|bar| bar.1 > 0).map_or(0, |at| at + 1);
        bars[first..last.max(first)].to_vec()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the shift leaves 6 bits")]
fn slot(ns: u64) -> usize {
    if ns < STEPS as u64 {
        return ns as usize;
    }
    let shift = ns.ilog2() - STEP_BITS;
    let step = (ns >> shift) as usize - STEPS;
    ((shift as usize + 1) * STEPS + step).min(SLOTS - 1)
}

fn lower_ns(slot: usize) -> u64 {
    match slot / STEPS {
        0 => slot as u64,
        octave => ((STEPS + slot % STEPS) as u64) << (octave - 1),
    }
}

fn upper_ns(slot: usize) -> u64 {
    lower_ns(slot + 1) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_slot() {
        for ns in (0..100_000).chain((17..39).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1])) {
            let at = slot(ns);
            assert!(lower_ns(at) <= ns && ns <= upper_ns(at), "{ns} in {at}");
            assert!(upper_ns(at) - lower_ns(at) <= ns / 31, "{ns} is known to 3 %");
        }
        assert_eq!(slot(u64::MAX), SLOTS - 1);
    }

    #[test]
    fn quantiles_come_from_all_that_was_merged() {
        let (mut one, mut two) = (Histogram::default(), Histogram::default());
        assert_eq!((one.quantile_us(500), one.bars(4).len()), (0.0, 0));
        (0..990).for_each(|_| one.add(Duration::from_micros(10)));
        (0..10).for_each(|_| two.add(Duration::from_millis(1)));
        one.merge(&two);
        let near = |found: f64, us: f64| (us..us * 1.035).contains(&found);
        assert!(near(one.quantile_us(500), 10.0) && near(one.quantile_us(990), 10.0));
        assert!(near(one.quantile_us(999), 1_000.0), "{}", one.quantile_us(999));
        assert_eq!(one.bars(4).iter().map(|bar| bar.1).sum::<u64>(), one.count());
    }
}
