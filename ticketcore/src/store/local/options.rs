//! How a local store is opened.

use std::hash::{BuildHasher, RandomState};

use super::error::LocalError;
use super::format::manifest::Retention;
use super::recovery::Mutations;
#[cfg(feature = "testkit")]
use crate::invariant::Invariant;

/// What a loss of power may cost. A process that is killed loses nothing in any of them, as long as the machine goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was acknowledged.
    #[default]
    Strict,
    /// What was acknowledged in the last so many milliseconds.
    Interval(u64),
    /// Whatever the system has not written by itself: about half a minute on most.
    None,
}

/// How a local store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalOptions {
    /// What a loss of power may cost.
    pub durability: Durability,
    /// Bytes of a segment of the log: 16 KiB to 1 GiB, in steps of 4 KiB. A few of them are on the disk while archiving keeps up
    /// with writing.
    pub segment_bytes: u32,
    /// How much is kept of journals that a snapshot covers, unless [`LocalStore::set_retention`](super::LocalStore::set_retention) says otherwise.
    pub retention: Retention,
    /// Bytes of memory for unpacked blocks of archives.
    pub cache_bytes: usize,
    /// Bytes of full segments that may wait to be archived, two segments at least. Once there are so many, writing waits; without threads
    /// it archives them itself.
    pub unarchived_bytes_max: u64,
    /// How long writing waits for that, in milliseconds. From then on appends are answered [`Appended::Failed`](crate::store::Appended::Failed)
    /// until a segment has been archived.
    pub unarchived_wait_ms: u64,
    /// No threads are started: a batch is written by whoever hands it in, and the host calls [`LocalStore::maintain`](super::LocalStore::maintain) itself, often.
    pub manual: bool,
    /// A deliberate fault, to prove that it is caught.
    #[cfg(feature = "testkit")]
    pub canary: Option<LocalCanary>,
    /// What a new store's id and the lives of segments are drawn from, so that a test is the same every time. Another number at each
    /// opening. The system draws them if there is none.
    #[cfg(feature = "testkit")]
    pub seed: Option<u64>,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Strict,
            segment_bytes: 32 << 20,
            retention: Retention::All,
            cache_bytes: 32 << 20,
            unarchived_bytes_max: 512 << 20,
            unarchived_wait_ms: 10_000,
            manual: false,
            #[cfg(feature = "testkit")]
            canary: None,
            #[cfg(feature = "testkit")]
            seed: None,
        }
    }
}

/// A deliberate fault of the local store.
#[cfg(feature = "testkit")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalCanary {
    /// Batches are acknowledged before they are written and synced.
    AckBeforeSync,
    /// Opening takes any end of the log for a torn one.
    CutAckedTail,
    /// The file of a segment is used again before its facts are in an archive.
    RecycleBeforeArchive,
    /// Names of files are never synced.
    NoDirSync,
    /// Opening takes what an earlier use of a file left in it for this one's.
    StaleLife,
}

#[cfg(feature = "testkit")]
impl LocalCanary {
    /// Every canary.
    pub const ALL: [LocalCanary; 5] = [
        LocalCanary::AckBeforeSync,
        LocalCanary::CutAckedTail,
        LocalCanary::RecycleBeforeArchive,
        LocalCanary::NoDirSync,
        LocalCanary::StaleLife,
    ];

    /// Its name, as given on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            LocalCanary::AckBeforeSync => "ack_before_sync",
            LocalCanary::CutAckedTail => "cut_acked_tail",
            LocalCanary::RecycleBeforeArchive => "recycle_before_archive",
            LocalCanary::NoDirSync => "no_dir_sync",
            LocalCanary::StaleLife => "stale_life",
        }
    }

    /// The invariant by whose name it must be caught, then those that what follows from it may break first.
    #[must_use]
    pub const fn breaks(self) -> &'static [Invariant] {
        // Each of them loses what was acknowledged, or leaves a store that does not open.
        &[Invariant::I5Durable]
    }
}

impl LocalOptions {
    /// Checks what has a range.
    pub(super) fn check(&self) -> Result<(), LocalError> {
        let (min, max) = (16 << 10, 1 << 30);
        let found = self.segment_bytes;
        if (min..=max).contains(&found) && found.is_multiple_of(4_096) {
            return Ok(());
        }
        let (found, min, max) = (found.into(), min.into(), max.into());
        Err(LocalError::Option { what: "segment_bytes", found, min, max })
    }

    /// How many bytes of full segments may wait.
    pub(super) fn unarchived_max(&self) -> u64 {
        self.unarchived_bytes_max.max(2 * u64::from(self.segment_bytes))
    }

    /// A number that no other store and no other opening has; `which` of them.
    pub(super) fn draw(&self, which: u64) -> u64 {
        #[cfg(feature = "testkit")]
        if let Some(seed) = self.seed {
            return crate::testkit::Rng::new(seed ^ which.rotate_right(8)).next_u64();
        }
        RandomState::new().hash_one(which)
    }

    /// The faults of opening that were asked for.
    #[cfg(feature = "testkit")]
    pub(super) fn mutations(&self) -> Mutations {
        Mutations {
            stale_life: self.canary == Some(LocalCanary::StaleLife),
            cut_acked_tail: self.canary == Some(LocalCanary::CutAckedTail),
        }
    }

    /// None.
    #[cfg(not(feature = "testkit"))]
    #[expect(clippy::unused_self, reason = "the same call with and without the feature")]
    pub(super) fn mutations(&self) -> Mutations {
        Mutations::default()
    }
}
