//! Facts about the event as a whole, and what staff did.

use super::books::{Books, Checked, ensure};
use super::recount::recount;
use crate::fact::{PlacesChanged, SeatChange, SeatsChanged, Stamp};
use crate::id::{AllocationIndex, SeatIndex};
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::manifest::ManifestChange;
use crate::refusal::SeatState;
use crate::sale::SaleState;

impl Books {
    pub fn sale_state_changed(&mut self, to: SaleState) -> Checked {
        let from = self.sale;
        ensure(from.may_become(to), Invariant::I8SameFacts, || format!("{from:?} can't become {to:?}"))?;
        self.sale = to;
        Ok(())
    }

    pub fn seats_changed(&mut self, stamp: Stamp, changed: &SeatsChanged) -> Checked {
        self.key(stamp, changed.by, Operation::Staff, changed.keyed.as_ref())?;
        let ascending = changed.seats.windows(2).all(|pair| pair[0] < pair[1]);
        ensure(ascending && !changed.seats.is_empty(), Invariant::I8SameFacts, || {
            "seats in disorder".to_owned()
        })?;
        if let SeatChange::Reallocate(Some(to)) = changed.change {
            let there = to.at() < self.manifest.allocations().len();
            ensure(there, Invariant::I2Conservation, || format!("there is no allocation {}", to.0))?;
            let released = self.released.contains(&to);
            ensure(!released, Invariant::I8SameFacts, || format!("allocation {} has been released", to.0))?;
        }
        for &seat in &changed.seats {
            let there = self.manifest.is_real(seat);
            ensure(there, Invariant::I2Conservation, || format!("there is no seat {}", seat.0))?;
            let entry = self.seats[seat.at()];
            let idle = matches!(entry.state, SeatState::Free | SeatState::Blocked);
            ensure(idle, Invariant::I1OneOwner, || format!("seat {} is {entry:?}", seat.0))?;
            match changed.change {
                SeatChange::Block => self.change(seat, SeatState::Free, SeatState::Blocked)?,
                SeatChange::Unblock => self.change(seat, SeatState::Blocked, SeatState::Free)?,
                SeatChange::Reallocate(to) => self.reallocate(seat, to)?,
            }
        }
        Ok(())
    }

    fn change(&mut self, seat: SeatIndex, from: SeatState, to: SeatState) -> Checked {
        let state = self.seats[seat.at()].state;
        ensure(state == from, Invariant::I2Conservation, || {
            format!("seat {} is {state:?}, not {from:?}", seat.0)
        })?;
        self.block(seat, from, to)
    }

    fn reallocate(&mut self, seat: SeatIndex, to: Option<AllocationIndex>) -> Checked {
        let entry = &mut self.seats[seat.at()];
        let from = std::mem::replace(&mut entry.allocation, to);
        if let Some(from) = from {
            let count = self.accounts.allocations[from.at()].of(entry.state);
            let less = count.checked_sub(1);
            let fewer = || (Invariant::I2Conservation, format!("allocation {} has no such seat", from.0));
            *count = less.ok_or_else(fewer)?;
        }
        if let Some(to) = to {
            *self.accounts.allocations[to.at()].of(entry.state) += 1;
        }
        Ok(())
    }

    pub fn places_changed(&mut self, stamp: Stamp, changed: &PlacesChanged) -> Checked {
        self.key(stamp, changed.by, Operation::Staff, changed.keyed.as_ref())?;
        let pool = (changed.area, changed.allocation);
        let there = self.accounts.pools.contains_key(&pool);
        ensure(there, Invariant::I2Conservation, || format!("there is no pool {pool:?}"))?;
        let before = self.blocked_places.get(&pool).copied().unwrap_or_default();
        if changed.blocked >= before {
            self.shift_places(pool, SeatState::Free, SeatState::Blocked, changed.blocked - before)?;
        } else {
            self.shift_places(pool, SeatState::Blocked, SeatState::Free, before - changed.blocked)?;
        }
        self.blocked_places.insert(pool, changed.blocked);
        Ok(())
    }

    pub fn allocation_released(&mut self, allocation: AllocationIndex) -> Checked {
        let there = allocation.at() < self.manifest.allocations().len();
        ensure(there, Invariant::I2Conservation, || format!("there is no allocation {}", allocation.0))?;
        let first = self.released.insert(allocation);
        ensure(first, Invariant::I8SameFacts, || format!("allocation {} is released again", allocation.0))
    }

    /// Dropped and recategorised seats are nobody's, and every pool and quota still has room for what is in it.
    pub fn manifest_changed(&mut self, change: &ManifestChange) -> Checked {
        let next =
            self.manifest.changed(change).map_err(|error| (Invariant::I8SameFacts, error.to_string()))?;
        let recategorised =
            change.changed.iter().filter(|(seat, new)| self.manifest.category_of(*seat) != new.category);
        for seat in change.dropped.iter().chain(recategorised.map(|(seat, _)| seat)) {
            let entry = &self.seats[seat.at()];
            let idle = matches!(entry.state, SeatState::Free | SeatState::Blocked);
            ensure(idle, Invariant::I1OneOwner, || format!("seat {} is {entry:?}", seat.0))?;
        }
        for seat in &change.dropped {
            self.seats[seat.at()].state = SeatState::Blocked;
        }
        self.manifest = next;
        self.add_seats();
        self.blocked_places.retain(|_, blocked| *blocked > 0);
        self.accounts = recount(self)?;
        Ok(())
    }
}
