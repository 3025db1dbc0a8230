//! [`WaitEstimate`]: how long somebody will wait, and how sure that is.
//!
//! What is ahead of him, divided by how fast it went lately; made honest by what such estimates were worth before: some are noted, and judged
//! when their places are called. The quantiles of the ratios, by how far ahead the estimate looked (and until there are enough, what is
//! believed of queues), turn the next estimate into a median and a 90th percentile (split conformal prediction; V. Vovk, A. Gammerman,
//! G. Shafer, *Algorithmic Learning in a Random World*, 2005), and which quantiles are taken follows how often they were kept (I. Gibbs,
//! E. Candes, *Adaptive Conformal Inference Under Distribution Shift*, 2021).

use std::collections::VecDeque;

use crate::time::UtcMs;

/// The rate is looked at over half of how far ahead is looked, and over so long at least, in milliseconds.
const RATE_MS_MIN: u64 = 20_000;
/// Nothing is told before a queue has been looked at for so long, in milliseconds: it begins with a rush.
const KNOWN_MS_MIN: u64 = 10_000;
/// Records are so far apart at least, in milliseconds. People are called in steps of about a second, of which some more comes to each wait.
const RECORD_MS: u64 = 1_000;
/// How far ahead estimates are judged, in milliseconds; each is twice the one before.
const HORIZONS_MS: [u64; 11] =
    [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_024_000];
/// In the time of a horizon so many estimates that look so far ahead are noted, to be judged.
const TOLD_MAX: u64 = 12;
/// Estimates of a horizon that may wait to be judged.
const OPEN_MAX: usize = 1_024;
/// Ratios that are kept of each horizon.
const RATIOS: usize = 512;
/// What is believed of the ratios' quantiles until some have come true, of estimates that look no farther than the queue was looked at...
const BELIEVED: [f64; 2] = [0.95, 1.15];
/// ...and of those that look so many times as far or farther, or of a queue that has just begun: it begins with a rush, and slows down.
const BELIEVED_FAR: [f64; 2] = [1.15, 1.7];
const FAR: f64 = 4.0;
/// A queue has begun for so long, in milliseconds.
const YOUNG_MS: f64 = 60_000.0;
/// So many ratios weigh as much as what is believed.
const BELIEVED_WEIGHT: f64 = 12.0;
/// The quantiles that are told.
const QUANTILES: [f64; 2] = [0.5, 0.9];
/// How fast the quantiles that are looked up move, so that what is told keeps what it promises though queues change their speed.
const LEARNING: f64 = 0.02;

/// How long somebody will wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// One of two waits no longer, in milliseconds.
    pub p50_ms: u64,
    /// Nine of ten wait no longer, in milliseconds.
    pub p90_ms: u64,
}

/// What somebody would have been told.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: UtcMs,
    position: u64,
    ms: f64,
}

/// What estimates that look so far ahead were worth.
#[derive(Clone, Debug)]
struct Judged {
    /// What was told and has not come true yet.
    open: VecDeque<Told>,
    /// How long it took, of how long it was said to take; oldest first.
    ratios: VecDeque<f32>,
    /// Their quantiles...
    learnt: [f64; 2],
    /// ...and what is told, which what is believed has its part in.
    quantiles: [f64; 2],
    /// Which quantiles of the ratios have turned out to be those of the waits, as differences from these.
    shifts: [f64; 2],
}

/// Learns how fast a queue moves. A thousand records and ratios of each of eleven horizons at most: some 200 KB.
#[derive(Clone, Debug, Default)]
pub struct WaitEstimate {
    began: Option<UtcMs>,
    seen: VecDeque<(UtcMs, u64)>,
    /// Places called a millisecond, to look as far ahead as each horizon, as it was known at the last record.
    rates: [f64; HORIZONS_MS.len()],
    judged: [Judged; HORIZONS_MS.len()],
}

