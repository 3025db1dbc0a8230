//! The durable view of one event: everything that may be told to anybody. It is folded from what the store has accepted, batch by
//! batch, and published before anybody who waits for a batch is woken. Maps, counters and lists read only this.

mod counts;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use parking_lot::Mutex;

pub use counts::{Availability, Counts, PlaceCounts};

use crate::fact::{Fact, Lines, SeatChange, Stamp};
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, QuotaIndex, Revision, SeatIndex};
use crate::invariant::{Invariant, Violation};
use crate::manifest::{Manifest, quota_indices};
use crate::refusal::{SeatConflict, SeatState};
use crate::sale::SaleState;
use crate::store::{Record, Records};
use crate::time::UtcMs;

/// Seats of a 2-bit map per word.
pub const SEATS_PER_MAP_WORD: usize = 32;

/// See the module.
pub(crate) struct View {
    /// Two bits a seat. Written under `state`'s lock, read without for single seats.
    map: ArcSwap<Vec<AtomicU64>>,
    state: Mutex<ViewState>,
}

/// What a view is made of when it does not start at the first fact.
pub(crate) struct Restored<'a> {
    pub stamp: Stamp,
    pub manifest: &'a Arc<Manifest>,
    pub sale_state: SaleState,
    /// Every real seat with its allocation and whether it is blocked.
    pub seats: Vec<(SeatIndex, Option<AllocationIndex>, bool)>,
    pub blocked_places: Vec<(AreaIndex, Option<AllocationIndex>, u32)>,
    /// Live holds; those that an order pins with its deadline.
    pub holds: Vec<(HoldNumber, &'a Lines, Option<UtcMs>)>,
    /// Lines of confirmed orders.
    pub sold: Vec<&'a Lines>,
}

struct ViewState {
    /// The view's map, for whoever has the lock.
    map: Arc<Vec<AtomicU64>>,
    revision: Revision,
    at: UtcMs,
    manifest: Arc<Manifest>,
    sale_state: SaleState,
    allocation_of: Vec<Option<AllocationIndex>>,
    sections: Vec<Counts>,
    allocations: Vec<Counts>,
    places: Vec<PlaceCounts>,
    quotas: Vec<Counts>,
    holds: u32,
    open_orders: HashMap<HoldNumber, UtcMs>,
}

impl View {
    /// The view of an event that has just been defined.
    pub fn new(stamp: Stamp, manifest: Arc<Manifest>) -> Self {
        let mut state = ViewState {
            map: Arc::default(),
            revision: stamp.revision,
            at: stamp.at,
            manifest: Arc::clone(&manifest),
            sale_state: SaleState::Draft,
            allocation_of: Vec::new(),
            sections: Vec::new(),
            allocations: Vec::new(),
            places: Vec::new(),
            quotas: Vec::new(),
            holds: 0,
            open_orders: HashMap::new(),
        };
        let map = ArcSwap::from_pointee(Vec::new());
        state.grow(&map, &manifest);
        Self { map, state: Mutex::new(state) }
    }

    /// The view of an event read from a snapshot.
    pub fn restored(from: &Restored<'_>) -> Result<Self, Violation> {
        use SeatState::{Blocked, Free, Held, Sold};
        let view = Self::new(from.stamp, Arc::clone(from.manifest));
        let mut state = view.state.lock();
        state.sale_state = from.sale_state;
        let mut fits = true;
        for (seat, allocation, blocked) in &from.seats {
            fits &= state.reallocate(*seat, *allocation);
            fits &= !blocked || state.shift_seat(*seat, Free, Blocked);
        }
        for (area, allocation, blocked) in &from.blocked_places {
            fits &= state.block_places(*area, *allocation, *blocked);
        }
        for (number, lines, deadline) in &from.holds {
            state.holds += 1;
            if let Some(deadline) = deadline {
                state.open_orders.insert(*number, *deadline);
            }
            fits &= state.shift_lines(lines, Free, Held);
        }
        for lines in &from.sold {
            fits &= state.shift_lines(lines, Free, Sold);
        }
        drop(state);
        let what = "the snapshot's counters do not add up";
        if fits {
            Ok(view)
        } else {
            Err(Violation::new(Invariant::I2Conservation, from.stamp.revision, what))
        }
    }

