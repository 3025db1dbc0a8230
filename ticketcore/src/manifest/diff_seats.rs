//! The seats' part of a diff.

use std::collections::HashSet;

use super::check::{ManifestError, fail};
use super::compiled::Manifest;
use super::definition::{Definition, Row, Seat, Section};
use super::diff::Indices;
use crate::id::SeatIndex;

/// What becomes of the seats.
pub(super) struct SeatDiff<'a> {
    manifest: &'a Manifest,
    indices: &'a Indices,
    stays: HashSet<SeatIndex>,
    pub(super) changed: Vec<(SeatIndex, Seat)>,
    pub(super) dropped: Vec<SeatIndex>,
    pub(super) added: Vec<Section>,
}

impl<'a> SeatDiff<'a> {
    pub(super) fn new(
        manifest: &'a Manifest,
        indices: &'a Indices,
        definition: &Definition,
    ) -> Result<Self, ManifestError> {
        let rows = definition.sections.iter().flat_map(|section| &section.rows);
        let seats = rows.flat_map(|row| &row.seats);
        let stays = seats.filter_map(|seat| manifest.find_seat(&seat.id)).collect();
        let (changed, dropped, added) = (Vec::new(), Vec::new(), Vec::new());
        let mut diff = Self { manifest, indices, stays, changed, dropped, added };
        let known: HashSet<&str> = manifest.section_names.iter().map(String::as_str).collect();
        for (section_at, section) in definition.sections.iter().enumerate() {
            let mut added = Vec::new();
            for (row_at, row) in section.rows.iter().enumerate() {
                let place = |seat_at: usize, member: &str| {
                    format!("sections[{section_at}].rows[{row_at}].seats[{seat_at}]{member}")
                };
                diff.row(&section.name, row, place, &mut added)?;
            }
            if !(added.is_empty() && known.contains(section.name.as_str())) {
                diff.added.push(Section { name: section.name.clone(), rows: added });
            }
        }
        diff.changed.sort_unstable_by_key(|(seat, _)| *seat);
        diff.dropped = manifest.seats().filter(|seat| !diff.stays.contains(seat)).collect();
        Ok(diff)
    }

    /// Notes changed seats, and puts each stretch of added ones into `added` as a row.
    fn row(
        &mut self,
        section: &str,
        row: &Row,
        place: impl Fn(usize, &str) -> String,
        added: &mut Vec<Row>,
    ) -> Result<(), ManifestError> {
        let mut stretch = Vec::new();
        let mut before = None;
        for (seat_at, asked) in row.seats.iter().enumerate() {
            let mut asked = self.indices.seat(asked);
            let index = self.manifest.find_seat(&asked.id);
            if let Some(index) = index {
                self.may_stay(index, section, &row.label, &asked)
                    .map_err(|(member, problem)| fail(place(seat_at, member), problem))?;
                asked.after_aisle |= self.is_parted(index, before);
                if asked != self.manifest.seat_definition(index) {
                    self.changed.push((index, asked));
                }
                flush(&row.label, &mut stretch, added);
            } else {
                stretch.push(asked);
            }
            before = index;
        }
        flush(&row.label, &mut stretch, added);
        Ok(())
    }

    /// Whether `seat` and the seat with the index before it would count as neighbours, though in the new
    /// definition another seat or none comes before it.
    fn is_parted(&self, seat: SeatIndex, before: Option<SeatIndex>) -> bool {
        seat.0.checked_sub(1).map(SeatIndex).is_some_and(|previous| {
            self.stays.contains(&previous)
                && self.manifest.row_of(previous) == self.manifest.row_of(seat)
                && before != Some(previous)
        })
    }

    fn may_stay(
        &self,
        index: SeatIndex,
        section: &str,
        row: &str,
        asked: &Seat,
    ) -> Result<(), (&'static str, String)> {
        let id = &asked.id;
        let old_section = &self.manifest.section_names[self.manifest.section_of(index).at()];
        let old_row = self.manifest.row_label(self.manifest.row_of(index));
        if (old_section.as_str(), old_row) != (section, row) {
            let from = format!("section `{old_section}` row `{old_row}`");
            return Err((
                "",
                format!("seat `{id}` is in {from} and can't move to section `{section}` row `{row}`"),
            ));
        }
        if asked.allocation != self.manifest.first_allocation_of(index) {
            let how = "moves to another allocation by a staff command, not by a manifest change";
            return Err((".allocation", format!("seat `{id}` {how}")));
        }
        Ok(())
    }
}

