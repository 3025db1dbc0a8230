//! 10,000,000 holds are placed and expire, without keys and with one each: how much the process grows. The store keeps nothing, so the
//! growth is the engine's. After the keys' retention every shard is touched once and must have given everything back.
//!
//! Growth is resident size over that after the first rounds, with the allocator told to return freed memory to the system.

use std::sync::Arc;

use ticketcore::manifest::Rules;
use ticketcore::{Options, SHARDS, limits};
use ticketcore_benches::{Opened, Random, SEATS, SinkStore, StillClock, key, open, stadium, user};

use crate::Outcome;
use crate::process::{resident_bytes, start};
use crate::rounds::options;
use ticketcore_benches::report::{Figure, Goal};

pub const NAMES: &[&str] = &["churn_growth", "churn_bytes_a_key", "churn_growth_after_keys"];

const CYCLES: u64 = 10_000_000;
const TOGETHER: u64 = 50_000;
/// Rounds before growth is counted.
const FIRST_ROUNDS: u64 = 2;
/// One `hold_many`.
const MANY: usize = 250;
const TTL_MS: u64 = 1_000;
const MIB: f64 = 1_048_576.0;

struct Churn {
    opened: Opened,
    clock: StillClock,
    seats: Vec<u32>,
}

impl Churn {
    /// Places a hold for each of these users and lets all expire.
    fn round(&self, users: std::ops::Range<u64>, keyed: bool) -> Outcome<()> {
        let numbers: Vec<u64> = users.collect();
        for (numbers, seats) in numbers.chunks(MANY).zip(self.seats.chunks(MANY)) {
            let one =
                |(&n, &seat): (&u64, &u32)| self.opened.request(user(n), keyed.then(|| key(n)), &[seat]);
            for held in self.opened.office.hold_many(numbers.iter().zip(seats).map(one).collect()) {
                held.wait()?;
            }
        }
        self.clock.advance(TTL_MS);
        while self.opened.office.maintain().more {}
        let left = self.opened.office.availability(self.opened.event)?.holds;
        if left == 0 { Ok(()) } else { Err(format!("{left} holds are left").into()) }
    }
}

/// In a child: resident size after the first rounds, after all, and after the keys' time.
pub fn cycles(keyed: bool) -> Outcome<Vec<f64>> {
    let rules = Rules { hold_ttl_ms: TTL_MS, hold_ttl_ms_min: TTL_MS, ..Rules::new("Final") };
    let clock = StillClock::new();
    let options = Options { clock: Arc::new(clock.clone()), manual_expiry: true, ..options() };
    let opened = open(Arc::new(SinkStore::new()), options, &stadium(rules))?;
    let churn = Churn { opened, clock, seats: Random::new(1).permutation(SEATS) };
    let mut sizes = Vec::new();
    for round in 0..CYCLES / TOGETHER {
        if round == FIRST_ROUNDS {
            sizes.push(resident_bytes()?);
        }
        churn.round(round * TOGETHER..(round + 1) * TOGETHER, keyed)?;
    }
    sizes.push(resident_bytes()?);
    // A quarter longer than promised, and one hour.
    churn.clock.advance(limits::KEY_RETENTION_MS / 4 * 5 + 3_600_000);
    let mut shards = [false; SHARDS];
    for n in CYCLES.. {
        if !std::mem::replace(&mut shards[user(n).shard()], true) {
            churn.round(n..n + 1, keyed)?;
        }
        if shards.iter().all(|touched| *touched) {
            break;
        }
    }
    sizes.push(resident_bytes()?);
    Ok(sizes)
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let (plain, keyed) = (start("churn", true)?, start("churn-keyed", true)?);
    #[expect(clippy::cast_precision_loss, reason = "ten million")]
    let keys = (CYCLES - FIRST_ROUNDS * TOGETHER) as f64;
    let figure = |at: usize, unit, goal, value: f64| {
        Figure::new(NAMES[at], unit).goal(Goal::AtMost(goal)).rounds(&[value], &[], 0.0)
    };
    Ok(vec![
        figure(0, "MiB", 20.0, (plain[1] - plain[0]) / MIB),
        figure(1, "bytes", 40.0, (keyed[1] - keyed[0]) / keys),
        figure(2, "MiB", 20.0, (keyed[2] - keyed[0]) / MIB),
    ])
}
