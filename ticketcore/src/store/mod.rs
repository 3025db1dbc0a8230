//! Where journals live: the [`Store`] trait and the memory store.
//!
//! A store is a conditional append: a batch of records goes to the end of a stream's journal if that journal still
//! ends where the caller thinks. That is all a fleet of nodes needs to stay correct.

mod gather;
pub mod local;
mod memory;
mod record;
mod side;

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use gather::Outbox;
pub use gather::{Gather, Unsent};
pub use local::LocalStore;
pub use memory::MemoryStore;
pub use record::{Record, RecordIter, Records, RecordsError};
pub use side::{SIDE_BYTES_MAX, SideId, SideRecords};

use crate::id::{EventId, Revision};

/// What has a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StreamId {
    /// Venues and the catalogue of events.
    System,
    /// The inventory of one event.
    Event(EventId),
    /// The waiting room of one event.
    Room(EventId),
}

/// The name of a batch, chosen by its writer, never used twice: node in the upper, counter in the lower half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId(pub u128);

/// Where a journal ends: number and name of its last batch. Number 0 with name 0 is an empty journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// Number of the last batch, from 1.
    pub seq: u64,
    /// Name of the last batch.
    pub id: BatchId,
}

/// Records for the end of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The stream.
    pub stream: StreamId,
    /// Where its journal must still end.
    pub expected: Tail,
    /// This batch's name; its number is `expected.seq + 1`.
    pub id: BatchId,
    /// The revision of its first record.
    pub first_revision: Revision,
    /// The records, at least one.
    pub records: Records,
}

impl Batch {
    /// Where the journal ends once this batch is appended.
    #[must_use]
    pub const fn tail(&self) -> Tail {
        Tail { seq: self.expected.seq + 1, id: self.id }
    }
}

/// How an append ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The batch is in the journal and as durable as the store promises.
    Yes,
    /// The journal ends elsewhere; the batch is not in it. The tail found may already be out of date.
    Conflict {
        /// Where it ends.
        tail: Tail,
    },
    /// The batch is certainly not in the journal; the same batch may be submitted again.
    Failed(StoreFailure),
    /// Nobody knows. Submitting the identical batch again is safe and may tell.
    Unknown(StoreFailure),
}

/// A store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("store: {reason}")]
pub struct StoreFailure {
    /// What went wrong, for people.
    pub reason: String,
}

impl StoreFailure {
    /// A failure with this reason.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Receives what became of submitted batches.
pub trait CompletionSink: Send + Sync {
    /// Called exactly once per submitted batch, from any thread, also from inside [`Store::submit`]. Gives the
    /// batch back, so that its buffers can be used again.
    fn complete(&self, batch: Batch, outcome: Appended);
}

/// The promise to answer one [`Store::submit`]. A completion dropped with its batch unanswered can't happen:
/// the batch travels inside it, and dropping it answers [`Appended::Unknown`].
pub struct Completion {
    sink: Arc<dyn CompletionSink>,
    batch: Option<Batch>,
}

impl Completion {
    /// A completion that will tell `sink` about `batch`.
    #[must_use]
    pub fn new(sink: Arc<dyn CompletionSink>, batch: Batch) -> Self {
        Self { sink, batch: Some(batch) }
    }

    /// The batch to append.
    ///
    /// # Panics
    /// Never: the batch leaves only with the completion itself.
    #[must_use]
    pub fn batch(&self) -> &Batch {
        self.batch.as_ref().expect("the batch leaves with the completion")
    }

    /// Answers.
    pub fn done(mut self, outcome: Appended) {
        if let Some(batch) = self.batch.take() {
            self.sink.complete(batch, outcome);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            let reason = StoreFailure::new("the store dropped the batch without an answer");
            self.sink.complete(batch, Appended::Unknown(reason));
        }
    }
}

/// A journal can't be read from where the caller wants, or at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Facts up to and including `oldest - 1` are gone (retention); a snapshot holds what they led to.
    #[error("the journal begins at {oldest}")]
    Truncated {
        /// The oldest revision still there.
        oldest: Revision,
    },
    /// The store can't answer now.
    #[error(transparent)]
    Failed(#[from] StoreFailure),
}

/// A saved fold of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The revision it was folded up to; always the last of a batch.
    pub revision: Revision,
    /// Where the journal ended at that revision.
    pub tail: Tail,
    /// The folded state.
    pub bytes: Arc<[u8]>,
}

