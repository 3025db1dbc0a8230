//! The basket: turns request items into lines, all or nothing, with prices, pools and quotas. Shared by hold and amend.

use smallvec::SmallVec;

use super::super::best::{Overlay, Search, SeatWords};
use super::super::pool::PoolName;
use super::super::scope::Layout;
use super::super::touched::each_quota;
use super::super::waiting::categories_of;
use super::beside::With;
use super::known::known;
use super::orphan::{ORPHAN_MARGIN, orphans};
use super::{Decide, Instead};
use crate::canary::Canary;
use crate::fact::{AreaLine, Lines, SeatLine};
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, SeatIndex, TicketTypeIndex, UserId};
use crate::manifest::{Manifest, STRIPE_SEATS};
use crate::refusal::{Refusal, SeatConflict, SeatState};
use crate::request::Item;
use crate::sale::SaleState;

/// A request for lines.
pub(super) struct Basket<'r> {
    pub items: &'r [Item],
    /// What the same command gives back first.
    pub removed: &'r Lines,
    /// The hold that gives it back.
    pub owner: Option<HoldNumber>,
    pub user: UserId,
    pub unlocked: u64,
    /// What the hold says beside its places.
    pub with: Option<&'r With>,
}

/// Which places a request may have.
#[derive(Clone, Copy)]
pub(crate) struct Access {
    unlocked: u64,
    released: u64,
    public: bool,
}

impl Access {
    fn new(layout: &Layout, unlocked: u64) -> Self {
        Self { unlocked, released: layout.released, public: layout.sale_state == SaleState::Onsale }
    }

    fn opens(self, allocation: Option<AllocationIndex>) -> bool {
        match allocation {
            Some(a) => (self.unlocked | if self.public { self.released } else { 0 }) >> a.0 & 1 == 1,
            None => self.public,
        }
    }
}

/// The live map: availability words, read without locks.
pub(crate) struct LiveWords<'a> {
    pub layout: &'a Layout,
    pub access: Access,
}

impl SeatWords for LiveWords<'_> {
    fn free(&self, stripe: usize) -> u64 {
        self.layout.stripes.free_word(stripe)
    }

    fn open(&self, stripe: usize, free: u64) -> u64 {
        let unallocated = self.layout.stripes.unallocated_word(stripe);
        let mut open = if self.access.public { free & unallocated } else { 0 };
        let mut allocated = free & !unallocated;
        if self.access.unlocked | self.access.released == 0 {
            return open;
        }
        while allocated != 0 {
            let bit = allocated.trailing_zeros() as usize;
            allocated &= allocated - 1;
            let seat = SeatIndex::of(stripe * STRIPE_SEATS + bit);
            if self.access.opens(self.layout.stripes.allocation_of(seat)) {
                open |= 1 << bit;
            }
        }
        open
    }
}

/// The allocations that a channel and an access code unlock.
pub(super) fn unlocked(manifest: &Manifest, channel: Option<&str>, access_code: Option<&str>) -> u64 {
    if channel.is_none() && access_code.is_none() {
        return 0;
    }
    let opens = |a: &crate::manifest::Allocation| {
        channel.is_some_and(|channel| a.channels.iter().any(|known| known == channel))
            || access_code.is_some_and(|code| a.access_code.as_deref() == Some(code))
    };
    let all = manifest.allocations().iter().enumerate();
    all.filter(|(_, a)| opens(a)).fold(0, |mask, (at, _)| mask | 1 << at)
}

impl Decide<'_, '_> {
    /// Turns a basket into lines. On success its pools are reserved and its stripes are locked.
    pub(super) fn fill(&mut self, basket: &Basket<'_>) -> Result<Lines, Instead> {
        let mut lines = Lines::default();
        if !self.named_seats(basket.items, &mut lines) {
            known(&self.scope.layout.manifest, basket.items)?;
        }
        let is_offer = basket.with.is_some_and(|with| with.is_offer);
        if !is_offer {
            self.user_limit(basket)?;
        }
        let Some(with) = basket.with else { return self.fill_open(basket, basket.unlocked, lines) };
        let asked: u32 = basket.items.iter().map(Item::places).sum();
        let asked = asked.saturating_sub(basket.removed.places());
        let unlocked = basket.unlocked | with.unlocked;
        let filled = if is_offer {
            // Who is over a limit need not know before there is something.
            let lines = self.fill_open(basket, unlocked, lines);
            lines.and_then(|lines| self.reserve_identities(with, asked).map(|()| lines))
        } else {
            self.reserve_identities(with, asked)
                .and_then(|()| self.fill_open(basket, unlocked, lines))
                .and_then(|lines| self.reserve_use(with).map(|()| lines))
        };
        match filled {
            Ok(mut lines) => {
                with.reprice(&mut lines);
                Ok(lines)
            }
            Err(instead) => {
                self.scope.give_back();
                Err(instead)
            }
        }
    }

