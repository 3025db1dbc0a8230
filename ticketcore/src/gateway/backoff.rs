//! [`Backoff`]: how long to wait before a call is repeated, and how often it is.

/// Bounded retries that wait longer each time, by chance, so that callers who failed together don't come back together.
///
/// The n-th delay lies between half and the whole of `first_ms * 2^(n - 1)`, at most `delay_ms_max` ("equal jitter" in Marc Brooker,
/// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first delay, in milliseconds.
    pub first_ms: u64,
    /// The longest delay of all, in milliseconds.
    pub delay_ms_max: u64,
    /// How often a call is repeated.
    pub retries_max: u32,
}

impl Default for Backoff {
    /// Eight retries within half a minute.
    fn default() -> Self {
        Self { first_ms: 200, delay_ms_max: 10_000, retries_max: 8 }
    }
}

impl Backoff {
    /// How long to wait before retry number `retry` (from 1), in milliseconds; `None` if there is to be none. `random` is any random number.
    #[must_use]
    pub fn delay_ms(&self, retry: u32, random: u64) -> Option<u64> {
        if retry == 0 || retry > self.retries_max {
            return None;
        }
        let doublings = (retry - 1).min(63);
        let whole = u128::from(self.first_ms) << doublings;
        let whole = u64::try_from(whole).unwrap_or(u64::MAX).min(self.delay_ms_max);
        let fixed = whole.div_ceil(2);
        // From 0 to `whole - fixed`, all as good as equally likely.
        let part = u128::from(random) * (u128::from(whole - fixed) + 1);
        let part = (part >> 64) as u64;
        Some(fixed + part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_then_there_is_none() {
        let backoff = Backoff { first_ms: 100, delay_ms_max: 1_000, retries_max: 6 };
        let longest = |retry| backoff.delay_ms(retry, u64::MAX);
        let shortest = |retry| backoff.delay_ms(retry, 0);
        let all: Vec<_> = (0..8).map(|retry| (shortest(retry), longest(retry))).collect();
        let between = |a, b| (Some(a), Some(b));
        assert_eq!(
            all,
            [
                (None, None),
                between(50, 100),
                between(100, 200),
                between(200, 400),
                between(400, 800),
                between(500, 1_000),
                between(500, 1_000),
                (None, None),
            ]
        );
    }

    #[test]
    fn no_number_is_too_large_or_too_small() {
        let huge = Backoff { first_ms: u64::MAX, delay_ms_max: u64::MAX, retries_max: u32::MAX };
        assert_eq!(huge.delay_ms(u32::MAX, u64::MAX), Some(u64::MAX));
        assert_eq!(huge.delay_ms(1, 0), Some(u64::MAX / 2 + 1));
        let none = Backoff { first_ms: 0, delay_ms_max: 0, retries_max: 1 };
        assert_eq!(none.delay_ms(1, u64::MAX), Some(0));
    }

    #[test]
    fn chance_spreads_them_over_the_whole_range() {
        let backoff = Backoff { first_ms: 10, ..Backoff::default() };
        let delays =
            (0..1_000u64).map(|n| backoff.delay_ms(1, n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).unwrap());
        let seen: std::collections::BTreeSet<_> = delays.collect();
        assert_eq!(seen, (5..=10).collect());
    }
}
