//! 80,000 holds of one seat each are due in the same millisecond: how long until all seats are free, and how long the slowest hold of
//! another caller, for other seats, takes meanwhile. The maintenance thread does the expiry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ticketcore::manifest::{Definition, Rules};
use ticketcore::store::MemoryStore;
use ticketcore::{HoldRequest, Options};
use ticketcore_benches::{
    EXTRA_SEATS, Opened, Random, SEATS, StillClock, key, open, stadium, user, with_extra_seats,
};

use crate::Outcome;
use crate::rounds::{ROUNDS, options};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

pub const NAMES: &[&str] = &["expiry_all_free", "expiry_worst_hold", "expiry_p99_hold"];

const TTL_MS: u64 = 5 * 60_000;
const LONG_TTL_MS: u64 = 10 * 60_000;
const MANY: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(30);

fn free_seats(opened: &Opened) -> Outcome<u32> {
    let sections = opened.office.availability(opened.event)?.sections;
    Ok(sections[..sections.len() - 1].iter().map(|section| section.free).sum())
}

/// Holds and releases pairs of the extra seats until told to end; how long every hold took, in milliseconds.
fn other_caller(opened: &Opened, end: &AtomicBool) -> Vec<f64> {
    let mut random = Random::new(9);
    let mut taken = Vec::new();
    let mut n = 1 << 50;
    while !end.load(Ordering::Acquire) {
        n += 1;
        let seats = random.two_below(EXTRA_SEATS).map(|seat| SEATS + seat);
        let request = opened.request(user(n), Some(key(n)), &seats);
        let before = Instant::now();
        let hold = opened.office.hold(HoldRequest { ttl_ms: Some(LONG_TTL_MS), ..request }).wait();
        taken.push(before.elapsed().as_secs_f64() * 1e3);
        let hold = hold.expect("nobody else wants these seats");
        opened.release(user(n), None, hold.id).expect("it was held a moment ago");
    }
    taken
}

/// Seconds until all seats were free; the slowest and the 99th percentile of holds meanwhile, in milliseconds.
fn round(definition: &Definition) -> Outcome<[f64; 3]> {
    let clock = StillClock::new();
    let options = Options { clock: Arc::new(clock.clone()), ..options() };
    let opened = open(Arc::new(MemoryStore::new()), options, definition)?;
    let seats: Vec<u32> = (0..SEATS).collect();
    for seats in seats.chunks(MANY) {
        let one = |&seat: &u32| {
            let request = opened.request(user(u64::from(seat)), Some(key(u64::from(seat))), &[seat]);
            HoldRequest { ttl_ms: Some(TTL_MS), ..request }
        };
        for held in opened.office.hold_many(seats.iter().map(one).collect()) {
            held.wait()?;
        }
    }
    let end = AtomicBool::new(false);
    let (taken, holds) = std::thread::scope(|scope| {
        let caller = scope.spawn(|| other_caller(&opened, &end));
        let start = Instant::now();
        clock.advance(TTL_MS);
        let all_free = loop {
            match free_seats(&opened) {
                Ok(SEATS) => break Ok(start.elapsed().as_secs_f64()),
                Ok(_) if start.elapsed() > PATIENCE => break Err("the seats are still not free".into()),
                Ok(_) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => break Err(error),
            }
        };
        end.store(true, Ordering::Release);
        (all_free, caller.join())
    });
    let mut holds = holds.map_err(|_| "the other caller panicked")?;
    holds.sort_by(f64::total_cmp);
    let slowest = holds.last().copied().ok_or("no hold meanwhile")?;
    Ok([taken?, slowest, holds[holds.len() * 99 / 100]])
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let definition = with_extra_seats(stadium(Rules::new("Final")));
    let mut rounds: [Vec<f64>; 3] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        for (value, rounds) in round(&definition)?.into_iter().zip(&mut rounds) {
            rounds.push(value);
        }
        others.push(watch.others_percent());
    }
    let others = median(&others);
    Ok(vec![
        Figure::new(NAMES[0], "s").goal(Goal::AtMost(0.5)).rounds(&rounds[0], &[], others),
        Figure::new(NAMES[1], "ms").worst().goal(Goal::AtMost(5.0)).rounds(&rounds[1], &[], others),
        Figure::new(NAMES[2], "ms").rounds(&rounds[2], &[], others),
    ])
}
