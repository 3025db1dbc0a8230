//! The map of an event: two bits a seat.

use std::sync::atomic::{AtomicU64, Ordering};

use super::SEATS_PER_MAP_WORD;
use crate::id::SeatIndex;
use crate::refusal::SeatState;

/// What a seat is.
pub(super) fn read_seat(map: &[AtomicU64], seat: SeatIndex) -> SeatState {
    let word = map[seat.at() / SEATS_PER_MAP_WORD].load(Ordering::Relaxed);
    SeatState::from_bits(word >> (seat.at() % SEATS_PER_MAP_WORD * 2))
}

/// Writes a seat and returns what it was. Only one thread writes at a time.
pub(super) fn write_seat(map: &[AtomicU64], seat: SeatIndex, to: SeatState) -> SeatState {
    let shift = seat.at() % SEATS_PER_MAP_WORD * 2;
    let word = &map[seat.at() / SEATS_PER_MAP_WORD];
    let old = word.load(Ordering::Relaxed);
    word.store(old & !(3 << shift) | (to as u64) << shift, Ordering::Release);
    SeatState::from_bits(old >> shift)
}
