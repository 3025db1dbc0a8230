//! Looking at the offices from outside: what they show, and whether their state is the one of the journal.

use std::collections::BTreeSet;

use super::history::violation;
use super::world::World;
use crate::answer::CommandError;
use crate::event::state_difference;
use crate::id::{AreaIndex, HoldId, Revision, SeatIndex};
use crate::invariant::{Invariant, Violation};
use crate::office::{BoxOffice, SeatInfo};
use crate::refusal::{Refusal, SeatState};
use crate::testkit::Model;
use crate::testkit::audit::Counts;
use crate::view;

impl World {
    /// Nobody is shown what is not in the journal, and what is shown is what the journal says.
    pub fn look(&mut self, at: usize) -> Result<(), Violation> {
        self.follow()?;
        let since = Revision(1 + self.rng.below(self.history.end().0));
        let Some(office) = &self.nodes[at].office else { return Ok(()) };
        let Ok(shown) = office.availability(self.event) else { return Ok(()) };
        let model = self.known(shown.revision)?;
        let wrong = |what: String| violation(Invariant::I6NoGhosts, shown.revision, what);
        let counts = |counts: &view::Counts| (counts.free, counts.held, counts.sold, counts.blocked);
        let expected = |counts: Counts| (counts.free, counts.held, counts.sold, counts.blocked);
        let sections: Vec<_> = shown.sections.iter().map(counts).collect();
        let allocations: Vec<_> = shown.allocations.iter().map(counts).collect();
        let mut places: Vec<_> =
            shown.places.iter().map(|p| ((p.area, p.allocation), counts(&p.counts))).collect();
        places.sort_unstable();
        let quotas: Vec<_> = shown.quotas.iter().map(counts).collect();
        let same = sections == model.sections().into_iter().map(expected).collect::<Vec<_>>()
            && allocations == model.allocations().into_iter().map(expected).collect::<Vec<_>>()
            && places
                == model
                    .pools()
                    .into_iter()
                    .map(|(pool, counts)| (pool, expected(counts)))
                    .collect::<Vec<_>>()
            && quotas.len() == model.quotas().len()
            && quotas.iter().zip(model.quotas()).all(|(shown, quota)| {
                *shown == (quota.free().unwrap_or(u32::MAX), quota.held, quota.sold, 0)
            });
        let open = model.holds().filter(|(_, hold)| hold.payment_deadline.is_some()).count();
        let whole = shown.sale_state == model.sale_state()
            && shown.holds as usize == model.holds().count()
            && shown.open_orders as usize == open;
        if !same || !whole {
            return Err(wrong(format!("{shown:?} is not what the journal says")));
        }
        self.look_at_map(office)?;
        self.look_at_changes(office, since)
    }

    fn known(&self, revision: Revision) -> Result<&Model, Violation> {
        self.history.model_at(revision).ok_or_else(|| {
            let what = format!("{revision} is shown, the journal ends at {}", self.history.end());
            violation(Invariant::I6NoGhosts, revision, what)
        })
    }

    fn look_at_map(&self, office: &BoxOffice) -> Result<(), Violation> {
        let mut map = Vec::new();
        let Ok(revision) = office.seat_map(self.event, &mut map) else { return Ok(()) };
        let model = self.known(revision)?;
        let shown = |seat: SeatIndex| {
            let word = map.get(seat.at() / view::SEATS_PER_MAP_WORD).copied().unwrap_or(u64::MAX);
            SeatState::from_bits(word >> (seat.at() % view::SEATS_PER_MAP_WORD * 2))
        };
        let states = model.seat_states();
        match model.manifest().seats().find(|seat| states[seat.at()] != shown(*seat)) {
            None => Ok(()),
            Some(seat) => {
                let what = format!(
                    "{seat:?} is shown as {:?}, the journal says {:?}",
                    shown(seat),
                    states[seat.at()]
                );
                Err(violation(Invariant::I6NoGhosts, revision, what))
            }
        }
    }

