//! Reading batches where they stand in the log.

use std::sync::Arc;

use super::error::{Damage, Doing, LocalError};
use super::format::archive::StoredBatch;
use super::format::frame::{FRAME_HEAD, Frame, frame_at, frame_len};
use super::index::{Place, Segment};

/// So much of the log is read in one go at most,
const SPAN_BYTES: u64 = 256 << 10;
/// and batches that lie farther from each other than this are read one by one: what is between them belongs to other journals.
const GAP_BYTES: u64 = 16 << 10;

/// A frame's batch.
pub(super) fn batch_of<'a>(frame: &Frame<'a>) -> StoredBatch<'a> {
    StoredBatch {
        seq: frame.head.seq,
        id: frame.head.id,
        first: frame.head.first,
        count: frame.head.count,
        base: frame.head.base,
        records: frame.records,
    }
}

fn end_of(place: &Place) -> u64 {
    u64::from(place.at) + (FRAME_HEAD + place.len as usize) as u64
}

/// How many of these are read together.
fn together(places: &[Place]) -> usize {
    let start = places.first().map_or(0, |first| u64::from(first.at));
    let near = |pair: &&[Place]| {
        u64::from(pair[1].at) <= end_of(&pair[0]) + GAP_BYTES && end_of(&pair[1]) <= start + SPAN_BYTES
    };
    1 + places.windows(2).take_while(near).count()
}

/// Visits batches of a segment, of which the first has number `seq`, until `visit` has seen enough.
pub(super) fn visit_logged(
    segment: &Arc<Segment>,
    seq: u64,
    places: &[Place],
    visit: &mut dyn FnMut(&Frame<'_>) -> bool,
) -> Result<(), LocalError> {
    let mut rest = places;
    let mut seq = seq;
    let mut bytes = Vec::new();
    while let Some(first) = rest.first() {
        let start = u64::from(first.at);
        let (now, later) = rest.split_at(together(rest));
        let wanted = now.last().map_or(0, |place| end_of(place) - start);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        bytes.clear();
        bytes.resize(frame_len(wanted - FRAME_HEAD), 0);
        segment.file.read_at(&mut bytes[..wanted], start).doing("read", &segment.name)?;
        for place in now {
            let at = usize::try_from(u64::from(place.at) - start).unwrap_or(usize::MAX);
            let frame = frame_at(&bytes[at..]).filter(|frame| {
                (frame.head.life, frame.head.seq, frame.head.first) == (segment.life, seq, place.first)
            });
            let Some(frame) = frame else {
                let what = "a batch can't be read any more";
                return Err(Damage::new(&segment.name, u64::from(place.at), what).into());
            };
            if !visit(&frame) {
                return Ok(());
            }
            seq += 1;
        }
        rest = later;
    }
    Ok(())
}
