//! What the model remembers, and the questions it answers by counting.

use crate::fact::{AreaLine, Lines};
use crate::id::{AllocationIndex, AreaIndex, HoldNumber, Revision, SeatIndex, UserId};
use crate::manifest::{Manifest, Quota};
use crate::order::OrderState;
use crate::refusal::{Refusal, SeatState};
use crate::testkit::audit::{Counts, PoolKey, QuotaCounts};
use crate::time::UtcMs;

use super::{Model, remembered};

/// A seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModelSeat {
    pub state: SeatState,
    /// The hold, while held.
    pub owner: Option<HoldNumber>,
    pub allocation: Option<AllocationIndex>,
    pub version: u32,
}

/// A hold that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelHold {
    /// Whose hold.
    pub user: UserId,
    /// What it keeps.
    pub lines: Lines,
    /// Its own deadline.
    pub deadline: UtcMs,
    /// What no extension or order can pass.
    pub lifetime_end: UtcMs,
    /// Extensions it may still get.
    pub extensions_left: u32,
    /// The revision of the last fact that placed, amended or extended it.
    pub version: Revision,
    /// The payment deadline of the open order that pins it.
    pub payment_deadline: Option<UtcMs>,
}

impl ModelHold {
    /// The payment deadline while pinned, else its own.
    #[must_use]
    pub fn effective_deadline(&self) -> UtcMs {
        self.payment_deadline.unwrap_or(self.deadline)
    }

    /// Refused once the effective deadline has come.
    pub(super) fn not_overdue(&self, t: UtcMs) -> Result<(), Refusal> {
        let deadline = self.effective_deadline();
        if t < deadline { Ok(()) } else { Err(Refusal::HoldExpired { deadline }) }
    }

    /// Refused while an order pins it.
    pub(super) fn not_pinned(&self) -> Result<(), Refusal> {
        match self.payment_deadline {
            None => Ok(()),
            Some(payment_deadline) => Err(Refusal::HoldPinned { payment_deadline }),
        }
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOrder {
    /// Whose order.
    pub user: UserId,
    /// Where it stands.
    pub state: OrderState,
    /// What was ordered.
    pub lines: Lines,
    /// What it owns now.
    pub owned: Lines,
    /// Whether a gateway pays it: then it is followed, not decided about.
    pub checkout: bool,
    /// When its time ended or ends.
    pub payment_deadline: UtcMs,
    /// When it was cancelled or expired.
    pub ended_at: Option<UtcMs>,
}

/// The accepted outcome of an idempotency key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyRecord {
    pub fingerprint: u64,
    pub revision: Revision,
    pub at: UtcMs,
}

impl Model {
    /// The user's hold.
    pub(super) fn own_hold(&self, number: HoldNumber, user: UserId) -> Result<&ModelHold, Refusal> {
        self.holds.get(&number).filter(|hold| hold.user == user).ok_or(Refusal::UnknownHold)
    }

    /// The user's order, unless it ended so long ago that it is forgotten.
    pub(super) fn own_order(&self, number: HoldNumber, user: UserId, t: UtcMs) -> Option<&ModelOrder> {
        let order = self.orders.get(&number).filter(|order| order.user == user)?;
        order.ended_at.is_none_or(|ended| remembered(ended, t)).then_some(order)
    }

    pub(super) fn add_seats(&mut self) {
        for at in self.seats.len()..self.manifest.seat_count() {
            let allocation = self.manifest.first_allocation_of(SeatIndex::of(at));
            self.seats.push(ModelSeat { state: SeatState::Free, owner: None, allocation, version: 0 });
        }
    }

    /// The lines of all live holds.
    pub(super) fn held_lines(&self) -> impl Iterator<Item = &Lines> {
        self.holds.values().map(|hold| &hold.lines)
    }

    /// What all orders own.
    pub(super) fn sold_lines(&self) -> impl Iterator<Item = &Lines> {
        self.orders.values().map(|order| &order.owned)
    }

    /// Places a user holds plus owns.
    pub(super) fn used_by(&self, user: UserId) -> u32 {
        let held = self.holds.values().filter(|hold| hold.user == user).map(|hold| hold.lines.places());
        let orders = self.orders.values().filter(|order| order.user == user);
        held.sum::<u32>() + orders.map(|order| order.owned.places()).sum::<u32>()
    }

    /// The pools of an area: the public one and one per allocation that has places there.
    pub(super) fn pools_of(manifest: &Manifest, area: AreaIndex) -> Vec<PoolKey> {
        let entry = &manifest.areas()[area.at()];
        let mut pools: Vec<PoolKey> = entry.allocated.iter().map(|(at, _)| (area, Some(*at))).collect();
        pools.push((area, None));
        pools.sort_unstable();
        pools
    }

    /// What is in a pool, with the places `manifest` gives it. `None` if it has fewer than are taken.
    pub(super) fn pool_counts(&self, manifest: &Manifest, pool: PoolKey) -> Option<Counts> {
        let held = self.held_lines().map(|lines| places_in_pool(lines, pool)).sum();
        let sold = self.sold_lines().map(|lines| places_in_pool(lines, pool)).sum();
        let blocked = self.blocked_places.get(&pool).copied().unwrap_or_default();
        let places = manifest.areas().get(pool.0.at()).map_or(0, |_| manifest.area_places(pool.0, pool.1));
        Some(Counts { free: places.checked_sub(held + sold + blocked)?, held, sold, blocked })
    }

    /// What a quota counts, in the categories that seats have now.
    pub(super) fn quota_counts(&self, quota: &Quota) -> QuotaCounts {
        let count = |lines: &Lines| tickets_in_quota(&self.manifest, lines, quota);
        QuotaCounts {
            cap: quota.cap,
            held: self.held_lines().map(count).sum(),
            sold: self.sold_lines().map(count).sum(),
        }
    }
}

/// Places of a pool in these lines.
pub(super) fn places_in_pool(lines: &Lines, pool: PoolKey) -> u32 {
    let in_pool = |line: &&AreaLine| (line.area, line.allocation) == pool;
    lines.areas.iter().filter(in_pool).map(|line| line.quantity).sum()
}

/// Tickets in these lines that a quota counts.
pub(super) fn tickets_in_quota(manifest: &Manifest, lines: &Lines, entry: &Quota) -> u32 {
    let types = |t| entry.ticket_types.is_empty() || entry.ticket_types.contains(&t);
    let categories = |c| entry.categories.is_empty() || entry.categories.contains(&c);
    let seats = lines.seats.iter().filter(|line| {
        entry.areas.is_empty() && types(line.ticket_type) && categories(manifest.category_of(line.seat))
    });
    let areas = lines.areas.iter().filter(|line| {
        (entry.areas.is_empty() || entry.areas.contains(&line.area))
            && types(line.ticket_type)
            && categories(manifest.areas()[line.area.at()].category)
    });
    seats.map(|_| 1).sum::<u32>() + areas.map(|line| line.quantity).sum::<u32>()
}
