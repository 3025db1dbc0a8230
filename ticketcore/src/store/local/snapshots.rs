//! Saving and loading snapshots.

use std::io;
use std::sync::Arc;

use super::Durability;
use super::error::{Damage, LocalError};
use super::format::manifest::End;
use super::format::snapshot::{SNAPSHOTS, decode, encode, snapshot_file};
use super::shared::Shared;
use crate::id::Revision;
use crate::store::{Snapshot, StreamId};
use crate::sync::atomic::Ordering;

impl Shared {
    /// See [`Store::save_snapshot`](crate::store::Store::save_snapshot).
    pub fn save_snapshot(&self, stream: StreamId, snapshot: &Snapshot) -> Result<(), LocalError> {
        let _alone = self.saving.lock();
        if self.snapshots_in_doubt.load(Ordering::Acquire) {
            self.sync_folder(SNAPSHOTS)?;
            self.snapshots_in_doubt.store(false, Ordering::Release);
        }
        let known = self.snapshots.lock().get(&stream).copied();
        let newest = match known {
            Some(Revision::ZERO) | None => self.load(stream)?.map(|snapshot| snapshot.revision),
            Some(revision) => Some(revision),
        };
        if newest.is_some_and(|newest| newest >= snapshot.revision) {
            return Ok(());
        }
        let file = snapshot_file(stream);
        let end = self.end_at(&self.archives(), stream, snapshot.revision)?;
        if self.options.durability != Durability::Strict {
            // What it was folded from must not be lost when it is not.
            self.sync_log()?;
        }
        let Some(end) = end.filter(|end| end.tail == snapshot.tail) else {
            let what = format!("the journal does not end with a batch at {}", snapshot.revision);
            return Err(Damage::new(&file, 0, what).into());
        };
        // Whoever finds the new file meanwhile must not take it for one that stays.
        self.snapshots_in_doubt.store(true, Ordering::Release);
        self.replace(SNAPSHOTS, &file, &encode(stream, end, &snapshot.bytes))?;
        self.snapshots_in_doubt.store(false, Ordering::Release);
        self.note_snapshot(stream, snapshot.revision);
        self.ask_keeper();
        Ok(())
    }

    /// See [`Store::load_snapshot`](crate::store::Store::load_snapshot).
    pub fn load(&self, stream: StreamId) -> Result<Option<Snapshot>, LocalError> {
        let doubt = || self.snapshots_in_doubt.load(Ordering::Acquire);
        let before = doubt();
        let Some((end, state)) = self.load_with_end(stream)? else { return Ok(None) };
        let doubt = before || doubt();
        if !doubt {
            self.note_snapshot(stream, end.revision);
        }
        Ok(Some(Snapshot { revision: end.revision, tail: end.tail, bytes: Arc::from(state) }))
    }

    /// A snapshot's state, and where the journal ended when it was folded.
    pub fn load_with_end(&self, stream: StreamId) -> Result<Option<(End, Vec<u8>)>, LocalError> {
        let file = snapshot_file(stream);
        let bytes = match Self::read_whole(&*self.files, &file) {
            Err(LocalError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let (end, state) = decode(&file, stream, &bytes)?;
        let last = self.index.lock().end(stream).revision;
        if end.revision > last {
            let what = format!("it was folded up to {}, and the journal ends at {last}", end.revision);
            return Err(Damage::new(&file, 0, what).into());
        }
        Ok(Some((end, state)))
    }

    fn note_snapshot(&self, stream: StreamId, revision: Revision) {
        let mut snapshots = self.snapshots.lock();
        let known = snapshots.entry(stream).or_insert(revision);
        *known = (*known).max(revision);
    }

    /// The revision that the newest snapshot covers, 0 if there is none. It is looked for once: retention holds for journals that nobody has
    /// opened, too.
    pub fn covered(&self, stream: StreamId) -> Result<Revision, LocalError> {
        let known = || self.snapshots.lock().get(&stream).copied();
        if let Some(revision) = known() {
            return Ok(revision);
        }
        match self.load(stream) {
            // One whose name is perhaps not on the disk does not count.
            Ok(Some(_)) => Ok(known().unwrap_or(Revision::ZERO)),
            Ok(None) => Ok(*self.snapshots.lock().entry(stream).or_insert(Revision::ZERO)),
            // Nothing is dropped on its word; who opens the event hears of it.
            Err(LocalError::Damaged(damage)) => {
                self.damage.get_or_init(|| damage.to_string());
                Ok(*self.snapshots.lock().entry(stream).or_insert(Revision::ZERO))
            }
            Err(error) => Err(error),
        }
    }
}
