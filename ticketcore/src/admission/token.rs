//! [`RoomKeys`]: signs and reads the tokens of waiting rooms.
//!
//! A token is a prefix (`pos_`, `adm_` or `inv_`) and base64url without padding of 96 bytes, all numbers big endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | version: 1 |
//! | 1 | kind: 1 position, 2 admission, 3 invitation |
//! | 2..4 | number of the key that signed |
//! | 4..12 | event |
//! | 12..28 | position, admission: the entrant's tag; invitation: its key, 16 random bytes |
//! | 28..36 | device, zeros if not known |
//! | 36..44 | join number; of an invitation 0 |
//! | 44..52 | position, invitation: signed at; admission: let in at; Unix time in milliseconds |
//! | 52..60 | good until (exclusive), Unix time in milliseconds |
//! | 60..64 | admission: tickets that may be bought with it; else 0 |
//! | 64..96 | HMAC-SHA-256 over bytes 0..64 with the key |

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::mac::{MacKey, TAG};
use super::tag::EntrantTag;
use crate::id::EventId;
use crate::limits::ROOM_KEYS_MAX;
use crate::time::UtcMs;

const VERSION: u8 = 1;
const BODY: usize = 64;
const BYTES: usize = BODY + TAG;
const CHARS: usize = BYTES / 3 * 4;
/// A token signed later than so long from now, in milliseconds, is refused: clocks of nodes differ by less.
const AHEAD_MS_MAX: u64 = 60_000;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A place in the room.
    Position,
    /// The right to touch inventory.
    Admission,
    /// The right to join.
    Invitation,
}

impl TokenKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Position => 1,
            Self::Admission => 2,
            Self::Invitation => 3,
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Position => "pos_",
            Self::Admission => "adm_",
            Self::Invitation => "inv_",
        }
    }
}

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is for.
    pub kind: TokenKind,
    /// The event it is for.
    pub event: EventId,
    /// Whose it is; of an invitation its key.
    pub tag: EntrantTag,
    /// The device it was given to; zeros if that was not known, then any will do.
    pub device: [u8; 8],
    /// The join number.
    pub number: u64,
    /// When it was signed; of an admission, since when it is.
    pub issued: UtcMs,
    /// When it ends: from this millisecond on it is no good.
    pub until: UtcMs,
    /// Tickets that an admission is good for.
    pub tickets: u32,
}

/// A token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of this kind and version.
    #[error("no such token")]
    Malformed,
    /// The key that signed it is not known (any more).
    #[error("signed with a key that is not known")]
    UnknownKey,
    /// It was not signed here, or changed since.
    #[error("not signed here")]
    Forged,
    /// It is for another event.
    #[error("for another event")]
    OtherEvent,
    /// It is somebody else's, or was given to another device.
    #[error("somebody else's")]
    Foreign,
    /// It was signed in the future.
    #[error("signed in the future")]
    NotYet,
    /// It has ended.
    #[error("ended at {until}")]
    Expired {
        /// When.
        until: UtcMs,
    },
}

/// Keys that tokens are signed with. One signs; those before it are still accepted. The same for all rooms of an operator.
pub struct RoomKeys {
    /// The last one signs.
    keys: Vec<(u16, MacKey)>,
}

impl RoomKeys {
    /// A key that signs and is accepted.
    #[must_use]
    pub fn new(id: u16, key: &[u8; 32]) -> Self {
        Self { keys: vec![(id, MacKey::new(key))] }
    }

    /// Signs with another key from now on; what was signed before stays good. False, and nothing has changed, if the number is taken or
    /// there are [too many](crate::limits::ROOM_KEYS_MAX).
    #[must_use]
    pub fn rotate(&mut self, id: u16, key: &[u8; 32]) -> bool {
        let free = self.keys.len() < ROOM_KEYS_MAX && !self.keys.iter().any(|(known, _)| *known == id);
        if free {
            self.keys.push((id, MacKey::new(key)));
        }
        free
    }

    /// Refuses what an older key has signed. False if there is none with this number, or it signs.
    #[must_use]
    pub fn forget(&mut self, id: u16) -> bool {
        let older = &self.keys[..self.keys.len() - 1];
        let found = older.iter().position(|(known, _)| *known == id);
        found.map(|at| self.keys.remove(at)).is_some()
    }

