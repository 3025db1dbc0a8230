//! The first block of a log segment.

use serde::{Deserialize, Serialize};

use super::{BLOCK, u32_at, u64_at, u128_at};

const MAGIC: &[u8; 8] = b"tkt-wal\0";
/// The format of segments and frames.
pub(crate) const SEGMENT_FORMAT: u32 = 1;
const LEN: usize = 72;

/// Where the log ended before a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogEnd {
    /// The segment; 0 if there was none.
    pub segment: u64,
    /// Its length as far as it counts, in bytes.
    pub at: u32,
    /// The checksum of its last frame; 0 if it has none.
    pub crc: u32,
}

/// What the first block of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The store it belongs to.
    pub store: u128,
    /// Its number: 1 and up, never used twice.
    pub number: u64,
    /// Drawn anew with each use of the file, so that what an earlier use left behind is not taken for this one's.
    pub life: u64,
    /// Where the log ended before.
    pub before: LogEnd,
}

/// What the first block of a file in the log's folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBlock {
    Header(SegmentHeader),
    /// A header in a format that is not known here.
    Newer(u32),
    /// No header: the file has not been used, or its header was never finished.
    None,
}

impl SegmentHeader {
    /// Layout: magic (8), format (4), crc32c of what follows (4), store (16), number (8), life (8), segment before (8), its length (4), the
    /// checksum of its last frame (4), zero up to 4,096.
    pub fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..8].copy_from_slice(MAGIC);
        block[8..12].copy_from_slice(&SEGMENT_FORMAT.to_le_bytes());
        block[16..32].copy_from_slice(&self.store.to_le_bytes());
        block[32..40].copy_from_slice(&self.number.to_le_bytes());
        block[40..48].copy_from_slice(&self.life.to_le_bytes());
        block[48..56].copy_from_slice(&self.before.segment.to_le_bytes());
        block[56..60].copy_from_slice(&self.before.at.to_le_bytes());
        block[60..64].copy_from_slice(&self.before.crc.to_le_bytes());
        let crc = crc32c::crc32c(&block[16..]);
        block[12..16].copy_from_slice(&crc.to_le_bytes());
        block
    }

    pub fn decode(block: &[u8]) -> FirstBlock {
        if block.len() < LEN || block[..8] != MAGIC[..] || u32_at(block, 12) != crc32c::crc32c(&block[16..]) {
            return FirstBlock::None;
        }
        match u32_at(block, 8) {
            SEGMENT_FORMAT => FirstBlock::Header(Self {
                store: u128_at(block, 16),
                number: u64_at(block, 32),
                life: u64_at(block, 40),
                before: LogEnd { segment: u64_at(block, 48), at: u32_at(block, 56), crc: u32_at(block, 60) },
            }),
            newer => FirstBlock::Newer(newer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_every_flipped_bit_but_the_formats_is_noticed() {
        let before = LogEnd { segment: 6, at: 8_192, crc: 5 };
        let header = SegmentHeader { store: 3 << 70, number: 7, life: 99, before };
        let block = header.encode();
        assert_eq!(SegmentHeader::decode(&block), FirstBlock::Header(header));
        for bit in 0..8 * BLOCK {
            let mut flipped = block.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let expected = if (64..96).contains(&bit) {
                FirstBlock::Newer(u32_at(&flipped, 8))
            } else {
                FirstBlock::None
            };
            assert_eq!(SegmentHeader::decode(&flipped), expected, "bit {bit}");
        }
    }
}
