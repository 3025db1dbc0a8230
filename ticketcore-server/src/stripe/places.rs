//! [`Places`]: where buyers were to go a moment ago, so that who asks for his order again and again does not ask Stripe as often.

use std::collections::HashMap;

use parking_lot::Mutex;
use ticketcore::UtcMs;

/// How long a place is good, in milliseconds: Stripe's addresses live for longer, and one that leads nowhere any more does no harm.
const GOOD_MS: u64 = 10_000;
/// Places that are kept.
const PLACES_MAX: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(super) struct Places(Mutex<HashMap<String, (UtcMs, Option<String>)>>);

impl Places {
    pub fn note(&self, payment: &str, place: Option<String>, now: UtcMs) {
        let mut kept = self.0.lock();
        if kept.len() >= PLACES_MAX {
            kept.retain(|_, (until, _)| *until > now);
        }
        if kept.len() < PLACES_MAX {
            kept.insert(payment.to_owned(), (now.plus_ms(GOOD_MS), place));
        }
    }

    /// The place, or that there is none, if that is known.
    pub fn get(&self, payment: &str, now: UtcMs) -> Option<Option<String>> {
        self.0.lock().get(payment).filter(|(until, _)| *until > now).map(|(_, place)| place.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_good_for_a_moment_and_there_is_room_for_so_many() {
        let places = Places::default();
        places.note("pi_1", Some("https://bank.example".to_owned()), UtcMs(0));
        assert_eq!(places.get("pi_1", UtcMs(GOOD_MS - 1)).flatten().as_deref(), Some("https://bank.example"));
        assert_eq!(places.get("pi_1", UtcMs(GOOD_MS)), None);
        for number in 0..2 * PLACES_MAX {
            places.note(&format!("pi_{number}"), None, UtcMs(GOOD_MS));
        }
        assert_eq!(places.0.lock().len(), PLACES_MAX);
        places.note("pi_x", None, UtcMs(2 * GOOD_MS));
        assert_eq!(places.get("pi_x", UtcMs(2 * GOOD_MS)), Some(None));
    }
}
