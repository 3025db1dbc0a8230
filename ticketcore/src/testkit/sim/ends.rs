//! How an office ends: closed when idle, crashed, stopped and opened again.

use super::ask::Handle;
use super::history::violation;
use super::judge::Sent;
use super::world::World;
use crate::invariant::{Invariant, Violation};

impl World {
    pub(super) fn close(&mut self, at: usize) -> Result<(), Violation> {
        let node = &mut self.nodes[at];
        let Some(office) = &node.office else { return Ok(()) };
        if office.progress(self.event).is_some() && office.close_if_idle(self.event) {
            node.begins_anew();
            self.tally.event("closed");
            self.trace.line(format!("n{at} closed"));
        }
        Ok(())
    }

    pub(super) fn crash(&mut self, at: usize) -> Result<(), Violation> {
        let lost = self.rng.chance(50);
        self.trace
            .line(format!("n{at} crashes, what is on its way is {}", if lost { "lost" } else { "not" }));
        let (mine, others) =
            std::mem::take(&mut self.pending).into_iter().partition(|(sent, _)| sent.node == at);
        self.pending = others;
        let mine: Vec<(Sent, Handle)> = mine;
        self.lost.extend(mine.into_iter().map(|(sent, _)| sent));
        self.lose_paid(at);
        self.nodes[at].crash(lost, &mut self.tally, &mut self.rng);
        self.nodes[at].start();
        self.tally.event("crashed");
        self.follow()
    }

    /// Whether an event has stopped: for good reasons it is opened again after a while.
    pub fn look_for_stops(&mut self) -> Result<(), Violation> {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let Some(office) = &node.office else { continue };
            let Some(reason) = office.stopped(self.event) else { continue };
            let broken = Invariant::ALL.into_iter().find(|invariant| reason.contains(invariant.name()));
            if let Some(invariant) = broken {
                return Err(violation(invariant, self.history.end(), reason));
            }
            if reason.contains("panic") {
                return Err(violation(Invariant::I8SameFacts, self.history.end(), reason));
            }
            if !node.stop_seen {
                self.tally.event("stopped");
                self.trace.line(format!("n{at} stopped: {reason}"));
            }
            node.stop_seen = true;
            if self.rng.chance(30) {
                node.reopen(self.event, self.plan.shared);
                self.tally.event("reopened");
                self.trace.line(format!("n{at} reopened"));
            }
        }
        Ok(())
    }
}
