//! What the controller of one room is told at a step.

use std::collections::VecDeque;

use ticketcore::admission::{Health, Measured, Room, Stock, Turnover};
use ticketcore::{Availability, UtcMs};

/// What was seen at the step before, to tell what has changed since.
#[derive(Default)]
pub(super) struct Before {
    turnover: Turnover,
    calls_ended: u64,
    /// How many had come in, at steps within the time that people have to come.
    came: VecDeque<(UtcMs, u64)>,
}

impl Before {
    /// Measures a room.
    pub fn measure(
        &mut self,
        room: &Room,
        now: UtcMs,
        health: Option<Health>,
        stock: Option<Stock>,
    ) -> Measured {
        let turnover = room.turnover();
        let called_lately = room.called_lately(now);
        let calls_ended = room.called() - called_lately.min(room.called());
        let claim_ms = room.config().claim_ms;
        while self.came.front().is_some_and(|(at, _)| now.since_ms(*at) > claim_ms) {
            self.came.pop_front();
        }
        let came_before = self.came.front().map_or(self.turnover.came, |(_, came)| *came);
        let measured = Measured {
            at: now,
            waiting: room.joined() - room.called(),
            called_lately,
            came_lately: turnover.came.saturating_sub(came_before),
            active: room.active(now),
            browsing: Some(room.browsing(now)),
            calls_ended: calls_ended.saturating_sub(self.calls_ended),
            came: turnover.came.saturating_sub(self.turnover.came),
            went: turnover.went.saturating_sub(self.turnover.went),
            taken: turnover.taken.saturating_sub(self.turnover.taken),
            health,
            stock,
        };
        self.came.push_back((now, turnover.came));
        (self.turnover, self.calls_ended) = (turnover, calls_ended);
        measured
    }
}

/// What is left of an event, as everybody may see it.
pub(super) fn stock(left: &Availability) -> Stock {
    let seats = left.sections.iter();
    let places = left.places.iter().map(|places| &places.counts);
    let (free, held) = seats
        .chain(places)
        .fold((0, 0), |(free, held), counts| (free + u64::from(counts.free), held + u64::from(counts.held)));
    Stock { free, held }
}
