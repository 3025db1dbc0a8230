//! [`Heard`]: the events that were noted, the last of them.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;

/// Events that are remembered: more than come while a signature is good. One that is forgotten and comes again changes nothing either.
const EVENTS_MAX: usize = 65_536;

/// See the module.
#[derive(Default)]
pub(super) struct Heard(Mutex<(HashSet<String>, VecDeque<String>)>);

impl Heard {
    pub fn has(&self, event: &str) -> bool {
        self.0.lock().0.contains(event)
    }

    pub fn note(&self, event: &str) {
        let mut heard = self.0.lock();
        if heard.0.insert(event.to_owned()) {
            heard.1.push_back(event.to_owned());
        }
        if heard.1.len() > EVENTS_MAX
            && let Some(oldest) = heard.1.pop_front()
        {
            heard.0.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let heard = Heard::default();
        for number in 0..=EVENTS_MAX {
            heard.note(&format!("evt_{number}"));
            heard.note(&format!("evt_{number}"));
        }
        assert!(!heard.has("evt_0") && heard.has("evt_1") && heard.has(&format!("evt_{EVENTS_MAX}")));
        assert_eq!(heard.0.lock().0.len(), EVENTS_MAX);
    }
}
