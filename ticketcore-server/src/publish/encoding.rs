//! [`Encoding`]: how the bytes of an answer are packed.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::HeaderValue;

/// How the bytes of an answer are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity = 0,
    /// RFC 1952.
    Gzip = 1,
    /// RFC 8878.
    Zstd = 2,
}

/// How much work packing is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Made anew all the time.
    Little,
    /// Made once and read for long.
    Much,
}

impl Encoding {
    /// Every encoding; later ones make less bytes.
    pub const ALL: [Encoding; 3] = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd];

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn at(self) -> usize {
        self as usize
    }

    /// Its name in `Content-Encoding`.
    #[must_use]
    pub const fn name(self) -> Option<HeaderValue> {
        match self {
            Encoding::Identity => None,
            Encoding::Gzip => Some(HeaderValue::from_static("gzip")),
            Encoding::Zstd => Some(HeaderValue::from_static("zstd")),
        }
    }

    /// What the tag of a version ends with, so that no two forms of a version share one.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Encoding::Identity => "",
            Encoding::Gzip => "-gzip",
            Encoding::Zstd => "-zstd",
        }
    }

    /// Packs bytes.
    ///
    /// # Errors
    /// If the packer fails, which it does for want of memory only.
    pub fn pack(self, bytes: &Bytes, effort: Effort) -> io::Result<Bytes> {
        match self {
            Encoding::Identity => Ok(bytes.clone()),
            Encoding::Gzip => {
                let level = if effort == Effort::Little { 1 } else { 6 };
                let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::new(level));
                packer.write_all(bytes)?;
                Ok(packer.finish()?.into())
            }
            Encoding::Zstd => {
                let level = if effort == Effort::Little { 1 } else { 6 };
                Ok(zstd::bulk::compress(bytes, level)?.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_is_packed_unpacks_to_the_same() {
        let bytes = Bytes::from("ticket ".repeat(1_000));
        for effort in [Effort::Little, Effort::Much] {
            assert_eq!(Encoding::Identity.pack(&bytes, effort).unwrap(), bytes);
            let mut unpacked = Vec::new();
            let gzip = Encoding::Gzip.pack(&bytes, effort).unwrap();
            flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, bytes);
            let packed = Encoding::Zstd.pack(&bytes, effort).unwrap();
            assert_eq!(zstd::bulk::decompress(&packed, bytes.len()).unwrap(), bytes);
            assert!(packed.len() < bytes.len() / 10 && gzip.len() < bytes.len() / 10);
        }
    }
}
