//! Checks of a plan: sizes, duplicates, references, coordinates. Every error names the place.

use std::collections::HashSet;

use super::{Area, COORDINATE_MAX, PlanError, Seat, SeatingPlan, Shape, Size};
use crate::limits::{
    AREA_PLACES_MAX, CATEGORIES_MAX, NAME_BYTES_MAX, ROWS_MAX, SEAT_NAME_BYTES_MAX, SEATS_MAX, SECTIONS_MAX,
};
use crate::manifest::Point;

type Checked = Result<(), PlanError>;

fn short(place: impl FnOnce() -> String, text: &str, max: usize) -> Checked {
    if text.len() <= max {
        Ok(())
    } else {
        Err(PlanError::at(place(), format!("has {} bytes, {max} at most are allowed", text.len())))
    }
}

fn at_most(place: impl FnOnce() -> String, what: &str, found: usize, max: usize) -> Checked {
    if found <= max {
        Ok(())
    } else {
        Err(PlanError::at(place(), format!("{found} {what}, {max} at most are allowed")))
    }
}

/// Comparisons with a number that is none are false, so these refuse it too.
fn point(place: impl FnOnce() -> String, point: Point) -> Checked {
    if point.x.abs() <= COORDINATE_MAX && point.y.abs() <= COORDINATE_MAX {
        Ok(())
    } else {
        Err(PlanError::at(place(), format!("is further than {COORDINATE_MAX} from the origin")))
    }
}

fn length(place: impl FnOnce() -> String, length: f32) -> Checked {
    if (0.0..=COORDINATE_MAX).contains(&length) {
        Ok(())
    } else {
        Err(PlanError::at(place(), format!("{length} is outside 0 to {COORDINATE_MAX}")))
    }
}

fn size(place: &dyn Fn(&str) -> String, size: Size) -> Checked {
    length(|| place("width"), size.width)?;
    length(|| place("height"), size.height)
}

/// What is known of the seats before.
#[derive(Default)]
struct Seen<'a> {
    rows: usize,
    guids: HashSet<&'a str>,
    ranked: Option<bool>,
}

impl SeatingPlan {
    /// Checks what the types can't say; [`parse`](Self::parse) has done it already. O(seats).
    ///
    /// # Errors
    /// The first problem found, with its place.
    pub fn check(&self) -> Result<(), PlanError> {
        short(|| "name".to_owned(), &self.name, NAME_BYTES_MAX)?;
        if let Some(found) = self.size {
            size(&|side| format!("size.{side}"), found)?;
        }
        if let Some(found) = self.focal_point {
            point(|| "focal_point".to_owned(), found)?;
        }
        let categories = self.check_categories()?;
        let mut seen = Seen::default();
        at_most(|| "zones".to_owned(), "zones", self.zones.len(), SECTIONS_MAX)?;
        for (zone_at, zone) in self.zones.iter().enumerate() {
            let place = |member: &str| format!("zones[{zone_at}].{member}");
            short(|| place("name"), &zone.name, NAME_BYTES_MAX)?;
            point(|| place("position"), zone.position)?;
            seen.rows += zone.rows.len();
            at_most(|| place("rows"), "rows up to here", seen.rows, ROWS_MAX)?;
            for (row_at, row) in zone.rows.iter().enumerate() {
                let place = |member: &str| format!("zones[{zone_at}].rows[{row_at}].{member}");
                short(|| place("row_number"), &row.row_number, SEAT_NAME_BYTES_MAX)?;
                point(|| place("position"), row.position)?;
                let seats = seen.guids.len() + row.seats.len();
                at_most(|| place("seats"), "seats up to here", seats, SEATS_MAX)?;
                for (seat_at, seat) in row.seats.iter().enumerate() {
                    let place =
                        |member: &str| format!("zones[{zone_at}].rows[{row_at}].seats[{seat_at}].{member}");
                    seat.check(place, &categories, &mut seen)?;
                }
            }
            for (area_at, area) in zone.areas.iter().enumerate() {
                area.check(
                    &|member: &str| format!("zones[{zone_at}].areas[{area_at}].{member}"),
                    &categories,
                )?;
            }
        }
        Ok(())
    }

