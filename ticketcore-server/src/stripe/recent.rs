//! [`Recent`]: what Stripe said a moment ago, so that it is not asked the same as often as others ask us.

use std::collections::HashMap;

use parking_lot::Mutex;
use ticketcore::UtcMs;

/// Answers that are kept.
const KEPT_MAX: usize = 4_096;

/// See the module.
pub(super) struct Recent<T> {
    kept: Mutex<HashMap<String, (UtcMs, T)>>,
    /// How long an answer is good, in milliseconds.
    good_ms: u64,
}

impl<T: Clone> Recent<T> {
    pub fn new(good_ms: u64) -> Self {
        Self { kept: Mutex::default(), good_ms }
    }

    pub fn note(&self, name: &str, said: T, now: UtcMs) {
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, (until, _)| *until > now);
        }
        if kept.len() < KEPT_MAX {
            kept.insert(name.to_owned(), (now.plus_ms(self.good_ms), said));
        }
    }

    /// What was said, if that is known.
    pub fn get(&self, name: &str, now: UtcMs) -> Option<T> {
        self.kept.lock().get(name).filter(|(until, _)| *until > now).map(|(_, said)| said.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_for_a_moment_and_there_is_room_for_so_many() {
        let places = Recent::new(10);
        places.note("pi_1", Some("https://bank.example"), UtcMs(0));
        assert_eq!(places.get("pi_1", UtcMs(9)), Some(Some("https://bank.example")));
        assert_eq!(places.get("pi_1", UtcMs(10)), None);
        for number in 0..2 * KEPT_MAX {
            places.note(&format!("pi_{number}"), None, UtcMs(10));
        }
        assert_eq!(places.kept.lock().len(), KEPT_MAX);
        places.note("pi_x", None, UtcMs(20));
        assert_eq!(places.get("pi_x", UtcMs(20)), Some(None));
    }
}
