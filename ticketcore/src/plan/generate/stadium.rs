//! A football stadium of exactly 80,000 seats: three tiers around the pitch.

use super::bowl::{METRE, Tier};
use super::curve::{Xy, oval};
use super::draft::{AreaDraft, Draft, SeatDraft, ZoneDraft};
use crate::plan::{Area, Text};

const SEATS: usize = 80_000;
const PITCH: Xy = (105.0 * METRE, 68.0 * METRE);

pub(super) fn draft() -> Draft {
    let curve = oval((46.0 * METRE, 26.0 * METRE), 16.0 * METRE, (0.14, 0.2));
    let lower = Tier { base: 100, offset: 0.0, rows: 30, entrance_rows: 14..17, accessible_pairs: 5 };
    let offset = lower.depth() + 2.6 * METRE;
    let middle = Tier { base: 200, offset, rows: 16, entrance_rows: 0..0, accessible_pairs: 4 };
    let offset = middle.depth() + 2.6 * METRE;
    let upper = Tier { base: 300, offset, rows: 33, entrance_rows: 5..9, accessible_pairs: 0 };
    let mut zones = vec![pitch()];
    for (tier_at, tier) in [lower, middle, upper].iter().enumerate() {
        zones.extend(tier.zones(
            &curve,
            |_| true,
            |middle, row_at, at| SeatDraft {
                // The rail in front of the upper tier.
                restricted_view: tier_at == 2 && row_at == 0,
                ..SeatDraft::new(at, category(tier_at, middle))
            },
        ));
    }
    let mut draft = Draft {
        name: "Stadium",
        categories: vec![
            ("Premium", "#d9a400"),
            ("Category 1", "#d1495b"),
            ("Category 2", "#8e5aa8"),
            ("Category 3", "#2f7fc1"),
            ("Category 4", "#2a9d8f"),
        ],
        zones,
        focal_point: (0.0, 0.0),
    };
    trim(&mut draft);
    draft
}

/// By tier and distance from the centre spot; the middle of the long sides is best.
fn category(tier_at: usize, (x, y): Xy) -> usize {
    let metres = x.hypot(y) / METRE;
    if tier_at == 1 && x.abs() < 36.0 * METRE {
        return 0;
    }
    match metres {
        ..64.0 => 1,
        64.0..92.0 => 2,
        92.0..108.0 => 3,
        _ => 4,
    }
}

/// Takes surplus seats from the ends of the last rows, one per block in turn.
fn trim(draft: &mut Draft) {
    let mut surplus = draft.seat_count().saturating_sub(SEATS);
    let mut from_start = false;
    while surplus > 0 {
        for zone in draft.zones.iter_mut().filter(|zone| zone.name.starts_with('3')) {
            let Some(row) = zone.rows.last_mut().filter(|row| surplus > 0 && !row.seats.is_empty()) else {
                continue;
            };
            row.seats.remove(if from_start { 0 } else { row.seats.len() - 1 });
            surplus -= 1;
        }
        from_start = !from_start;
    }
}

fn pitch() -> ZoneDraft {
    let area = Area {
        color: Some("#7cb66a".to_owned()),
        border_color: Some("#ffffff".to_owned()),
        text: Some(Text {
            text: "Pitch".to_owned(),
            color: Some("#ffffff".to_owned()),
            size: Some(400.0),
            ..Text::default()
        }),
        ..Area::default()
    };
    let corner = (-PITCH.0 / 2.0, -PITCH.1 / 2.0);
    ZoneDraft {
        name: "Pitch".to_owned(),
        areas: vec![AreaDraft { corner, size: PITCH, area }],
        ..ZoneDraft::default()
    }
}