    /// As [`fill`](Self::fill), at the prices of the manifest.
    fn fill_open(&mut self, basket: &Basket<'_>, unlocked: u64, mut lines: Lines) -> Result<Lines, Instead> {
        let access = Access::new(self.scope.layout, unlocked);
        sort_seats(&mut lines);
        let named = lines.seats.len();
        let searches = basket.items.iter().any(|item| matches!(item, Item::Best(_)));
        let miss = if searches { self.find_best(basket, access, &mut lines) } else { None };
        let rule = self.scope.layout.manifest.rules().orphan_rule;
        let margin = if rule { ORPHAN_MARGIN } else { 0 };
        if searches || rule || !basket.removed.seats.is_empty() {
            let touched = lines.seats.iter().chain(&basket.removed.seats).map(|line| line.seat);
            self.scope.lock_stripes(touched, margin);
        } else {
            self.scope.lock_lines(&lines.seats);
        }
        if !self.scope.are_free(&lines.seats, |allocation| access.opens(allocation)) {
            self.check_seats(basket, access, &lines, named)?;
        }
        let filled = self.fill_pools(basket, access, &mut lines, miss, rule);
        if let Err(instead) = filled {
            self.scope.give_back();
            return Err(instead);
        }
        if access.public && self.scope.layout.waiting.due() != 0 {
            self.let_who_waits_go_first(basket, &lines)?;
        }
        Ok(lines)
    }

    /// Takes nothing that may be due to who waits for it.
    #[cold]
    fn let_who_waits_go_first(&mut self, basket: &Basket<'_>, lines: &Lines) -> Result<(), Instead> {
        let layout = self.scope.layout;
        let due = layout.waiting.due() & categories_of(&layout.manifest, lines);
        let is_offer = basket.with.is_some_and(|with| with.is_offer);
        let jumps = self.canaries.on(Canary::JumpQueue);
        if due == 0 || is_offer || jumps || !self.scope.heeds_waiting {
            return Ok(());
        }
        self.scope.give_back_quietly();
        Err(Instead::Waiting(due))
    }

    fn fill_pools(
        &mut self,
        basket: &Basket<'_>,
        access: Access,
        lines: &mut Lines,
        miss: Option<Refusal>,
        orphan_rule: bool,
    ) -> Result<(), Instead> {
        for item in basket.items {
            let Item::Area { area, quantity, ticket_type } = item else { continue };
            self.take_area(basket, access, *area, *quantity, *ticket_type, lines)?;
        }
        if let Some(miss) = miss {
            return Err(Instead::Overdue(miss, Vec::new()));
        }
        sort_seats(lines);
        if lines.areas.len() > 1 {
            lines.put_areas_in_order();
        }
        if orphan_rule {
            let orphans = orphans(self.scope, lines, basket.removed);
            if !orphans.is_empty() {
                // The hold of a neighbour may be overdue.
                return Err(Instead::Overdue(Refusal::OrphanSeat(orphans), Vec::new()));
            }
        }
        // Places of areas have been taken already.
        let mut exhausted = None;
        each_quota(&self.scope.layout.manifest, lines, |quota, count| {
            let pool = PoolName::Quota(quota);
            let credit = if basket.owner.is_some() { self.credit(basket.removed, pool) } else { 0 };
            let taken = self.reserve(pool, count, credit);
            exhausted = taken.err().map(|left| Refusal::QuotaExhausted { quota, left });
            exhausted.is_none()
        });
        exhausted.map_or(Ok(()), |refusal| Err(Instead::Overdue(refusal, Vec::new())))
    }

    /// The lines of named seats. False if something of the items is not there: then [`known`] says what.
    fn named_seats(&self, items: &[Item], lines: &mut Lines) -> bool {
        let manifest = &self.scope.layout.manifest;
        let mut all = true;
        for item in items {
            let Item::Seats { seats, ticket_type } = item else {
                all = false;
                continue;
            };
            for &seat in seats {
                let class = manifest.class_of(seat).filter(|class| class.is_real());
                match class.and_then(|class| manifest.price(*ticket_type, class.category())) {
                    Some(price_minor) => {
                        lines.seats.push(SeatLine { seat, ticket_type: *ticket_type, price_minor });
                    }
                    None => all = false,
                }
            }
        }
        all
    }

    fn seat_line(&self, seat: SeatIndex, ticket_type: TicketTypeIndex) -> SeatLine {
        let manifest = &self.scope.layout.manifest;
        let price_minor = manifest.price(ticket_type, manifest.category_of(seat)).unwrap_or_default();
        SeatLine { seat, ticket_type, price_minor }
    }

    fn user_limit(&self, basket: &Basket<'_>) -> Result<(), Instead> {
        let limit = self.scope.layout.manifest.rules().tickets_per_user_max;
        let usage = self.scope.look(basket.user.shard()).usage(basket.user);
        let asked: u32 = basket.items.iter().map(Item::places).sum();
        let asked = asked.saturating_sub(basket.removed.places());
        let used = usage.held + usage.owned;
        if asked > 0 && used.saturating_add(asked) > limit {
            return Err(Instead::Overdue(Refusal::UserLimit { limit, used, asked }, Vec::new()));
        }
        Ok(())
    }

