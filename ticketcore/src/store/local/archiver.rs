//! The archiver: moves the facts of full segments to archives, one journal after the other. Memory holds a piece of the log, a block and
//! what waits to be written, however many journals there are and however long they have grown.
//!
//! Segments that have piled up are moved together: each of their journals gets one archive. So that a journal has few archives and none of
//! its facts is written often, archives are merged by size: those at the end of a journal become part of the new one once there are three
//! of no higher level than it has, a level being four times the facts of the one below. A fact is written about once a level.

use std::sync::Arc;
use std::time::Instant;

use super::error::{Damage, Doing, LocalError};
use super::files::{Access, FileHandle};
use super::format::archive::{ARCHIVES, ArchiveWriter, StoredBatch, archive_file};
use super::format::manifest::{ArchiveEntry, End, MANIFEST, Manifest, StreamEntry};
use super::format::segment::LogEnd;
use super::index::{Archive, Moved, Piece};
use super::logged::{batch_of, visit_logged};
use super::shared::{Counters, Shared};
use super::slots::{GENTLE_BYTES, PIECE_BYTES};
use crate::id::Revision;
use crate::store::StreamId;
use crate::sync::atomic::Ordering;

/// Archives of one level are merged when there are so many; each level has so many times the facts of the one below.
const TIER: u64 = 4;
/// An archive of so many bytes is not written again.
const MERGE_BYTES_MAX: u64 = 16 << 20;
/// Segments that are moved together have so many bytes at most.
const GROUP_BYTES_MAX: u64 = 32 << 20;
/// Journals that are changed in the index while others wait for it.
const MOVED_AT_ONCE: usize = 64;

/// Segments that are archived together: the oldest.
struct Group {
    end: LogEnd,
    segments: usize,
}

/// A new archive of a journal, and how many of the last ones it takes the place of.
struct Packed {
    stream: StreamId,
    entry: ArchiveEntry,
    merged: usize,
}

impl Shared {
    /// Moves the facts of the oldest full segments to archives. False if there are none.
    pub fn archive_next(&self) -> Result<bool, LocalError> {
        let Some(group) = self.next_group() else { return Ok(false) };
        let number = group.end.segment;
        let streams = self.index.lock().logged_up_to(number);
        let mut packed = Vec::with_capacity(streams.len());
        for stream in streams {
            packed.push(self.pack(stream, number)?);
        }
        if !packed.is_empty() {
            self.sync_folder(ARCHIVES)?;
        }
        let replaced = self.note_archives(&packed, group.end)?;
        for some in packed.chunks(MOVED_AT_ONCE) {
            let of =
                |new: &Packed| Moved { archive: Archive::new(new.stream, new.entry), merged: new.merged };
            let moved: Vec<Moved> = some.iter().map(of).collect();
            // What is no longer needed is given back once the index is free again.
            let gone = self.index.lock().archived(number, moved.into_iter());
            drop(gone);
        }
        self.index.lock().left(number);
        self.retire(group.segments);
        Counters::add(&self.counters.segments_archived, group.segments as u64);
        self.drop_doubtful()?;
        self.remove_archives(replaced)?;
        Ok(true)
    }

    fn next_group(&self) -> Option<Group> {
        let slots = self.slots.lock();
        let mut bytes = 0;
        let more = slots.sealed.iter().take_while(|sealed| {
            let fits = bytes == 0 || bytes + sealed.size <= GROUP_BYTES_MAX;
            bytes += sealed.size;
            fits
        });
        let segments = more.count();
        let last = slots.sealed.get(segments.checked_sub(1)?)?;
        Some(Group { end: last.end, segments })
    }

    /// Writes the manifest with these archives, and returns the files of those that they take the place of.
    fn note_archives(&self, packed: &[Packed], end: LogEnd) -> Result<Vec<String>, LocalError> {
        let mut manifest = self.manifest.lock();
        let mut next: Manifest = manifest.clone();
        let mut replaced = Vec::new();
        for new in packed {
            let entry = next.streams.entry(new.stream).or_default();
            let kept = entry.archives.len().saturating_sub(new.merged);
            replaced.extend(entry.archives.drain(kept..).map(|old| archive_file(new.stream, old.file)));
            entry.archives.push(new.entry);
            entry.end = new.entry.end;
        }
        next.archived = end;
        next.newest = next.newest.max(self.newest.load(Ordering::Acquire));
        self.replace("", MANIFEST, &next.encode())?;
        *manifest = next;
        Ok(replaced)
    }

