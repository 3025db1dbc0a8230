//! Arcs that rows follow. Angles in radians, clockwise on the drawing (y grows downwards) from the right.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// A point of the drawing.
pub(super) type Xy = (f64, f64);

/// Distance of the centres of two seats side by side, in the plan's units.
pub(super) const SEAT_PITCH: f64 = 24.0;

/// Narrow enough for stairs and wide enough to be seen as an aisle: half of the gap between two edge seats.
const HALF_AISLE: f64 = 27.0;

/// Part of a circle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    pub(super) centre: Xy,
    pub(super) radius: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Arc {
    pub(super) fn length(&self) -> f64 {
        self.radius * (self.to - self.from)
    }

    /// The same angles, further out.
    pub(super) fn moved(&self, outwards: f64) -> Self {
        Self { radius: self.radius + outwards, ..*self }
    }

    /// The piece between two fractions of the arc.
    pub(super) fn piece(&self, start: f64, end: f64) -> Self {
        let angle = |fraction: f64| self.from + (self.to - self.from) * fraction;
        Self { from: angle(start), to: angle(end), ..*self }
    }

    /// The pieces of `count` equal ones.
    pub(super) fn pieces(&self, count: u32) -> impl Iterator<Item = Self> + use<> {
        let arc = *self;
        let fraction = move |at: u32| f64::from(at) / f64::from(count);
        (0..count).map(move |at| arc.piece(fraction(at), fraction(at + 1)))
    }

    /// The point at a fraction of the arc.
    pub(super) fn point(&self, fraction: f64) -> Xy {
        let (sin, cos) = (self.from + (self.to - self.from) * fraction).sin_cos();
        (self.centre.0 + self.radius * cos, self.centre.1 + self.radius * sin)
    }

    /// Seats along the arc, half an aisle from both ends: as many as fit, evenly spread.
    pub(super) fn seats(&self) -> Vec<Xy> {
        let room = self.length() - 2.0 * HALF_AISLE;
        if room < 0.0 {
            return Vec::new();
        }
        let mut gaps = 0u32;
        // The small addition keeps a row that fits exactly from depending on the last bit of a sine.
        while f64::from(gaps + 1) * SEAT_PITCH <= room + 1e-6 {
            gaps += 1;
        }
        let step = if gaps == 0 { 0.0 } else { room / f64::from(gaps) };
        let start = if gaps == 0 { self.length() / 2.0 } else { HALF_AISLE };
        (0..=gaps).map(|at| self.point((start + f64::from(at) * step) / self.length())).collect()
    }
}

/// A closed curve of eight arcs that meet without a kink: gently bent sides and round corners, clockwise from
/// the upper side. The corners' centres are `(±centre.0, ±centre.1)`; the upper and lower sides span
/// `2 * bend.0`, the others `2 * bend.1`.
pub(super) fn oval(centre: Xy, corner_radius: f64, bend: (f64, f64)) -> [Arc; 8] {
    let (x, y) = centre;
    let (wide, high) = bend;
    // A side's centre lies on the normal at which it meets the corner.
    let (wide_radius, high_radius) = (corner_radius + x / wide.sin(), corner_radius + y / high.sin());
    let (wide_centre, high_centre) = (x / wide.tan() - y, y / high.tan() - x);
    let side = |centre: Xy, radius: f64, middle: f64, half: f64| Arc {
        centre,
        radius,
        from: middle - half,
        to: middle + half,
    };
    let corner = |right: f64, down: f64, from: f64, to: f64| Arc {
        centre: (right * x, down * y),
        radius: corner_radius,
        from,
        to,
    };
    let top = 3.0 * FRAC_PI_2;
    [
        side((0.0, wide_centre), wide_radius, top, wide),
        corner(1.0, -1.0, top + wide, TAU - high),
        side((-high_centre, 0.0), high_radius, TAU, high),
        corner(1.0, 1.0, high, FRAC_PI_2 - wide),
        side((0.0, -wide_centre), wide_radius, FRAC_PI_2, wide),
        corner(-1.0, 1.0, FRAC_PI_2 + wide, PI - high),
        side((high_centre, 0.0), high_radius, PI, high),
        corner(-1.0, -1.0, PI + high, top - wide),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arcs_of_an_oval_meet() {
        let arcs = oval((40.0, 25.0), 16.0, (0.14, 0.2));
        for at in 0..8 {
            let (end, start) = (arcs[at].point(1.0), arcs[(at + 1) % 8].point(0.0));
            assert!((end.0 - start.0).hypot(end.1 - start.1) < 1e-9, "arc {at}: {end:?} {start:?}");
        }
    }

    #[test]
    fn seats_keep_their_distance_and_fill_the_arc() {
        for length in 0..500 {
            let arc = Arc { centre: (0.0, 0.0), radius: 1_000.0, from: 0.0, to: f64::from(length) / 1_000.0 };
            let seats = arc.seats();
            assert_eq!(seats.is_empty(), f64::from(length) < 2.0 * HALF_AISLE);
            for pair in seats.windows(2) {
                let gap = (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
                assert!((SEAT_PITCH - 0.01..2.0 * SEAT_PITCH).contains(&gap), "{gap}");
            }
        }
    }
}
