//! One open event: commands in, outcomes out.
//!
//! A command locks its user's shard, is decided on what is locked, and its fact is sequenced and applied before anything is
//! unlocked. Nothing is answered before it is durable: see [`stage`](EventCore::stage) and [`settle`](EventCore::settle).

mod apply;
mod best;
#[cfg(test)]
mod best_tests;
mod confirm;
mod counted;
mod decide;
mod expiry;
mod findings;
mod guesses;
mod identities;
mod keys;
mod offer;
mod open;
mod pool;
mod query;
mod query_soon;
mod rebase;
mod replay;
mod run;
mod scope;
mod settle;
mod shard;
mod snapshot;
mod stripe;
mod submit;
mod touched;
mod undo;
mod vouchers;
mod waiting;

use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) use decide::check_items;
pub(crate) use open::OpenError;
#[cfg(feature = "testkit")]
pub(crate) use query::Progress;
pub(crate) use run::{Numbered, Runner};
pub(crate) use scope::{Layout, ShardSet};
pub(crate) use snapshot::save as save_snapshot;
#[cfg(feature = "testkit")]
pub(crate) use snapshot::{folded_bytes, state_difference};
pub(crate) use stripe::SeatSlot;
pub(crate) use submit::{Staged, Submitted, Verdict};

#[cfg(feature = "testkit")]
use crate::answer::{Answer, CommandError};
use crate::canary::Canaries;
use crate::command::Command;
use crate::fact::Stamp;
use crate::id::{EventId, Revision};
use crate::log::{Log, Slot, Stop};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, thread};
use crate::time::Clock;
use crate::view::View;

use expiry::Expiry;
use guesses::Guesses;
use scope::{Scope, State};
use shard::Gate;
use undo::Undo;

/// What a client is told in the end.
#[cfg(feature = "testkit")]
pub(crate) type Outcome = Result<Answer, CommandError>;

/// What an event asks its office to do on a thread of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Another writer was first: [`EventCore::rebase`].
    Rebase,
    /// Somebody waits for [`EventCore::read_end`].
    ReadEnd,
}

/// What a box office sets for all its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub canaries: Canaries,
    /// Nobody else reads the journal's end: whoever asks for it does.
    pub manual: bool,
    /// See [`PENDING_BYTES_MAX`](crate::limits::PENDING_BYTES_MAX).
    pub pending_bytes_max: usize,
    /// See [`GUESS_DELAY_MS`](crate::limits::GUESS_DELAY_MS).
    pub guess_delay_ms: u64,
}

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
    ask: Arc<dyn Fn(Ask) + Send + Sync>,
    /// Nobody else does: a reading of the journal's end is done by whoever asks for it.
    manual: bool,
    expiry: Expiry,
    /// Who has given wrong codes.
    guesses: Guesses,
    /// Whether the office has been asked to read the journal's end and has not begun.
    end_asked: AtomicBool,
    /// On shared stores: what has been decided and not answered yet, in order of revision.
    unanswered: Mutex<VecDeque<Unanswered>>,
    /// Grows by one when a rebase begins and when it ends: odd during one.
    epoch: AtomicU64,
    /// Where commands wait for a rebase to end.
    reopened: (Mutex<()>, Condvar),
}

/// A command that may have to be decided again.
struct Unanswered {
    /// Of its fact; or the last one its refusal may depend on.
    revision: Revision,
    /// How to take its fact back, if it has one.
    fact: Option<(Stamp, Box<Undo>)>,
    command: Command,
    slot: Arc<Slot<Verdict>>,
    /// Readings of the journal's end that had begun when it came.
    readings: u64,
}

impl Unanswered {
    /// Whether neither its caller waits nor its fact, if it has one, may have to be taken back.
    fn is_over(&self, durable: Revision) -> bool {
        !self.slot.is_empty() && (self.fact.is_none() || self.revision <= durable)
    }
}

/// Runs `then` if a panic passes by. parking_lot does not poison, so that an event which looks healthy must not be left behind.
pub(crate) struct OnPanic<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}

impl EventCore {
    /// Locks shards and runs `body`. A panic in it stops the event before anything is unlocked, and tells who waits after that.
    fn locked<R>(&self, set: ShardSet, body: impl FnOnce(&mut Scope<'_>) -> R) -> R {
        let panicked = || Stop::Unknown("a panic while the event was locked".to_owned());
        let _tell = OnPanic(|| self.log.stop(panicked()));
        scope::with_shards(&self.state, set, |scope| {
            let _latch = OnPanic(|| _ = self.log.latch(panicked()));
            body(scope)
        })
    }

    /// Lets commands in or not. False if the event has been closed for good.
    fn set_gate(&self, gate: Gate) -> bool {
        let set = self.locked(ShardSet::All, |scope| {
            if scope.gate() == Gate::Closed {
                return false;
            }
            for at in 0..crate::id::SHARDS {
                scope.shard(at).gate = gate;
            }
            true
        });
        let _waiters = self.reopened.0.lock();
        self.reopened.1.notify_all();
        set
    }

    /// Closes the event for good if nothing is going on in it: no live holds, nothing pending, nobody waiting.
    pub fn close_if_idle(&self) -> bool {
        self.locked(ShardSet::All, |scope| {
            let busy = (0..crate::id::SHARDS).any(|at| {
                let shard = scope.shard(at);
                !shard.holds.is_empty() || !shard.due.is_empty()
            });
            // What was decided and does not wait yet learns from the epoch that it has to be decided again.
            let _unanswered = self.unanswered.lock();
            if busy || !self.log.is_idle() {
                return false;
            }
            self.epoch.fetch_add(2, Ordering::AcqRel);
            for at in 0..crate::id::SHARDS {
                scope.shard(at).gate = Gate::Closed;
            }
            true
        })
    }
}
