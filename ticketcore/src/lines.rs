//! Lines: the seats and places of a hold or an order, with their prices, and their compact form in facts.
//!
//! Form: `n`, then per seat `2 d + s`, where d is the zigzag difference to the seat before and s = 1 says "ticket type and price as
//! before"; else ticket type and zigzag price follow. Then `m`, and per area line area, allocation + 1 or 0, ticket type, quantity,
//! zigzag price. All numbers are LEB128.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::id::{AllocationIndex, AreaIndex, SeatIndex, TicketTypeIndex};
use crate::varint::{Sink, Small, take_signed, take_varint, zigzag};

/// One seat with the price fixed when it was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatLine {
    /// The seat.
    pub seat: SeatIndex,
    /// The ticket type it is sold as.
    pub ticket_type: TicketTypeIndex,
    /// The price in minor units.
    pub price_minor: i64,
}

/// Places of an area with the price fixed when they were held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaLine {
    /// The area.
    pub area: AreaIndex,
    /// The allocation whose places were taken; they go back there.
    pub allocation: Option<AllocationIndex>,
    /// The ticket type they are sold as.
    pub ticket_type: TicketTypeIndex,
    /// How many places, at least 1.
    pub quantity: u32,
    /// The price of one place in minor units.
    pub price_minor: i64,
}

/// Lines of a hold or an order. Seats are in ascending order and distinct; areas are in ascending
/// order of (area, allocation, ticket type, price) and distinct.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The seats.
    pub seats: SmallVec<[SeatLine; 2]>,
    /// The places of areas.
    pub areas: Vec<AreaLine>,
}

impl Clone for Lines {
    fn clone(&self) -> Self {
        // Not element by element, as the derived one goes.
        let areas = if self.areas.is_empty() { Vec::new() } else { self.areas.clone() };
        Self { seats: SmallVec::from_slice(&self.seats), areas }
    }
}

impl Lines {
    /// Seats plus places.
    #[must_use]
    pub fn places(&self) -> u32 {
        let seats = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
        self.areas.iter().fold(seats, |sum, line| sum.saturating_add(line.quantity))
    }

    /// The sum of all prices in minor units; `None` if it does not fit.
    #[must_use]
    pub fn total_minor(&self) -> Option<i64> {
        let mut total = 0i64;
        for line in &self.seats {
            total = total.checked_add(line.price_minor)?;
        }
        for line in &self.areas {
            total = total.checked_add(line.price_minor.checked_mul(i64::from(line.quantity))?)?;
        }
        Some(total)
    }

    /// Puts lines that were collected in any order into theirs, and area lines that differ in number alone together.
    pub(crate) fn put_in_order(&mut self) {
        self.seats.sort_unstable_by_key(|line| line.seat);
        self.put_areas_in_order();
    }

    /// As [`put_in_order`](Self::put_in_order), for lines whose seats are in order.
    pub(crate) fn put_areas_in_order(&mut self) {
        if self.areas.len() < 2 {
            return;
        }
        let key = |line: &AreaLine| (line.area, line.allocation, line.ticket_type, line.price_minor);
        self.areas.sort_unstable_by_key(key);
        let mut merged: Vec<AreaLine> = Vec::new();
        for line in self.areas.drain(..) {
            match merged.last_mut() {
                Some(last) if key(last) == key(&line) => last.quantity += line.quantity,
                _ => merged.push(line),
            }
        }
        self.areas = merged;
    }

    /// Appends the compact form.
    pub(crate) fn pack(&self, into: &mut impl Sink) {
        let mut put = |value| into.number(value);
        put(self.seats.len() as u64);
        let mut before = SeatLine { seat: SeatIndex(0), ticket_type: TicketTypeIndex(0), price_minor: 0 };
        for line in &self.seats {
            let step = i64::from(line.seat.0) - i64::from(before.seat.0);
            let same = (line.ticket_type, line.price_minor) == (before.ticket_type, before.price_minor);
            put(zigzag(step * 2 + i64::from(same)));
            if !same {
                put(u64::from(line.ticket_type.0));
                put(zigzag(line.price_minor));
            }
            before = *line;
        }
        put(self.areas.len() as u64);
        for line in &self.areas {
            put(u64::from(line.area.0));
            put(line.allocation.map_or(0, |allocation| u64::from(allocation.0) + 1));
            put(u64::from(line.ticket_type.0));
            put(u64::from(line.quantity));
            put(zigzag(line.price_minor));
        }
    }

