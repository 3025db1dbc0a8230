//! A concert arena: a stage at one end, standing places before it, two tiers around the rest.

use super::bowl::{METRE, Tier};
use super::curve::{Xy, oval};
use super::draft::{AreaDraft, Draft, SeatDraft, ZoneDraft};
use crate::plan::{Area, Text};

const STANDING_PLACES: u32 = 4_000;
/// The front of the stage, in the middle.
const STAGE_FRONT: Xy = (0.0, -19.0 * METRE);
/// Blocks whose middle lies above this are behind the stage: there are none.
const BEHIND: f64 = -29.0 * METRE;
/// Seats that lie above this see the stage from the side.
const BESIDE: f64 = -17.0 * METRE;

pub(super) fn draft() -> Draft {
    let curve = oval((11.0 * METRE, 24.0 * METRE), 7.0 * METRE, (0.17, 0.14));
    let lower = Tier { base: 100, offset: 1.5 * METRE, rows: 21, entrance_rows: 9..12, accessible_pairs: 4 };
    let offset = lower.depth() + 2.6 * METRE;
    let upper = Tier { base: 200, offset, rows: 21, entrance_rows: 4..7, accessible_pairs: 0 };
    let mut zones = vec![floor()];
    for (tier_at, tier) in [lower, upper].iter().enumerate() {
        zones.extend(tier.zones(
            &curve,
            |(_, y)| y > BEHIND,
            |middle, _, at| SeatDraft {
                restricted_view: at.1 < BESIDE,
                ..SeatDraft::new(at, category(tier_at, middle))
            },
        ));
    }
    Draft {
        name: "Arena",
        categories: vec![
            ("Floor", "#e07a2f"),
            ("Category 1", "#d1495b"),
            ("Category 2", "#8e5aa8"),
            ("Category 3", "#2f7fc1"),
            ("Category 4", "#2a9d8f"),
        ],
        zones,
        focal_point: STAGE_FRONT,
    }
}

fn category(tier_at: usize, (x, y): Xy) -> usize {
    let metres = (x - STAGE_FRONT.0).hypot(y - STAGE_FRONT.1) / METRE;
    match (tier_at, metres) {
        _ if y < BESIDE => 4,
        (0, ..40.0) => 1,
        (0, _) | (_, ..48.0) => 2,
        (_, ..66.0) => 3,
        _ => 4,
    }
}

fn floor() -> ZoneDraft {
    let area = |text: &str, color: &str, size: f32| Area {
        color: Some(color.to_owned()),
        text: Some(Text {
            text: text.to_owned(),
            color: Some("#ffffff".to_owned()),
            size: Some(size),
            ..Text::default()
        }),
        ..Area::default()
    };
    let stage = area("Stage", "#3a3f47", 200.0);
    let standing = Area {
        name: Some("Floor".to_owned()),
        category: Some("Floor".to_owned()),
        capacity: Some(STANDING_PLACES),
        ..area("Standing", "#e07a2f", 200.0)
    };
    let stage_size = (24.0 * METRE, 11.0 * METRE);
    let corner = (-stage_size.0 / 2.0, STAGE_FRONT.1 - stage_size.1);
    let floor_corner = (-15.0 * METRE, STAGE_FRONT.1 + 2.0 * METRE);
    let floor_size = (30.0 * METRE, 43.0 * METRE);
    ZoneDraft {
        name: "Floor".to_owned(),
        areas: vec![
            AreaDraft { corner, size: stage_size, area: stage },
            AreaDraft { corner: floor_corner, size: floor_size, area: standing },
        ],
        ..ZoneDraft::default()
    }
}
