//! Who has given wrong codes, and how long he must wait before the next. Not a part of the event's state: it is forgotten with the
//! process, by time, and when there are too many; nothing in a journal depends on it.

use crossbeam_utils::CachePadded;
use hashbrown::HashMap;

use crate::id::{SHARDS, UserId};
use crate::limits::{GUESS_DELAY_MS_MAX, GUESS_MEMORY_MS, GUESSERS_MAX};
use crate::sync::Mutex;
use crate::time::UtcMs;

/// One user's wrong codes.
#[derive(Clone, Copy, Debug)]
struct Guesser {
    misses: u32,
    until: UtcMs,
}

type Stripe = Mutex<HashMap<UserId, Guesser>>;

/// See the module.
#[derive(Debug)]
pub(super) struct Guesses {
    /// The first delay in milliseconds; 0 is never any.
    first_ms: u64,
    stripes: Box<[CachePadded<Stripe>]>,
}

impl Guesses {
    pub fn new(first_ms: u64) -> Self {
        let stripes = (0..SHARDS).map(|_| CachePadded::new(Mutex::new(HashMap::new())));
        Self { first_ms, stripes: stripes.collect() }
    }

    /// How long the user must still wait, in milliseconds.
    pub fn delay_ms(&self, user: UserId, now: UtcMs) -> u64 {
        let stripe = self.stripes[user.shard()].lock();
        stripe.get(&user).map_or(0, |guesser| guesser.until.since_ms(now))
    }

    /// Notes a wrong code, and says how long the user must wait now, in milliseconds.
    pub fn miss(&self, user: UserId, now: UtcMs) -> u64 {
        if self.first_ms == 0 {
            return 0;
        }
        let mut stripe = self.stripes[user.shard()].lock();
        let forgotten = |guesser: &Guesser| guesser.until.plus_ms(GUESS_MEMORY_MS) <= now;
        if stripe.len() >= GUESSERS_MAX / SHARDS && !stripe.contains_key(&user) {
            stripe.retain(|_, guesser| !forgotten(guesser));
            let fewest = stripe.iter().min_by_key(|(user, guesser)| (guesser.misses, guesser.until, **user));
            if let Some(fewest) =
                fewest.map(|(user, _)| *user).filter(|_| stripe.len() >= GUESSERS_MAX / SHARDS)
            {
                stripe.remove(&fewest);
            }
        }
        let guesser = stripe.entry(user).or_insert(Guesser { misses: 0, until: now });
        if forgotten(guesser) {
            guesser.misses = 0;
        }
        let delay = self.first_ms.saturating_mul(1 << guesser.misses.min(30)).min(GUESS_DELAY_MS_MAX);
        guesser.misses = guesser.misses.saturating_add(1);
        guesser.until = now.plus_ms(delay);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_an_hour_and_is_forgotten() {
        let guesses = Guesses::new(1_000);
        let user = UserId::from(1);
        let mut now = UtcMs(5);
        let mut delays = Vec::new();
        for _ in 0..15 {
            delays.push(guesses.miss(user, now));
            assert_eq!(guesses.delay_ms(user, now), delays[delays.len() - 1]);
            now = now.plus_ms(delays[delays.len() - 1]);
            assert_eq!(guesses.delay_ms(user, now), 0);
        }
        assert_eq!(delays[..4], [1_000, 2_000, 4_000, 8_000]);
        assert_eq!(delays[12..], [3_600_000; 3]);
        now = now.plus_ms(GUESS_MEMORY_MS);
        assert_eq!(guesses.miss(user, now), 1_000, "all is forgotten");
        assert_eq!(guesses.delay_ms(UserId::from(2), now), 0);
    }

    #[test]
    fn memory_is_bounded_and_who_tried_most_is_kept() {
        let guesses = Guesses::new(1);
        let worst = UserId::from(1);
        for _ in 0..20 {
            guesses.miss(worst, UtcMs(1));
        }
        for user in 2..GUESSERS_MAX as u128 * 3 {
            guesses.miss(UserId::from(user), UtcMs(1));
        }
        let kept: usize = guesses.stripes.iter().map(|stripe| stripe.lock().len()).sum();
        assert!(kept <= GUESSERS_MAX, "{kept}");
        assert!(guesses.delay_ms(worst, UtcMs(1)) > 500_000);
    }
}
