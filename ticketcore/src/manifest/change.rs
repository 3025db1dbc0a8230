//! Applying a change to a manifest.

use std::collections::HashSet;

use super::check::{ManifestError, fail};
use super::compiled::Manifest;
use super::definition::{ManifestChange, Rules, Section};
use crate::id::SeatIndex;
use crate::limits::{ROWS_MAX, SEAT_NAME_BYTES_MAX, SEATS_MAX, SECTIONS_MAX};

impl Manifest {
    /// The manifest after `change`. Existing seats keep their index. O(seats log seats).
    ///
    /// # Errors
    /// If the change refers to what is not there, changes what must stay, passes a limit (dropped seats and
    /// their rows count), or leads to a definition that is not valid.
    pub fn changed(&self, change: &ManifestChange) -> Result<Self, ManifestError> {
        self.check_lists(change)?;
        self.check_added(&change.added)?;
        let mut next = self.clone();
        next.rules = Rules { key_secret: self.rules.key_secret, ..change.rules.clone() };
        next.categories.clone_from(&change.categories);
        next.ticket_types.clone_from(&change.ticket_types);
        next.prices.clone_from(&change.prices);
        next.areas.clone_from(&change.areas);
        next.allocations.clone_from(&change.allocations);
        next.quotas.clone_from(&change.quotas);
        next.focal_point = change.focal_point;
        next.change_seats(change)?;
        for (position, &seat) in change.dropped.iter().enumerate() {
            next.is_there(seat, || format!("change.dropped[{position}]"))?;
            next.seats.drop_seat(seat.at());
        }
        for section in &change.added {
            next.add_section(section);
        }
        next.definition().check()?;
        next.derive();
        Ok(next)
    }

    /// Entries of the lists keep their index, quotas what they count and areas their category.
    fn check_lists(&self, change: &ManifestChange) -> Result<(), ManifestError> {
        let lists = [
            ("change.categories", self.categories.len(), change.categories.len()),
            ("change.ticket_types", self.ticket_types.len(), change.ticket_types.len()),
            ("change.areas", self.areas.len(), change.areas.len()),
            ("change.allocations", self.allocations.len(), change.allocations.len()),
            ("change.quotas", self.quotas.len(), change.quotas.len()),
        ];
        if let Some((place, old, new)) = lists.into_iter().find(|(_, old, new)| new < old) {
            let problem = format!("has {new} entries, had {old}: they may be changed or added, not removed");
            return Err(fail(place, problem));
        }
        for (at, (old, new)) in self.quotas.iter().zip(&change.quotas).enumerate() {
            let counted = (&new.ticket_types, &new.categories, &new.areas);
            if (&old.ticket_types, &old.categories, &old.areas) != counted {
                return Err(fail(
                    format!("change.quotas[{at}]"),
                    "an existing quota would count other tickets",
                ));
            }
        }
        for (at, (old, new)) in self.areas.iter().zip(&change.areas).enumerate() {
            if old.category != new.category {
                let place = format!("change.areas[{at}].category");
                return Err(fail(place, "an existing area would change its category"));
            }
        }
        Ok(())
    }

    /// Sizes that the dense numbers and columns rely on, before anything is added.
    fn check_added(&self, added: &[Section]) -> Result<(), ManifestError> {
        let (mut rows, mut seats) = (self.rows.len(), self.seats.len());
        let new = |section: &&Section| !self.section_names.contains(&section.name);
        let new_names: HashSet<&str> =
            added.iter().filter(new).map(|section| section.name.as_str()).collect();
        if self.section_names.len() + new_names.len() > SECTIONS_MAX {
            return Err(fail("change.added", format!("more than {SECTIONS_MAX} sections")));
        }
        for (section_at, section) in added.iter().enumerate() {
            rows += section.rows.len();
            for (row_at, row) in section.rows.iter().enumerate() {
                seats += row.seats.len();
                let fits = |text: &str| text.len() <= SEAT_NAME_BYTES_MAX;
                if let Some(at) = row.seats.iter().position(|seat| !fits(&seat.id) || !fits(&seat.label)) {
                    let place = format!("change.added[{section_at}].rows[{row_at}].seats[{at}]");
                    return Err(fail(place, "its id or label is too long"));
                }
            }
        }
        if rows > ROWS_MAX {
            return Err(fail("change.added", format!("more than {ROWS_MAX} rows, dropped ones included")));
        }
        if seats > SEATS_MAX {
            return Err(fail("change.added", format!("more than {SEATS_MAX} seats, dropped ones included")));
        }
        Ok(())
    }

    fn is_there(&self, seat: SeatIndex, place: impl FnOnce() -> String) -> Result<(), ManifestError> {
        if self.is_real(seat) {
            Ok(())
        } else {
            Err(fail(place(), format!("there is no seat {}, or it has been dropped", seat.0)))
        }
    }

