//! The keeper: what need not be done while somebody waits. It keeps a file ready for the log, moves full segments to archives, and gives
//! back what is no longer needed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use super::error::{Damage, Doing, LocalError};
use super::files::Access;
use super::format::BLOCK;
use super::format::archive::{ARCHIVES, ArchiveWriter, StoredBatch, archive_file};
use super::format::frame::{Frame, frames_until, of_life};
use super::format::manifest::{ArchiveEntry, End, MANIFEST, Manifest, Retention, StreamEntry};
use super::format::segment::LogEnd;
use super::index::{Archive, Segment};
use super::shared::{Counters, Shared};
use crate::id::Revision;
use crate::store::StreamId;
use crate::sync::atomic::Ordering;

/// Files kept ready for the log.
const SPARES: usize = 1;
/// An archive smaller than this is written again together with what comes after it, so that there are few.
const MERGE_BYTES: u64 = 1 << 20;
/// How long the keeper waits before it tries again what failed.
const PATIENCE: Duration = Duration::from_secs(1);

impl Shared {
    /// Does whatever there is to do.
    ///
    /// What fails keeps nothing else from being done: on a full disk archiving and letting go are what makes room.
    pub fn keep_house(&self) -> Result<(), LocalError> {
        let _alone = self.keeping.lock();
        let first = if self.slots.lock().sealed.is_empty() { self.prepare() } else { Ok(()) };
        let steps = [self.note_newest(), self.archive_all(), self.let_go(), self.reuse(), self.prepare()];
        steps.into_iter().fold(first, Result::and)
    }

    fn archive_all(&self) -> Result<(), LocalError> {
        while self.archive_next()? {
            if self.queue_is_closed() {
                break;
            }
        }
        Ok(())
    }

    /// Uses files of segments again that nobody reads any more, and gives back those that are not needed.
    fn reuse(&self) -> Result<(), LocalError> {
        let gone = {
            let mut slots = self.slots.lock();
            let ready = slots.spare.len();
            let gone = slots.take_unread(SPARES + 1, u64::from(self.options.segment_bytes));
            Counters::add(&self.counters.segments_reused, (slots.spare.len() - ready) as u64);
            gone
        };
        for name in gone {
            self.files.remove(&name).doing("remove", &name)?;
        }
        Ok(())
    }

    /// The keeper's thread.
    pub fn run_keeper(self: &Arc<Self>) {
        loop {
            let trouble = self.keep_house().err().map(|error| error.to_string());
            let again = trouble.is_some();
            *self.trouble.lock() = trouble;
            let mut asked = self.keep_asked.lock();
            if self.queue_is_closed() {
                return;
            }
            let retired = !self.slots.lock().retired.is_empty();
            if !*asked && (again || retired) {
                self.keep.wait_for(&mut asked, PATIENCE);
            } else if !*asked {
                self.keep.wait(&mut asked);
            }
            *asked = false;
        }
    }

    fn queue_is_closed(&self) -> bool {
        self.queue.lock().closing
    }

    fn prepare(&self) -> Result<(), LocalError> {
        if self.slots.lock().spare.is_empty() {
            let spare = self.make_slot(0)?;
            self.slots.lock().spare.push(spare);
        }
        Ok(())
    }

    /// From now on it is known that the newest segment must be there.
    pub fn note_newest(&self) -> Result<(), LocalError> {
        let newest = self.newest.load(Ordering::Acquire);
        let mut manifest = self.manifest.lock();
        if manifest.newest >= newest {
            return Ok(());
        }
        self.save_manifest(&mut manifest, |next| next.newest = newest)
    }

