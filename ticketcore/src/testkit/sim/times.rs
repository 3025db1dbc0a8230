//! Time in a run: clocks that move, jump and are turned back, and what the engine may make of them.

use super::history::violation;
use super::world::World;
use crate::event::Progress;
use crate::fact::{Fact, Stamp};
use crate::invariant::{Invariant, Violation};

const HOUR_MS: u64 = 3_600_000;

impl World {
    /// Logged time follows the clock, never decreases, and goes on at half speed while it is ahead.
    pub fn check_time(&mut self, at: usize, progress: Progress) -> Result<(), Violation> {
        let logged = |fact: Option<&(Stamp, Fact)>| fact.map(|(stamp, _)| stamp.at).unwrap_or_default();
        let (first, last) =
            (logged(self.history.fact(progress.durable)), logged(self.history.facts().last()));
        let node = &mut self.nodes[at];
        let clock = crate::time::Clock::now(&node.clock);
        let half_speed = node.high.max(last).plus_ms(node.moved_ms / 2);
        let (least, most) = (clock.max(first), clock.max(half_speed.plus_ms(1)));
        if progress.now < least || progress.now > most {
            let what =
                format!("the time is {}, the clock shows {clock}, right is {least} to {most}", progress.now);
            return Err(violation(Invariant::I8SameFacts, self.history.end(), what));
        }
        // A clock that has caught up may be turned back again: then the time goes on from the last fact, not from what was seen.
        if progress.now >= half_speed {
            (node.high, node.moved_ms) = (progress.now, 0);
        }
        Ok(())
    }

    pub fn move_clock(&mut self, at: usize) {
        let (rng, plan) = (&mut self.rng, &self.plan);
        if plan.steps_back && rng.chance(10) {
            let most = if rng.chance(70) { 5_000 } else { HOUR_MS };
            let back = 1 + rng.below(most);
            let now = self.nodes[at].clock.back(back);
            self.trace.line(format!("n{at} clock back to {now}"));
            return;
        }
        let jump = rng.chance(plan.jump_pct);
        let most = if jump {
            // Orders that are over are forgotten one day: whoever believes too soon that a payment was never heard of must hear of it first.
            let longest = if plan.paid && plan.hasty { HOUR_MS } else { 120 * HOUR_MS };
            (*rng.pick(&[10 * 60_000, HOUR_MS, 24 * HOUR_MS, 120 * HOUR_MS])).min(longest)
        } else {
            plan.clock_step_ms
        };
        let ms = 1 + rng.below(most);
        let one = rng.chance(10) && !jump;
        for (other, node) in self.nodes.iter_mut().enumerate() {
            if !one || other == at {
                node.clock.advance(ms);
                node.moved_ms += ms;
            }
        }
        if !one {
            self.bank.advance_to(crate::time::Clock::now(&self.bank.clock).plus_ms(ms));
        }
        self.trace.line(format!("clocks move {ms} ms"));
    }
}