    fn check_categories(&self) -> Result<HashSet<&str>, PlanError> {
        at_most(|| "categories".to_owned(), "categories", self.categories.len(), CATEGORIES_MAX)?;
        let mut names = HashSet::new();
        for (at, category) in self.categories.iter().enumerate() {
            let place = |member: &str| format!("categories[{at}].{member}");
            let name = category.name.as_str();
            if name.is_empty() {
                return Err(PlanError::at(place("name"), "is empty"));
            }
            short(|| place("name"), name, NAME_BYTES_MAX)?;
            short(|| place("color"), category.color.as_deref().unwrap_or_default(), NAME_BYTES_MAX)?;
            if !names.insert(name) {
                return Err(PlanError::at(place("name"), format!("`{name}` is there twice")));
            }
        }
        Ok(names)
    }
}

impl Seat {
    fn check<'a>(
        &'a self,
        place: impl Fn(&str) -> String,
        categories: &HashSet<&str>,
        seen: &mut Seen<'a>,
    ) -> Checked {
        let guid = self.seat_guid.as_str();
        if guid.is_empty() {
            return Err(PlanError::at(place("seat_guid"), "is empty"));
        }
        short(|| place("seat_guid"), guid, SEAT_NAME_BYTES_MAX)?;
        if !seen.guids.insert(guid) {
            return Err(PlanError::at(place("seat_guid"), format!("`{guid}` is there twice")));
        }
        short(|| place("seat_number"), &self.seat_number, SEAT_NAME_BYTES_MAX)?;
        point(|| place("position"), self.position)?;
        length(|| place("radius"), self.radius.unwrap_or_default())?;
        known(|| place("category"), &self.category, categories)?;
        if *seen.ranked.get_or_insert(self.rank.is_some()) != self.rank.is_some() {
            return Err(PlanError::at(place("rank"), "some seats have one and some have none"));
        }
        Ok(())
    }
}

fn known(place: impl FnOnce() -> String, name: &str, categories: &HashSet<&str>) -> Checked {
    if categories.contains(name) {
        Ok(())
    } else {
        let name: String = name.chars().take(NAME_BYTES_MAX).collect();
        Err(PlanError::at(place(), format!("there is no category `{name}`")))
    }
}