    /// The token's text.
    #[must_use]
    pub fn sign(&self, token: &Token) -> String {
        // There is always one.
        let (id, key) = &self.keys[self.keys.len() - 1];
        let mut bytes = [0; BYTES];
        bytes[0] = VERSION;
        bytes[1] = token.kind.byte();
        bytes[2..4].copy_from_slice(&id.to_be_bytes());
        bytes[4..12].copy_from_slice(&token.event.0.to_be_bytes());
        bytes[12..28].copy_from_slice(&token.tag.0);
        bytes[28..36].copy_from_slice(&token.device);
        bytes[36..44].copy_from_slice(&token.number.to_be_bytes());
        bytes[44..52].copy_from_slice(&token.issued.0.to_be_bytes());
        bytes[52..60].copy_from_slice(&token.until.0.to_be_bytes());
        bytes[60..64].copy_from_slice(&token.tickets.to_be_bytes());
        let tag = key.tag(&[&bytes[..BODY]]);
        bytes[BODY..].copy_from_slice(&tag);
        let mut text = String::with_capacity(4 + CHARS);
        text.push_str(token.kind.prefix());
        BASE64_URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        text
    }

    /// What a token says, whether or not it has ended. Its place may outlive it.
    ///
    /// # Errors
    /// All of [`TokenError`] but [`TokenError::Expired`] and [`TokenError::Foreign`].
    pub fn read(&self, text: &str, kind: TokenKind, event: EventId, now: UtcMs) -> Result<Token, TokenError> {
        let text = text.strip_prefix(kind.prefix()).ok_or(TokenError::Malformed)?;
        let mut bytes = [0; BYTES];
        let decoded = BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes);
        if text.len() != CHARS || decoded != Ok(BYTES) || bytes[0] != VERSION || bytes[1] != kind.byte() {
            return Err(TokenError::Malformed);
        }
        let (body, tag) = bytes.split_at(BODY);
        let id = u16::from_be_bytes([body[2], body[3]]);
        let key = self.keys.iter().find(|(known, _)| *known == id).ok_or(TokenError::UnknownKey)?;
        if !key.1.verify(body, tag) {
            return Err(TokenError::Forged);
        }
        let token = Token {
            kind,
            event: EventId(number(body, 4)),
            tag: EntrantTag(part(body, 12)),
            device: part(body, 28),
            number: number(body, 36),
            issued: UtcMs(number(body, 44)),
            until: UtcMs(number(body, 52)),
            tickets: u32::from_be_bytes(part(body, 60)),
        };
        if token.event != event {
            return Err(TokenError::OtherEvent);
        }
        if token.issued.since_ms(now) > AHEAD_MS_MAX {
            return Err(TokenError::NotYet);
        }
        Ok(token)
    }

    /// As [`read`](Self::read), for a token that must still be good.
    ///
    /// # Errors
    /// All of [`TokenError`] but [`TokenError::Foreign`].
    pub fn check(
        &self,
        text: &str,
        kind: TokenKind,
        event: EventId,
        now: UtcMs,
    ) -> Result<Token, TokenError> {
        let token = self.read(text, kind, event, now)?;
        if now >= token.until { Err(TokenError::Expired { until: token.until }) } else { Ok(token) }
    }
}

impl Token {
    /// The event that a token claims to be for: where to look. Nothing is checked but its form.
    ///
    /// # Errors
    /// [`TokenError::Malformed`].
    pub fn event_of(text: &str) -> Result<EventId, TokenError> {
        let text = text.get(4..).ok_or(TokenError::Malformed)?;
        let mut bytes = [0; BYTES];
        match BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(BYTES) => Ok(EventId(number(&bytes, 4))),
            _ => Err(TokenError::Malformed),
        }
    }

    /// Whether it is this person's, on this device. A device that is not known, then or now, is any.
    ///
    /// # Errors
    /// [`TokenError::Foreign`].
    pub fn belongs_to(&self, tag: EntrantTag, device: [u8; 8]) -> Result<(), TokenError> {
        let unknown = [0; 8];
        let device_fits = self.device == device || self.device == unknown || device == unknown;
        if self.tag == tag && device_fits { Ok(()) } else { Err(TokenError::Foreign) }
    }
}

fn part<const N: usize>(body: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&body[at..at + N]);
    part
}

