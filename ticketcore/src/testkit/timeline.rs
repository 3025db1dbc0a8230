//! [`Timeline`]: what was free at every revision of a journal, so that a test can ask whether an answer was ever true.

use crate::fact::{Fact, Lines, SeatChange, Stamp};
use crate::id::{AreaIndex, Revision, SeatIndex};
use crate::invariant::{Invariant, Violation};
use crate::manifest::Manifest;
use crate::order::Move;
use crate::refusal::{Refusal, SeatState};

/// Seats and places of one small event at every revision. Takes memory for all of them: for journals of some thousand facts.
#[derive(Debug)]
pub struct Timeline {
    /// By revision - 1.
    moments: Vec<Moment>,
    manifest: Manifest,
}

/// What was what at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The state of each seat.
    pub seats: Vec<SeatState>,
    /// Free places of each area, all its pools together.
    pub areas: Vec<u32>,
}

impl Timeline {
    /// Folds a journal by rules of its own, not by the engine's.
    ///
    /// # Errors
    /// [`Invariant::I1OneOwner`] or [`Invariant::I2Conservation`] if a fact takes what is not free or gives back what is not taken.
    ///
    /// # Panics
    /// If the journal does not begin with the definition of the event, or has a manifest change.
    pub fn of(journal: &[(Stamp, Fact)]) -> Result<Self, Violation> {
        let Some((_, Fact::EventDefined(definition))) = journal.first() else {
            panic!("not the journal of an event")
        };
        let manifest = Manifest::compile(definition).expect("it was valid when it was logged");
        let areas = manifest.areas().iter().map(|area| area.capacity).collect();
        let mut now = Moment { seats: vec![SeatState::Free; manifest.seat_count()], areas };
        for seat in (0..now.seats.len()).filter(|seat| !manifest.is_real(SeatIndex::of(*seat))) {
            now.seats[seat] = SeatState::Blocked;
        }
        let mut moments = vec![now.clone()];
        for (stamp, fact) in &journal[1..] {
            now.fact(*stamp, fact)?;
            moments.push(now.clone());
        }
        Ok(Self { moments, manifest })
    }

    /// What was what at `revision`.
    ///
    /// # Panics
    /// If there is no such revision.
    #[must_use]
    pub fn at(&self, revision: Revision) -> &Moment {
        &self.moments[usize::try_from(revision.0).expect("a small journal") - 1]
    }

    /// Whether `refusal`, an answer to a request for one item of `asked` places, was true at some revision from `from` to `to`.
    #[must_use]
    pub fn was_true(&self, refusal: &Refusal, asked: u32, from: Revision, to: Revision) -> bool {
        (from.0..=to.0).any(|revision| self.is_true(refusal, asked, self.at(Revision(revision))))
    }

    fn is_true(&self, refusal: &Refusal, asked: u32, moment: &Moment) -> bool {
        match refusal {
            Refusal::SeatsUnavailable(conflicts) => {
                conflicts.iter().all(|conflict| moment.seats[conflict.seat.at()] == conflict.state)
            }
            Refusal::AreaExhausted { area: AreaIndex(at), left } => {
                let free = moment.areas[usize::from(*at)];
                free == *left && free < asked
            }
            Refusal::BestAvailableMiss { matching, largest_adjacent, .. } => {
                let (free, largest) = self.groups(moment);
                (free, largest) == (*matching, *largest_adjacent) && largest < asked
            }
            _ => false,
        }
    }

    /// Free seats and the largest group of adjacent ones.
    #[must_use]
    pub fn groups(&self, moment: &Moment) -> (u32, u32) {
        let (mut free, mut largest, mut run) = (0, 0, 0);
        for (at, state) in moment.seats.iter().enumerate() {
            if *state != SeatState::Free {
                run = 0;
                continue;
            }
            let joined = at > 0 && self.manifest.next_is_adjacent(SeatIndex::of(at - 1));
            run = if joined { run + 1 } else { 1 };
            free += 1;
            largest = largest.max(run);
        }
        (free, largest)
    }
}

impl Moment {
    fn fact(&mut self, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        use SeatState::{Blocked, Free, Held, Sold};
        match fact {
            Fact::HoldPlaced(placed) => self.lines(stamp, &placed.lines, Free, Held),
            Fact::HoldPlacedWith(f) => self.lines(stamp, &f.placed.lines, Free, Held),
            Fact::HoldAmended(amended) => {
                self.lines(stamp, &amended.removed, Held, Free)?;
                self.lines(stamp, &amended.added, Free, Held)
            }
            Fact::HoldEnded(ended) => self.lines(stamp, &ended.lines, Held, Free),
            Fact::OrderCancelled(cancelled) => self.lines(stamp, &cancelled.lines, Held, Free),
            Fact::OrderConfirmed(confirmed) => self.lines(stamp, &confirmed.lines, Held, Sold),
            Fact::SeatsChanged(changed) => changed.seats.iter().try_for_each(|seat| match changed.change {
                SeatChange::Block => self.shift(stamp, *seat, Free, Blocked),
                SeatChange::Unblock => self.shift(stamp, *seat, Blocked, Free),
                SeatChange::Reallocate(_) => Ok(()),
            }),
            Fact::ManifestChanged(_) | Fact::PlacesChanged(_) => {
                panic!("a timeline does not follow {fact:?}")
            }
            Fact::EventDefined(_)
            | Fact::SaleStateChanged { .. }
            | Fact::HoldExtended(_)
            | Fact::OrderOpened(_)
            | Fact::CheckoutOpened(_)
            | Fact::PaymentRulesSet(_)
            | Fact::WaitingRulesSet(_)
            | Fact::WaitingJoined(_)
            | Fact::WaitingLeft(_)
            | Fact::VouchersAdded(_)
            | Fact::VouchersRevoked(_)
            | Fact::AllocationReleased { .. } => Ok(()),
            Fact::OrderStepped(stepped) => {
                stepped.step.moves().into_iter().try_for_each(|moved| match moved {
                    Move::HeldToSold(lines) => self.lines(stamp, lines, Held, Sold),
                    Move::HeldToFree(lines) => self.lines(stamp, lines, Held, Free),
                    Move::SoldToFree(lines) => self.lines(stamp, lines, Sold, Free),
                    Move::FreeToSold(lines) => self.lines(stamp, lines, Free, Sold),
                })
            }
        }
    }

    fn lines(
        &mut self,
        stamp: Stamp,
        lines: &Lines,
        from: SeatState,
        to: SeatState,
    ) -> Result<(), Violation> {
        lines.seats.iter().try_for_each(|line| self.shift(stamp, line.seat, from, to))?;
        for line in &lines.areas {
            let free = &mut self.areas[line.area.at()];
            let next = match (from, to) {
                (SeatState::Free, _) => free.checked_sub(line.quantity),
                (_, SeatState::Free) => Some(*free + line.quantity),
                _ => Some(*free),
            };
            let what = || format!("area {} has {free} left, {} are taken", line.area.0, line.quantity);
            *free = next.ok_or_else(|| Violation::new(Invariant::I2Conservation, stamp.revision, what()))?;
        }
        Ok(())
    }

    fn shift(
        &mut self,
        stamp: Stamp,
        seat: SeatIndex,
        from: SeatState,
        to: SeatState,
    ) -> Result<(), Violation> {
        let state = &mut self.seats[seat.at()];
        if *state != from {
            let what = format!("seat {} is {state:?} and becomes {to:?}", seat.0);
            return Err(Violation::new(Invariant::I1OneOwner, stamp.revision, what));
        }
        *state = to;
        Ok(())
    }
}
