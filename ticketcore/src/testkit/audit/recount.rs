//! Counting everything again, from seats, holds and orders alone (I2).

use std::collections::{BTreeMap, HashMap};

use super::accounts::{Accounts, places, quotas_of};
use super::books::{Books, Broken, Checked, ensure};
use super::counts::{Counts, PoolKey, QuotaCounts};
use super::summary::AuditSummary;
use crate::fact::Lines;
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, SectionIndex};
use crate::invariant::Invariant;
use crate::manifest::Manifest;
use crate::order::OrderState;
use crate::refusal::SeatState;

/// All counters, from scratch.
pub(super) fn recount(books: &Books) -> Result<Accounts, Broken> {
    let manifest = &books.manifest;
    let mut accounts = Accounts {
        sections: vec![Counts::default(); manifest.section_names().len()],
        allocations: vec![Counts::default(); manifest.allocations().len()],
        pools: pools(manifest),
        quotas: manifest.quotas().iter().map(|q| QuotaCounts { cap: q.cap, held: 0, sold: 0 }).collect(),
        users: HashMap::new(),
    };
    let mut owned = [0usize; 2];
    for seat in manifest.seats() {
        let entry = &books.seats[seat.at()];
        *accounts.sections[manifest.section_of(seat).at()].of(entry.state) += 1;
        if let Some(allocation) = entry.allocation {
            *accounts.allocations[allocation.at()].of(entry.state) += 1;
        }
        match entry.state {
            SeatState::Held => owned[0] += 1,
            SeatState::Sold => owned[1] += 1,
            SeatState::Free | SeatState::Blocked => {}
        }
    }
    for (pool, &blocked) in &books.blocked_places {
        pool_of(&mut accounts, *pool)?.blocked += blocked;
    }
    let held = books.holds.iter().map(|(number, hold)| (number, hold.user, &hold.lines, SeatState::Held));
    let sold = books.orders.iter().filter(|(_, order)| order.state == OrderState::Confirmed);
    let sold = sold.map(|(number, order)| (number, order.user, &order.lines, SeatState::Sold));
    for (number, user, lines, state) in held.chain(sold) {
        owners(books, *number, lines, state)?;
        owned[usize::from(state == SeatState::Sold)] -= lines.seats.len();
        count_lines(&mut accounts, manifest, lines, state)?;
        let count = places(lines)?;
        let (held, owned) = if state == SeatState::Held { (count, 0) } else { (0, count) };
        accounts.add_user(user, held, owned)?;
    }
    ensure(owned == [0, 0], Invariant::I1OneOwner, || {
        format!("{owned:?} seats held, sold without an owner")
    })?;
    free_places(&mut accounts, manifest)?;
    Ok(accounts)
}

fn pools(manifest: &Manifest) -> BTreeMap<PoolKey, Counts> {
    let areas = manifest.areas().iter().enumerate();
    let names = areas.flat_map(|(at, area)| {
        let allocated = area.allocated.iter().map(|(allocation, _)| Some(*allocation));
        allocated
            .chain([None])
            .map(move |allocation: Option<AllocationIndex>| (AreaIndex::of(at), allocation))
    });
    names.map(|name| (name, Counts::default())).collect()
}

fn pool_of(accounts: &mut Accounts, pool: PoolKey) -> Result<&mut Counts, Broken> {
    let gone = || (Invariant::I2Conservation, format!("pool {pool:?} is gone and not empty"));
    accounts.pools.get_mut(&pool).ok_or_else(gone)
}

/// Every seat of the lines is in `state` and belongs to `number`.
fn owners(books: &Books, number: HoldNumber, lines: &Lines, state: SeatState) -> Checked {
    for line in &lines.seats {
        let entry = &books.seats[line.seat.at()];
        let own = entry.state == state && entry.owner == Some(number);
        ensure(own, Invariant::I1OneOwner, || format!("seat {} of {number:?} is {entry:?}", line.seat.0))?;
    }
    Ok(())
}

