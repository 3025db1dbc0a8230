//! The small event that scripts are run against: everything an event can have, little of each, so that steps meet.

use ticketcore::manifest::{
    Allocation, Area, Category, Definition, Point, Price, Quota, Row, Rules, Seat, SeatFlags, Section,
    TicketType,
};
use ticketcore::{AllocationIndex, AreaIndex, CategoryIndex, TicketTypeIndex, UtcMs};

/// Where the clock starts.
pub const START: UtcMs = UtcMs(1_700_000_000_000);
/// Seats of the event.
pub const SEATS: u32 = 12;
/// The area that is never sold: nodes of a shared store block a place of it to catch up with each other.
pub const SYNC_AREA: AreaIndex = AreaIndex(1);

/// The definition in one of its variants. Bits: a price, a seat gone, capacity, a quota, the orphan rule.
pub fn definition(variant: u8) -> Definition {
    let bit = |at: u8| variant >> at & 1 == 1;
    let mut rules = Rules::new("Event");
    rules.tickets_per_user_max = 5;
    rules.orphan_rule = bit(4);
    rules.key_secret = (1, 2);
    let price = |ticket_type, category, minor| Price {
        ticket_type: TicketTypeIndex(ticket_type),
        category: CategoryIndex(category),
        minor,
    };
    Definition {
        rules,
        categories: ["near", "far", "never sold"].map(category).to_vec(),
        ticket_types: ["adult", "child"].map(|name| TicketType { name: name.into() }).to_vec(),
        prices: vec![price(0, 0, 900), price(0, 1, if bit(0) { 500 } else { 400 }), price(1, 1, 100)],
        sections: vec![section("A", 0, bit(1)), section("B", 1, false)],
        areas: vec![
            area("floor", 1, if bit(2) { 6 } else { 4 }, &[(AllocationIndex(0), 2)]),
            area("sync", 2, 2, &[]),
        ],
        allocations: vec![
            allocation("partner", Some("partner"), None),
            allocation("fans", None, Some("code")),
        ],
        quotas: vec![quota("children", if bit(3) { 3 } else { 2 }, 1), quota("adults", 9, 0)],
        focal_point: Some(Point { x: 2.0, y: -1.0 }),
    }
}

fn category(name: &str) -> Category {
    Category { name: name.into(), color: "#336699".into() }
}

/// Six seats in two rows; the last one is gone if `short`.
fn section(name: &str, category: u16, short: bool) -> Section {
    let seat = |row: u16, at: u16| Seat {
        id: format!("{name}-{row}-{at}"),
        label: at.to_string(),
        category: CategoryIndex(category),
        allocation: (at == 0).then_some(AllocationIndex(row)),
        flags: SeatFlags { accessible: row == 1 && at == 3, ..SeatFlags::default() },
        after_aisle: row == 1 && at == 2,
        at: Point { x: f32::from(at), y: f32::from(row + 2 * category) },
        rank: None,
    };
    let row = |row: u16, seats: u16| Row {
        label: row.to_string(),
        seats: (0..seats).map(|at| seat(row, at)).collect(),
    };
    Section { name: name.into(), rows: vec![row(0, 2), row(1, if short { 3 } else { 4 })] }
}

fn area(name: &str, category: u16, capacity: u32, allocated: &[(AllocationIndex, u32)]) -> Area {
    Area {
        name: name.into(),
        category: CategoryIndex(category),
        capacity,
        allocated: allocated.to_vec(),
        at: Point::default(),
        size: Point { x: 1.0, y: 1.0 },
    }
}

fn allocation(name: &str, channel: Option<&str>, access_code: Option<&str>) -> Allocation {
    Allocation {
        name: name.into(),
        channels: channel.map(str::to_owned).into_iter().collect(),
        access_code: access_code.map(str::to_owned),
        release_at: channel.map(|_| START.plus_ms(3_600_000)),
    }
}

fn quota(name: &str, cap: u32, ticket_type: u16) -> Quota {
    Quota {
        name: name.into(),
        cap,
        ticket_types: vec![TicketTypeIndex(ticket_type)],
        categories: Vec::new(),
        areas: Vec::new(),
    }
}