fn flush(label: &str, stretch: &mut Vec<Seat>, added: &mut Vec<Row>) {
    if !stretch.is_empty() {
        added.push(Row { label: label.to_owned(), seats: std::mem::take(stretch) });
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

    fn applied(manifest: &Manifest, asked: &Definition) -> Manifest {
        let after = manifest.changed(&manifest.diff(asked).unwrap()).unwrap();
        assert!(after.diff(asked).unwrap().is_empty(&after), "asking again changes nothing");
        after
    }

    /// Every seat with its section and row, in order of ids.
    fn seats(definition: &Definition) -> Vec<(String, String, Seat)> {
        let mut all = Vec::new();
        for section in &definition.sections {
            for row in &section.rows {
                let place = |seat: &Seat| (section.name.clone(), row.label.clone(), seat.clone());
                all.extend(row.seats.iter().map(place));
            }
        }
        all.sort_by(|a, b| a.2.id.cmp(&b.2.id));
        all
    }

    #[test]
    fn changed_dropped_and_added_seats_end_up_as_asked() {
        let mut asked = definition();
        asked.sections[0].rows[0].seats.remove(1);
        let changed = &mut asked.sections[0].rows[1].seats[0];
        changed.label = "one".to_owned();
        changed.category = CategoryIndex(1);
        changed.flags.restricted_view = true;
        changed.at.x = 9.0;
        changed.after_aisle = true;
        asked.sections[0].rows[1].seats.push(seat("A-2-3"));
        asked.sections[1].rows.push(row("2", &["B-2-1", "B-2-2"]));
        asked.sections.push(Section { name: "C".to_owned(), rows: vec![row("1", &["C-1-1"])] });
        let before = manifest();
        let after = applied(&before, &asked);
        assert_eq!(seats(&after.definition()), seats(&asked));
        assert_eq!(after.seat_count(), before.seat_count() + 4);
        for seat in before.seats() {
            assert_eq!(after.seat_id(seat), before.seat_id(seat), "existing seats keep their index");
        }
        assert_eq!(after.find_seat("A-1-2"), None);
        assert!(!after.is_real(before.find_seat("A-1-2").unwrap()));
        assert_eq!(after.section_names(), ["A", "B", "C"]);
    }

    #[test]
    fn a_dropped_id_may_come_back_as_another_seat() {
        let mut without = definition();
        without.sections[0].rows[0].seats.remove(1);
        let after = applied(&applied(&manifest(), &without), &definition());
        assert_eq!(after.find_seat("A-1-2"), Some(SeatIndex(9)));
        assert_eq!(seats(&after.definition()), seats(&definition()));
    }

    #[test]
    fn a_seat_added_in_between_parts_its_neighbours() {
        let mut asked = definition();
        asked.sections[0].rows[0].seats.insert(1, seat("A-1-1a"));
        let after = applied(&manifest(), &asked);
        assert!(!after.next_is_adjacent(SeatIndex(0)));
        assert!(after.next_is_adjacent(SeatIndex(1)));
        let mut turned = definition();
        turned.sections[0].rows[0].seats.reverse();
        let after = applied(&manifest(), &turned);
        assert!(!after.next_is_adjacent(SeatIndex(0)) && !after.next_is_adjacent(SeatIndex(1)));
    }

    #[test]
    fn ranks_come_to_all_seats_or_the_change_is_refused() {
        let mut ranked = definition();
        let all = ranked.sections.iter_mut().flat_map(|s| &mut s.rows).flat_map(|r| &mut r.seats);
        for (rank, seat) in (0..).zip(all) {
            seat.rank = Some(100 - rank);
        }
        let after = applied(&manifest(), &ranked);
        assert_eq!((after.rank_of(SeatIndex(0)), after.rank_of(SeatIndex(8))), (8, 0));
        let mut change = manifest().diff(&definition()).unwrap();
        change.added = vec![Section {
            name: "C".to_owned(),
            rows: vec![Row { label: String::new(), seats: vec![Seat { rank: Some(1), ..seat("C-1-1") }] }],
        }];
        assert_eq!(manifest().changed(&change).unwrap_err().place, "sections[2].rows[0].seats[0].rank");
    }

    #[test]
    fn moving_a_seat_is_refused_by_name() {
        let mut other_row = definition();
        let moved = other_row.sections[0].rows[0].seats.remove(2);
        other_row.sections[0].rows[1].seats.push(moved);
        let error = manifest().diff(&other_row).unwrap_err();
        assert_eq!(error.place, "sections[0].rows[1].seats[2]");
        assert_eq!(
            error.problem,
            "seat `A-1-3` is in section `A` row `1` and can't move to section `A` row `2`"
        );
        let mut other_section = definition();
        other_section.sections[1].name = "D".to_owned();
        assert_eq!(manifest().diff(&other_section).unwrap_err().place, "sections[1].rows[0].seats[0]");
        let mut allocated = definition();
        allocated.sections[0].rows[0].seats[1].allocation = Some(AllocationIndex(0));
        let error = manifest().diff(&allocated).unwrap_err();
        assert_eq!(error.place, "sections[0].rows[0].seats[1].allocation");
    }
}
