//! The local store: what a disk lets through, and what the engine makes of it. Strict: every acknowledgement waits for a sync.

mod crowd;
mod disk;
mod latency;
mod opening;
mod room;
mod throughput;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ticketcore::store::LocalStore;
use ticketcore::store::local::LocalOptions;
use ticketcore_benches::{Opened, open};

use crate::Outcome;
use crate::report::Figure;
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

/// A folder that goes with the measurement.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Outcome<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ticketcore-limits-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// The stadium on sale in a local store.
pub struct Durable {
    pub opened: Opened,
    pub store: Arc<LocalStore>,
    pub folder: Folder,
}

impl Durable {
    pub fn new(local: LocalOptions) -> Outcome<Self> {
        let folder = Folder::new()?;
        let store = Arc::new(LocalStore::open(&folder.0, local)?);
        let opened = open(Arc::<LocalStore>::clone(&store), options(), &usual())?;
        Ok(Self { opened, store, folder })
    }
}

/// Several names, one kind of figure.
pub type Figures = Outcome<Vec<Figure>>;