fn number(body: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(part(body, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_000_000);

    fn token(kind: TokenKind) -> Token {
        Token {
            kind,
            event: EventId(3),
            tag: EntrantTag([7; 16]),
            device: [1; 8],
            number: 12_345,
            issued: NOW,
            until: NOW.plus_ms(1_000),
            tickets: 4,
        }
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_ends() {
        let keys = RoomKeys::new(1, &[9; 32]);
        for kind in [TokenKind::Position, TokenKind::Admission, TokenKind::Invitation] {
            let text = keys.sign(&token(kind));
            assert_eq!(text.len(), 4 + CHARS);
            assert_eq!(keys.check(&text, kind, EventId(3), NOW), Ok(token(kind)));
            let end = NOW.plus_ms(1_000);
            assert_eq!(keys.check(&text, kind, EventId(3), end), Err(TokenError::Expired { until: end }));
            assert_eq!(keys.read(&text, kind, EventId(3), end), Ok(token(kind)));
        }
    }

    #[test]
    fn forged_cut_swapped_and_foreign_tokens_are_refused() {
        let keys = RoomKeys::new(1, &[9; 32]);
        let kind = TokenKind::Position;
        let text = keys.sign(&token(kind));
        let read = |keys: &RoomKeys, text: &str| keys.read(text, kind, EventId(3), NOW);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&text[4..]).unwrap();
        for at in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[at / 8] ^= 1 << (at % 8);
            let forged = format!("pos_{}", BASE64_URL_SAFE_NO_PAD.encode(forged));
            assert!(read(&keys, &forged).is_err(), "bit {at}");
        }
        for cut in 0..text.len() {
            assert_eq!(read(&keys, &text[..cut]), Err(TokenError::Malformed));
        }
        assert_eq!(read(&keys, &format!("{text}A")), Err(TokenError::Malformed));
        assert_eq!(read(&keys, &format!("{text}AAAA")), Err(TokenError::Malformed));
        assert_eq!(read(&keys, &text.replace("pos_", "adm_")), Err(TokenError::Malformed));
        let admission = keys.sign(&token(TokenKind::Admission));
        assert_eq!(read(&keys, &admission.replace("adm_", "pos_")), Err(TokenError::Malformed));
        assert_eq!(read(&RoomKeys::new(1, &[8; 32]), &text), Err(TokenError::Forged));
        assert_eq!(read(&RoomKeys::new(2, &[9; 32]), &text), Err(TokenError::UnknownKey));
        assert_eq!(keys.read(&text, kind, EventId(4), NOW), Err(TokenError::OtherEvent));
        let early = UtcMs(NOW.0 - AHEAD_MS_MAX - 1);
        assert_eq!(keys.read(&text, kind, EventId(3), early), Err(TokenError::NotYet));
    }

    #[test]
    fn a_token_is_one_persons_on_one_device() {
        let token = token(TokenKind::Position);
        let tag = token.tag;
        assert_eq!(token.belongs_to(tag, [1; 8]), Ok(()));
        assert_eq!(token.belongs_to(tag, [0; 8]), Ok(()));
        assert_eq!(token.belongs_to(tag, [2; 8]), Err(TokenError::Foreign));
        assert_eq!(token.belongs_to(EntrantTag([8; 16]), [1; 8]), Err(TokenError::Foreign));
        assert_eq!(Token { device: [0; 8], ..token }.belongs_to(tag, [2; 8]), Ok(()));
    }

    #[test]
    fn older_keys_are_good_until_they_are_forgotten() {
        let mut keys = RoomKeys::new(1, &[9; 32]);
        let kind = TokenKind::Admission;
        let old = keys.sign(&token(kind));
        assert!(!keys.rotate(1, &[8; 32]), "a number is never used twice");
        assert!(keys.rotate(2, &[8; 32]));
        let new = keys.sign(&token(kind));
        assert_ne!(old, new);
        for text in [&old, &new] {
            assert_eq!(keys.check(text, kind, EventId(3), NOW), Ok(token(kind)));
        }
        assert!(!keys.forget(2), "it signs");
        assert!(keys.forget(1) && !keys.forget(1));
        assert_eq!(keys.check(&old, kind, EventId(3), NOW), Err(TokenError::UnknownKey));
        assert!(keys.check(&new, kind, EventId(3), NOW).is_ok());
        for id in 3..20 {
            let _rotated = keys.rotate(id, &[7; 32]);
        }
        assert_eq!(keys.keys.len(), ROOM_KEYS_MAX);
    }
}
