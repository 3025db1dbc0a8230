//! Finding single batches, and going through a journal batch by batch. A part that is moved to an archive, or to another one, while it is
//! looked at is looked for again.

use super::archives::{ArchiveError, ArchiveReader};
use super::error::{Damage, LocalError};
use super::format::archive::StoredBatch;
use super::format::manifest::End;
use super::format::stream_name;
use super::index::{Piece, StreamIndex};
use super::logged::{batch_of, visit_logged};
use super::shared::Shared;
use crate::id::Revision;
use crate::store::{BatchId, StreamId};

/// A file may go while it is read, each time because of one more archive; more often than this is not believed.
pub(super) const MOVES_MAX: u32 = 100;

impl Shared {
    /// Does `with` with the part of a journal that `pick` picks; again if that was moved meanwhile. `None` if there is no such part.
    pub fn with_piece<T>(
        &self,
        stream: StreamId,
        pick: impl Fn(&StreamIndex) -> Piece,
        mut with: impl FnMut(Piece) -> Result<T, LocalError>,
    ) -> Result<Option<T>, LocalError> {
        for _ in 0..MOVES_MAX {
            let piece = self.index.lock().streams.get(&stream).map(&pick);
            let piece = match piece {
                None | Some(Piece::Gone(_)) => return Ok(None),
                Some(piece) => piece,
            };
            match with(piece).map_err(ArchiveError::from) {
                Ok(found) => return Ok(Some(found)),
                Err(ArchiveError::Moved) => {}
                Err(ArchiveError::Failed(error)) => return Err(error),
            }
        }
        Err(Damage::new(&stream_name(stream), 0, "an archive is missing").into())
    }

    /// Name of batch `seq` of a stream, which is not after its last; `None` if the journal no longer goes back that far.
    pub fn id_of(&self, stream: StreamId, seq: u64) -> Result<Option<BatchId>, LocalError> {
        let found = self.with_piece(
            stream,
            |index| index.piece_of_batch(seq),
            |piece| {
                let mut id = None;
                let mut visit = |batch: &StoredBatch<'_>| {
                    id = (batch.seq == seq).then_some(batch.id);
                    batch.seq < seq
                };
                match piece {
                    Piece::Logged(segment, first, places) => {
                        visit_logged(&segment, first, &places, &mut |frame| visit(&batch_of(frame)))?;
                    }
                    Piece::Archived(archive) => {
                        let reader = self.archives();
                        let blocks = reader.blocks(&archive)?;
                        let from = blocks.partition_point(|block| block.first_seq <= seq).saturating_sub(1);
                        reader.visit_from(&archive, from, &mut visit)?;
                    }
                    Piece::Gone(_) => {}
                }
                Ok(id)
            },
        )?;
        Ok(found.flatten())
    }

    /// Where a stream ended with the batch that ends at `revision`; `None` if there is none.
    pub fn end_at(
        &self,
        reader: &ArchiveReader<'_>,
        stream: StreamId,
        revision: Revision,
    ) -> Result<Option<End>, LocalError> {
        let known = self.index.lock().end(stream);
        if revision > known.revision || revision == Revision::ZERO {
            return Ok(None);
        }
        if revision == known.revision {
            return Ok(Some(known));
        }
        let found = self.with_piece(
            stream,
            |index| index.piece(revision),
            |piece| {
                let mut found = None;
                match piece {
                    Piece::Logged(segment, seq, places) => {
                        visit_logged(&segment, seq, &places[..1], &mut |frame| {
                            let batch = batch_of(frame);
                            found = Some(End {
                                revision: batch.last(),
                                tail: batch.tail(),
                                chain: frame.head.chain,
                            });
                            false
                        })?;
                    }
                    Piece::Archived(archive) => {
                        let blocks = reader.blocks(&archive)?;
                        let at = blocks.partition_point(|block| block.first <= revision).saturating_sub(1);
                        let mut end = blocks.get(at).map_or(End::default(), |block| block.before());
                        reader.visit_from(&archive, at, &mut |batch| {
                            end = batch.after(end).unwrap_or(end);
                            batch.last() < revision
                        })?;
                        found = Some(end);
                    }
                    Piece::Gone(_) => {}
                }
                Ok(found.filter(|end| end.revision == revision))
            },
        )?;
        Ok(found.flatten())
    }

    /// Visits batches from the one with `revision` on, as many as lie together, until `visit` has seen enough. If a part moves meanwhile
    /// batches may come twice. False if the journal begins later now.
    pub fn batches_from(
        &self,
        reader: &ArchiveReader<'_>,
        stream: StreamId,
        revision: Revision,
        visit: &mut dyn FnMut(&StoredBatch<'_>) -> bool,
    ) -> Result<bool, LocalError> {
        let with = |piece| match piece {
            Piece::Logged(segment, seq, places) => {
                visit_logged(&segment, seq, &places, &mut |frame| visit(&batch_of(frame)))
            }
            Piece::Archived(archive) => reader.visit(&archive, revision, visit),
            Piece::Gone(_) => Ok(()),
        };
        Ok(self.with_piece(stream, |index| index.piece(revision), with)?.is_some())
    }

    /// Where a journal stood before its oldest batch that is still there, and which revision that begins with.
    pub fn end_before_oldest(
        &self,
        reader: &ArchiveReader<'_>,
        stream: StreamId,
    ) -> Result<Option<End>, LocalError> {
        let base = std::cell::Cell::new(End::default());
        let pick = |index: &StreamIndex| {
            base.set(index.archived);
            index.piece(index.oldest())
        };
        self.with_piece(stream, pick, |piece| match piece {
            Piece::Archived(archive) => {
                Ok(reader.blocks(&archive)?.first().map_or(End::default(), |block| block.before()))
            }
            _ => Ok(base.get()),
        })
    }
}
