//! What a manifest can be asked.

use std::hash::BuildHasher;

use super::compiled::{Manifest, STRIPE_SEATS};
use super::definition::{Allocation, Area, Category, Point, Quota, Rules, SeatFlags, TicketType};
use super::derive::{NO_PRICE, SeatClass};
use crate::id::{
    AllocationIndex, AreaIndex, CategoryIndex, RowIndex, SeatIndex, SectionIndex, TicketTypeIndex,
};

impl Manifest {
    /// Rules of the sale.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Categories, by [`CategoryIndex`].
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Ticket types, by [`TicketTypeIndex`].
    #[must_use]
    pub fn ticket_types(&self) -> &[TicketType] {
        &self.ticket_types
    }

    /// Areas, by [`AreaIndex`].
    #[must_use]
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// Allocations, by [`AllocationIndex`].
    #[must_use]
    pub fn allocations(&self) -> &[Allocation] {
        &self.allocations
    }

    /// Quotas, by [`QuotaIndex`](crate::QuotaIndex).
    #[must_use]
    pub fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    /// The point that seats without a rank are ranked by.
    #[must_use]
    pub const fn focal_point(&self) -> Option<Point> {
        self.focal_point
    }

    /// Names of the sections, by [`SectionIndex`].
    #[must_use]
    pub fn section_names(&self) -> &[String] {
        &self.section_names
    }

    /// Seats of a section that are for sale or blocked: its capacity.
    #[must_use]
    pub fn section_capacity(&self, section: SectionIndex) -> u32 {
        self.derived.section_capacity[section.at()]
    }

    /// One past the largest [`SeatIndex`], dropped seats included.
    #[must_use]
    pub fn seat_count(&self) -> usize {
        self.seats.len()
    }

    /// Stripes of 64 seats, the last perhaps partly filled.
    #[must_use]
    pub fn stripe_count(&self) -> usize {
        self.seat_count().div_ceil(STRIPE_SEATS)
    }