    /// Whether every seat of the list is in the state the list says, all at one revision. No lock for a single seat.
    pub fn shows(&self, conflicts: &[SeatConflict]) -> bool {
        let state = (conflicts.len() > 1).then(|| self.state.lock());
        let map = self.map.load();
        let shown = |seat: SeatIndex| {
            let word = map.get(seat.at() / SEATS_PER_MAP_WORD)?.load(Ordering::Acquire);
            Some(SeatState::from_bits(word >> (seat.at() % SEATS_PER_MAP_WORD * 2)))
        };
        let all = conflicts.iter().all(|conflict| shown(conflict.seat) == Some(conflict.state));
        drop(state);
        all
    }

    /// Copies the 2-bit map of all seats and says which revision it shows, and under which manifest.
    pub fn copy_map(&self, into: &mut Vec<u64>) -> (Revision, Arc<Manifest>) {
        let state = self.state.lock();
        into.clear();
        into.extend(state.map.iter().map(|word| word.load(Ordering::Relaxed)));
        (state.revision, Arc::clone(&state.manifest))
    }

    /// What is left.
    pub fn availability(&self) -> Availability {
        let state = self.state.lock();
        Availability {
            revision: state.revision,
            at: state.at,
            sale_state: state.sale_state,
            sections: state.sections.clone(),
            allocations: state.allocations.clone(),
            places: state.places.clone(),
            quotas: state.quotas.clone(),
            holds: state.holds,
            open_orders: u32::try_from(state.open_orders.len()).unwrap_or(u32::MAX),
        }
    }

    /// The manifest at the durable revision.
    pub fn manifest(&self) -> Arc<Manifest> {
        Arc::clone(&self.state.lock().manifest)
    }

    /// Tickets left of a quota.
    pub fn quota_left(&self, quota: QuotaIndex) -> u32 {
        self.state.lock().quotas.get(quota.at()).map_or(0, |counts| counts.free)
    }

    /// Places left of an area, over all its pools.
    pub fn area_left(&self, area: AreaIndex) -> u32 {
        self.state.lock().places.iter().filter(|p| p.area == area).map(|p| p.counts.free).sum()
    }

    /// Whether any seat is free.
    pub fn has_free_seats(&self) -> bool {
        self.state.lock().sections.iter().any(|counts| counts.free > 0)
    }

    /// Folds records, the first of which has revision `first`. `facts` are the same, decoded, or empty.
    pub fn fold(&self, first: Revision, records: &Records, facts: &[Arc<Fact>]) -> Result<(), Violation> {
        let mut state = self.state.lock();
        let mut facts = facts.iter();
        records.iter(first).try_for_each(|record| match facts.next() {
            Some(fact) => self.fold_fact(&mut state, record.stamp, fact),
            None => self.fold_record(&mut state, record),
        })
    }

    /// Folds one fact.
    pub fn fold_one(&self, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        self.fold_fact(&mut self.state.lock(), stamp, fact)
    }

    fn fold_record(&self, state: &mut ViewState, record: Record<'_>) -> Result<(), Violation> {
        let broken = |what: String| Violation::new(Invariant::I8SameFacts, record.stamp.revision, what);
        let fact = Fact::decode(record.body).map_err(|error| broken(error.to_string()))?;
        self.fold_fact(state, record.stamp, &fact)
    }

