//! Frames: batches in the log.
//!
//! Frames of one write follow each other on borders of 8 bytes; the rest up to the next border of 4,096 is zero.

use super::{BLOCK, stream_numbers, stream_of, u32_at, u64_at, u128_at};
use crate::id::Revision;
use crate::store::{BatchId, StreamId};
use crate::time::UtcMs;

const MAGIC: u32 = u32::from_le_bytes(*b"TKf1");
/// Bytes in front of the records.
pub(crate) const FRAME_HEAD: usize = 96;
const ALIGN: usize = 8;
/// The kind of a frame that carries nothing: it says that everything before it is on the disk.
const MARK: u8 = 255;

/// What stands in front of a batch's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// Of its segment.
    pub life: u64,
    /// Checksum of the frame before it in its segment; 0 for the first.
    pub before: u32,
    /// How much of its segment was on the disk when the frame was written, in bytes, and the checksum of the last frame of that. All
    /// segments before were.
    pub durable: Durable,
    /// `None`: the frame carries no batch.
    pub stream: Option<StreamId>,
    pub seq: u64,
    pub id: BatchId,
    pub first: Revision,
    pub count: u32,
    pub base: UtcMs,
    /// The stream's chain of hashes with this batch.
    pub chain: u64,
}

/// See [`FrameHead::durable`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Durable {
    pub to: u32,
    pub crc: u32,
}

/// A frame found in a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub head: FrameHead,
    pub crc: u32,
    pub records: &'a [u8],
}

impl Frame<'_> {
    /// Bytes it takes, up to where another may begin.
    pub const fn len(&self) -> usize {
        frame_len(self.records.len())
    }
}

/// Bytes a frame with so many bytes of records takes.
pub(crate) const fn frame_len(records: usize) -> usize {
    (FRAME_HEAD + records).next_multiple_of(ALIGN)
}

/// Adds a frame and returns its checksum.
///
/// Layout: magic (4), crc32c of all that follows (4), bytes of records (4), count (4), life (8), durable to (4), checksum of the
/// last durable frame (4), event (8), batch number (8), first revision (8), time of the first record (8), batch name (16), chain (8), kind of
/// stream (4), checksum of the frame before (4), records, zero up to a multiple of 8.
pub(crate) fn put_frame(into: &mut Vec<u8>, head: &FrameHead, records: &[u8]) -> u32 {
    let start = into.len();
    let (kind, event) = head.stream.map_or((MARK, 0), stream_numbers);
    let len = u32::try_from(records.len()).unwrap_or(u32::MAX);
    into.reserve(frame_len(records.len()));
    into.extend_from_slice(&MAGIC.to_le_bytes());
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(&len.to_le_bytes());
    into.extend_from_slice(&head.count.to_le_bytes());
    into.extend_from_slice(&head.life.to_le_bytes());
    into.extend_from_slice(&head.durable.to.to_le_bytes());
    into.extend_from_slice(&head.durable.crc.to_le_bytes());
    for number in [event, head.seq, head.first.0, head.base.0] {
        into.extend_from_slice(&number.to_le_bytes());
    }
    into.extend_from_slice(&head.id.0.to_le_bytes());
    into.extend_from_slice(&head.chain.to_le_bytes());
    into.extend_from_slice(&u32::from(kind).to_le_bytes());
    into.extend_from_slice(&head.before.to_le_bytes());
    into.extend_from_slice(records);
    let crc = crc32c::crc32c(&into[start + 8..]);
    into[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    into.resize(start + frame_len(records.len()), 0);
    crc
}

/// The frame at the front of `bytes`, if there is a whole and unharmed one.
pub(crate) fn frame_at(bytes: &[u8]) -> Option<Frame<'_>> {
    if bytes.len() < FRAME_HEAD || u32_at(bytes, 0) != MAGIC {
        return None;
    }
    let crc = u32_at(bytes, 4);
    let len = u32_at(bytes, 8) as usize;
    let records = bytes.get(FRAME_HEAD..FRAME_HEAD.checked_add(len)?)?;
    if crc32c::crc32c(&bytes[8..FRAME_HEAD + len]) != crc {
        return None;
    }
    if bytes.get(FRAME_HEAD + len..frame_len(len))?.iter().any(|byte| *byte != 0) {
        return None;
    }
    let kind = u32_at(bytes, 88);
    let stream = if kind == u32::from(MARK) {
        None
    } else {
        Some(stream_of(u8::try_from(kind).ok()?, u64_at(bytes, 32))?)
    };
    let head = FrameHead {
        life: u64_at(bytes, 16),
        before: u32_at(bytes, 92),
        durable: Durable { to: u32_at(bytes, 24), crc: u32_at(bytes, 28) },
        stream,
        seq: u64_at(bytes, 40),
        first: Revision(u64_at(bytes, 48)),
        count: u32_at(bytes, 12),
        base: UtcMs(u64_at(bytes, 56)),
        id: BatchId(u128_at(bytes, 64)),
        chain: u64_at(bytes, 80),
    };
    Some(Frame { head, crc, records })
}

/// Where the frames of a segment end, and the last one's checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FramesEnd {
    pub at: usize,
    pub crc: u32,
}

