//! The state of one event and the scope of a command: which parts of it are locked.
//!
//! Lock order, by class, then by index: user shards, then stripes, then the sequencer. Every command locks at least one shard,
//! so holding all shards is having the event to oneself; that is the gate, and it costs the others nothing.

use std::sync::Arc;

use crossbeam_utils::CachePadded;
use smallvec::SmallVec;

use super::counted::Counted;
use super::identities::Identities;
use super::pool::Pools;
use super::shard::{Gate, Shard};
use super::stripe::{SeatSlot, Stripe, Stripes};
use super::touched::PoolCounts;
use super::vouchers::Vouchers;
use super::waiting::{EVERYWHERE, Waiting};
use crate::fact::SeatLine;
use crate::id::{AllocationIndex, SHARDS, SeatIndex};
use crate::manifest::{Manifest, STRIPE_SEATS};
use crate::order::PaymentRules;
use crate::refusal::{SeatConflict, SeatState};
use crate::sale::SaleState;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{ArcSwap, Mutex, MutexGuard, lock_short};
use crate::time::UtcMs;
use crate::waiting::WaitingRules;

/// What changes only while all shards are locked.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub manifest: Arc<Manifest>,
    pub sale_state: SaleState,
    /// Allocations that have been released: bit a for allocation a.
    pub released: u64,
    pub stripes: Arc<Stripes>,
    pub pools: Arc<Pools>,
    /// How orders are paid.
    pub payment_rules: Arc<PaymentRules>,
    /// Not replaced: it changes inside, as do the two after it.
    pub vouchers: Arc<Vouchers>,
    pub identities: Arc<Identities>,
    pub waiting: Arc<Waiting>,
    pub waiting_rules: WaitingRules,
}

impl Layout {
    pub fn new(manifest: Arc<Manifest>) -> Self {
        let stripes = Arc::new(Stripes::new(&manifest));
        let pools = Arc::new(Pools::new(&manifest));
        let payment_rules = Arc::new(PaymentRules::default());
        Self {
            manifest,
            sale_state: SaleState::Draft,
            released: 0,
            stripes,
            pools,
            payment_rules,
            vouchers: Arc::default(),
            identities: Arc::default(),
            waiting: Arc::default(),
            waiting_rules: WaitingRules::default(),
        }
    }

    pub const fn is_released(&self, allocation: AllocationIndex) -> bool {
        self.released >> allocation.0 & 1 == 1
    }

    /// Allocations whose time to be released has come.
    pub fn due_allocations(&self, now: UtcMs) -> impl Iterator<Item = AllocationIndex> + '_ {
        let allocations = self.manifest.allocations().iter().enumerate();
        let due =
            allocations.filter(move |(_, allocation)| allocation.release_at.is_some_and(|due| due <= now));
        due.map(|(at, _)| AllocationIndex::of(at)).filter(|allocation| !self.is_released(*allocation))
    }
}

/// The state of one event. Everything in it follows from its journal.
pub(crate) struct State {
    pub layout: ArcSwap<Layout>,
    pub shards: Box<[CachePadded<Mutex<Shard>>]>,
    /// No live hold has an effective deadline before this, in ms. Not exact, never too late for long.
    pub next_due: CachePadded<AtomicU64>,
}

impl State {
    pub fn new(layout: Layout) -> Self {
        let shard = |_| CachePadded::new(Mutex::new(Shard::new(Arc::new(layout.clone()))));
        Self {
            next_due: CachePadded::new(AtomicU64::new(u64::MAX)),
            shards: (0..SHARDS).map(shard).collect(),
            layout: ArcSwap::from_pointee(layout),
        }
    }

    /// Replaces the layout for whoever comes next. The caller has the event to itself.
    ///
    /// Each shard has a copy of its own, a handful of words, whose count of references no other shard touches.
    pub fn replace_layout(&self, scope: &mut Scope<'_>, layout: Arc<Layout>) {
        for at in 0..SHARDS {
            scope.shard(at).layout = Arc::new((*layout).clone());
        }
        self.layout.store(layout);
    }

    /// A hold is due at `deadline`.
    pub fn due_at(&self, deadline: UtcMs) {
        // Later than the earliest nearly always: a read of a line that nobody writes.
        if deadline.0 < self.next_due.load(Ordering::Relaxed) {
            self.next_due.fetch_min(deadline.0, Ordering::AcqRel);
        }
    }
}

/// Shards that a command locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShardSet {
    One(usize),
    /// Ascending and different.
    Two(usize, usize),
    All,
}

impl ShardSet {
    pub fn two(a: usize, b: usize) -> Self {
        match a.cmp(&b) {
            std::cmp::Ordering::Less => Self::Two(a, b),
            std::cmp::Ordering::Equal => Self::One(a),
            std::cmp::Ordering::Greater => Self::Two(b, a),
        }
    }
}

