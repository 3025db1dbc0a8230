//! Names of things: dense numbers inside, prefixed text (`evt_ hld_ ord_ tkt_`) outside.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A fact's place in its journal; the first fact has revision 1, 0 is "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// Before the first fact.
    pub const ZERO: Revision = Revision(0);

    /// The next revision.
    #[must_use]
    pub const fn next(self) -> Revision {
        Revision(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

macro_rules! index {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The position in the manifest's list.
            #[must_use]
            pub const fn at(self) -> usize {
                self.0 as usize
            }

            /// The name of position `at`.
            ///
            /// # Panics
            /// If `at` does not fit; the limits on a manifest keep that from happening.
            #[must_use]
            pub fn of(at: usize) -> Self {
                Self(<$inner>::try_from(at).expect("a manifest position fits its index"))
            }
        }
    };
}

index!(
    /// A seat's dense number inside one event; stable from the moment sales begin.
    SeatIndex(u32)
);
index!(
    /// A section of the event's manifest.
    SectionIndex(u16)
);
index!(
    /// A row of the event's manifest, counted over all sections.
    RowIndex(u16)
);
index!(
    /// A category of the event's manifest.
    CategoryIndex(u16)
);
index!(
    /// A general-admission area of the event's manifest.
    AreaIndex(u16)
);
index!(
    /// A ticket type (adult, child, ...) of the event's manifest.
    TicketTypeIndex(u16)
);
index!(
    /// An allocation of the event's manifest.
    AllocationIndex(u16)
);
index!(
    /// A quota of the event's manifest.
    QuotaIndex(u16)
);
index!(
    /// A voucher of an event, counted in the order in which vouchers were added.
    VoucherIndex(u32)
);

/// The opaque 128-bit name of a user (buyer or staff), chosen by the host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserId(pub [u8; 16]);

impl std::hash::Hash for UserId {
    /// As one number: cheaper than as bytes with their count.
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from_ne_bytes(self.0));
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(UserBytes)
    }
}

struct UserBytes;

impl<'de> Visitor<'de> for UserBytes {
    type Value = UserId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the 16 bytes of a user id")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<UserId, E> {
        bytes.try_into().map(UserId).map_err(|_| E::invalid_length(bytes.len(), &self))
    }

    // Formats without bytes (JSON) write a list of numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<UserId, A::Error> {
        let mut id = [0; 16];
        for (at, byte) in id.iter_mut().enumerate() {
            *byte = list.next_element()?.ok_or_else(|| A::Error::invalid_length(at, &self))?;
        }
        Ok(UserId(id))
    }
}

impl From<u128> for UserId {
    fn from(id: u128) -> Self {
        Self(id.to_be_bytes())
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usr_{:x}", u128::from_be_bytes(self.0))
    }
}

/// User shards of one event: holds, orders, limits and idempotency records of a user live in one of them.
pub const SHARDS: usize = 64;
const SHARD_BITS: u32 = SHARDS.trailing_zeros();
const _: () = assert!(SHARDS.is_power_of_two() && SHARDS <= 256);

impl UserId {
    /// The shard in which all that belongs to this user lives.
    #[must_use]
    pub fn shard(self) -> usize {
        let id = u128::from_be_bytes(self.0);
        #[expect(clippy::cast_possible_truncation, reason = "folding the halves is the point")]
        let folded = (id as u64) ^ ((id >> 64) as u64);
        (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SHARD_BITS)) as usize
    }
}

/// The number of a hold inside its event, and of the order it may become (so a hold can't become two orders):
/// the revision of the `HoldPlaced` fact with the user's shard in the low bits. Unique without any counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoldNumber(pub u64);

impl HoldNumber {
    /// The number of the hold placed at `revision` for a user of `shard`.
    #[must_use]
    pub const fn new(revision: Revision, shard: usize) -> Self {
        Self(revision.0 << SHARD_BITS | shard as u64)
    }

    /// The shard that keeps the hold and its order.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "six bits fit")]
    pub const fn shard(self) -> usize {
        (self.0 & (SHARDS as u64 - 1)) as usize
    }

    /// The revision at which the hold was placed.
    #[must_use]
    pub const fn placed_at(self) -> Revision {
        Revision(self.0 >> SHARD_BITS)
    }
}

impl fmt::Debug for HoldNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "h{}.{}", self.placed_at().0, self.shard())
    }
}

