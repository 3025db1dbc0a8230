//! The manifest: which archives there are, how far each journal has left the log, and where the log begins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::segment::LogEnd;
use super::sheet::Sheet;
use crate::id::Revision;
use crate::store::local::error::{Damage, LocalError};
use crate::store::{StreamId, Tail};

/// Its file.
pub(crate) const MANIFEST: &str = "MANIFEST";
pub(super) const SHEET: Sheet = Sheet { magic: b"tkt-man\0", format: 1 };

/// Where a journal ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub revision: Revision,
    pub tail: Tail,
    /// The chain of hashes up to there.
    pub chain: u64,
}

/// One archive file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchiveEntry {
    /// Part of its name; never used twice.
    pub file: u64,
    /// Its first record.
    pub first: Revision,
    /// Its first batch.
    pub first_seq: u64,
    /// Where the journal ends with it.
    pub end: End,
    /// Its length.
    pub bytes: u64,
    /// The checksum of its list of blocks.
    pub crc: u32,
}

/// One journal, as far as it has left the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamEntry {
    pub end: End,
    /// In order and without gaps; the first may begin late.
    pub archives: Vec<ArchiveEntry>,
    /// Facts kept before the newest snapshot, if that is not what the store's options say.
    pub retention: Option<Retention>,
}

/// How much of a journal is kept once a snapshot covers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Retention {
    /// All of it.
    #[default]
    All,
    /// This many facts before the newest snapshot, at least.
    Facts(u64),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The name of this store, drawn when it was made.
    pub store: u128,
    /// Everything up to here has left the log.
    pub archived: LogEnd,
    /// A segment that has been begun for certain; the log goes at least as far.
    pub newest: u64,
    /// The number of the next archive file.
    pub next_file: u64,
    pub streams: BTreeMap<StreamId, StreamEntry>,
}

impl Manifest {
    pub fn encode(&self) -> Vec<u8> {
        // A growing vector takes whatever comes.
        SHEET.encode(&postcard::to_allocvec(self).unwrap_or_default())
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, LocalError> {
        let body = SHEET.decode(MANIFEST, bytes)?;
        let damaged = |what: String| LocalError::from(Damage::new(MANIFEST, 0, what));
        let manifest: Self = postcard::from_bytes(body)
            .map_err(|error| damaged(format!("its body can't be read: {error}")))?;
        for (stream, entry) in &manifest.streams {
            let mut next = None;
            for archive in &entry.archives {
                let follows = next.is_none_or(|next| next == (archive.first, archive.first_seq));
                if !follows || archive.first > archive.end.revision || archive.file >= manifest.next_file {
                    return Err(damaged(format!("archive {} of {stream:?} does not fit", archive.file)));
                }
                next = Some((archive.end.revision.next(), archive.end.tail.seq + 1));
            }
            if entry.archives.last().is_some_and(|last| last.end != entry.end) {
                return Err(damaged(format!("the archives of {stream:?} end elsewhere than it does")));
            }
        }
        Ok(manifest)
    }
}