    fn unpack(mut bytes: &[u8]) -> Option<Self> {
        let rest = &mut bytes;
        let mut lines = Self::default();
        let seats = take_varint(rest)?;
        // Every line takes a byte at least: a count beyond that is damage, not a reason to allocate.
        if seats > rest.len() as u64 {
            return None;
        }
        let mut before = SeatLine { seat: SeatIndex(0), ticket_type: TicketTypeIndex(0), price_minor: 0 };
        for _ in 0..seats {
            let step = take_signed(rest)?;
            before.seat = SeatIndex(u32::try_from(i64::from(before.seat.0).checked_add(step >> 1)?).ok()?);
            if step & 1 == 0 {
                before.ticket_type = TicketTypeIndex(u16::try_from(take_varint(rest)?).ok()?);
                before.price_minor = take_signed(rest)?;
            }
            lines.seats.push(before);
        }
        let areas = take_varint(rest)?;
        if areas > rest.len() as u64 {
            return None;
        }
        for _ in 0..areas {
            let area = AreaIndex(u16::try_from(take_varint(rest)?).ok()?);
            let allocation = match take_varint(rest)? {
                0 => None,
                some => Some(AllocationIndex(u16::try_from(some - 1).ok()?)),
            };
            let ticket_type = TicketTypeIndex(u16::try_from(take_varint(rest)?).ok()?);
            let quantity = u32::try_from(take_varint(rest)?).ok()?;
            let price_minor = take_signed(rest)?;
            lines.areas.push(AreaLine { area, allocation, ticket_type, quantity, price_minor });
        }
        rest.is_empty().then_some(lines)
    }
}

/// How formats for people show lines.
#[derive(Serialize)]
struct Shown<'a> {
    seats: &'a [SeatLine],
    areas: &'a [AreaLine],
}

#[derive(Deserialize)]
#[serde(rename = "Lines")]
struct Read {
    seats: Vec<SeatLine>,
    areas: Vec<AreaLine>,
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            Shown { seats: &self.seats, areas: &self.areas }.serialize(serializer)
        } else {
            let mut small = Small::new();
            self.pack(&mut small);
            if let Some(packed) = small.done() {
                return serializer.serialize_bytes(packed);
            }
            let mut packed = Vec::new();
            self.pack(&mut packed);
            serializer.serialize_bytes(&packed)
        }
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let Read { seats, areas } = Read::deserialize(deserializer)?;
            return Ok(Self { seats: seats.into(), areas });
        }
        deserializer.deserialize_bytes(Packed)
    }
}

struct Packed;

impl<'de> Visitor<'de> for Packed {
    type Value = Lines;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("packed lines")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Lines, E> {
        Lines::unpack(bytes).ok_or_else(|| E::custom("damaged lines"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Lines, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element::<u8>()? {
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(seat: u32, ticket_type: u16, price_minor: i64) -> SeatLine {
        SeatLine { seat: SeatIndex(seat), ticket_type: TicketTypeIndex(ticket_type), price_minor }
    }

    fn area(allocation: Option<u16>, quantity: u32, price_minor: i64) -> AreaLine {
        let allocation = allocation.map(AllocationIndex);
        AreaLine { area: AreaIndex(3), allocation, ticket_type: TicketTypeIndex(1), quantity, price_minor }
    }

    #[test]
    fn lines_round_trip_whatever_their_order() {
        let cases = [
            Lines::default(),
            Lines { seats: [seat(5, 0, 0)].into_iter().collect(), areas: vec![] },
            Lines {
                seats: [seat(u32::MAX, 7, i64::MAX), seat(0, 7, i64::MIN), seat(1, 7, i64::MIN)]
                    .into_iter()
                    .collect(),
                areas: vec![area(None, 1, 0), area(Some(u16::MAX - 1), u32::MAX, -1)],
            },
        ];
        for lines in cases {
            let packed = postcard::to_allocvec(&lines).unwrap();
            assert_eq!(postcard::from_bytes::<Lines>(&packed).as_ref(), Ok(&lines));
            let json = serde_json::to_string(&lines).unwrap();
            assert_eq!(serde_json::from_str::<Lines>(&json).unwrap(), lines);
        }
    }

    #[test]
    fn two_neighbours_at_one_price_take_little_room() {
        let lines = Lines {
            seats: [seat(70_000, 1, 9_900), seat(70_001, 1, 9_900)].into_iter().collect(),
            areas: vec![],
        };
        assert_eq!(postcard::to_allocvec(&lines).unwrap().len(), 11);
    }

    #[test]
    fn damaged_lines_are_refused() {
        for bytes in [&[][..], &[1], &[200, 1, 0], &[0, 1], &[0, 0, 0], &[1, 3, 0], &[255; 12]] {
            assert_eq!(Lines::unpack(bytes), None, "{bytes:?}");
        }
    }
}