/// Visits the frames of a segment from `from` on, in order, each with its place. They end where none stands that follows the one before, be
/// it because nothing more was written there or because it was harmed.
pub(crate) fn frames_until<E>(
    bytes: &[u8],
    from: usize,
    follows: impl Fn(&FrameHead, u32) -> bool,
    visit: &mut dyn FnMut(usize, &Frame<'_>) -> Result<(), E>,
) -> Result<FramesEnd, E> {
    let mut end = FramesEnd { at: from, crc: 0 };
    loop {
        let next = |at: usize| {
            let frame = bytes.get(at..).and_then(frame_at)?;
            follows(&frame.head, end.crc).then_some((at, frame))
        };
        let border = end.at.next_multiple_of(BLOCK);
        let is_zero = || bytes.get(end.at..border).is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
        // The rest of a write is zero up to the border, where the next one begins.
        let found = next(end.at).or_else(|| if border > end.at && is_zero() { next(border) } else { None });
        let Some((at, frame)) = found else { return Ok(end) };
        visit(at, &frame)?;
        end = FramesEnd { at: at + frame.len(), crc: frame.crc };
    }
}

/// Whether a frame is of this life of its segment, and comes right after the one with checksum `crc`.
pub(crate) const fn of_life(life: u64) -> impl Fn(&FrameHead, u32) -> bool {
    move |head, crc| head.life == life && head.before == crc
}

/// A frame of `life` behind `end` that was written when more than what ends there was on the disk: proof that something is missing.
pub(crate) fn proof_of_loss(bytes: &[u8], life: u64, end: FramesEnd) -> Option<usize> {
    let border = end.at.next_multiple_of(BLOCK);
    let proves = |durable: Durable| {
        let to = durable.to as usize;
        to > border || (to > end.at && durable.crc != end.crc)
    };
    let places = (end.at.next_multiple_of(ALIGN)..bytes.len()).step_by(ALIGN);
    let mut found = places.filter(|at| u32_at(bytes, *at) == MAGIC && u64_at(bytes, at + 16) == life);
    found.find(|at| frame_at(&bytes[*at..]).is_some_and(|frame| proves(frame.head.durable)))
}

/// How far behind `end` there are bytes of a frame of `life`, whole or not: what a write that was under way has left.
pub(crate) fn torn_bytes(bytes: &[u8], life: u64, end: FramesEnd) -> usize {
    let mut places = (end.at.next_multiple_of(ALIGN)..bytes.len()).step_by(ALIGN).rev();
    let last = places.find(|at| u32_at(bytes, *at) == MAGIC && u64_at(bytes, at + 16) == life);
    last.map_or(0, |at| at + FRAME_HEAD - end.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EventId;

    fn head(life: u64, seq: u64, before: u32, durable: Durable) -> FrameHead {
        FrameHead {
            life,
            before,
            durable,
            stream: Some(StreamId::Event(EventId(9))),
            seq,
            id: BatchId(u128::from(seq) << 66 | 5),
            first: Revision(seq * 3),
            count: 3,
            base: UtcMs(1_000),
            chain: 77,
        }
    }

    fn ends(bytes: &[u8], life: u64) -> (FramesEnd, Vec<u64>) {
        let mut seen = Vec::new();
        let end = frames_until::<()>(bytes, 0, of_life(life), &mut |_, frame| {
            seen.push(frame.head.seq);
            Ok(())
        });
        (end.unwrap(), seen)
    }

    fn pad(bytes: &mut Vec<u8>) -> u32 {
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        u32::try_from(bytes.len()).unwrap()
    }

    #[test]
    fn frames_come_back_across_borders_and_stop_at_another_life() {
        let none = Durable::default();
        let mut bytes = Vec::new();
        let crc = put_frame(&mut bytes, &head(1, 1, 0, none), b"abc");
        let crc = put_frame(&mut bytes, &head(1, 2, crc, none), &[7; 5_000]);
        let to = pad(&mut bytes);
        let crc = put_frame(&mut bytes, &head(1, 3, crc, Durable { to, crc }), b"");
        let at = bytes.len();
        put_frame(&mut bytes, &head(2, 4, crc, none), b"");
        assert_eq!(ends(&bytes, 1), (FramesEnd { at, crc }, vec![1, 2, 3]));
        let mark = FrameHead { stream: None, ..head(1, 0, 9, none) };
        let mut bytes = Vec::new();
        put_frame(&mut bytes, &mark, b"");
        assert_eq!(frame_at(&bytes).unwrap().head, mark);
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, &head(1, 1, 0, Durable::default()), b"hello");
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(frame_at(&flipped).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn a_torn_write_is_no_loss_and_a_hole_before_a_later_write_is() {
        let none = Durable::default();
        let mut bytes = Vec::new();
        let first = put_frame(&mut bytes, &head(1, 1, 0, none), &[1; 5_000]);
        let second = bytes.len();
        let last = put_frame(&mut bytes, &head(1, 2, first, none), &[2; 100]);
        let to = pad(&mut bytes);
        bytes[200] ^= 1;
        assert_eq!(ends(&bytes, 1).0, FramesEnd::default());
        assert_eq!(proof_of_loss(&bytes, 1, FramesEnd::default()), None, "frame 2 belongs to the same write");
        put_frame(&mut bytes, &head(1, 3, last, Durable { to, crc: last }), b"later");
        let later = Some(to as usize);
        assert_eq!(proof_of_loss(&bytes, 1, FramesEnd::default()), later);
        assert_eq!(proof_of_loss(&bytes, 2, FramesEnd::default()), None, "another life proves nothing");
        bytes[200] ^= 1;
        assert_eq!(ends(&bytes, 1).1, [1, 2, 3]);
        bytes[second..to as usize].fill(0);
        let end = FramesEnd { at: second, crc: first };
        assert_eq!(ends(&bytes, 1), (end, vec![1]), "a batch that reads as zero is not passed over");
        assert_eq!(proof_of_loss(&bytes, 1, end), later);
    }
}
