//! One open event: commands in, outcomes out.
//!
//! A command locks its user's shard, is decided on what is locked, and its fact is sequenced and applied before anything is
//! unlocked. Nothing is answered before it is durable: see [`stage`](EventCore::stage) and [`settle`](EventCore::settle).

mod apply;
mod best;
#[cfg(test)]
mod best_tests;
mod confirm;
mod decide;
mod expiry;
mod keys;
mod open;
mod pool;
mod query;
mod rebase;
mod replay;
mod scope;
mod shard;
mod snapshot;
mod stripe;
mod submit;
mod touched;
mod undo;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use parking_lot::{Condvar, Mutex};

pub(crate) use decide::check_items;
pub(crate) use open::OpenError;
#[cfg(feature = "testkit")]
pub(crate) use query::Progress;
pub(crate) use scope::ShardSet;
#[cfg(feature = "testkit")]
pub(crate) use snapshot::folded_bytes;
pub(crate) use snapshot::save as save_snapshot;
pub(crate) use stripe::SeatSlot;
pub(crate) use submit::{Outcome, Staged, Submitted};

use crate::canary::Canaries;
use crate::command::Command;
use crate::fact::Stamp;
use crate::id::{EventId, Revision};
use crate::log::{Log, Slot};
use crate::time::Clock;
use crate::view::View;

use scope::State;
use shard::Gate;
use undo::Undo;

/// An open event.
pub(crate) struct EventCore {
    pub id: EventId,
    state: State,
    pub log: Arc<Log>,
    pub view: Arc<View>,
    clock: Arc<dyn Clock>,
    canaries: Canaries,
    /// Set by the log when another writer was first; cleared by the rebase.
    conflict: Arc<AtomicBool>,
    /// On shared stores: what has been decided and not answered yet, in order of revision.
    unanswered: Mutex<VecDeque<Unanswered>>,
    /// Rebases so far.
    epoch: AtomicU64,
    /// Where commands wait for a rebase to end.
    reopened: (Mutex<()>, Condvar),
}

/// A command that may have to be decided again.
struct Unanswered {
    /// Of its fact; or the last one its refusal may depend on.
    revision: Revision,
    /// How to take its fact back, if it has one.
    fact: Option<(Stamp, Undo)>,
    command: Command,
    slot: Arc<Slot<Outcome>>,
}

impl EventCore {
    /// Lets commands in or not.
    fn set_gate(&self, gate: Gate) {
        scope::with_shards(&self.state, ShardSet::All, |scope| {
            for at in 0..crate::id::SHARDS {
                scope.shard(at).gate = gate;
            }
        });
        let _waiters = self.reopened.0.lock();
        self.reopened.1.notify_all();
    }

    /// Closes the event for good if nothing is going on in it: no live holds, nothing pending, nobody waiting.
    pub fn close_if_idle(&self) -> bool {
        scope::with_shards(&self.state, ShardSet::All, |scope| {
            let busy = (0..crate::id::SHARDS).any(|at| !scope.shard(at).holds.is_empty());
            if busy || !self.log.is_idle() {
                return false;
            }
            for at in 0..crate::id::SHARDS {
                scope.shard(at).gate = Gate::Closed;
            }
            true
        })
    }
}
