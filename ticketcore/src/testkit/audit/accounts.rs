//! Counters kept fact by fact, and the moves of seats and places between states.

use std::collections::{BTreeMap, HashMap};

use super::books::{Books, Broken, Checked, ensure};
use super::counts::{Counts, PoolKey, QuotaCounts, UserCounts};
use crate::fact::{AreaLine, Lines, SeatLine};
use crate::id::{HoldNumber, QuotaIndex, SeatIndex, UserId};
use crate::invariant::Invariant;
use crate::refusal::SeatState;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    pub sections: Vec<Counts>,
    pub allocations: Vec<Counts>,
    pub pools: BTreeMap<PoolKey, Counts>,
    pub quotas: Vec<QuotaCounts>,
    /// Users that hold or own something.
    pub users: HashMap<UserId, UserCounts>,
}

impl Accounts {
    pub fn user(&self, user: UserId) -> UserCounts {
        self.users.get(&user).copied().unwrap_or_default()
    }

    /// Changes what a user holds and owns by these.
    pub fn add_user(&mut self, user: UserId, held: i64, owned: i64) -> Checked {
        let counts = self.users.entry(user).or_default();
        let sum = |count: u32, by: i64| u32::try_from(i64::from(count) + by).ok();
        match (sum(counts.held, held), sum(counts.owned, owned)) {
            (Some(0), Some(0)) => {
                self.users.remove(&user);
                Ok(())
            }
            (Some(held), Some(owned)) => {
                *counts = UserCounts { held, owned };
                Ok(())
            }
            _ => Err((Invariant::I10Limits, format!("{user:?} gives back more than it has"))),
        }
    }
}

/// The quotas of a mask.
pub(super) fn quotas_of(mask: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |at| mask >> at & 1 == 1)
}

impl Books {
    /// free -> held, for hold `number`.
    pub fn take(&mut self, number: HoldNumber, lines: &Lines) -> Checked {
        for line in &lines.seats {
            self.seat_is_free(line.seat)?;
            self.move_seat(line, Some(number), SeatState::Free, SeatState::Held)?;
        }
        lines.areas.iter().try_for_each(|line| self.move_places(line, SeatState::Free, SeatState::Held))?;
        self.quotas_hold()
    }

    /// held -> free.
    pub fn give_back(&mut self, number: HoldNumber, lines: &Lines) -> Checked {
        for line in &lines.seats {
            self.seat_is_held_by(line.seat, number)?;
            self.move_seat(line, None, SeatState::Held, SeatState::Free)?;
        }
        lines.areas.iter().try_for_each(|line| self.move_places(line, SeatState::Held, SeatState::Free))
    }

    /// held -> sold, by the order of hold `number`.
    pub fn sell(&mut self, number: HoldNumber, lines: &Lines) -> Checked {
        for line in &lines.seats {
            self.seat_is_held_by(line.seat, number)?;
            self.move_seat(line, Some(number), SeatState::Held, SeatState::Sold)?;
        }
        lines.areas.iter().try_for_each(|line| self.move_places(line, SeatState::Held, SeatState::Sold))
    }

    /// free -> sold, by the order of hold `number`.
    pub fn sell_free(&mut self, number: HoldNumber, lines: &Lines) -> Checked {
        for line in &lines.seats {
            self.seat_is_free(line.seat)?;
            self.move_seat(line, Some(number), SeatState::Free, SeatState::Sold)?;
        }
        lines.areas.iter().try_for_each(|line| self.move_places(line, SeatState::Free, SeatState::Sold))?;
        self.quotas_hold()
    }

    /// sold -> free.
    pub fn free_sold(&mut self, number: HoldNumber, lines: &Lines) -> Checked {
        for line in &lines.seats {
            self.seat_is(line.seat, SeatState::Sold, number)?;
            self.move_seat(line, None, SeatState::Sold, SeatState::Free)?;
        }
        lines.areas.iter().try_for_each(|line| self.move_places(line, SeatState::Sold, SeatState::Free))
    }

    /// free <-> blocked.
    pub fn block(&mut self, seat: SeatIndex, from: SeatState, to: SeatState) -> Checked {
        self.shift_seat(seat, from, to)
    }

    fn seat_is_free(&self, seat: SeatIndex) -> Checked {
        let Some(entry) = self.seats.get(seat.at()).filter(|_| self.manifest.is_real(seat)) else {
            return Err((Invariant::I2Conservation, format!("there is no seat {}", seat.0)));
        };
        let SeatState::Free = entry.state else {
            let taken = matches!(entry.state, SeatState::Held | SeatState::Sold);
            let invariant = if taken { Invariant::I1OneOwner } else { Invariant::I2Conservation };
            return Err((invariant, format!("seat {} is {:?} {:?}", seat.0, entry.state, entry.owner)));
        };
        Ok(())
    }

    fn seat_is_held_by(&self, seat: SeatIndex, number: HoldNumber) -> Checked {
        self.seat_is(seat, SeatState::Held, number)
    }

    fn seat_is(&self, seat: SeatIndex, state: SeatState, number: HoldNumber) -> Checked {
        let entry = self.seats.get(seat.at());
        let own = entry.is_some_and(|seat| seat.state == state && seat.owner == Some(number));
        ensure(own, Invariant::I1OneOwner, || {
            format!("seat {} is not {state:?} by {number:?}: {entry:?}", seat.0)
        })
    }

