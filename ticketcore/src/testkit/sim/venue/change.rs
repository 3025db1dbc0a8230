//! What staff change about an event on sale.

use super::{allocation, area, between, quota, row, section};
use crate::id::{CategoryIndex, TicketTypeIndex};
use crate::manifest::{Category, Definition, Price, Row, TicketType};
use crate::testkit::Rng;

/// More sections, areas, categories, ticket types or quotas than this are not added: everything is to collide.
const ENTRIES_MAX: usize = 5;

/// Changes a definition; what comes out need not be valid.
pub(in super::super) fn change(rng: &mut Rng, definition: &mut Definition, serial: u64) {
    for _ in 0..between(rng, 1, 2) {
        if rng.chance(70) {
            alter(rng, definition, serial);
        } else {
            add(rng, definition, serial);
        }
    }
}

fn alter(rng: &mut Rng, definition: &mut Definition, serial: u64) {
    match rng.index(11) {
        0 => definition.rules.tickets_per_user_max = *rng.pick(&[2, 4, 6, 10, 1_000]),
        1 => definition.rules.orphan_rule ^= true,
        2 => {
            if !definition.prices.is_empty() {
                let at = rng.index(definition.prices.len());
                definition.prices[at].minor = i64::from(between(rng, 0, 20)) * 250;
            }
        }
        3 | 4 => {
            if !definition.areas.is_empty() {
                let at = rng.index(definition.areas.len());
                definition.areas[at].capacity = between(rng, 1, 20);
            }
        }
        5 => {
            if !definition.quotas.is_empty() {
                let at = rng.index(definition.quotas.len());
                definition.quotas[at].cap = between(rng, 0, 20);
            }
        }
        6 | 7 => with_row(rng, definition, |rng, row| {
            let at = rng.index(row.seats.len());
            row.seats.remove(at);
        }),
        8 => with_row(rng, definition, |rng, row| {
            let at = rng.index(row.seats.len());
            row.seats[at].category = CategoryIndex(u16::from(rng.chance(50)));
            row.seats[at].flags.restricted_view ^= true;
        }),
        9 => {
            if !definition.allocations.is_empty() {
                let at = rng.index(definition.allocations.len());
                let name = definition.allocations[at].name.clone();
                definition.allocations[at] = super::Allocation { name, ..allocation(rng, at) };
            }
        }
        _ => definition.rules.name = if rng.chance(50) { String::new() } else { format!("name {serial}") },
    }
}

fn add(rng: &mut Rng, definition: &mut Definition, serial: u64) {
    let categories = definition.categories.len();
    let allocations = definition.allocations.len();
    let types = definition.ticket_types.len();
    let ranked = ranked(definition);
    let room = |entries: usize| entries < ENTRIES_MAX;
    match rng.index(8) {
        0 | 1 => with_row(rng, definition, |rng, row| {
            let mut seat = row.seats[rng.index(row.seats.len())].clone();
            seat.id = format!("new-{serial}-{}", rng.below(1_000));
            row.seats.push(seat);
        }),
        2 if room(allocations) => {
            let mut added = allocation(rng, allocations);
            added.name = format!("added {serial}");
            definition.allocations.push(added);
        }
        3 if room(definition.sections.len()) => {
            let mut added = section(rng, definition.sections.len(), categories, allocations, ranked);
            added.name = format!("added {serial}");
            name_seats(&mut added.rows, serial);
            definition.sections.push(added);
        }
        4 if !definition.sections.is_empty() => {
            let at = rng.index(definition.sections.len());
            let number = u32::try_from(definition.sections[at].rows.len()).unwrap_or(0);
            let mut added = vec![row(rng, "added", 100 + number, categories, allocations, ranked)];
            name_seats(&mut added, serial);
            definition.sections[at].rows.append(&mut added);
        }
        5 if room(definition.areas.len()) => {
            let mut added = area(rng, definition.areas.len(), categories, allocations);
            added.name = format!("added {serial}");
            definition.areas.push(added);
        }
        6 if room(categories) && room(types) => {
            let (category, ticket_type) = (CategoryIndex::of(categories), TicketTypeIndex::of(types));
            let color = "#993366".to_owned();
            definition.categories.push(Category { name: format!("added {serial}"), color });
            definition.ticket_types.push(TicketType { name: format!("added {serial}") });
            let mut price = |ticket_type, category| Price {
                ticket_type,
                category,
                minor: i64::from(between(rng, 0, 9)) * 500,
            };
            let all = (0..=types).map(TicketTypeIndex::of).map(|at| price(at, category)).collect::<Vec<_>>();
            definition.prices.extend(all);
            let old = (0..categories).map(CategoryIndex::of).map(|at| price(ticket_type, at));
            definition.prices.extend(old);
        }
        _ if room(definition.quotas.len()) => {
            let areas = definition.areas.len();
            let mut added = quota(rng, definition.quotas.len(), types, categories, areas);
            added.name = format!("added {serial}");
            definition.quotas.push(added);
        }
        _ => {}
    }
}

/// Whether the seats of the definition have ranks of their own. All have, or none.
fn ranked(definition: &Definition) -> bool {
    let mut seats = definition.sections.iter().flat_map(|s| &s.rows).flat_map(|r| &r.seats);
    seats.next().is_none_or(|seat| seat.rank.is_some())
}

fn name_seats(rows: &mut [Row], serial: u64) {
    for (at, seat) in rows.iter_mut().flat_map(|row| &mut row.seats).enumerate() {
        seat.id = format!("added-{serial}-{at}");
    }
}

fn with_row(rng: &mut Rng, definition: &mut Definition, change: impl FnOnce(&mut Rng, &mut Row)) {
    if definition.sections.is_empty() {
        return;
    }
    let at = rng.index(definition.sections.len());
    let rows = &mut definition.sections[at].rows;
    if rows.is_empty() {
        return;
    }
    let at = rng.index(rows.len());
    if !rows[at].seats.is_empty() {
        change(rng, &mut rows[at]);
    }
}
