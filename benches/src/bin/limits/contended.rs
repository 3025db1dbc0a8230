//! Two threads hold and release pairs of the same 200 seats: how long one decision takes, accepted or refused, at the 99th percentile,
//! beside the same from one thread. The two readings of the clock are in both.

use std::time::Instant;

use ticketcore::{CommandError, HoldId};
use ticketcore_benches::{Opened, Random, key, user};

use crate::Outcome;
use crate::rounds::{ROUND, ROUNDS, fresh, two_threads, usual};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

pub const NAMES: &[&str] = &["contended_p99", "contended_p50"];

const SEATS: u32 = 200;

/// How long every hold took, in nanoseconds.
fn latencies(opened: &Opened, number: u64) -> Vec<u64> {
    let mut random = Random::new(number);
    let mut taken = Vec::with_capacity(1 << 20);
    let start = Instant::now();
    let mut n = number << 40;
    while start.elapsed() < ROUND {
        n += 1;
        let user = user(n);
        let request = opened.request(user, Some(key(n)), &random.two_below(SEATS));
        let before = Instant::now();
        let outcome: Result<HoldId, CommandError> = opened.office.hold(request).wait().map(|hold| hold.id);
        taken.push(u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX));
        match outcome {
            Ok(hold) => opened.release(user, None, hold).expect("it was held a moment ago"),
            Err(CommandError::Refused(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

fn percentile(latencies: &mut [u64], percent: usize) -> f64 {
    let at = (latencies.len() * percent / 100).min(latencies.len() - 1);
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one call")]
    let found = *latencies.select_nth_unstable(at).1 as f64;
    found
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let definition = usual();
    let mut rounds: [Vec<f64>; 4] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        let opened = fresh(&definition)?;
        let mut alone = latencies(&opened, 1);
        let opened = fresh(&definition)?;
        let mut both = two_threads(|number, begin| {
            begin();
            latencies(&opened, number + 1)
        })
        .concat();
        rounds[0].push(percentile(&mut alone, 99));
        rounds[1].push(percentile(&mut both, 99));
        rounds[2].push(percentile(&mut alone, 50));
        rounds[3].push(percentile(&mut both, 50));
        others.push(watch.others_percent());
    }
    let others = median(&others);
    Ok(vec![
        Figure::new(NAMES[0], "ns").goal(Goal::RatioAtMost(10.0)).rounds(&rounds[1], &rounds[0], others),
        Figure::new(NAMES[1], "ns").rounds(&rounds[3], &rounds[2], others),
    ])
}
