//! [`Limiter`]: how often somebody may do something, by the generic cell rate algorithm.
//!
//! The algorithm is that of ITU-T Recommendation I.371 (annex A), as *virtual scheduling*: of each key the *theoretical arrival time* is kept,
//! the time at which it would have nothing outstanding. A request is allowed if that time is no further ahead than the limit tolerates, and
//! moves it ahead by the interval of the limit. It needs one number a limit, no timer, and allows exactly what a token bucket allows.
//!
//! A [`Limit`] has two quotas, for bursts and for sustained use. A request must fit both, and one that does not costs nothing.

use serde::{Deserialize, Serialize};

use super::key::Key;
use super::table::{Fullness, Memory, Table};
use crate::time::UtcMs;

/// Requests of a quota at most.
pub const QUOTA_REQUESTS_MAX: u32 = 1_000_000_000;
/// Seconds of a quota at most: a day.
pub const QUOTA_SECONDS_MAX: u32 = 86_400;
const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// So many requests at once, and as many again in every so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests.
    pub requests: u32,
    /// Seconds.
    pub seconds: u32,
}

/// A limit that can't be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quota has 1 to {QUOTA_REQUESTS_MAX} requests in 1 to {QUOTA_SECONDS_MAX} seconds")]
pub struct BadLimit;

/// Both quotas of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stated", into = "Stated")]
pub struct Limit {
    burst: Pace,
    sustained: Pace,
}

/// A limit as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    burst: Quota,
    sustained: Quota,
}

/// A quota as it is reckoned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    quota: Quota,
    /// Between two requests that come at the pace of the quota.
    every_ns: u64,
}

impl Limit {
    /// From the requests and seconds of both quotas.
    ///
    /// # Errors
    /// [`BadLimit`].
    pub fn new(burst: (u32, u32), sustained: (u32, u32)) -> Result<Self, BadLimit> {
        let quota = |(requests, seconds)| Pace::new(Quota { requests, seconds });
        Ok(Self { burst: quota(burst)?, sustained: quota(sustained)? })
    }

    /// What may come at once.
    #[must_use]
    pub const fn burst(&self) -> Quota {
        self.burst.quota
    }

    /// What may come in the long run.
    #[must_use]
    pub const fn sustained(&self) -> Quota {
        self.sustained.quota
    }
}

impl TryFrom<Stated> for Limit {
    type Error = BadLimit;

    fn try_from(stated: Stated) -> Result<Self, BadLimit> {
        Ok(Self { burst: Pace::new(stated.burst)?, sustained: Pace::new(stated.sustained)? })
    }
}

impl From<Limit> for Stated {
    fn from(limit: Limit) -> Self {
        Self { burst: limit.burst(), sustained: limit.sustained() }
    }
}

impl Pace {
    fn new(quota: Quota) -> Result<Self, BadLimit> {
        let good = (1..=QUOTA_REQUESTS_MAX).contains(&quota.requests)
            && (1..=QUOTA_SECONDS_MAX).contains(&quota.seconds);
        if !good {
            return Err(BadLimit);
        }
        let every_ns = (u64::from(quota.seconds) * NS_PER_S / u64::from(quota.requests)).max(1);
        Ok(Self { quota, every_ns })
    }

    /// All of it.
    const fn whole_ns(&self) -> u64 {
        self.every_ns * self.quota.requests as u64
    }

    /// What is outstanding. Never more than all of it: the limit may have been another when it was used.
    fn outstanding_ns(&self, arrival: u64, now: u64) -> u64 {
        arrival.saturating_sub(now).min(self.whole_ns())
    }
}

/// What is left after a request that was allowed, by the quota that is nearer to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Whether that is the sustained one.
    pub sustained: bool,
    /// Requests that may still come at once.
    pub remaining: u32,
    /// When there is one more than that, in milliseconds from now.
    pub next_ms: u64,
    /// When nothing is outstanding, in milliseconds from now.
    pub reset_ms: u64,
}

/// Why a request is not allowed. It cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The quota for bursts is used up.
    pub burst: bool,
    /// The quota for sustained use is used up.
    pub sustained: bool,
    /// When the next would be allowed if nothing comes before it, in milliseconds from now; at least 1.
    pub retry_after_ms: u64,
}

/// Whether a request is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Allowed(Allowed),
    /// It is not.
    Limited(Limited),
}

/// Theoretical arrival times of both quotas, in nanoseconds of the table's time.
type Arrivals = [u64; 2];

impl Memory for Arrivals {
    const WORDS: usize = 2;

    fn read(words: &[u64]) -> Self {
        [words[0], words[1]]
    }

    fn write(self, words: &mut [u64]) {
        words.copy_from_slice(&self);
    }

    fn weight(&self, now_ms: u64) -> u64 {
        self[0].max(self[1]).saturating_sub(now_ms.saturating_mul(NS_PER_MS))
    }
}

/// Limits any number of keys in a memory of fixed size: 24 bytes a key. Which limit goes for a key is said with each request.
pub struct Limiter {
    table: Table<Arrivals>,
}

