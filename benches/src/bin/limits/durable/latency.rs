//! One hold at a time, waited for; and the slowest of a thousand while segments are archived and used again and snapshots are saved, beside the
//! slowest while they are not. A second thread holds and releases in both cases.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ticketcore::store::local::LocalOptions;
use ticketcore::store::{Store, StreamId};
use ticketcore::{Options, ReleaseRequest};
use ticketcore_benches::{Random, SEATS, key, user};

use super::disk::{quantile, write_and_sync};
use super::{Durable, Figures, LATENCY};
use crate::Outcome;
use crate::rounds::{ROUNDS, options};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

const ROUND: Duration = Duration::from_secs(1);
const LONG_ROUND: Duration = Duration::from_secs(4);
/// Facts between two snapshots: some two a second.
const SNAPSHOT_EVERY: u64 = 25_000;
/// Seats that the measured thread uses; the rest is the other's.
const OWN: u32 = 40_000;

fn one_at_a_time(durable: &Durable, time: Duration) -> Vec<Duration> {
    let mut random = Random::new(3);
    let begun = Instant::now();
    let mut times = Vec::new();
    let mut number = 0;
    while begun.elapsed() < time {
        number += 1;
        let user = user(number);
        let seats = random.two_below(OWN);
        let request = durable.opened.request(user, Some(key(number)), &seats);
        let start = Instant::now();
        let hold = durable.opened.office.hold(request).wait().expect("the seats are free");
        times.push(start.elapsed());
        durable.opened.release(user, None, hold.id).expect("it was held");
    }
    times
}

/// Holds and releases in batches until told to stop: about 25 MB of log a second at most.
fn feed(durable: &Durable, stop: &AtomicBool) {
    let mut number = 1 << 40;
    while !stop.load(Ordering::Relaxed) {
        let requests = (0..128u32).map(|at| {
            number += 1;
            let first = OWN + at * 2 % (SEATS - OWN);
            durable.opened.request(user(number), Some(key(number)), &[first, first + 1])
        });
        let holds = durable.opened.office.hold_many(requests.collect());
        let holds = holds.into_iter().map(|hold| hold.wait().expect("the seats are free"));
        let back = holds.map(|hold| ReleaseRequest { hold: hold.id, user: hold.user, key: None });
        for done in durable.opened.office.release_many(back.collect()) {
            done.wait().expect("it was held");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn slowest(local: LocalOptions, snapshots: bool) -> Outcome<f64> {
    let snapshot_every = if snapshots { SNAPSHOT_EVERY } else { 0 };
    let durable = Durable::with(local, Options { snapshot_every, ..options() })?;
    let stop = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        scope.spawn(|| feed(&durable, &stop));
        let times = one_at_a_time(&durable, LONG_ROUND);
        stop.store(true, Ordering::Relaxed);
        times
    });
    assert_eq!(
        durable.store.stats().segments_archived > 0,
        snapshots,
        "segments are archived in one case only"
    );
    let snapshot = durable.store.load_snapshot(StreamId::Event(durable.opened.event))?;
    assert_eq!(snapshot.is_some(), snapshots, "snapshots are saved in one case only");
    Ok(quantile(&times, 999))
}

/// See the module.
pub fn measure() -> Figures {
    let mut rounds: [Vec<f64>; 4] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        rounds[0].push(quantile(&one_at_a_time(&Durable::new(LocalOptions::default())?, ROUND), 500));
        rounds[1].push(quantile(&write_and_sync(4_096, ROUND)?, 500));
        rounds[2].push(slowest(LocalOptions { segment_bytes: 1 << 20, ..LocalOptions::default() }, true)?);
        rounds[3].push(slowest(LocalOptions { segment_bytes: 256 << 20, ..LocalOptions::default() }, false)?);
        others.push(watch.others_percent());
    }
    let others = median(&others);
    let half = Figure::new(LATENCY[0], "us").goal(Goal::RatioAtMost(1.5));
    let slow = Figure::new(LATENCY[1], "us").goal(Goal::RatioAtMost(2.0));
    Ok(vec![half.rounds(&rounds[0], &rounds[1], others), slow.rounds(&rounds[2], &rounds[3], others)])
}
