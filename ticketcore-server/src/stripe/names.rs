//! [`Names`]: what Stripe calls the payments and refunds of the last while. It only saves looking for them.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use ticketcore::gateway::GatewayKey;

/// Names that are kept.
const NAMES_MAX: usize = 16_384;

/// See the module.
#[derive(Default)]
pub(super) struct Names(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    names: HashMap<GatewayKey, String>,
    /// The oldest first.
    order: VecDeque<GatewayKey>,
}

impl Names {
    pub fn note(&self, key: GatewayKey, name: &str) {
        let mut kept = self.0.lock();
        if kept.names.insert(key, name.to_owned()).is_none() {
            kept.order.push_back(key);
        }
        if kept.order.len() > NAMES_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.names.remove(&oldest);
        }
    }

    pub fn get(&self, key: GatewayKey) -> Option<String> {
        self.0.lock().names.get(&key).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketcore::gateway::GatewayAction;

    #[test]
    fn the_oldest_are_forgotten() {
        let order = "ord_000000000001a000000000001a".parse().unwrap();
        let names = Names::default();
        let key = |number| GatewayKey::new(order, GatewayAction::Authorize, number);
        let last = u32::try_from(NAMES_MAX).unwrap();
        for number in 0..=last {
            names.note(key(number), "pi_1");
            names.note(key(number), "pi_2");
        }
        assert_eq!((names.get(key(0)), names.get(key(last)).as_deref()), (None, Some("pi_2")));
        assert_eq!(names.0.lock().names.len(), NAMES_MAX);
    }
}
