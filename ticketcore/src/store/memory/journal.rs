//! One stream's journal in memory: sealed chunks that readers share, and the open one that grows.

use std::collections::VecDeque;
use std::sync::Arc;

use super::chunk::Chunk;
use crate::id::Revision;
use crate::store::{Appended, Batch, BatchId, StoreFailure, Tail};

/// Chunks double from the one size to the other, so that a quiet stream is small and a busy one allocates rarely.
const CHUNK_BYTES_MIN: usize = 1 << 10;
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// A journal. Every method is short: bounded by one batch or one piece, never by the journal.
#[derive(Debug)]
pub(super) struct Journal {
    tail: Tail,
    last: Revision,
    sealed: VecDeque<Arc<Chunk>>,
    open: Chunk,
    /// How big the next chunk will be.
    chunk_bytes: usize,
}

impl Default for Journal {
    fn default() -> Self {
        let open = Chunk::new(Revision::ZERO.next(), 1, 0);
        Self {
            tail: Tail::default(),
            last: Revision::ZERO,
            sealed: VecDeque::new(),
            open,
            chunk_bytes: CHUNK_BYTES_MIN,
        }
    }
}

impl Journal {
    pub(super) const fn tail(&self) -> Tail {
        self.tail
    }

    /// The last record's revision.
    pub(super) const fn last(&self) -> Revision {
        self.last
    }

    /// The oldest revision still here, or the next one if there is none.
    pub(super) fn oldest(&self) -> Revision {
        self.sealed.front().map_or(self.open.first_revision(), |chunk| chunk.first_revision())
    }

    /// Bytes of memory taken.
    pub(super) fn bytes(&self) -> usize {
        self.sealed.iter().map(|chunk| chunk.footprint()).sum::<usize>() + self.open.footprint()
    }

    /// The conditional append, see [`Store::submit`](crate::store::Store::submit).
    pub(super) fn append(&mut self, batch: &Batch) -> Appended {
        if batch.expected != self.tail {
            return self.already_there(batch);
        }
        if batch.records.count() == 0 || batch.first_revision != self.last.next() {
            let reason = format!(
                "{} records from {} cannot follow {}",
                batch.records.count(),
                batch.first_revision,
                self.last
            );
            return Appended::Failed(StoreFailure::new(reason));
        }
        let len = batch.records.bytes().len();
        if self.open.len() + len > self.open.capacity() {
            self.next_chunk(len.max(self.chunk_bytes));
            self.chunk_bytes = (self.chunk_bytes * 2).min(CHUNK_BYTES_MAX);
        }
        self.open.push(batch);
        self.tail = batch.tail();
        self.last = self.open.last_revision();
        if self.open.len() >= CHUNK_BYTES_MAX {
            // Readers copy from the open chunk: a huge batch must not be copied under the lock.
            self.next_chunk(0);
        }
        Appended::Yes
    }

    /// What to answer to a batch that expects another tail than ours.
    fn already_there(&self, batch: &Batch) -> Appended {
        let seq = batch.tail().seq;
        if seq > self.tail.seq {
            return Appended::Conflict { tail: self.tail };
        }
        match self.id_of(seq) {
            Some(id) if id == batch.id => Appended::Yes,
            Some(_) => Appended::Conflict { tail: self.tail },
            None => Appended::Unknown(StoreFailure::new("the journal no longer goes back that far")),
        }
    }

    fn id_of(&self, seq: u64) -> Option<BatchId> {
        if seq >= self.open.first_seq() {
            return Some(self.open.id_of(seq));
        }
        let after = self.sealed.partition_point(|chunk| chunk.first_seq() <= seq);
        Some(self.sealed.get(after.checked_sub(1)?)?.id_of(seq))
    }

    /// Seals the open chunk; the next one has room for `capacity` bytes.
    fn next_chunk(&mut self, capacity: usize) {
        let next = Chunk::new(self.last.next(), self.tail.seq + 1, capacity);
        let mut full = std::mem::replace(&mut self.open, next);
        if !full.is_empty() {
            full.seal();
            self.sealed.push_back(Arc::new(full));
        }
    }

    /// Batches from the one that `revision` belongs to, which must not be before [`Journal::oldest`] nor after
    /// [`Journal::last`]: a whole sealed chunk, or a copy of about `bytes` bytes of the open one. O(log batches).
    pub(super) fn piece(&self, revision: Revision, bytes: usize) -> Arc<Chunk> {
        if revision >= self.open.first_revision() {
            return Arc::new(self.open.piece(revision, bytes));
        }
        let after = self.sealed.partition_point(|chunk| chunk.first_revision() <= revision);
        Arc::clone(&self.sealed[after - 1])
    }

    /// Takes out all chunks that end at or before `revision`, for the caller to drop.
    pub(super) fn forget_until(&mut self, revision: Revision) -> Vec<Arc<Chunk>> {
        if self.last <= revision {
            self.next_chunk(0);
        }
        let keep = self.sealed.partition_point(|chunk| chunk.last_revision() <= revision);
        self.sealed.drain(..keep).collect()
    }
}
