//! Where the journals of a run are: in memory, or in a local store on a disk that can fail.

use std::sync::Arc;

use super::Flaw;
use super::history::violation;
use super::local::Local;
use super::plan::Plan;
use crate::id::Revision;
use crate::invariant::{Invariant, Violation};
use crate::store::{MemoryStore, Store};
use crate::testkit::Rng;

/// See the module.
pub(super) enum Place {
    Memory(Arc<MemoryStore>),
    Local(Box<Local>),
}

impl Place {
    /// The place that `plan` says.
    pub fn new(plan: &Plan, flaw: Option<Flaw>, rng: &mut Rng) -> Result<Self, Violation> {
        if plan.local {
            let local = Local::new(plan, flaw.and_then(Flaw::of_store), rng.next_u64()).map_err(|error| {
                violation(Invariant::I5Durable, Revision::ZERO, format!("no store can be made: {error}"))
            })?;
            return Ok(Place::Local(Box::new(local)));
        }
        Ok(Place::Memory(Arc::new(if plan.shared { MemoryStore::shared() } else { MemoryStore::new() })))
    }

    /// The store as offices use it.
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Place::Memory(store) => Arc::clone(store) as _,
            Place::Local(local) => local.store(),
        }
    }

    /// Looks at the store with the eyes of the judge: no fault meets him.
    pub fn judged<T>(&self, look: impl FnOnce(&dyn Store) -> T) -> T {
        match self {
            Place::Memory(store) => look(&**store),
            Place::Local(local) => local.disk.undisturbed(|| look(&*local.store())),
        }
    }

    /// Whether the store may drop the beginning of a journal.
    pub fn may_truncate(&self) -> bool {
        matches!(self, Place::Local(local) if local.may_truncate())
    }

    /// A snapshot was saved: it, or a newer one, must be there from now on.
    pub fn saved_snapshot(&mut self, revision: Revision) {
        if let Place::Local(local) = self {
            local.saved = local.saved.max(revision);
            local.promised = local.promised.max(revision);
        }
    }
}
