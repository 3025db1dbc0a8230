//! Stripes: 64 consecutive seats behind one lock, with lock-free availability words beside them.

use crossbeam_utils::CachePadded;
use serde::{Deserialize, Serialize};

use crate::id::{AllocationIndex, SeatIndex};
use crate::manifest::{Manifest, STRIPE_SEATS};
use crate::refusal::SeatState;
use crate::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, lock_short};

const NO_ALLOCATION: u16 = u16::MAX;

/// What is known of one seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeatSlot {
    pub state: SeatState,
    /// Grows by one with every change of state or allocation.
    pub version: u32,
    /// The number of the hold or order that has the seat; 0 if nobody has.
    pub owner: u64,
    pub allocation: Option<AllocationIndex>,
}

/// What the stripe's lock guards of a seat. All of it on one line of memory: commands come to seats in no order.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Cell {
    owner: u64,
    version: u32,
    state: SeatState,
}

const _: () = assert!(size_of::<Cell>() == 16, "four of them are a line");

/// The seats of one stripe.
#[derive(Debug)]
pub(crate) struct Stripe([Cell; STRIPE_SEATS]);

impl Stripe {
    pub fn state(&self, bit: usize) -> SeatState {
        self.0[bit].state
    }
}

/// All seats of an event.
#[derive(Debug)]
pub(crate) struct Stripes {
    locks: Box<[CachePadded<Mutex<Stripe>>]>,
    /// Bit i of word w: seat 64 w + i is free. Written under the stripe's lock, read without.
    free: Box<[AtomicU64]>,
    /// Likewise: the seat has no allocation.
    unallocated: Box<[AtomicU64]>,
    /// The allocation of each seat, written and read likewise.
    allocations: Box<[AtomicU16]>,
}

impl Stripes {
    /// All seats of `manifest`, free; dropped seats blocked.
    pub fn new(manifest: &Manifest) -> Self {
        Self::build(manifest, |seat| {
            let state = if manifest.is_real(seat) { SeatState::Free } else { SeatState::Blocked };
            SeatSlot { state, version: 0, owner: 0, allocation: manifest.first_allocation_of(seat) }
        })
    }

    /// The same seats under a changed manifest: new seats come free, dropped ones become blocked.
    pub fn changed(&self, manifest: &Manifest) -> Self {
        let old = Self::seats_of(self);
        Self::build(manifest, |seat| {
            let mut slot = old.get(seat.at()).copied().unwrap_or(SeatSlot {
                state: SeatState::Free,
                version: 0,
                owner: 0,
                allocation: manifest.first_allocation_of(seat),
            });
            if !manifest.is_real(seat) && slot.state != SeatState::Blocked {
                slot.state = SeatState::Blocked;
                slot.version += 1;
            }
            slot
        })
    }

    /// Every seat, by index. Locks one stripe after the other.
    pub fn seats_of(&self) -> Vec<SeatSlot> {
        let stripe = |(at, lock): (usize, &CachePadded<Mutex<Stripe>>)| {
            let stripe = lock.lock();
            let first = at * STRIPE_SEATS;
            let seats = first..(first + STRIPE_SEATS).min(self.allocations.len());
            seats.map(|seat| self.read(&stripe, SeatIndex::of(seat))).collect::<Vec<_>>()
        };
        self.locks.iter().enumerate().flat_map(stripe).collect()
    }

    fn build(manifest: &Manifest, slot_of: impl Fn(SeatIndex) -> SeatSlot) -> Self {
        let words = || (0..manifest.stripe_count()).map(|_| AtomicU64::new(0)).collect();
        let empty = |_| {
            let blocked = Cell { owner: 0, version: 0, state: SeatState::Blocked };
            CachePadded::new(Mutex::new(Stripe([blocked; STRIPE_SEATS])))
        };
        let stripes = Self {
            locks: (0..manifest.stripe_count()).map(empty).collect(),
            free: words(),
            unallocated: words(),
            allocations: (0..manifest.seat_count()).map(|_| AtomicU16::new(NO_ALLOCATION)).collect(),
        };
        for at in 0..manifest.seat_count() {
            let seat = SeatIndex::of(at);
            stripes.write(&mut stripes.locks[at / STRIPE_SEATS].lock(), seat, slot_of(seat));
        }
        stripes
    }

