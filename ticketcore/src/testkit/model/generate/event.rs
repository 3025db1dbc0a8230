//! Random events.

use super::Generator;
use crate::id::{AllocationIndex, CategoryIndex, TicketTypeIndex};
use crate::manifest::{
    Allocation, Area, Category, Definition, Point, Price, Quota, Row, Rules, Seat, SeatFlags, Section,
    TicketType,
};
use crate::time::UtcMs;

const TYPES: [&str; 2] = ["adult", "child"];
const CATEGORIES: [&str; 2] = ["gold", "silver"];

impl Generator {
    /// A small event that is defined at `start`: up to three sections of short rows, up to two areas, allocations (one
    /// perhaps to be released after a while), overlapping quotas.
    pub fn definition(&mut self, start: UtcMs) -> Definition {
        let mut definition = Definition::empty(Rules::new("Generated"));
        definition.rules.orphan_rule = self.rng.chance(50);
        definition.rules.tickets_per_user_max = 4 + self.number(16);
        definition.rules.key_secret = (self.rng.next_u64(), self.rng.next_u64());
        definition.categories =
            CATEGORIES.map(|name| Category { name: name.into(), color: String::new() }).into();
        definition.ticket_types = TYPES.map(|name| TicketType { name: name.into() }).into();
        definition.prices = self.prices();
        let release_at = self.rng.chance(50).then(|| start.plus_ms(self.rng.below(3_600_000)));
        let allocation = |name: &str, channel: Option<&str>, code: Option<&str>, release_at| Allocation {
            name: name.into(),
            channels: channel.into_iter().map(str::to_owned).collect(),
            access_code: code.map(str::to_owned),
            release_at,
        };
        definition.allocations = vec![
            allocation("press", Some("press"), None, None),
            allocation("fans", None, Some("FAN"), release_at),
        ];
        let ranked = self.rng.chance(50);
        definition.sections = (0..1 + self.number(3)).map(|at| self.section(at, ranked)).collect();
        definition.focal_point = self.rng.chance(50).then_some(Point { x: 3.0, y: 0.0 });
        definition.areas = (0..self.number(3)).map(|at| self.area(at)).collect();
        let quota = |name: &str, cap, types: &[u16], categories: &[u16]| Quota {
            name: name.into(),
            cap,
            ticket_types: types.iter().copied().map(TicketTypeIndex).collect(),
            categories: categories.iter().copied().map(CategoryIndex).collect(),
            areas: Vec::new(),
        };
        definition.quotas = vec![
            quota("children", 2 + self.number(10), &[1], &[]),
            quota("gold", 5 + self.number(30), &[], &[0]),
            quota("all", 10 + self.number(50), &[], &[]),
        ];
        definition
    }

    pub(super) fn prices(&mut self) -> Vec<Price> {
        let price = |ticket_type, category, minor| Price {
            ticket_type: TicketTypeIndex(ticket_type),
            category: CategoryIndex(category),
            minor,
        };
        let minor = 500 + i64::from(self.number(4)) * 100;
        vec![price(0, 0, 2 * minor), price(0, 1, minor), price(1, 0, minor)]
    }

    fn section(&mut self, at: u32, ranked: bool) -> Section {
        let rows = (0..1 + self.number(3)).map(|row| {
            let seats = (0..3 + self.number(12))
                .map(|seat| self.seat(&format!("{at}-{row}-{seat}"), seat, row, ranked));
            Row { label: row.to_string(), seats: seats.collect() }
        });
        Section { name: format!("S{at}"), rows: rows.collect() }
    }

    pub(super) fn seat(&mut self, id: &str, x: u32, y: u32, ranked: bool) -> Seat {
        let small = |n: u32| f32::from(u16::try_from(n).unwrap_or(u16::MAX));
        Seat {
            id: id.to_owned(),
            label: x.to_string(),
            category: CategoryIndex(u16::from(self.rng.chance(30))),
            allocation: self.rng.chance(15).then(|| self.allocation()),
            flags: SeatFlags {
                accessible: self.rng.chance(3),
                companion: self.rng.chance(3),
                restricted_view: self.rng.chance(5),
            },
            after_aisle: self.rng.chance(8),
            at: Point { x: small(x), y: small(y) },
            rank: ranked.then(|| self.number(20)),
        }
    }

    fn area(&mut self, at: u32) -> Area {
        Area {
            name: format!("GA{at}"),
            category: CategoryIndex(u16::from(at > 0)),
            capacity: 8 + self.number(10),
            allocated: (0..2).filter(|_| self.rng.chance(60)).map(|at| (AllocationIndex(at), 3)).collect(),
            at: Point::default(),
            size: Point { x: 1.0, y: 1.0 },
        }
    }
}
