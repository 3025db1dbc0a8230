//! What can go wrong with people's data.

use crate::limits::LimitExceeded;
use crate::store::StoreFailure;

/// People's data can't be kept, read or erased.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// A field is too long, or there are too many of them. Nothing was saved.
    #[error("limit_exceeded: {0}")]
    Limit(#[from] LimitExceeded),
    /// A field has characters that no name or address has, such as line ends. Nothing was saved.
    #[error("malformed: {field}")]
    Malformed {
        /// Which, for example `contact.email`.
        field: &'static str,
    },
    /// This store keeps no side records. Journals are not for people's data, so that it can't be kept anywhere.
    #[error("this store keeps no side records, so it can't keep what must be erasable")]
    NoSideRecords,
    /// The store failed. After saving, the old or the new data is there; after erasing, it may still be there: do it again.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// What is kept can't be read: it is damaged, or of a newer version. It can be saved anew, or erased.
    #[error("a contact can't be read: {reason}")]
    Unreadable {
        /// Why. Never what is in it.
        reason: String,
    },
}
