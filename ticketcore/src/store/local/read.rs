//! Reading journals: archives first, then the log.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::archives::ArchiveError;
use super::error::{Damage, Doing, LocalError};
use super::format::archive::StoredBatch;
use super::format::frame::{FRAME_HEAD, frame_at, frame_len};
use super::format::manifest::End;
use super::index::{Archive, Piece, Place, Segment};
use super::keeper::batch_of;
use super::shared::Shared;
use crate::id::Revision;
use crate::store::{BatchId, ReadError, Record, RecordIter, StoreFailure, StreamId, Tail};

/// Batches of the log that lie closer together than this are read in one go.
const SPAN_BYTES: u64 = 256 << 10;
/// A file may go while it is read, each time because of one more archive; more often than this is not believed.
const MOVES_MAX: u32 = 100;

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
                    self.read_log(&segment, seq, &places, &mut |batch| reader.batch(batch))
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
        self.archives().visit(archive, from, true, &mut |batch| reader.batch(batch))?;
        Ok(())
    }

    /// Visits batches of a segment, of which the first has number `seq`, until `visit` has seen enough.
    fn read_log(
        &self,
        segment: &Arc<Segment>,
        seq: u64,
        places: &[Place],
        visit: &mut dyn FnMut(&StoredBatch<'_>) -> bool,
    ) -> Result<(), LocalError> {
        let end_of = |place: &Place| u64::from(place.at) + (FRAME_HEAD + place.len as usize) as u64;
        let mut rest = places;
        let mut seq = seq;
        let mut bytes = Vec::new();
        while let Some(first) = rest.first() {
            let start = u64::from(first.at);
            let near = rest.partition_point(|place| end_of(place) <= start + SPAN_BYTES).max(1);
            let (now, later) = rest.split_at(near);
            let len = now.last().map_or(0, |place| end_of(place) - start);
            bytes.clear();
            bytes.resize(frame_len(usize::try_from(len).unwrap_or(usize::MAX) - FRAME_HEAD), 0);
            let wanted = usize::try_from(len).unwrap_or(usize::MAX);
            segment.file.read_at(&mut bytes[..wanted], start).doing("read", &segment.name)?;
            for place in now {
                let at = usize::try_from(u64::from(place.at) - start).unwrap_or(usize::MAX);
                let frame = frame_at(&bytes[at..]).filter(|frame| {
                    (frame.head.life, frame.head.seq, frame.head.first) == (segment.life, seq, place.first)
                });
                let Some(frame) = frame else {
                    let what = "a batch can't be read any more";
                    return Err(Damage::new(&segment.name, u64::from(place.at), what).into());
                };
                if !visit(&batch_of(&frame)) {
                    return Ok(());
                }
                seq += 1;
            }
            rest = later;
        }
        Ok(())
    }

    /// Name of batch `seq` of a stream, which is not after its last; `None` if the journal no longer goes back that far.
    pub fn id_of(&self, stream: StreamId, seq: u64) -> Result<Option<BatchId>, LocalError> {
        let mut id = None;
        self.find_batch(stream, |index| index.piece_of_batch(seq), &mut |batch| {
            id = (batch.seq == seq).then_some(batch.id);
            batch.seq < seq
        })?;
        Ok(id)
    }

    /// Where a stream ended with the batch that ends at `revision`; `None` if there is none.
    pub fn end_at(&self, stream: StreamId, revision: Revision) -> Result<Option<End>, LocalError> {
        let known = self.index.lock().end(stream);
        if revision > known.revision || revision == Revision::ZERO {
            return Ok(None);
        }
        if revision == known.revision {
            return Ok(Some(known));
        }
        let mut found = None;
        self.find_batch(stream, |index| index.piece(revision), &mut |batch| {
            found = (batch.last() == revision).then_some(batch.tail());
            batch.last() < revision
        })?;
        let Some(tail) = found else { return Ok(None) };
        let chain = self.chain_at(stream, revision)?;
        Ok(chain.map(|chain| End { revision, tail, chain }))
    }

    /// Visits batches from the one with `revision` on, as many as lie together, until `visit` has seen enough.
    pub fn batches_from(
        &self,
        stream: StreamId,
        revision: Revision,
        visit: &mut dyn FnMut(&StoredBatch<'_>) -> bool,
    ) -> Result<(), LocalError> {
        let mut later = |batch: &StoredBatch<'_>| batch.last() < revision || visit(batch);
        self.find_batch(stream, |index| index.piece(revision), &mut later)
    }

    fn find_batch(
        &self,
        stream: StreamId,
        piece: impl Fn(&super::index::StreamIndex) -> Piece,
        visit: &mut dyn FnMut(&StoredBatch<'_>) -> bool,
    ) -> Result<(), LocalError> {
        for _ in 0..MOVES_MAX {
            let piece = self.index.lock().streams.get(&stream).map(&piece);
            match piece {
                None | Some(Piece::Gone(_)) => return Ok(()),
                Some(Piece::Logged(segment, seq, places)) => {
                    return self.read_log(&segment, seq, &places, visit);
                }
                Some(Piece::Archived(archive)) => {
                    let from = archive.entry.first;
                    match self.archives().visit(&archive, from, false, visit).map_err(ArchiveError::from) {
                        Ok(()) => return Ok(()),
                        Err(ArchiveError::Moved) => {}
                        Err(ArchiveError::Failed(error)) => return Err(error),
                    }
                }
            }
        }
        Err(Damage::new(&super::format::stream_name(stream), 0, "an archive is missing").into())
    }

    /// The chain of hashes up to the batch that ends at `revision`.
    fn chain_at(&self, stream: StreamId, revision: Revision) -> Result<Option<u64>, LocalError> {
        let piece = self.index.lock().streams.get(&stream).map(|index| index.piece(revision));
        match piece {
            Some(Piece::Logged(segment, _, places)) => {
                let place = places.first().filter(|place| place.first <= revision);
                let Some(place) = place else { return Ok(None) };
                let mut bytes = vec![0; frame_len(place.len as usize)];
                let wanted = FRAME_HEAD + place.len as usize;
                let at = u64::from(place.at);
                segment.file.read_at(&mut bytes[..wanted], at).doing("read", &segment.name)?;
                Ok(frame_at(&bytes).map(|frame| frame.head.chain))
            }
            Some(Piece::Archived(archive)) => {
                let reader = self.archives();
                let blocks = reader.blocks(&archive)?;
                let at = blocks.partition_point(|block| block.first <= revision).saturating_sub(1);
                let Some(block) = blocks.get(at) else { return Ok(None) };
                let tail = Tail { seq: block.first_seq - 1, ..Tail::default() };
                let mut end = End { revision: Revision(block.first.0 - 1), tail, chain: block.chain };
                reader.visit(&archive, block.first, false, &mut |batch| {
                    end = batch.after(end).unwrap_or(end);
                    batch.last() < revision
                })?;
                Ok((end.revision == revision).then_some(end.chain))
            }
            _ => Ok(None),
        }
    }
}
