//! From a plan to an event's definition.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Area, PlanError, Row, SeatingPlan, Shape, Zone};
use crate::id::{CategoryIndex, TicketTypeIndex};
use crate::limits::NAME_BYTES_MAX;
use crate::manifest::{
    self, Allocation, Definition, Point, Price, Quota, Rules, SeatFlags, Section, TicketType,
};

/// The default price of the best category, in minor units.
const PRICE_BEST_MINOR: i64 = 10_000;

/// A wider gap than this many times the row's median spacing is an aisle.
const AISLE_SPACINGS: f64 = 1.5;

/// What an event's definition has that a plan has not.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// Rules of the sale.
    pub rules: Rules,
    /// Ticket types.
    pub ticket_types: Vec<TicketType>,
    /// Prices, with the plan's categories in its order. If absent every ticket type costs 10,000 minor units in
    /// the first of n categories, and one n-th of that less in each that follows.
    pub prices: Option<Vec<Price>>,
    /// Allocations; the seats set aside for them are marked in the definition afterwards.
    pub allocations: Vec<Allocation>,
    /// Quotas.
    pub quotas: Vec<Quota>,
    /// Places of areas by name; they come before the plan's own capacities. An area's name is its `name`, else
    /// its text, else `Area 7` by its place among all areas; a name that is taken gets a number behind it.
    pub area_capacities: BTreeMap<String, u32>,
    /// Categories of areas by the same names, for areas that have none in the plan.
    pub area_categories: BTreeMap<String, String>,
}

impl PlanOptions {
    /// The rules of [`Rules::new`], one ticket type `adult`, the default prices, nothing else.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            rules: Rules::new(name),
            ticket_types: vec![TicketType { name: "adult".to_owned() }],
            prices: None,
            allocations: Vec::new(),
            quotas: Vec::new(),
            area_capacities: BTreeMap::new(),
            area_categories: BTreeMap::new(),
        }
    }
}

impl SeatingPlan {
    /// Makes an event's definition: each zone with seats becomes a section (called `Zone 3` by its place if it
    /// has no name; a name that is taken gets a number behind it), each area with a capacity an area. Positions
    /// become absolute. A gap of more than 1.5 times the row's median spacing is an aisle. Without a focal
    /// point the middle of the seats' upper edge is taken. O(seats log seats).
    ///
    /// # Errors
    /// If the plan or the options are not valid or do not fit together, with the place.
    pub fn to_definition(&self, options: &PlanOptions) -> Result<Definition, PlanError> {
        self.check()?;
        let names = self.categories.iter().map(|category| category.name.as_str());
        let categories: HashMap<&str, CategoryIndex> =
            names.enumerate().map(|(at, name)| (name, CategoryIndex::of(at))).collect();
        let sections = self.sections(&categories);
        let focal_point = self.focal_point.or_else(|| top_centre(&sections));
        let definition = Definition {
            rules: options.rules.clone(),
            categories: self.categories.iter().map(as_defined).collect(),
            ticket_types: options.ticket_types.clone(),
            prices: options.prices.clone().unwrap_or_else(|| self.default_prices(options)),
            areas: self.sold_areas(options, &categories)?,
            sections,
            allocations: options.allocations.clone(),
            quotas: options.quotas.clone(),
            focal_point,
        };
        definition.check()?;
        Ok(definition)
    }

    fn default_prices(&self, options: &PlanOptions) -> Vec<Price> {
        let count = self.categories.len();
        let minor = |at: usize| {
            let share = i64::try_from(count - at).unwrap_or_default();
            PRICE_BEST_MINOR * share / i64::try_from(count).unwrap_or(i64::MAX)
        };
        let types = (0..options.ticket_types.len()).map(TicketTypeIndex::of);
        types
            .flat_map(|ticket_type| (0..count).map(move |at| (ticket_type, at)))
            .map(|(ticket_type, at)| Price { ticket_type, category: CategoryIndex::of(at), minor: minor(at) })
            .collect()
    }

    fn sections(&self, categories: &HashMap<&str, CategoryIndex>) -> Vec<Section> {
        let mut names = Names::default();
        let mut sections = Vec::new();
        for (at, zone) in self.zones.iter().enumerate() {
            if zone.rows.iter().all(|row| row.seats.is_empty()) {
                continue;
            }
            let name = match zone.name.trim() {
                "" => format!("Zone {}", at + 1),
                name => name.to_owned(),
            };
            let rows = zone.rows.iter().filter(|row| !row.seats.is_empty());
            let rows = rows.map(|row| seats_of(zone, row, categories)).collect();
            sections.push(Section { name: names.unique(name), rows });
        }
        sections
    }

