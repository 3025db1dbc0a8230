//! The rate limiter against a token bucket that is reckoned in another way, under jumping clocks, many threads and more keys than room.

#![cfg(not(shuttle))]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use ticketcore::UtcMs;
use ticketcore::guard::{
    Answer, ForwardedHeader, Key, Keyed, Limit, Limiter, Networks, Quota, Subject, client_address,
};

fn key(n: u64) -> Key {
    Keyed::new([9; 16]).key(Subject::Address, 0, &n.to_le_bytes())
}

fn allowed(answer: Answer) -> bool {
    matches!(answer, Answer::Allowed(_))
}

/// A bucket of tokens: full at first, one taken by each request, filled evenly. In units of which one token has `seconds * 1e9`.
struct Bucket {
    level: u128,
    seen_ns: u128,
}

impl Bucket {
    fn token(quota: Quota) -> u128 {
        // The limiter's interval is whole nanoseconds.
        u128::from(u64::from(quota.seconds) * 1_000_000_000 / u64::from(quota.requests)).max(1)
    }

    fn fill(&mut self, quota: Quota, now_ns: u128) {
        let whole = Self::token(quota) * u128::from(quota.requests);
        self.level = (self.level + (now_ns - self.seen_ns)).min(whole);
        self.seen_ns = now_ns;
    }
}

/// The naive limiter.
#[derive(Default)]
struct Model(HashMap<u64, [Bucket; 2]>);

impl Model {
    /// Whether it is allowed, and if not in how many milliseconds it would be.
    fn check(&mut self, key: u64, limit: &Limit, now_ms: u64) -> Result<u128, u128> {
        let (quotas, now_ns) = ([limit.burst(), limit.sustained()], u128::from(now_ms) * 1_000_000);
        let full = |quota: Quota| Bucket { level: u128::MAX / 2, seen_ns: now_ns }.filled(quota, now_ns);
        let buckets = self.0.entry(key).or_insert_with(|| quotas.map(full));
        for (bucket, quota) in buckets.iter_mut().zip(quotas) {
            bucket.fill(quota, now_ns);
        }
        let lacks = |at: usize| Bucket::token(quotas[at]).saturating_sub(buckets[at].level);
        let lack = lacks(0).max(lacks(1));
        if lack > 0 {
            return Err(lack.div_ceil(1_000_000));
        }
        for (bucket, quota) in buckets.iter_mut().zip(quotas) {
            bucket.level -= Bucket::token(quota);
        }
        Ok((0..2).map(|at| buckets[at].level / Bucket::token(quotas[at])).min().expect("two quotas"))
    }
}

impl Bucket {
    fn filled(mut self, quota: Quota, now_ns: u128) -> Self {
        self.fill(quota, now_ns);
        self
    }
}

fn limits() -> impl Strategy<Value = Limit> {
    ((1..40_u32, 1..20_u32), (1..200_u32, 1..3_600_u32))
        .prop_map(|(burst, sustained)| Limit::new(burst, sustained).expect("within bounds"))
}

proptest! {
    #[test]
    fn it_allows_what_the_bucket_allows(
        limit in limits(),
        requests in prop::collection::vec((0..4_u64, prop_oneof![4 => 0..50_u64, 2 => 0..2_000_u64, 1 => 0..200_000_u64]), 1..400),
    ) {
        let (limiter, mut model) = (Limiter::new(64), Model::default());
        let mut now = 1_800_000_000_000;
        for (who, pause) in requests {
            now += pause;
            let found = limiter.check(key(who), &limit, UtcMs(now));
            match (found, model.check(who, &limit, now)) {
                (Answer::Allowed(found), Ok(left)) => prop_assert!(u128::from(found.remaining) >= left),
                (Answer::Limited(found), Err(wait)) => prop_assert_eq!(u128::from(found.retry_after_ms), wait),
                (found, expected) => prop_assert!(false, "{found:?} instead of {expected:?}"),
            }
        }
    }

    /// Whatever clients write: who is no proxy is himself, and behind proxies what the last of them wrote decides.
    #[test]
    fn no_header_makes_anybody_somebody_else(
        lines in prop::collection::vec("[0-9a-f:.,;= \"\\[\\]\\\\a-z]{0,80}|(1\\.2\\.3\\.4, ?){0,4}", 0..4),
        standard in any::<bool>(),
    ) {
        let header = if standard { ForwardedHeader::Forwarded } else { ForwardedHeader::XForwardedFor };
        let trusted = Networks::parse(&["10.0.0.0/8"]).expect("a network");
        let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let stranger = "203.0.113.9".parse().expect("an address");
        prop_assert_eq!(client_address(stranger, header, &lines, &trusted), stranger);
        // The proxy adds a line of its own.
        lines.push(if standard { "for=203.0.113.9" } else { "203.0.113.9" });
        let proxy = "10.1.2.3".parse().expect("an address");
        prop_assert_eq!(client_address(proxy, header, &lines, &trusted), stranger);
    }

    /// However often the clock jumps: nobody waits longer than his limit says, in time that really passes.
    #[test]
    fn after_any_jumps_of_the_clock_what_it_says_is_true(
        limit in limits(),
        jumps in prop::collection::vec((0..3_000_u64, -10_000_000_000_i64..10_000_000_000), 1..40),
    ) {
        let limiter = Limiter::new(64);
        let mut clock = 1_800_000_000_000_i64;
        for (pause, jump) in jumps {
            // Until it is limited, at this moment.
            let wait = loop {
                match limiter.check(key(1), &limit, UtcMs(clock.unsigned_abs())) {
                    Answer::Allowed(left) => prop_assert!(left.remaining < limit.burst().requests.max(limit.sustained().requests)),
                    Answer::Limited(limited) => break limited.retry_after_ms,
                }
            };
            let longest = u64::from(limit.burst().seconds.max(limit.sustained().seconds)) * 1_000;
            prop_assert!(wait <= longest);
            // The clock jumps, and then time passes. A step back of up to a second counts as readings out of order.
            clock = (clock + jump).max(0);
            let _heard = limiter.check(key(2), &limit, UtcMs(clock.unsigned_abs()));
            let out_of_order = if jump < 0 { jump.unsigned_abs().min(1_000) } else { 0 };
            let passed = i64::try_from(wait.max(pause) + out_of_order).unwrap();
            clock += passed;
            prop_assert!(allowed(limiter.check(key(1), &limit, UtcMs(clock.unsigned_abs()))));
        }
    }
}

