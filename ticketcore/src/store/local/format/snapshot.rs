//! Snapshot files.

use serde::{Deserialize, Serialize};

use super::manifest::End;
use super::sheet::Sheet;
use super::stream_name;
use crate::store::StreamId;
use crate::store::local::error::{Damage, LocalError};

pub(super) const SHEET: Sheet = Sheet { magic: b"tkt-snp\0", format: 1 };
/// The folder they are in.
pub(crate) const SNAPSHOTS: &str = "snapshots";
/// The folded state may not be larger than this, so that a damaged length does not take all memory.
const BYTES_MAX: usize = 1 << 30;

#[derive(Serialize, Deserialize)]
struct Body<'a> {
    stream: StreamId,
    end: End,
    /// Bytes of the state once unpacked.
    len: u64,
    /// LZ4.
    #[serde(borrow)]
    packed: &'a [u8],
}

/// The file of a stream's snapshot.
pub(crate) fn snapshot_file(stream: StreamId) -> String {
    format!("{SNAPSHOTS}/{}", stream_name(stream))
}

pub(crate) fn encode(stream: StreamId, end: End, state: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::block::compress(state);
    let body = Body { stream, end, len: state.len() as u64, packed: &packed };
    SHEET.encode(&postcard::to_allocvec(&body).unwrap_or_default())
}

/// Where the journal ended, and the state.
pub(crate) fn decode(file: &str, stream: StreamId, bytes: &[u8]) -> Result<(End, Vec<u8>), LocalError> {
    let damaged = |what: &str| LocalError::from(Damage::new(file, 0, what));
    let body: Body<'_> =
        postcard::from_bytes(SHEET.decode(file, bytes)?).map_err(|_| damaged("its body can't be read"))?;
    if body.stream != stream {
        return Err(damaged("it is of another stream"));
    }
    let len = usize::try_from(body.len).ok().filter(|len| *len <= BYTES_MAX);
    let len = len.ok_or_else(|| damaged("it says that it is larger than any"))?;
    let state = lz4_flex::block::decompress(body.packed, len).map_err(|_| damaged("it can't be unpacked"))?;
    if state.len() == len { Ok((body.end, state)) } else { Err(damaged("it is shorter than it says")) }
}