    pub fn lock(&self, stripe: usize) -> MutexGuard<'_, Stripe> {
        lock_short(&self.locks[stripe])
    }

    /// Whether somebody has the stripe of a seat locked at this moment.
    pub fn is_locked(&self, seat: SeatIndex) -> bool {
        self.locks[seat.at() / STRIPE_SEATS].is_locked()
    }

    /// Reads a seat of the locked stripe.
    pub fn read(&self, stripe: &Stripe, seat: SeatIndex) -> SeatSlot {
        let Cell { owner, version, state } = stripe.0[seat.at() % STRIPE_SEATS];
        SeatSlot { state, version, owner, allocation: self.allocation_of(seat) }
    }

    /// The allocation of a seat, as it was a moment ago if its stripe is not locked.
    pub fn allocation_of(&self, seat: SeatIndex) -> Option<AllocationIndex> {
        let allocation = self.allocations[seat.at()].load(Ordering::Relaxed);
        (allocation != NO_ALLOCATION).then_some(AllocationIndex(allocation))
    }

    /// The allocation of a seat of a locked stripe. Most have none, which the stripe's word says without another look.
    #[inline]
    pub fn locked_allocation_of(&self, seat: SeatIndex) -> Option<AllocationIndex> {
        let unallocated = self.unallocated[seat.at() / STRIPE_SEATS].load(Ordering::Relaxed);
        if unallocated >> (seat.at() % STRIPE_SEATS) & 1 == 1 { None } else { self.allocation_of(seat) }
    }

    /// Writes a seat of the locked stripe and its words.
    pub fn write(&self, stripe: &mut Stripe, seat: SeatIndex, slot: SeatSlot) {
        let (word, bit) = (seat.at() / STRIPE_SEATS, seat.at() % STRIPE_SEATS);
        stripe.0[bit] = Cell { owner: slot.owner, version: slot.version, state: slot.state };
        self.allocations[seat.at()].store(slot.allocation.map_or(NO_ALLOCATION, |a| a.0), Ordering::Relaxed);
        let put = |words: &[AtomicU64], on: bool| {
            let old = words[word].load(Ordering::Relaxed);
            let new = if on { old | 1 << bit } else { old & !(1 << bit) };
            if new != old {
                words[word].store(new, Ordering::Release);
            }
        };
        put(&self.free, slot.state == SeatState::Free);
        put(&self.unallocated, slot.allocation.is_none());
    }

    /// A seat of the locked stripe passes from one state and owner to another; else its state. Its allocation stays.
    #[inline]
    pub fn pass(
        &self,
        stripe: &mut Stripe,
        seat: SeatIndex,
        from: (SeatState, u64),
        to: (SeatState, u64),
    ) -> Result<(), SeatState> {
        let (word, bit) = (seat.at() / STRIPE_SEATS, seat.at() % STRIPE_SEATS);
        let cell = &mut stripe.0[bit];
        if (cell.state, cell.owner) != from {
            return Err(cell.state);
        }
        *cell = Cell { owner: to.1, version: cell.version.wrapping_add(1), state: to.0 };
        if (from.0 == SeatState::Free) != (to.0 == SeatState::Free) {
            let old = self.free[word].load(Ordering::Relaxed);
            self.free[word].store(old ^ 1 << bit, Ordering::Release);
        }
        Ok(())
    }

    /// Free seats of a stripe, as they were a moment ago.
    pub fn free_word(&self, stripe: usize) -> u64 {
        self.free[stripe].load(Ordering::Acquire)
    }

    /// Seats of a stripe without an allocation, as they were a moment ago.
    pub fn unallocated_word(&self, stripe: usize) -> u64 {
        self.unallocated[stripe].load(Ordering::Acquire)
    }
}