#[test]
fn a_clock_set_back_gives_nothing_away_and_takes_nothing() {
    let limiter = Limiter::new(1);
    let limit = Limit::new((2, 10), (1_000, 86_400)).unwrap();
    let at = |ms: u64| limiter.check(key(1), &limit, UtcMs(ms));
    let now = 1_800_000_000_000;
    assert!(allowed(at(now)) && allowed(at(now)) && !allowed(at(now)));
    let back = now - 3_600_000;
    assert!(!allowed(at(back)), "an hour back is no new bucket");
    assert!(!allowed(at(back + 4_999)));
    assert!(allowed(at(back + 5_000)), "and no hour to wait");
    // Forward is a pause.
    let forward = now + 10 * 3_600_000;
    assert!(allowed(at(forward)) && allowed(at(forward)) && !allowed(at(forward)));
}

#[test]
fn threads_together_get_no_more_than_one_would() {
    let (limiter, limit) = (Limiter::new(1_024), Limit::new((500, 1), (100_000, 3_600)).unwrap());
    let granted: Vec<AtomicU64> = (0..8).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (limiter, limit, granted) = (&limiter, &limit, &granted);
            scope.spawn(move || {
                for n in 0..40_000_u64 {
                    let who = (n + thread) % 8;
                    // Readings out of order, as threads have them.
                    let now = 1_800_000_000_000 + (n / 40_000) + (thread * 7 + n) % 13;
                    if allowed(limiter.check(key(who), limit, UtcMs(now))) {
                        granted[usize::try_from(who).unwrap()].fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    for granted in granted {
        // 13 ms give six more at most.
        let granted = granted.into_inner();
        assert!((500..=507).contains(&granted), "{granted}");
    }
}

#[test]
fn a_million_keys_are_told_apart_and_memory_stays_as_it_was_made() {
    let limiter = Limiter::new(2_000_000);
    let limit = Limit::new((1, 60), (10, 3_600)).unwrap();
    let made = limiter.fullness();
    assert_eq!((made.slots, made.bytes), (1 << 21, (1 << 21) * 24 + 64 * 64));
    let now = UtcMs(1_800_000_000_000);
    for n in 0..1_000_000 {
        assert!(allowed(limiter.check(key(n), &limit, now)), "{n} was taken for another");
    }
    let limited = (0..1_000_000).filter(|n| !allowed(limiter.check(key(*n), &limit, now))).count();
    let full = limiter.fullness();
    assert_eq!(full.bytes, made.bytes);
    // Two buckets to choose from: at half its size nothing is forgotten.
    assert_eq!((limited, full.forgotten_hot, full.used), (1_000_000, 0, 1_000_000));
}

#[test]
fn a_flood_of_keys_is_counted_never_refused_and_those_at_rest_go_first() {
    let limiter = Limiter::new(4_096);
    let limit = Limit::new((1, 1), (10, 10)).unwrap();
    let (early, late) = (UtcMs(1_800_000_000_000), UtcMs(1_800_000_060_000));
    for n in 0..4_096 {
        assert!(allowed(limiter.check(key(n), &limit, early)));
    }
    let before = limiter.fullness().forgotten_hot;
    // All of them are at rest by now: a thousand more take their places, and nothing is lost.
    for n in 10_000..11_000 {
        assert!(allowed(limiter.check(key(n), &limit, late)));
    }
    assert_eq!(limiter.fullness().forgotten_hot, before);
    assert!((10_000..11_000).all(|n| !allowed(limiter.check(key(n), &limit, late))));
    // Ten times as many as there is room for, all hot.
    for n in 20_000..60_000 {
        assert!(allowed(limiter.check(key(n), &limit, late)));
    }
    let full = limiter.fullness();
    assert!(full.forgotten_hot > 30_000 && full.used <= full.slots, "{full:?}");
}
