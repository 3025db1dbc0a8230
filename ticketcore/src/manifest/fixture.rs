//! Small definitions for the tests of this folder.

use super::{
    Allocation, Area, Category, Definition, Point, Price, Quota, Row, Rules, Seat, SeatFlags, Section,
    TicketType,
};
use crate::id::{AllocationIndex, AreaIndex, CategoryIndex, TicketTypeIndex};

/// A plain seat of the first category.
pub(super) fn seat(id: &str) -> Seat {
    Seat {
        id: id.to_owned(),
        label: id.rsplit('-').next().unwrap_or_default().to_owned(),
        category: CategoryIndex(0),
        allocation: None,
        flags: SeatFlags::default(),
        after_aisle: false,
        at: Point::default(),
        rank: None,
    }
}

pub(super) fn row(label: &str, ids: &[&str]) -> Row {
    let place = |(at, id): (u16, &&str)| Seat { at: Point { x: f32::from(at), y: 0.0 }, ..seat(id) };
    Row { label: label.to_owned(), seats: (0..).zip(ids).map(place).collect() }
}

pub(super) fn quota(name: &str, types: &[u16], categories: &[u16], areas: &[u16]) -> Quota {
    Quota {
        name: name.to_owned(),
        cap: 100,
        ticket_types: types.iter().copied().map(TicketTypeIndex).collect(),
        categories: categories.iter().copied().map(CategoryIndex).collect(),
        areas: areas.iter().copied().map(AreaIndex).collect(),
    }
}

/// These sections with two categories, two ticket types and nothing else.
pub(super) fn unranked(sections: Vec<Section>) -> Definition {
    let category = |name: &str| Category { name: name.to_owned(), color: "#336699".to_owned() };
    let price = |ticket_type, category, minor| Price {
        ticket_type: TicketTypeIndex(ticket_type),
        category: CategoryIndex(category),
        minor,
    };
    Definition {
        rules: Rules::new("Test"),
        categories: vec![category("first"), category("second")],
        ticket_types: vec![TicketType { name: "adult".to_owned() }, TicketType { name: "child".to_owned() }],
        prices: vec![price(0, 0, 5_000), price(0, 1, 0), price(1, 1, 900)],
        sections,
        areas: Vec::new(),
        allocations: Vec::new(),
        quotas: Vec::new(),
        focal_point: None,
    }
}

/// One row of `count` seats `s0`, `s1`, ... at distance 1.
pub(super) fn wide(count: usize) -> Definition {
    let ids: Vec<String> = (0..count).map(|at| format!("s{at}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    unranked(vec![Section { name: "A".to_owned(), rows: vec![row("1", &ids)] }])
}

/// Sections A (rows 1 and 2) and B, an area, an allocation, two quotas, flags and an aisle.
pub(super) fn definition() -> Definition {
    let mut definition = unranked(vec![
        Section {
            name: "A".to_owned(),
            rows: vec![row("1", &["A-1-1", "A-1-2", "A-1-3"]), row("2", &["A-2-1", "A-2-2"])],
        },
        Section { name: "B".to_owned(), rows: vec![row("1", &["B-1-1", "B-1-2", "B-1-3", "B-1-4"])] },
    ]);
    let seats = &mut definition.sections[1].rows[0].seats;
    seats[0].flags.accessible = true;
    seats[1].flags.companion = true;
    seats[2].flags.restricted_view = true;
    seats[2].after_aisle = true;
    seats[3].allocation = Some(AllocationIndex(0));
    for seat in seats {
        seat.category = CategoryIndex(1);
    }
    definition.areas.push(Area {
        name: "Floor".to_owned(),
        category: CategoryIndex(1),
        capacity: 500,
        allocated: vec![(AllocationIndex(0), 50)],
        at: Point { x: 0.0, y: -10.0 },
        size: Point { x: 5.0, y: 5.0 },
    });
    definition.allocations.push(Allocation {
        name: "sponsors".to_owned(),
        channels: vec!["partner".to_owned()],
        access_code: None,
        release_at: None,
    });
    definition.quotas = vec![quota("children", &[1], &[], &[]), quota("floor", &[], &[], &[0])];
    definition.focal_point = Some(Point { x: 1.0, y: -5.0 });
    definition
}