    fn look_at_changes(&self, office: &BoxOffice, since: Revision) -> Result<(), Violation> {
        let Ok(changes) = office.changes_since(self.event, since) else { return Ok(()) };
        let (before, after) = (self.known(since)?, self.known(changes.revision)?);
        let wrong = |what: String| Err(violation(Invariant::I6NoGhosts, changes.revision, what));
        if changes.reload {
            return Ok(());
        }
        let (old, new) = (before.seat_states(), after.seat_states());
        if let Some((seat, state)) = changes.seats.iter().find(|(seat, state)| new[seat.at()] != *state) {
            return wrong(format!(
                "{seat:?} became {state:?} since {since}, says the office; {:?}",
                new[seat.at()]
            ));
        }
        let listed: BTreeSet<SeatIndex> = changes.seats.iter().map(|(seat, _)| *seat).collect();
        let missing = |seat: &SeatIndex| old[seat.at()] != new[seat.at()] && !listed.contains(seat);
        if let Some(seat) = (0..new.len()).map(SeatIndex::of).find(missing) {
            return wrong(format!("{seat:?} changed since {since}, and is not listed"));
        }
        let areas: BTreeSet<AreaIndex> = changes.areas.iter().copied().collect();
        let changed = before.pools().into_iter().zip(after.pools()).filter(|(old, new)| old != new);
        match changed.map(|((pool, _), _)| pool.0).find(|area| !areas.contains(area)) {
            Some(area) => wrong(format!("{area:?} changed since {since}, and is not listed")),
            None => Ok(()),
        }
    }

    /// What owners and staff are told of holds, orders and seats. Nothing may be under way: these reads wait.
    pub fn look_closely(&mut self, at: usize) -> Result<(), Violation> {
        self.follow()?;
        let end = self.history.end();
        let Some(office) = &self.nodes[at].office else { return Ok(()) };
        if office
            .progress(self.event)
            .is_none_or(|progress| (progress.sequenced, progress.durable) != (end, end))
        {
            return Ok(());
        }
        let wrong = |what: String| Err(violation(Invariant::I6NoGhosts, end, what));
        let model = self.history.model();
        let seats: Vec<SeatIndex> = model.manifest().seats().collect();
        let Ok(infos) = office.seats(self.event, &seats) else {
            return wrong("seats can't be read".to_owned());
        };
        let states = model.seat_states();
        let as_it_is = |info: &SeatInfo| {
            let held = |hold: HoldId| {
                model.holds().any(|(number, found)| {
                    number == hold.number && found.lines.seats.iter().any(|line| line.seat == info.seat)
                })
            };
            info.state == states[info.seat.at()]
                && Some(info.version) == model.seat_version(info.seat)
                && info.allocation == model.seat_allocation(info.seat)
                && info.hold.map_or(info.state != SeatState::Held, held)
        };
        if infos.len() != seats.len() || !infos.iter().all(as_it_is) {
            return wrong(format!("staff are told {infos:?}"));
        }
        self.look_beside(at)?;
        for (number, order) in model.orders() {
            let id = HoldId { event: self.event, number }.order();
            match office.find_order(id, order.user) {
                Ok(found) if (found.state, &found.lines) == (order.state, &order.lines) => {}
                // What one that a gateway was to pay wanted is nobody's business once it is cancelled.
                Ok(found) if order.checkout && found.state == order.state && order.owned.places() == 0 => {}
                Err(CommandError::Refused(Refusal::UnknownOrder)) if order.ended_at.is_some() => {}
                other => return wrong(format!("{order:?} is told as {other:?}")),
            }
        }
        Ok(())
    }

    /// Recounts the journal, and compares the live state of every quiet office with it, byte for byte.
    pub fn audit(&mut self) -> Result<(), Violation> {
        self.follow()?;
        self.history.recount()?;
        self.compare_journal("")?;
        for at in 0..self.nodes.len() {
            self.compare_state(at)?;
        }
        Ok(())
    }

    /// The live state of a quiet office is the one its journal leads to, byte for byte.
    pub fn compare_state(&self, at: usize) -> Result<(), Violation> {
        let Some(office) = &self.nodes[at].office else { return Ok(()) };
        let Some(progress) = office.progress(self.event) else { return Ok(()) };
        let end = self.history.end();
        if progress.sequenced != end || progress.durable != end {
            return Ok(());
        }
        let (Ok(live), Ok(folded)) = (office.state_bytes(self.event), office.folded_bytes(self.event)) else {
            return Ok(());
        };
        if live == folded {
            return Ok(());
        }
        let difference = state_difference(&live, &folded);
        let what = format!("the state of office {at} is not the one its journal leads to: {difference}");
        Err(violation(Invariant::I8SameFacts, end, what))
    }
}
