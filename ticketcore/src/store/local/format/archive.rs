//! Archive files: a part of one journal that has left the log, packed.
//!
//! Layout: magic (8), format (4), crc32c of the next 32 bytes (4), store (16), kind of stream (8), event (8); blocks; the list of blocks;
//! trailer: place of the list (8), its length (4), its crc32c (4), magic (8).
//!
//! A block is LZ4 of batches one after the other (or the batches themselves, if that is not longer). A batch: varint of twice the bytes of
//! its records, plus 1 if the upper half of its name is that of the batch before; else that half (8); zigzag of the step of the lower half,
//! varint of the count, zigzag of the step of the time, records.

use serde::{Deserialize, Serialize};

use super::manifest::End;
use super::{chained, stream_name, stream_numbers, u32_at, u64_at, u128_at};
use crate::id::Revision;
use crate::store::local::error::{Damage, LocalError};
use crate::store::{BatchId, StreamId, Tail};
use crate::time::UtcMs;
use crate::varint::{Sink, take_signed, take_varint, zigzag};

const MAGIC: &[u8; 8] = b"tkt-arc\0";
const FORMAT: u32 = 1;
pub(crate) const ARCHIVE_HEAD: usize = 48;
pub(crate) const ARCHIVE_TRAILER: usize = 24;
/// The folder they are in.
pub(crate) const ARCHIVES: &str = "archive";
/// A block is closed once it holds so many bytes.
const BLOCK_BYTES: usize = 64 << 10;
/// No batch is larger, so that a damaged length does not take all memory.
const BLOCK_BYTES_MAX: u32 = 1 << 30;

/// The file of an archive.
pub(crate) fn archive_file(stream: StreamId, number: u64) -> String {
    format!("{ARCHIVES}/{}.{number}", stream_name(stream))
}

/// One block of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockEntry {
    pub at: u64,
    /// Bytes in the file.
    pub packed: u32,
    /// Bytes once unpacked; equal if it is not packed.
    pub len: u32,
    /// Of the bytes in the file.
    pub crc: u32,
    pub first: Revision,
    pub first_seq: u64,
    /// The chain of hashes before its first batch.
    pub chain: u64,
}

impl BlockEntry {
    /// Where the journal stood before it; the name of the batch before is not known.
    pub fn before(&self) -> End {
        let tail = Tail { seq: self.first_seq.saturating_sub(1), ..Tail::default() };
        End { revision: Revision(self.first.0.saturating_sub(1)), tail, chain: self.chain }
    }
}

/// A batch as it stands in the log and in archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredBatch<'a> {
    pub seq: u64,
    pub id: BatchId,
    pub first: Revision,
    pub count: u32,
    pub base: UtcMs,
    pub records: &'a [u8],
}

impl StoredBatch<'_> {
    pub const fn tail(&self) -> Tail {
        Tail { seq: self.seq, id: self.id }
    }

    pub const fn last(&self) -> Revision {
        Revision(self.first.0 + self.count as u64 - 1)
    }

    /// Where the journal ends with it, if it ended at `before`; `None` if it does not follow.
    pub fn after(&self, before: End) -> Option<End> {
        let follows = self.count > 0
            && self.seq == before.tail.seq + 1
            && self.first == before.revision.next()
            && self.first.0.checked_add(u64::from(self.count)).is_some();
        let chain = chained(before.chain, self.id, self.first, self.base, self.records);
        follows.then(|| End { revision: self.last(), tail: self.tail(), chain })
    }
}

/// What stays the same from batch to batch is not written again.
#[derive(Clone, Copy, Debug, Default)]
struct Before {
    node: u64,
    counter: u64,
    base: u64,
}

/// Packs batches into an archive. Whoever uses it takes what is ready from time to time, so that memory holds no more than that and the
/// open block.
pub(crate) struct ArchiveWriter {
    /// What has not been taken yet, and where in the file it belongs.
    ready: Vec<u8>,
    at: u64,
    open: Vec<u8>,
    before: Before,
    blocks: Vec<BlockEntry>,
    block: Option<BlockEntry>,
    end: End,
}

