//! Staff: seats, places, allocations, sale state, manifest.

use std::borrow::Cow;

use super::hold::nothing_done;
use super::{Decide, Decided, Instead};
use crate::canary::Canary;
use crate::command::CommandKey;
use crate::event::pool::PoolName;
use crate::fact::{Fact, HoldEnd, HoldEnded, PlacesChanged, SeatChange, SeatsChanged};
use crate::id::{AllocationIndex, AreaIndex, QuotaIndex, SHARDS, SeatIndex};
use crate::manifest::{Manifest, quota_indices};
use crate::order::OrderState;
use crate::refusal::{Refusal, SeatMismatch, SeatState};
use crate::request::{ForceReleaseRequest, ManifestRequest, PlacesRequest, SeatsRequest};
use crate::sale::SaleState;

impl Decide<'_, '_> {
    pub(super) fn seats(&mut self, request: &SeatsRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let layout = self.scope.layout;
        let mut wanted = request.seats.clone();
        wanted.sort_unstable();
        let unknown = wanted.iter().map(|(seat, _)| *seat).filter(|seat| !layout.manifest.is_real(*seat));
        let unknown: Vec<SeatIndex> = unknown.collect();
        if !unknown.is_empty() {
            return Err(Refusal::UnknownSeats(unknown).into());
        }
        if let SeatChange::Reallocate(Some(allocation)) = request.change {
            self.unreleased(allocation)?;
        }
        self.scope.lock_stripes(wanted.iter().map(|(seat, _)| *seat), 0);
        let mut mismatches = Vec::new();
        for &(seat, version) in &wanted {
            let slot = self.scope.seat(seat);
            let fits = match request.change {
                SeatChange::Block => slot.state == SeatState::Free,
                SeatChange::Unblock => slot.state == SeatState::Blocked,
                SeatChange::Reallocate(_) => matches!(slot.state, SeatState::Free | SeatState::Blocked),
            };
            let current = slot.version == version || self.canaries.on(Canary::SkipVersionCheck);
            if !fits || !current {
                mismatches.push(SeatMismatch { seat, state: slot.state, version: slot.version });
            }
        }
        if !mismatches.is_empty() {
            // A hold in the way may be overdue, or the allocation due for release.
            return Err(Instead::Overdue(Refusal::SeatMismatch(mismatches), Vec::new()));
        }
        let seats = wanted.iter().map(|(seat, _)| *seat).collect();
        let changed = SeatsChanged {
            by: request.by,
            keyed: keyed.map(CommandKey::keyed),
            change: request.change,
            seats,
        };
        Self::always(Fact::SeatsChanged(Box::new(changed)))
    }

    fn unreleased(&self, allocation: AllocationIndex) -> Result<(), Refusal> {
        if allocation.at() >= self.scope.layout.manifest.allocations().len() {
            return Err(Refusal::UnknownAllocation(allocation));
        }
        if self.scope.layout.is_released(allocation) {
            return Err(Refusal::AllocationReleased(allocation));
        }
        Ok(())
    }

    pub(super) fn places(&mut self, request: &PlacesRequest, keyed: Option<CommandKey<'_>>) -> Decided {
        let layout = self.scope.layout;
        if request.area.at() >= layout.manifest.areas().len() {
            return Err(Refusal::UnknownArea(request.area).into());
        }
        if let Some(allocation) = request.allocation
            && !layout.pools.allocations_in(request.area).any(|known| known == allocation)
        {
            return Err(Refusal::UnknownAllocation(allocation).into());
        }
        let pool = PoolName::Area(request.area, request.allocation);
        let level = layout.pools.level(pool);
        if level.blocked != request.expected {
            return Err(Refusal::PlacesMismatch { blocked: level.blocked }.into());
        }
        let left = level.places.saturating_sub(level.taken);
        if left < request.blocked {
            return Err(Instead::Overdue(Refusal::AreaExhausted { area: request.area, left }, Vec::new()));
        }
        let changed = PlacesChanged {
            by: request.by,
            keyed: keyed.map(CommandKey::keyed),
            area: request.area,
            allocation: request.allocation,
            blocked: request.blocked,
        };
        Self::always(Fact::PlacesChanged(Box::new(changed)))
    }

    pub(super) fn force_release(
        &mut self,
        request: &ForceReleaseRequest,
        keyed: Option<CommandKey<'_>>,
    ) -> Decided {
        let number = request.hold.number;
        let Some(hold) = self.scope.look(number.shard()).holds.get(&number) else {
            return Err(Instead::Answer(nothing_done()));
        };
        if hold.pinned {
            return Err(Refusal::HoldPinned { payment_deadline: hold.deadline }.into());
        }
        let (user, lines) = (hold.user, hold.lines.clone());
        let by = keyed.map(|asked| (request.by, asked.keyed()));
        self.ended(HoldEnded { hold: number, user, end: HoldEnd::ForceReleased, by, lines })
    }

