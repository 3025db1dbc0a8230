//! [`Place`]: where somebody stands.

use super::{Room, RoomRefusal};
use crate::time::UtcMs;

/// Where somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the lottery, which is not drawn yet.
    Undrawn,
    /// He waits.
    Waiting {
        /// His place in the whole queue, from 0.
        position: u64,
        /// How many are to be called before him, those who have left since included.
        ahead: u64,
    },
    /// He was called and may come in.
    Called {
        /// His place.
        position: u64,
        /// When he was called.
        called: UtcMs,
        /// Until when he may come.
        until: UtcMs,
    },
    /// He is inside.
    Inside {
        /// His place.
        position: u64,
        /// Since when.
        since: UtcMs,
        /// Until when.
        until: UtcMs,
        /// Tickets that he may still buy.
        tickets: u32,
    },
    /// He was called and did not come.
    Lapsed {
        /// When he was called.
        called: UtcMs,
        /// Until when he could have come.
        until: UtcMs,
    },
    /// He has left, is out again, or has joined again and has another number.
    Over,
}

impl Room {
    /// The place of a number in the whole queue, from 0; `None` if there is no such number or it has none before the draw. O(1).
    #[must_use]
    pub fn position(&self, number: u32) -> Option<u64> {
        if u64::from(number) >= self.joined() {
            return None;
        }
        match (&self.order, self.closed) {
            (Some(order), Some((entrants, _))) if number < entrants => order.forward(number).map(u64::from),
            // Who joins after the lottery queues behind it.
            (_, Some((entrants, _))) if number >= entrants => Some(u64::from(number)),
            (_, None) if !self.in_lottery() => Some(u64::from(number)),
            _ => None,
        }
    }

    /// The number that has a place in the queue. O(1).
    #[must_use]
    pub fn number_at(&self, position: u64) -> Option<u32> {
        let place = u32::try_from(position).ok().filter(|_| position < self.joined())?;
        match (&self.order, self.closed) {
            (Some(order), Some((entrants, _))) if place < entrants => order.backward(place),
            (_, Some((entrants, _))) if place >= entrants => Some(place),
            (_, None) if !self.in_lottery() => Some(place),
            _ => None,
        }
    }

    fn in_lottery(&self) -> bool {
        self.phase == super::Phase::Prequeue
    }

    /// Where the holder of a number stands at `now`. O(1).
    ///
    /// # Errors
    /// [`RoomRefusal::NotInside`] if nobody has it.
    pub fn place(&self, number: u32, now: UtcMs) -> Result<Place, RoomRefusal> {
        let tag = self.tags.get(number as usize).copied().ok_or(RoomRefusal::NotInside)?;
        // Who has joined again has his place there, however long places are kept by now.
        if self.number_of(tag) != Some(number) {
            return Ok(Place::Over);
        }
        let position = self.position(number);
        if let (Some(inside), Some(position)) = (self.inside.get(number, now), position) {
            let (since, until, tickets) = (inside.came, inside.until, inside.tickets);
            return Ok(Place::Inside { position, since, until, tickets });
        }
        if self.over.contains(number) {
            return Ok(Place::Over);
        }
        let Some(position) = position else { return Ok(Place::Undrawn) };
        let Some(called) = self.calls.called(position) else {
            return Ok(Place::Waiting { position, ahead: position - self.called() });
        };
        let (clock, until) = (self.calls.clock(now), called.plus_ms(self.config.absence_ms));
        if clock < until {
            // While time stands still: as if it ran on from now.
            Ok(Place::Called { position, called, until: until.plus_ms(now.since_ms(clock)) })
        } else {
            Ok(Place::Lapsed { called, until })
        }
    }
}
