//! One check of the rate limiter with 1,000,000 keys live, in a random order, beside what nothing that remembers a million keys can do without:
//! hashing the address, a lock, and one read somewhere in as much memory.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use parking_lot::Mutex;
use ticketcore::UtcMs;
use ticketcore::guard::{Answer, Block, Key, Keyed, Limit, Limiter, Subject};
use ticketcore_benches::Random;
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

use crate::Outcome;
use crate::rounds::{ROUNDS, warm_per_second};

pub const NAMES: &[&str] = &["rate_limit_check"];

const LIVE: u32 = 1_000_000;
const NOW: UtcMs = UtcMs(1_800_000_000_000);
const LOCKS: usize = 64;

fn key(keyed: &Keyed, n: u32) -> Key {
    let address = IpAddr::V4(Ipv4Addr::from_bits(n));
    keyed.key(Subject::Address, 1, &Block::of(address).bytes())
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let keyed = Keyed::new([7; 16]);
    let limit = Limit::new((1_000, 60), (10_000, 3_600))?;
    let limiter = Limiter::new(2 * usize::try_from(LIVE)?);
    for n in 0..LIVE {
        if !matches!(limiter.check(key(&keyed, n), &limit, NOW), Answer::Allowed(_)) {
            return Err("a fresh key is limited".into());
        }
    }
    let full = limiter.fullness();
    if full.used != u64::from(LIVE) || full.forgotten_hot > 0 {
        return Err(format!("not all are remembered: {full:?}").into());
    }
    let memory = vec![1_u64; usize::try_from(full.bytes)? / size_of::<u64>()];
    let locks: Vec<Mutex<u64>> = (0..LOCKS).map(|_| Mutex::new(0)).collect();
    let order = Random::new(1).permutation(LIVE);
    let mut at = 0;
    let mut next = || {
        at = (at + 1) % order.len();
        black_box(order[at])
    };
    let mut rounds: [Vec<f64>; 2] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        let rate = warm_per_second(|| {
            black_box(limiter.check(key(&keyed, next()), &limit, NOW));
        });
        rounds[0].push(1e9 / rate);
        let rate = warm_per_second(|| {
            let bits = usize::try_from(key(&keyed, next()).bits() >> 1).unwrap_or(0);
            *locks[bits % LOCKS].lock() += memory[bits % memory.len()];
        });
        rounds[1].push(1e9 / rate);
        others.push(watch.others_percent());
    }
    let figure = Figure::new(NAMES[0], "ns").goal(Goal::AtMost(300.0));
    Ok(vec![figure.rounds(&rounds[0], &rounds[1], median(&others))])
}
