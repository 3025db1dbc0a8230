//! [`LocalStore`]: journals in one folder of this machine, for one process at a time.
//!
//! Every batch goes to one log that all streams share; one sync makes all that have come meanwhile durable. When a segment of the log is
//! full, its facts are moved to archives, one file per stream, and the file of the segment is used again. `docs/DURABILITY.md` says what is
//! promised and what is assumed; `docs/FORMAT.md` describes the bytes.

mod archiver;
mod archives;
mod backlog;
mod copy;
mod error;
mod files;
mod find;
mod format;
mod index;
mod keeper;
mod last_words;
mod logged;
mod options;
mod read;
mod recovery;
mod shared;
mod side;
mod slots;
mod snapshots;
mod verify;
mod writer;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

pub use error::{Damage, LocalError};
pub use files::{Access, FileHandle, Files, FolderFiles};
#[cfg(feature = "testkit")]
pub(crate) use format::decode_anything;
pub use format::manifest::Retention;
#[cfg(feature = "testkit")]
pub use options::LocalCanary;
pub use options::{Durability, LocalOptions};
pub use shared::LocalStats;
pub use verify::Verified;

use super::{
    Capabilities, Completion, Gather, ReadError, Record, SideRecords, Snapshot, Store, StoreFailure,
    StreamId, Tail,
};
use crate::background;
use crate::id::Revision;
use crate::sync::Mutex;
use crate::sync::thread::{self, JoinHandle};
use error::Doing;
use files::ReadOnlyFiles;
use format::manifest::Manifest;
use format::segment::LogEnd;
use last_words::LastWords;
use recovery::{Found, Mutations, look, read_log};
use shared::Shared;
use writer::Writer;

/// Journals in a folder.
///
/// * One process at a time; a second one gets [`LocalError::InUse`].
/// * A batch is answered when it is as durable as [`Durability`] says. Batches that come while the disk is busy are written together.
/// * Threads: `ticketcore-log` writes, `ticketcore-keeper` makes files ready and moves facts to archives; none with [`LocalOptions::manual`].
///   Dropping the store writes what waits, then ends them.
/// * After an error of a write or a sync of the log nobody knows what is on the disk: everything is answered
///   [`Appended::Unknown`](super::Appended::Unknown) from then on, and reading goes on. Open the store again to learn what is there.
/// * A full disk is met before it hurts: the log goes to files that are there already. If the next one can't be made, appends are answered
///   [`Appended::Failed`](super::Appended::Failed) until there is room.
/// * When archiving is slower than writing, writing waits: see [`LocalOptions::unarchived_bytes_max`].
/// * Memory: 16 bytes for each batch in the log, the blocks of [`LocalOptions::cache_bytes`], 40 to 70 bytes for each side record; while segments
///   are archived less than a megabyte, or the largest batch if that is more.
pub struct LocalStore {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Option<Writer>>>,
    threads: Vec<JoinHandle<()>>,
    torn: u64,
}

impl LocalStore {
    /// Opens the store in a folder, or makes one if the folder is empty or not there.
    ///
    /// # Errors
    /// [`LocalError`]; nothing was changed then, but for leftovers of a crash and the empty file `LOCK`.
    pub fn open(folder: impl AsRef<Path>, options: LocalOptions) -> Result<Self, LocalError> {
        let folder = folder.as_ref();
        let files = FolderFiles::create(folder).doing("make", &folder.display().to_string())?;
        Self::open_in(Arc::new(files), options)
    }

