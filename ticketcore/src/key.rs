//! Idempotency keys: a user and an operation name at most one accepted outcome by a key.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use siphasher::sip::{SipHasher13, SipHasher24};
use smallvec::SmallVec;

use crate::fact::with_encoded;
use crate::id::UserId;
use crate::limits::{KEY_BYTES_MAX, LimitExceeded, within};
use crate::order::{
    CheckoutRequest, ExchangeRequest, PayRequest, RedeemRequest, StaffOrderRequest, TransferRequest,
};
use crate::request::{
    AmendRequest, CloseOrderRequest, ExtendRequest, ForceReleaseRequest, HoldRequest, Item, OpenOrderRequest,
    PlacesRequest, ReleaseRequest, SeatsRequest,
};
use crate::varint::{SMALL_BYTES, Sink, Small};
use crate::voucher::{AddVouchersRequest, RevokeVouchersRequest};
use crate::waiting::{JoinWaitingRequest, LeaveWaitingRequest};

/// A key chosen by the client and repeated on every retry of one request: 1 to 128 bytes of UTF-8.
#[derive(PartialEq, Eq, Hash)]
pub struct IdempotencyKey(SmallVec<[u8; 40]>);

impl Clone for IdempotencyKey {
    fn clone(&self) -> Self {
        // Not byte by byte, as the derived one goes.
        Self(SmallVec::from_slice(&self.0))
    }
}

impl IdempotencyKey {
    /// Checks the length.
    ///
    /// # Errors
    /// [`LimitExceeded`] if the key is empty or longer than [`KEY_BYTES_MAX`].
    pub fn new(text: &str) -> Result<Self, LimitExceeded> {
        within("idempotency_key", text.len() as u64, 1, KEY_BYTES_MAX as u64)?;
        Ok(Self(SmallVec::from_slice(text.as_bytes())))
    }

    /// The bytes of the text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Checked when it was made.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for IdempotencyKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.as_str())
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = IdempotencyKey;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an idempotency key")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<IdempotencyKey, E> {
                let text = std::str::from_utf8(bytes).map_err(E::custom)?;
                IdempotencyKey::new(text).map_err(E::custom)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<IdempotencyKey, E> {
                IdempotencyKey::new(text).map_err(E::custom)
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Bytes)
        } else {
            deserializer.deserialize_bytes(Bytes)
        }
    }
}

/// What a key is asked for. The same key may be used once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names of the commands")]
pub enum Operation {
    Hold,
    Amend,
    Extend,
    Release,
    OpenOrder,
    ConfirmOrder,
    CancelOrder,
    Staff,
    /// What a buyer does to his order: pay, transfer, exchange.
    Order,
    /// What staff or the host does to an order.
    StaffOrder,
    /// At the door.
    Redeem,
    /// Joining and leaving the waiting list.
    Waiting,
}

/// The 64-bit name of (user, operation, key) in an event's idempotency table: SipHash-1-3 under the event's own
/// secret, so that nobody outside can make two keys collide. Two keys that do collide (2^-64) make the second
/// be refused as reused.
#[must_use]
pub(crate) fn key_tag(secret: (u64, u64), user: UserId, operation: Operation, key: &IdempotencyKey) -> u64 {
    // In one piece: the hasher is slow at odd lengths.
    const { assert!(17 + KEY_BYTES_MAX <= SMALL_BYTES) };
    let mut whole = Small::new();
    whole.bytes(&user.0);
    whole.byte(operation as u8);
    whole.bytes(&key.0);
    SipHasher13::new_with_keys(secret.0, secret.1).hash(whole.done().unwrap_or_default())
}

/// A request that can be told from others under the same key.
pub(crate) trait Fingerprinted {
    /// A hash of all it asks for. It is logged with the fact, so that it may never change for a request.
    fn fingerprint(&self) -> u64;
}

macro_rules! fingerprinted {
    ($($request:ty),*) => {
        $(impl Fingerprinted for $request {
            fn fingerprint(&self) -> u64 {
                encoding_fingerprint(self)
            }
        })*
    };
}
fingerprinted!(AmendRequest, CloseOrderRequest, ExtendRequest, OpenOrderRequest, ReleaseRequest);

/// Requests of staff share an operation, so that which of them it is belongs to the fingerprint.
macro_rules! fingerprinted_as {
    ($($number:literal $request:ty),*) => {
        $(impl Fingerprinted for $request {
            fn fingerprint(&self) -> u64 {
                encoding_fingerprint(&($number as u8, self))
            }
        })*
    };
}
fingerprinted_as!(
    1 SeatsRequest, 2 PlacesRequest, 3 ForceReleaseRequest, 4 PayRequest, 5 TransferRequest, 6 ExchangeRequest,
    7 StaffOrderRequest, 8 RedeemRequest, 9 CheckoutRequest, 10 AddVouchersRequest, 11 RevokeVouchersRequest,
    12 JoinWaitingRequest, 13 LeaveWaitingRequest
);

impl Fingerprinted for HoldRequest {
    /// Named seats, which are asked for most, by SipHash-1-3 of fixed fields; all else by its encoding.
    fn fingerprint(&self) -> u64 {
        let mut body = Small::new();
        match append_named(self, &mut body).then(|| body.done()).flatten() {
            Some(body) => SipHasher13::new_with_keys(FINGERPRINT.0, FINGERPRINT.1).hash(body),
            None => {
                // Members that came later are a part of it only where they are used.
                let r = self;
                let first = (r.event, r.user, &r.key, &r.items, &r.channel, &r.access_code, r.ttl_ms);
                if r.voucher.is_none() && r.identities.is_empty() {
                    return encoding_fingerprint(&first);
                }
                encoding_fingerprint(&(first, &r.voucher, &r.identities))
            }
        }
    }
}

