//! The model's state in the auditor's words, counted from scratch at every call, for comparing.

use super::{Model, ModelHold, ModelOrder};
use crate::id::{AllocationIndex, HoldNumber, SeatIndex, SectionIndex, UserId};
use crate::refusal::SeatState;
use crate::testkit::audit::{Counts, PoolKey, QuotaCounts};

impl Model {
    /// The state of every seat, by [`SeatIndex`]; dropped seats are blocked.
    #[must_use]
    pub fn seat_states(&self) -> Vec<SeatState> {
        self.seats.iter().map(|seat| seat.state).collect()
    }

    /// The version of a seat, which a staff command must name.
    #[must_use]
    pub fn seat_version(&self, seat: SeatIndex) -> Option<u32> {
        self.seats.get(seat.at()).map(|seat| seat.version)
    }

    /// The allocation a seat belongs to now.
    #[must_use]
    pub fn seat_allocation(&self, seat: SeatIndex) -> Option<AllocationIndex> {
        self.seats.get(seat.at())?.allocation
    }

    /// The counters of every section.
    #[must_use]
    pub fn sections(&self) -> Vec<Counts> {
        let sections = (0..self.manifest.section_names().len()).map(SectionIndex::of);
        sections.map(|section| self.count_seats(|seat| self.manifest.section_of(seat) == section)).collect()
    }

    /// The counters of the seats of every allocation.
    #[must_use]
    pub fn allocations(&self) -> Vec<Counts> {
        let allocations = (0..self.manifest.allocations().len()).map(AllocationIndex::of);
        allocations.map(|at| self.count_seats(|seat| self.seats[seat.at()].allocation == Some(at))).collect()
    }

    fn count_seats(&self, counts: impl Fn(SeatIndex) -> bool) -> Counts {
        let mut sum = Counts::default();
        for seat in self.manifest.seats().filter(|seat| counts(*seat)) {
            *sum.of(self.seats[seat.at()].state) += 1;
        }
        sum
    }

    /// The counters of every pool, ascending.
    #[must_use]
    pub fn pools(&self) -> Vec<(PoolKey, Counts)> {
        let pools = Self::all_pools(&self.manifest).into_iter();
        let counts = |pool| self.pool_counts(&self.manifest, pool).expect("no pool is overfull");
        pools.map(|pool| (pool, counts(pool))).collect()
    }

    /// The counters of every quota.
    #[must_use]
    pub fn quotas(&self) -> Vec<QuotaCounts> {
        self.manifest.quotas().iter().map(|quota| self.quota_counts(quota)).collect()
    }

    /// Places a user holds plus owns.
    #[must_use]
    pub fn used(&self, user: UserId) -> u32 {
        self.used_by(user)
    }

    /// Every hold that has not ended, overdue ones and those of open orders included, by number.
    pub fn holds(&self) -> impl Iterator<Item = (HoldNumber, &ModelHold)> {
        self.holds.iter().map(|(number, hold)| (*number, hold))
    }

    /// Every order, forgotten ones included, by number.
    pub fn orders(&self) -> impl Iterator<Item = (HoldNumber, &ModelOrder)> {
        self.orders.iter().map(|(number, order)| (*number, order))
    }
}
