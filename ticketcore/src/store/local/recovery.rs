//! Opening a store: reading what an earlier process left, and refusing what can't have been left by a crash.
//!
//! The log is read from where the archives end. Every segment but the last must end exactly where the next one's header says that it ended.
//! The last one ends at the first place without a frame; if a later frame says that this place was on the disk when it was written,
//! facts that were acknowledged are missing, and the store is not opened.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::error::{Damage, Doing, LocalError};
use super::files::{Access, FileHandle, Files};
use super::format::BLOCK;
use super::format::archive::{ARCHIVES, archive_file};
use super::format::frame::{Frame, frames_until, of_life, proof_of_loss, torn_bytes};
use super::format::manifest::{MANIFEST, Manifest};
use super::format::segment::{FirstBlock, LogEnd, SEGMENT_FORMAT, SegmentHeader};
use super::format::snapshot::SNAPSHOTS;
use super::index::{Index, Place, Segment};
use super::logged::batch_of;
use super::shared::{Sealed, Shared, Slots, Spare};
use super::side::{SIDE, remove_unfinished};
use super::slots::{LOG, slot_number};
use super::writer::small;

const FOLDERS: [&str; 4] = [LOG, ARCHIVES, SNAPSHOTS, SIDE];
/// The file that the system's lock is on.
pub(super) const LOCK: &str = "LOCK";

/// What is in the folder of a store.
pub(super) enum Found {
    /// Nothing of a store, and nothing else.
    Empty,
    Store(Box<Manifest>),
}

/// Looks whether there is a store, without changing anything.
pub(super) fn look(files: &dyn Files) -> Result<Found, LocalError> {
    let names = files.list("").doing("list", ".")?;
    if names.iter().any(|name| name == MANIFEST) {
        return Ok(Found::Store(Box::new(Manifest::decode(&Shared::read_whole(files, MANIFEST)?)?)));
    }
    for name in names {
        if FOLDERS.contains(&name.as_str()) {
            if files.list(&name).doing("list", &name)?.iter().any(|file| !file.ends_with(".tmp")) {
                return Err(
                    Damage::new(MANIFEST, 0, format!("it is missing, and {name} is not empty")).into()
                );
            }
        } else if name != LOCK && name != format!("{MANIFEST}.tmp") {
            return Err(LocalError::NotAStore { found: name });
        }
    }
    Ok(Found::Empty)
}

/// Deliberate faults; all false but in tests that must find them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mutations {
    pub stale_life: bool,
    pub cut_acked_tail: bool,
}

/// What the log holds.
pub(super) struct Log {
    pub index: Index,
    /// Where it ends.
    pub end: LogEnd,
    pub slots: Slots,
    /// What was cut off its end: bytes of a write that was under way when the process ended.
    pub torn: u64,
    /// The part of the last segment that is perhaps not on the disk: from where, to where.
    pub unsure: (u32, u32),
}

/// A file of the log.
struct LogFile {
    name: String,
    file: Arc<dyn FileHandle>,
    size: u64,
    header: SegmentHeader,
}

/// Reads the log. Changes nothing, unless `clean` says that leftovers of a crash may be removed.
pub(super) fn read_log(
    files: &dyn Files,
    manifest: &Manifest,
    clean: bool,
    mutations: Mutations,
) -> Result<Log, LocalError> {
    let mut log = Log {
        index: Index::new(&manifest.streams),
        end: manifest.archived,
        slots: Slots::default(),
        torn: 0,
        unsure: (0, 0),
    };
    let segments = find_segments(files, manifest, clean, &mut log.slots)?;
    let newest = segments.last_key_value().map_or(manifest.archived.segment, |(number, _)| *number);
    for number in manifest.archived.segment + 1..=newest.max(manifest.newest) {
        if !segments.contains_key(&number) {
            let what = format!("segment {number} of the log is missing, or its first block is damaged");
            return Err(Damage::new(LOG, 0, what).into());
        }
    }
    let mut left = segments.into_values().peekable();
    while let Some(segment) = left.next() {
        let next = left.peek().map(|next| next.header.before);
        read_segment(&mut log, segment, next, mutations)?;
    }
    log.index.written = log.end;
    Ok(log)
}

/// The segments that have not been archived, by number; the other files of the log go to `slots`.
fn find_segments(
    files: &dyn Files,
    manifest: &Manifest,
    clean: bool,
    slots: &mut Slots,
) -> Result<BTreeMap<u64, LogFile>, LocalError> {
    let mut segments = BTreeMap::new();
    for file_name in files.list(LOG).doing("list", LOG)? {
        let name = format!("{LOG}/{file_name}");
        let Some(number) = slot_number(&file_name) else {
            if clean && file_name.ends_with(".tmp") {
                files.remove(&name).doing("remove", &name)?;
            }
            continue;
        };
        slots.next_name = slots.next_name.max(number);
        let file =
            files.open(&name, if clean { Access::Write } else { Access::Read }).doing("open", &name)?;
        let size = file.size().doing("look at", &name)?;
        let mut block = vec![0; usize::try_from(size).map_or(BLOCK, |size| size.min(BLOCK))];
        file.read_at(&mut block, 0).doing("read", &name)?;
        match SegmentHeader::decode(&block) {
            FirstBlock::Newer(found) => {
                return Err(LocalError::NewerFormat { file: name, found, known: SEGMENT_FORMAT });
            }
            FirstBlock::Header(header) if header.store != manifest.store => {
                return Err(Damage::new(&name, 16, "it belongs to another store").into());
            }
            FirstBlock::Header(header) if header.number > manifest.archived.segment => {
                let number = header.number;
                let twice = segments.insert(number, LogFile { name: name.clone(), file, size, header });
                if let Some(twice) = twice {
                    let what = format!("it is segment {number}, as {} is", twice.name);
                    return Err(Damage::new(&name, 32, what).into());
                }
            }
            // What is harmed in its length is no good for the log.
            FirstBlock::Header(_) | FirstBlock::None if !size.is_multiple_of(BLOCK as u64) => {
                if clean {
                    files.remove(&name).doing("remove", &name)?;
                }
            }
            FirstBlock::Header(_) | FirstBlock::None => slots.spare.push(Spare { name, file, size }),
        }
    }
    Ok(segments)
}

