//! [`SinkStore`]: a store that keeps the catalogue and the first batch of every event, and nothing else. What memory a process
//! with it takes is the engine's own.

use std::collections::HashMap;
use std::ops::ControlFlow;

use parking_lot::Mutex;
use ticketcore::Revision;
use ticketcore::store::{
    Appended, Capabilities, Completion, MemoryStore, ReadError, Record, Snapshot, Store, StoreFailure,
    StreamId, Tail,
};

/// See the module.
#[derive(Default)]
pub struct SinkStore {
    kept: MemoryStore,
    ends: Mutex<HashMap<StreamId, (Revision, Tail)>>,
}

impl SinkStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn append(&self, append: &Completion) -> Appended {
        let batch = append.batch();
        let mut ends = self.ends.lock();
        let end = ends.entry(batch.stream).or_default();
        if end.1 != batch.expected {
            return Appended::Conflict { tail: end.1 };
        }
        *end = (Revision(end.0.0 + u64::from(batch.records.count())), batch.tail());
        Appended::Yes
    }
}

impl Store for SinkStore {
    fn submit(&self, append: Completion) {
        let batch = append.batch();
        let outcome = if batch.stream == StreamId::System {
            return self.kept.submit(append);
        } else if batch.expected == Tail::default() {
            let _counted = self.append(&append);
            return self.kept.submit(append);
        } else {
            self.append(&append)
        };
        append.done(outcome);
    }

    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        let end = self.ends.lock().get(&stream).copied();
        let kept = self.kept.read(stream, Revision(u64::MAX), &mut |_| ControlFlow::Break(()))?.0;
        match end {
            Some(end) if after >= end.0 => Ok(end),
            Some(end) if after >= kept => Err(ReadError::Truncated { oldest: end.0.next() }),
            _ => self.kept.read(stream, after, visit),
        }
    }

    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        self.kept.save_snapshot(stream, snapshot)
    }

    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        self.kept.load_snapshot(stream)
    }

    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        self.kept.streams()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inline: true, shared: false, durable: false }
    }
}
