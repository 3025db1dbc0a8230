//! Arithmetic of lines: bring into order, add, take away.

use crate::fact::{AreaLine, Lines};
use crate::id::{AllocationIndex, AreaIndex, TicketTypeIndex};
use crate::refusal::Refusal;
use crate::request::AmendRequest;

type AreaKey = (AreaIndex, Option<AllocationIndex>, TicketTypeIndex, i64);

fn area_key(line: &AreaLine) -> AreaKey {
    (line.area, line.allocation, line.ticket_type, line.price_minor)
}

/// Seats ascending, areas ascending, equal keys merged, nothing empty.
pub(super) fn in_order(mut lines: Lines) -> Lines {
    lines.seats.sort_by_key(|line| line.seat);
    lines.areas.sort_by_key(area_key);
    let mut merged = Lines { seats: lines.seats, areas: Vec::new() };
    for line in lines.areas {
        match merged.areas.last_mut() {
            Some(last) if area_key(last) == area_key(&line) => last.quantity += line.quantity,
            _ => merged.areas.push(line),
        }
    }
    merged.areas.retain(|line| line.quantity > 0);
    merged
}

/// Both together.
pub(super) fn sum(one: &Lines, other: &Lines) -> Lines {
    let mut all = one.clone();
    all.seats.extend_from_slice(&other.seats);
    all.areas.extend_from_slice(&other.areas);
    in_order(all)
}

/// What an amendment leaves of a hold's lines, and what it gives back.
pub(super) fn split(lines: &Lines, request: &AmendRequest) -> Result<(Lines, Lines), Refusal> {
    let (mut kept, mut removed) = (lines.clone(), Lines::default());
    for seat in &request.remove_seats {
        let at = kept.seats.iter().position(|line| line.seat == *seat).ok_or(Refusal::NotInHold)?;
        removed.seats.push(kept.seats.remove(at));
    }
    for (area, ticket_type, quantity) in &request.remove_places {
        // One place at a time, from the last line of that area and ticket type that has one.
        for _ in 0..*quantity {
            let from = kept
                .areas
                .iter_mut()
                .rev()
                .find(|line| (line.area, line.ticket_type) == (*area, *ticket_type) && line.quantity > 0);
            let from = from.ok_or(Refusal::NotInHold)?;
            from.quantity -= 1;
            removed.areas.push(AreaLine { quantity: 1, ..*from });
        }
    }
    Ok((in_order(kept), in_order(removed)))
}
