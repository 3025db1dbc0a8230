//! What staff may do: seats, places, holds of others, allocations, sale state, manifest.

use std::collections::BTreeSet;

use super::{Answered, Decided, Model, ModelAnswer, request};
use crate::fact::{Fact, HoldEnd, HoldEnded, PlacesChanged, SeatChange, SeatsChanged};
use crate::id::{AllocationIndex, AreaIndex, EventId, QuotaIndex, SeatIndex};
use crate::key::Operation;
use crate::manifest::{Manifest, ManifestChange, Quota};
use crate::refusal::{Refusal, SeatMismatch, SeatState};
use crate::request::{ForceReleaseRequest, ManifestRequest, PlacesRequest, SaleStateRequest, SeatsRequest};
use crate::testkit::audit::PoolKey;
use crate::time::UtcMs;

impl Model {
    /// Blocks, unblocks or reallocates seats.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn change_seats(&mut self, request: &SeatsRequest, at: UtcMs) -> Answered {
        request::seats(request)?;
        self.is_event(request.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_seats(request, t))
    }

    fn decide_seats(&self, request: &SeatsRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.by, Operation::Staff, request.key.as_ref(), request)?;
        let mut seats = request.seats.clone();
        seats.sort_unstable();
        let names = || seats.iter().map(|(seat, _)| *seat);
        let unknown: Vec<SeatIndex> = names().filter(|seat| !self.manifest.is_real(*seat)).collect();
        if !unknown.is_empty() {
            return Err(Refusal::UnknownSeats(unknown).into());
        }
        if let SeatChange::Reallocate(Some(allocation)) = request.change {
            self.unreleased(allocation)?;
        }
        let mismatches = seats.iter().filter_map(|(seat, expected)| {
            let entry = &self.seats[seat.at()];
            let fits = entry.version == *expected && request::fits(request.change, entry.state);
            (!fits).then_some(SeatMismatch { seat: *seat, state: entry.state, version: entry.version })
        });
        let mismatches: Vec<SeatMismatch> = mismatches.collect();
        if !mismatches.is_empty() {
            return Err(Refusal::SeatMismatch(mismatches).into());
        }
        let (by, change, seats) = (request.by, request.change, names().collect());
        Ok(Fact::SeatsChanged(Box::new(SeatsChanged { by, keyed, change, seats })))
    }

    /// Sets how many places of a pool are blocked.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn block_places(&mut self, request: &PlacesRequest, at: UtcMs) -> Answered {
        self.is_event(request.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_places(request, t))
    }

    fn decide_places(&self, request: &PlacesRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.by, Operation::Staff, request.key.as_ref(), request)?;
        let (area, allocation) = (request.area, request.allocation);
        if area.at() >= self.manifest.areas().len() {
            return Err(Refusal::UnknownArea(area).into());
        }
        if let Some(named) =
            allocation.filter(|_| !Self::pools_of(&self.manifest, area).contains(&(area, allocation)))
        {
            return Err(Refusal::UnknownAllocation(named).into());
        }
        let counts = self.pool_counts(&self.manifest, (area, allocation)).expect("no pool is overfull");
        if counts.blocked != request.expected {
            return Err(Refusal::PlacesMismatch { blocked: counts.blocked }.into());
        }
        let left = counts.free + counts.blocked;
        if request.blocked > left {
            return Err(Refusal::AreaExhausted { area, left }.into());
        }
        let (by, blocked) = (request.by, request.blocked);
        Ok(Fact::PlacesChanged(Box::new(PlacesChanged { by, keyed, area, allocation, blocked })))
    }

    /// Takes a hold back.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn force_release(&mut self, request: &ForceReleaseRequest, at: UtcMs) -> Answered {
        self.is_event(request.hold.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| model.decide_force_release(request, t))
    }

    fn decide_force_release(&self, request: &ForceReleaseRequest, t: UtcMs) -> Decided {
        let keyed = self.keyed(t, request.by, Operation::Staff, request.key.as_ref(), request)?;
        let Some(hold) = self.holds.get(&request.hold.number) else {
            return Err(ModelAnswer::NotHeld.into());
        };
        hold.not_pinned()?;
        Ok(Fact::HoldEnded(HoldEnded {
            hold: request.hold.number,
            user: hold.user,
            end: HoldEnd::ForceReleased,
            by: keyed.map(|keyed| (request.by, keyed)),
            lines: hold.lines.clone(),
        }))
    }

    /// Releases an allocation to the public.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn release_allocation(&mut self, event: EventId, allocation: AllocationIndex, at: UtcMs) -> Answered {
        self.is_event(event)?;
        self.unreleased(allocation)?;
        Ok(self.logged(self.time(at), Fact::AllocationReleased { allocation }))
    }

    fn unreleased(&self, allocation: AllocationIndex) -> Result<(), Refusal> {
        if allocation.at() >= self.manifest.allocations().len() {
            Err(Refusal::UnknownAllocation(allocation))
        } else if self.released.contains(&allocation) {
            Err(Refusal::AllocationReleased(allocation))
        } else {
            Ok(())
        }
    }

    /// Changes the sale state.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn set_sale_state(&mut self, request: SaleStateRequest, at: UtcMs) -> Answered {
        self.is_event(request.event)?;
        let (from, to) = (self.sale, request.to);
        if !from.may_become(to) {
            return Err(Refusal::SaleTransition { from, to });
        }
        Ok(self.logged(self.time(at), Fact::SaleStateChanged { to }))
    }

    /// Changes the manifest.
    ///
    /// # Errors
    /// The first refusal that applies.
    pub fn change_manifest(&mut self, request: &ManifestRequest, at: UtcMs) -> Answered {
        self.is_event(request.event)?;
        let t = self.time(at);
        self.decide_and_log(t, |model| {
            let change = model.manifest.diff(&request.definition).map_err(Refusal::Manifest)?;
            model.decide_change(change)
        })
    }

    fn decide_change(&self, mut change: ManifestChange) -> Decided {
        let next = self.manifest.changed(&change).map_err(Refusal::Manifest)?;
        let recategorised =
            change.changed.iter().filter(|(seat, new)| self.manifest.category_of(*seat) != new.category);
        let touched = recategorised.map(|(seat, _)| *seat).chain(change.dropped.iter().copied());
        let in_use =
            |seat: &SeatIndex| matches!(self.seats[seat.at()].state, SeatState::Held | SeatState::Sold);
        let seats: BTreeSet<SeatIndex> = touched.filter(in_use).collect();
        let overfull = |pool: &PoolKey| self.pool_counts(&next, *pool).is_none();
        let pools = Self::all_pools(&self.manifest).into_iter().chain(Self::all_pools(&next));
        let areas: BTreeSet<AreaIndex> = pools.filter(overfull).map(|(area, _)| area).collect();
        let full = |quota: &Quota| self.quota_counts(quota).free().is_none();
        let quotas = next.quotas().iter().enumerate().filter(|(_, quota)| full(quota));
        let quotas: Vec<QuotaIndex> = quotas.map(|(at, _)| QuotaIndex::of(at)).collect();
        if seats.is_empty() && areas.is_empty() && quotas.is_empty() {
            let known = self.manifest.quotas().len();
            let counts = next.quotas()[known..].iter().map(|quota| self.quota_counts(quota));
            change.new_quotas = counts.map(|counts| (counts.held, counts.sold)).collect();
            return Ok(Fact::ManifestChanged(Box::new(change)));
        }
        let (seats, areas) = (seats.into_iter().collect(), areas.into_iter().collect());
        Err(Refusal::InUse { seats, areas, quotas }.into())
    }

    /// Every pool of a manifest, ascending.
    pub(super) fn all_pools(manifest: &Manifest) -> Vec<PoolKey> {
        let areas = (0..manifest.areas().len()).map(AreaIndex::of);
        areas.flat_map(|area| Self::pools_of(manifest, area)).collect()
    }
}