/// Reads one segment into the index. `next` is what the header of the segment after it says of where the log ended.
fn read_segment(
    log: &mut Log,
    found: LogFile,
    next: Option<LogEnd>,
    mutations: Mutations,
) -> Result<(), LocalError> {
    let LogFile { name, file, size, header } = found;
    let damaged = |at: usize, what: &str| LocalError::from(Damage::new(&name, at as u64, what));
    if header.before != log.end {
        return Err(damaged(48, "it does not follow the segment before it"));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    file.read_at(&mut bytes, 0).doing("read", &name)?;
    let (number, life) = (header.number, header.life);
    let segment = Arc::new(Segment { name: name.clone(), file, number, life });
    let index = &mut log.index;
    let mut visit = |at: usize, frame: &Frame<'_>| {
        let Some(stream) = frame.head.stream else { return Ok(()) };
        let batch = batch_of(frame);
        match batch.after(index.end(stream)) {
            Some(end) if end.chain == frame.head.chain => {
                let place = Place::new(batch.first, small(at), batch.records);
                index.push(stream, &segment, place, batch.seq, end);
                Ok(())
            }
            _ => Err(damaged(at, "a batch does not follow the one before it in its journal")),
        }
    };
    let mut durable_to = small(BLOCK);
    let mut visit = |at: usize, frame: &Frame<'_>| {
        durable_to = frame.head.durable.to;
        visit(at, frame)
    };
    let end = if mutations.stale_life {
        frames_until(&bytes, BLOCK, |_, _| true, &mut visit)?
    } else {
        frames_until(&bytes, BLOCK, of_life(life), &mut visit)?
    };
    let at = small(end.at.next_multiple_of(BLOCK));
    let ends = LogEnd { segment: number, at, crc: end.crc };
    match next {
        Some(next) if next != ends => {
            return Err(damaged(
                end.at,
                "a part of the log is missing: the next segment says that it was longer",
            ));
        }
        Some(_) => {}
        None => {
            if let Some(later) = proof_of_loss(&bytes, life, end).filter(|_| !mutations.cut_acked_tail) {
                let what = format!("a part of the log is missing: what was written at {later} came after it");
                return Err(damaged(end.at, &what));
            }
            log.torn = torn_bytes(&bytes, life, end) as u64;
            log.unsure = (durable_to, at);
        }
    }
    log.end = ends;
    log.slots.sealed.push_back(Sealed { segment, end: ends, size });
    Ok(())
}

/// Writes the end of the log once more and syncs it. After a sync that failed, the system may show what is not on the disk and take it for
/// written: a second sync alone would do nothing and say that all is well.
fn write_again(segment: &Segment, (from, to): (u32, u32)) -> Result<(), LocalError> {
    for (from, to) in [(0, small(BLOCK)), (from, to)] {
        let mut bytes = vec![0; to.saturating_sub(from) as usize];
        segment.file.read_at(&mut bytes, from.into()).doing("read", &segment.name)?;
        segment.file.write_at(&bytes, from.into()).doing("write", &segment.name)?;
    }
    segment.file.sync().doing("sync", &segment.name)
}

impl Shared {
    /// Makes what a new store needs, and removes what a crash has left.
    pub fn settle_in(&self, is_new: bool, unsure: (u32, u32)) -> Result<(), LocalError> {
        for folder in [LOG, ARCHIVES, SNAPSHOTS] {
            self.files.create_folder(folder).doing("make", folder)?;
        }
        let mut manifest = self.manifest.lock();
        if is_new {
            self.save_manifest(&mut manifest, |_| {})?;
        }
        // Names of what an earlier process made may not be on the disk yet.
        for folder in ["", LOG, ARCHIVES, SNAPSHOTS] {
            self.sync_folder(folder)?;
        }
        if let Some(last) = self.slots.lock().sealed.back() {
            write_again(&last.segment, unsure)?;
        }
        let known: HashSet<String> = manifest
            .streams
            .iter()
            .flat_map(|(stream, entry)| entry.archives.iter().map(|a| archive_file(*stream, a.file)))
            .collect();
        for name in self.files.list(ARCHIVES).doing("list", ARCHIVES)? {
            let name = format!("{ARCHIVES}/{name}");
            if !known.contains(&name) {
                self.files.remove(&name).doing("remove", &name)?;
            }
        }
        for folder in [SNAPSHOTS, SIDE, ""] {
            for name in self.files.list(folder).doing("list", folder)? {
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if name.ends_with(".tmp") && folder == SIDE {
                    remove_unfinished(&*self.files, &name)?;
                } else if name.ends_with(".tmp") {
                    self.files.remove(&name).doing("remove", &name)?;
                }
            }
        }
        Ok(())
    }
}