    /// Every seat that has not been dropped.
    pub fn seats(&self) -> impl Iterator<Item = SeatIndex> + '_ {
        (0..self.seat_count()).map(SeatIndex::of).filter(|seat| self.is_real(*seat))
    }

    /// Whether there is such a seat and it has not been dropped.
    #[must_use]
    pub fn is_real(&self, seat: SeatIndex) -> bool {
        seat.at() < self.seats.len() && !self.seats.is_dropped(seat.at())
    }

    /// The seat with this machine name, dropped seats not counted. O(1).
    #[must_use]
    pub fn find_seat(&self, id: &str) -> Option<SeatIndex> {
        let hash = self.derived.hasher.hash_one(id);
        let found = self.derived.by_id.find(hash, |at| self.seats.id(*at as usize) == id)?;
        Some(SeatIndex(*found))
    }

    /// The machine name of a seat.
    #[must_use]
    pub fn seat_id(&self, seat: SeatIndex) -> &str {
        self.seats.id(seat.at())
    }

    /// The number of a seat as people read it.
    #[must_use]
    pub fn seat_label(&self, seat: SeatIndex) -> &str {
        self.seats.label(seat.at())
    }

    /// The row of a seat.
    #[must_use]
    pub fn row_of(&self, seat: SeatIndex) -> RowIndex {
        self.seats.row[seat.at()]
    }

    /// The label of a row.
    #[must_use]
    pub fn row_label(&self, row: RowIndex) -> &str {
        &self.rows[row.at()].1
    }

    /// The section of a seat.
    #[must_use]
    pub fn section_of(&self, seat: SeatIndex) -> SectionIndex {
        self.rows[self.seats.row[seat.at()].at()].0
    }

    /// Section and category of a seat, and whether it is there, looked up together; `None` if there never was such a seat.
    #[inline]
    pub(crate) fn class_of(&self, seat: SeatIndex) -> Option<SeatClass> {
        self.derived.classes.get(seat.at()).copied()
    }

    /// The category of a seat.
    #[must_use]
    pub fn category_of(&self, seat: SeatIndex) -> CategoryIndex {
        self.seats.category[seat.at()]
    }

    /// The allocation a seat was defined with; staff may have moved it since.
    #[must_use]
    pub fn first_allocation_of(&self, seat: SeatIndex) -> Option<AllocationIndex> {
        self.seats.allocation(seat.at())
    }

    /// What a buyer must know about a seat.
    #[must_use]
    pub fn flags_of(&self, seat: SeatIndex) -> SeatFlags {
        self.seats.flags(seat.at())
    }

    /// Where a seat is drawn.
    #[must_use]
    pub fn point_of(&self, seat: SeatIndex) -> Point {
        self.seats.at[seat.at()]
    }

    /// The dense rank of a seat: 0 is the best of the event, no two seats share one.
    #[must_use]
    pub fn rank_of(&self, seat: SeatIndex) -> u32 {
        self.derived.rank[seat.at()]
    }

    /// The sum of the ranks of `count` seats from `first` on.
    #[must_use]
    pub(crate) fn rank_sum(&self, first: usize, count: usize) -> u64 {
        self.derived.rank_sums[first + count] - self.derived.rank_sums[first]
    }

    /// Whether `seat` and the seat with the next index sit side by side: same row, no aisle, none dropped.
    #[must_use]
    pub fn next_is_adjacent(&self, seat: SeatIndex) -> bool {
        let next = seat.at() + 1;
        next < self.seat_count() && self.derived.breaks[next / STRIPE_SEATS] >> (next % STRIPE_SEATS) & 1 == 0
    }

    /// Bit i of word w is set if seat 64 w + i is not adjacent to the seat before it.
    pub(crate) fn breaks(&self) -> &[u64] {
        &self.derived.breaks
    }

    /// Seats that are neither accessible nor companion seats.
    pub(crate) fn ordinary_words(&self) -> &[u64] {
        &self.derived.ordinary
    }

    /// Seats without a restricted view.
    pub(crate) fn full_view_words(&self) -> &[u64] {
        &self.derived.full_view
    }

    /// Seats of a category.
    pub(crate) fn category_words(&self, category: CategoryIndex) -> &[u64] {
        &self.derived.category_words[category.at()]
    }

    /// Seats of a section: the words from the first given stripe on.
    pub(crate) fn section_words(&self, section: SectionIndex) -> (usize, &[u64]) {
        let (first, words) = &self.derived.section_words[section.at()];
        (*first as usize, words)
    }

    /// Stripes in the order in which a search for groups of `size` visits them, each with a sum of ranks that no group starting in it is
    /// below. Larger groups go by their first seats.
    pub(crate) fn search_order(&self, size: usize) -> &[(u32, u32)] {
        let orders = &self.derived.search_orders;
        orders.get(size.saturating_sub(1)).or(orders.last()).map_or(&[], |order| order)
    }

    /// The price of a ticket type in a category, in minor units.
    #[must_use]
    pub fn price(&self, ticket_type: TicketTypeIndex, category: CategoryIndex) -> Option<i64> {
        if ticket_type.at() >= self.ticket_types.len() || category.at() >= self.categories.len() {
            return None;
        }
        let minor = self.derived.price_table[ticket_type.at() * self.categories.len() + category.at()];
        (minor != NO_PRICE).then_some(minor)
    }

    /// The quotas that count a seat of `category` sold as `ticket_type`: bit q for [`QuotaIndex`](crate::QuotaIndex) q.
    #[must_use]
    pub fn seat_quotas(&self, ticket_type: TicketTypeIndex, category: CategoryIndex) -> u64 {
        self.derived.seat_quotas[ticket_type.at() * self.categories.len() + category.at()]
    }

    /// The quotas that count a place of `area` sold as `ticket_type`: bit q for [`QuotaIndex`](crate::QuotaIndex) q.
    #[must_use]
    pub fn area_quotas(&self, ticket_type: TicketTypeIndex, area: AreaIndex) -> u64 {
        self.derived.area_quotas[ticket_type.at() * self.areas.len() + area.at()]
    }

    /// Places of an area that belong to `allocation`, or to none.
    #[must_use]
    pub fn area_places(&self, area: AreaIndex, allocation: Option<AllocationIndex>) -> u32 {
        let area = &self.areas[area.at()];
        match allocation {
            Some(wanted) => area.allocated.iter().find(|(at, _)| *at == wanted).map_or(0, |(_, n)| *n),
            None => area.capacity - area.allocated.iter().map(|(_, n)| n).sum::<u32>(),
        }
    }
}