impl Area {
    fn check(&self, place: &dyn Fn(&str) -> String, categories: &HashSet<&str>) -> Checked {
        point(|| place("position"), self.position)?;
        if !self.rotation.is_finite() {
            return Err(PlanError::at(place("rotation"), "is not a finite number"));
        }
        match &self.shape {
            Shape::Text | Shape::Other(_) => {}
            Shape::Rectangle(found) => size(&|side| place(&format!("rectangle.{side}")), *found)?,
            Shape::Circle { radius } => length(|| place("circle.radius"), *radius)?,
            Shape::Ellipse { radius } => {
                length(|| place("ellipse.radius.x"), radius.x)?;
                length(|| place("ellipse.radius.y"), radius.y)?;
            }
            Shape::Polygon { points } => {
                for (at, corner) in points.iter().enumerate() {
                    point(|| place(&format!("polygon.points[{at}]")), *corner)?;
                }
            }
        }
        if let Some(text) = &self.text {
            point(|| place("text.position"), text.position.unwrap_or_default())?;
            length(|| place("text.size"), text.size.unwrap_or_default())?;
        }
        short(|| place("name"), self.name.as_deref().unwrap_or_default(), NAME_BYTES_MAX)?;
        if let Some(category) = &self.category {
            known(|| place("category"), category, categories)?;
        }
        let max = AREA_PLACES_MAX;
        if let Some(capacity) = self.capacity.filter(|capacity| *capacity > max) {
            return Err(PlanError::at(place("capacity"), format!("{capacity} is more than {max}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::import::tests::SMALL;
    use crate::plan::{Row, Zone};

    /// Breaks a valid plan and tells where the check finds it.
    fn place_of(break_it: impl FnOnce(&mut SeatingPlan)) -> String {
        let mut plan = SeatingPlan::parse(SMALL.as_bytes()).unwrap();
        break_it(&mut plan);
        plan.check().expect_err("the plan is broken").place
    }

    #[test]
    fn names_and_sizes_of_the_plan_and_its_categories() {
        let long = || "x".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(place_of(|p| p.name = long()), "name");
        assert_eq!(place_of(|p| p.size.as_mut().unwrap().height = -1.0), "size.height");
        assert_eq!(place_of(|p| p.size.as_mut().unwrap().width = f32::NAN), "size.width");
        assert_eq!(place_of(|p| p.focal_point.as_mut().unwrap().x = 1e7), "focal_point");
        assert_eq!(place_of(|p| p.categories[1].name.clear()), "categories[1].name");
        assert_eq!(place_of(|p| p.categories[1].name = "Gold".to_owned()), "categories[1].name");
        assert_eq!(place_of(|p| p.categories[0].color = Some(long())), "categories[0].color");
        assert_eq!(place_of(|p| p.categories.resize(65, super::super::Category::default())), "categories");
        assert_eq!(place_of(|p| p.zones.resize(SECTIONS_MAX + 1, Zone::default())), "zones");
        assert_eq!(place_of(|p| p.zones[1].name = long()), "zones[1].name");
        assert_eq!(place_of(|p| p.zones[1].position.y = f32::INFINITY), "zones[1].position");
    }

    #[test]
    fn rows_and_seats() {
        fn seat(plan: &mut SeatingPlan) -> &mut Seat {
            &mut plan.zones[0].rows[0].seats[1]
        }
        let at = |member: &str| format!("zones[0].rows[0].seats[1].{member}");
        let long = || "x".repeat(SEAT_NAME_BYTES_MAX + 1);
        assert_eq!(place_of(|p| p.zones[0].rows[1].row_number = long()), "zones[0].rows[1].row_number");
        assert_eq!(place_of(|p| p.zones[0].rows[1].position.x = -2e6), "zones[0].rows[1].position");
        assert_eq!(place_of(|p| p.zones[1].rows.resize(ROWS_MAX, Row::default())), "zones[1].rows");
        let many = vec![Seat::default(); SEATS_MAX];
        assert_eq!(place_of(|p| p.zones[0].rows[1].seats = many), "zones[0].rows[1].seats");
        assert_eq!(place_of(|p| seat(p).seat_guid.clear()), at("seat_guid"));
        assert_eq!(place_of(|p| seat(p).seat_guid = "g1".to_owned()), at("seat_guid"));
        assert_eq!(place_of(|p| seat(p).seat_guid = long()), at("seat_guid"));
        assert_eq!(place_of(|p| seat(p).seat_number = long()), at("seat_number"));
        assert_eq!(place_of(|p| seat(p).position.x = f32::NAN), at("position"));
        assert_eq!(place_of(|p| seat(p).radius = Some(-1.0)), at("radius"));
        assert_eq!(place_of(|p| seat(p).category = "Green".to_owned()), at("category"));
        assert_eq!(place_of(|p| seat(p).rank = Some(1)), at("rank"));
    }

    #[test]
    fn areas() {
        let place = |break_it: fn(&mut Area)| place_of(|plan| break_it(&mut plan.zones[1].areas[0]));
        let at = |member: &str| format!("zones[1].areas[0].{member}");
        assert_eq!(place(|a| a.position.x = 1e8), at("position"));
        assert_eq!(place(|a| a.rotation = f32::NAN), at("rotation"));
        assert_eq!(
            place(|a| a.shape = Shape::Rectangle(Size { width: 1.0, height: -1.0 })),
            at("rectangle.height")
        );
        assert_eq!(place(|a| a.shape = Shape::Circle { radius: -1.0 }), at("circle.radius"));
        let radius = Point { x: 1.0, y: f32::NAN };
        assert_eq!(
            place_of(|p| p.zones[1].areas[0].shape = Shape::Ellipse { radius }),
            at("ellipse.radius.y")
        );
        let points = vec![Point::default(), radius];
        assert_eq!(
            place_of(|p| p.zones[1].areas[0].shape = Shape::Polygon { points }),
            at("polygon.points[1]")
        );
        assert_eq!(place(|a| a.text.as_mut().unwrap().size = Some(-1.0)), at("text.size"));
        assert_eq!(place(|a| a.name = Some("x".repeat(201))), at("name"));
        assert_eq!(place(|a| a.category = Some("Green".to_owned())), at("category"));
        assert_eq!(place(|a| a.capacity = Some(AREA_PLACES_MAX + 1)), at("capacity"));
    }
}
