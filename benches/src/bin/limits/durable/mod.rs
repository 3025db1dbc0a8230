//! The local store: what a disk lets through, and what the engine makes of it. Strict: every acknowledgement waits for a sync.

mod crowd;
mod disk;
mod latency;
mod opening;
mod room;
mod throughput;

use std::sync::Arc;

use ticketcore::Options;
use ticketcore::store::LocalStore;
use ticketcore::store::local::LocalOptions;
pub use ticketcore_benches::Folder;
use ticketcore_benches::report::Figure;
use ticketcore_benches::{Opened, open};

use crate::Outcome;
use crate::rounds::{options, usual};

pub const THROUGHPUT: &[&str] = &["durable_holds"];
pub const LATENCY: &[&str] = &["durable_hold_p50_us", "durable_hold_p999_archiving_us"];
pub const CROWD: &[&str] = &["durable_64_threads", "durable_1000_tasks"];
pub const OPENING: &[&str] = &["open_1m", "open_1m_snapshot"];
pub const ROOM: &[&str] = &["log_bytes_per_hold", "archive_bytes_per_hold"];

pub use crowd::measure as crowd;
pub use latency::measure as latency;
pub use opening::measure as opening;
pub use room::measure as room;
pub use throughput::measure as throughput;

/// The stadium on sale in a local store.
pub struct Durable {
    pub opened: Opened,
    pub store: Arc<LocalStore>,
    pub folder: Folder,
}

impl Durable {
    pub fn new(local: LocalOptions) -> Outcome<Self> {
        Self::with(local, options())
    }

    pub fn with(local: LocalOptions, options: Options) -> Outcome<Self> {
        let folder = Folder::new()?;
        let store = Arc::new(LocalStore::open(&folder.0, local)?);
        let opened = open(Arc::<LocalStore>::clone(&store), options, &usual())?;
        Ok(Self { opened, store, folder })
    }
}

/// Several names, one kind of figure.
pub type Figures = Outcome<Vec<Figure>>;