    fn fold_fact(&self, state: &mut ViewState, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        use SeatState::{Blocked, Free, Held, Sold};
        let broken = |what: &str| Violation::new(Invariant::I2Conservation, stamp.revision, what);
        if stamp.revision != state.revision.next() {
            return Err(broken(&format!("the view is at {}", state.revision)));
        }
        let fits = match fact {
            Fact::HoldPlaced(placed) => {
                state.holds += 1;
                state.shift_lines(&placed.lines, Free, Held)
            }
            Fact::HoldAmended(amended) => {
                state.shift_lines(&amended.removed, Held, Free)
                    && state.shift_lines(&amended.added, Free, Held)
            }
            Fact::HoldExtended(_) => true,
            Fact::HoldEnded(ended) => {
                state.end_hold(ended.hold) && state.shift_lines(&ended.lines, Held, Free)
            }
            Fact::OrderOpened(opened) => {
                state.open_orders.insert(opened.hold, opened.payment_deadline).is_none()
            }
            Fact::OrderConfirmed(f) => {
                state.end_hold(f.order) && state.shift_lines(&f.lines, Held, Sold)
            }
            Fact::OrderCancelled(f) => {
                state.end_hold(f.order) && state.shift_lines(&f.lines, Held, Free)
            }
            Fact::SeatsChanged(changed) => changed.seats.iter().all(|&seat| match changed.change {
                SeatChange::Block => state.shift_seat(seat, Free, Blocked),
                SeatChange::Unblock => state.shift_seat(seat, Blocked, Free),
                SeatChange::Reallocate(to) => state.reallocate(seat, to),
            }),
            Fact::PlacesChanged(f) => state.block_places(f.area, f.allocation, f.blocked),
            Fact::SaleStateChanged { to } => {
                state.sale_state = *to;
                true
            }
            Fact::AllocationReleased { .. } => true,
            Fact::ManifestChanged(change) => match state.manifest.changed(change) {
                Ok(manifest) => {
                    for &seat in &change.dropped {
                        state.drop_seat(seat);
                    }
                    let known = state.quotas.len();
                    state.grow(&self.map, &Arc::new(manifest))
                        && state.count_quotas(known, &change.new_quotas)
                }
                Err(_) => false,
            },
            Fact::EventDefined(_) => false,
        };
        state.revision = stamp.revision;
        state.at = stamp.at;
        if fits { Ok(()) } else { Err(broken("the durable counters do not add up")) }
    }
}

impl ViewState {
    fn end_hold(&mut self, number: HoldNumber) -> bool {
        self.open_orders.remove(&number);
        self.holds = self.holds.wrapping_sub(1);
        self.holds != u32::MAX
    }

    fn shift_lines(&mut self, lines: &Lines, from: SeatState, to: SeatState) -> bool {
        let mut fits = true;
        // Lines that follow each other mostly count in the same quotas: they are counted together.
        let (mut mask, mut same) = (0, 0);
        for line in &lines.seats {
            fits &= self.shift_seat(line.seat, from, to);
            let next = self.manifest.seat_quotas(line.ticket_type, self.manifest.category_of(line.seat));
            if next != mask {
                fits &= self.shift_quotas(mask, same, from, to);
                (mask, same) = (next, 0);
            }
            same += 1;
        }
        fits &= self.shift_quotas(mask, same, from, to);
        for line in &lines.areas {
            let pool = |p: &&mut PlaceCounts| (p.area, p.allocation) == (line.area, line.allocation);
            let pool = self.places.iter_mut().find(pool);
            fits &= pool.is_some_and(|pool| pool.counts.shift(from, to, line.quantity));
            let mask = self.manifest.area_quotas(line.ticket_type, line.area);
            fits &= self.shift_quotas(mask, line.quantity, from, to);
        }
        fits
    }

    fn block_places(&mut self, area: AreaIndex, allocation: Option<AllocationIndex>, blocked: u32) -> bool {
        let pool = self.places.iter_mut().find(|p| (p.area, p.allocation) == (area, allocation));
        pool.is_some_and(|pool| {
            let capacity = pool.counts.capacity();
            pool.counts.blocked = blocked;
            pool.counts.resize(capacity)
        })
    }

    fn shift_quotas(&mut self, mask: u64, count: u32, from: SeatState, to: SeatState) -> bool {
        quota_indices(mask).all(|quota| self.quotas[quota.at()].shift(from, to, count))
    }

    fn shift_seat(&mut self, seat: SeatIndex, from: SeatState, to: SeatState) -> bool {
        let section = self.manifest.section_of(seat);
        let mut fits = self.sections[section.at()].shift(from, to, 1);
        if let Some(allocation) = self.allocation_of[seat.at()] {
            fits &= self.allocations[allocation.at()].shift(from, to, 1);
        }
        fits && write_seat(&self.map, seat, to) == from
    }

    fn reallocate(&mut self, seat: SeatIndex, to: Option<AllocationIndex>) -> bool {
        let state = read_seat(&self.map, seat);
        let from = std::mem::replace(&mut self.allocation_of[seat.at()], to);
        if let Some(to) = to {
            *self.allocations[to.at()].slot(state) += 1;
        }
        match from {
            Some(from) => {
                let slot = self.allocations[from.at()].slot(state);
                let left = slot.checked_sub(1);
                *slot = left.unwrap_or_default();
                left.is_some()
            }
            None => true,
        }
    }

