//! One hold and its release on an event of 80,000 seats: a new user each time, with and without a key; and both refused.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticketcore::manifest::Rules;
use ticketcore::{BoxOffice, Options};
use ticketcore_benches::{Opened, Random, SEATS, SinkStore, key, open, stadium, user};

/// The store keeps nothing, so that an event does not grow with the iterations.
fn opened() -> Opened {
    let options = Options { snapshot_every: 0, ..Options::default() };
    open(Arc::new(SinkStore::new()), options, &stadium(Rules::new("Final"))).expect("a fresh store")
}

fn hold_release(c: &mut Criterion) {
    let mut group = c.benchmark_group("hold+release");
    group.throughput(Throughput::Elements(1));
    for (name, seats, keyed) in
        [("1 seat", 1, false), ("2 seats", 2, false), ("2 seats, key", 2, true), ("8 seats", 8, false)]
    {
        let opened = opened();
        let mut random = Random::new(1);
        let mut n = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                n += 1;
                let first = random.below(SEATS - seats);
                let seats: Vec<u32> = (first..first + seats).collect();
                let hold = opened.hold(user(n), keyed.then(|| key(n)), &seats).expect("all seats are free");
                opened.release(user(n), None, hold)
            });
        });
    }
    group.finish();
}

fn refused(c: &mut Criterion) {
    let opened = opened();
    let _held = opened.hold(user(1), None, &[0, 1]).expect("all seats are free");
    let mut group = c.benchmark_group("refused");
    group.throughput(Throughput::Elements(1));
    group.bench_function("2 held seats", |b| {
        b.iter(|| opened.hold(user(2), None, &[0, 1]).expect_err("they are held"));
    });
    let office: &BoxOffice = &opened.office;
    group.bench_function("empty request", |b| {
        b.iter(|| office.hold(opened.request(user(2), None, &[])).wait().expect_err("no seat is named"));
    });
    group.finish();
}

criterion_group!(benches, hold_release, refused);
criterion_main!(benches);