impl WaitEstimate {
    /// Positions below `called` are called by now. Call it about once a second, whether or not that grows.
    pub fn record(&mut self, now: UtcMs, called: u64) {
        if self.seen.back().is_some_and(|(last, _)| now.since_ms(*last) < RECORD_MS) {
            return;
        }
        self.seen.push_back((now, called));
        let longest = HORIZONS_MS[HORIZONS_MS.len() - 1];
        while self.seen.len() > 2 && now.since_ms(self.seen[1].0) > longest {
            self.seen.pop_front();
        }
        let last = self.seen.len() - 1;
        let looked_ms = number(now.since_ms(*self.began.get_or_insert(now)).max(1));
        for ((horizon, judged), known) in HORIZONS_MS.iter().zip(&mut self.judged).zip(&mut self.rates) {
            judged.settle(now, called);
            judged.blend((number(*horizon) / looked_ms / FAR).max(1.0 - looked_ms / YOUNG_MS).min(1.0));
            // As if somebody asked who is so far back that he would be told about this wait.
            let rate = rate(&self.seen, last, *horizon);
            *known = rate;
            let ahead = whole(rate * number(horizon.saturating_sub(RECORD_MS)));
            let due = judged.open.back().is_none_or(|told| now.since_ms(told.at) >= horizon / TOLD_MAX);
            if let Some(ms) = plain(ahead.saturating_add(1), rate).filter(|_| due) {
                judged.open.push_back(Told { at: now, position: called.saturating_add(ahead), ms });
            }
        }
    }

    /// How long somebody will wait with so many ahead of him. `None` in the first seconds, and while nobody is called. O(1).
    #[must_use]
    pub fn wait(&self, ahead: u64) -> Option<Wait> {
        let (first, last) = (self.seen.front()?, self.seen.len() - 1);
        if self.seen[last].0.since_ms(first.0) < KNOWN_MS_MIN {
            return None;
        }
        let mut nearest = None;
        for (at, (horizon, rate)) in HORIZONS_MS.iter().zip(self.rates).enumerate() {
            // He is called with the one after all who are ahead.
            let told = plain(ahead.saturating_add(1), rate);
            nearest = told.map(|told| (at, told)).or(nearest);
            if told.is_some_and(|told| told <= 1.42 * number(*horizon)) {
                break;
            }
        }
        let (at, told) = nearest?;
        let [p50, p90] = self.judged[at].quantiles;
        Some(Wait { p50_ms: whole(told * p50), p90_ms: whole(told * p90.max(p50)) })
    }

    /// Places called a second, lately.
    #[must_use]
    pub fn rate_per_s(&self) -> f64 {
        self.seen.len().checked_sub(1).map_or(0.0, |last| rate(&self.seen, last, 0) * 1_000.0)
    }
}

impl Judged {
    /// Learns from what has come true.
    fn settle(&mut self, now: UtcMs, called: u64) {
        let mut came = Vec::new();
        self.open.retain(|told| {
            let comes = told.position >= called;
            if !comes {
                came.push(number(now.since_ms(told.at)) / told.ms);
            }
            comes
        });
        if !came.is_empty() {
            came.into_iter().for_each(|ratio| self.learn(ratio));
            self.look_up();
        }
        // A queue that has stopped for very long.
        if self.open.len() > OPEN_MAX {
            self.open.pop_front();
        }
    }

