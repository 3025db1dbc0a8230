//! Looking at everything: every checksum, every chain of hashes, every snapshot's place in its journal.

use super::error::{Damage, LocalError};
use super::format::manifest::End;
use super::format::snapshot::snapshot_file;
use super::format::{archive::archive_file, stream_name};
use super::index::Piece;
use super::shared::Shared;
use crate::id::Revision;
use crate::store::{StreamId, Tail};

/// What a [`verification`](super::LocalStore::verify) has looked at and found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Journals.
    pub streams: u64,
    /// Batches in them.
    pub batches: u64,
    /// Facts in them.
    pub facts: u64,
    /// Archive files.
    pub archives: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// What is wrong.
    pub found: Vec<LocalError>,
}

impl Shared {
    /// See [`LocalStore::verify`](super::LocalStore::verify).
    pub fn verify(&self) -> Verified {
        let mut seen = Verified::default();
        let streams: Vec<StreamId> = self.index.lock().streams.keys().copied().collect();
        for stream in streams {
            seen.streams += 1;
            if let Err(error) = self.verify_journal(stream, &mut seen) {
                seen.found.push(error);
            }
            match self.verify_snapshot(stream) {
                Ok(there) => seen.snapshots += u64::from(there),
                Err(error) => seen.found.push(error),
            }
        }
        seen
    }

    fn verify_journal(&self, stream: StreamId, seen: &mut Verified) -> Result<(), LocalError> {
        let (oldest, last) = {
            let index = self.index.lock();
            let Some(entry) = index.streams.get(&stream) else { return Ok(()) };
            seen.archives += entry.archives.len() as u64;
            (entry.oldest(), entry.end)
        };
        if oldest > last.revision {
            return Ok(());
        }
        let mut end = self.end_before(stream, oldest)?;
        let mut broken = false;
        while end.revision < last.revision && !broken {
            let before = end.revision;
            self.batches_from(stream, before.next(), &mut |batch| {
                match batch.after(end) {
                    Some(next) => end = next,
                    None => broken = true,
                }
                seen.batches += 1;
                seen.facts += u64::from(batch.count);
                !broken && end.revision < last.revision
            })?;
            broken |= end.revision == before;
        }
        if !broken && end == last {
            return Ok(());
        }
        let what = format!("the chain of hashes does not lead from {oldest} to its end at {}", last.revision);
        Err(Damage::new(&stream_name(stream), 0, what).into())
    }

    /// Where a journal stood before its oldest batch that is still there.
    fn end_before(&self, stream: StreamId, oldest: Revision) -> Result<End, LocalError> {
        if oldest == Revision(1) {
            return Ok(End::default());
        }
        let piece = self.index.lock().streams.get(&stream).map(|index| index.piece(oldest));
        let Some(Piece::Archived(archive)) = piece else {
            // What comes after a journal that has been let go: the manifest knows where that ended.
            let manifest = self.manifest.lock();
            return Ok(manifest.streams.get(&stream).map_or(End::default(), |entry| entry.end));
        };
        let blocks = self.archives().blocks(&archive)?;
        let first = blocks
            .first()
            .ok_or_else(|| Damage::new(&archive_file(stream, archive.entry.file), 0, "it has no blocks"))?;
        let tail = Tail { seq: first.first_seq - 1, ..Tail::default() };
        Ok(End { revision: Revision(first.first.0 - 1), tail, chain: first.chain })
    }

    fn verify_snapshot(&self, stream: StreamId) -> Result<bool, LocalError> {
        let Some((end, _)) = self.load_with_end(stream)? else { return Ok(false) };
        let oldest = self.index.lock().streams.get(&stream).map(super::index::StreamIndex::oldest);
        if oldest.is_some_and(|oldest| end.revision < oldest) {
            return Ok(true);
        }
        if self.end_at(stream, end.revision)? == Some(end) {
            return Ok(true);
        }
        let what = format!("the journal was another at {}", end.revision);
        Err(Damage::new(&snapshot_file(stream), 0, what).into())
    }
}