    fn find_best(&mut self, basket: &Basket<'_>, access: Access, lines: &mut Lines) -> Option<Refusal> {
        let layout = self.scope.layout;
        let mut overlay = Overlay::default();
        basket.removed.seats.iter().for_each(|line| overlay.free(line.seat));
        lines.seats.iter().for_each(|line| overlay.take(line.seat));
        let words = LiveWords { layout, access };
        for item in basket.items {
            let Item::Best(request) = item else { continue };
            let orphan_rule = layout.manifest.rules().orphan_rule;
            let search = Search { manifest: &layout.manifest, words: &words, request, orphan_rule };
            match search.run(&mut overlay) {
                Ok(seats) => {
                    let seats = seats.into_iter().map(|seat| self.seat_line(seat, request.ticket_type));
                    lines.seats.extend(seats);
                }
                Err(miss) => {
                    return Some(Refusal::BestAvailableMiss {
                        asked: request.count,
                        matching: miss.matching,
                        largest_adjacent: miss.largest_adjacent,
                    });
                }
            }
        }
        None
    }

    /// Whether the named seats may be had and are free, and the found ones still are.
    fn check_seats(
        &self,
        basket: &Basket<'_>,
        access: Access,
        lines: &Lines,
        named: usize,
    ) -> Result<(), Instead> {
        let mut locked = Vec::new();
        let mut conflicts = Vec::with_capacity(lines.seats.len());
        let mut owners = Vec::new();
        for (at, line) in lines.seats.iter().enumerate() {
            let slot = self.scope.seat(line.seat);
            let own = basket.owner.is_some_and(|owner| slot.owner == owner.0)
                && basket.removed.seats.iter().any(|removed| removed.seat == line.seat);
            let free = slot.state == SeatState::Free || own;
            if at >= named {
                if !free || !access.opens(slot.allocation) {
                    return Err(Instead::Changed);
                }
                continue;
            }
            if !access.opens(slot.allocation) {
                locked.push(line.seat);
            }
            if !free {
                if slot.state == SeatState::Held {
                    owners.push(HoldNumber(slot.owner));
                }
                conflicts.push(SeatConflict { seat: line.seat, state: slot.state, until: None });
            }
        }
        if !locked.is_empty() {
            locked.sort_unstable();
            // Its allocation may be due for release.
            return Err(Instead::Overdue(Refusal::AllocationLocked(locked), Vec::new()));
        }
        if !conflicts.is_empty() {
            conflicts.sort_unstable_by_key(|conflict: &SeatConflict| conflict.seat);
            return Err(Instead::Overdue(Refusal::SeatsUnavailable(conflicts), owners));
        }
        Ok(())
    }

    fn take_area(
        &mut self,
        basket: &Basket<'_>,
        access: Access,
        area: AreaIndex,
        quantity: u32,
        ticket_type: TicketTypeIndex,
        lines: &mut Lines,
    ) -> Result<(), Instead> {
        let layout = self.scope.layout;
        let category = layout.manifest.areas()[area.at()].category;
        let price_minor = layout.manifest.price(ticket_type, category).unwrap_or_default();
        let mut allocations: SmallVec<[AllocationIndex; 8]> = layout.pools.allocations_in(area).collect();
        allocations.sort_unstable();
        let unlocked = |a: &AllocationIndex| access.unlocked >> a.0 & 1 == 1;
        let order = allocations.iter().filter(|a| unlocked(a)).map(|a| Some(*a)).chain([None]);
        let order = order.chain(allocations.iter().filter(|a| !unlocked(a)).map(|a| Some(*a)));
        let mut missing = quantity;
        let mut left = 0u32;
        for allocation in order.filter(|allocation| access.opens(*allocation)) {
            let pool = PoolName::Area(area, allocation);
            let credit = self.credit(basket.removed, pool);
            let mut wanted = missing;
            // Somebody may take places between the answer and the next try, never more often than there are places.
            while wanted > 0 {
                match self.reserve(pool, wanted, credit) {
                    Ok(()) => break,
                    Err(fewer) => wanted = fewer.min(wanted - 1),
                }
            }
            left += wanted;
            missing -= wanted;
            if wanted > 0 {
                lines.areas.push(AreaLine { area, allocation, ticket_type, quantity: wanted, price_minor });
            }
            if missing == 0 {
                return Ok(());
            }
        }
        Err(Instead::Overdue(Refusal::AreaExhausted { area, left }, Vec::new()))
    }
}

/// Named seats mostly come in order.
fn sort_seats(lines: &mut Lines) {
    if !lines.seats.is_sorted_by_key(|line| line.seat) {
        lines.seats.sort_unstable_by_key(|line| line.seat);
    }
}

/// `kept` and `added` together, in the order of [`Lines`].
pub(super) fn join(kept: Lines, added: &Lines) -> Lines {
    let mut all = kept;
    all.seats.extend_from_slice(&added.seats);
    all.areas.extend_from_slice(&added.areas);
    all.put_in_order();
    all
}