    /// Removes what earlier tries have left, now that the manifest says what counts.
    fn drop_doubtful(&self) -> Result<(), LocalError> {
        let mut doubtful = std::mem::take(&mut *self.doubtful.lock());
        {
            let manifest = self.manifest.lock();
            doubtful.retain(|(stream, number)| {
                let archives = manifest.streams.get(stream).map_or(&[][..], |entry| &entry.archives);
                !archives.iter().rev().any(|archive| archive.file == *number)
            });
        }
        for (stream, number) in doubtful {
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

    /// Makes an archive of what a journal has in the segments up to this one.
    fn pack(&self, stream: StreamId, number: u64) -> Result<Packed, LocalError> {
        let entry = self.manifest.lock().streams.get(&stream).cloned().unwrap_or_default();
        let until = self.index.lock().end_in(stream, number);
        let merged = merged(&entry.archives, until.0 - entry.end.revision.0);
        match self.pack_with(stream, &entry, merged, until) {
            // A journal must be able to leave the log, whatever has become of its older archives.
            Err(error) if merged > 0 => {
                if let LocalError::Damaged(damage) = &error {
                    self.damage.get_or_init(|| damage.to_string());
                }
                self.pack_with(stream, &entry, 0, until)
            }
            packed => packed,
        }
    }

    fn pack_with(
        &self,
        stream: StreamId,
        entry: &StreamEntry,
        merged: usize,
        until: Revision,
    ) -> Result<Packed, LocalError> {
        let old = &entry.archives[entry.archives.len() - merged..];
        let old: Vec<Arc<Archive>> = old.iter().map(|old| Archive::new(stream, *old)).collect();
        let before = match old.first() {
            Some(first) => self.archives().blocks(first)?.first().map_or(End::default(), |b| b.before()),
            None => entry.end,
        };
        let mut packing = Packing::begin(self, stream, before)?;
        for archive in &old {
            self.archives().visit_from(archive, 0, &mut |batch| packing.push(batch))?;
            let follows = packing.writer.end() == archive.entry.end;
            packing.check(follows, || {
                let name = archive_file(stream, archive.entry.file);
                Damage::new(&name, 0, "its batches do not follow each other")
            })?;
        }
        while packing.writer.end().revision < until {
            let next = packing.writer.end().revision.next();
            let piece = self.index.lock().streams.get(&stream).map(|index| index.piece(next));
            let Some(Piece::Logged(segment, seq, places)) = piece else { break };
            visit_logged(&segment, seq, &places, &mut |frame| {
                let batch = batch_of(frame);
                batch.first <= until && packing.push(&batch)
            })?;
            let moved_on = packing.writer.end().revision >= next;
            packing.check(moved_on, || {
                let at = places.first().map_or(0, |place| u64::from(place.at));
                Damage::new(&segment.name, at, "a batch does not follow the one before")
            })?;
        }
        let name = packing.name.clone();
        let whole = packing.writer.end().revision == until;
        packing.check(whole, || Damage::new(&name, 0, "a part of the log is missing"))?;
        let entry = packing.finish()?;
        Ok(Packed { stream, entry, merged })
    }
}

/// How many of a journal's last archives become part of a new one with so many facts.
fn merged(archives: &[ArchiveEntry], added: u64) -> usize {
    let facts_of = |archive: &ArchiveEntry| archive.end.revision.0 - archive.first.0 + 1;
    let (mut left, mut facts) = (archives, added.max(1));
    loop {
        let level = facts.ilog(TIER);
        let small = |archive: &&ArchiveEntry| {
            archive.bytes < MERGE_BYTES_MAX && facts_of(archive).ilog(TIER) <= level
        };
        let more = left.iter().rev().take_while(small).count();
        if (more as u64) < TIER - 1 {
            return archives.len() - left.len();
        }
        let (still, now) = left.split_at(left.len() - more);
        facts += now.iter().map(facts_of).sum::<u64>();
        left = still;
    }
}

/// An archive that is being made.
struct Packing<'s> {
    shared: &'s Shared,
    file: u64,
    name: String,
    handle: Arc<dyn FileHandle>,
    writer: ArchiveWriter,
    first: Revision,
    first_seq: u64,
    /// Blocks so far, and when others were last given way to.
    blocks: usize,
    since: Instant,
    /// What went wrong while batches were added.
    failed: Option<LocalError>,
}

impl<'s> Packing<'s> {
    fn begin(shared: &'s Shared, stream: StreamId, before: End) -> Result<Self, LocalError> {
        let file = {
            // A number counts as used at once: what any manifest may name is not written over.
            let mut manifest = shared.manifest.lock();
            manifest.next_file += 1;
            manifest.next_file - 1
        };
        shared.doubtful.lock().push((stream, file));
        let name = archive_file(stream, file);
        let handle = shared.files.open(&name, Access::Create).doing("make", &name)?;
        let writer = ArchiveWriter::new(shared.store, stream, before);
        let (first, first_seq) = (before.revision.next(), before.tail.seq + 1);
        let (blocks, since) = (0, Instant::now());
        Ok(Self { shared, file, name, handle, writer, first, first_seq, blocks, since, failed: None })
    }