impl ArchiveWriter {
    /// An archive of the part of a journal that follows `end`.
    pub fn new(store: u128, stream: StreamId, end: End) -> Self {
        let mut bytes = vec![0; ARCHIVE_HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..32].copy_from_slice(&store.to_le_bytes());
        let (kind, event) = stream_numbers(stream);
        bytes[32..40].copy_from_slice(&u64::from(kind).to_le_bytes());
        bytes[40..48].copy_from_slice(&event.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[16..48]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        let (open, before) = (Vec::new(), Before::default());
        Self { ready: bytes, at: 0, open, before, blocks: Vec::new(), block: None, end }
    }

    /// Bytes that are ready to be written.
    pub const fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Blocks that are closed.
    pub const fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// What is ready, and its place in the file.
    pub fn take(&mut self) -> (u64, Vec<u8>) {
        let place = self.at;
        self.at += self.ready.len() as u64;
        (place, std::mem::take(&mut self.ready))
    }

    /// Where the journal ends with what has been added.
    pub const fn end(&self) -> End {
        self.end
    }

    /// Adds the next batch. False if it is not the next one.
    #[must_use]
    pub fn push(&mut self, batch: &StoredBatch<'_>) -> bool {
        let Some(end) = batch.after(self.end) else { return false };
        let chain = self.end.chain;
        self.block.get_or_insert(BlockEntry {
            at: 0,
            packed: 0,
            len: 0,
            crc: 0,
            first: batch.first,
            first_seq: batch.seq,
            chain,
        });
        self.end = end;
        put_batch(&mut self.open, &mut self.before, batch);
        if self.open.len() >= BLOCK_BYTES {
            self.close_block();
        }
        true
    }

    fn close_block(&mut self) {
        let Some(mut block) = self.block.take() else { return };
        let packed = lz4_flex::block::compress(&self.open);
        let stored = if packed.len() < self.open.len() { &packed } else { &self.open };
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        block.at = self.at + self.ready.len() as u64;
        block.packed = length(stored);
        block.len = length(&self.open);
        block.crc = crc32c::crc32c(stored);
        self.ready.extend_from_slice(stored);
        self.blocks.push(block);
        self.open.clear();
        self.before = Before::default();
    }

    /// Adds what stands at the end of the file, which can be taken then, and returns the checksum of its list of blocks.
    pub fn finish(&mut self) -> u32 {
        self.close_block();
        let list = postcard::to_allocvec(&self.blocks).unwrap_or_default();
        let crc = crc32c::crc32c(&list);
        let at = self.at + self.ready.len() as u64;
        self.ready.extend_from_slice(&list);
        self.ready.extend_from_slice(&at.to_le_bytes());
        self.ready.extend_from_slice(&u32::try_from(list.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.ready.extend_from_slice(&crc.to_le_bytes());
        self.ready.extend_from_slice(MAGIC);
        crc
    }
}

fn put_batch(into: &mut Vec<u8>, before: &mut Before, batch: &StoredBatch<'_>) {
    let node = (batch.id.0 >> 64) as u64;
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    let counter = batch.id.0 as u64;
    let same = node == before.node;
    into.number((batch.records.len() as u64) << 1 | u64::from(same));
    if !same {
        into.bytes(&node.to_le_bytes());
    }
    into.number(zigzag(counter.wrapping_sub(before.counter).cast_signed()));
    into.number(u64::from(batch.count));
    into.number(zigzag(batch.base.0.wrapping_sub(before.base).cast_signed()));
    into.extend_from_slice(batch.records);
    *before = Before { node, counter, base: batch.base.0 };
}

fn take_batch<'a>(rest: &mut &'a [u8], before: &mut Before) -> Option<StoredBatch<'a>> {
    let head = take_varint(rest)?;
    let node = if head & 1 == 1 {
        before.node
    } else {
        let (node, after) = rest.split_at_checked(8)?;
        *rest = after;
        u64_at(node, 0)
    };
    let counter = before.counter.wrapping_add(take_signed(rest)?.cast_unsigned());
    let count = u32::try_from(take_varint(rest)?).ok()?;
    let base = before.base.wrapping_add(take_signed(rest)?.cast_unsigned());
    let (records, after) = rest.split_at_checked(usize::try_from(head >> 1).ok()?)?;
    *rest = after;
    *before = Before { node, counter, base };
    let id = BatchId(u128::from(node) << 64 | u128::from(counter));
    Some(StoredBatch { seq: 0, id, first: Revision::ZERO, count, base: UtcMs(base), records })
}

/// Checks the head of an archive.
pub(crate) fn check_head(file: &str, head: &[u8], store: u128, stream: StreamId) -> Result<(), LocalError> {
    let damaged = |at, what: &str| Err(Damage::new(file, at, what).into());
    if head.len() < ARCHIVE_HEAD || head[..8] != MAGIC[..] {
        return damaged(0, "it does not begin as an archive does");
    }
    match u32_at(head, 8) {
        FORMAT => {}
        found => return Err(LocalError::NewerFormat { file: file.to_owned(), found, known: FORMAT }),
    }
    if u32_at(head, 12) != crc32c::crc32c(&head[16..ARCHIVE_HEAD]) {
        return damaged(12, "the checksum of its head is another");
    }
    let (kind, event) = stream_numbers(stream);
    if (u128_at(head, 16), u64_at(head, 32), u64_at(head, 40)) != (store, u64::from(kind), event) {
        return damaged(16, "it is of another store or stream");
    }
    Ok(())
}

/// The place and length of the list of blocks, from the trailer of a file of `bytes` bytes.
pub(crate) fn list_place(
    file: &str,
    trailer: &[u8],
    bytes: u64,
    crc: u32,
) -> Result<(u64, usize), LocalError> {
    let start = bytes.saturating_sub(ARCHIVE_TRAILER as u64);
    let damaged = |what: &str| LocalError::from(Damage::new(file, start, what));
    if trailer.len() != ARCHIVE_TRAILER || trailer[16..] != MAGIC[..] {
        return Err(damaged("it does not end as an archive does"));
    }
    let (at, len) = (u64_at(trailer, 0), u32_at(trailer, 8));
    if at.checked_add(u64::from(len)) != Some(start) || u32_at(trailer, 12) != crc {
        return Err(damaged("its trailer is not the one that was written"));
    }
    Ok((at, len as usize))
}

/// The list of blocks.
pub(crate) fn blocks(file: &str, at: u64, list: &[u8], crc: u32) -> Result<Vec<BlockEntry>, LocalError> {
    let damaged = || LocalError::from(Damage::new(file, at, "its list of blocks is damaged"));
    if crc32c::crc32c(list) != crc {
        return Err(damaged());
    }
    let blocks: Vec<BlockEntry> = postcard::from_bytes(list).map_err(|_| damaged())?;
    let fits = |block: &BlockEntry| {
        block.len <= BLOCK_BYTES_MAX
            && block.packed <= block.len
            && block.at.checked_add(u64::from(block.packed)).is_some_and(|end| end <= at)
    };
    if blocks.iter().all(fits) { Ok(blocks) } else { Err(damaged()) }
}

/// Checks and unpacks a block.
pub(crate) fn unpack(file: &str, entry: &BlockEntry, stored: Vec<u8>) -> Result<Vec<u8>, LocalError> {
    let damaged = |what: &str| LocalError::from(Damage::new(file, entry.at, what));
    if crc32c::crc32c(&stored) != entry.crc {
        return Err(damaged("the checksum of a block is another"));
    }
    if entry.packed == entry.len {
        return Ok(stored);
    }
    let batches = lz4_flex::block::decompress(&stored, entry.len as usize)
        .map_err(|_| damaged("a block can't be unpacked"))?;
    if batches.len() == entry.len as usize { Ok(batches) } else { Err(damaged("a block is short")) }
}

/// The batches of an unpacked block.
pub(crate) struct Batches<'a> {
    rest: &'a [u8],
    before: Before,
    next: (u64, Revision),
}

