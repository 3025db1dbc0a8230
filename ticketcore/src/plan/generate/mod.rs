//! Venues drawn by rule: for demonstrations, load tests and benchmarks.

mod arena;
mod bowl;
mod curve;
mod draft;
mod stadium;
mod theatre;

use super::SeatingPlan;

/// A kind of venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VenueKind {
    /// About 1,200 seats: stalls, a balcony, boxes.
    Theatre,
    /// About 14,000 seats on two tiers around 4,000 standing places before a stage.
    Arena,
    /// Exactly 80,000 seats on three tiers around a pitch.
    Stadium,
}

/// Draws a venue: curved rows, aisles, categories by distance, seats for wheelchair users and their companions,
/// restricted views. The same plan every time.
#[must_use]
pub fn generate(kind: VenueKind) -> SeatingPlan {
    let draft = match kind {
        VenueKind::Theatre => theatre::draft(),
        VenueKind::Arena => arena::draft(),
        VenueKind::Stadium => stadium::draft(),
    };
    draft.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::manifest::{Definition, Manifest, Seat};
    use crate::plan::PlanOptions;

    const KINDS: [VenueKind; 3] = [VenueKind::Theatre, VenueKind::Arena, VenueKind::Stadium];

    fn definition(kind: VenueKind) -> Definition {
        generate(kind).to_definition(&PlanOptions::new("Event")).unwrap()
    }

    fn seats(definition: &Definition) -> impl Iterator<Item = &Seat> {
        definition.sections.iter().flat_map(|section| &section.rows).flat_map(|row| &row.seats)
    }

    #[test]
    fn generated_plans_take_the_path_of_imported_ones() {
        for kind in KINDS {
            let plan = generate(kind);
            assert_eq!(SeatingPlan::parse(plan.to_json().as_bytes()), Ok(plan), "{kind:?}");
        }
    }

    #[test]
    fn venues_have_the_size_they_claim() {
        let count = |kind| seats(&definition(kind)).count();
        assert_eq!(count(VenueKind::Stadium), 80_000);
        assert!((1_150..=1_250).contains(&count(VenueKind::Theatre)), "{}", count(VenueKind::Theatre));
        assert!((13_500..=14_500).contains(&count(VenueKind::Arena)), "{}", count(VenueKind::Arena));
        let areas = definition(VenueKind::Arena).areas;
        assert_eq!((areas.len(), areas[0].name.as_str(), areas[0].capacity), (1, "Floor", 4_000));
    }

    #[test]
    fn no_two_seats_overlap_and_all_are_inside_the_drawing() {
        for kind in KINDS {
            let size = generate(kind).size.unwrap();
            let definition = definition(kind);
            let cell = |value: f32| f64::from(value / 22.0).floor();
            let mut grid: HashMap<String, Vec<&Seat>> = HashMap::new();
            for seat in seats(&definition) {
                assert!((0.0..=size.width).contains(&seat.at.x) && (0.0..=size.height).contains(&seat.at.y));
                for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (f64::from(dx), f64::from(dy))))
                {
                    let key = format!("{},{}", cell(seat.at.x) + dx, cell(seat.at.y) + dy);
                    for other in grid.get(&key).into_iter().flatten() {
                        let gap = (seat.at.x - other.at.x).hypot(seat.at.y - other.at.y);
                        assert!(gap >= 22.0, "{kind:?}: {} and {} are {gap} apart", seat.id, other.id);
                    }
                }
                grid.entry(format!("{},{}", cell(seat.at.x), cell(seat.at.y))).or_default().push(seat);
            }
        }
    }

    #[test]
    fn venues_have_everything_a_sale_must_cope_with() {
        for kind in KINDS {
            let definition = definition(kind);
            let count = |is: fn(&Seat) -> bool| seats(&definition).filter(|seat| is(seat)).count();
            let (accessible, companion) = (count(|s| s.flags.accessible), count(|s| s.flags.companion));
            assert!(accessible > 0 && accessible == companion, "{kind:?}: {accessible} {companion}");
            assert!(count(|s| s.flags.restricted_view) > 0, "{kind:?}");
            assert!(count(|s| s.after_aisle) > definition.sections.len(), "{kind:?}");
            for (at, category) in definition.categories.iter().enumerate() {
                let sold = seats(&definition).any(|seat| seat.category.at() == at)
                    || definition.areas.iter().any(|area| area.category.at() == at);
                assert!(sold, "{kind:?}: {}", category.name);
            }
            let manifest = Manifest::compile(&definition).unwrap();
            assert!(manifest.diff(&definition).unwrap().is_empty(&manifest));
        }
    }

    #[test]
    fn names_stay_what_they_are() {
        let definition = definition(VenueKind::Stadium);
        let section = definition.sections.iter().find(|section| section.name == "114").unwrap();
        let seat = &section.rows[2].seats[16];
        assert_eq!(
            (seat.id.as_str(), section.rows[2].label.as_str(), seat.label.as_str()),
            ("114-C-17", "C", "17")
        );
    }
}
