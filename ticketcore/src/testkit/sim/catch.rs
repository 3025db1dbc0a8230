//! Whether the simulation finds a deliberate fault, and calls it by its name.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use super::{Flaw, SimulationOptions, simulate};
use crate::invariant::{Invariant, Violation};

/// A canary was caught by the name of the invariant it breaks.
#[derive(Clone, Debug)]
pub struct Caught {
    /// The first seed at which that was named.
    pub seed: u64,
    /// What was found there.
    pub violation: Violation,
    /// How often seeds before it named what follows from that.
    pub before: BTreeMap<Invariant, u64>,
}

/// A canary was not caught as it must be.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Missed {
    /// A promise was broken that it does not break.
    #[error("seed {seed}: {violation}, which is not what it breaks")]
    Misnamed {
        /// Where.
        seed: u64,
        /// What.
        violation: Violation,
    },
    /// The invariant it breaks was not named in all the seeds.
    #[error("{expected} was not named in {seeds} seeds")]
    NotNamed {
        /// What should have been named.
        expected: Invariant,
        /// Seeds run.
        seeds: u64,
    },
}

/// Runs `seeds` with the canary on until the invariant that it breaks is named: the first of [`Flaw::breaks`].
///
/// # Errors
/// If that does not happen, or another promise is broken than `breaks` lists.
pub fn catch(canary: impl Into<Flaw>, seeds: Range<u64>, steps: u32) -> Result<Caught, Missed> {
    let canary = canary.into();
    let options = SimulationOptions { steps, canary: Some(canary) };
    let (expected, mut before) = (canary.breaks()[0], BTreeMap::new());
    for seed in seeds.clone() {
        match simulate(seed, &options).violation {
            None => {}
            Some(violation) if violation.invariant == expected => {
                return Ok(Caught { seed, violation, before });
            }
            Some(violation) if canary.breaks().contains(&violation.invariant) => {
                *before.entry(violation.invariant).or_default() += 1;
            }
            Some(violation) => return Err(Missed::Misnamed { seed, violation }),
        }
    }
    Err(Missed::NotNamed { expected, seeds: seeds.end - seeds.start })
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at seed {}", self.violation.invariant, self.seed)?;
        for (at, (invariant, count)) in self.before.iter().enumerate() {
            write!(f, "{} {count} x {invariant}", if at == 0 { "; before it" } else { "," })?;
        }
        Ok(())
    }
}
