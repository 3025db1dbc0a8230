//! What the machine could do: the same moves of seats with nothing else around them. No ids, no journal, no answers, no checks of
//! anything but that the seats are free. This is the limit that the engine's figures stand beside.

use std::collections::HashMap;

use parking_lot::Mutex;

const STRIPE_SEATS: u32 = 64;
const SHARDS: u64 = 64;

/// Seats behind one lock per 64, and who holds what in 64 hash maps behind one lock each.
pub struct Bare {
    stripes: Vec<Mutex<[u64; STRIPE_SEATS as usize]>>,
    holds: Vec<Mutex<HashMap<u64, [u32; 2]>>>,
}

impl Bare {
    pub fn new(seats: u32) -> Self {
        let stripes = seats.div_ceil(STRIPE_SEATS);
        Self {
            stripes: (0..stripes).map(|_| Mutex::new([0; STRIPE_SEATS as usize])).collect(),
            holds: (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect(),
        }
    }

    /// Gives two seats to hold `id`, if both are free.
    pub fn hold(&self, id: u64, seats: [u32; 2]) -> bool {
        if !self.change(seats, 0, id) {
            return false;
        }
        self.holds[(id % SHARDS) as usize].lock().insert(id, seats);
        true
    }

    /// Frees the seats of hold `id`.
    pub fn release(&self, id: u64) -> bool {
        let seats = self.holds[(id % SHARDS) as usize].lock().remove(&id);
        seats.is_some_and(|seats| self.change(seats, id, 0))
    }

    /// Both seats go from one owner to another, or none does.
    fn change(&self, [a, b]: [u32; 2], from: u64, to: u64) -> bool {
        let (low, high) = (a.min(b), a.max(b));
        let stripe = |seat: u32| self.stripes[(seat / STRIPE_SEATS) as usize].lock();
        let bit = |seat: u32| (seat % STRIPE_SEATS) as usize;
        let mut first = stripe(low);
        if low / STRIPE_SEATS == high / STRIPE_SEATS {
            let fits = first[bit(low)] == from && first[bit(high)] == from;
            if fits {
                first[bit(low)] = to;
                first[bit(high)] = to;
            }
            return fits;
        }
        let mut second = stripe(high);
        let fits = first[bit(low)] == from && second[bit(high)] == from;
        if fits {
            first[bit(low)] = to;
            second[bit(high)] = to;
        }
        fits
    }
}

/// Copies the bytes of a map.
pub fn copy(from: &[u64], into: &mut Vec<u64>) {
    into.clear();
    into.extend_from_slice(from);
}
