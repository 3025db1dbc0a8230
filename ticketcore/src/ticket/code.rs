//! A ticket code: 46 bytes that say what a ticket is for, and the signature over them. All numbers are little-endian.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 1 | version, 1 |
//! | 1 | 2 | key |
//! | 3 | 1 | what it is for: 0 a seat, 1 a place of an area |
//! | 4 | 4 | which seat or area |
//! | 8 | 2 | ticket type |
//! | 10 | 4 | the ticket's place in its order, from 0 |
//! | 14 | 4 | issue, from 0 |
//! | 18 | 8 | event |
//! | 26 | 8 | order |
//! | 34 | 4 | signed at, Unix seconds |
//! | 38 | 4 | valid from, Unix seconds |
//! | 42 | 4 | valid until, Unix seconds; 2^32 - 1 for ever |
//! | 46 | 64 | Ed25519 signature of `ticketcore/ticket\0` and bytes 0 to 45 |

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::base32;
use super::claims::{KeyId, TicketClaims, TicketPlace, down, end, start, up};
use super::verify::NotValid;
use crate::id::{AreaIndex, EventId, HoldNumber, OrderId, SeatIndex, TicketId, TicketTypeIndex};

/// Bytes of a ticket code.
pub const CODE_BYTES: usize = 110;
/// Characters of its text.
pub const CODE_CHARS: usize = CODE_BYTES / 5 * 8;

/// The version this program writes and reads.
pub(super) const VERSION: u8 = 1;
/// Bytes in front of the signature.
pub(super) const BODY: usize = 46;
const SIGNATURE: usize = 64;
const SEAT: u8 = 0;
const AREA: u8 = 1;

/// In front of everything that is signed here, so that no other signature of the key can be taken for a ticket's.
const DOMAIN: &[u8; 18] = b"ticketcore/ticket\0";
/// Bytes that are signed.
pub(super) const MESSAGE: usize = DOMAIN.len() + BODY;

/// Bytes of typed text that are looked at.
const TYPED_MAX: usize = 1_024;

const _: () = assert!(BODY + SIGNATURE == CODE_BYTES && CODE_BYTES.is_multiple_of(5));

/// A code that has the form of a ticket's. Whether it is one says [`verify`](super::verify()).
///
/// Its text has [`CODE_CHARS`] characters of `0123456789ABCDEFGHJKMNPQRSTVWXYZ` (base 32, no padding, no spare bits), so that there is one text
/// to a code. Parsing takes capitals only and nothing around them; [`TicketCode::from_typed`] is for what people type. Who has the text has
/// the ticket: it is in no `Debug` output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TicketCode {
    bytes: [u8; CODE_BYTES],
    key: KeyId,
    claims: TicketClaims,
}

impl TicketCode {
    /// Reads a code.
    ///
    /// # Errors
    /// [`NotValid::UnknownVersion`] or [`NotValid::NotATicket`]. Never panics, whatever the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotValid> {
        let version = *bytes.first().ok_or(NotValid::NotATicket)?;
        if version != VERSION {
            return Err(NotValid::UnknownVersion { version });
        }
        let bytes = <[u8; CODE_BYTES]>::try_from(bytes).map_err(|_| NotValid::NotATicket)?;
        let (key, claims) = read(&bytes).ok_or(NotValid::NotATicket)?;
        Ok(Self { bytes, key, claims })
    }

    /// The code in what a person typed or copied: case, blanks, dashes and line ends do not matter, O is taken for 0, I and L for 1.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_typed(text: &str) -> Result<Self, NotValid> {
        if text.len() > TYPED_MAX {
            return Err(NotValid::NotATicket);
        }
        base32::tidy(text).parse()
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; CODE_BYTES] {
        &self.bytes
    }

    /// The key it says it was signed with.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key
    }

    /// What it says, true or not.
    pub(super) const fn claims(&self) -> &TicketClaims {
        &self.claims
    }

    /// What its signature is of.
    pub(super) fn message(&self) -> [u8; MESSAGE] {
        message(&self.bytes)
    }

    pub(super) fn signature(&self) -> ed25519_dalek::Signature {
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&self.bytes[BODY..]);
        ed25519_dalek::Signature::from_bytes(&signature)
    }

    /// The code that says `claims`, signed by `sign`.
    pub(super) fn signed(
        key: KeyId,
        claims: &TicketClaims,
        sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE],
    ) -> Self {
        let mut bytes = [0; CODE_BYTES];
        write(key, claims, &mut bytes);
        let signature = sign(&message(&bytes));
        bytes[BODY..].copy_from_slice(&signature);
        Self { bytes, key, claims: claims.to_seconds() }
    }
}

fn message(bytes: &[u8; CODE_BYTES]) -> [u8; MESSAGE] {
    let mut message = [0; MESSAGE];
    message[..DOMAIN.len()].copy_from_slice(DOMAIN);
    message[DOMAIN.len()..].copy_from_slice(&bytes[..BODY]);
    message
}

fn write(key: KeyId, claims: &TicketClaims, bytes: &mut [u8; CODE_BYTES]) {
    let (kind, place) = match claims.place {
        TicketPlace::Seat(seat) => (SEAT, seat.0),
        TicketPlace::Area(area) => (AREA, u32::from(area.0)),
    };
    let TicketId { order, index } = claims.ticket;
    bytes[0] = VERSION;
    bytes[1..3].copy_from_slice(&key.0.to_le_bytes());
    bytes[3] = kind;
    bytes[4..8].copy_from_slice(&place.to_le_bytes());
    bytes[8..10].copy_from_slice(&claims.ticket_type.0.to_le_bytes());
    bytes[10..14].copy_from_slice(&index.to_le_bytes());
    bytes[14..18].copy_from_slice(&claims.issue.to_le_bytes());
    bytes[18..26].copy_from_slice(&order.event.0.to_le_bytes());
    bytes[26..34].copy_from_slice(&order.number.0.to_le_bytes());
    bytes[34..38].copy_from_slice(&down(claims.signed_at).to_le_bytes());
    bytes[38..42].copy_from_slice(&down(claims.valid_from).to_le_bytes());
    bytes[42..46].copy_from_slice(&up(claims.valid_until).to_le_bytes());
}

fn read(bytes: &[u8; CODE_BYTES]) -> Option<(KeyId, TicketClaims)> {
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let word = |at: usize| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    let place = match bytes[3] {
        SEAT => TicketPlace::Seat(SeatIndex(word(4))),
        AREA => TicketPlace::Area(AreaIndex(u16::try_from(word(4)).ok()?)),
        _ => return None,
    };
    let order = OrderId { event: EventId(long(18)), number: HoldNumber(long(26)) };
    let claims = TicketClaims {
        ticket: TicketId { order, index: word(10) },
        issue: word(14),
        place,
        ticket_type: TicketTypeIndex(half(8)),
        signed_at: start(word(34)),
        valid_from: start(word(38)),
        valid_until: end(word(42)),
    };
    Some((KeyId(half(1)), claims))
}

impl fmt::Display for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; CODE_CHARS];
        base32::encode(&self.bytes, &mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for TicketCode {
    type Err = NotValid;

    fn from_str(text: &str) -> Result<Self, NotValid> {
        let mut bytes = [0; CODE_BYTES];
        if !base32::decode(text.as_bytes(), &mut bytes) {
            return Err(NotValid::NotATicket);
        }
        Self::from_bytes(&bytes)
    }
}

impl fmt::Debug for TicketCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketCode({}, issue {}, {})", self.claims.ticket, self.claims.issue, self.key)
    }
}

impl Serialize for TicketCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TicketCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
