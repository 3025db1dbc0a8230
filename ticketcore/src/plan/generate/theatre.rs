//! A theatre: fan-shaped stalls with a cross aisle, a balcony behind them, boxes along the walls.

use std::f64::consts::FRAC_PI_2;

use super::curve::{Arc, SEAT_PITCH, Xy};
use super::draft::{AreaDraft, Draft, RowDraft, SeatDraft, ZoneDraft, make_accessible, row_label};
use crate::plan::{Area, Text};

/// Plan units of a metre: seats are 55 centimetres apart.
const METRE: f64 = SEAT_PITCH / 0.55;
const ROW_PITCH: f64 = 0.85 * METRE;
/// Distance of the first row from the point that rows are bent around.
const FIRST_ROW: f64 = 25.0 * METRE;
/// Half the angle of the stalls.
const STALLS_ANGLE: f64 = 0.33;
const BALCONY_ANGLE: f64 = 0.35;
const STALLS_ROWS: usize = 20;
const CROSS_AISLE_AFTER: usize = 11;
const BALCONY_ROWS: usize = 9;
/// Where the two aisles are, as fractions of a row.
const AISLES: [f64; 4] = [0.0, 0.27, 0.73, 1.0];

pub(super) fn draft() -> Draft {
    let mut radius = FIRST_ROW;
    let mut stalls = Vec::new();
    for row_at in 0..STALLS_ROWS {
        let category = |side: bool| match row_at {
            0..=6 if !side => 0,
            0..=10 => 1,
            11..=15 if !side => 1,
            _ => 2,
        };
        let mut row = row(radius, STALLS_ANGLE, row_at, category);
        if row_at + 1 == STALLS_ROWS {
            make_accessible(&mut row.seats, 3);
            row.seats.reverse();
            make_accessible(&mut row.seats, 3);
            row.seats.reverse();
        }
        stalls.push(row);
        radius += ROW_PITCH + if row_at == CROSS_AISLE_AFTER { 1.1 * METRE } else { 0.0 };
    }
    radius += 2.2 * METRE;
    let mut balcony = Vec::new();
    for row_at in 0..BALCONY_ROWS {
        let mut row = row(radius, BALCONY_ANGLE, row_at, |side| match row_at {
            0..=3 if !side => 2,
            _ => 3,
        });
        if row_at == 0 {
            // The ends of the first row look past the rail.
            let last = row.seats.len() - 1;
            for at in [0, 1, 2, last - 2, last - 1, last] {
                row.seats[at].restricted_view = true;
            }
        }
        balcony.push(row);
        radius += ROW_PITCH;
    }
    let zone = |name: &str, rows| ZoneDraft { name: name.to_owned(), rows, areas: Vec::new() };
    Draft {
        name: "Theatre",
        categories: vec![
            ("Premium", "#d9a400"),
            ("Category 1", "#d1495b"),
            ("Category 2", "#8e5aa8"),
            ("Category 3", "#2f7fc1"),
        ],
        zones: vec![stage(), zone("Stalls", stalls), zone("Balcony", balcony), zone("Boxes", boxes())],
        focal_point: (0.0, FIRST_ROW - 4.0 * METRE),
    }
}

/// A row from left to right in three stretches; `category` is told whether a seat is in an outer one.
fn row(radius: f64, angle: f64, row_at: usize, category: impl Fn(bool) -> usize) -> RowDraft {
    let arc = Arc { centre: (0.0, 0.0), radius, from: FRAC_PI_2 - angle, to: FRAC_PI_2 + angle };
    let mut seats = Vec::new();
    for (stretch_at, ends) in AISLES.windows(2).enumerate() {
        let points = arc.piece(ends[0], ends[1]).seats();
        seats.extend(points.into_iter().map(|at| SeatDraft::new(at, category(stretch_at != 1))));
    }
    seats.reverse();
    RowDraft { label: row_label(row_at), seats }
}

/// Four boxes of four seats along each wall, as rows 1 to 8; the nearest to the stage see it from the side.
fn boxes() -> Vec<RowDraft> {
    let mut rows = Vec::new();
    for side in [1.0, -1.0] {
        for box_at in 0..4u32 {
            let seat = |seat_at: u32| {
                let radius =
                    FIRST_ROW + (2.0 + 3.2 * f64::from(box_at)) * METRE + f64::from(seat_at) * SEAT_PITCH;
                let angle = FRAC_PI_2 + side * (STALLS_ANGLE + 1.4 * METRE / radius);
                let at: Xy = (radius * angle.cos(), radius * angle.sin());
                SeatDraft {
                    restricted_view: box_at == 0,
                    ..SeatDraft::new(at, if box_at == 0 { 3 } else { 1 })
                }
            };
            rows.push(RowDraft { label: (rows.len() + 1).to_string(), seats: (0..4).map(seat).collect() });
        }
    }
    rows
}

fn stage() -> ZoneDraft {
    let area = Area {
        color: Some("#3a3f47".to_owned()),
        text: Some(Text {
            text: "Stage".to_owned(),
            color: Some("#ffffff".to_owned()),
            size: Some(60.0),
            ..Text::default()
        }),
        ..Area::default()
    };
    let size = (15.0 * METRE, 7.0 * METRE);
    let corner = (-size.0 / 2.0, FIRST_ROW - 4.0 * METRE - size.1);
    ZoneDraft {
        name: "Stage".to_owned(),
        areas: vec![AreaDraft { corner, size, area }],
        ..ZoneDraft::default()
    }
}
