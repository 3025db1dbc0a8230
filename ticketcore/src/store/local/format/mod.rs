//! The bytes of the store's files; `docs/FORMAT.md` describes them for readers of other languages. All numbers are little-endian.

pub(super) mod archive;
pub(super) mod frame;
pub(super) mod manifest;
pub(super) mod segment;
pub(super) mod sheet;
pub(super) mod snapshot;

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::id::{EventId, Revision};
#[cfg(feature = "testkit")]
use crate::store::RecordIter;
use crate::store::{BatchId, StreamId};
use crate::time::UtcMs;

/// Append groups begin on borders of this many bytes, the unit in which disks write.
pub(crate) const BLOCK: usize = 4096;

/// A stream as two numbers: what it is, and of which event.
pub(super) const fn stream_numbers(stream: StreamId) -> (u8, u64) {
    match stream {
        StreamId::System => (0, 0),
        StreamId::Event(EventId(event)) => (1, event),
        StreamId::Room(EventId(event)) => (2, event),
    }
}

/// The stream of two numbers.
pub(super) const fn stream_of(kind: u8, event: u64) -> Option<StreamId> {
    match (kind, event) {
        (0, 0) => Some(StreamId::System),
        (1, _) => Some(StreamId::Event(EventId(event))),
        (2, _) => Some(StreamId::Room(EventId(event))),
        _ => None,
    }
}

/// A stream as part of a file's name.
pub(super) fn stream_name(stream: StreamId) -> String {
    match stream {
        StreamId::System => "system".to_owned(),
        StreamId::Event(EventId(event)) => format!("event-{event}"),
        StreamId::Room(EventId(event)) => format!("room-{event}"),
    }
}

/// What a journal's chain of hashes becomes with one more batch: SipHash-1-3 of the batch under the chain so far. Two journals with
/// equal chains at a revision are equal up to it. Not a signature: whoever can write the files can write the chain.
pub(super) fn chained(chain: u64, id: BatchId, first: Revision, base: UtcMs, records: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(chain, first.0);
    hasher.write(&id.0.to_le_bytes());
    hasher.write(&base.0.to_le_bytes());
    hasher.write(records);
    hasher.finish()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

pub(super) fn u128_at(bytes: &[u8], at: usize) -> u128 {
    u128::from(u64_at(bytes, at)) | u128::from(u64_at(bytes, at + 8)) << 64
}

/// Decodes `bytes` as a file of a store, or a part of one, of the kind that `kind` says, with every checksum set right: what a checksum
/// would refuse is no test of what comes after it.
#[cfg(feature = "testkit")]
pub(crate) fn decode_anything(kind: u8, bytes: &[u8]) {
    let crc = crc32c::crc32c(bytes);
    match kind % 4 {
        0 => decode_segment(bytes.to_vec()),
        1 => {
            if let Ok(list) = archive::blocks("archive", u64::MAX, bytes, crc) {
                drop(list);
            }
            let len = bytes.iter().take(3).fold(0, |len, byte| len << 8 | u32::from(*byte));
            let packed = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let first = Revision(u64_at(bytes, 3));
            let entry = archive::BlockEntry { at: 0, packed, len, crc, first, first_seq: 1, chain: 0 };
            if let Ok(batches) = archive::unpack("archive", &entry, bytes.to_vec()) {
                archive::Batches::new(&entry, &batches).for_each(drop);
            }
            archive::Batches::new(&entry, bytes).for_each(drop);
        }
        2 => drop(manifest::Manifest::decode(&manifest::SHEET.encode(bytes))),
        _ => drop(snapshot::decode("snapshot", StreamId::System, &snapshot::SHEET.encode(bytes))),
    }
}

#[cfg(feature = "testkit")]
fn decode_segment(mut bytes: Vec<u8>) {
    let _header = segment::SegmentHeader::decode(&bytes);
    for at in (0..bytes.len()).step_by(8) {
        let end = (at + frame::FRAME_HEAD).saturating_add(u32_at(&bytes, at + 8) as usize);
        if let Some(crc) = bytes.get(at + 8..end).map(crc32c::crc32c) {
            bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
        }
    }
    let life = u64_at(&bytes, 16);
    let end = frame::frames_until::<()>(&bytes, 0, |_, _| true, &mut |_, frame| {
        let records = RecordIter::new(frame.head.base, frame.head.first, frame.records);
        records.for_each(drop);
        Ok(())
    });
    if let Ok(end) = end {
        let _loss = frame::proof_of_loss(&bytes, life, end);
        let _torn = frame::torn_bytes(&bytes, life, end);
    }
}
