//! Placing items: which seats and places a request gets, or why not.

use std::collections::BTreeSet;

use super::Model;
use super::lines::in_order;
use super::request::asked;
use super::state::{places_in_pool, tickets_in_quota};
use crate::fact::{AreaLine, Lines, SeatLine};
use crate::id::{AllocationIndex, AreaIndex, CategoryIndex, QuotaIndex, SeatIndex, TicketTypeIndex, UserId};
use crate::refusal::{Refusal, SeatConflict, SeatState};
use crate::request::Item;
use crate::sale::SaleState;
use crate::testkit::audit::PoolKey;
use crate::voucher::VoucherTerms;

/// A request for places, and what it has got so far.
pub(super) struct Placing<'r> {
    items: &'r [Item],
    channel: Option<&'r str>,
    access_code: Option<&'r str>,
    /// What the same request gives back first.
    returned: &'r Lines,
    /// The terms of the voucher it comes with.
    terms: VoucherTerms,
    lines: Lines,
    /// The seats of `lines`.
    pub taken: BTreeSet<SeatIndex>,
}

impl<'r> Placing<'r> {
    pub fn new(
        items: &'r [Item],
        channel: Option<&'r str>,
        access_code: Option<&'r str>,
        returned: &'r Lines,
    ) -> Self {
        let terms = VoucherTerms::default();
        Self { items, channel, access_code, returned, terms, lines: Lines::default(), taken: BTreeSet::new() }
    }

    /// The same with a voucher.
    pub fn under(self, terms: VoucherTerms) -> Self {
        Self { terms, ..self }
    }
}

impl Model {
    /// Everything the items name is there and sold.
    pub(super) fn check_names(&self, items: &[Item]) -> Result<(), Refusal> {
        let mut unknown: Vec<SeatIndex> = seats_of(items).map(|(seat, _)| seat).collect();
        unknown.retain(|seat| !self.manifest.is_real(*seat));
        unknown.sort_unstable();
        if !unknown.is_empty() {
            return Err(Refusal::UnknownSeats(unknown));
        }
        let best =
            || items.iter().filter_map(|item| if let Item::Best(best) = item { Some(best) } else { None });
        let sections = self.manifest.section_names().len();
        if let Some(section) = best().filter_map(|item| item.section).find(|at| at.at() >= sections) {
            return Err(Refusal::UnknownSection(section));
        }
        let categories = self.manifest.categories().len();
        if let Some(category) = best().filter_map(|item| item.category).find(|at| at.at() >= categories) {
            return Err(Refusal::UnknownCategory(category));
        }
        let areas = self.manifest.areas().len();
        if let Some((area, ..)) = areas_of(items).find(|(area, ..)| area.at() >= areas) {
            return Err(Refusal::UnknownArea(area));
        }
        let types = self.manifest.ticket_types().len();
        if let Some(unknown) = items.iter().map(ticket_type).find(|at| at.at() >= types) {
            return Err(Refusal::UnknownTicketType(unknown));
        }
        items.iter().try_for_each(|item| self.check_sold(item))
    }

    fn check_sold(&self, item: &Item) -> Result<(), Refusal> {
        let categories: Vec<CategoryIndex> = match item {
            Item::Seats { seats, .. } => seats.iter().map(|seat| self.manifest.category_of(*seat)).collect(),
            Item::Area { area, .. } => vec![self.manifest.areas()[area.at()].category],
            Item::Best(best) => best.category.into_iter().collect(),
        };
        let ticket_type = ticket_type(item);
        match categories.into_iter().find(|category| self.manifest.price(ticket_type, *category).is_none()) {
            Some(category) => Err(Refusal::NotSold { ticket_type, category }),
            None => Ok(()),
        }
    }

    /// Some allocation has the access code.
    pub(super) fn check_code(&self, code: Option<&str>) -> Result<(), Refusal> {
        let has =
            |code: &str| self.manifest.allocations().iter().any(|a| a.access_code.as_deref() == Some(code));
        // How long its user must wait is not a part of an event.
        if code.is_none_or(has) { Ok(()) } else { Err(Refusal::UnknownCode { retry_after_ms: 0 }) }
    }

