//! Outcomes that random runs do not come to: each produced on purpose.

use std::sync::Arc;

use super::Tally;
use super::history::violation;
use crate::answer::{Answer, CommandError};
use crate::id::{AllocationIndex, CategoryIndex, Revision};
use crate::invariant::{Invariant, Violation};
use crate::limits::{
    ALLOCATIONS_MAX, AREAS_MAX, CHANNELS_PER_ALLOCATION_MAX, CODE_BYTES_MAX, NAME_BYTES_MAX,
};
use crate::manifest::{Allocation, Area, Definition, Point};
use crate::refusal::Refusal;
use crate::request::ManifestRequest;
use crate::store::MemoryStore;
use crate::testkit::{Fault, FaultyStore, SmallSale};

/// Commands of which each logs more than a hundred kilobytes: enough for `PENDING_BYTES_MAX`.
const COMMANDS_MAX: usize = 2_000;

/// A store that does not answer: commands are refused as overloaded before memory runs out, and go on when it answers again.
///
/// # Errors
/// [`Invariant::I5Durable`] if nobody is refused, or what was accepted is not there in the end.
pub fn overload() -> Result<Tally, Violation> {
    let broken = |what: String| violation(Invariant::I5Durable, Revision::ZERO, what);
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let mut definition = voluminous();
    let sale = SmallSale::open(Arc::clone(&store) as _, &definition);
    store.script([Fault::DelayBefore]);
    let (mut tally, mut waiting) = (Tally::default(), Vec::new());
    let mut change = |serial: usize| {
        definition.rules.name = format!("change {serial}");
        let request = ManifestRequest { event: sale.event, definition: definition.clone() };
        sale.office.change_manifest(request).try_take()
    };
    let refused = (0..COMMANDS_MAX).find_map(|serial| match change(serial) {
        Ok(outcome) => Some(outcome),
        Err(pending) => {
            waiting.push(pending);
            None
        }
    });
    let outcome = refused.ok_or_else(|| broken("nothing is too much".to_owned()))?;
    if !matches!(outcome, Err(CommandError::Refused(Refusal::Overloaded { .. }))) {
        return Err(broken(format!("not refused as overloaded: {outcome:?}")));
    }
    tally.outcome(&outcome.map(|change| Answer::Change(Box::new(change))));
    store.release_all();
    for pending in waiting {
        pending.wait().map_err(|error| broken(error.to_string()))?;
    }
    match change(COMMANDS_MAX) {
        Ok(Ok(_)) => Ok(tally),
        Ok(Err(error)) => Err(broken(error.to_string())),
        Err(_) => Err(broken("it does not go on".to_owned())),
    }
}

/// A definition of which every change is long: names as long as they may be.
fn voluminous() -> Definition {
    let long =
        |what: &str, at: usize, bytes: usize| format!("{what}{at:x<width$}", width = bytes - what.len());
    let allocation = |at: usize| Allocation {
        name: long("allocation", at, NAME_BYTES_MAX),
        channels: (0..CHANNELS_PER_ALLOCATION_MAX).map(|at| long("channel", at, CODE_BYTES_MAX)).collect(),
        access_code: None,
        release_at: None,
    };
    let area = |at: usize| Area {
        name: long("area", at, NAME_BYTES_MAX),
        category: CategoryIndex(0),
        capacity: 1,
        allocated: vec![(AllocationIndex::of(at % ALLOCATIONS_MAX), 1)],
        at: Point::default(),
        size: Point { x: 1.0, y: 1.0 },
    };
    Definition {
        allocations: (0..ALLOCATIONS_MAX).map(allocation).collect(),
        areas: (0..AREAS_MAX).map(area).collect(),
        ..SmallSale::definition(1, 2, 0)
    }
}
