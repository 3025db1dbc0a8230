//! Records: encoded facts with their times, packed one after the other in one buffer.
//!
//! Layout of the buffer, per record: `varint(length of the body) varint(milliseconds since the batch's first
//! record) body`. Varints are LEB128, at most 10 bytes.

use crate::fact::Stamp;
use crate::id::Revision;
use crate::time::UtcMs;
use crate::varint::{put_varint, take_varint};

/// The packed records of one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    base: UtcMs,
    count: u32,
    bytes: Vec<u8>,
}

/// Packed records could not be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {at} of the batch is damaged")]
pub struct RecordsError {
    /// Which record, from 0.
    pub at: u32,
}

impl Records {
    /// Takes packed records as a store kept them.
    ///
    /// # Errors
    /// [`RecordsError`] unless `bytes` holds exactly `count` records.
    pub fn from_parts(base: UtcMs, count: u32, bytes: Vec<u8>) -> Result<Self, RecordsError> {
        let mut rest = &bytes[..];
        for at in 0..count {
            rest = take(rest).map(|(_, _, rest)| rest).ok_or(RecordsError { at })?;
        }
        if rest.is_empty() { Ok(Self { base, count, bytes }) } else { Err(RecordsError { at: count }) }
    }

    /// Adds a record. Times never decrease.
    pub fn push(&mut self, at: UtcMs, body: &[u8]) {
        if self.count == 0 {
            self.base = at;
        }
        let mut put = |byte| self.bytes.push(byte);
        put_varint(&mut put, body.len() as u64);
        put_varint(&mut put, at.since_ms(self.base));
        self.bytes.extend_from_slice(body);
        self.count += 1;
    }

    /// The time of the first record.
    #[must_use]
    pub const fn base(&self) -> UtcMs {
        self.base
    }

    /// How many records.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The packed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets all records, keeps the room.
    pub fn clear(&mut self) {
        self.count = 0;
        self.bytes.clear();
    }

    /// Makes room for `bytes` more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// The records, the first of which has revision `first`.
    #[must_use]
    pub fn iter(&self, first: Revision) -> RecordIter<'_> {
        RecordIter { base: self.base, next: first, rest: &self.bytes }
    }
}

/// One record of a journal.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its revision and time.
    pub stamp: Stamp,
    /// The encoded fact.
    pub body: &'a [u8],
}

/// Unpacks records.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    base: UtcMs,
    next: Revision,
    rest: &'a [u8],
}

impl<'a> RecordIter<'a> {
    /// Unpacks `bytes` packed by [`Records`], which begin at `base` with revision `first`.
    #[must_use]
    pub const fn new(base: UtcMs, first: Revision, bytes: &'a [u8]) -> Self {
        Self { base, next: first, rest: bytes }
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (delta, body, rest) = take(self.rest)?;
        let stamp = Stamp { revision: self.next, at: self.base.plus_ms(delta) };
        self.rest = rest;
        self.next = self.next.next();
        Some(Record { stamp, body })
    }
}

fn take(mut rest: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let len = take_varint(&mut rest)?;
    let delta = take_varint(&mut rest)?;
    let (body, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((delta, body, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_with_times_and_revisions() {
        let mut records = Records::default();
        for (at, body) in [(1_000, &b"a"[..]), (1_000, b""), (400_000, &[7; 300])] {
            records.push(UtcMs(at), body);
        }
        let again = Records::from_parts(records.base(), 3, records.bytes().to_vec()).unwrap();
        let seen: Vec<_> =
            again.iter(Revision(5)).map(|r| (r.stamp.revision.0, r.stamp.at.0, r.body.len())).collect();
        assert_eq!(seen, [(5, 1_000, 1), (6, 1_000, 0), (7, 400_000, 300)]);
    }

    #[test]
    fn damaged_records_are_refused() {
        let mut records = Records::default();
        records.push(UtcMs(1), b"hello");
        let bytes = records.bytes().to_vec();
        assert!(Records::from_parts(UtcMs(1), 1, bytes[..4].to_vec()).is_err());
        assert!(Records::from_parts(UtcMs(1), 2, bytes.clone()).is_err());
        assert!(Records::from_parts(UtcMs(1), 0, bytes).is_err());
        assert!(Records::from_parts(UtcMs(1), 1, vec![0xff; 11]).is_err());
    }
}