    fn sold_areas(
        &self,
        options: &PlanOptions,
        categories: &HashMap<&str, CategoryIndex>,
    ) -> Result<Vec<manifest::Area>, PlanError> {
        let mut names = Names::default();
        let mut sold = Vec::new();
        let zones = self.zones.iter().enumerate();
        let all = zones.flat_map(|(zone_at, zone)| (0..zone.areas.len()).map(move |at| (zone_at, zone, at)));
        for (count, (zone_at, zone, area_at)) in all.enumerate() {
            let area = &zone.areas[area_at];
            let text = area.text.as_ref().map(|text| text.text.trim());
            let given = area.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
            let name = given.or(text.filter(|text| !text.is_empty()));
            let name = names.unique(name.map_or_else(|| format!("Area {}", count + 1), str::to_owned));
            let Some(capacity) = options.area_capacities.get(&name).copied().or(area.capacity) else {
                continue;
            };
            let category = area.category.as_ref().or_else(|| options.area_categories.get(&name));
            let place = || format!("zones[{zone_at}].areas[{area_at}].category");
            let category = category.ok_or_else(|| {
                PlanError::at(place(), format!("area `{name}` has a capacity and needs a category"))
            })?;
            let category = *categories
                .get(category.as_str())
                .ok_or_else(|| PlanError::at(place(), format!("there is no category `{category}`")))?;
            let (at, size) = extent(zone, area);
            sold.push(manifest::Area { name, category, capacity, allocated: Vec::new(), at, size });
        }
        let known: HashSet<&str> = sold.iter().map(|area| area.name.as_str()).collect();
        if let Some(name) = options.area_capacities.keys().find(|name| !known.contains(name.as_str())) {
            return Err(PlanError::at("area_capacities", format!("there is no area `{name}`")));
        }
        Ok(sold)
    }
}

fn as_defined(category: &super::Category) -> manifest::Category {
    manifest::Category {
        name: category.name.clone(),
        color: rrggbb(category.color.as_deref().unwrap_or_default()),
    }
}

/// The colour as `#rrggbb`; grey for what is not hexadecimal.
fn rrggbb(color: &str) -> String {
    match color.strip_prefix('#') {
        Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) && hex.len() == 6 => color.to_owned(),
        Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) && hex.len() == 3 => {
            let doubled = hex.chars().flat_map(|digit| [digit, digit]);
            std::iter::once('#').chain(doubled).collect()
        }
        _ => "#808080".to_owned(),
    }
}

fn seats_of(zone: &Zone, row: &Row, categories: &HashMap<&str, CategoryIndex>) -> manifest::Row {
    let points: Vec<(f64, f64)> =
        row.seats.iter().map(|seat| sum([zone.position, row.position, seat.position])).collect();
    let aisles = after_aisles(&points);
    let seats = row.seats.iter().zip(points).zip(aisles).map(|((seat, point), after_aisle)| manifest::Seat {
        id: seat.seat_guid.clone(),
        label: seat.seat_number.clone(),
        category: categories[seat.category.as_str()],
        allocation: None,
        flags: SeatFlags {
            accessible: seat.accessible,
            companion: seat.companion,
            restricted_view: seat.restricted_view,
        },
        after_aisle,
        at: narrow(point),
        rank: seat.rank,
    });
    manifest::Row { label: row.row_number.clone(), seats: seats.collect() }
}

fn sum<const N: usize>(points: [Point; N]) -> (f64, f64) {
    points.iter().fold((0.0, 0.0), |(x, y), point| (x + f64::from(point.x), y + f64::from(point.y)))
}

#[expect(clippy::cast_possible_truncation, reason = "coordinates are limited; a point of the drawing is f32")]
fn narrow((x, y): (f64, f64)) -> Point {
    Point { x: x as f32, y: y as f32 }
}

/// For each point whether an aisle comes before it.
fn after_aisles(points: &[(f64, f64)]) -> Vec<bool> {
    let gaps: Vec<f64> =
        points.windows(2).map(|pair| (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1)).collect();
    let mut sorted = gaps.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    // The lower median: one aisle in a row of three seats is still seen.
    let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    let is_aisle = |gap: &f64| median > 0.0 && *gap > AISLE_SPACINGS * median;
    points.iter().take(1).map(|_| false).chain(gaps.iter().map(is_aisle)).collect()
}

