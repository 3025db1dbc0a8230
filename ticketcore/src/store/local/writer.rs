//! The writer: takes whatever batches have come, writes them together, syncs once, and answers each. While it syncs the next ones pile up,
//! so that the disk itself says how many go together.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Durability;
use super::error::{Doing, LocalError};
use super::format::frame::{Durable, FrameHead, frame_len, put_frame};
use super::format::manifest::End;
use super::format::segment::LogEnd;
use super::format::{BLOCK, chained};
use super::index::{Place, Segment};
use super::last_words::LastWords;
use super::shared::{Counters, Sealed, Shared};
use crate::id::Revision;
use crate::store::{Appended, Batch, Completion, StoreFailure, StreamId};
use crate::sync::atomic::Ordering;

/// A write is sent off once it has so many bytes, however many batches still wait.
const GROUP_BYTES: usize = 4 << 20;
/// Bytes of records that one batch may have: more than the largest plan that is taken makes of itself.
const BATCH_BYTES_MAX: usize = 128 << 20;
const _: () = assert!(BATCH_BYTES_MAX >= crate::limits::PLAN_BYTES_MAX);

/// A batch in the group that is being put together.
struct Placed {
    /// Among the answers.
    answer: usize,
    at: u32,
    end: End,
}

/// See the module. One per store; whoever has it writes.
pub(super) struct Writer {
    shared: Arc<Shared>,
    segment: Arc<Segment>,
    size: u64,
    /// Where the next group goes: on a border.
    at: u32,
    /// Checksum of the last frame.
    crc: u32,
    /// How much of the segment is on the disk.
    durable: Durable,
    /// When the oldest unsynced write was made.
    unsynced: Option<Instant>,
    group: Vec<u8>,
    placed: Vec<Placed>,
    /// Where streams end with the group.
    ends: HashMap<StreamId, End>,
    answers: Vec<(Completion, Appended)>,
}

impl Writer {
    /// Goes on after `before` in a new segment, whose header is on the disk when this returns.
    pub fn begin(shared: &Arc<Shared>, before: LogEnd) -> Result<Self, LocalError> {
        let spare = shared.take_slot(0)?;
        let (segment, size) = shared.begin_segment(spare, before)?;
        segment.file.sync().doing("sync", &segment.name)?;
        shared.sync_folder(super::slots::LOG)?;
        shared.newest.store(segment.number, Ordering::Release);
        *shared.active.lock() = Some(Arc::clone(&segment));
        Ok(Self {
            shared: Arc::clone(shared),
            segment,
            size,
            at: small(BLOCK),
            crc: 0,
            durable: Durable { to: small(BLOCK), crc: 0 },
            unsynced: None,
            group: Vec::new(),
            placed: Vec::new(),
            ends: HashMap::new(),
            answers: Vec::new(),
        })
    }

