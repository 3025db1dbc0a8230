//! Tickets that count for each identity: held and owned together, and what commands under way have reserved.

use crossbeam_utils::CachePadded;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::order::Identity;
use crate::sync::Mutex;

/// Locks.
const STRIPES: usize = 64;

type Stripe = Mutex<HashMap<Identity, u32>>;

/// Counters behind leaf locks, each held for one look. An identity without tickets takes no memory.
#[derive(Debug)]
pub(crate) struct Identities {
    stripes: Box<[CachePadded<Stripe>]>,
}

impl Default for Identities {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| CachePadded::new(Mutex::new(HashMap::new()))).collect() }
    }
}

impl Identities {
    fn stripe(&self, identity: Identity) -> &Stripe {
        // The host hashes identities: their last bits are as good as any.
        &self.stripes[usize::try_from(identity.0 % STRIPES as u128).unwrap_or_default()]
    }

    /// Takes `count` tickets unless that makes more than `limit`; then says how many there are.
    pub fn take(&self, identity: Identity, count: u32, limit: u32) -> Result<(), u32> {
        let mut stripe = self.stripe(identity).lock();
        let used = stripe.get(&identity).copied().unwrap_or_default();
        let sum = used.checked_add(count).filter(|sum| *sum <= limit).ok_or(used)?;
        if count > 0 {
            stripe.insert(identity, sum);
        }
        Ok(())
    }

    /// Gives `count` tickets back. False if there are not so many.
    #[must_use]
    pub fn give(&self, identity: Identity, count: u32) -> bool {
        let mut stripe = self.stripe(identity).lock();
        let Entry::Occupied(mut known) = stripe.entry(identity) else { return count == 0 };
        match known.get().checked_sub(count) {
            Some(0) => _ = known.remove(),
            Some(left) => *known.get_mut() = left,
            None => return false,
        }
        true
    }

    /// Every identity with tickets, ascending.
    pub fn all(&self) -> Vec<(Identity, u32)> {
        let of = |stripe: &CachePadded<Stripe>| {
            stripe.lock().iter().map(|(identity, count)| (*identity, *count)).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.stripes.iter().flat_map(of).collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_no_more_than_the_limit_and_no_memory_without_tickets() {
        let identities = Identities::default();
        let card = Identity(5);
        assert_eq!(identities.take(card, 3, 4), Ok(()));
        assert_eq!(identities.take(card, 2, 4), Err(3));
        assert_eq!(identities.take(card, u32::MAX, u32::MAX), Err(3));
        assert_eq!(identities.all(), [(card, 3)]);
        assert!(!identities.give(card, 4));
        assert!(identities.give(card, 3));
        assert!(identities.all().is_empty() && !identities.give(card, 1));
    }
}
