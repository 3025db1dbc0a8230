//! The bytes of side records, and reading them piece by piece.

use crate::store::SIDE_BYTES_MAX;
use crate::store::local::error::{Damage, Doing, LocalError};
use crate::store::local::files::FileHandle;
use crate::store::local::format::{u32_at, u128_at};
use crate::store::side::SideId;

/// Their folder and file.
pub(in crate::store::local) const SIDE: &str = "side";
pub(in crate::store::local) const FILE: &str = "side/records";
const MAGIC: &[u8; 8] = b"tkt-sid\0";
const FORMAT: u32 = 1;
pub(super) const FILE_HEAD: usize = 32;
const RECORD: u32 = u32::from_le_bytes(*b"TKs1");
pub(super) const HEAD: usize = 48;
pub(super) const ALIGN: usize = 16;
pub(super) const LIVE: u32 = 1;
pub(super) const ERASED: u32 = 2;
/// So much is read at once: more than a record can have.
const WINDOW: usize = 256 << 10;

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub at: u64,
    /// Bytes behind its head.
    pub len: u32,
}

impl Place {
    /// Bytes that it takes.
    pub const fn size(self) -> u64 {
        (HEAD + self.len as usize).next_multiple_of(ALIGN) as u64
    }

    pub const fn end(self) -> u64 {
        self.at + self.size()
    }
}

/// What stands in front of a record's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordHead {
    pub state: u32,
    pub id: SideId,
    pub len: u32,
    /// Checksum of its bytes, or of what they were.
    pub crc: u32,
}

fn sum(store: u128, head: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&store.to_le_bytes()), &head[8..HEAD])
}

impl RecordHead {
    pub fn encode(self, store: u128) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&RECORD.to_le_bytes());
        head[8..12].copy_from_slice(&self.state.to_le_bytes());
        head[12..16].copy_from_slice(&self.len.to_le_bytes());
        head[16..32].copy_from_slice(&self.id.0.to_le_bytes());
        head[32..36].copy_from_slice(&self.crc.to_le_bytes());
        let sum = sum(store, &head);
        head[4..8].copy_from_slice(&sum.to_le_bytes());
        head
    }

    /// The head at the front of `bytes`, if there is an unharmed one.
    pub fn decode(store: u128, bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..HEAD)?;
        let len = u32_at(head, 12);
        let fits = u32_at(head, 0) == RECORD && u32_at(head, 4) == sum(store, head);
        (fits && len as usize <= SIDE_BYTES_MAX).then(|| Self {
            state: u32_at(head, 8),
            id: SideId(u128_at(head, 16)),
            len,
            crc: u32_at(head, 32),
        })
    }
}

/// A record as it is written.
pub(super) fn live_record(store: u128, id: SideId, bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut all = Vec::from(RecordHead { state: LIVE, id, len, crc: crc32c::crc32c(bytes) }.encode(store));
    all.extend_from_slice(bytes);
    all.resize(all.len().next_multiple_of(ALIGN), 0);
    all
}

/// How the file begins.
pub(super) fn file_head(store: u128) -> Vec<u8> {
    let mut head = Vec::from(&MAGIC[..]);
    head.extend_from_slice(&FORMAT.to_le_bytes());
    head.extend_from_slice(&crc32c::crc32c(&store.to_le_bytes()).to_le_bytes());
    head.extend_from_slice(&store.to_le_bytes());
    head
}

/// Checks how the file begins.
pub(super) fn check_file_head(store: u128, head: &[u8]) -> Result<(), LocalError> {
    let damaged = |at: u64, what: &str| Err(Damage::new(FILE, at, what).into());
    if head.len() < FILE_HEAD || head[..8] != MAGIC[..] {
        return damaged(0, "it does not begin as such a file does");
    }
    let found = u32_at(head, 8);
    if found != FORMAT {
        return Err(LocalError::NewerFormat { file: FILE.to_owned(), found, known: FORMAT });
    }
    if head != file_head(store) {
        return damaged(12, "it is of another store");
    }
    Ok(())
}

/// A file that is read from front to back, a window at a time.
pub(super) struct Window<'f> {
    file: &'f dyn FileHandle,
    size: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'f> Window<'f> {
    pub fn new(file: &'f dyn FileHandle, size: u64) -> Self {
        Self { file, size, start: 0, bytes: Vec::new() }
    }

    /// Up to `len` bytes from `at` on; fewer where the file ends.
    pub fn at(&mut self, at: u64, len: usize) -> Result<&[u8], LocalError> {
        let len = usize::try_from(self.size.saturating_sub(at)).map_or(len, |left| len.min(left));
        if len == 0 {
            return Ok(&[]);
        }
        let inside = at >= self.start && at + len as u64 <= self.start + self.bytes.len() as u64;
        if !inside {
            let most = len.max(WINDOW);
            let wanted = usize::try_from(self.size.saturating_sub(at)).map_or(most, |left| most.min(left));
            self.bytes.resize(wanted, 0);
            self.start = at;
            self.file.read_at(&mut self.bytes, at).doing("read", FILE)?;
        }
        let from = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..from + len).unwrap_or_default())
    }

    /// Where the last byte that is not zero ends.
    pub fn used(&mut self) -> Result<u64, LocalError> {
        let mut end = self.size;
        while end > 0 {
            let start = end.saturating_sub(WINDOW as u64);
            let len = usize::try_from(end - start).unwrap_or(WINDOW);
            if let Some(last) = self.at(start, len)?.iter().rposition(|byte| *byte != 0) {
                return Ok(start + last as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }
}
