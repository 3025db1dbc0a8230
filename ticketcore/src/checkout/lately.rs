//! [`Lately`]: how long something took, lately.

use crate::time::UtcMs;

/// How far back it remembers, in seconds.
const SECONDS: usize = 10;

/// How long something took, second by second. Of one size however much happens.
#[derive(Default)]
pub(super) struct Lately {
    seconds: [Second; SECONDS],
}

#[derive(Clone, Copy, Default)]
struct Second {
    /// Which: Unix time.
    at: u64,
    count: u64,
    sum_ms: u64,
}

impl Lately {
    /// Notes what ended at `now`. O(1).
    pub fn record(&mut self, now: UtcMs, took_ms: u64) {
        let at = now.0 / 1_000;
        let second = &mut self.seconds[(at % SECONDS as u64) as usize];
        if second.at != at {
            *second = Second { at, ..Second::default() };
        }
        second.count += 1;
        second.sum_ms = second.sum_ms.saturating_add(took_ms);
    }

    /// The mean of the last ten seconds, `None` if there was nothing.
    pub fn mean_ms(&self, now: UtcMs) -> Option<u64> {
        let now = now.0 / 1_000;
        let lately = |second: &&Second| second.at <= now && now - second.at < SECONDS as u64;
        let (count, sum_ms) = self.seconds.iter().filter(lately).fold((0, 0_u64), |(count, sum), second| {
            (count + second.count, sum.saturating_add(second.sum_ms))
        });
        sum_ms.checked_div(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_ten_seconds_count() {
        let mut lately = Lately::default();
        assert_eq!(lately.mean_ms(UtcMs(50_000)), None);
        lately.record(UtcMs(50_000), 100);
        lately.record(UtcMs(50_999), 300);
        lately.record(UtcMs(59_000), 800);
        assert_eq!(lately.mean_ms(UtcMs(59_999)), Some(400));
        assert_eq!(lately.mean_ms(UtcMs(60_000)), Some(800), "the first second is ten seconds old");
        lately.record(UtcMs(60_000), 200);
        assert_eq!(lately.mean_ms(UtcMs(60_000)), Some(500), "its place is taken by another");
        assert_eq!(lately.mean_ms(UtcMs(10_000)), None, "a clock that jumped back");
        assert_eq!(lately.mean_ms(UtcMs(1_000_000)), None);
    }
}
