//! Reading journals: archives first, then the log.

use std::ops::ControlFlow;

use super::archives::ArchiveError;
use super::error::{Damage, LocalError};
use super::find::MOVES_MAX;
use super::format::archive::StoredBatch;
use super::index::{Archive, Piece};
use super::logged::{batch_of, visit_logged};
use super::shared::Shared;
use crate::id::Revision;
use crate::store::{ReadError, Record, RecordIter, StoreFailure, StreamId, Tail};

type Visit<'v> = dyn FnMut(Record<'_>) -> ControlFlow<()> + 'v;

/// How far a reader has come.
struct Reader<'v, 'w> {
    after: Revision,
    /// What was there when it began.
    last: Revision,
    tail: Tail,
    visit: &'v mut Visit<'w>,
    done: bool,
}

impl Reader<'_, '_> {
    /// Visits the records of a batch. False if that is enough.
    fn batch(&mut self, batch: &StoredBatch<'_>) -> bool {
        if batch.first > self.last {
            self.done = true;
            return false;
        }
        for record in RecordIter::new(batch.base, batch.first, batch.records) {
            if record.stamp.revision <= self.after {
                continue;
            }
            self.after = record.stamp.revision;
            self.tail = batch.tail();
            if (self.visit)(record).is_break() {
                self.done = true;
                return false;
            }
        }
        self.done = self.after >= self.last;
        !self.done
    }
}

impl Shared {
    /// See [`Store::read`](crate::store::Store::read).
    pub fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut Visit<'_>,
    ) -> Result<(Revision, Tail), ReadError> {
        let end = self.index.lock().end(stream);
        if after >= end.revision {
            return Ok((end.revision, end.tail));
        }
        let mut reader = Reader { after, last: end.revision, tail: Tail::default(), visit, done: false };
        let mut moves = 0;
        while !reader.done {
            let before = reader.after;
            let piece = self.index.lock().streams.get(&stream).map(|index| index.piece(before.next()));
            let failed = |error: LocalError| ReadError::Failed(StoreFailure::from(error));
            match piece {
                None => return Ok((Revision::ZERO, Tail::default())),
                Some(Piece::Gone(oldest)) => return Err(ReadError::Truncated { oldest }),
                Some(Piece::Logged(segment, seq, places)) => {
                    visit_logged(&segment, seq, &places, &mut |frame| reader.batch(&batch_of(frame)))
                        .map_err(failed)?;
                }
                Some(Piece::Archived(archive)) => match self.read_archive(&archive, &mut reader) {
                    Ok(()) => {}
                    Err(ArchiveError::Moved) if moves < MOVES_MAX => {
                        moves += 1;
                        continue;
                    }
                    Err(ArchiveError::Moved) => {
                        let name = super::format::archive::archive_file(stream, archive.entry.file);
                        return Err(failed(Damage::new(&name, 0, "it is missing").into()));
                    }
                    Err(ArchiveError::Failed(error)) => return Err(failed(error)),
                },
            }
            if reader.after == before && !reader.done {
                let reason = format!("a batch of {stream:?} after {before} holds fewer records than it says");
                return Err(StoreFailure::new(reason).into());
            }
        }
        Ok((reader.after, reader.tail))
    }

    fn read_archive(&self, archive: &Archive, reader: &mut Reader<'_, '_>) -> Result<(), ArchiveError> {
        let from = reader.after.next();
        self.archives().keeping().visit(archive, from, &mut |batch| reader.batch(batch))?;
        Ok(())
    }
}
