//! Where everything is: which archives a journal has and which of its batches are in the log. In memory; at open it is made from the
//! manifest and a scan of the log.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use super::files::FileHandle;
use super::format::archive::BlockEntry;
use super::format::manifest::{ArchiveEntry, End, StreamEntry};
use super::format::segment::LogEnd;
use crate::id::Revision;
use crate::store::StreamId;

/// Batches that one look at the index returns at most: nobody waits for longer than copying these.
const PIECE_BATCHES: usize = 1_024;

/// A segment of the log in use. Whoever reads it keeps its file from being used again.
pub(super) struct Segment {
    /// Its file.
    pub name: String,
    pub file: Arc<dyn FileHandle>,
    pub number: u64,
    pub life: u64,
}

/// An archive file and, once somebody has read it, its list of blocks.
pub(super) struct Archive {
    pub stream: StreamId,
    pub entry: ArchiveEntry,
    pub blocks: OnceLock<Vec<BlockEntry>>,
}

impl Archive {
    pub fn new(stream: StreamId, entry: ArchiveEntry) -> Arc<Self> {
        Arc::new(Self { stream, entry, blocks: OnceLock::new() })
    }
}

/// Where a batch is in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub first: Revision,
    pub at: u32,
    /// Bytes of its records.
    pub len: u32,
}

impl Place {
    pub fn new(first: Revision, at: u32, records: &[u8]) -> Self {
        Self { first, at, len: u32::try_from(records.len()).unwrap_or(u32::MAX) }
    }
}

/// Successive batches of one stream in one segment. 16 bytes a batch.
struct Run {
    segment: Arc<Segment>,
    first_seq: u64,
    places: Vec<Place>,
}

/// One journal.
#[derive(Default)]
pub(super) struct StreamIndex {
    pub end: End,
    /// How far it is in archives, those that were dropped included.
    pub archived: End,
    /// In order and without gaps; the log follows them.
    pub archives: Vec<Arc<Archive>>,
    log: VecDeque<Run>,
}

/// A part of a journal that can be read without the index.
pub(super) enum Piece {
    Archived(Arc<Archive>),
    Logged(Arc<Segment>, u64, Vec<Place>),
    /// It begins later.
    Gone(Revision),
}

impl StreamIndex {
    /// The oldest revision there is, or the next one if there is none.
    pub fn oldest(&self) -> Revision {
        let archived = self.archives.first().map(|archive| archive.entry.first);
        archived.or_else(|| self.first_logged()).unwrap_or_else(|| self.end.revision.next())
    }

    fn first_logged(&self) -> Option<Revision> {
        self.log.front().and_then(|run| run.places.first()).map(|place| place.first)
    }

    /// A part of the journal that begins at or before `revision`, which is not after its end.
    pub fn piece(&self, revision: Revision) -> Piece {
        if revision < self.oldest() {
            return Piece::Gone(self.oldest());
        }
        let at = self.archives.partition_point(|archive| archive.entry.end.revision < revision);
        if let Some(archive) = self.archives.get(at) {
            return Piece::Archived(Arc::clone(archive));
        }
        let after = self.log.partition_point(|run| run.places[0].first <= revision);
        let Some(run) = after.checked_sub(1).and_then(|at| self.log.get(at)) else {
            return Piece::Gone(self.oldest());
        };
        let from = run.places.partition_point(|place| place.first <= revision) - 1;
        let to = run.places.len().min(from + PIECE_BATCHES);
        Piece::Logged(Arc::clone(&run.segment), run.first_seq + from as u64, run.places[from..to].to_vec())
    }

    /// The part with batch `seq`, which is not after the last.
    pub fn piece_of_batch(&self, seq: u64) -> Piece {
        let at = self.archives.partition_point(|archive| archive.entry.end.tail.seq < seq);
        if let Some(archive) = self.archives.get(at) {
            let gone = seq < archive.entry.first_seq;
            return if gone { Piece::Gone(self.oldest()) } else { Piece::Archived(Arc::clone(archive)) };
        }
        let after = self.log.partition_point(|run| run.first_seq <= seq);
        let Some(run) = after.checked_sub(1).and_then(|at| self.log.get(at)) else {
            return Piece::Gone(self.oldest());
        };
        let place = usize::try_from(seq - run.first_seq).ok().and_then(|at| run.places.get(at)).copied();
        Piece::Logged(Arc::clone(&run.segment), seq, place.into_iter().collect())
    }

