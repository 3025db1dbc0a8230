//! Side records: what belongs to a journal but must be erasable, as names and addresses are. Journals refer to them by id and never hold what
//! is in them.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::StoreFailure;
use crate::sync::Mutex;

/// The name of a side record, chosen by whoever saves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SideId(pub u128);

/// Bytes one side record may have.
pub const SIDE_BYTES_MAX: usize = 64 << 10;

/// Records that can be erased for good.
pub trait SideRecords: Send + Sync {
    /// Keeps `bytes` under `id`, in place of what was there, which is erased. As durable as an append in strict mode when this returns.
    ///
    /// # Errors
    /// Either the old or the new bytes are there then. More than [`SIDE_BYTES_MAX`] bytes are refused.
    fn save(&self, id: SideId, bytes: &[u8]) -> Result<(), StoreFailure>;

    /// What is kept under `id`.
    ///
    /// # Errors
    /// If it can't be read, or was damaged.
    fn load(&self, id: SideId) -> Result<Option<Vec<u8>>, StoreFailure>;

    /// Erases a record; there may be none. When this returns its bytes are nowhere in the store's files, as far as the file system writes in
    /// place.
    ///
    /// # Errors
    /// It may be there or not then; try again.
    fn erase(&self, id: SideId) -> Result<(), StoreFailure>;
}

/// Refuses what is too large.
pub(super) fn check_size(bytes: &[u8]) -> Result<(), StoreFailure> {
    if bytes.len() <= SIDE_BYTES_MAX {
        return Ok(());
    }
    Err(StoreFailure::new(format!(
        "a side record has {} bytes, {SIDE_BYTES_MAX} at most are kept",
        bytes.len()
    )))
}

/// Side records in memory.
#[derive(Default)]
pub(super) struct MemorySide(Mutex<HashMap<SideId, Vec<u8>>>);

impl SideRecords for MemorySide {
    fn save(&self, id: SideId, bytes: &[u8]) -> Result<(), StoreFailure> {
        check_size(bytes)?;
        self.0.lock().insert(id, bytes.to_vec());
        Ok(())
    }

    fn load(&self, id: SideId) -> Result<Option<Vec<u8>>, StoreFailure> {
        Ok(self.0.lock().get(&id).cloned())
    }

    fn erase(&self, id: SideId) -> Result<(), StoreFailure> {
        self.0.lock().remove(&id);
        Ok(())
    }
}
