//! The 2-bit map of 80,000 seats, copied from the durable view into a buffer that is used again, beside copying the same bytes.

use std::hint::black_box;

use ticketcore_benches::Random;

use crate::Outcome;
use crate::bare;
use crate::rounds::{ROUNDS, fresh, usual, warm_per_second};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

pub const NAMES: &[&str] = &["map_copy"];

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let opened = fresh(&usual())?;
    let seats = Random::new(1).permutation(ticketcore_benches::SEATS);
    for (n, pair) in (0..20_000).zip(seats.chunks(2)) {
        let _held = opened.hold(ticketcore_benches::user(n), None, pair)?;
    }
    let (mut map, mut copy) = (Vec::new(), Vec::new());
    let mut rounds: [Vec<f64>; 2] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        let rate = warm_per_second(|| {
            let revision = opened.office.seat_map(opened.event, black_box(&mut map));
            black_box(revision).expect("the event is open");
        });
        rounds[0].push(1e9 / rate);
        let rate = warm_per_second(|| {
            bare::copy(black_box(&map), black_box(&mut copy));
        });
        rounds[1].push(1e9 / rate);
        assert_eq!(map, copy, "both copy the same");
        others.push(watch.others_percent());
    }
    Ok(vec![Figure::new(NAMES[0], "ns").goal(Goal::RatioAtMost(5.0)).rounds(
        &rounds[0],
        &rounds[1],
        median(&others),
    )])
}