    /// The last revision that is in archives or in segments up to this one.
    fn end_in(&self, number: u64) -> Revision {
        let after = self.log.iter().find(|run| run.segment.number > number);
        after.map_or(self.end.revision, |run| Revision(run.places[0].first.0 - 1))
    }
}

/// The part of a journal that has left the log.
pub(super) struct Moved {
    pub archive: Arc<Archive>,
    /// How many of the journal's last archives it takes the place of.
    pub merged: usize,
}

/// Every journal.
#[derive(Default)]
pub(super) struct Index {
    pub streams: BTreeMap<StreamId, StreamIndex>,
    /// Where the log ends with what is in here.
    pub written: LogEnd,
    /// Which journals have batches in a segment of the log, by its number.
    touched: BTreeMap<u64, Vec<StreamId>>,
}

impl Index {
    /// What the manifest knows.
    pub fn new(streams: &BTreeMap<StreamId, StreamEntry>) -> Self {
        let of = |(stream, entry): (&StreamId, &StreamEntry)| {
            let archives = entry.archives.iter().map(|archive| Archive::new(*stream, *archive)).collect();
            (*stream, StreamIndex { end: entry.end, archived: entry.end, archives, log: VecDeque::new() })
        };
        Self { streams: streams.iter().map(of).collect(), ..Self::default() }
    }

    pub fn end(&self, stream: StreamId) -> End {
        self.streams.get(&stream).map_or(End::default(), |index| index.end)
    }

    /// Adds a batch that has been written to the log.
    pub fn push(&mut self, stream: StreamId, segment: &Arc<Segment>, place: Place, seq: u64, end: End) {
        let index = self.streams.entry(stream).or_default();
        index.end = end;
        match index.log.back_mut().filter(|run| Arc::ptr_eq(&run.segment, segment)) {
            Some(run) => run.places.push(place),
            None => {
                let segment = Arc::clone(segment);
                self.touched.entry(segment.number).or_default().push(stream);
                index.log.push_back(Run { segment, first_seq: seq, places: vec![place] });
            }
        }
    }

    /// The journals that have batches in the segments up to this one.
    pub fn logged_up_to(&self, number: u64) -> BTreeSet<StreamId> {
        self.touched.range(..=number).flat_map(|(_, streams)| streams).copied().collect()
    }

    /// The last revision of a journal that is in archives or in segments up to this one.
    pub fn end_in(&self, stream: StreamId, number: u64) -> Revision {
        self.streams.get(&stream).map_or(Revision::ZERO, |index| index.end_in(number))
    }

    /// Segments up to this one have been archived: what was read from them is read from these archives now. Returns what the caller drops
    /// once nobody waits for the index.
    pub fn archived(&mut self, number: u64, moved: impl Iterator<Item = Moved>) -> Vec<Vec<Place>> {
        let mut gone = Vec::new();
        for Moved { archive, merged } in moved {
            let index = self.streams.entry(archive.stream).or_default();
            while index.log.front().is_some_and(|run| run.segment.number <= number) {
                gone.extend(index.log.pop_front().map(|run| run.places));
            }
            index.archived = archive.entry.end;
            index.archives.truncate(index.archives.len().saturating_sub(merged));
            index.archives.push(archive);
        }
        gone
    }

    /// No journal has anything in the segments up to this one.
    pub fn left(&mut self, number: u64) {
        self.touched = self.touched.split_off(&(number + 1));
    }

    /// A journal begins with a later archive.
    pub fn dropped(&mut self, stream: StreamId, archives: usize) {
        if let Some(index) = self.streams.get_mut(&stream) {
            index.archives.drain(..archives.min(index.archives.len()));
        }
    }
}
