//! Facts of staff: seats, places, allocations, the manifest.

use std::sync::Arc;

use super::{Applied, Apply};
use crate::event::pool::PoolName;
use crate::event::scope::Layout;
use crate::event::stripe::SeatSlot;
use crate::event::waiting::EVERYWHERE;
use crate::fact::{PlacesChanged, SeatChange, SeatsChanged};
use crate::id::{AllocationIndex, QuotaIndex};
use crate::invariant::Invariant;
use crate::manifest::ManifestChange;
use crate::refusal::SeatState;

impl Apply<'_, '_> {
    pub(super) fn seats_changed(&mut self, changed: &SeatsChanged) -> Applied {
        for &seat in &changed.seats {
            let slot = self.scope.seat(seat);
            let (legal, next) = match changed.change {
                SeatChange::Block => {
                    (slot.state == SeatState::Free, SeatSlot { state: SeatState::Blocked, ..slot })
                }
                SeatChange::Unblock => {
                    (slot.state == SeatState::Blocked, SeatSlot { state: SeatState::Free, ..slot })
                }
                SeatChange::Reallocate(allocation) => (
                    matches!(slot.state, SeatState::Free | SeatState::Blocked),
                    SeatSlot { allocation, ..slot },
                ),
            };
            if !legal {
                let what = format!("seat {} is {:?}: {:?}", seat.0, slot.state, changed.change);
                return Err(self.broken(Invariant::I1OneOwner, what));
            }
            self.scope.set_seat(seat, SeatSlot { version: slot.version.wrapping_add(1), ..next });
        }
        self.scope.layout.waiting.mark(EVERYWHERE);
        Ok(())
    }

    pub(super) fn places_changed(&mut self, changed: &PlacesChanged) -> Applied {
        let pool = PoolName::Area(changed.area, changed.allocation);
        if self.scope.layout.pools.force_block(pool, changed.blocked) {
            self.scope.layout.waiting.mark(EVERYWHERE);
            Ok(())
        } else {
            Err(self.broken(Invariant::I2Conservation, format!("{pool:?} is over its capacity")))
        }
    }

    pub(super) fn allocation_released(&mut self, allocation: AllocationIndex) -> Applied {
        if self.scope.layout.is_released(allocation) {
            return Err(self.broken(Invariant::I8SameFacts, "an allocation is released once"));
        }
        let released = self.scope.layout.released | 1 << allocation.0;
        let layout = Layout { released, ..self.scope.layout.clone() };
        self.state.replace_layout(self.scope, Arc::new(layout));
        self.scope.layout.waiting.mark(EVERYWHERE);
        Ok(())
    }

    pub(super) fn manifest_changed(&mut self, change: &ManifestChange) -> Applied {
        let layout = self.scope.layout;
        let manifest = match layout.manifest.changed(change) {
            Ok(manifest) => Arc::new(manifest),
            Err(error) => return Err(self.broken(Invariant::I8SameFacts, error.to_string())),
        };
        let pools = layout.pools.changed(&manifest);
        let first = layout.manifest.quotas().len();
        for (at, (held, sold)) in change.new_quotas.iter().enumerate() {
            if !pools.force_take(PoolName::Quota(QuotaIndex::of(first + at)), held + sold) {
                return Err(self.broken(Invariant::I2Conservation, "a new quota is over its cap"));
            }
        }
        self.scope.unlock_stripes();
        let next = Layout {
            stripes: Arc::new(layout.stripes.changed(&manifest)),
            pools: Arc::new(pools),
            manifest,
            ..layout.clone()
        };
        self.state.replace_layout(self.scope, Arc::new(next));
        self.scope.layout.waiting.mark(EVERYWHERE);
        Ok(())
    }
}
