//! Whether the parts of a snapshot fit together.

use super::HoldBody;
use crate::event::keys::generation;
use crate::event::stripe::SeatSlot;
use crate::fact::{Lines, Stamp};
use crate::id::{HoldNumber, Revision};
use crate::manifest::Manifest;
use crate::order::OrderRecord;
use crate::refusal::SeatState;

/// Whether what refers to something refers to what is there, and seats and their owners agree; else what does not.
pub(super) fn sound(
    seats: &[SeatSlot],
    holds: &[HoldBody],
    orders: &[(HoldNumber, OrderRecord)],
    sold: &[Lines],
    manifest: &Manifest,
) -> Result<(), &'static str> {
    let allocations = manifest.allocations().len();
    let there = |slot: &SeatSlot| slot.allocation.is_none_or(|allocation| allocation.at() < allocations);
    if !seats.iter().all(there) {
        return Err("a seat in an unknown allocation");
    }
    let known = |lines: &Lines| {
        let types = manifest.ticket_types().len();
        lines.seats.iter().all(|line| manifest.is_real(line.seat) && line.ticket_type.at() < types)
            && lines.areas.iter().all(|l| l.area.at() < manifest.areas().len() && l.ticket_type.at() < types)
    };
    let mut owned = vec![None; seats.len()];
    let held = holds.iter().map(|hold| (hold.number, hold.user, &hold.lines, SeatState::Held));
    let sold = orders.iter().zip(sold).map(|((number, o), lines)| (*number, o.user, lines, SeatState::Sold));
    for (number, user, lines, state) in held.chain(sold) {
        if !known(lines) || number.shard() != user.shard() {
            return Err("lines of what is not there");
        }
        for line in &lines.seats {
            if owned[line.seat.at()].replace((state, number.0)).is_some() {
                return Err("a seat with two owners");
            }
        }
    }
    let agrees = |(slot, owned): (&SeatSlot, &Option<(SeatState, u64)>)| match owned {
        Some(owned) => (slot.state, slot.owner) == *owned,
        None => matches!(slot.state, SeatState::Free | SeatState::Blocked) && slot.owner == 0,
    };
    if !seats.iter().zip(&owned).all(agrees) {
        return Err("a seat that does not know its owner");
    }
    Ok(())
}

pub(super) fn keys_are_sound(keys: &[(u8, u64, u64, Revision)], end: Stamp) -> Result<(), &'static str> {
    let newest = generation(end.at);
    let past = |(_, generation, _, revision): &(u8, u64, u64, Revision)| {
        *generation <= newest && *revision <= end.revision
    };
    if keys.iter().all(past) { Ok(()) } else { Err("a key of the future") }
}
