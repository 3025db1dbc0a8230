//! Calling people, letting them in, and what they may do inside.

use super::place::Place;
use super::{Room, RoomRefusal};
use crate::admission::fact::RoomFact;
use crate::admission::phase::Phase;
use crate::time::UtcMs;

/// The right to touch inventory.
#[derive(Clone, Debug, PartialEq)]
pub struct Admission {
    /// Whose number.
    pub number: u32,
    /// Since when.
    pub since: UtcMs,
    /// Until when.
    pub until: UtcMs,
    /// Tickets that may still be bought.
    pub tickets: u32,
    /// What must happen first, if he was not inside before.
    pub fact: Option<RoomFact>,
}

impl Room {
    /// Calls the next `count` positions, as many of them as there are. `None` if that is none.
    ///
    /// # Errors
    /// [`RoomRefusal::Phase`].
    pub fn call(&self, count: u64) -> Result<Option<RoomFact>, RoomRefusal> {
        if self.phase != Phase::Open {
            return Err(RoomRefusal::Phase { phase: self.phase });
        }
        let up_to = self.called().saturating_add(count).min(self.joined());
        Ok((up_to > self.called()).then_some(RoomFact::Called { up_to }))
    }

    /// Lets in who was called. Asking again gives the same admission; while the room is back in its queue its end moves on with `now`. Never
    /// more than the [hard ceiling](super::super::ControlConfig::ceiling) are inside.
    ///
    /// # Errors
    /// [`RoomRefusal`]: the phase, [`NotCalled`](RoomRefusal::NotCalled), [`Crowded`](RoomRefusal::Crowded),
    /// [`Lapsed`](RoomRefusal::Lapsed), [`NotInside`](RoomRefusal::NotInside).
    pub fn admit(&self, number: u32, now: UtcMs) -> Result<Admission, RoomRefusal> {
        let place = self.place(number, now)?;
        if let Place::Inside { since, until, tickets, .. } = place {
            return Ok(Admission { number, since, until, tickets, fact: None });
        }
        if self.phase != Phase::Open {
            return Err(RoomRefusal::Phase { phase: self.phase });
        }
        match place {
            Place::Called { .. } => {}
            Place::Undrawn | Place::Waiting { .. } => return Err(RoomRefusal::NotCalled),
            Place::Lapsed { called, until } => return Err(RoomRefusal::Lapsed { called, until }),
            Place::Over | Place::Inside { .. } => return Err(RoomRefusal::NotInside),
        }
        if self.active(now) >= self.config.control.ceiling() {
            return Err(RoomRefusal::Crowded);
        }
        let (admission_ms, tickets) = (self.config.admission_ms, self.config.tickets_per_admission);
        let fact = Some(RoomFact::Admitted { number, admission_ms, tickets });
        Ok(Admission { number, since: now, until: now.plus_ms(admission_ms), tickets, fact })
    }

    /// Uses tickets of an admission up.
    ///
    /// # Errors
    /// [`RoomRefusal::TooManyTickets`], [`RoomRefusal::NotInside`].
    pub fn use_tickets(&self, number: u32, tickets: u32, now: UtcMs) -> Result<RoomFact, RoomRefusal> {
        let inside = self.inside.get(number, now).ok_or(RoomRefusal::NotInside)?;
        let left = inside.tickets.checked_sub(tickets);
        let left = left.ok_or(RoomRefusal::TooManyTickets { left: inside.tickets })?;
        Ok(RoomFact::TicketsUsed { number, left })
    }

    /// Gives tickets of an admission back. `None` if it has ended.
    #[must_use]
    pub fn give_tickets_back(&self, number: u32, tickets: u32, now: UtcMs) -> Option<RoomFact> {
        let inside = self.inside.get(number, now)?;
        let left = inside.tickets.saturating_add(tickets).min(self.config.tickets_per_admission);
        Some(RoomFact::TicketsUsed { number, left })
    }

    /// Positions called within the time that people have to come, whether or not they have come.
    #[must_use]
    pub fn called_lately(&self, now: UtcMs) -> u64 {
        self.calls.within(now, self.config.claim_ms)
    }
}
