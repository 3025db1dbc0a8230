//! The encoded form of a list of revocations. Fixed numbers are little-endian, varints LEB128.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 4 | `TKr1` |
//! | 4 | 2 | key |
//! | 6 | 2 | 0 |
//! | 8 | 8 | event |
//! | 16 | 8 | base: 0 all are on it, else those that died after this revision |
//! | 24 | 8 | revision |
//! | 32 | 4 | made at, Unix seconds |
//! | 36 | 4 | how many follow |
//! | 40 | | per ticket, ascending: varint of the order's step from the one before (0 at first); varint of the index, less that of the one before and 1 if the step was 0 and it is not the first; varint of the issue |
//! | | 64 | Ed25519 signature of `ticketcore/revoked\0` and everything before |

use super::claims::{KeyId, down, start};
use super::revoked::{DeadTicket, RevocationList};
use crate::id::{EventId, HoldNumber, Revision};
use crate::limits::REVOCATIONS_MAX;
use crate::varint::{Sink, take_varint};

const MAGIC: &[u8; 4] = b"TKr1";
const DOMAIN: &[u8; 19] = b"ticketcore/revoked\0";
const HEAD: usize = 40;
/// Bytes that one ticket takes at least.
const ENTRY_MIN: usize = 3;

/// What is signed.
pub(super) fn message(body: &[u8]) -> Vec<u8> {
    [&DOMAIN[..], body].concat()
}

/// The key that a body names, if it begins as one.
pub(super) fn key_id(body: &[u8]) -> Option<KeyId> {
    let head = body.first_chunk::<HEAD>().filter(|head| head.starts_with(MAGIC))?;
    Some(KeyId(u16::from_le_bytes([head[4], head[5]])))
}

/// Appends all but the signature.
pub(super) fn write(list: &RevocationList, key: KeyId, into: &mut Vec<u8>) {
    into.extend_from_slice(MAGIC);
    into.extend_from_slice(&key.0.to_le_bytes());
    into.extend_from_slice(&[0; 2]);
    into.extend_from_slice(&list.event.0.to_le_bytes());
    into.extend_from_slice(&list.base.0.to_le_bytes());
    into.extend_from_slice(&list.revision.0.to_le_bytes());
    into.extend_from_slice(&down(list.made_at).to_le_bytes());
    into.extend_from_slice(&u32::try_from(list.dead.len()).unwrap_or(u32::MAX).to_le_bytes());
    let mut before: Option<&DeadTicket> = None;
    for dead in &list.dead {
        let step = dead.order.0 - before.map_or(0, |before| before.order.0);
        let known = before.filter(|_| step == 0).map_or(0, |before| u64::from(before.index) + 1);
        into.number(step);
        into.number(u64::from(dead.index) - known);
        into.number(u64::from(dead.issue));
        before = Some(dead);
    }
}

/// Reads all but the signature; `None` if it is not a list as [`write()`] writes it.
pub(super) fn read(body: &[u8]) -> Option<RevocationList> {
    let (head, mut rest) = body.split_first_chunk::<HEAD>()?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    let count = usize::try_from(word(36)).ok()?;
    if !head.starts_with(MAGIC)
        || head[6..8] != [0; 2]
        || count > REVOCATIONS_MAX
        || count > rest.len() / ENTRY_MIN
    {
        return None;
    }
    let mut dead: Vec<DeadTicket> = Vec::with_capacity(count);
    for _ in 0..count {
        let before = dead.last();
        let step = take_varint(&mut rest)?;
        let order = step.checked_add(before.map_or(0, |before| before.order.0))?;
        let known = before.filter(|_| step == 0).map_or(0, |before| u64::from(before.index) + 1);
        let index = take_varint(&mut rest)?.checked_add(known)?;
        let issue = take_varint(&mut rest)?;
        dead.push(DeadTicket {
            order: HoldNumber(order),
            index: u32::try_from(index).ok()?,
            issue: u32::try_from(issue).ok()?,
        });
    }
    let list = RevocationList {
        event: EventId(long(8)),
        base: Revision(long(16)),
        revision: Revision(long(24)),
        made_at: start(word(32)),
        dead,
    };
    (rest.is_empty() && list.base <= list.revision).then_some(list)
}

/// Whether some bytes are a list, whoever signed it or not: for fuzzing. What is read must be written as the same list.
#[cfg(feature = "testkit")]
#[must_use]
pub fn decode_revocations(body: &[u8]) -> Option<RevocationList> {
    let list = read(body)?;
    let mut again = Vec::new();
    write(&list, key_id(body)?, &mut again);
    assert_eq!(read(&again).as_ref(), Some(&list), "a list is written and read back");
    assert!(list.dead.is_sorted() && again.len() <= body.len());
    Some(list)
}
