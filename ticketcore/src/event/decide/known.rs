//! Items of a request by themselves: counts, duplicates, and whether what they name is there.

use smallvec::SmallVec;

use crate::id::SeatIndex;
use crate::limits::{self, within};
use crate::manifest::Manifest;
use crate::refusal::Refusal;
use crate::request::Item;

/// Checks that need no state: counts and duplicates.
pub(crate) fn check_items(items: &[Item]) -> Result<(), Refusal> {
    let limit = |what: &str, found: u64, min, max| within(what, found, min, max).map_err(Refusal::Limit);
    limit("items", items.len() as u64, 0, limits::ITEMS_PER_HOLD_MAX as u64)?;
    let max = limits::PLACES_PER_HOLD_MAX as u64;
    let mut places = 0u64;
    for item in items {
        places += match item {
            Item::Seats { seats: named, .. } => {
                limit("items.seats", named.len() as u64, 1, max)?;
                named.len() as u64
            }
            Item::Area { quantity, .. } => {
                limit("items.quantity", u64::from(*quantity), 1, max)?;
                u64::from(*quantity)
            }
            Item::Best(best) => {
                limit("items.best_available.count", u64::from(best.count), 1, max)?;
                u64::from(best.count)
            }
        };
    }
    limit("items: places", places, 0, max)?;
    distinct_seats(items)
}

fn distinct_seats(items: &[Item]) -> Result<(), Refusal> {
    if let [Item::Seats { seats, .. }] = items
        && seats.is_sorted_by(|a, b| a < b)
    {
        return Ok(());
    }
    let mut all: SmallVec<[SeatIndex; 16]> = SmallVec::new();
    for item in items {
        if let Item::Seats { seats, .. } = item {
            all.extend_from_slice(seats);
        }
    }
    all.sort_unstable();
    match all.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Refusal::DuplicateSeat(pair[0])),
        None => Ok(()),
    }
}

/// Refusals for what is not there, in their order of precedence.
pub(in crate::event) fn known(manifest: &Manifest, items: &[Item]) -> Result<(), Refusal> {
    known_seats(manifest, items)?;
    let best = || items.iter().filter_map(|item| if let Item::Best(best) = item { Some(best) } else { None });
    let sections = manifest.section_names().len();
    if let Some(section) = best().filter_map(|b| b.section).find(|s| s.at() >= sections) {
        return Err(Refusal::UnknownSection(section));
    }
    let categories = manifest.categories().len();
    if let Some(category) = best().filter_map(|b| b.category).find(|c| c.at() >= categories) {
        return Err(Refusal::UnknownCategory(category));
    }
    let areas = items.iter().filter_map(|item| match item {
        Item::Area { area, .. } => Some(*area),
        _ => None,
    });
    if let Some(area) = areas.clone().find(|area| area.at() >= manifest.areas().len()) {
        return Err(Refusal::UnknownArea(area));
    }
    let types = items.iter().map(|item| match item {
        Item::Seats { ticket_type, .. } | Item::Area { ticket_type, .. } => *ticket_type,
        Item::Best(best) => best.ticket_type,
    });
    if let Some(unknown) = types.clone().find(|t| t.at() >= manifest.ticket_types().len()) {
        return Err(Refusal::UnknownTicketType(unknown));
    }
    for item in items {
        let sold = |ticket_type, category| {
            let priced = manifest.price(ticket_type, category).is_some();
            if priced { Ok(()) } else { Err(Refusal::NotSold { ticket_type, category }) }
        };
        match item {
            Item::Seats { seats, ticket_type } => {
                seats.iter().try_for_each(|seat| sold(*ticket_type, manifest.category_of(*seat)))?;
            }
            Item::Area { area, ticket_type, .. } => {
                sold(*ticket_type, manifest.areas()[area.at()].category)?;
            }
            Item::Best(best) => {
                best.category.map_or(Ok(()), |category| sold(best.ticket_type, category))?;
            }
        }
    }
    Ok(())
}

/// The first of those refusals: seats that are not there.
pub(super) fn known_seats(manifest: &Manifest, items: &[Item]) -> Result<(), Refusal> {
    let named = items.iter().filter_map(|item| match item {
        Item::Seats { seats, .. } => Some(seats),
        _ => None,
    });
    let mut unknown: Vec<SeatIndex> =
        named.flatten().copied().filter(|seat| !manifest.is_real(*seat)).collect();
    if !unknown.is_empty() {
        unknown.sort_unstable();
        return Err(Refusal::UnknownSeats(unknown));
    }
    Ok(())
}
