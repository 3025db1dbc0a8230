//! [`Recent`]: what Stripe said a moment ago, so that it is not asked the same as often as others ask us.

use std::collections::HashMap;
use std::mem;

use parking_lot::Mutex;
use ticketcore::UtcMs;

/// Answers of a generation. There are two: when the younger is full, the older makes room.
const GENERATION: usize = 8_192;

/// Answers by what was asked, each with the time until which it is good.
type Answers<T> = HashMap<String, (UtcMs, T)>;

/// See the module.
pub(super) struct Recent<T> {
    /// The younger and the older.
    kept: Mutex<[Answers<T>; 2]>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { kept: Mutex::default() }
    }
}

impl<T: Clone> Recent<T> {
    /// This was said, and is good until then.
    pub fn note(&self, name: &str, said: T, until: UtcMs) {
        let mut kept = self.kept.lock();
        let [young, old] = &mut *kept;
        if young.len() >= GENERATION {
            *old = mem::take(young);
        }
        young.insert(name.to_owned(), (until, said));
    }

    /// What was said, if that is known.
    pub fn get(&self, name: &str, now: UtcMs) -> Option<T> {
        let kept = self.kept.lock();
        let known = kept.iter().find_map(|answers| answers.get(name));
        known.filter(|(until, _)| *until > now).map(|(_, said)| said.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_for_a_moment_and_the_oldest_make_room() {
        let places = Recent::default();
        places.note("pi_1", Some("https://bank.example"), UtcMs(10));
        assert_eq!(places.get("pi_1", UtcMs(9)), Some(Some("https://bank.example")));
        assert_eq!(places.get("pi_1", UtcMs(10)), None);
        places.note("pi_1", None, UtcMs(20));
        assert_eq!(places.get("pi_1", UtcMs(10)), Some(None), "what was said last");
        for number in 0..5 * GENERATION {
            places.note(&format!("pi_{number}"), None, UtcMs(20));
        }
        assert!(places.kept.lock().iter().map(HashMap::len).sum::<usize>() <= 2 * GENERATION);
        assert_eq!(places.get("pi_1", UtcMs(10)), None);
        assert_eq!(places.get(&format!("pi_{}", 4 * GENERATION), UtcMs(10)), Some(None));
    }
}