    pub(super) fn release_allocation(&mut self, allocation: AllocationIndex) -> Decided {
        self.unreleased(allocation)?;
        Self::always(Fact::AllocationReleased { allocation })
    }

    pub(super) fn release_due(&mut self, allocation: AllocationIndex) -> Decided {
        let due = self.scope.layout.manifest.allocations().get(allocation.at()).and_then(|a| a.release_at);
        if due.is_none_or(|at| at > self.now) || self.scope.layout.is_released(allocation) {
            return Err(Instead::Answer(nothing_done()));
        }
        Self::always(Fact::AllocationReleased { allocation })
    }

    pub(super) fn sale_state(&mut self, to: SaleState) -> Decided {
        let from = self.scope.layout.sale_state;
        if !from.may_become(to) {
            return Err(Refusal::SaleTransition { from, to }.into());
        }
        Self::always(Fact::SaleStateChanged { to })
    }

    pub(super) fn manifest(&mut self, request: &ManifestRequest) -> Decided {
        let manifest = &self.scope.layout.manifest;
        let mut change = manifest.diff(&request.definition).map_err(Refusal::Manifest)?;
        let after = manifest.changed(&change).map_err(Refusal::Manifest)?;
        let recategorised = change.changed.iter();
        let recategorised = recategorised.filter(|(seat, new)| manifest.category_of(*seat) != new.category);
        let mut touched: Vec<SeatIndex> = change.dropped.clone();
        touched.extend(recategorised.map(|(seat, _)| *seat));
        touched.sort_unstable();
        touched.dedup();
        let (areas, mut quotas) = self.overfull(&after);
        change.new_quotas = self.count_new_quotas(&after);
        let first = manifest.quotas().len();
        for (at, (held, sold)) in change.new_quotas.iter().enumerate() {
            if held + sold > after.quotas()[first + at].cap {
                quotas.push(QuotaIndex::of(first + at));
            }
        }
        self.scope.lock_stripes(touched.iter().copied(), 0);
        let used =
            |seat: &SeatIndex| matches!(self.scope.seat(*seat).state, SeatState::Held | SeatState::Sold);
        let seats: Vec<SeatIndex> = touched.into_iter().filter(used).collect();
        if !(seats.is_empty() && areas.is_empty() && quotas.is_empty()) {
            return Err(Instead::Overdue(Refusal::InUse { seats, areas, quotas }, Vec::new()));
        }
        Self::always(Fact::ManifestChanged(Box::new(change)))
    }

    /// What the quotas that `after` adds would count of live holds and confirmed orders, in the categories that seats have now: those of
    /// taken seats do not change.
    fn count_new_quotas(&mut self, after: &Manifest) -> Vec<(u32, u32)> {
        let before = &self.scope.layout.manifest;
        let first = before.quotas().len();
        let mut counts = vec![(0, 0); after.quotas().len() - first];
        if counts.is_empty() {
            return counts;
        }
        for at in 0..SHARDS {
            let shard = self.scope.shard(at);
            let held = shard.holds.values().map(|hold| (Cow::Borrowed(&hold.lines), false));
            let confirmed = shard.orders.values().filter(|order| order.state == OrderState::Confirmed);
            for (lines, sold) in held.chain(confirmed.map(|order| (Cow::Owned(order.sold()), true))) {
                let mut count = |mask, quantity| {
                    for new in quota_indices(mask).filter_map(|quota| quota.at().checked_sub(first)) {
                        *(if sold { &mut counts[new].1 } else { &mut counts[new].0 }) += quantity;
                    }
                };
                for line in &lines.seats {
                    count(after.seat_quotas(line.ticket_type, before.category_of(line.seat)), 1);
                }
                for line in &lines.areas {
                    count(after.area_quotas(line.ticket_type, line.area), line.quantity);
                }
            }
        }
        counts
    }

    /// Areas and quotas that would be over their capacity under `after`.
    fn overfull(&self, after: &Manifest) -> (Vec<AreaIndex>, Vec<QuotaIndex>) {
        let (mut areas, mut quotas) = (Vec::new(), Vec::new());
        let pools = &self.scope.layout.pools;
        for name in pools.names() {
            let level = pools.level(name);
            let used = level.taken + level.blocked;
            match name {
                PoolName::Area(area, allocation) if used > after.area_places(area, allocation) => {
                    areas.push(area);
                }
                PoolName::Quota(quota) if used > after.quotas()[quota.at()].cap => quotas.push(quota),
                _ => {}
            }
        }
        areas.dedup();
        (areas, quotas)
    }
}
