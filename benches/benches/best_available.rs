//! Best available: hold the best n adjacent of 80,000 seats and release them, on an empty map and on one half sold at random places.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ticketcore::manifest::Rules;
use ticketcore::{BestAvailable, CategoryIndex, HoldRequest, Item, Options};
use ticketcore_benches::{ADULT, Opened, Random, SEATS, SinkStore, open, stadium, user};

const PER_HOLD: u32 = 100;

fn opened(taken_percent: usize) -> Opened {
    let rules = Rules { tickets_per_user_max: PER_HOLD, ..Rules::new("Final") };
    let options = Options { snapshot_every: 0, ..Options::default() };
    let opened = open(Arc::new(SinkStore::new()), options, &stadium(rules)).expect("a fresh store");
    let seats = Random::new(1).permutation(SEATS);
    let taken = &seats[..SEATS as usize / 100 * taken_percent];
    for (n, seats) in (0..).zip(taken.chunks(PER_HOLD as usize)) {
        let _held = opened.hold(user(1 << 50 | n), None, seats).expect("all seats are free");
    }
    opened
}

fn best_available(c: &mut Criterion) {
    let last = CategoryIndex(4);
    for (map, taken_percent) in [("empty", 0), ("half taken", 50)] {
        let opened = opened(taken_percent);
        let mut group = c.benchmark_group(format!("best available, {map}"));
        group.throughput(Throughput::Elements(1));
        for (name, count, category) in
            [("2", 2, None), ("4", 4, None), ("8", 8, None), ("4 of the last category", 4, Some(last))]
        {
            let mut n = 0;
            group.bench_function(name, |b| {
                b.iter(|| {
                    n += 1;
                    let best = BestAvailable { category, ..BestAvailable::adjacent(count, ADULT) };
                    let request = HoldRequest::new(opened.event, user(n), vec![Item::Best(best)]);
                    let hold = opened.office.hold(request).wait().expect("enough seats are free");
                    opened.release(user(n), None, hold.id)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, best_available);
criterion_main!(benches);
