//! The compiled manifest: dense columns by [`SeatIndex`] and bit words by stripe.

use serde::{Deserialize, Serialize};

use super::check::ManifestError;
use super::columns::Columns;
use super::definition::{
    Allocation, Area, Category, Definition, Point, Price, Quota, Row, Rules, Seat, Section, TicketType,
};
use super::derive::Derived;
use super::stored::Seating;
use crate::id::{QuotaIndex, RowIndex, SeatIndex, SectionIndex};

/// Seats per stripe: one machine word of them.
pub const STRIPE_SEATS: usize = 64;

/// What is for sale. Immutable; a change makes a new one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub(super) rules: Rules,
    pub(super) categories: Vec<Category>,
    pub(super) ticket_types: Vec<TicketType>,
    pub(super) prices: Vec<Price>,
    pub(super) areas: Vec<Area>,
    pub(super) allocations: Vec<Allocation>,
    pub(super) quotas: Vec<Quota>,
    pub(super) focal_point: Option<Point>,
    pub(super) section_names: Vec<String>,
    pub(super) rows: Vec<(SectionIndex, String)>,
    pub(super) seats: Columns,
    #[serde(skip)]
    pub(super) derived: Derived,
}

impl Manifest {
    /// Checks and compiles a definition. O(seats log seats).
    ///
    /// # Errors
    /// The first problem of the definition, with its place.
    pub fn compile(definition: &Definition) -> Result<Self, ManifestError> {
        definition.check()?;
        let mut manifest = Self {
            rules: definition.rules.clone(),
            categories: definition.categories.clone(),
            ticket_types: definition.ticket_types.clone(),
            prices: definition.prices.clone(),
            areas: definition.areas.clone(),
            allocations: definition.allocations.clone(),
            quotas: definition.quotas.clone(),
            focal_point: definition.focal_point,
            section_names: Vec::new(),
            rows: Vec::new(),
            seats: Columns::default(),
            derived: Derived::default(),
        };
        for section in &definition.sections {
            manifest.add_section(section);
        }
        manifest.seats.shrink_to_fit();
        manifest.derive();
        Ok(manifest)
    }

    /// The definition this manifest was compiled from, without dropped seats and without rows that have
    /// no seat (left).
    #[must_use]
    pub fn definition(&self) -> Definition {
        let mut sections: Vec<Section> =
            self.section_names.iter().map(|name| Section { name: name.clone(), rows: Vec::new() }).collect();
        let mut open_row = None;
        for seat in self.seats() {
            let row = self.seats.row[seat.at()];
            let (section, label) = &self.rows[row.at()];
            if open_row != Some(row) {
                sections[section.at()].rows.push(Row { label: label.clone(), seats: Vec::new() });
                open_row = Some(row);
            }
            if let Some(row) = sections[section.at()].rows.last_mut() {
                row.seats.push(self.seat_definition(seat));
            }
        }
        self.definition_of(sections)
    }

    /// A definition of these sections, with all that is not seats.
    pub(super) fn definition_of(&self, sections: Vec<Section>) -> Definition {
        Definition {
            rules: self.rules.clone(),
            categories: self.categories.clone(),
            ticket_types: self.ticket_types.clone(),
            prices: self.prices.clone(),
            sections,
            areas: self.areas.clone(),
            allocations: self.allocations.clone(),
            quotas: self.quotas.clone(),
            focal_point: self.focal_point,
        }
    }

    /// A seat as it was defined.
    #[must_use]
    pub fn seat_definition(&self, seat: SeatIndex) -> Seat {
        let at = seat.at();
        Seat {
            id: self.seat_id(seat).to_owned(),
            label: self.seat_label(seat).to_owned(),
            category: self.category_of(seat),
            allocation: self.first_allocation_of(seat),
            flags: self.flags_of(seat),
            after_aisle: self.seats.after_aisle[at],
            at: self.seats.at[at],
            rank: self.seats.rank[at],
        }
    }

    /// Appends rows; a section of a known name grows. The caller has checked the limits.
    pub(super) fn add_section(&mut self, section: &Section) {
        let names = std::mem::take(&mut self.section_names);
        let (rows, seats) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.seats));
        let mut seating = Seating { names, rows, seats };
        seating.add(section);
        Seating { names: self.section_names, rows: self.rows, seats: self.seats } = seating;
    }
}

impl Seating {
    /// Appends rows; a section of a known name grows. The caller has checked the limits.
    pub(super) fn add(&mut self, section: &Section) {
        let known = self.names.iter().position(|name| *name == section.name);
        let index = SectionIndex::of(known.unwrap_or_else(|| {
            self.names.push(section.name.clone());
            self.names.len() - 1
        }));
        for row in &section.rows {
            let row_index = RowIndex::of(self.rows.len());
            self.rows.push((index, row.label.clone()));
            for seat in &row.seats {
                self.seats.push(row_index, seat);
            }
        }
    }
}

/// The quotas of a mask.
pub(crate) fn quota_indices(mut mask: u64) -> impl Iterator<Item = QuotaIndex> {
    std::iter::from_fn(move || {
        let at = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (at < 64).then(|| QuotaIndex::of(at as usize))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::fixture::{definition, wide};

    #[test]
    fn compiling_and_defining_again_gives_the_same() {
        for definition in [definition(), wide(1_000)] {
            let manifest = Manifest::compile(&definition).unwrap();
            assert_eq!(manifest.definition(), definition);
        }
    }

    #[test]
    fn names_labels_and_places_are_found_by_index() {
        let definition = definition();
        let manifest = Manifest::compile(&definition).unwrap();
        let mut index = 0;
        for (section_at, section) in definition.sections.iter().enumerate() {
            for row in &section.rows {
                for seat in &row.seats {
                    let found = manifest.find_seat(&seat.id).unwrap();
                    assert_eq!(found, SeatIndex(index));
                    assert_eq!(manifest.seat_label(found), seat.label);
                    assert_eq!(manifest.row_label(manifest.row_of(found)), row.label);
                    assert_eq!(manifest.section_of(found), SectionIndex::of(section_at));
                    assert_eq!(manifest.point_of(found), seat.at);
                    index += 1;
                }
            }
        }
        assert_eq!(manifest.seat_count(), index as usize);
        assert_eq!(manifest.find_seat("nobody"), None);
        assert!(!manifest.is_real(SeatIndex(index)));
    }

    #[test]
    fn a_mask_lists_its_quotas() {
        let listed: Vec<u16> = quota_indices(1 | 1 << 5 | 1 << 63).map(|q| q.0).collect();
        assert_eq!(listed, [0, 5, 63]);
        assert_eq!(quota_indices(0).count(), 0);
    }
}