/// The corner and the size of the area's bounding box, before it is turned.
fn extent(zone: &Zone, area: &Area) -> (Point, Point) {
    let corner = |x: f32, y: f32| narrow(sum([zone.position, area.position, Point { x, y }]));
    let around =
        |radius: Point| (corner(-radius.x, -radius.y), Point { x: 2.0 * radius.x, y: 2.0 * radius.y });
    match &area.shape {
        Shape::Text | Shape::Other(_) => (corner(0.0, 0.0), Point::default()),
        Shape::Rectangle(size) => (corner(0.0, 0.0), Point { x: size.width, y: size.height }),
        Shape::Circle { radius } => around(Point { x: *radius, y: *radius }),
        Shape::Ellipse { radius } => around(*radius),
        Shape::Polygon { points } => {
            let Some((low, high)) = bounds(points.iter().copied()) else {
                return (corner(0.0, 0.0), Point::default());
            };
            (corner(low.x, low.y), Point { x: high.x - low.x, y: high.y - low.y })
        }
    }
}

fn bounds(points: impl Iterator<Item = Point>) -> Option<(Point, Point)> {
    points.map(|point| (point, point)).reduce(|(low, high), (point, _)| {
        let low = Point { x: low.x.min(point.x), y: low.y.min(point.y) };
        (low, Point { x: high.x.max(point.x), y: high.y.max(point.y) })
    })
}

fn top_centre(sections: &[Section]) -> Option<Point> {
    let rows = sections.iter().flat_map(|section| &section.rows);
    let (low, high) = bounds(rows.flat_map(|row| &row.seats).map(|seat| seat.at))?;
    Some(Point { x: low.x.midpoint(high.x), y: low.y })
}

