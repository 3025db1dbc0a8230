//! Opening an event: the latest snapshot, then the facts after it.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::apply::{Origin, apply};
use super::expiry::Expiry;
use super::guesses::Guesses;
use super::scope::{Layout, State, with_shards};
use super::touched::{seats_of, shards_of};
use super::{Ask, EventCore, Settings};
use crate::fact::{Fact, Stamp};
use crate::id::{EventId, Revision};
use crate::invariant::{Invariant, Violation};
use crate::log::{Follower, Log, Sent};
use crate::manifest::Manifest;
use crate::store::{ReadError, Record, Records, Store, StoreFailure, StreamId, Tail};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::time::{Clock, UtcMs};
use crate::view::View;

/// An event can't be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Its journal is empty: it was never defined.
    #[error("the event is not defined")]
    Undefined,
    /// The journal is damaged, or this version can't read it.
    #[error(transparent)]
    Violated(#[from] Violation),
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// State and view after a fold, and where it stands.
pub(super) struct Folded {
    pub state: State,
    pub view: View,
    pub revision: Revision,
    pub at: UtcMs,
}

impl Folded {
    /// Folds one more record.
    fn record(folded: &mut Option<Folded>, record: Record<'_>) -> Result<(), Violation> {
        let broken = |what| Violation::new(Invariant::I8SameFacts, record.stamp.revision, what);
        let Some(folded) = folded else {
            *folded = Some(Self::first(record)?);
            return Ok(());
        };
        let fact = Fact::decode(record.body).map_err(|error| broken(error.to_string()))?;
        folded.fact(record.stamp, &fact)?;
        folded.view.fold_one(record.stamp, &fact)
    }

    /// What an event's first fact makes.
    fn first(record: Record<'_>) -> Result<Self, Violation> {
        let Record { stamp, body } = record;
        let broken = |what| Violation::new(Invariant::I8SameFacts, stamp.revision, what);
        let Some(definition) = Fact::stored_definition(body) else {
            return Err(broken("the first fact does not define the event".to_owned()));
        };
        let manifest = Manifest::of_stored_definition(definition)
            .map_err(|error| broken(format!("the definition is not valid: {error}")))?;
        let manifest = Arc::new(manifest);
        let view = View::new(stamp, Arc::clone(&manifest));
        Ok(Self { state: State::new(Layout::new(manifest)), view, revision: stamp.revision, at: stamp.at })
    }

    fn fact(&mut self, stamp: Stamp, fact: &Fact) -> Result<(), Violation> {
        if stamp.revision != self.revision.next() || stamp.at < self.at {
            let what = format!("follows {} logged at {}", self.revision, self.at);
            return Err(Violation::new(Invariant::I8SameFacts, stamp.revision, what));
        }
        with_shards(&self.state, shards_of(fact), |scope| {
            scope.lock_stripes(seats_of(fact).into_iter(), 0);
            apply(&self.state, scope, stamp, fact, Origin::Journal)
        })?;
        self.revision = stamp.revision;
        self.at = stamp.at;
        Ok(())
    }
}

/// Folds a stream from its latest snapshot on. If that is damaged, or of another version, from the first fact; if that is gone, or the
/// journal ends before the snapshot, what is wrong with the snapshot is the error.
pub(super) fn fold(store: &dyn Store, stream: StreamId) -> Result<(Folded, Tail), OpenError> {
    let Some(snapshot) = store.load_snapshot(stream)? else {
        return fold_after(store, stream, None, Tail::default());
    };
    let damage = match super::snapshot::decode(&snapshot) {
        Ok(folded) => return fold_after(store, stream, Some(folded), snapshot.tail),
        Err(damage) => damage,
    };
    match fold_after(store, stream, None, Tail::default()) {
        Ok((folded, tail)) if folded.revision >= snapshot.revision => Ok((folded, tail)),
        Ok(_) | Err(OpenError::Undefined | OpenError::Read(ReadError::Truncated { .. })) => {
            Err(damage.into())
        }
        Err(other) => Err(other),
    }
}

/// Folds the facts after `folded`, which stands at `tail`, or all.
fn fold_after(
    store: &dyn Store,
    stream: StreamId,
    mut folded: Option<Folded>,
    mut tail: Tail,
) -> Result<(Folded, Tail), OpenError> {
    let after = folded.as_ref().map_or(Revision::ZERO, |folded| folded.revision);
    let mut failed = None;
    let (last, end) = store.read(stream, after, &mut |record| match Folded::record(&mut folded, record) {
        Ok(()) => ControlFlow::Continue(()),
        Err(violation) => {
            failed = Some(violation);
            ControlFlow::Break(())
        }
    })?;
    if let Some(violation) = failed {
        return Err(violation.into());
    }
    if last > after {
        tail = end;
    }
    Ok((folded.ok_or(OpenError::Undefined)?, tail))
}

/// Follows the journal of one event: into the durable view, or into a conflict.
struct EventFollower {
    view: Arc<View>,
    conflict: Arc<AtomicBool>,
    ask: Arc<dyn Fn(Ask) + Send + Sync>,
}

impl Follower for EventFollower {
    fn appended(&self, first: Revision, records: &Records, facts: &[Sent]) -> Result<(), Violation> {
        self.view.fold(first, records, facts)
    }

    fn conflict(&self) {
        self.conflict.store(true, Ordering::Release);
        (self.ask)(Ask::Rebase);
    }
}

impl EventCore {
    /// Opens an event. `ask` is called when something has to be done on a thread of its own.
    pub fn open(
        id: EventId,
        store: &Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        node: u64,
        settings: Settings,
        ask: Arc<dyn Fn(Ask) + Send + Sync>,
    ) -> Result<Arc<Self>, OpenError> {
        let stream = StreamId::Event(id);
        let (folded, tail) = fold(&**store, stream)?;
        let view = Arc::new(folded.view);
        let conflict = Arc::new(AtomicBool::new(false));
        let follower =
            EventFollower { view: Arc::clone(&view), conflict: Arc::clone(&conflict), ask: Arc::clone(&ask) };
        let end = (folded.revision, tail, folded.at);
        let log = Log::new(stream, Arc::clone(store), node, Box::new(follower), settings, end);
        Ok(Arc::new(Self {
            id,
            state: folded.state,
            log,
            view,
            clock,
            canaries: settings.canaries,
            conflict,
            ask,
            manual: settings.manual,
            expiry: Expiry::default(),
            guesses: Guesses::new(settings.guess_delay_ms),
            end_asked: AtomicBool::new(false),
            unanswered: Mutex::new(VecDeque::new()),
            epoch: AtomicU64::new(0),
            reopened: (Mutex::new(()), Condvar::new()),
        }))
    }
}
