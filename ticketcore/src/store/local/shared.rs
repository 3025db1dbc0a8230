//! What the parts of an open store share.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::OnceLock;

use super::LocalOptions;
use super::archives::{ArchiveReader, BlockCache, Cached};
use super::copy::Pinned;
use super::error::{Doing, LocalError};
use super::files::{FileHandle, Files};
use super::format::manifest::Manifest;
use super::format::segment::LogEnd;
use super::index::{Index, Segment};
use super::recovery::Log;
use super::side::Side;
use crate::id::Revision;
use crate::store::{Completion, Gather, StreamId};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex};

/// Batches that wait for the writer.
#[derive(Default)]
pub(super) struct Queue {
    pub waiting: Vec<Completion>,
    /// Somebody is writing; without a writer's thread, whoever hands a batch in then leaves it to them.
    pub writing: bool,
    pub closing: bool,
    /// The writer is gone: nothing is written any more.
    pub dead: bool,
}

/// A file of the log that is not in use.
pub(super) struct Spare {
    pub name: String,
    pub file: Arc<dyn FileHandle>,
    pub size: u64,
}

/// A segment that is full or was left by an earlier opening.
pub(super) struct Sealed {
    pub segment: Arc<Segment>,
    pub end: LogEnd,
    pub size: u64,
}

/// The files of the log that are not being written.
#[derive(Default)]
pub(super) struct Slots {
    pub spare: Vec<Spare>,
    /// Oldest first: they wait to be archived.
    pub sealed: VecDeque<Sealed>,
    /// Archived; somebody may still be reading them.
    pub retired: Vec<Sealed>,
    /// The writer has waited for archives in vain: it does not wait again before there is one.
    pub stuck: bool,
    pub next_name: u64,
}

/// What has been done since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalStats {
    /// Batches written to the log.
    pub batches: u64,
    /// Writes to the log; each carries the batches that came while the one before was under way.
    pub writes: u64,
    /// Syncs of the log.
    pub syncs: u64,
    /// Bytes written to the log, fillings up to 4,096 included.
    pub log_bytes: u64,
    /// Segments whose facts were moved to archives.
    pub segments_archived: u64,
    /// Bytes of archives written.
    pub archive_bytes: u64,
    /// Files of archived segments that were made ready to be used again.
    pub segments_reused: u64,
    /// How often writing has waited because too many segments waited to be archived.
    pub waits: u64,
    /// Segments that are full and wait to be archived now.
    pub segments_waiting: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    pub batches: AtomicU64,
    pub writes: AtomicU64,
    pub syncs: AtomicU64,
    pub log_bytes: AtomicU64,
    pub segments_archived: AtomicU64,
    pub archive_bytes: AtomicU64,
    pub segments_reused: AtomicU64,
    pub waits: AtomicU64,
}

impl Counters {
    pub fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub fn read(&self) -> LocalStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LocalStats {
            batches: of(&self.batches),
            writes: of(&self.writes),
            syncs: of(&self.syncs),
            log_bytes: of(&self.log_bytes),
            segments_archived: of(&self.segments_archived),
            archive_bytes: of(&self.archive_bytes),
            segments_reused: of(&self.segments_reused),
            waits: of(&self.waits),
            segments_waiting: 0,
        }
    }
}

