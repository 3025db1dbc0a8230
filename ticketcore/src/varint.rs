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

/// Where encoded bytes go.
pub(crate) trait Sink {
    /// Appends a byte.
    fn byte(&mut self, byte: u8);
    /// Appends bytes.
    fn bytes(&mut self, bytes: &[u8]);
    /// How many there are.
    fn len(&self) -> usize;
    /// Puts the length of what was appended after byte `at` there. That is nearly always one byte; if it is not, all behind it moves.
    fn patch_len(&mut self, at: usize);

    /// Appends a number. Byte by byte: a call to copy a handful costs more.
    #[inline]
    fn number(&mut self, value: u64) {
        put_varint(|byte| self.byte(byte), value);
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn patch_len(&mut self, at: usize) {
        let len = self.len() - at - 1;
        match u8::try_from(len) {
            Ok(len) if len < 0x80 => self[at] = len,
            _ => {
                let moved = self.split_off(at);
                self.number(len as u64);
                self.bytes(&moved[1..]);
            }
        }
    }
}

/// Room of a [`Small`].
pub(crate) const SMALL_BYTES: usize = 256;

/// A short encoding on the stack: what is written most has room here, and finding that out costs nothing.
pub(crate) struct Small {
    bytes: [u8; SMALL_BYTES],
    len: usize,
    /// Something had no room: what is here is of no use.
    over: bool,
}

impl Small {
    #[inline]
    pub const fn new() -> Self {
        Self { bytes: [0; SMALL_BYTES], len: 0, over: false }
    }

    /// Whether something had no room.
    #[inline]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// The bytes; `None` if there was not room for all.
    #[inline]
    pub fn done(&self) -> Option<&[u8]> {
        if self.over { None } else { self.bytes.get(..self.len) }
    }
}

impl Sink for Small {
    #[inline]
    fn byte(&mut self, byte: u8) {
        match self.bytes.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
            }
            None => self.over = true,
        }
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        match self.bytes.get_mut(self.len..self.len + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.over = true,
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn patch_len(&mut self, at: usize) {
        match (u8::try_from(self.len - at - 1), self.bytes.get_mut(at)) {
            (Ok(len), Some(place)) if len < 0x80 => *place = len,
            _ => self.over = true,
        }
    }

    #[inline]
    fn number(&mut self, mut value: u64) {
        if value < 0x80 {
            return self.byte(value.to_le_bytes()[0]);
        }
        // A number has at most 10 bytes; 16 let the places be masked instead of checked one by one.
        let Some(room) = self.bytes.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut::<16>()) else {
            self.over = true;
            return;
        };
        let mut at = 0;
        while value >= 0x80 {
            room[at & 15] = value.to_le_bytes()[0] | 0x80;
            value >>= 7;
            at += 1;
        }
        room[at & 15] = value.to_le_bytes()[0];
        self.len += at + 1;
    }
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
