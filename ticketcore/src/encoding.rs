//! How values are stored: a format byte, then postcard.

use serde::Serialize;

use crate::fact::DecodeError;
use crate::varint::{Sink, Small};

/// Replaces `into` with a format byte and the postcard form of `value`. Reuses the room `into` has.
pub(crate) fn encode_versioned<T: Serialize>(format: u8, value: &T, into: &mut Vec<u8>) {
    into.clear();
    into.push(format);
    append_encoded(value, into);
}

/// Appends the postcard form of `value`.
pub(crate) fn append_encoded<T: Serialize>(value: &T, into: &mut Vec<u8>) {
    let encoded = postcard::serialize_with_flavor(value, Growing(into));
    debug_assert!(encoded.is_ok(), "stored types have no maps or sequences of unknown length");
}

/// Appends the postcard form of `value` to what is on the stack; that is over if it has no room there.
pub(crate) fn append_small<T: Serialize>(value: &T, into: &mut Small) {
    let encoded = postcard::serialize_with_flavor(value, OnStack(into));
    debug_assert!(encoded.is_ok() || into.done().is_none(), "only want of room is in its way");
}

/// Hands the postcard form of `value` to `then`. Most are short, and never leave the stack.
pub(crate) fn with_encoded<T: Serialize, R>(value: &T, then: impl FnOnce(&[u8]) -> R) -> R {
    let mut small = Small::new();
    append_small(value, &mut small);
    if let Some(bytes) = small.done() {
        return then(bytes);
    }
    let mut bytes = Vec::new();
    append_encoded(value, &mut bytes);
    then(&bytes)
}

/// Appends to a buffer that grows. Postcard hands over numbers of 1 to 10 bytes: pushed one by one, as a call to copy them costs more.
struct Growing<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Growing<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if bytes.len() <= 10 {
            self.0.extend(bytes.iter().copied());
        } else {
            self.0.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends to a buffer that does not grow.
struct OnStack<'a>(&'a mut Small);

impl OnStack<'_> {
    #[inline]
    fn fits(&self) -> postcard::Result<()> {
        if self.0.is_over() { Err(postcard::Error::SerializeBufferFull) } else { Ok(()) }
    }
}

impl postcard::ser_flavors::Flavor for OnStack<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.byte(byte);
        self.fits()
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        // Numbers mostly: byte by byte, as a call to copy a handful costs more.
        if bytes.len() <= 10 {
            bytes.iter().for_each(|byte| self.0.byte(*byte));
        } else {
            self.0.bytes(bytes);
        }
        self.fits()
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Reads what [`encode_versioned`] wrote.
pub(crate) fn decode_versioned<T: serde::de::DeserializeOwned>(
    format: u8,
    bytes: &[u8],
) -> Result<T, DecodeError> {
    match bytes.split_first() {
        Some((&found, body)) if found == format => match postcard::take_from_bytes(body) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(DecodeError::Trailing(rest.len())),
            Err(error) => Err(DecodeError::Body(error.to_string())),
        },
        Some((&found, _)) => Err(DecodeError::Format { found }),
        None => Err(DecodeError::Body("empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_on_the_stack_is_what_is_written_in_a_buffer() {
        for len in [0, 1, 9, 11, 60, 254, 255, 256, 257, 300, 5_000] {
            let value = (u64::MAX, "é".repeat(len / 2), vec![(7u16, -1i64); len], [3u8; 16]);
            let mut buffer = Vec::new();
            append_encoded(&value, &mut buffer);
            assert!(with_encoded(&value, |bytes| bytes == buffer), "{len}");
        }
        let mut small = Small::new();
        append_small(&vec![1u8; 400], &mut small);
        assert!(small.is_over() && small.done().is_none());
    }
}
