//! The rate limiter with 1,000,000 keys live, each once in a random order: hashing the address, finding and deciding. Beside it a walk over
//! memory of the same size, one random read a step, which nothing that remembers a million keys can do without.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticketcore::UtcMs;
use ticketcore::guard::{Block, Happening, Judge, Key, Keyed, Limit, Limiter, Rules, Solved, Subject, Who};
use ticketcore_benches::Random;

const LIVE: u32 = 1_000_000;
const NOW: UtcMs = UtcMs(1_800_000_000_000);

fn key(keyed: &Keyed, n: u32) -> Key {
    let address = IpAddr::V4(Ipv4Addr::from_bits(n));
    keyed.key(Subject::Address, 1, &Block::of(address).bytes())
}

/// A place among so many.
fn place(key: Key, of: usize) -> usize {
    usize::try_from(key.bits() % of as u64).expect("it is one of them")
}

fn rate(c: &mut Criterion) {
    let keyed = Keyed::new([7; 16]);
    let limit = Limit::new((1_000, 60), (10_000, 3_600)).expect("within bounds");
    let limiter = Limiter::new(2 * LIVE as usize);
    for n in 0..LIVE {
        let _allowed = limiter.check(key(&keyed, n), &limit, NOW);
    }
    let order = Random::new(1).permutation(LIVE);
    let mut group = c.benchmark_group("rate, 1m keys live");
    group.throughput(Throughput::Elements(1));
    let mut at = 0;
    let mut next = || {
        at = (at + 1) % order.len();
        order[at]
    };
    group.bench_function("known key", |b| {
        b.iter(|| limiter.check(key(&keyed, black_box(next())), &limit, NOW));
    });
    let memory = vec![1_u64; usize::try_from(limiter.fullness().bytes).expect("it fits") / 8];
    group.bench_function("known key/random read", |b| {
        b.iter(|| memory[place(key(&keyed, black_box(next())), memory.len())]);
    });
    let full = Limiter::new(LIVE as usize);
    let mut fresh = 0;
    group.bench_function("new key, memory full and hot", |b| {
        b.iter(|| {
            fresh += 1;
            full.check(key(&keyed, black_box(fresh)), &limit, NOW)
        });
    });
    group.finish();
}

fn judge(c: &mut Criterion) {
    let keyed = Keyed::new([7; 16]);
    let judge = Judge::new(Rules::default(), LIVE as usize).expect("good rules");
    let who = |n: u32| Who {
        user: Some(keyed.key(Subject::User, 0, &n.to_le_bytes())),
        device: Some(keyed.key(Subject::Device, 0, &n.to_le_bytes())),
        address: Some(key(&keyed, n / 4)),
        payment: None,
        new_device: false,
    };
    let people: Vec<Who> = (0..50_000).map(who).collect();
    let mut at = 0;
    let mut next = || {
        at = (at + 7_919) % people.len();
        &people[at]
    };
    let mut group = c.benchmark_group("judge, 50,000 people");
    group.bench_function("note a hold", |b| b.iter(|| judge.note(Happening::HoldPlaced, next(), NOW)));
    group.bench_function("assess a hold", |b| {
        b.iter(|| judge.assess(ticketcore::guard::Activity::Hold, next(), Solved::No, NOW));
    });
    group.finish();
}

criterion_group!(benches, rate, judge);
criterion_main!(benches);