/// Event, user, time, and per item type, count and seats; false if it asks for anything else.
fn append_named(request: &HoldRequest, into: &mut Small) -> bool {
    if request.channel.is_some() || !request.is_plain() {
        return false;
    }
    into.bytes(&request.event.0.to_le_bytes());
    into.bytes(&request.user.0);
    into.bytes(&request.ttl_ms.unwrap_or_default().to_le_bytes());
    into.byte(u8::from(request.ttl_ms.is_some()));
    for item in &request.items {
        let Item::Seats { seats, ticket_type } = item else { return false };
        into.bytes(&ticket_type.0.to_le_bytes());
        into.bytes(&(seats.len() as u64).to_le_bytes());
        seats.iter().for_each(|seat| into.bytes(&seat.0.to_le_bytes()));
    }
    true
}

const FINGERPRINT: (u64, u64) = (0x7469_636b_6574_636f, 0x7265_2066_7072_696e);

/// SipHash-2-4 of some bytes.
#[must_use]
pub(crate) fn fingerprint(body: &[u8]) -> u64 {
    SipHasher24::new_with_keys(FINGERPRINT.0, FINGERPRINT.1).hash(body)
}

/// That of a request's encoding, the key included (two requests are compared only under the same key).
fn encoding_fingerprint<T: Serialize>(request: &T) -> u64 {
    with_encoded(request, fingerprint)
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use super::*;
    use crate::id::{EventId, SeatIndex, TicketTypeIndex};
    use crate::order::Identity;

    #[test]
    fn a_key_is_text_where_people_read() {
        let key = IdempotencyKey::new("order-7").unwrap();
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(json, "\"order-7\"");
        assert_eq!(serde_json::from_str::<IdempotencyKey>(&json).unwrap(), key);
        let packed = postcard::to_allocvec(&key).unwrap();
        assert_eq!(postcard::from_bytes(&packed), Ok(key));
        assert!(serde_json::from_str::<IdempotencyKey>("\"\"").is_err());
    }

    #[test]
    fn a_tag_is_the_hash_of_user_operation_and_key() {
        let key = IdempotencyKey::new("order 1").unwrap();
        let user = UserId([7; 16]);
        let mut hasher = SipHasher13::new_with_keys(1, 2);
        hasher.write(&user.0);
        hasher.write_u8(Operation::Extend as u8);
        hasher.write(b"order 1");
        assert_eq!(key_tag((1, 2), user, Operation::Extend, &key), hasher.finish());
    }

    #[test]
    fn fingerprints_never_change() {
        let items = |seats: &[u32]| {
            let seats = seats.iter().map(|seat| SeatIndex(*seat)).collect();
            vec![Item::Seats { seats, ticket_type: TicketTypeIndex(3) }]
        };
        let named = HoldRequest::new(EventId(7), UserId([9; 16]), items(&[5, 70_000]));
        let coded = HoldRequest { access_code: Some("code".to_owned()), ..named.clone() };
        assert_eq!(named.fingerprint(), 4_731_933_904_652_890_607);
        assert_eq!(coded.fingerprint(), 7_266_621_164_885_460_678);
    }

    #[test]
    fn requests_of_staff_differ_by_what_they_are_even_if_their_encodings_do_not() {
        use crate::id::{HoldId, HoldNumber};
        let by = UserId([9; 16]);
        let hold = HoldId { event: EventId(7), number: HoldNumber(1) };
        let release = ForceReleaseRequest { hold, by, key: None };
        assert_ne!(release.fingerprint(), encoding_fingerprint(&release));
        assert_ne!(release.fingerprint(), encoding_fingerprint(&(2u8, &release)));
    }

    #[test]
    fn requests_that_ask_for_something_else_have_another_fingerprint() {
        let item = |seats: &[u32], ticket_type| Item::Seats {
            seats: seats.iter().map(|seat| SeatIndex(*seat)).collect(),
            ticket_type: TicketTypeIndex(ticket_type),
        };
        let hold = |items| HoldRequest::new(EventId(7), UserId([9; 16]), items);
        let mut all = [
            hold(vec![item(&[1, 2], 0)]),
            hold(vec![item(&[2, 1], 0)]),
            hold(vec![item(&[1], 0), item(&[2], 0)]),
            hold(vec![item(&[1, 2], 1)]),
            hold(vec![item(&(0..100).collect::<Vec<_>>(), 0)]),
            hold(vec![item(&(1..101).collect::<Vec<_>>(), 0)]),
            HoldRequest { ttl_ms: Some(0), ..hold(vec![item(&[1, 2], 0)]) },
            HoldRequest { channel: Some("web".to_owned()), ..hold(vec![item(&[1, 2], 0)]) },
            HoldRequest { event: EventId(8), ..hold(vec![item(&[1, 2], 0)]) },
            HoldRequest { user: UserId([8; 16]), ..hold(vec![item(&[1, 2], 0)]) },
            HoldRequest { voucher: Some("web".to_owned()), ..hold(vec![item(&[1, 2], 0)]) },
            HoldRequest { identities: vec![Identity(1)], ..hold(vec![item(&[1, 2], 0)]) },
        ]
        .iter()
        .map(Fingerprinted::fingerprint)
        .collect::<Vec<_>>();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 12);
    }
}
