//! What a durable view counts, and how lines move through it.

use std::sync::Arc;

use hashbrown::HashMap;

use super::SEATS_PER_MAP_WORD;
use super::counts::{Availability, Counts, PlaceCounts};
use crate::fact::{Lines, OrderStepped};
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, Revision, SeatIndex, SectionIndex};
use crate::manifest::{Manifest, quota_indices};
use crate::order::Move;
use crate::refusal::SeatState;
use crate::sale::SaleState;
use crate::sync::ArcSwap;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::time::UtcMs;

/// See the module.
pub(super) struct ViewState {
    /// The view's map, for whoever has the lock.
    pub map: Arc<Vec<AtomicU64>>,
    pub revision: Revision,
    pub at: UtcMs,
    pub manifest: Arc<Manifest>,
    pub sale_state: SaleState,
    pub allocation_of: Vec<Option<AllocationIndex>>,
    pub sections: Vec<Counts>,
    pub allocations: Vec<Counts>,
    pub places: Vec<PlaceCounts>,
    pub quotas: Vec<Counts>,
    pub holds: u32,
    pub open_orders: HashMap<HoldNumber, UtcMs>,
}

impl ViewState {
    /// What is left.
    pub fn availability(&self) -> Availability {
        Availability {
            revision: self.revision,
            at: self.at,
            sale_state: self.sale_state,
            sections: self.sections.clone(),
            allocations: self.allocations.clone(),
            places: self.places.clone(),
            quotas: self.quotas.clone(),
            holds: self.holds,
            open_orders: u32::try_from(self.open_orders.len()).unwrap_or(u32::MAX),
        }
    }

    pub fn end_hold(&mut self, number: HoldNumber) -> bool {
        self.open_orders.remove(&number);
        self.holds = self.holds.wrapping_sub(1);
        self.holds != u32::MAX
    }

    /// What a step of an order moves.
    pub fn step(&mut self, stepped: &OrderStepped) -> bool {
        use SeatState::{Free, Held, Sold};
        if let (Some(deadline), Some(open)) =
            (stepped.step.deadline(), self.open_orders.get_mut(&stepped.order))
        {
            *open = deadline;
        }
        stepped.step.moves().into_iter().all(|moved| match moved {
            Move::HeldToSold(lines) => self.end_hold(stepped.order) && self.shift_lines(lines, Held, Sold),
            Move::HeldToFree(lines) => self.end_hold(stepped.order) && self.shift_lines(lines, Held, Free),
            Move::SoldToFree(lines) => self.shift_lines(lines, Sold, Free),
            Move::FreeToSold(lines) => self.shift_lines(lines, Free, Sold),
        })
    }

    pub fn shift_lines(&mut self, lines: &Lines, from: SeatState, to: SeatState) -> bool {
        let mut fits = true;
        // Lines that follow each other mostly count in the same quotas: they are counted together.
        let (mut mask, mut same) = (0, 0);
        for line in &lines.seats {
            let Some(class) = self.manifest.class_of(line.seat) else { return false };
            fits &= self.shift_seat_of(class.section(), line.seat, from, to);
            let next = self.manifest.seat_quotas(line.ticket_type, class.category());
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

    pub fn block_places(
        &mut self,
        area: AreaIndex,
        allocation: Option<AllocationIndex>,
        blocked: u32,
    ) -> bool {
        let pool = self.places.iter_mut().find(|p| (p.area, p.allocation) == (area, allocation));
        pool.is_some_and(|pool| {
            let capacity = pool.counts.capacity();
            pool.counts.blocked = blocked;
            pool.counts.resize(capacity)
        })
    }

    #[inline]
    fn shift_quotas(&mut self, mask: u64, count: u32, from: SeatState, to: SeatState) -> bool {
        quota_indices(mask).all(|quota| self.quotas[quota.at()].shift(from, to, count))
    }

    #[inline]
    pub fn shift_seat(&mut self, seat: SeatIndex, from: SeatState, to: SeatState) -> bool {
        self.shift_seat_of(self.manifest.section_of(seat), seat, from, to)
    }

    #[inline]
    fn shift_seat_of(
        &mut self,
        section: SectionIndex,
        seat: SeatIndex,
        from: SeatState,
        to: SeatState,
    ) -> bool {
        let mut fits = self.sections[section.at()].shift(from, to, 1);
        // Looked at only where there are allocations: one word less of memory for every seat that passes.
        if !self.allocations.is_empty()
            && let Some(allocation) = self.allocation_of[seat.at()]
        {
            fits &= self.allocations[allocation.at()].shift(from, to, 1);
        }
        fits && write_seat(&self.map, seat, to) == from
    }

    pub fn reallocate(&mut self, seat: SeatIndex, to: Option<AllocationIndex>) -> bool {
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
    pub fn count_quotas(&mut self, first: usize, counted: &[(u32, u32)]) -> bool {
        self.quotas[first..].iter_mut().zip(counted).all(|(counts, (held, sold))| {
            counts.shift(SeatState::Free, SeatState::Held, *held)
                && counts.shift(SeatState::Free, SeatState::Sold, *sold)
        })
    }

    /// A seat leaves the plan: it counts nowhere any more.
    pub fn drop_seat(&mut self, seat: SeatIndex) {
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
    pub fn grow(&mut self, map: &ArcSwap<Vec<AtomicU64>>, manifest: &Arc<Manifest>) -> bool {
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