/// Names given so far, with the next number to put behind each.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn unique(&mut self, mut name: String) -> String {
        // Room for a space and a number.
        let mut end = name.len().min(NAME_BYTES_MAX - 8);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        let mut number = self.0.get(&name).copied().unwrap_or(1);
        let mut unique = name.clone();
        while self.0.contains_key(&unique) {
            number += 1;
            unique = format!("{name} {number}");
        }
        self.0.insert(name, number);
        self.0.insert(unique.clone(), 1);
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use crate::plan::Size;
    use crate::plan::import::tests::SMALL;

    fn small() -> SeatingPlan {
        SeatingPlan::parse(SMALL.as_bytes()).unwrap()
    }

    #[test]
    fn a_plan_becomes_a_definition() {
        let definition = small().to_definition(&PlanOptions::new("Concert")).unwrap();
        assert_eq!(definition.rules.name, "Concert");
        let names: Vec<&str> = definition.sections.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["Stalls"]);
        let row = &definition.sections[0].rows[0];
        let points: Vec<(f32, f32)> = row.seats.iter().map(|seat| (seat.at.x, seat.at.y)).collect();
        assert_eq!(points, [(11.0, 22.5), (36.0, 22.5), (86.25, 22.5)]);
        let aisles: Vec<bool> = row.seats.iter().map(|seat| seat.after_aisle).collect();
        assert_eq!(aisles, [false, false, true]);
        assert!(row.seats[1].flags.accessible);
        assert_eq!(row.seats[2].category, CategoryIndex(1));
        let colors: Vec<&str> = definition.categories.iter().map(|c| c.color.as_str()).collect();
        assert_eq!(colors, ["#ffcc00", "#808080"]);
        let prices: Vec<i64> = definition.prices.iter().map(|price| price.minor).collect();
        assert_eq!(prices, [10_000, 5_000]);
        assert_eq!(definition.areas.len(), 1);
        let area = &definition.areas[0];
        assert_eq!((area.name.as_str(), area.capacity, area.category), ("Standing", 120, CategoryIndex(1)));
        assert_eq!((area.at, area.size), (Point { x: 5.0, y: 206.0 }, Point { x: 50.0, y: 40.0 }));
        assert_eq!(definition.focal_point, Some(Point { x: 60.0, y: 0.0 }));
        let manifest = Manifest::compile(&definition).unwrap();
        assert_eq!(manifest.definition(), definition);
    }

    #[test]
    fn without_a_focal_point_the_top_centre_is_taken() {
        let plan = SeatingPlan { focal_point: None, ..small() };
        let definition = plan.to_definition(&PlanOptions::new("x")).unwrap();
        assert_eq!(definition.focal_point, Some(Point { x: 48.125, y: 22.5 }));
    }

    #[test]
    fn zones_without_a_name_of_their_own_get_one() {
        let mut plan = small();
        let zone = |name: &str, guid: &str| {
            let mut zone = small().zones[0].clone();
            zone.name = name.to_owned();
            zone.rows.truncate(1);
            for (at, seat) in zone.rows[0].seats.iter_mut().enumerate() {
                seat.seat_guid = format!("{guid}{at}");
            }
            zone
        };
        plan.zones.extend([zone(" ", "a"), zone("Stalls", "b"), zone("Stalls 2", "c"), zone("Stalls", "d")]);
        let definition = plan.to_definition(&PlanOptions::new("x")).unwrap();
        let names: Vec<&str> = definition.sections.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["Stalls", "Zone 3", "Stalls 2", "Stalls 2 2", "Stalls 3"]);
    }

    #[test]
    fn options_give_areas_their_places_and_category() {
        let mut options = PlanOptions::new("x");
        options.area_capacities.insert("Stage".to_owned(), 30);
        let place = |options: &PlanOptions| small().to_definition(options).expect_err("refused").place;
        assert_eq!(place(&options), "zones[0].areas[0].category");
        options.area_categories.insert("Stage".to_owned(), "Green".to_owned());
        assert_eq!(place(&options), "zones[0].areas[0].category");
        options.area_categories.insert("Stage".to_owned(), "Gold".to_owned());
        options.area_capacities.insert("Standing".to_owned(), 7);
        let areas = small().to_definition(&options).unwrap().areas;
        let found: Vec<(&str, u32)> = areas.iter().map(|a| (a.name.as_str(), a.capacity)).collect();
        assert_eq!(found, [("Stage", 30), ("Standing", 7)]);
        options.area_capacities.insert("Bar".to_owned(), 1);
        assert_eq!(place(&options), "area_capacities");
        let mut options = PlanOptions::new("x");
        options.rules.zone = "nowhere".to_owned();
        assert_eq!(place(&options), "rules.zone");
    }

    #[test]
    fn aisles_are_gaps_of_more_than_one_and_a_half_spacings() {
        let aisles = |xs: &[f64]| {
            let points: Vec<(f64, f64)> = xs.iter().map(|x| (*x, 0.0)).collect();
            let found = after_aisles(&points).into_iter().map(|is| if is { '|' } else { '.' });
            found.collect::<String>()
        };
        assert_eq!(aisles(&[]), "");
        assert_eq!(aisles(&[5.0]), ".");
        assert_eq!(aisles(&[0.0, 100.0]), "..");
        assert_eq!(aisles(&[0.0, 1.0, 3.0]), "..|");
        assert_eq!(aisles(&[0.0, 1.0, 2.5]), "...");
        assert_eq!(aisles(&[9.0, 8.0, 6.0, 5.0, 3.0, 2.0]), "..|.|.");
        assert_eq!(aisles(&[0.0, 0.0, 0.0, 4.0]), "....");
    }

    #[test]
    fn shapes_are_boxed() {
        let boxed = |shape: Shape| extent(&Zone::default(), &Area { shape, ..Area::default() });
        let point = |x, y| Point { x, y };
        let size = Size { width: 3.0, height: 4.0 };
        assert_eq!(boxed(Shape::Rectangle(size)), (point(0.0, 0.0), point(3.0, 4.0)));
        assert_eq!(boxed(Shape::Circle { radius: 2.0 }), (point(-2.0, -2.0), point(4.0, 4.0)));
        let radius = point(1.0, 2.0);
        assert_eq!(boxed(Shape::Ellipse { radius }), (point(-1.0, -2.0), point(2.0, 4.0)));
        let points = vec![point(1.0, 5.0), point(-1.0, 7.0), point(0.0, 6.0)];
        assert_eq!(boxed(Shape::Polygon { points }), (point(-1.0, 5.0), point(2.0, 2.0)));
    }

    #[test]
    fn colours_become_six_digits() {
        let found: Vec<String> = ["#AbCdEf", "#abc", "red", "#12", "#äöü", ""].map(rrggbb).to_vec();
        assert_eq!(found, ["#AbCdEf", "#aabbcc", "#808080", "#808080", "#808080", "#808080"]);
    }
}
