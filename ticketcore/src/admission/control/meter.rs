//! [`Meter`]: what a room itself tells its controller.

use std::collections::VecDeque;

use super::measured::{Health, Measured, Stock};
use crate::admission::room::{Room, Turnover};
use crate::time::UtcMs;

/// Measures a room, step by step.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    turnover: Turnover,
    calls_ended: u64,
    /// How many had come in, at steps within the time that people have to come.
    came: VecDeque<(UtcMs, u64)>,
}

impl Meter {
    /// What the controller of a room is told at `now`. Call it once a step: it tells what has changed since.
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