/// See the module. Lock order: snapshots being saved, manifest, index, slots, active segment; the others stand alone.
pub(super) struct Shared {
    /// Keeps other processes out until the last thread is done.
    pub _lock: Box<dyn Any + Send + Sync>,
    pub files: Arc<dyn Files>,
    pub options: LocalOptions,
    pub store: u128,
    /// Drawn at this opening, so that no segment has a life that it had before.
    pub lives: u64,
    pub queue: Mutex<Queue>,
    /// For the writer.
    pub work: Condvar,
    pub index: Mutex<Index>,
    pub slots: Mutex<Slots>,
    /// With `slots`: for the writer, when segments have been archived.
    pub archived: Condvar,
    /// For the keeper.
    pub keep: Condvar,
    pub keep_asked: Mutex<bool>,
    pub manifest: Mutex<Manifest>,
    pub cache: BlockCache,
    pub counters: Counters,
    /// The number of the newest segment whose header is on the disk.
    pub newest: AtomicU64,
    /// The segment that is being written; all before it are on the disk.
    pub active: Mutex<Option<Arc<Segment>>>,
    /// Why nothing is written any more.
    pub poison: OnceLock<String>,
    /// What the keeper could not do when it last tried.
    pub trouble: Mutex<Option<String>>,
    /// Why there is no keeper any more.
    pub keeper_gone: OnceLock<String>,
    /// Harm that the keeper has met in what it could do without.
    pub damage: OnceLock<String>,
    /// One snapshot is saved at a time.
    pub saving: Mutex<()>,
    /// Likewise one sync of the log, and one round of the keeper's work.
    pub syncing: Mutex<()>,
    pub keeping: Mutex<()>,
    /// Archive files that a manifest may name which was perhaps not written: they go once another one is.
    pub doubtful: Mutex<Vec<(StreamId, u64)>>,
    /// Archives that a copy still needs.
    pub pinned: Mutex<Pinned>,
    /// Side records, once somebody has asked for one.
    pub side: Mutex<Option<Side>>,
    /// Saving a snapshot has failed, and nobody knows whether the names in their folder are on the disk.
    pub snapshots_in_doubt: AtomicBool,
    /// Revisions of snapshots that were saved or loaded since the store was opened, and are on the disk.
    pub snapshots: Mutex<BTreeMap<StreamId, Revision>>,
    /// Who says when facts that have piled up come.
    pub gather: OnceLock<Arc<dyn Gather>>,
}

impl Shared {
    /// What is shared at the opening of a store with this manifest and log.
    pub fn new(
        files: Arc<dyn Files>,
        options: LocalOptions,
        lock: Box<dyn Any + Send + Sync>,
        manifest: Manifest,
        log: Log,
    ) -> Arc<Self> {
        Arc::new(Self {
            _lock: lock,
            files,
            options,
            store: manifest.store,
            lives: options.draw(3),
            queue: Mutex::default(),
            work: Condvar::new(),
            index: Mutex::new(log.index),
            slots: Mutex::new(log.slots),
            archived: Condvar::new(),
            keep: Condvar::new(),
            keep_asked: Mutex::new(true),
            manifest: Mutex::new(manifest),
            cache: BlockCache::new(options.cache_bytes),
            counters: Counters::default(),
            newest: AtomicU64::new(0),
            active: Mutex::default(),
            poison: OnceLock::new(),
            trouble: Mutex::default(),
            keeper_gone: OnceLock::new(),
            damage: OnceLock::new(),
            saving: Mutex::new(()),
            syncing: Mutex::new(()),
            keeping: Mutex::new(()),
            doubtful: Mutex::default(),
            pinned: Mutex::default(),
            side: Mutex::default(),
            snapshots_in_doubt: AtomicBool::new(false),
            snapshots: Mutex::default(),
            gather: OnceLock::new(),
        })
    }

    pub fn archives(&self) -> ArchiveReader<'_> {
        ArchiveReader { files: &*self.files, store: self.store, cache: &self.cache, cached: Cached::Used }
    }

    /// As [`archives`](Self::archives), but everything is read from the files.
    pub fn archives_on_disk(&self) -> ArchiveReader<'_> {
        ArchiveReader { cached: Cached::Not, ..self.archives() }
    }

    /// Returns once everything acknowledged so far is on the disk.
    pub fn sync_log(&self) -> Result<(), LocalError> {
        let active = self.active.lock().clone();
        active.map_or(Ok(()), |segment| self.sync_segment(&segment))
    }

    /// Syncs a segment; an error poisons the store. One at a time: the system tells an error once, and who hears it must have said so before
    /// another is told that all is well.
    pub fn sync_segment(&self, segment: &Segment) -> Result<(), LocalError> {
        let _alone = self.syncing.lock();
        if let Some(reason) = self.poison.get() {
            let error = Arc::new(std::io::Error::other(reason.clone()));
            return Err(LocalError::Io { file: segment.name.clone(), doing: "sync", error });
        }
        segment.file.sync().doing("sync", &segment.name).inspect_err(|error| self.poison(error))
    }

    /// After an error of a write or a sync nobody knows what is on the disk, and asking again does not tell: nothing is written any more.
    pub fn poison(&self, error: &LocalError) {
        self.poison.get_or_init(|| format!("{error}; the store takes nothing more until it is opened again"));
    }

    /// The keeper has something to do.
    pub fn ask_keeper(&self) {
        *self.keep_asked.lock() = true;
        self.keep.notify_one();
    }
}
