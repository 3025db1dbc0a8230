//! The stored form of what every sale does most, written by hand: byte for byte what the derived code writes (the tests compare them), at
//! a third of its cost. Everything else, and all reading, is left to the derived code.

use crate::fact::{Fact, HoldEnd, Keyed};
use crate::id::{HoldNumber, UserId};
use crate::lines::Lines;
use crate::varint::Sink;

/// Places of the kinds among all of [`Fact`].
const PLACED: u8 = 3;
const ENDED: u8 = 6;
const OPENED: u8 = 7;
const CONFIRMED: u8 = 8;
const CANCELLED: u8 = 9;

/// Appends a fact; false, and nothing is appended, if it is not one of the frequent ones.
pub(crate) fn append_fact(fact: &Fact, into: &mut impl Sink) -> bool {
    let mut out = Out(into);
    let lines = match fact {
        Fact::HoldPlaced(f) => {
            out.byte(PLACED);
            out.bytes(&f.user.0);
            out.keyed(f.keyed.as_ref());
            out.number(f.ttl_ms);
            out.number(f.lifetime_ms);
            out.number(u64::from(f.extensions_left));
            &f.lines
        }
        Fact::HoldEnded(f) => {
            out.byte(ENDED);
            out.number(f.hold.0);
            out.bytes(&f.user.0);
            out.byte(match f.end {
                HoldEnd::Released => 0,
                HoldEnd::ForceReleased => 1,
                HoldEnd::Expired => 2,
            });
            out.byte(u8::from(f.by.is_some()));
            if let Some((by, keyed)) = &f.by {
                out.bytes(&by.0);
                out.key(keyed);
            }
            &f.lines
        }
        Fact::OrderOpened(f) => {
            out.order(OPENED, f.hold, f.user, f.keyed.as_ref());
            out.number(f.payment_deadline.0);
            &f.lines
        }
        Fact::OrderConfirmed(f) => {
            out.order(CONFIRMED, f.order, f.user, f.keyed.as_ref());
            &f.lines
        }
        Fact::OrderCancelled(f) => {
            out.order(CANCELLED, f.order, f.user, f.keyed.as_ref());
            &f.lines
        }
        _ => return false,
    };
    out.lines(lines);
    true
}

struct Out<'a, S>(&'a mut S);

impl<S: Sink> Out<'_, S> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.0.byte(byte);
    }

    #[inline]
    fn number(&mut self, value: u64) {
        self.0.number(value);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.bytes(bytes);
    }

    #[inline]
    fn key(&mut self, keyed: &Keyed) {
        self.bytes(keyed.key.as_bytes());
        self.number(keyed.fingerprint);
    }

    #[inline]
    fn keyed(&mut self, keyed: Option<&Keyed>) {
        self.byte(u8::from(keyed.is_some()));
        if let Some(keyed) = keyed {
            self.key(keyed);
        }
    }

    fn order(&mut self, kind: u8, number: HoldNumber, user: UserId, keyed: Option<&Keyed>) {
        self.byte(kind);
        self.number(number.0);
        self.bytes(&user.0);
        self.keyed(keyed);
    }

    #[inline]
    fn lines(&mut self, lines: &Lines) {
        let at = self.0.len();
        self.byte(0);
        lines.pack(self.0);
        self.0.patch_len(at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fact::{HoldEnded, HoldPlaced, OrderCancelled, OrderConfirmed, OrderOpened, append_encoded};
    use crate::id::{AllocationIndex, AreaIndex, SeatIndex, TicketTypeIndex};
    use crate::key::IdempotencyKey;
    use crate::lines::{AreaLine, SeatLine};
    use crate::time::UtcMs;
    use crate::varint::Small;

    fn number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64u32).prop_map(|(value, shift)| value >> shift)
    }

    #[expect(clippy::cast_possible_truncation, reason = "any number will do")]
    fn lines() -> impl Strategy<Value = Lines> {
        let seat = (number(), any::<u16>(), any::<i64>()).prop_map(|(seat, ticket_type, price_minor)| {
            SeatLine { seat: SeatIndex(seat as u32), ticket_type: TicketTypeIndex(ticket_type), price_minor }
        });
        let area =
            (any::<u16>(), any::<Option<u16>>(), number()).prop_map(|(area, allocation, price)| AreaLine {
                area: AreaIndex(area),
                allocation: allocation.map(AllocationIndex),
                ticket_type: TicketTypeIndex(1),
                quantity: price as u32,
                price_minor: price as i32 as i64,
            });
        let lists = (prop::collection::vec(seat, 0..30), prop::collection::vec(area, 0..3));
        lists.prop_map(|(seats, areas)| Lines { seats: seats.into(), areas })
    }

    fn key() -> impl Strategy<Value = IdempotencyKey> {
        "[a-zä-]{1,60}".prop_map(|key| IdempotencyKey::new(&key).unwrap())
    }

    #[expect(clippy::cast_possible_truncation, reason = "any number will do")]
    fn facts() -> impl Strategy<Value = [Fact; 5]> {
        let keyed = (key(), number()).prop_map(|(key, fingerprint)| Keyed { key, fingerprint });
        let users = (any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(|(a, b)| (UserId(a), UserId(b)));
        let parts = (users, prop::option::of(keyed), number(), number(), lines(), 0..3usize);
        parts.prop_map(|((user, by), keyed, a, b, lines, end)| {
            let (hold, order) = (HoldNumber(a), HoldNumber(a));
            let end = [HoldEnd::Released, HoldEnd::ForceReleased, HoldEnd::Expired][end];
            let (payment_deadline, extensions_left) = (UtcMs(b), b as u32);
            let by = keyed.clone().map(|keyed| (by, keyed));
            let (k, l) = (|| keyed.clone(), || lines.clone());
            [
                Fact::HoldPlaced(HoldPlaced {
                    user,
                    keyed: k(),
                    ttl_ms: a,
                    lifetime_ms: b,
                    extensions_left,
                    lines: l(),
                }),
                Fact::HoldEnded(HoldEnded { hold, user, end, by, lines: l() }),
                Fact::OrderOpened(OrderOpened { hold, user, keyed: k(), payment_deadline, lines: l() }),
                Fact::OrderConfirmed(OrderConfirmed { order, user, keyed: k(), lines: l() }),
                Fact::OrderCancelled(OrderCancelled { order, user, keyed: k(), lines: l() }),
            ]
        })
    }

    proptest! {
        #[test]
        fn facts_are_written_as_the_derived_code_writes_them(facts in facts()) {
            for fact in facts {
                let (mut by_hand, mut derived) = (vec![9], vec![9]);
                prop_assert!(append_fact(&fact, &mut by_hand));
                append_encoded(&fact, &mut derived);
                prop_assert_eq!(&by_hand, &derived);
                let mut small = Small::new();
                prop_assert!(append_fact(&fact, &mut small));
                match small.done() {
                    Some(small) => prop_assert_eq!(small, &derived[1..]),
                    None => prop_assert!(derived.len() > 130, "there was room for it"),
                }
            }
        }
    }
}