    /// Adds a batch. False if that is not possible.
    fn push(&mut self, batch: &StoredBatch<'_>) -> bool {
        if !self.writer.push(batch) {
            return false;
        }
        // After every block, not only after every write: on a small machine packing is what others wait for.
        if self.blocks != self.writer.blocks() {
            self.blocks = self.writer.blocks();
            let ready = self.writer.ready();
            if ready >= PIECE_BYTES || ready >= GENTLE_BYTES && self.shared.is_gentle() {
                self.failed = self.write().err();
            }
            self.shared.give_way(self.since.elapsed());
            self.since = Instant::now();
        }
        self.failed.is_none()
    }

    /// What went wrong, if something did.
    fn check(&mut self, well: bool, damage: impl FnOnce() -> Damage) -> Result<(), LocalError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None if well => Ok(()),
            None => Err(damage().into()),
        }
    }

    fn write(&mut self) -> Result<(), LocalError> {
        let (at, ready) = self.writer.take();
        self.handle.write_at(&ready, at).doing("write", &self.name)?;
        Counters::add(&self.shared.counters.archive_bytes, ready.len() as u64);
        self.handle.sync().doing("sync", &self.name)
    }

    /// Writes the rest and syncs; its name is not synced yet.
    fn finish(mut self) -> Result<ArchiveEntry, LocalError> {
        let crc = self.writer.finish();
        self.write()?;
        let (bytes, end) = (self.writer.take().0, self.writer.end());
        Ok(ArchiveEntry { file: self.file, first: self.first, first_seq: self.first_seq, end, bytes, crc })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand segments' worth of the same journal: few archives, and each fact is written a handful of times.
    #[test]
    fn facts_are_written_a_handful_of_times_and_archives_stay_few() {
        for added in [1, 7, 300] {
            let (mut archives, mut written, mut end) = (Vec::<ArchiveEntry>::new(), 0, 0u64);
            for file in 0..1_000 {
                let merged = merged(&archives, added);
                let first = if merged == 0 { end + 1 } else { archives[archives.len() - merged].first.0 };
                archives.truncate(archives.len() - merged);
                end += added;
                written += end + 1 - first;
                let end = End { revision: Revision(end), ..End::default() };
                archives.push(ArchiveEntry {
                    file,
                    first: Revision(first),
                    first_seq: 0,
                    end,
                    bytes: 1,
                    crc: 0,
                });
                assert!(archives.len() <= 18, "{} archives", archives.len());
            }
            assert!(written <= 7 * end, "{written} facts were written for {end}");
        }
    }
}