    fn change_seats(&mut self, change: &ManifestChange) -> Result<(), ManifestError> {
        let mut labels: Vec<Option<&str>> = vec![None; self.seats.len()];
        for (position, (seat, entry)) in change.changed.iter().enumerate() {
            let place = |member: &str| format!("change.changed[{position}].{member}");
            self.is_there(*seat, || place("seat"))?;
            if entry.id != self.seat_id(*seat) {
                return Err(fail(place("id"), format!("seat `{}` can't be renamed", self.seat_id(*seat))));
            }
            if entry.allocation != self.first_allocation_of(*seat) {
                return Err(fail(
                    place("allocation"),
                    "a seat moves to another allocation by a staff command, not by a manifest change",
                ));
            }
            if entry.label.len() > SEAT_NAME_BYTES_MAX {
                return Err(fail(place("label"), "is too long"));
            }
            labels[seat.at()] = Some(&entry.label);
            self.seats.replace(seat.at(), entry);
        }
        if !change.changed.is_empty() {
            self.seats.relabel(|at| labels[at]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AllocationIndex, CategoryIndex};
    use crate::manifest::fixture::{definition, row, seat};

    fn manifest() -> Manifest {
        Manifest::compile(&definition()).unwrap()
    }

    /// Breaks a change that changes nothing and tells where applying it fails.
    fn place_of(break_it: impl FnOnce(&mut ManifestChange)) -> String {
        let mut change = manifest().diff(&definition()).unwrap();
        assert_eq!(manifest().changed(&change).unwrap().definition(), definition());
        break_it(&mut change);
        manifest().changed(&change).expect_err("the change is broken").place
    }

    #[test]
    fn lists_never_become_shorter_and_keep_their_meaning() {
        assert_eq!(place_of(|c| c.categories.truncate(1)), "change.categories");
        assert_eq!(place_of(|c| c.ticket_types.truncate(1)), "change.ticket_types");
        assert_eq!(place_of(|c| c.areas.clear()), "change.areas");
        assert_eq!(place_of(|c| c.allocations.clear()), "change.allocations");
        assert_eq!(place_of(|c| c.quotas.truncate(1)), "change.quotas");
        assert_eq!(place_of(|c| c.quotas[1].areas.clear()), "change.quotas[1]");
        assert_eq!(place_of(|c| c.areas[0].category = CategoryIndex(0)), "change.areas[0].category");
        assert_eq!(place_of(|c| c.categories[1].name = "first".to_owned()), "categories[1].name");
        assert_eq!(place_of(|c| c.rules.name.clear()), "rules.name");
    }

    #[test]
    fn seats_that_are_not_there_or_would_become_others_are_refused() {
        let first = manifest().seat_definition(SeatIndex(0));
        let changed = |seat: u32, entry: crate::manifest::Seat| {
            move |change: &mut ManifestChange| change.changed.push((SeatIndex(seat), entry))
        };
        assert_eq!(place_of(|c| c.dropped.push(SeatIndex(9))), "change.dropped[0]");
        assert_eq!(place_of(|c| c.dropped = vec![SeatIndex(3), SeatIndex(3)]), "change.dropped[1]");
        assert_eq!(place_of(changed(9, first.clone())), "change.changed[0].seat");
        assert_eq!(place_of(changed(1, first.clone())), "change.changed[0].id");
        let mut entry = first.clone();
        entry.allocation = Some(AllocationIndex(0));
        assert_eq!(place_of(changed(0, entry)), "change.changed[0].allocation");
        let mut entry = first.clone();
        entry.label = "x".repeat(65);
        assert_eq!(place_of(changed(0, entry)), "change.changed[0].label");
        let mut entry = first;
        entry.category = CategoryIndex(2);
        assert_eq!(place_of(changed(0, entry)), "sections[0].rows[0].seats[0].category");
    }

    #[test]
    fn limits_count_before_anything_is_added() {
        let added = |rows: Vec<crate::manifest::Row>| {
            move |change: &mut ManifestChange| {
                change.added = vec![Section { name: "A".to_owned(), rows }];
            }
        };
        assert_eq!(place_of(added(vec![row("", &[]); ROWS_MAX])), "change.added");
        let long = "x".repeat(SEAT_NAME_BYTES_MAX + 1);
        assert_eq!(place_of(added(vec![row("", &["a", &long])])), "change.added[0].rows[0].seats[1]");
        let many = (0..SECTIONS_MAX).map(|at| Section { name: at.to_string(), rows: Vec::new() }).collect();
        assert_eq!(place_of(|c| c.added = many), "change.added");
        let mut seats = row("", &[]);
        seats.seats = vec![seat("a"); SEATS_MAX];
        assert_eq!(place_of(added(vec![seats])), "change.added");
        assert_eq!(place_of(added(vec![row("", &["A-1-1"])])), "sections[0].rows[2].seats[0].id");
    }

    #[test]
    fn the_key_secret_stays() {
        let mut definition = definition();
        definition.rules.key_secret = (1, 2);
        let manifest = Manifest::compile(&definition).unwrap();
        let mut change = manifest.diff(&definition).unwrap();
        change.rules.key_secret = (3, 4);
        assert_eq!(manifest.changed(&change).unwrap().rules().key_secret, (1, 2));
    }
}
