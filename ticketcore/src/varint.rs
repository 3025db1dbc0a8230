//! Numbers of variable length: LEB128, at most 10 bytes; signed ones zigzag.

/// Puts `value`, byte by byte.
#[inline]
pub(crate) fn put_varint(mut put: impl FnMut(u8), mut value: u64) {
    while value >= 0x80 {
        put((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    put((value & 0x7f) as u8);
}

/// Takes a number off the front; `None` if there is none, or it does not fit.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let part = u64::from(byte & 0x7f);
        if at == 9 && part > 1 {
            return None;
        }
        value |= part << (7 * at);
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}

/// Appends `value`. Byte by byte: a call to copy a handful costs more.
#[inline]
pub(crate) fn put_number(into: &mut Vec<u8>, value: u64) {
    put_varint(|byte| into.push(byte), value);
}

/// How a signed number is put: 0, -1, 1, -2, ...
#[inline]
#[expect(clippy::cast_sign_loss, reason = "zigzag")]
pub(crate) const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Takes a signed number off the front.
#[expect(clippy::cast_possible_wrap, reason = "zigzag")]
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = take_varint(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}