impl Limiter {
    /// Room for so many keys. Twice as many as are ever live at once is well chosen: then hardly one is forgotten too early.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self { table: Table::new(keys_max) }
    }

    /// Whether one more request of somebody is allowed; if so it is counted.
    #[must_use]
    pub fn check(&self, key: Key, limit: &Limit, clock: UtcMs) -> Answer {
        self.table.update(key, clock, |arrivals, now_ms| decide(arrivals, limit, now_ms * NS_PER_MS))
    }

    /// Takes back a request that was allowed and then refused for another reason.
    pub fn give_back(&self, key: Key, limit: &Limit, clock: UtcMs) {
        self.table.update(key, clock, |[burst, sustained], _| {
            *burst = burst.saturating_sub(limit.burst.every_ns);
            *sustained = sustained.saturating_sub(limit.sustained.every_ns);
        });
    }

    /// How full the memory is.
    #[must_use]
    pub fn fullness(&self) -> Fullness {
        self.table.fullness()
    }
}

fn decide(arrivals: &mut Arrivals, limit: &Limit, now: u64) -> Answer {
    let paces = [&limit.burst, &limit.sustained];
    let after: [u64; 2] = std::array::from_fn(|at| {
        paces[at].outstanding_ns(arrivals[at], now).saturating_add(paces[at].every_ns)
    });
    let over: [u64; 2] = std::array::from_fn(|at| after[at].saturating_sub(paces[at].whole_ns()));
    if over != [0; 2] {
        let retry_after_ms = over[0].max(over[1]).div_ceil(NS_PER_MS).max(1);
        return Answer::Limited(Limited { burst: over[0] > 0, sustained: over[1] > 0, retry_after_ms });
    }
    *arrivals = after.map(|ahead| now.saturating_add(ahead));
    let left: [u64; 2] = std::array::from_fn(|at| (paces[at].whole_ns() - after[at]) / paces[at].every_ns);
    // Which has the smaller share left.
    let share = |at: usize| u128::from(left[at]) * u128::from(paces[1 - at].quota.requests);
    let at = usize::from(share(1) < share(0));
    let free = paces[at].whole_ns() - after[at];
    Answer::Allowed(Allowed {
        sustained: at == 1,
        remaining: u32::try_from(left[at]).unwrap_or(u32::MAX),
        next_ms: ((left[at] + 1) * paces[at].every_ns).saturating_sub(free).div_ceil(NS_PER_MS),
        reset_ms: after[at].div_ceil(NS_PER_MS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{Keyed, Subject};

    fn ann() -> Key {
        Keyed::new([1; 16]).key(Subject::User, 0, b"ann")
    }

    #[test]
    fn bursts_and_sustained_use_are_limited_together() {
        let limiter = Limiter::new(16);
        let limit = Limit::new((3, 1), (5, 100)).unwrap();
        let at = |ms: u64| limiter.check(ann(), &limit, UtcMs(1_000_000 + ms));
        let left = |answer| match answer {
            Answer::Allowed(Allowed { sustained, remaining, .. }) => (sustained, remaining),
            Answer::Limited(limited) => panic!("{limited:?}"),
        };
        assert_eq!(left(at(0)), (false, 2));
        assert_eq!(left(at(0)), (false, 1));
        assert_eq!(left(at(0)), (false, 0));
        let limited = Limited { burst: true, sustained: false, retry_after_ms: 334 };
        assert_eq!(at(0), Answer::Limited(limited));
        assert_eq!(at(333), Answer::Limited(Limited { retry_after_ms: 1, ..limited }));
        assert_eq!(left(at(334)), (false, 0));
        assert_eq!(left(at(2_000)), (true, 0));
        let limited = Limited { burst: false, sustained: true, retry_after_ms: 17_500 };
        assert_eq!(at(2_500), Answer::Limited(limited));
        assert_eq!(left(at(20_000)), (true, 0));
    }

    #[test]
    fn what_is_given_back_can_be_used_again() {
        let limiter = Limiter::new(16);
        let limit = Limit::new((1, 10), (100, 10)).unwrap();
        assert!(matches!(limiter.check(ann(), &limit, UtcMs(5)), Answer::Allowed(_)));
        assert!(matches!(limiter.check(ann(), &limit, UtcMs(5)), Answer::Limited(_)));
        limiter.give_back(ann(), &limit, UtcMs(5));
        assert!(matches!(limiter.check(ann(), &limit, UtcMs(5)), Answer::Allowed(_)));
    }

    #[test]
    fn quotas_that_can_not_be_meant_are_refused_and_text_round_trips() {
        for bad in [(0, 1), (1, 0), (1, QUOTA_SECONDS_MAX + 1), (QUOTA_REQUESTS_MAX + 1, 1)] {
            assert_eq!(Limit::new(bad, (1, 1)), Err(BadLimit));
            assert_eq!(Limit::new((1, 1), bad), Err(BadLimit));
        }
        let limit = Limit::new((7, 3), (1_000_000_000, 1)).unwrap();
        let text = serde_json::to_string(&limit).unwrap();
        assert_eq!(serde_json::from_str::<Limit>(&text).unwrap(), limit);
        for bad in [
            r#"{"burst":{"requests":1,"seconds":1}}"#,
            r#"{"burst":{"requests":0,"seconds":1},"sustained":{"requests":1,"seconds":1}}"#,
            r#"{"burst":{"requests":1,"seconds":1},"sustained":{"requests":1,"seconds":1},"more":1}"#,
        ] {
            assert!(serde_json::from_str::<Limit>(bad).is_err(), "{bad}");
        }
    }
}
