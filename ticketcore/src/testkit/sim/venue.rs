//! Small random events: little enough for everything to collide, with every feature a manifest has.

pub(super) mod change;

use super::START;
use crate::id::{AllocationIndex, AreaIndex, CategoryIndex, TicketTypeIndex, UserId};
use crate::manifest::{
    Allocation, Area, Category, Definition, Manifest, Point, Price, Quota, Row, Rules, Seat, SeatFlags,
    Section, TicketType,
};
use crate::testkit::Rng;

/// Channels that requests and allocations name.
pub(super) const CHANNELS: [&str; 3] = ["web", "box", "partner"];
/// Shorter than a name may be.
const LONG_NAME_BYTES: usize = 180;
/// Codes that requests and allocations name.
pub(super) const CODES: [&str; 2] = ["FANCLUB", "SPONSOR"];

/// Users of a simulation, besides staff: those who ask for anything, and one more who only waits.
pub(super) const USERS: u32 = 8;

/// The `n`th user, from 1. The first four are of one shard, so that slices have runs in them.
pub(super) fn user(n: u32) -> UserId {
    let shard = UserId::from(1).shard();
    let mut neighbours = (1..).map(UserId::from).filter(|user| user.shard() == shard);
    match n {
        1..=4 => neighbours.nth(n as usize - 1).unwrap_or(UserId::from(1)),
        _ => UserId::from(u128::from(n)),
    }
}

/// `low..=high`.
pub(super) fn between(rng: &mut Rng, low: u32, high: u32) -> u32 {
    low + u32::try_from(rng.below(u64::from(high - low + 1))).unwrap_or(0)
}

fn index(rng: &mut Rng, len: usize) -> u16 {
    u16::try_from(rng.index(len)).unwrap_or(0)
}

/// A valid definition.
pub(super) fn definition(rng: &mut Rng) -> Definition {
    loop {
        let drawn = draw(rng);
        if Manifest::compile(&drawn).is_ok() {
            return drawn;
        }
    }
}

fn draw(rng: &mut Rng) -> Definition {
    let categories = between(rng, 1, 3) as usize;
    let types = between(rng, 1, 3) as usize;
    let mut definition = Definition::empty(rules(rng));
    definition.categories = (0..categories)
        .map(|at| Category { name: format!("category {at}"), color: "#336699".to_owned() })
        .collect();
    definition.ticket_types = (0..types).map(|at| TicketType { name: format!("type {at}") }).collect();
    definition.prices = prices(rng, categories, types);
    definition.allocations = (0..rng.index(4)).map(|at| allocation(rng, at)).collect();
    let ranked = rng.chance(50);
    if !ranked && rng.chance(50) {
        definition.focal_point = Some(Point { x: 4.0, y: -3.0 });
    }
    let sections = if rng.chance(90) { between(rng, 1, 3) as usize } else { 0 };
    for at in 0..sections {
        let section = section(rng, at, categories, definition.allocations.len(), ranked);
        definition.sections.push(section);
    }
    let areas = if sections == 0 { 1 } else { rng.index(3) };
    for at in 0..areas {
        let area = area(rng, at, categories, definition.allocations.len());
        definition.areas.push(area);
    }
    for at in 0..rng.index(4) {
        definition.quotas.push(quota(rng, at, types, categories, areas));
    }
    if rng.chance(60) {
        lengthen_names(&mut definition);
    }
    definition
}

/// Makes facts about the manifest so long that the write of one can be torn.
fn lengthen_names(definition: &mut Definition) {
    let categories = definition.categories.iter_mut().map(|category| &mut category.name);
    let types = definition.ticket_types.iter_mut().map(|ticket_type| &mut ticket_type.name);
    let allocations = definition.allocations.iter_mut().map(|allocation| &mut allocation.name);
    let areas = definition.areas.iter_mut().map(|area| &mut area.name);
    let quotas = definition.quotas.iter_mut().map(|quota| &mut quota.name);
    for name in categories.chain(types).chain(allocations).chain(areas).chain(quotas) {
        name.extend(std::iter::repeat_n('x', LONG_NAME_BYTES.saturating_sub(name.len())));
    }
}