    fn learn(&mut self, ratio: f64) {
        for (shift, (part, told)) in self.shifts.iter_mut().zip(QUANTILES.iter().zip(&self.quantiles)) {
            let kept = if ratio <= *told { 1.0 } else { 0.0 };
            *shift = (*shift + LEARNING * (part - kept)).clamp(-part, 1.0 - part);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a ratio needs no more digits")]
        self.ratios.push_back(ratio as f32);
        if self.ratios.len() > RATIOS {
            self.ratios.pop_front();
        }
    }

    /// Finds what is told of estimates that look this far, from 0 to 1: what is believed of them is between the two.
    fn blend(&mut self, far: f64) {
        let ratios = number(self.ratios.len() as u64);
        let weight = ratios / (ratios + BELIEVED_WEIGHT);
        self.quantiles = [0, 1].map(|at| {
            let believed = BELIEVED[at] + (BELIEVED_FAR[at] - BELIEVED[at]) * far;
            self.learnt[at] * weight + believed * (1.0 - weight)
        });
    }

    fn look_up(&mut self) {
        let mut sorted: Vec<f32> = self.ratios.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let at = |part: usize| {
            let place = number(sorted.len() as u64 - 1) * (QUANTILES[part] + self.shifts[part]);
            f64::from(sorted[usize::try_from(whole(place)).unwrap_or(0)])
        };
        self.learnt = [at(0), at(1)];
    }
}

impl Default for Judged {
    fn default() -> Self {
        let (open, ratios) = (VecDeque::new(), VecDeque::new());
        Self { open, ratios, learnt: BELIEVED, quantiles: BELIEVED_FAR, shifts: [0.0; 2] }
    }
}

/// How long so many places take at a rate, in milliseconds; `None` if they never come.
fn plain(places: u64, rate: f64) -> Option<f64> {
    let told = number(places) / rate + number(RECORD_MS);
    told.is_finite().then_some(told)
}

/// Places called a millisecond, as it was known at a record, to look so far ahead.
fn rate(seen: &VecDeque<(UtcMs, u64)>, at: usize, horizon_ms: u64) -> f64 {
    let (now, called) = seen[at];
    let since = before(seen, now, (horizon_ms / 2).max(RATE_MS_MIN)).unwrap_or(0);
    let (then, called_then) = seen[since];
    number(called.saturating_sub(called_then)) / number(now.since_ms(then).max(1))
}

/// The last record that was made so long before.
fn before(seen: &VecDeque<(UtcMs, u64)>, now: UtcMs, ms: u64) -> Option<usize> {
    seen.partition_point(|(at, _)| now.since_ms(*at) >= ms).checked_sub(1)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_before_anybody_was_called() {
        let mut estimate = WaitEstimate::default();
        assert_eq!(estimate.wait(10), None);
        estimate.record(UtcMs(1_000), 0);
        estimate.record(UtcMs(5_000), 0);
        assert_eq!(estimate.wait(10), None);
    }

    #[test]
    fn a_steady_queue_is_told_exactly() {
        let mut estimate = WaitEstimate::default();
        for second in 0..600u64 {
            estimate.record(UtcMs(second * 1_000), second * 50);
        }
        let wait = estimate.wait(4_999).unwrap();
        assert!(wait.p50_ms.abs_diff(100_000) < 2_000, "{wait:?}");
        assert!(wait.p90_ms >= wait.p50_ms && wait.p90_ms < 120_000, "{wait:?}");
        assert!((estimate.rate_per_s() - 50.0).abs() < 1.0);
    }

    /// Xorshift: G. Marsaglia, 2003.
    struct Chance(u64);

    impl Chance {
        fn below(&mut self, below: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % below
        }
    }

    /// Asks for somebody up to `reach` back, several times a second; of those who were called, which part waited no longer than p50 and p90.
    fn kept(history: &[u64], reach: u64, asking: std::ops::Range<usize>) -> (usize, usize) {
        let mut chance = Chance(88_172_645_463_325_252);
        let mut estimate = WaitEstimate::default();
        let (mut half, mut most, mut all) = (0, 0, 0);
        for (second, called) in history.iter().enumerate() {
            estimate.record(UtcMs(second as u64 * 1_000), *called);
            let rest = history[history.len() - 1] - called;
            if !asking.contains(&second) || rest == 0 {
                continue;
            }
            for _asks in 0..4 {
                let ahead = chance.below(reach.min(rest));
                let Some(wait) = estimate.wait(ahead) else { continue };
                let came = history.partition_point(|later| *later <= called + ahead);
                let waited = (came - second) as u64 * 1_000;
                all += 1;
                half += usize::from(waited <= wait.p50_ms);
                most += usize::from(waited <= wait.p90_ms);
            }
        }
        assert!(all > 500);
        (half * 100 / all, most * 100 / all)
    }

    /// The promise itself: of many people, told at many times, half wait no longer than p50, nine of ten no longer than p90.
    #[test]
    fn quantiles_hold_in_a_queue_that_moves_by_fits_and_starts() {
        let mut chance = Chance(88_172_645_463_325_252);
        let (mut called, mut speed) = (0, 50);
        let history: Vec<u64> = (0..4_000)
            .map(|second| {
                if second % 20 == 0 {
                    speed = 20 + chance.below(60);
                }
                called += speed + chance.below(20);
                called
            })
            .collect();
        let (half, most) = kept(&history, 10_000, 300..3_500);
        assert!((40..=60).contains(&half) && (85..=95).contains(&most), "{half} {most}");
    }

    /// As a sale begins: a rush, more slowly when people stay, and then as fast as they leave. Nothing was learnt when most are told.
    #[test]
    fn quantiles_hold_in_queues_that_are_young() {
        let (mut halves, mut mosts) = (0, 0);
        for seed in 1..=12 {
            let mut chance = Chance(seed * 88_172_645_463_325_252);
            let (mut called, swing) = (0, 10 + 5 * seed);
            let history: Vec<u64> = (0..230)
                .map(|second: u64| {
                    let speed = 180 + 100_u64.saturating_sub(2 * second) + 40 * (second / swing % 2);
                    called += speed + chance.below(speed / 4) - speed / 8;
                    called
                })
                .collect();
            let (half, most) = kept(&history, u64::MAX, 0..230);
            (halves, mosts) = (halves + half, mosts + most);
        }
        assert!((40..=60).contains(&(halves / 12)) && (85..=95).contains(&(mosts / 12)), "{halves} {mosts}");
    }
}
