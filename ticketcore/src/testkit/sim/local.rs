//! A local store in the simulation: its disk, its lives, and what has been seen of it.

use std::sync::Arc;

use super::plan::Plan;
use super::side::Books;
use crate::id::Revision;
use crate::store::Store;
use crate::store::local::{
    Durability, LocalCanary, LocalError, LocalOptions, LocalStats, LocalStore, Retention,
};
use crate::testkit::{MemoryDisk, Trouble};

/// Small, so that few batches fill a segment: archives are made and files used again all the time.
const SEGMENT_BYTES: u32 = 16 << 10;
/// Little, so that reading goes to the disk.
const CACHE_BYTES: usize = 16 << 10;

/// See the module.
pub(super) struct Local {
    pub disk: MemoryDisk,
    options: LocalOptions,
    /// The revision of the newest snapshot that was saved.
    pub saved: Revision,
    /// Whether a call has been made to fail since the store was opened.
    pub erred: bool,
    /// Facts up to here must survive whatever comes, and later ones, too, unless the end that was put to the store may cost some.
    pub promised: Revision,
    pub may_lose: bool,
    /// What is known of side records.
    pub side: Books,
    /// No more trouble.
    pub quiet: bool,
    store: Option<Arc<LocalStore>>,
    counted: LocalStats,
}

impl Local {
    /// A new store on a new disk.
    pub fn new(plan: &Plan, canary: Option<LocalCanary>, seed: u64) -> Result<Self, LocalError> {
        let options = LocalOptions {
            durability: plan.durability,
            retention: plan.retention,
            segment_bytes: SEGMENT_BYTES,
            cache_bytes: CACHE_BYTES,
            manual: true,
            canary,
            seed: Some(seed),
            ..LocalOptions::default()
        };
        let disk = MemoryDisk::new();
        let store = LocalStore::open_in(Arc::new(disk.clone()), options)?;
        Ok(Self {
            disk,
            options,
            saved: Revision::ZERO,
            erred: false,
            promised: Revision::ZERO,
            may_lose: false,
            side: Books::default(),
            quiet: false,
            store: Some(Arc::new(store)),
            counted: LocalStats::default(),
        })
    }

    /// Whether what was acknowledged is on the disk.
    pub fn is_strict(&self) -> bool {
        self.options.durability == Durability::Strict
    }

    /// Whether the beginning of a journal may be dropped.
    pub fn may_truncate(&self) -> bool {
        self.options.retention != Retention::All
    }

    /// Whether keeping house syncs the log, too.
    pub fn syncs_in_keeping(&self) -> bool {
        matches!(self.options.durability, Durability::Interval(_))
    }

    /// The open store.
    pub fn opened(&self) -> &Arc<LocalStore> {
        self.store.as_ref().expect("closed only while it is opened again")
    }

    /// The open store, as offices use it.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.opened()) as _
    }

    /// Opens the store on `disk`, with lives drawn from `seed`.
    pub fn open(&self, disk: &MemoryDisk, seed: u64) -> Result<LocalStore, LocalError> {
        LocalStore::open_in(Arc::new(disk.clone()), LocalOptions { seed: Some(seed), ..self.options })
    }

    /// Ends the store. It closes itself if nobody else has it, which is returned.
    pub fn close(&mut self) -> bool {
        self.store.take().and_then(Arc::into_inner).is_some()
    }

    /// Goes on with `store` on `disk`.
    pub fn go_on(&mut self, disk: MemoryDisk, store: LocalStore) {
        self.erred = matches!(disk.trouble(), Some(Trouble::Error(_) | Trouble::ReadError(_)));
        (self.disk, self.store, self.counted) = (disk, Some(Arc::new(store)), LocalStats::default());
    }

    /// From now on this goes wrong.
    pub fn set_trouble(&mut self, trouble: Option<Trouble>) {
        self.erred |= matches!(trouble, Some(Trouble::Error(_) | Trouble::ReadError(_)));
        self.disk.set_trouble(trouble);
    }

    /// What has been done since it was last asked: whether segments were archived, and files made ready to be used again.
    pub fn done(&mut self) -> (bool, bool) {
        let now = self.opened().stats();
        let before = std::mem::replace(&mut self.counted, now);
        (now.segments_archived > before.segments_archived, now.segments_reused > before.segments_reused)
    }
}

/// Whether a disk has done what its trouble is.
pub(super) fn has_struck(disk: &MemoryDisk) -> bool {
    match disk.trouble() {
        Some(Trouble::PowerCut(_)) => disk.is_dead(),
        Some(Trouble::Error(at)) => disk.calls() > at,
        Some(Trouble::ReadError(at)) => disk.reads() > at,
        Some(Trouble::Full(_)) => true,
        None => false,
    }
}