fn rules(rng: &mut Rng) -> Rules {
    let minute = 60_000;
    let ttl = u64::from(between(rng, 1, 10)) * minute;
    let lifetime = ttl * 2 + u64::from(between(rng, 0, 60)) * minute;
    Rules {
        hold_ttl_ms: ttl,
        hold_ttl_ms_min: 1_000 + rng.below(30_000),
        hold_ttl_ms_max: ttl + rng.below(ttl + 1),
        hold_lifetime_ms_max: lifetime,
        payment_ttl_ms: 1 + rng.below(lifetime),
        extensions_max: between(rng, 0, 2),
        tickets_per_user_max: *rng.pick(&[2, 4, 6, 10, 1_000]),
        orphan_rule: rng.chance(40),
        key_secret: (rng.next_u64(), rng.next_u64()),
        ..Rules::new("Simulated")
    }
}

fn prices(rng: &mut Rng, categories: usize, types: usize) -> Vec<Price> {
    let mut prices = Vec::new();
    for category in 0..categories {
        for at in 0..types {
            if at == 0 || rng.chance(80) {
                let (ticket_type, category) = (TicketTypeIndex::of(at), CategoryIndex::of(category));
                prices.push(Price { ticket_type, category, minor: i64::from(between(rng, 0, 9)) * 500 });
            }
        }
    }
    prices
}

fn allocation(rng: &mut Rng, at: usize) -> Allocation {
    let channels = CHANNELS.iter().filter(|_| rng.chance(40)).map(|name| (*name).to_owned()).collect();
    Allocation {
        name: format!("allocation {at}"),
        channels,
        access_code: rng.chance(50).then(|| (*rng.pick(&CODES)).to_owned()),
        release_at: rng.chance(50).then(|| START.plus_ms(rng.below(6 * 3_600_000))),
    }
}

fn section(rng: &mut Rng, at: usize, categories: usize, allocations: usize, ranked: bool) -> Section {
    let name = format!("section {at}");
    let rows = (0..between(rng, 1, 3)).map(|number| row(rng, &name, number, categories, allocations, ranked));
    Section { rows: rows.collect(), name }
}

fn row(
    rng: &mut Rng,
    section: &str,
    number: u32,
    categories: usize,
    allocations: usize,
    ranked: bool,
) -> Row {
    let category = CategoryIndex(index(rng, categories));
    let mut allocation = None;
    let length = between(rng, 1, 7);
    let seats = (0..length).map(|at| {
        if allocations > 0 && rng.chance(25) {
            allocation = rng.chance(60).then(|| AllocationIndex(index(rng, allocations)));
        }
        Seat {
            id: format!("{section}-{number}-{at}"),
            label: at.to_string(),
            category: if rng.chance(90) { category } else { CategoryIndex(index(rng, categories)) },
            allocation,
            flags: SeatFlags {
                accessible: rng.chance(5),
                companion: rng.chance(3),
                restricted_view: rng.chance(10),
            },
            after_aisle: rng.chance(8),
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            at: Point { x: at as f32, y: number as f32 },
            rank: ranked.then(|| between(rng, 0, 5)),
        }
    });
    Row { label: number.to_string(), seats: seats.collect() }
}

fn area(rng: &mut Rng, at: usize, categories: usize, allocations: usize) -> Area {
    let capacity = between(rng, 2, 15);
    let mut left = capacity;
    let mut allocated = Vec::new();
    for allocation in 0..allocations {
        if rng.chance(40) && left > 0 {
            let places = between(rng, 0, left);
            left -= places;
            allocated.push((AllocationIndex::of(allocation), places));
        }
    }
    Area {
        name: format!("area {at}"),
        category: CategoryIndex(index(rng, categories)),
        capacity,
        allocated,
        at: Point::default(),
        size: Point { x: 1.0, y: 1.0 },
    }
}

fn quota(rng: &mut Rng, at: usize, types: usize, categories: usize, areas: usize) -> Quota {
    let mut some = |len: usize| -> Vec<u16> {
        if rng.chance(50) {
            return Vec::new();
        }
        let all = 0..u16::try_from(len).unwrap_or(0);
        all.filter(|_| rng.chance(50)).collect()
    };
    let ticket_types = some(types).into_iter().map(TicketTypeIndex).collect();
    let categories = some(categories).into_iter().map(CategoryIndex).collect();
    let areas = some(areas).into_iter().map(AreaIndex).collect();
    let cap = between(rng, 1, 20);
    Quota { name: format!("quota {at}"), cap, ticket_types, categories, areas }
}