type Locked<'a> = SmallVec<[(usize, MutexGuard<'a, Shard>); 2]>;

/// Locked shards and, later, stripes.
pub(crate) struct Scope<'a> {
    pub layout: &'a Layout,
    /// The tag of the key of the command that is being decided, for whoever applies its fact.
    pub tag: Option<u64>,
    /// Pools that the command under way has reserved: given back if its fact is not logged.
    pub reserved: PoolCounts,
    /// Likewise: uses of vouchers and tickets of identities.
    pub counted: Counted,
    /// How long its user must wait before codes are looked at, in milliseconds.
    pub guess_delay_ms: u64,
    /// Places that are due to who waits are not taken.
    pub heeds_waiting: bool,
    /// The tag of the key of the command that comes next, if it was made already.
    pub known_tag: Option<u64>,
    shards: Locked<'a>,
    stripes: SmallVec<[(usize, MutexGuard<'a, Stripe>); 16]>,
    /// All stripes that will be needed are locked.
    locked_ahead: bool,
}

/// Locks `set`, then loads the layout (which can't change from then on) and runs `body`.
pub(crate) fn with_shards<R>(state: &State, set: ShardSet, body: impl FnOnce(&mut Scope<'_>) -> R) -> R {
    // Declared before the guards, so that it outlives them.
    let layout;
    let mut shards = Locked::new();
    let mut lock = |at: usize| shards.push((at, lock_short(&state.shards[at])));
    match set {
        ShardSet::One(a) => lock(a),
        ShardSet::Two(a, b) => {
            lock(a);
            lock(b);
        }
        ShardSet::All => (0..SHARDS).for_each(lock),
    }
    layout = Arc::clone(&shards[0].1.layout);
    let (reserved, counted, stripes) = (PoolCounts::new(), Counted::new(), SmallVec::new());
    let (guess_delay_ms, heeds_waiting) = (0, true);
    let layout = &layout;
    body(&mut Scope {
        layout,
        tag: None,
        reserved,
        counted,
        guess_delay_ms,
        heeds_waiting,
        known_tag: None,
        shards,
        stripes,
        locked_ahead: false,
    })
}

impl<'a> Scope<'a> {
    /// Whether the command has the event to itself.
    pub fn is_exclusive(&self) -> bool {
        self.shards.len() == SHARDS
    }

    /// A locked shard.
    ///
    /// # Panics
    /// If the shard is not locked: a defect that stops the event.
    pub fn shard(&mut self, at: usize) -> &mut Shard {
        let found = if self.is_exclusive() {
            Some(&mut self.shards[at])
        } else {
            self.shards.iter_mut().find(|(shard, _)| *shard == at)
        };
        &mut found.expect("the shard is locked").1
    }

    /// A locked shard, to read.
    ///
    /// # Panics
    /// As [`shard`](Self::shard).
    pub fn look(&self, at: usize) -> &Shard {
        let found =
            if self.is_exclusive() { Some(&self.shards[at]) } else { self.shards.iter().find(|s| s.0 == at) };
        &found.expect("the shard is locked").1
    }

    /// Gives back what the command has reserved. Somebody who waits may have missed it.
    pub fn give_back(&mut self) {
        let missed = if self.reserved.is_empty() { 0 } else { EVERYWHERE };
        self.give_back_quietly();
        self.layout.waiting.mark(missed);
    }

    /// As [`give_back`](Self::give_back), of what was due before.
    pub fn give_back_quietly(&mut self) {
        for (pool, count) in self.reserved.drain(..) {
            let given = self.layout.pools.give(pool, count);
            debug_assert!(given, "what was reserved can be given back");
        }
        for (counter, count) in self.counted.drain(..) {
            let given = self.layout.uncount(counter, count);
            debug_assert!(given, "what was reserved can be given back");
        }
    }

    /// Whether commands may come in, as far as the locked shards know.
    pub fn gate(&self) -> Gate {
        self.shards[0].1.gate
    }

    /// Locks the stripes of `seats` (and of the `margin` seats on both sides of each), letting go of others.
    pub fn lock_stripes(&mut self, seats: impl Iterator<Item = SeatIndex>, margin: usize) {
        debug_assert!(!self.locked_ahead, "commands of a run need the stripes of their own seats");
        self.stripes.clear();
        let last = self.layout.manifest.seat_count().saturating_sub(1);
        let mut wanted: SmallVec<[usize; 8]> = SmallVec::new();
        let mut ascending = true;
        for seat in seats {
            let from = seat.at().saturating_sub(margin) / STRIPE_SEATS;
            let to = (seat.at() + margin).min(last) / STRIPE_SEATS;
            for stripe in from..=to {
                let before = wanted.last().copied();
                if before != Some(stripe) {
                    ascending &= before < Some(stripe);
                    wanted.push(stripe);
                }
            }
        }
        if !ascending {
            wanted.sort_unstable();
            wanted.dedup();
        }
        for &at in &wanted {
            self.stripes.push((at, self.layout.stripes.lock(at)));
        }
    }

    /// Locks the stripes of seats in ascending order, letting go of others.
    pub fn lock_lines(&mut self, lines: &[SeatLine]) {
        debug_assert!(lines.is_sorted_by_key(|line| line.seat), "lines are in order");
        if !self.locked_ahead {
            self.stripes.clear();
            self.lock_in_order(lines.iter().map(|line| line.seat));
        }
    }

    fn lock_in_order(&mut self, seats: impl Iterator<Item = SeatIndex>) {
        let mut before = usize::MAX;
        for seat in seats {
            let at = seat.at() / STRIPE_SEATS;
            if at != before {
                self.stripes.push((at, self.layout.stripes.lock(at)));
                before = at;
            }
        }
    }

    /// Locks the stripes of all seats, in ascending order, that several commands will need: [`lock_lines`](Self::lock_lines) does nothing
    /// from now on. No stripe may be locked yet.
    pub fn lock_ahead(&mut self, seats: &[SeatIndex]) {
        debug_assert!(self.stripes.is_empty() && seats.is_sorted(), "stripes are locked in order");
        self.lock_in_order(seats.iter().copied());
        self.locked_ahead = true;
    }

    /// Lets go of all stripes.
    pub fn unlock_stripes(&mut self) {
        self.stripes.clear();
    }

    fn stripe(&self, seat: SeatIndex) -> usize {
        let at = seat.at() / STRIPE_SEATS;
        // Nearly always one to four stripes: a linear search beats a binary one.
        let found = if self.stripes.len() <= 8 {
            self.stripes.iter().position(|(stripe, _)| *stripe == at)
        } else {
            self.stripes.binary_search_by_key(&at, |(stripe, _)| *stripe).ok()
        };
        found.expect("the stripe is locked")
    }

    /// A seat of a locked stripe.
    ///
    /// # Panics
    /// If the stripe is not locked: a defect that stops the event.
    #[inline]
    pub fn seat(&self, seat: SeatIndex) -> SeatSlot {
        self.layout.stripes.read(&self.stripes[self.stripe(seat)].1, seat)
    }

    /// Whether the seat is free, if its stripe is locked.
    pub fn is_free(&self, seat: SeatIndex) -> bool {
        self.stripes[self.stripe(seat)].1.state(seat.at() % STRIPE_SEATS) == SeatState::Free
    }

    /// Writes a seat of a locked stripe.
    ///
    /// # Panics
    /// If the stripe is not locked: a defect that stops the event.
    pub fn set_seat(&mut self, seat: SeatIndex, slot: SeatSlot) {
        let at = self.stripe(seat);
        self.layout.stripes.write(&mut self.stripes[at].1, seat, slot);
    }

    /// Seats of locked stripes pass from one state and owner to another; the first that is not as said stops it.
    ///
    /// # Panics
    /// As [`set_seat`](Self::set_seat).
    pub fn pass_seats(
        &mut self,
        lines: &[SeatLine],
        from: (SeatState, u64),
        to: (SeatState, u64),
    ) -> Result<(), SeatConflict> {
        let mut at = 0;
        for &SeatLine { seat, .. } in lines {
            if self.stripes.get(at).is_none_or(|(stripe, _)| *stripe != seat.at() / STRIPE_SEATS) {
                at = self.stripe(seat);
            }
            let passed = self.layout.stripes.pass(&mut self.stripes[at].1, seat, from, to);
            passed.map_err(|state| SeatConflict { seat, state, until: None })?;
        }
        Ok(())
    }

    /// Whether all seats, of locked stripes, are free and `opens` their allocations.
    ///
    /// # Panics
    /// As [`seat`](Self::seat).
    pub fn are_free(&self, lines: &[SeatLine], opens: impl Fn(Option<AllocationIndex>) -> bool) -> bool {
        let stripes = &self.stripes[..];
        let mut at = 0;
        lines.iter().all(|&SeatLine { seat, .. }| {
            if stripes.get(at).is_none_or(|(stripe, _)| *stripe != seat.at() / STRIPE_SEATS) {
                at = self.stripe(seat);
            }
            let allocation = || self.layout.stripes.locked_allocation_of(seat);
            stripes[at].1.state(seat.at() % STRIPE_SEATS) == SeatState::Free && opens(allocation())
        })
    }
}