    /// Writes, syncs and answers what waits. False if nothing did.
    pub fn drain(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.shared.queue.lock().waiting);
        let any = !waiting.is_empty();
        for append in waiting {
            self.take(append);
        }
        self.flush();
        any
    }

    /// Adds a batch to the group, or notes why not.
    fn take(&mut self, append: Completion) {
        let batch = append.batch();
        let stream = batch.stream;
        let before = match self.ends.get(&stream) {
            Some(end) => *end,
            None => self.shared.index.lock().end(stream),
        };
        if let Err(outcome) = self.judge(batch, before) {
            self.answers.push((append, outcome));
            return;
        }
        self.place(append, before);
    }

    /// Adds the next batch of its stream, which ends at `before`, to the group.
    fn place(&mut self, append: Completion, before: End) {
        let batch = append.batch();
        let stream = batch.stream;
        let records = batch.records.bytes();
        let room = frame_len(records.len());
        let full = self.group.len() + room > GROUP_BYTES && !self.group.is_empty();
        let needed = (self.group.len() + room).next_multiple_of(BLOCK) as u64;
        if full || u64::from(self.at) + needed > self.size {
            self.flush();
        }
        if let Err(error) = self.make_room(room) {
            self.answers.push((append, Appended::Failed(StoreFailure::from(error))));
            return;
        }
        if let Some(reason) = self.shared.poison.get() {
            self.answers.push((append, Appended::Unknown(StoreFailure::new(reason.clone()))));
            return;
        }
        let base = batch.records.base();
        let end = End {
            revision: Revision(batch.first_revision.0 + u64::from(batch.records.count()) - 1),
            tail: batch.tail(),
            chain: chained(before.chain, batch.id, batch.first_revision, base, records),
        };
        let head = FrameHead {
            life: self.segment.life,
            before: self.crc,
            durable: self.durable,
            stream: Some(stream),
            seq: batch.tail().seq,
            id: batch.id,
            first: batch.first_revision,
            count: batch.records.count(),
            base,
            chain: end.chain,
        };
        let at = self.at + small(self.group.len());
        self.crc = put_frame(&mut self.group, &head, records);
        self.ends.insert(stream, end);
        self.placed.push(Placed { answer: self.answers.len(), at, end });
        self.answers.push((append, Appended::Yes));
    }

    /// Whether a batch follows what its stream ends with, or what to answer instead.
    fn judge(&self, batch: &Batch, end: End) -> Result<(), Appended> {
        if let Some(reason) = self.shared.poison.get() {
            return Err(Appended::Unknown(StoreFailure::new(reason.clone())));
        }
        if batch.expected == end.tail {
            let count = batch.records.count();
            let room = batch.first_revision.0.checked_add(u64::from(count)).is_some();
            let bytes = batch.records.bytes().len();
            if bytes > BATCH_BYTES_MAX {
                let reason = format!("a batch has {bytes} bytes, {BATCH_BYTES_MAX} at most are taken");
                return Err(Appended::Failed(StoreFailure::new(reason)));
            }
            if count > 0 && batch.first_revision == end.revision.next() && room {
                return Ok(());
            }
            let reason =
                format!("{count} records from {} cannot follow {}", batch.first_revision, end.revision);
            return Err(Appended::Failed(StoreFailure::new(reason)));
        }
        let seq = batch.tail().seq;
        if seq > end.tail.seq {
            return Err(Appended::Conflict { tail: end.tail });
        }
        let placed = self.placed.iter().map(|placed| self.answers[placed.answer].0.batch());
        let mut placed = placed.filter(|placed| placed.stream == batch.stream);
        let id = match placed.find(|placed| placed.tail().seq == seq) {
            Some(placed) => Ok(Some(placed.id)),
            None if seq == end.tail.seq => Ok(Some(end.tail.id)),
            None => self.shared.id_of(batch.stream, seq),
        };
        Err(match id {
            Ok(Some(id)) if id == batch.id => Appended::Yes,
            Ok(Some(_)) => Appended::Conflict { tail: end.tail },
            Ok(None) => Appended::Unknown(StoreFailure::new("the journal no longer goes back that far")),
            Err(error) => Appended::Unknown(StoreFailure::from(error)),
        })
    }

    /// Sees to it that `bytes` more bytes fit in the segment behind the group.
    fn make_room(&mut self, bytes: usize) -> Result<(), LocalError> {
        let needed = (self.group.len() + bytes).next_multiple_of(BLOCK) as u64;
        if u64::from(self.at) + needed <= self.size {
            return Ok(());
        }
        self.sync();
        if self.shared.poison.get().is_some() {
            return Ok(());
        }
        self.shared.wait_for_keeper()?;
        let spare = self.shared.take_slot(needed + BLOCK as u64)?;
        let before = self.log_end();
        let (segment, size) = match self.shared.begin_segment(spare, before) {
            Ok(begun) => begun,
            // There may be a header now that must not come twice.
            Err(error) => {
                self.shared.poison(&error);
                return Ok(());
            }
        };
        *self.shared.active.lock() = Some(Arc::clone(&segment));
        let old = std::mem::replace(&mut self.segment, segment);
        #[cfg(feature = "testkit")]
        if self.shared.options.canary == Some(super::LocalCanary::RecycleBeforeArchive) {
            let (name, file) = (old.name.clone(), Arc::clone(&old.file));
            self.shared.slots.lock().spare.insert(0, super::shared::Spare { name, file, size: self.size });
        }
        let sealed = Sealed { segment: old, end: before, size: self.size };
        (self.size, self.at, self.crc) = (size, small(BLOCK), 0);
        self.durable = Durable { to: small(BLOCK), crc: 0 };
        self.unsynced = Some(Instant::now());
        self.shared.slots.lock().sealed.push_back(sealed);
        self.shared.ask_keeper();
        Ok(())
    }

    fn log_end(&self) -> LogEnd {
        LogEnd { segment: self.segment.number, at: self.at, crc: self.crc }
    }

    /// Writes the group; syncs it if every write is to be synced; then its batches can be read.
    fn write(&mut self) {
        if self.group.is_empty() {
            return;
        }
        self.group.resize(self.group.len().next_multiple_of(BLOCK), 0);
        let written = if self.shared.poison.get().is_some() {
            Ok(())
        } else {
            #[cfg(feature = "testkit")]
            if self.shared.options.canary == Some(super::LocalCanary::AckBeforeSync) {
                self.publish();
                self.answer();
            }
            self.segment.file.write_at(&self.group, u64::from(self.at)).doing("write", &self.segment.name)
        };
        self.at += small(self.group.len());
        let counters = &self.shared.counters;
        Counters::add(&counters.writes, 1);
        Counters::add(&counters.log_bytes, self.group.len() as u64);
        self.group.clear();
        self.unsynced.get_or_insert_with(Instant::now);
        match written {
            Err(error) => self.shared.poison(&error),
            Ok(()) if self.shared.options.durability == Durability::Strict || self.is_due() => self.sync(),
            Ok(()) => {}
        }
        self.publish();
    }

    /// Puts the batches of the group into the index, or answers that nobody knows what became of them.
    fn publish(&mut self) {
        let placed = std::mem::take(&mut self.placed);
        self.ends.clear();
        if let Some(reason) = self.shared.poison.get() {
            for (_, outcome) in self.answers.iter_mut().filter(|(_, outcome)| *outcome == Appended::Yes) {
                *outcome = Appended::Unknown(StoreFailure::new(reason.clone()));
            }
            return;
        }
        Counters::add(&self.shared.counters.batches, placed.len() as u64);
        let mut index = self.shared.index.lock();
        index.written = self.log_end();
        for placed in &placed {
            let batch = self.answers[placed.answer].0.batch();
            let place = Place::new(batch.first_revision, placed.at, batch.records.bytes());
            index.push(batch.stream, &self.segment, place, placed.end.tail.seq, placed.end);
        }
    }

    fn flush(&mut self) {
        self.write();
        self.answer();
    }

    fn answer(&mut self) {
        for (append, outcome) in self.answers.drain(..) {
            append.done(outcome);
        }
        self.group.shrink_to(2 * GROUP_BYTES);
    }

    /// Returns once everything written is on the disk, or the store is poisoned.
    pub fn sync(&mut self) {
        if self.unsynced.take().is_none() || self.shared.poison.get().is_some() {
            return;
        }
        Counters::add(&self.shared.counters.syncs, 1);
        // If it fails, the store is poisoned.
        if self.shared.sync_segment(&self.segment).is_ok() {
            self.durable = Durable { to: self.at, crc: self.crc };
            if self.shared.newest.swap(self.segment.number, Ordering::AcqRel) != self.segment.number {
                self.shared.ask_keeper();
            }
        }
    }

    /// Says in the log that everything before is on the disk, so that harm to the last batches can't look like a torn write.
    pub fn close(&mut self) {
        while self.drain() {}
        self.sync();
        if self.at == small(BLOCK) || self.shared.poison.get().is_some() || self.make_room(BLOCK).is_err() {
            return;
        }
        let end = End::default();
        let head = FrameHead {
            life: self.segment.life,
            before: self.crc,
            durable: self.durable,
            stream: None,
            seq: 0,
            id: end.tail.id,
            first: end.revision,
            count: 0,
            base: crate::time::UtcMs(0),
            chain: 0,
        };
        self.crc = put_frame(&mut self.group, &head, &[]);
        self.write();
        self.sync();
    }

    /// Whether what was written first may wait no longer.
    fn is_due(&self) -> bool {
        self.patience().is_some_and(|patience| patience.is_zero())
    }

    /// How long the writer may sleep before it must sync.
    fn patience(&self) -> Option<Duration> {
        match (self.shared.options.durability, self.unsynced) {
            (Durability::Interval(ms), Some(since)) => {
                Some((since + Duration::from_millis(ms)).saturating_duration_since(Instant::now()))
            }
            _ => None,
        }
    }

    /// The writer's thread.
    pub fn run(mut self) {
        let _last = LastWords::of(&self.shared);
        loop {
            if self.drain() {
                continue;
            }
            if self.is_due() {
                self.sync();
            }
            if self.sleep().is_break() {
                return self.close();
            }
        }
    }

    fn sleep(&self) -> ControlFlow<()> {
        let mut queue = self.shared.queue.lock();
        if !queue.waiting.is_empty() {
            return ControlFlow::Continue(());
        }
        if queue.closing {
            return ControlFlow::Break(());
        }
        match self.patience() {
            Some(patience) => _ = self.shared.work.wait_for(&mut queue, patience),
            None => self.shared.work.wait(&mut queue),
        }
        ControlFlow::Continue(())
    }
}

/// Segments are shorter than 4 GiB.
pub(super) fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
