//! The timing wheel against the obvious alternative, a `BTreeSet` of (deadline, item).

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ticketcore::UtcMs;
use ticketcore::wheel::TimingWheel;

const START_MS: u64 = 1_800_000_000_000;
const HOLD_TTL_MS: u64 = 600_000;
const LIVE: u64 = 100_000;
const BURST: u64 = 80_000;
const STEP_LIMIT: usize = 256;

/// Spreads `n` over the 64-bit numbers (splitmix64).
fn scatter(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    n ^ (n >> 31)
}

fn deadline(n: u64) -> u64 {
    START_MS + scatter(n) % HOLD_TTL_MS
}

fn filled_wheel(entries: impl Iterator<Item = (u64, u64)>) -> TimingWheel<u64> {
    let mut wheel = TimingWheel::new(UtcMs(START_MS));
    entries.for_each(|(at, item)| {
        wheel.insert(UtcMs(at), item);
    });
    wheel
}

fn spread() -> impl Iterator<Item = (u64, u64)> {
    (0..LIVE).map(|n| (deadline(n), n))
}

fn burst() -> impl Iterator<Item = (u64, u64)> {
    (0..BURST).map(|n| (START_MS + HOLD_TTL_MS, scatter(n)))
}

/// One insert and one cancel, 100,000 live: of the entry just made, and of one made long ago.
fn insert_cancel(c: &mut Criterion) {
    let mut group = c.benchmark_group("insert+cancel, 100k live");
    group.throughput(Throughput::Elements(1));
    let mut n = LIVE;
    let mut wheel = filled_wheel(spread());
    group.bench_function("same entry/wheel", |b| {
        b.iter(|| {
            n += 1;
            let key = wheel.insert(UtcMs(deadline(n)), n);
            black_box(wheel.cancel(key))
        });
    });
    let mut tree: BTreeSet<(u64, u64)> = spread().collect();
    group.bench_function("same entry/btree", |b| {
        b.iter(|| {
            n += 1;
            tree.insert((deadline(n), n));
            black_box(tree.remove(&(deadline(n), n)))
        });
    });
    let mut wheel = TimingWheel::new(UtcMs(START_MS));
    let mut keys: Vec<_> = spread().map(|(at, item)| wheel.insert(UtcMs(at), item)).collect();
    group.bench_function("random entry/wheel", |b| {
        b.iter(|| {
            n += 1;
            let slot = usize::try_from(scatter(!n) % LIVE).expect("below 100,000");
            black_box(wheel.cancel(keys[slot]));
            keys[slot] = wheel.insert(UtcMs(deadline(n)), n);
        });
    });
    let mut tree: BTreeSet<(u64, u64)> = spread().collect();
    let mut keys: Vec<_> = spread().collect();
    group.bench_function("random entry/btree", |b| {
        b.iter(|| {
            n += 1;
            let slot = usize::try_from(scatter(!n) % LIVE).expect("below 100,000");
            black_box(tree.remove(&keys[slot]));
            keys[slot] = (deadline(n), n);
            tree.insert(keys[slot]);
        });
    });
    group.finish();
}

fn drain_tree(tree: &mut BTreeSet<(u64, u64)>, now: u64, limit: usize, due: &mut Vec<u64>) -> bool {
    for _ in 0..limit {
        match tree.first() {
            Some(&(at, item)) if at <= now => due.push(item),
            _ => return false,
        }
        tree.pop_first();
    }
    tree.first().is_some_and(|&(at, _)| at <= now)
}

/// 100,000 deadlines over ten minutes, fired in steps of 100 ms. Time per entry.
fn advance_steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("advance by 100 ms, 100k over 10 min");
    group.throughput(Throughput::Elements(LIVE)).sample_size(20);
    group.bench_function("wheel", |b| {
        b.iter_batched_ref(
            || (filled_wheel(spread()), Vec::with_capacity(STEP_LIMIT)),
            |(wheel, due)| {
                for now in (START_MS..=START_MS + HOLD_TTL_MS).step_by(100) {
                    while wheel.advance(UtcMs(now), STEP_LIMIT, due) {}
                    black_box(&*due);
                    due.clear();
                }
                assert!(wheel.is_empty());
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("btree", |b| {
        b.iter_batched_ref(
            || (spread().collect::<BTreeSet<_>>(), Vec::with_capacity(STEP_LIMIT)),
            |(tree, due)| {
                for now in (START_MS..=START_MS + HOLD_TTL_MS).step_by(100) {
                    while drain_tree(tree, now, STEP_LIMIT, due) {}
                    black_box(&*due);
                    due.clear();
                }
                assert!(tree.is_empty());
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// 80,000 entries due at the same millisecond: the first call, which moves them all, one later call, and all calls.
fn advance_burst(c: &mut Criterion) {
    let mut group = c.benchmark_group("80k due at once, limit 256");
    group.sample_size(20);
    let end = UtcMs(START_MS + HOLD_TTL_MS);
    let fresh = || (filled_wheel(burst()), Vec::with_capacity(STEP_LIMIT));
    group.bench_function("first call/wheel", |b| {
        b.iter_batched_ref(
            fresh,
            |(wheel, due)| wheel.advance(end, STEP_LIMIT, due),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("second call/wheel", |b| {
        b.iter_batched_ref(
            || {
                let (mut wheel, mut due) = fresh();
                wheel.advance(end, STEP_LIMIT, &mut due);
                due.clear();
                (wheel, due)
            },
            |(wheel, due)| wheel.advance(end, STEP_LIMIT, due),
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(BURST));
    group.bench_function("all calls/wheel", |b| {
        b.iter_batched_ref(
            fresh,
            |(wheel, due)| {
                while wheel.advance(end, STEP_LIMIT, due) {
                    due.clear();
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("all calls/btree", |b| {
        b.iter_batched_ref(
            || (burst().collect::<BTreeSet<_>>(), Vec::with_capacity(STEP_LIMIT)),
            |(tree, due)| {
                while drain_tree(tree, end.0, STEP_LIMIT, due) {
                    due.clear();
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, insert_cancel, advance_steps, advance_burst);
criterion_main!(benches);
