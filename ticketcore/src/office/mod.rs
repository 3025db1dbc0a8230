//! The box office: the front of the engine. Commands in, outcomes out, for every event of a store.

mod catalogue;
mod commands;
mod host_records;
mod maintenance;
mod many;
mod orders;
mod past;
mod past_orders;
mod pending;
mod people;
mod queries;
mod queries_async;
mod registry;
mod reports;
mod tickets;
mod vouchers;
mod waiting;

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;

pub use catalogue::{EventEntry, VenueEntry};
pub use maintenance::Maintained;
pub use past::{Moment, Past, PastOrder, SeatMoment};
pub use pending::Pending;
pub use queries::{Changes, SeatInfo};
pub use reports::{HeldTicket, MoneyReport};
pub use tickets::{CodeError, Scan};

use crate::answer::CommandError;
use crate::canary::Canaries;
#[cfg(feature = "testkit")]
use crate::canary::Canary;
use crate::event::{EventCore, Settings};
use crate::id::EventId;
use crate::limits::{GUESS_DELAY_MS, PENDING_BYTES_MAX};
use crate::store::local::{LocalError, LocalOptions};
use crate::store::{LocalStore, Store};
use crate::sync::atomic::AtomicU64;
use crate::sync::thread::JoinHandle;
use crate::sync::{ArcSwap, Mutex};
use crate::time::{Clock, SystemClock};

use catalogue::Catalogue;
use maintenance::Jobs;
use registry::Opening;

/// How a box office is opened.
pub struct Options {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// No thread is started: the host calls [`BoxOffice::maintain`] itself, often. Events are then opened on the thread of the first command.
    pub manual_expiry: bool,
    /// A snapshot of an event is saved in the background after so many facts; 0 never.
    pub snapshot_every: u64,
    /// An event on which nothing has happened for so long, without holds, is closed; its memory is given back.
    pub close_idle_after_ms: u64,
    /// Memory that facts of one event which wait for the store may take, in bytes; past it commands are refused as `overloaded`. An estimate
    /// from above. See [`PENDING_BYTES_MAX`].
    pub pending_bytes_max: usize,
    /// Time that who gives a wrong code must wait before the next, in milliseconds; doubles with every further one. 0: none.
    pub guess_delay_ms: u64,
    /// What names the batches of this box office; random if absent, as it always is without this feature. On one store it must never come
    /// twice, not after a restart either: a shared store takes a batch of an earlier life that lands late for a new one of the same name,
    /// and what was acknowledged is not there.
    #[cfg(feature = "testkit")]
    pub node: Option<u64>,
    /// A deliberate fault, to prove that it is caught.
    #[cfg(feature = "testkit")]
    pub canary: Option<Canary>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            manual_expiry: false,
            snapshot_every: 1_000_000,
            close_idle_after_ms: 15 * 60_000,
            pending_bytes_max: PENDING_BYTES_MAX,
            guess_delay_ms: GUESS_DELAY_MS,
            #[cfg(feature = "testkit")]
            node: None,
            #[cfg(feature = "testkit")]
            canary: None,
        }
    }
}

/// A box office can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its store can't.
    #[error(transparent)]
    Store(#[from] LocalError),
    /// The catalogue of events can't be read, or a thread can't be started.
    #[error(transparent)]
    Catalogue(#[from] CommandError),
}

/// Sells tickets for every event of one store. Cheap to share behind an [`Arc`]; all methods take `&self`.
///
/// Threads: `ticketcore-maintenance`, which expires holds, opens and closes events and rebases, and `ticketcore-snapshots`, which saves
/// snapshots when others need the processors less; none with [`Options::manual_expiry`]. Dropping the box office ends them.
pub struct BoxOffice {
    office: Arc<Office>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads of a box office share.
pub(crate) struct Office {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    node: u64,
    settings: Settings,
    snapshot_every: u64,
    close_idle_after_ms: u64,
    catalogue: Catalogue,
    events: ArcSwap<HashMap<EventId, Arc<EventCore>>>,
    opening: Mutex<HashMap<EventId, Opening>>,
    /// Who opens an event holds its lock; in the map only meanwhile.
    openers: Mutex<HashMap<EventId, Arc<Mutex<()>>>>,
    openings: AtomicU64,
    jobs: Arc<Jobs>,
}

impl BoxOffice {
    /// Opens a box office whose journals are kept in a folder of this machine, made if it is not there: a [`LocalStore`] with its default
    /// options. Events are opened when they are first used.
    ///
    /// # Errors
    /// If the store can't be opened ([`OpenError::Store`] says why), or its catalogue can't be read.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        Ok(Self::with_store(LocalStore::open(folder, LocalOptions::default())?, options)?)
    }

    /// Opens a box office on a store of any kind.
    ///
    /// # Errors
    /// If the catalogue can't be read.
    pub fn with_store(store: impl Store, options: Options) -> Result<Self, CommandError> {
        Self::open_shared(Arc::new(store), options)
    }

    /// As [`with_store`](Self::with_store), on a store that others may use too.
    ///
    /// # Errors
    /// If the catalogue can't be read, or a thread can't be started.
    pub fn open_shared(store: Arc<dyn Store>, options: Options) -> Result<Self, CommandError> {
        let node = RandomState::new().hash_one(std::process::id());
        #[cfg(feature = "testkit")]
        let node = options.node.unwrap_or(node);
        #[cfg(feature = "testkit")]
        let canaries = options.canary.map_or(Canaries::default(), Canaries::only);
        #[cfg(not(feature = "testkit"))]
        let canaries = Canaries::default();
        let office = Arc::new(Office {
            catalogue: Catalogue::open(Arc::clone(&store), node)?,
            store,
            clock: options.clock,
            node,
            settings: Settings {
                canaries,
                manual: options.manual_expiry,
                pending_bytes_max: options.pending_bytes_max,
                guess_delay_ms: options.guess_delay_ms,
            },
            snapshot_every: options.snapshot_every,
            close_idle_after_ms: options.close_idle_after_ms,
            events: ArcSwap::default(),
            opening: Mutex::new(HashMap::new()),
            openers: Mutex::new(HashMap::new()),
            openings: AtomicU64::new(0),
            jobs: Arc::default(),
        });
        let mut opened = Self { office, threads: Vec::new() };
        if !options.manual_expiry {
            opened.threads = maintenance::start(&opened.office)?;
        }
        Ok(opened)
    }
}

impl Drop for BoxOffice {
    fn drop(&mut self) {
        self.office.jobs.end();
        for thread in self.threads.drain(..) {
            // A panic there has stopped its event already; there is nobody left to tell.
            let _ended = thread.join();
        }
        // Nobody opens an event, rebases it or reads its journal's end any more; appends that are under way end by themselves.
        self.office.end_openings();
        for core in self.office.events.load().values() {
            core.end();
        }
    }
}