/// What a store is and can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It completes a batch inside `submit`, without I/O.
    pub inline: bool,
    /// Other writers may append to the same streams, so conflicts are part of life.
    pub shared: bool,
    /// What is appended survives the process.
    pub durable: bool,
}

/// Where journals live.
///
/// Implementations are checked by the conformance suite (`testkit::conformance`). To be correct a store must keep every
/// promise below, under any number of concurrent callers.
pub trait Store: Send + Sync + 'static {
    /// Appends [`Completion::batch`] to its stream if the journal still ends at `expected`.
    ///
    /// * Atomic: all records of the batch become readable at once, or none ever.
    /// * Answers exactly once through the completion, from any thread, and never holds a lock of its own meanwhile.
    /// * [`Appended::Yes`] only when the batch is as durable as the store's mode promises, and readable.
    /// * Idempotent: a batch whose name is that of the batch already standing at its number is answered `Yes`; if the journal no longer
    ///   goes back that far, [`Appended::Unknown`].
    /// * A batch without records, or whose first revision does not follow the journal's last, is answered [`Appended::Failed`].
    /// * To a caller that submits batches of one stream one after the other, answers come in that order.
    fn submit(&self, append: Completion);

    /// Appends `batch` at once, as [`submit`](Self::submit) would, if that takes neither I/O nor another thread: a store in memory saves its
    /// callers the completion. `None`, and nothing has happened, if this store has no such way; the batch then comes through `submit`.
    /// Callers may use both, one after the other.
    fn append_at_once(&self, batch: &Batch) -> Option<Appended> {
        let _none = batch;
        None
    }

    /// Visits the records of `stream` after revision `after`, oldest first, until `visit` breaks or the journal ends.
    /// Returns the tail of the last batch visited wholly or in part together with the last revision visited; if there
    /// was none, the journal's own tail at `after`.
    ///
    /// * Visits only what was appended with `Yes` or is being answered so, and all of it.
    /// * Never visits a part of a batch, unless `visit` breaks or `after` lies inside it.
    ///
    /// # Errors
    /// [`ReadError::Truncated`] if facts right after `after` are gone.
    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError>;

    /// Keeps `snapshot` for `stream` if it is newer than the one kept. Snapshots only move forward.
    ///
    /// # Errors
    /// The old snapshot is still there then.
    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure>;

    /// The newest snapshot of `stream`.
    ///
    /// # Errors
    /// If there may be one that can't be read.
    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure>;

    /// All streams with at least one record, ascending.
    ///
    /// # Errors
    /// If they can't be listed now.
    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure>;

    /// Records that can be erased, if this store keeps any.
    fn side_records(&self) -> Option<&dyn SideRecords> {
        None
    }

    /// Who says when facts that have piled up are sent to it; at once if nobody. Asked when a stream is opened.
    fn gather(&self) -> Option<Arc<dyn Gather>> {
        None
    }

    /// What this store is and can do. Never changes.
    fn capabilities(&self) -> Capabilities;
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn submit(&self, append: Completion) {
        (**self).submit(append);
    }
    fn append_at_once(&self, batch: &Batch) -> Option<Appended> {
        (**self).append_at_once(batch)
    }
    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        (**self).read(stream, after, visit)
    }
    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        (**self).save_snapshot(stream, snapshot)
    }
    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        (**self).load_snapshot(stream)
    }
    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        (**self).streams()
    }
    fn side_records(&self) -> Option<&dyn SideRecords> {
        (**self).side_records()
    }
    fn gather(&self) -> Option<Arc<dyn Gather>> {
        (**self).gather()
    }
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }
}