    /// New quotas count what was held and sold before they came.
    fn count_quotas(&mut self, first: usize, counted: &[(u32, u32)]) -> bool {
        self.quotas[first..].iter_mut().zip(counted).all(|(counts, (held, sold))| {
            counts.shift(SeatState::Free, SeatState::Held, *held)
                && counts.shift(SeatState::Free, SeatState::Sold, *sold)
        })
    }

    /// A seat leaves the plan: it counts nowhere any more.
    fn drop_seat(&mut self, seat: SeatIndex) {
        let state = write_seat(&self.map, seat, SeatState::Blocked);
        let uncount = |counts: &mut Counts| {
            let slot = counts.slot(state);
            *slot = slot.saturating_sub(1);
        };
        uncount(&mut self.sections[self.manifest.section_of(seat).at()]);
        if let Some(allocation) = self.allocation_of[seat.at()].take() {
            uncount(&mut self.allocations[allocation.at()]);
        }
    }

    /// Takes on a manifest: the first one, or one that has grown. False if something does not fit in it.
    fn grow(&mut self, map: &ArcSwap<Vec<AtomicU64>>, manifest: &Arc<Manifest>) -> bool {
        let old = &self.map;
        let words = manifest.seat_count().div_ceil(SEATS_PER_MAP_WORD);
        let next: Vec<AtomicU64> = (0..words)
            .map(|at| AtomicU64::new(old.get(at).map_or(0, |word| word.load(Ordering::Relaxed))))
            .collect();
        self.sections.resize(manifest.section_names().len(), Counts::default());
        self.allocations.resize(manifest.allocations().len(), Counts::default());
        for at in self.allocation_of.len()..manifest.seat_count() {
            let seat = SeatIndex::of(at);
            if !manifest.is_real(seat) {
                self.allocation_of.push(None);
                write_seat(&next, seat, SeatState::Blocked);
                continue;
            }
            let allocation = manifest.first_allocation_of(seat);
            self.allocation_of.push(allocation);
            self.sections[manifest.section_of(seat).at()].free += 1;
            if let Some(allocation) = allocation {
                self.allocations[allocation.at()].free += 1;
            }
        }
        let mut fits = true;
        let old_places = std::mem::take(&mut self.places);
        for at in 0..manifest.areas().len() {
            let area = AreaIndex::of(at);
            let allocated = manifest.areas()[at].allocated.iter().map(|(allocation, _)| Some(*allocation));
            for allocation in std::iter::once(None).chain(allocated) {
                let known = old_places.iter().find(|p| (p.area, p.allocation) == (area, allocation));
                let mut counts = known.map_or(Counts::default(), |pool| pool.counts);
                fits &= counts.resize(manifest.area_places(area, allocation));
                self.places.push(PlaceCounts { area, allocation, counts });
            }
        }
        self.quotas.resize(manifest.quotas().len(), Counts::default());
        for (counts, quota) in self.quotas.iter_mut().zip(manifest.quotas()) {
            fits &= counts.resize(quota.cap);
        }
        self.manifest = Arc::clone(manifest);
        self.map = Arc::new(next);
        map.store(Arc::clone(&self.map));
        fits
    }
}

fn read_seat(map: &[AtomicU64], seat: SeatIndex) -> SeatState {
    let word = map[seat.at() / SEATS_PER_MAP_WORD].load(Ordering::Relaxed);
    SeatState::from_bits(word >> (seat.at() % SEATS_PER_MAP_WORD * 2))
}

/// Writes a seat and returns what it was. Only one thread writes at a time.
fn write_seat(map: &[AtomicU64], seat: SeatIndex, to: SeatState) -> SeatState {
    let shift = seat.at() % SEATS_PER_MAP_WORD * 2;
    let word = &map[seat.at() / SEATS_PER_MAP_WORD];
    let old = word.load(Ordering::Relaxed);
    word.store(old & !(3 << shift) | (to as u64) << shift, Ordering::Release);
    SeatState::from_bits(old >> shift)
}
