//! What staff ask for.

use super::super::venue::between;
use super::Propose;
use crate::fact::SeatChange;
use crate::id::{AreaIndex, UserId};
use crate::refusal::SeatState;
use crate::request::{PlacesRequest, SaleStateRequest, SeatsRequest};
use crate::sale::SaleState;
use crate::testkit::Rng;

impl Propose<'_> {
    pub(super) fn change_seats(&mut self) -> SeatsRequest {
        let change = match self.rng.below(10) {
            0..=3 => SeatChange::Block,
            4..=6 => SeatChange::Unblock,
            7 => SeatChange::Reallocate(None),
            _ => SeatChange::Reallocate(Some(self.allocation())),
        };
        let wanted = match change {
            SeatChange::Unblock => SeatState::Blocked,
            _ => SeatState::Free,
        };
        let states = self.model.seat_states();
        let mut seats = Vec::new();
        for round in 0..8 {
            if seats.len() >= 3 || (round > 2 && !seats.is_empty()) {
                break;
            }
            let seat = self.seat();
            if states.get(seat.at()) == Some(&wanted) || self.rng.chance(10) {
                let version = self.model.seat_version(seat).unwrap_or(0);
                let off = if self.rng.chance(8) { between(self.rng, 1, 2) } else { 0 };
                let behind = self.rng.chance(50);
                let version = if behind { version.saturating_sub(off) } else { version + off };
                seats.push((seat, version));
            }
        }
        if !self.rng.chance(3) {
            seats.sort_unstable();
            seats.dedup_by_key(|(seat, _)| *seat);
        }
        SeatsRequest { event: self.event(), by: staff(self.rng), key: None, change, seats }
    }

    pub(super) fn block_places(&mut self) -> PlacesRequest {
        let pools = self.model.pools();
        let ((area, allocation), counts) = if pools.is_empty() || self.rng.chance(5) {
            let allocation = self.allocation();
            ((AreaIndex(self.index(0, 0)), Some(allocation)), Default::default())
        } else {
            *self.rng.pick(&pools)
        };
        let allocation = if self.rng.chance(4) { Some(self.allocation()) } else { allocation };
        let expected = counts.blocked + u32::from(self.rng.chance(10));
        let most = counts.blocked + counts.free + u32::from(self.rng.chance(10));
        let blocked = between(self.rng, 0, most);
        let by = staff(self.rng);
        PlacesRequest { event: self.event(), by, key: None, area, allocation, expected, blocked }
    }

    pub(super) fn sale_state(&mut self) -> SaleStateRequest {
        let now = self.model.sale_state();
        let to = match self.rng.below(10) {
            0 => *self.rng.pick(&SaleState::ALL),
            1..=3 => {
                let next: Vec<SaleState> =
                    SaleState::ALL.into_iter().filter(|to| now.may_become(*to)).collect();
                let next: Vec<SaleState> = next
                    .into_iter()
                    .filter(|to| *to != SaleState::Cancelled || self.rng.chance(20))
                    .collect();
                next.first().map_or(SaleState::Onsale, |_| *self.rng.pick(&next))
            }
            _ if now == SaleState::Onsale => SaleState::Paused,
            _ => SaleState::Onsale,
        };
        SaleStateRequest { event: self.event(), to }
    }
}

pub(super) fn staff(rng: &mut Rng) -> UserId {
    UserId::from(1_000 + u128::from(between(rng, 0, 1)))
}
