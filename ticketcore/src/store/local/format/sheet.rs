//! A sheet: a small file that is written whole, under another name first, and replaced by renaming.
//!
//! Layout: magic (8), format (4), crc32c of the body (4), bytes of the body (8), body.

use super::{u32_at, u64_at};
use crate::store::local::error::{Damage, LocalError};

const HEAD: usize = 24;

/// A kind of sheet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sheet {
    pub magic: &'static [u8; 8],
    /// The newest format known.
    pub format: u32,
}

impl Sheet {
    pub fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.extend_from_slice(self.magic);
        bytes.extend_from_slice(&self.format.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// The body of the sheet in `file`.
    pub fn decode<'a>(&self, file: &str, bytes: &'a [u8]) -> Result<&'a [u8], LocalError> {
        let damaged = |at, what: &str| LocalError::from(Damage::new(file, at, what));
        if bytes.len() < HEAD || bytes[..8] != self.magic[..] {
            return Err(damaged(0, "it does not begin as such a file does"));
        }
        let found = u32_at(bytes, 8);
        if found != self.format {
            return Err(LocalError::NewerFormat { file: file.to_owned(), found, known: self.format });
        }
        let body = &bytes[HEAD..];
        if body.len() as u64 != u64_at(bytes, 16) {
            return Err(damaged(bytes.len() as u64, "it is longer or shorter than it says"));
        }
        if u32_at(bytes, 12) != crc32c::crc32c(body) {
            return Err(damaged(HEAD as u64, "its checksum is another"));
        }
        Ok(body)
    }
}