    /// As [`open`](Self::open), in files of any kind.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_in(files: Arc<dyn Files>, options: LocalOptions) -> Result<Self, LocalError> {
        options.check()?;
        let lock = files.lock().map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => LocalError::InUse,
            _ => LocalError::Io { file: "LOCK".to_owned(), doing: "lock", error: Arc::new(error) },
        })?;
        let manifest = match look(&*files)? {
            Found::Store(manifest) => *manifest,
            Found::Empty => Manifest {
                store: u128::from(options.draw(1)) << 64 | u128::from(options.draw(2)),
                archived: LogEnd::default(),
                newest: 0,
                next_file: 1,
                streams: BTreeMap::new(),
            },
        };
        let is_new = manifest.next_file == 1 && manifest.newest == 0;
        let log = read_log(&*files, &manifest, true, options.mutations())?;
        let (end, torn, unsure) = (log.end, log.torn, log.unsure);
        let shared = Shared::new(files, options, lock, manifest, log);
        shared.settle_in(is_new, unsure)?;
        shared.open_side(true)?;
        let writer = Writer::begin(&shared, end)?;
        if options.manual {
            shared.keep_house()?;
        }
        let mut store =
            Self { shared, writer: Arc::new(Mutex::new(Some(writer))), threads: Vec::new(), torn };
        if !options.manual {
            store.start()?;
        }
        Ok(store)
    }

    /// Opens the store in a folder to read it; nothing in the folder is changed, and appends are answered
    /// [`Appended::Failed`](super::Appended::Failed). For a copy of a store, or one that no process writes: what a running process
    /// changes meanwhile may look like damage.
    ///
    /// # Errors
    /// [`LocalError`]; [`LocalError::NotAStore`] if there is none.
    pub fn open_read_only(folder: impl AsRef<Path>) -> Result<Self, LocalError> {
        let folder = folder.as_ref();
        let files = FolderFiles::existing(folder).doing("open", &folder.display().to_string())?;
        Self::read_only_in(Arc::new(files))
    }

    /// As [`open_read_only`](Self::open_read_only), in files of any kind.
    ///
    /// # Errors
    /// As `open_read_only`.
    pub fn read_only_in(files: Arc<dyn Files>) -> Result<Self, LocalError> {
        let options = LocalOptions { manual: true, ..LocalOptions::default() };
        let Found::Store(manifest) = look(&*files)? else {
            return Err(LocalError::NotAStore { found: "nothing".to_owned() });
        };
        let log = read_log(&*files, &manifest, false, Mutations::default())?;
        let torn = log.torn;
        let files = Arc::new(ReadOnlyFiles(files));
        let shared = Shared::new(files, options, Box::new(()), *manifest, log);
        shared.open_side(false)?;
        shared.queue.lock().dead = true;
        Ok(Self { shared, writer: Arc::default(), threads: Vec::new(), torn })
    }

    fn start(&mut self) -> Result<(), LocalError> {
        let writer = Arc::clone(&self.writer);
        let write = move || {
            let writer = writer.lock().take();
            if let Some(writer) = writer {
                writer.run();
            }
        };
        let shared = Arc::clone(&self.shared);
        let keep = move || {
            background::step_back();
            shared.run_keeper();
        };
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        self.threads.push(thread("ticketcore-log").spawn(write).doing("start", "ticketcore-log")?);
        self.threads.push(thread("ticketcore-keeper").spawn(keep).doing("start", "ticketcore-keeper")?);
        Ok(())
    }

    /// Moves full segments to archives, makes files ready and gives back what is not needed, and syncs the log with
    /// [`Durability::Interval`]: for stores opened with [`LocalOptions::manual`], as often as that says; others do it themselves.
    ///
    /// # Errors
    /// What could not be done; it is tried again next time.
    pub fn maintain(&self) -> Result<(), LocalError> {
        if matches!(self.shared.options.durability, Durability::Interval(_)) {
            self.shared.sync_log()?;
        }
        self.shared.keep_house()
    }

    /// Returns once everything acknowledged so far is on the disk, whatever the [`Durability`].
    ///
    /// # Errors
    /// If the store takes nothing more because a write or a sync failed.
    pub fn sync(&self) -> Result<(), StoreFailure> {
        Ok(self.shared.sync_log()?)
    }

    /// How much of a journal is kept, in place of what [`LocalOptions::retention`] says. Durable when this returns.
    ///
    /// # Errors
    /// If the manifest can't be written.
    pub fn set_retention(&self, stream: StreamId, retention: Option<Retention>) -> Result<(), LocalError> {
        let mut manifest = self.shared.manifest.lock();
        self.shared.save_manifest(&mut manifest, |next| {
            next.streams.entry(stream).or_default().retention = retention;
        })?;
        drop(manifest);
        self.shared.ask_keeper();
        Ok(())
    }

    /// Lets `gather` say when facts that have piled up are sent to the store, for streams that are opened from now on. False if somebody
    /// does so already.
    pub fn set_gather(&self, gather: Arc<dyn Gather>) -> bool {
        self.shared.gather.set(gather).is_ok()
    }

    /// Reads everything and checks every checksum, every chain of hashes, and that every snapshot belongs to its journal.
    #[must_use]
    pub fn verify(&self) -> Verified {
        self.shared.verify()
    }

    /// Copies the store to another folder, which is made, or is empty, while it goes on being written. The copy is a store as it was at one
    /// moment during the call: all that was acknowledged before the call is in it. It is on the disk when this returns; until then it is no
    /// store. Returns the bytes copied.
    ///
    /// Appends go on meanwhile; saving a snapshot waits until those that are there have been copied. What is erased from the side records
    /// later is not erased from the copy.
    ///
    /// # Errors
    /// [`LocalError::NotAStore`] if the folder is not empty; or what can't be read or written: then what there is of the copy is of no use.
    pub fn copy_to(&self, folder: impl AsRef<Path>) -> Result<u64, LocalError> {
        let folder = folder.as_ref();
        let files = FolderFiles::create(folder).doing("make", &folder.display().to_string())?;
        self.shared.copy_to(&files)
    }

    /// As [`copy_to`](Self::copy_to), to files of any kind.
    ///
    /// # Errors
    /// As `copy_to`.
    pub fn copy_in(&self, target: &dyn Files) -> Result<u64, LocalError> {
        self.shared.copy_to(target)
    }

    /// What has been done since the store was opened.
    #[must_use]
    pub fn stats(&self) -> LocalStats {
        let segments_waiting = self.shared.slots.lock().sealed.len() as u64;
        LocalStats { segments_waiting, ..self.shared.counters.read() }
    }

    /// Bytes of a write that was under way when the store was last left, and was not acknowledged. They were cut off.
    #[must_use]
    pub const fn torn_bytes(&self) -> u64 {
        self.torn
    }

    /// What is wrong, if anything, worst first: nothing is written any more; the thread that archives is gone; segments of the log wait in
    /// vain to be archived; what could not be done in the background when it was last tried; harm in a file that archiving or retention
    /// could do without. Facts are safe.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let shared = &self.shared;
        let ended = shared.poison.get().or_else(|| shared.keeper_gone.get()).cloned();
        let now = || shared.trouble.lock().clone().or_else(|| shared.backlog());
        ended.or_else(now).or_else(|| shared.damage.get().cloned())
    }

    fn is_read_only(&self) -> bool {
        self.shared.active.lock().is_none()
    }

    fn drain_if_manual(&self) {
        if !self.shared.options.manual {
            return;
        }
        {
            let mut queue = self.shared.queue.lock();
            if queue.writing {
                return;
            }
            queue.writing = true;
        }
        let taken = self.writer.lock().take();
        if let Some(mut writer) = taken {
            // An answer may panic: whoever waits is told, as by the writer's thread.
            let last = LastWords::of(&self.shared);
            loop {
                writer.drain();
                let mut queue = self.shared.queue.lock();
                if queue.waiting.is_empty() {
                    // In this order: who comes next must find the writer.
                    *self.writer.lock() = Some(writer);
                    queue.writing = false;
                    break;
                }
            }
            last.unsaid();
        }
    }
}