    /// Changes the manifest: on the disk first, then in memory.
    pub fn save_manifest(
        &self,
        manifest: &mut Manifest,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<(), LocalError> {
        let mut next = manifest.clone();
        change(&mut next);
        self.replace("", MANIFEST, &next.encode())?;
        *manifest = next;
        Ok(())
    }

    /// Moves the facts of the oldest full segment to archives. False if there is none.
    fn archive_next(&self) -> Result<bool, LocalError> {
        let (segment, end) = match self.slots.lock().sealed.front() {
            Some(sealed) => (Arc::clone(&sealed.segment), sealed.end),
            None => return Ok(false),
        };
        let mut manifest = self.manifest.lock();
        let mut moved = self.pack(&manifest, &segment, end)?;
        let mut next = manifest.clone();
        let mut replaced = Vec::new();
        for (stream, packed) in &mut moved {
            let entry = next.streams.entry(*stream).or_default();
            if let Some(old) = packed.replaces {
                entry.archives.pop();
                replaced.push(archive_file(*stream, old));
            }
            self.doubtful.lock().push((*stream, next.next_file));
            let archive = packed.write(self, *stream, &mut next.next_file)?;
            entry.archives.push(archive);
            entry.end = archive.end;
        }
        if !moved.is_empty() {
            self.sync_folder(ARCHIVES)?;
        }
        // If what follows fails, either manifest may be on the disk: what this one names is not written over when it is tried again.
        manifest.next_file = next.next_file;
        next.archived = end;
        next.newest = next.newest.max(self.newest.load(Ordering::Acquire));
        self.replace("", MANIFEST, &next.encode())?;
        self.index.lock().archived(segment.number, &next.streams);
        *manifest = next;
        self.drop_doubtful(&manifest)?;
        drop(manifest);
        drop(segment);
        self.retire();
        Counters::add(&self.counters.segments_archived, 1);
        for file in replaced {
            self.files.remove(&file).doing("remove", &file)?;
        }
        Ok(true)
    }

    /// Removes what earlier tries have left, now that the manifest says what counts.
    fn drop_doubtful(&self, manifest: &Manifest) -> Result<(), LocalError> {
        for (stream, number) in std::mem::take(&mut *self.doubtful.lock()) {
            let archives = manifest.streams.get(&stream).map_or(&[][..], |entry| &entry.archives);
            if archives.iter().rev().any(|archive| archive.file == number) {
                continue;
            }
            let file = archive_file(stream, number);
            match self.files.remove(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).doing("remove", &file);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn retire(&self) {
        let mut slots = self.slots.lock();
        if let Some(sealed) = slots.sealed.pop_front() {
            slots.retired.push(sealed);
        }
    }

    /// The facts of a segment, by stream.
    fn pack(
        &self,
        manifest: &Manifest,
        segment: &Segment,
        end: LogEnd,
    ) -> Result<BTreeMap<StreamId, Packed>, LocalError> {
        let mut bytes = vec![0; end.at as usize];
        segment.file.read_at(&mut bytes, 0).doing("read", &segment.name)?;
        let mut packed: BTreeMap<StreamId, Packed> = BTreeMap::new();
        let mut visit = |at: usize, frame: &Frame<'_>| {
            let Some(stream) = frame.head.stream else { return Ok(()) };
            let archive = match packed.entry(stream) {
                Entry::Occupied(begun) => begun.into_mut(),
                Entry::Vacant(new) => new.insert(self.begin_archive(manifest, stream)?),
            };
            let fits = archive.writer.push(&batch_of(frame));
            let strange = || Damage::new(&segment.name, at as u64, "a batch does not follow the one before");
            if fits { Ok(()) } else { Err(LocalError::from(strange())) }
        };
        let found = frames_until(&bytes, BLOCK, of_life(segment.life), &mut visit)?;
        if (found.at.next_multiple_of(BLOCK), found.crc) == (end.at as usize, end.crc) {
            Ok(packed)
        } else {
            Err(Damage::new(&segment.name, found.at as u64, "a batch can't be read any more").into())
        }
    }

    /// An archive for what follows; a small last one is made part of it.
    fn begin_archive(&self, manifest: &Manifest, stream: StreamId) -> Result<Packed, LocalError> {
        let empty = StreamEntry::default();
        let entry = manifest.streams.get(&stream).unwrap_or(&empty);
        let Some(last) = entry.archives.last().filter(|last| last.bytes < MERGE_BYTES) else {
            return Ok(Packed::new(self.store, stream, entry.end, None));
        };
        let archive = Archive::new(stream, *last);
        let chain = self.archives().blocks(&archive)?.first().map_or(0, |block| block.chain);
        let tail = crate::store::Tail { seq: last.first_seq - 1, ..Default::default() };
        let before = End { revision: Revision(last.first.0 - 1), tail, chain };
        let mut packed = Packed::new(self.store, stream, before, Some(last.file));
        let mut whole = true;
        self.archives().visit(&archive, last.first, false, &mut |batch| {
            whole &= packed.writer.push(batch);
            whole
        })?;
        if whole && packed.writer.end() == last.end {
            Ok(packed)
        } else {
            let name = archive_file(stream, last.file);
            Err(Damage::new(&name, 0, "its batches do not follow each other").into())
        }
    }

    /// Drops archives that retention does not keep.
    fn let_go(&self) -> Result<(), LocalError> {
        let mut manifest = self.manifest.lock();
        let mut gone: BTreeMap<StreamId, usize> = BTreeMap::new();
        for (stream, entry) in &manifest.streams {
            let Retention::Facts(facts) = entry.retention.unwrap_or(self.options.retention) else { continue };
            if entry.archives.is_empty() {
                continue;
            }
            let Some(covered) = self.covered(*stream) else { continue };
            let until = Revision(covered.0.saturating_sub(facts));
            let count = entry.archives.iter().take_while(|archive| archive.end.revision <= until).count();
            if count > 0 {
                gone.insert(*stream, count);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let mut files = Vec::new();
        self.save_manifest(&mut manifest, |next| {
            for (stream, count) in &gone {
                if let Some(entry) = next.streams.get_mut(stream) {
                    let dropped = entry.archives.drain(..*count);
                    files.extend(dropped.map(|archive| archive_file(*stream, archive.file)));
                }
            }
        })?;
        self.index.lock().archived(0, &manifest.streams);
        drop(manifest);
        for file in files {
            self.files.remove(&file).doing("remove", &file)?;
        }
        Ok(())
    }
}

/// A frame's batch.
pub(super) fn batch_of<'a>(frame: &Frame<'a>) -> StoredBatch<'a> {
    StoredBatch {
        seq: frame.head.seq,
        id: frame.head.id,
        first: frame.head.first,
        count: frame.head.count,
        base: frame.head.base,
        records: frame.records,
    }
}

/// An archive that is being made.
struct Packed {
    writer: ArchiveWriter,
    first: Revision,
    first_seq: u64,
    /// The archive whose place it takes.
    replaces: Option<u64>,
}

impl Packed {
    fn new(store: u128, stream: StreamId, before: End, replaces: Option<u64>) -> Self {
        let writer = ArchiveWriter::new(store, stream, before);
        Self { writer, first: before.revision.next(), first_seq: before.tail.seq + 1, replaces }
    }

    /// Writes and syncs it; its name is not synced yet.
    fn write(
        &mut self,
        shared: &Shared,
        stream: StreamId,
        next_file: &mut u64,
    ) -> Result<ArchiveEntry, LocalError> {
        let empty = ArchiveWriter::new(0, stream, End::default());
        let (bytes, end, crc) = std::mem::replace(&mut self.writer, empty).finish();
        let file = *next_file;
        *next_file += 1;
        let name = archive_file(stream, file);
        let handle = shared.files.open(&name, Access::Create).doing("make", &name)?;
        handle.write_at(&bytes, 0).doing("write", &name)?;
        handle.sync().doing("sync", &name)?;
        Counters::add(&shared.counters.archive_bytes, bytes.len() as u64);
        let (first, first_seq) = (self.first, self.first_seq);
        Ok(ArchiveEntry { file, first, first_seq, end, bytes: bytes.len() as u64, crc })
    }
}
