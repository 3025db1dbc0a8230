//! Copying a store that is being written, to another folder.
//!
//! What is copied is the store as it was at one moment: the manifest, and the end of the log. Archives don't change; those that are merged or
//! dropped meanwhile stay until the copy is done. Segments of the log are kept from being used again by being read. The manifest is written
//! last: before that the copy is no store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{Damage, Doing, LocalError};
use super::files::{Access, FileHandle, Files};
use super::format::archive::{ARCHIVES, archive_file};
use super::format::manifest::{MANIFEST, Manifest};
use super::format::segment::LogEnd;
use super::format::snapshot::SNAPSHOTS;
use super::index::Segment;
use super::recovery::LOCK;
use super::shared::Shared;
use super::slots::{LOG, PIECE_BYTES};

/// A segment is in no list for as long as it takes to begin the next one.
const LOOKS_MAX: u32 = 1_000;
const LOOK: Duration = Duration::from_millis(1);

/// Archives that have been merged or dropped while a copy needs them.
#[derive(Default)]
pub(super) struct Pinned {
    copies: u32,
    files: Vec<String>,
}

/// A moment of a store.
struct Moment {
    manifest: Manifest,
    /// The segments of the log after the archives, and where each ends.
    log: Vec<(Arc<Segment>, u32)>,
}

/// While it lives no archive is removed.
struct Pin<'s>(&'s Shared);

impl<'s> Pin<'s> {
    fn of(shared: &'s Shared) -> Self {
        shared.pinned.lock().copies += 1;
        Self(shared)
    }
}

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        let mut pinned = self.0.pinned.lock();
        pinned.copies -= 1;
        if pinned.copies > 0 {
            return;
        }
        for file in std::mem::take(&mut pinned.files) {
            // What stays is removed when the store is opened.
            let _gone = self.0.files.remove(&file);
        }
    }
}

impl Shared {
    /// Removes archives that the manifest no longer names, or has them removed once they have been copied.
    pub fn remove_archives(&self, files: Vec<String>) -> Result<(), LocalError> {
        {
            let mut pinned = self.pinned.lock();
            if pinned.copies > 0 {
                pinned.files.extend(files);
                return Ok(());
            }
        }
        for file in files {
            self.files.remove(&file).doing("remove", &file)?;
        }
        Ok(())
    }

    /// See [`LocalStore::copy_to`](super::LocalStore::copy_to). Returns the bytes copied.
    pub fn copy_to(&self, target: &dyn Files) -> Result<u64, LocalError> {
        let _alone = target.lock().doing("lock", LOCK)?;
        if let Some(found) = target.list("").doing("list", ".")?.into_iter().find(|name| name != LOCK) {
            return Err(LocalError::NotAStore { found });
        }
        for folder in [LOG, ARCHIVES, SNAPSHOTS] {
            target.create_folder(folder).doing("make", folder)?;
        }
        let _pin = Pin::of(self);
        let (moment, mut bytes) = {
            // A snapshot that is newer than the moment does not belong to it, and one that is gone may be missed.
            let _no_snapshot_is_saved = self.saving.lock();
            let moment = self.moment()?;
            let mut bytes = 0;
            for name in self.files.list(SNAPSHOTS).doing("list", SNAPSHOTS)? {
                if !name.ends_with(".tmp") {
                    bytes += self.copy_file(target, &format!("{SNAPSHOTS}/{name}"))?;
                }
            }
            (moment, bytes)
        };
        for (segment, end) in &moment.log {
            bytes += self.copy_bytes(target, &segment.name, &*segment.file, u64::from(*end))?;
        }
        for (stream, entry) in &moment.manifest.streams {
            for archive in &entry.archives {
                bytes += self.copy_file(target, &archive_file(*stream, archive.file))?;
            }
        }
        bytes += self.copy_side_to(target)?;
        for folder in [LOG, ARCHIVES, SNAPSHOTS, ""] {
            target.sync_folder(folder).doing("sync", folder)?;
        }
        let manifest = moment.manifest.encode();
        let unfinished = format!("{MANIFEST}.tmp");
        let file = target.open(&unfinished, Access::Create).doing("make", &unfinished)?;
        file.write_at(&manifest, 0).doing("write", &unfinished)?;
        file.sync().doing("sync", &unfinished)?;
        target.rename(&unfinished, MANIFEST).doing("rename", &unfinished)?;
        target.sync_folder("").doing("sync", "")?;
        Ok(bytes + manifest.len() as u64)
    }

    fn moment(&self) -> Result<Moment, LocalError> {
        for _ in 0..LOOKS_MAX {
            if let Some(moment) = self.try_moment() {
                return Ok(moment);
            }
            crate::sync::thread::sleep(LOOK);
        }
        Err(Damage::new(LOG, 0, "a segment of the log can't be found").into())
    }

    /// `None` if a segment is just being put from one list to another.
    fn try_moment(&self) -> Option<Moment> {
        let manifest = self.manifest.lock();
        let index = self.index.lock();
        let slots = self.slots.lock();
        let LogEnd { segment: last, at, .. } = index.written;
        let mut segments: BTreeMap<u64, (Arc<Segment>, u32)> = BTreeMap::new();
        for sealed in &slots.sealed {
            segments.insert(sealed.segment.number, (Arc::clone(&sealed.segment), sealed.end.at));
        }
        if let Some(active) = &*self.active.lock() {
            segments.entry(active.number).or_insert_with(|| (Arc::clone(active), at));
        }
        let log = (manifest.archived.segment + 1..=last).map(|number| segments.remove(&number));
        let log: Vec<_> = log.collect::<Option<_>>()?;
        drop((slots, index));
        let manifest = Manifest { newest: last, ..(*manifest).clone() };
        Some(Moment { manifest, log })
    }

    fn copy_file(&self, target: &dyn Files, name: &str) -> Result<u64, LocalError> {
        let file = self.files.open(name, Access::Read).doing("open", name)?;
        let size = file.size().doing("look at", name)?;
        self.copy_bytes(target, name, &*file, size)
    }

    fn copy_bytes(
        &self,
        target: &dyn Files,
        name: &str,
        from: &dyn FileHandle,
        size: u64,
    ) -> Result<u64, LocalError> {
        let into = target.open(name, Access::Create).doing("make", name)?;
        let mut at = 0;
        let mut piece = vec![0; PIECE_BYTES];
        while at < size {
            let begun = Instant::now();
            let len = usize::try_from(size - at).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
            from.read_at(&mut piece[..len], at).doing("read", name)?;
            into.write_at(&piece[..len], at).doing("write", name)?;
            into.sync().doing("sync", name)?;
            at += len as u64;
            self.give_way(begun.elapsed());
        }
        Ok(size)
    }
}
