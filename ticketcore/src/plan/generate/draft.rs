//! A venue with absolute points, on its way to a plan.

use super::curve::Xy;
use crate::manifest::Point;
use crate::plan::{Area, Category, Row, Seat, SeatingPlan, Size, Zone};

/// Empty border around the drawing.
const MARGIN: f64 = 60.0;

pub(super) struct Draft {
    pub(super) name: &'static str,
    /// Names and colours, best first.
    pub(super) categories: Vec<(&'static str, &'static str)>,
    pub(super) zones: Vec<ZoneDraft>,
    pub(super) focal_point: Xy,
}

#[derive(Default)]
pub(super) struct ZoneDraft {
    pub(super) name: String,
    pub(super) rows: Vec<RowDraft>,
    pub(super) areas: Vec<AreaDraft>,
}

pub(super) struct RowDraft {
    pub(super) label: String,
    pub(super) seats: Vec<SeatDraft>,
}

#[derive(Clone, Copy)]
pub(super) struct SeatDraft {
    pub(super) at: Xy,
    /// Position in the draft's categories.
    pub(super) category: usize,
    pub(super) accessible: bool,
    pub(super) companion: bool,
    pub(super) restricted_view: bool,
}

impl SeatDraft {
    pub(super) fn new(at: Xy, category: usize) -> Self {
        Self { at, category, accessible: false, companion: false, restricted_view: false }
    }
}

/// A rectangle; its position is still open in `area`.
pub(super) struct AreaDraft {
    pub(super) corner: Xy,
    pub(super) size: Xy,
    pub(super) area: Area,
}

/// Makes the first `pairs` pairs of seats places for a wheelchair user and a companion.
pub(super) fn make_accessible(seats: &mut [SeatDraft], pairs: usize) {
    for pair in seats.chunks_exact_mut(2).take(pairs) {
        pair[0].accessible = true;
        pair[1].companion = true;
    }
}

/// A, B, ... Z, AA, AB, ...: letters without I and O, which look like digits.
pub(super) fn row_label(at: usize) -> String {
    const LETTERS: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let letter = char::from(LETTERS[at % LETTERS.len()]);
    match at / LETTERS.len() {
        0 => letter.to_string(),
        before => format!("{}{letter}", row_label(before - 1)),
    }
}

impl Draft {
    pub(super) fn seat_count(&self) -> usize {
        self.zones.iter().flat_map(|zone| &zone.rows).map(|row| row.seats.len()).sum()
    }

    /// Moves everything into the positive quadrant, numbers the seats from 1 and names them `114-C-17`.
    pub(super) fn finish(self) -> SeatingPlan {
        let (low, high) = self.bounds();
        let moved = |(x, y): Xy| (x - low.0 + MARGIN, y - low.1 + MARGIN);
        let (width, height) = moved(high);
        let zones = self.zones.iter().map(|zone| zone.finish(&self.categories, moved)).collect();
        let category =
            |&(name, color): &(&str, &str)| Category { name: name.to_owned(), color: Some(color.to_owned()) };
        SeatingPlan {
            name: self.name.to_owned(),
            categories: self.categories.iter().map(category).collect(),
            zones,
            size: Some(Size { width: tenths(width + MARGIN).ceil(), height: tenths(height + MARGIN).ceil() }),
            focal_point: Some(point(moved(self.focal_point), (0.0, 0.0))),
        }
    }

    fn bounds(&self) -> (Xy, Xy) {
        let seats = self.zones.iter().flat_map(|zone| &zone.rows).flat_map(|row| &row.seats);
        let areas = self.zones.iter().flat_map(|zone| &zone.areas);
        let corners = areas.flat_map(|area| {
            let (corner, size) = (area.corner, area.size);
            [corner, (corner.0 + size.0, corner.1 + size.1)]
        });
        let all = seats.map(|seat| seat.at).chain(corners).map(|at| (at, at));
        let both = |(low, high): (Xy, Xy), (at, _): (Xy, Xy)| {
            let low = (f64::min(low.0, at.0), f64::min(low.1, at.1));
            (low, (f64::max(high.0, at.0), f64::max(high.1, at.1)))
        };
        all.reduce(both).unwrap_or_default()
    }
}

impl ZoneDraft {
    fn finish(&self, categories: &[(&str, &str)], moved: impl Fn(Xy) -> Xy) -> Zone {
        let first = self.rows.iter().flat_map(|row| &row.seats).map(|seat| seat.at).next();
        let origin = moved(first.or(self.areas.first().map(|area| area.corner)).unwrap_or_default());
        let origin = (origin.0.round(), origin.1.round());
        let rows = self.rows.iter().filter(|row| !row.seats.is_empty()).map(|row| {
            let start = moved(row.seats[0].at);
            let position = point(start, origin);
            let start = (origin.0 + f64::from(position.x), origin.1 + f64::from(position.y));
            let seats = row.seats.iter().zip(1..).map(|(seat, number)| Seat {
                seat_guid: format!("{}-{}-{number}", self.name, row.label),
                seat_number: number.to_string(),
                position: point(moved(seat.at), start),
                category: categories[seat.category].0.to_owned(),
                radius: None,
                accessible: seat.accessible,
                companion: seat.companion,
                restricted_view: seat.restricted_view,
                rank: None,
            });
            Row { row_number: row.label.clone(), position, seats: seats.collect() }
        });
        let areas = self.areas.iter().map(|draft| {
            let position = point(moved(draft.corner), origin);
            let size = Size { width: tenths(draft.size.0), height: tenths(draft.size.1) };
            Area { position, shape: crate::plan::Shape::Rectangle(size), ..draft.area.clone() }
        });
        Zone {
            name: self.name.clone(),
            position: point(origin, (0.0, 0.0)),
            rows: rows.collect(),
            areas: areas.collect(),
        }
    }
}

fn point(at: Xy, origin: Xy) -> Point {
    Point { x: tenths(at.0 - origin.0), y: tenths(at.1 - origin.1) }
}

/// Rounded to a tenth of a unit, which keeps documents small and readable.
#[expect(clippy::cast_possible_truncation, reason = "a coordinate of a drawing fits f32 well enough")]
fn tenths(value: f64) -> f32 {
    // Adding zero makes a negative zero a plain one.
    ((value * 10.0).round() / 10.0 + 0.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_labelled_like_columns_without_i_and_o() {
        let labels: Vec<String> = [0, 7, 8, 12, 13, 23, 24, 25, 47, 48].map(row_label).to_vec();
        assert_eq!(labels, ["A", "H", "J", "N", "P", "Z", "AA", "AB", "AZ", "BA"]);
    }
}