    /// What the user would have with `items` more and `returned` less, if that is more than before.
    pub(super) fn check_user_limit(
        &self,
        user: UserId,
        items: &[Item],
        returned: &Lines,
    ) -> Result<(), Refusal> {
        let limit = self.manifest.rules().tickets_per_user_max;
        let used = self.used_by(user);
        let asked = items.iter().map(asked).sum::<u32>().saturating_sub(returned.places());
        if asked == 0 || used + asked <= limit {
            Ok(())
        } else {
            Err(Refusal::UserLimit { limit, used, asked })
        }
    }

    /// The lines for all items.
    pub(super) fn place(&self, mut placing: Placing<'_>) -> Result<Lines, Refusal> {
        self.place_named(&mut placing)?;
        for (area, quantity, ticket_type) in areas_of(placing.items) {
            self.place_area(&mut placing, area, quantity, ticket_type)?;
        }
        for item in placing.items {
            let Item::Best(best) = item else { continue };
            let seats = self.best(&placing, best)?;
            seats.iter().for_each(|seat| self.add_seat(&mut placing, *seat, best.ticket_type));
        }
        if self.manifest.rules().orphan_rule {
            let orphans = self.avoidable_orphans(&placing);
            if !orphans.is_empty() {
                return Err(Refusal::OrphanSeat(orphans));
            }
        }
        self.check_quotas(&placing)?;
        let Placing { mut lines, terms, .. } = placing;
        lines.seats.iter_mut().for_each(|line| line.price_minor = terms.price.apply(line.price_minor));
        lines.areas.iter_mut().for_each(|line| line.price_minor = terms.price.apply(line.price_minor));
        Ok(in_order(lines))
    }

    fn place_named(&self, placing: &mut Placing<'_>) -> Result<(), Refusal> {
        let mut named: Vec<(SeatIndex, TicketTypeIndex)> = seats_of(placing.items).collect();
        named.sort_unstable();
        let seats = || named.iter().map(|(seat, _)| *seat);
        let locked = seats().filter(|seat| !self.is_open(placing, self.seats[seat.at()].allocation));
        let locked: Vec<SeatIndex> = locked.collect();
        if !locked.is_empty() {
            return Err(Refusal::AllocationLocked(locked));
        }
        let conflicts = seats().filter(|seat| !self.free_for(placing, *seat)).map(|seat| self.conflict(seat));
        let conflicts: Vec<SeatConflict> = conflicts.collect();
        if !conflicts.is_empty() {
            return Err(Refusal::SeatsUnavailable(conflicts));
        }
        named.iter().for_each(|(seat, ticket_type)| self.add_seat(placing, *seat, *ticket_type));
        Ok(())
    }

    fn conflict(&self, seat: SeatIndex) -> SeatConflict {
        let entry = &self.seats[seat.at()];
        let hold =
            entry.owner.filter(|_| entry.state == SeatState::Held).and_then(|owner| self.holds.get(&owner));
        SeatConflict { seat, state: entry.state, until: hold.map(super::ModelHold::effective_deadline) }
    }

    fn add_seat(&self, placing: &mut Placing<'_>, seat: SeatIndex, ticket_type: TicketTypeIndex) {
        let price = self.manifest.price(ticket_type, self.manifest.category_of(seat));
        let price_minor = price.expect("a seat that is placed is sold");
        placing.lines.seats.push(SeatLine { seat, ticket_type, price_minor });
        placing.taken.insert(seat);
    }