impl<'a> Batches<'a> {
    pub fn new(entry: &BlockEntry, batches: &'a [u8]) -> Self {
        Self { rest: batches, before: Before::default(), next: (entry.first_seq, entry.first) }
    }

    /// Whether everything has been read.
    pub const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = StoredBatch<'a>;

    /// The next batch; `None` at the end, or before one that makes no sense.
    fn next(&mut self) -> Option<StoredBatch<'a>> {
        let mut rest = self.rest;
        let found = take_batch(&mut rest, &mut self.before)?;
        let (seq, first) = self.next;
        let batch = StoredBatch { seq, first, ..found };
        self.next = (seq + 1, Revision(first.0.checked_add(u64::from(found.count))?));
        self.rest = rest;
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EventId;

    #[test]
    fn batches_come_back_from_every_block() {
        let stream = StreamId::Event(EventId(3));
        let mut writer = ArchiveWriter::new(7, stream, End::default());
        let mut wanted = Vec::new();
        let mut first = 1;
        let mut bytes = Vec::new();
        for seq in 1..=2_000u64 {
            let count = u32::try_from(seq % 5 + 1).unwrap();
            let id = BatchId(u128::from(seq / 100) << 64 | u128::from(seq));
            wanted.push((seq, id, Revision(first), count, UtcMs(1_000 + seq), vec![(seq % 251) as u8; 100]));
            first += u64::from(count);
        }
        let batch = |w: &(u64, BatchId, Revision, u32, UtcMs, Vec<u8>)| StoredBatch {
            seq: w.0,
            id: w.1,
            first: w.2,
            count: w.3,
            base: w.4,
            records: Box::leak(w.5.clone().into_boxed_slice()),
        };
        for wanted in &wanted {
            assert!(writer.push(&batch(wanted)));
            assert!(!writer.push(&batch(wanted)), "a batch comes once");
            if writer.ready() > 10_000 {
                let (at, ready) = writer.take();
                assert_eq!(at, bytes.len() as u64);
                bytes.extend(ready);
            }
        }
        let (crc, end) = (writer.finish(), writer.end());
        bytes.extend(writer.take().1);
        assert_eq!(end.revision, Revision(first - 1));
        check_head("a", &bytes, 7, stream).unwrap();
        let trailer = &bytes[bytes.len() - ARCHIVE_TRAILER..];
        let (at, len) = list_place("a", trailer, bytes.len() as u64, crc).unwrap();
        let start = usize::try_from(at).unwrap();
        let list = blocks("a", at, &bytes[start..start + len], crc).unwrap();
        assert!(list.len() > 1);
        let mut seen = 0;
        for entry in &list {
            let start = usize::try_from(entry.at).unwrap();
            let stored = bytes[start..start + entry.packed as usize].to_vec();
            let unpacked = unpack("a", entry, stored).unwrap();
            let mut batches = Batches::new(entry, &unpacked);
            for found in &mut batches {
                assert_eq!(found, batch(&wanted[seen]));
                seen += 1;
            }
            assert!(batches.is_at_end());
        }
        assert_eq!(seen, wanted.len());
    }
}
