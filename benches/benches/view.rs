//! Reads of the durable view of 80,000 seats: the map and the counters.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticketcore::manifest::Rules;
use ticketcore::{Options, SEATS_PER_MAP_WORD};
use ticketcore_benches::{Random, SEATS, SinkStore, open, stadium, user};

fn view(c: &mut Criterion) {
    let options = Options { snapshot_every: 0, ..Options::default() };
    let opened =
        open(Arc::new(SinkStore::new()), options, &stadium(Rules::new("Final"))).expect("a fresh store");
    let seats = Random::new(1).permutation(SEATS);
    for (n, pair) in (0..20_000).zip(seats.chunks(2)) {
        let _held = opened.hold(user(n), None, pair).expect("all seats are free");
    }
    let bytes = SEATS as usize / SEATS_PER_MAP_WORD * size_of::<u64>();
    let mut group = c.benchmark_group("view");
    group.throughput(Throughput::Bytes(bytes as u64));
    let mut map = Vec::new();
    group.bench_function("map", |b| b.iter(|| opened.office.seat_map(opened.event, black_box(&mut map))));
    let mut copy = Vec::new();
    group.bench_function("map/memcpy", |b| {
        b.iter(|| {
            copy.clear();
            copy.extend_from_slice(black_box(&map));
            black_box(copy.last().copied())
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("availability", |b| b.iter(|| opened.office.availability(opened.event)));
    group.finish();
}

criterion_group!(benches, view);
criterion_main!(benches);