    fn place_area(
        &self,
        placing: &mut Placing<'_>,
        area: AreaIndex,
        quantity: u32,
        ticket_type: TicketTypeIndex,
    ) -> Result<(), Refusal> {
        let price = self.manifest.price(ticket_type, self.manifest.areas()[area.at()].category);
        let price_minor = price.expect("checked with the names");
        let (mut missing, mut left) = (quantity, 0);
        for pool in self.open_pools(placing, area) {
            let free = self.pool_counts(&self.manifest, pool).map_or(0, |counts| counts.free);
            let free = free + places_in_pool(placing.returned, pool) - places_in_pool(&placing.lines, pool);
            left += free;
            let taken = free.min(missing);
            missing -= taken;
            let line = AreaLine { area, allocation: pool.1, ticket_type, quantity: taken, price_minor };
            placing.lines.areas.extend((taken > 0).then_some(line));
        }
        if missing == 0 { Ok(()) } else { Err(Refusal::AreaExhausted { area, left }) }
    }

    /// The pools open to the request, in the order they are drawn from: unlocked allocations, public, released.
    fn open_pools(&self, placing: &Placing<'_>, area: AreaIndex) -> Vec<PoolKey> {
        let mut pools = Self::pools_of(&self.manifest, area);
        pools.retain(|(_, allocation)| self.is_open(placing, *allocation));
        pools.sort_by_key(|(_, allocation)| match allocation {
            Some(at) if self.is_unlocked(placing, *at) => (0, allocation.map(|at| at.0)),
            None => (1, None),
            Some(at) => (2, Some(at.0)),
        });
        pools
    }

    fn check_quotas(&self, placing: &Placing<'_>) -> Result<(), Refusal> {
        for (at, quota) in self.manifest.quotas().iter().enumerate() {
            let counts = self.quota_counts(quota);
            let returned = tickets_in_quota(&self.manifest, placing.returned, quota);
            let left = counts.cap - (counts.held + counts.sold - returned);
            if tickets_in_quota(&self.manifest, &placing.lines, quota) > left {
                return Err(Refusal::QuotaExhausted { quota: QuotaIndex::of(at), left });
            }
        }
        Ok(())
    }

    /// Whether the request unlocks the allocation.
    fn is_unlocked(&self, placing: &Placing<'_>, allocation: AllocationIndex) -> bool {
        let entry = &self.manifest.allocations()[allocation.at()];
        let by_channel =
            placing.channel.is_some_and(|channel| entry.channels.iter().any(|known| known == channel));
        let by_code = placing.access_code.is_some_and(|code| entry.access_code.as_deref() == Some(code));
        by_channel || by_code || placing.terms.unlocks == Some(allocation)
    }

    /// Whether places of the allocation, or of none, are open to the request.
    pub(super) fn is_open(&self, placing: &Placing<'_>, allocation: Option<AllocationIndex>) -> bool {
        let public = self.sale == SaleState::Onsale;
        match allocation {
            None => public,
            Some(at) => self.is_unlocked(placing, at) || public && self.released.contains(&at),
        }
    }

    /// Whether a seat is free, or given back by the request itself.
    pub(super) fn free_for(&self, placing: &Placing<'_>, seat: SeatIndex) -> bool {
        let returned = placing.returned.seats.iter().any(|line| line.seat == seat);
        self.manifest.is_real(seat) && (returned || self.seats[seat.at()].state == SeatState::Free)
    }
}

fn seats_of(items: &[Item]) -> impl Iterator<Item = (SeatIndex, TicketTypeIndex)> {
    let named = items.iter().filter_map(|item| match item {
        Item::Seats { seats, ticket_type } => Some((seats, *ticket_type)),
        Item::Area { .. } | Item::Best(_) => None,
    });
    named.flat_map(|(seats, ticket_type)| seats.iter().map(move |seat| (*seat, ticket_type)))
}

fn areas_of(items: &[Item]) -> impl Iterator<Item = (AreaIndex, u32, TicketTypeIndex)> {
    items.iter().filter_map(|item| match item {
        Item::Area { area, quantity, ticket_type } => Some((*area, *quantity, *ticket_type)),
        Item::Seats { .. } | Item::Best(_) => None,
    })
}

const fn ticket_type(item: &Item) -> TicketTypeIndex {
    match item {
        Item::Seats { ticket_type, .. } | Item::Area { ticket_type, .. } => *ticket_type,
        Item::Best(best) => best.ticket_type,
    }
}
