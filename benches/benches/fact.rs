//! Encoding and decoding of the two most frequent facts.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticketcore::fact::{Fact, HoldEnd, HoldEnded, HoldPlaced, Keyed, Lines, SeatLine};
use ticketcore::{HoldNumber, Revision, SeatIndex};
use ticketcore_benches::{ADULT, key, user};

fn lines(seats: u32) -> Lines {
    let line = |at| SeatLine { seat: SeatIndex(40_000 + at), ticket_type: ADULT, price_minor: 8_000 };
    Lines { seats: (0..seats).map(line).collect(), areas: Default::default() }
}

fn placed(seats: u32) -> Fact {
    Fact::HoldPlaced(HoldPlaced {
        user: user(1),
        keyed: Some(Keyed { key: key(1), fingerprint: 0x1234_5678_9abc_def0 }),
        ttl_ms: 480_000,
        lifetime_ms: 1_800_000,
        extensions_left: 2,
        lines: lines(seats),
    })
}

fn ended(seats: u32) -> Fact {
    let hold = HoldNumber::new(Revision(1_000_000), user(1).shard());
    Fact::HoldEnded(HoldEnded { hold, user: user(1), end: HoldEnd::Released, by: None, lines: lines(seats) })
}

fn codec(c: &mut Criterion) {
    for (name, fact) in
        [("placed, 2 seats", placed(2)), ("placed, 10 seats", placed(10)), ("ended, 2 seats", ended(2))]
    {
        let mut bytes = Vec::new();
        fact.encode(&mut bytes);
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("encode", |b| b.iter(|| black_box(&fact).encode(black_box(&mut bytes))));
        group.bench_function("decode", |b| b.iter(|| Fact::decode(black_box(&bytes))));
        group.finish();
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