    fn move_seat(
        &mut self,
        line: &SeatLine,
        owner: Option<HoldNumber>,
        from: SeatState,
        to: SeatState,
    ) -> Checked {
        self.shift_seat(line.seat, from, to)?;
        self.seats[line.seat.at()].owner = owner;
        let quotas = self.manifest.seat_quotas(line.ticket_type, self.manifest.category_of(line.seat));
        self.move_quotas(quotas, from, to, 1)
    }

    fn shift_seat(&mut self, seat: SeatIndex, from: SeatState, to: SeatState) -> Checked {
        let entry = &mut self.seats[seat.at()];
        entry.state = to;
        let section = self.manifest.section_of(seat);
        let counts = &mut self.accounts.sections[section.at()];
        let capacity = self.manifest.section_capacity(section);
        let kept = counts.shift(from, to, 1) && counts.total() == u64::from(capacity);
        ensure(kept, Invariant::I2Conservation, || {
            format!("section {} counts {counts:?} of {capacity}", section.0)
        })?;
        if let Some(allocation) = entry.allocation {
            let counts = &mut self.accounts.allocations[allocation.at()];
            let kept = counts.shift(from, to, 1);
            ensure(kept, Invariant::I2Conservation, || {
                format!("allocation {} counts {counts:?}", allocation.0)
            })?;
        }
        Ok(())
    }

    fn move_places(&mut self, line: &AreaLine, from: SeatState, to: SeatState) -> Checked {
        let pool = (line.area, line.allocation);
        self.shift_places(pool, from, to, line.quantity)?;
        let quotas = self.manifest.area_quotas(line.ticket_type, line.area);
        self.move_quotas(quotas, from, to, line.quantity)
    }

    /// Moves places of a pool from state to state.
    pub fn shift_places(&mut self, pool: PoolKey, from: SeatState, to: SeatState, places: u32) -> Checked {
        let none = || (Invariant::I2Conservation, format!("area {} has no pool {:?}", pool.0.0, pool.1));
        let counts = self.accounts.pools.get_mut(&pool).ok_or_else(none)?;
        let capacity = self.manifest.area_places(pool.0, pool.1);
        let kept = counts.shift(from, to, places) && counts.total() == u64::from(capacity);
        ensure(kept, Invariant::I2Conservation, || {
            format!("{places} places {from:?} to {to:?} in pool {pool:?} of {capacity}: {counts:?}")
        })
    }

    fn move_quotas(&mut self, mask: u64, from: SeatState, to: SeatState, tickets: u32) -> Checked {
        for at in quotas_of(mask) {
            let counts = &mut self.accounts.quotas[at];
            let Some(left) = counter(counts, from).map_or(Some(0), |count| count.checked_sub(tickets)) else {
                return Err((
                    Invariant::I2Conservation,
                    format!("quota {at} counts {counts:?}, less than {tickets}"),
                ));
            };
            if let Some(count) = counter(counts, from) {
                *count = left;
            }
            if let Some(count) = counter(counts, to) {
                *count += tickets;
            }
        }
        Ok(())
    }

    fn quotas_hold(&self) -> Checked {
        for (at, counts) in self.accounts.quotas.iter().enumerate() {
            let quota = QuotaIndex::of(at);
            ensure(counts.free().is_some(), Invariant::I2Conservation, || {
                format!("quota {} counts {counts:?}", quota.0)
            })?;
        }
        Ok(())
    }

    /// Whether no quota keeps the lines from being taken.
    pub fn quotas_have_room(&self, lines: &Lines) -> bool {
        let manifest = &self.manifest;
        let seats = lines
            .seats
            .iter()
            .map(|line| (manifest.seat_quotas(line.ticket_type, manifest.category_of(line.seat)), 1));
        let areas =
            lines.areas.iter().map(|line| (manifest.area_quotas(line.ticket_type, line.area), line.quantity));
        let mut more: BTreeMap<usize, u32> = BTreeMap::new();
        for (mask, tickets) in seats.chain(areas) {
            quotas_of(mask).for_each(|at| *more.entry(at).or_default() += tickets);
        }
        more.into_iter()
            .all(|(at, tickets)| self.accounts.quotas[at].free().is_some_and(|free| free >= tickets))
    }

    /// The user's limit, after a fact that gave the user more.
    pub fn within_user_limit(&self, user: UserId) -> Checked {
        let limit = self.manifest.rules().tickets_per_user_max;
        let counts = self.accounts.user(user);
        ensure(counts.used() <= limit, Invariant::I10Limits, || format!("{user:?} has {counts:?} of {limit}"))
    }
}

fn counter(counts: &mut QuotaCounts, state: SeatState) -> Option<&mut u32> {
    match state {
        SeatState::Held => Some(&mut counts.held),
        SeatState::Sold => Some(&mut counts.sold),
        SeatState::Free | SeatState::Blocked => None,
    }
}

/// Places as a difference.
pub(super) fn places(lines: &Lines) -> Result<i64, Broken> {
    let sum = lines
        .areas
        .iter()
        .try_fold(lines.seats.len() as u64, |sum, line| sum.checked_add(line.quantity.into()));
    let sum = sum.and_then(|sum| i64::try_from(sum).ok());
    sum.ok_or_else(|| (Invariant::I10Limits, "more places than can be counted".to_owned()))
}