fn count_lines(accounts: &mut Accounts, manifest: &Manifest, lines: &Lines, state: SeatState) -> Checked {
    let seats = lines
        .seats
        .iter()
        .map(|line| (manifest.seat_quotas(line.ticket_type, manifest.category_of(line.seat)), 1));
    let areas =
        lines.areas.iter().map(|line| (manifest.area_quotas(line.ticket_type, line.area), line.quantity));
    for (mask, tickets) in seats.chain(areas) {
        for at in quotas_of(mask) {
            let quota = &mut accounts.quotas[at];
            *(if state == SeatState::Held { &mut quota.held } else { &mut quota.sold }) += tickets;
        }
    }
    for line in &lines.areas {
        *pool_of(accounts, (line.area, line.allocation))?.of(state) += line.quantity;
    }
    Ok(())
}

/// What is not taken is free; pools and quotas have room for what is in them.
fn free_places(accounts: &mut Accounts, manifest: &Manifest) -> Checked {
    for (pool, counts) in &mut accounts.pools {
        let capacity = manifest.area_places(pool.0, pool.1);
        let free = u64::from(capacity).checked_sub(counts.total()).and_then(|free| u32::try_from(free).ok());
        let full = || (Invariant::I2Conservation, format!("pool {pool:?} of {capacity} counts {counts:?}"));
        counts.free = free.ok_or_else(full)?;
    }
    for (at, counts) in accounts.sections.iter().enumerate() {
        let capacity = manifest.section_capacity(SectionIndex::of(at));
        let all = counts.total() == u64::from(capacity);
        ensure(all, Invariant::I2Conservation, || format!("section {at} of {capacity} counts {counts:?}"))?;
    }
    for (at, counts) in accounts.quotas.iter().enumerate() {
        ensure(counts.free().is_some(), Invariant::I2Conservation, || {
            format!("quota {at} counts {counts:?}")
        })?;
    }
    Ok(())
}

impl Books {
    /// Compares the counters kept fact by fact with a recount.
    pub fn check_all(&self) -> Checked {
        let (kept, counted) = (&self.accounts, recount(self)?);
        self.tickets_are_for_lines()?;
        ensure(kept.users == counted.users, Invariant::I10Limits, || "users' counters are off".to_owned())?;
        let off = |what: &str| (Invariant::I2Conservation, format!("counters of {what} are off"));
        ensure_off(kept.sections == counted.sections, || off("sections"))?;
        ensure_off(kept.allocations == counted.allocations, || off("allocations"))?;
        ensure_off(kept.pools == counted.pools, || off("pools"))?;
        ensure_off(kept.quotas == counted.quotas, || off("quotas"))?;
        self.check_beside()
    }

    /// What every order owns is what its living tickets are for.
    fn tickets_are_for_lines(&self) -> Checked {
        let mut with_tickets = self.orders.iter().filter(|(_, order)| !order.tickets.is_empty());
        with_tickets.try_for_each(|(number, order)| {
            ensure(order.tickets.sold() == order.lines, Invariant::I2Conservation, || {
                format!("the tickets of {number:?} are not for {:?}", order.lines)
            })
        })
    }

    /// Totals, without revision, time and number of facts.
    pub fn summary(&self) -> AuditSummary {
        let mut total = self.tally;
        total.holds_live = self.holds.len() as u64;
        self.orders.values().for_each(|order| total.money.add(&order.till));
        total.orders_open = self.holds.values().filter(|hold| hold.payment_deadline.is_some()).count() as u64;
        for counts in self.accounts.sections.iter().chain(self.accounts.pools.values()) {
            total.free += u64::from(counts.free);
            total.held += u64::from(counts.held);
            total.sold += u64::from(counts.sold);
            total.blocked += u64::from(counts.blocked);
        }
        total
    }
}

fn ensure_off(same: bool, off: impl FnOnce() -> Broken) -> Checked {
    if same { Ok(()) } else { Err(off()) }
}
