//! Why a local store can't be opened or read.

use std::io;
use std::sync::Arc;

use crate::store::StoreFailure;

/// Something in a file is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged at byte {at}: {what}")]
pub struct Damage {
    /// The file, relative to the store's folder.
    pub file: String,
    /// Where in it.
    pub at: u64,
    /// What is wrong there.
    pub what: String,
}

impl Damage {
    pub(super) fn new(file: &str, at: u64, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), at, what: what.into() }
    }
}

/// A local store can't be opened, read or kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LocalError {
    /// Another process has the store open.
    #[error(
        "the store is in use: one process at a time may open it. To share it, let that process be a server, \
         or keep the journals in PostgreSQL"
    )]
    InUse,
    /// The folder holds files of something else.
    #[error("the folder holds {found:?} and no store: an empty folder is needed to make one")]
    NotAStore {
        /// One of them.
        found: String,
    },
    /// A newer version of this library wrote the store.
    #[error("{file} has format {found}; this version knows formats up to {known}")]
    NewerFormat {
        /// The file.
        file: String,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// What is stored was damaged: refused, rather than to go on without facts that were acknowledged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The system refused.
    #[error("{file}: {doing}: {error}")]
    Io {
        /// The file or folder.
        file: String,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// Segments of the log are filled faster than they are archived, or can't be archived: see
    /// [`LocalOptions::unarchived_bytes_max`](super::LocalOptions::unarchived_bytes_max).
    #[error(
        "{segments} segments of the log, {bytes} bytes, wait to be archived: nothing is appended before that is done"
    )]
    Behind {
        /// How many.
        segments: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// An option is out of its range.
    #[error("{what}: {found} is outside {min} to {max}")]
    Option {
        /// Which.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
}

impl From<LocalError> for StoreFailure {
    fn from(error: LocalError) -> Self {
        StoreFailure::new(error.to_string())
    }
}

/// Turns what the system says into [`LocalError::Io`].
pub(super) trait Doing<T> {
    /// Says which file it was and what was tried.
    fn doing(self, doing: &'static str, file: &str) -> Result<T, LocalError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, file: &str) -> Result<T, LocalError> {
        self.map_err(|error| LocalError::Io { file: file.to_owned(), doing, error: Arc::new(error) })
    }
}