impl Drop for LocalStore {
    fn drop(&mut self) {
        if std::mem::replace(&mut self.shared.queue.lock().closing, true) || self.is_read_only() {
            return;
        }
        self.shared.work.notify_all();
        self.shared.ask_keeper();
        for thread in self.threads.drain(..) {
            // The last handle may go with an answer that the writer gives. It ends by itself then.
            if thread.thread().id() != thread::current().id() {
                // Its panic is on standard error already.
                let _ended = thread.join();
            }
        }
        let writer = self.writer.lock().take();
        if let Some(mut writer) = writer {
            writer.close();
        }
        // From now on it would be noticed if the newest segment were gone; nobody is left to tell if that can't be written down.
        let _noted = self.shared.note_newest();
    }
}

impl Store for LocalStore {
    fn submit(&self, append: Completion) {
        let first = {
            let mut queue = self.shared.queue.lock();
            if queue.dead {
                drop(queue);
                return append.done(if self.is_read_only() {
                    super::Appended::Failed(StoreFailure::new("the store was opened to be read only"))
                } else {
                    super::Appended::Unknown(StoreFailure::new("the thread that writes is gone"))
                });
            }
            queue.waiting.push(append);
            queue.waiting.len() == 1
        };
        if self.shared.options.manual {
            self.drain_if_manual();
        } else if first {
            self.shared.work.notify_one();
        }
    }

    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        self.shared.read(stream, after, visit)
    }

    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        Ok(self.shared.save_snapshot(stream, &snapshot)?)
    }

    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        Ok(self.shared.load(stream)?)
    }

    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        let index = self.shared.index.lock();
        Ok(index.streams.iter().filter(|(_, stream)| stream.end.tail.seq > 0).map(|(id, _)| *id).collect())
    }

    fn side_records(&self) -> Option<&dyn SideRecords> {
        Some(&*self.shared)
    }

    fn gather(&self) -> Option<Arc<dyn Gather>> {
        self.shared.gather.get().cloned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inline: false, shared: false, durable: true }
    }
}
