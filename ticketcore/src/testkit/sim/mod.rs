//! Seeded simulation: many clients, faulty stores and jumping clocks against one engine, on one thread, so that a seed is a whole
//! test. Every outcome is compared with the reference model, every journal audited, every broken promise named by its invariant.
//!
//! Half of the seeds keep their journals in memory, the other half in a local store on a disk whose power fails, which errs and is full.
//! A seed draws which commands, faults and clocks a run has, then takes its steps, then ends the faults and expects everything to
//! come right. Outcomes that are unknown are never assumed absent: at the end every fact must be that of a command which was sent.

mod ask;
mod bank;
mod beside;
mod catch;
mod directed;
mod disputes;
mod driver;
mod ends;
mod expected;
mod finish;
mod flaw;
mod harm;
mod history;
mod judge;
mod kinds;
mod local;
mod look;
mod money;
mod node;
mod paid;
mod payer;
mod place;
mod plan;
mod power;
mod propose;
mod reconciler;
mod reversals;
mod scripted;
mod side;
mod tally;
mod times;
mod trace;
mod twists;
mod venue;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use catch::{Caught, Missed, catch};
pub use directed::overload;
pub use flaw::Flaw;
pub use scripted::rare_money;
pub use tally::{Demand, Tally};

use super::START;
use crate::invariant::{Invariant, Violation};
use world::World;

/// How a simulation runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulationOptions {
    /// Steps before the faults end.
    pub steps: u32,
    /// A deliberate fault, which must be found.
    pub canary: Option<Flaw>,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self { steps: 400, canary: None }
    }
}

/// What one seed led to.
#[derive(Clone, Debug, Default)]
pub struct SimulationReport {
    /// Outcomes produced.
    pub tally: Tally,
    /// A hash of everything that happened: equal for equal seeds and options.
    pub trace_hash: u64,
    /// Facts in the journal at the end.
    pub facts: u64,
    /// The promise that was broken, if one was.
    pub violation: Option<Violation>,
    /// The last things that happened, oldest first, if a promise was broken.
    pub last_lines: Vec<String>,
}

/// Runs one seed.
#[must_use]
pub fn simulate(seed: u64, options: &SimulationOptions) -> SimulationReport {
    let mut world = match World::new(seed, options) {
        Ok(world) => world,
        Err(violation) => {
            return SimulationReport { violation: Some(violation), ..SimulationReport::default() };
        }
    };
    let run = |world: &mut World| {
        world.run(options.steps)?;
        world.finish()
    };
    let result = catch_unwind(AssertUnwindSafe(|| run(&mut world))).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let what = format!("a panic: {message}");
        Err(Violation::new(Invariant::I8SameFacts, world.history.end(), what))
    });
    let violation = result.err();
    SimulationReport {
        trace_hash: world.trace.hash(),
        facts: world.history.end().0,
        last_lines: if violation.is_some() { world.trace.last() } else { Vec::new() },
        violation,
        tally: std::mem::take(&mut world.tally),
    }
}
