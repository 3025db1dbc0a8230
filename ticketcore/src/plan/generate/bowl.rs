//! Tiers of blocks around a field or a floor.

use super::curve::{Arc, Xy};
use super::draft::{RowDraft, SeatDraft, ZoneDraft, make_accessible, row_label};

/// Plan units of a metre: seats are half a metre apart.
pub(super) const METRE: f64 = 48.0;

/// Distance of two rows.
const ROW_PITCH: f64 = 0.72 * METRE;
/// Width of a block that is aimed at.
const BLOCK_WIDTH: f64 = 15.0 * METRE;
/// Width between two stairs that is aimed at.
const STRETCH_WIDTH: f64 = 8.0 * METRE;
/// Seats that the mouth of an entrance takes on each side of a block's middle stairs.
const ENTRANCE_SEATS: usize = 3;

/// A ring of blocks.
pub(super) struct Tier {
    /// The number before that of its first block.
    pub(super) base: u32,
    /// From the curve to the first row.
    pub(super) offset: f64,
    pub(super) rows: usize,
    /// First row of the entrances' mouths and the one after the last, if there are any.
    pub(super) entrance_rows: std::ops::Range<usize>,
    /// Pairs of accessible and companion seats in the last row of every block.
    pub(super) accessible_pairs: usize,
}

impl Tier {
    /// From the curve to behind the last row.
    pub(super) fn depth(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a tier has some dozens of rows")]
        let rows = self.rows as f64;
        self.offset + rows * ROW_PITCH
    }

    /// The tier's blocks along the curve, as one zone each. `wanted` says by its middle whether there is a
    /// block; `seat` makes a seat of the middle of its row in the block, the row's number in the tier, and its
    /// place, so that a row in a block has one category.
    pub(super) fn zones(
        &self,
        curve: &[Arc],
        wanted: impl Fn(Xy) -> bool,
        seat: impl Fn(Xy, usize, Xy) -> SeatDraft,
    ) -> Vec<ZoneDraft> {
        let middle = f64::midpoint(self.offset, self.depth());
        let blocks = curve.iter().flat_map(|side| {
            let count = parts(side.moved(middle).length(), BLOCK_WIDTH);
            side.pieces(count).filter(|block| wanted(block.moved(middle).point(0.5)))
        });
        blocks.zip(1..).map(|(block, number)| self.zone(block, number, &seat)).collect()
    }

    fn zone(&self, block: Arc, number: u32, seat: impl Fn(Xy, usize, Xy) -> SeatDraft) -> ZoneDraft {
        let stretches = parts(block.moved(f64::midpoint(self.offset, self.depth())).length(), STRETCH_WIDTH);
        let mut rows = Vec::with_capacity(self.rows);
        let mut arc = block.moved(self.offset);
        for row_at in 0..self.rows {
            let middle = arc.point(0.5);
            let mut seats = Vec::new();
            for (stretch_at, stretch) in (0..).zip(arc.pieces(stretches)) {
                let mut points = stretch.seats();
                if self.entrance_rows.contains(&row_at) && stretches > 1 && points.len() > 2 * ENTRANCE_SEATS
                {
                    if stretch_at + 1 == stretches / 2 {
                        points.truncate(points.len() - ENTRANCE_SEATS);
                    } else if stretch_at == stretches / 2 {
                        points.drain(..ENTRANCE_SEATS);
                    }
                }
                seats.extend(points.into_iter().map(|point| seat(middle, row_at, point)));
            }
            if row_at + 1 == self.rows {
                make_accessible(&mut seats, self.accessible_pairs);
            }
            rows.push(RowDraft { label: row_label(row_at), seats });
            arc = arc.moved(ROW_PITCH);
        }
        ZoneDraft { name: (self.base + number).to_string(), rows, areas: Vec::new() }
    }
}

/// How many parts of about `width` a length has, one at least.
fn parts(length: f64, width: f64) -> u32 {
    let mut count = 1;
    while (f64::from(count) + 0.5) * width <= length {
        count += 1;
    }
    count
}
