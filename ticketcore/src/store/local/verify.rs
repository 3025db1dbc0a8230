//! Looking at everything: every checksum, every chain of hashes, every snapshot's place in its journal.

use super::error::{Damage, LocalError};
use super::format::snapshot::snapshot_file;
use super::format::stream_name;
use super::index::StreamIndex;
use super::shared::Shared;
use crate::store::StreamId;

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
    /// Side records.
    pub side_records: u64,
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
        match self.verify_side() {
            Ok(there) => seen.side_records = there,
            Err(error) => seen.found.push(error),
        }
        seen
    }

    fn verify_journal(&self, stream: StreamId, seen: &mut Verified) -> Result<(), LocalError> {
        let reader = self.archives_on_disk();
        let (archives, last) = {
            let index = self.index.lock();
            let Some(entry) = index.streams.get(&stream) else { return Ok(()) };
            (entry.archives.len() as u64, entry.end)
        };
        seen.archives += archives;
        'again: loop {
            let Some(begin) = self.end_before_oldest(&reader, stream)? else { return Ok(()) };
            let mut end = begin;
            while end.revision < last.revision {
                let (before, mut broken) = (end.revision, false);
                let there = self.batches_from(&reader, stream, before.next(), &mut |batch| {
                    // What has been seen comes again if it was moved meanwhile.
                    if batch.last() <= end.revision {
                        return true;
                    }
                    let next = batch.after(end);
                    (end, broken) = (next.unwrap_or(end), next.is_none());
                    seen.batches += u64::from(!broken);
                    seen.facts += if broken { 0 } else { u64::from(batch.count) };
                    !broken && end.revision < last.revision
                })?;
                if !there {
                    // Retention has dropped what was to come next; what is left begins later.
                    continue 'again;
                }
                if broken || end.revision == before {
                    let from = begin.revision.next();
                    let to = last.revision;
                    let what = format!("the chain of hashes does not lead from {from} to its end at {to}");
                    return Err(Damage::new(&stream_name(stream), 0, what).into());
                }
            }
            // If everything had been dropped meanwhile, nothing can be compared.
            if end.revision > last.revision || end == last || begin.revision >= last.revision {
                return Ok(());
            }
            let what = format!("the chain of hashes at {} is another than was written", last.revision);
            return Err(Damage::new(&stream_name(stream), 0, what).into());
        }
    }

    fn verify_snapshot(&self, stream: StreamId) -> Result<bool, LocalError> {
        let Some((end, _)) = self.load_with_end(stream)? else { return Ok(false) };
        if self.end_at(&self.archives_on_disk(), stream, end.revision)? == Some(end) {
            return Ok(true);
        }
        // Retention may have dropped that part of the journal, before or meanwhile.
        let oldest = self.index.lock().streams.get(&stream).map(StreamIndex::oldest);
        if oldest.is_some_and(|oldest| end.revision < oldest) {
            return Ok(true);
        }
        let what = format!("the journal was another at {}", end.revision);
        Err(Damage::new(&snapshot_file(stream), 0, what).into())
    }
}