/// A text id could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {expected} id")]
pub struct ParseIdError {
    /// The prefix that was expected, for example `hld`.
    pub expected: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const WORD_CHARS: usize = 13;

fn write_word(f: &mut fmt::Formatter<'_>, word: u64) -> fmt::Result {
    let mut text = [0u8; WORD_CHARS];
    for (at, slot) in text.iter_mut().enumerate() {
        *slot = ALPHABET[(word >> (5 * (WORD_CHARS - 1 - at)) & 31) as usize];
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn read_words<const N: usize>(text: &str, prefix: &'static str) -> Result<[u64; N], ParseIdError> {
    let bad = ParseIdError { expected: prefix };
    let body = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(bad)?.as_bytes();
    if body.len() != WORD_CHARS * N {
        return Err(bad);
    }
    let mut words = [0u64; N];
    for (word, chunk) in words.iter_mut().zip(body.chunks_exact(WORD_CHARS)) {
        let mut value = 0u128;
        for byte in chunk {
            let digit = ALPHABET.iter().position(|c| c == byte).ok_or(bad)?;
            value = value << 5 | digit as u128;
        }
        *word = u64::try_from(value).map_err(|_| bad)?;
    }
    Ok(words)
}

macro_rules! text_id {
    ($name:ident, $prefix:literal, $n:literal, |$id:ident| $words:expr, |$w:ident| $make:expr) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $id = self;
                f.write_str(concat!($prefix, "_"))?;
                for word in $words {
                    write_word(f, word)?;
                }
                Ok(())
            }
        }
        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let $w = read_words::<$n>(text, $prefix)?;
                Ok($make)
            }
        }
    };
}

/// One performance that tickets are sold for; its number is the revision of its `EventAdded` fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub u64);
text_id!(EventId, "evt", 1, |id| [id.0], |w| EventId(w[0]));

/// A venue; its number is the revision of its `VenueAdded` fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VenueId(pub u64);
text_id!(VenueId, "ven", 1, |id| [id.0], |w| VenueId(w[0]));

/// A hold. An id is a name, never a capability: every access checks the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HoldId {
    /// The event.
    pub event: EventId,
    /// The number inside the event.
    pub number: HoldNumber,
}
text_id!(HoldId, "hld", 2, |id| [id.event.0, id.number.0], |w| HoldId {
    event: EventId(w[0]),
    number: HoldNumber(w[1])
});

/// An order; it bears the number of the hold it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderId {
    /// The event.
    pub event: EventId,
    /// The number inside the event.
    pub number: HoldNumber,
}
text_id!(OrderId, "ord", 2, |id| [id.event.0, id.number.0], |w| OrderId {
    event: EventId(w[0]),
    number: HoldNumber(w[1])
});

impl HoldId {
    /// The id of the order this hold may become.
    #[must_use]
    pub const fn order(self) -> OrderId {
        OrderId { event: self.event, number: self.number }
    }
}

impl OrderId {
    /// The id of the hold this order came from.
    #[must_use]
    pub const fn hold(self) -> HoldId {
        HoldId { event: self.event, number: self.number }
    }
}

/// A ticket: one seat or one general-admission place of a confirmed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TicketId {
    /// The order.
    pub order: OrderId,
    /// Its place in the order, from 0.
    pub index: u32,
}
text_id!(TicketId, "tkt", 3, |id| [id.order.event.0, id.order.number.0, u64::from(id.index)], |w| TicketId {
    order: OrderId { event: EventId(w[0]), number: HoldNumber(w[1]) },
    index: u32::try_from(w[2]).map_err(|_| ParseIdError { expected: "tkt" })?
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ids_round_trip() {
        let hold = HoldId { event: EventId(7), number: HoldNumber::new(Revision(u64::MAX >> 6), 63) };
        assert_eq!(hold.to_string().parse(), Ok(hold));
        assert_eq!(hold.order().to_string().parse(), Ok(hold.order()));
        let ticket = TicketId { order: hold.order(), index: 3 };
        assert_eq!(ticket.to_string().parse(), Ok(ticket));
        assert_eq!(EventId(42).to_string(), "evt_000000000001a");
    }

    #[test]
    fn foreign_prefixes_bad_digits_and_overflow_are_refused() {
        for text in ["", "evt_", "hld_000000000001a", "evt_000000000001u", "evt_zzzzzzzzzzzzz", "evt_1a"] {
            assert_eq!(text.parse::<EventId>(), Err(ParseIdError { expected: "evt" }), "{text}");
        }
    }

    #[test]
    fn a_hold_number_names_its_revision_and_shard() {
        let number = HoldNumber::new(Revision(1_000_003), 41);
        assert_eq!((number.placed_at(), number.shard()), (Revision(1_000_003), 41));
    }
}
