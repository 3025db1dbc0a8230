//! Hold two random seats of 80,000 and release them: a new user and a new key each time, ticket limit, quota and expiry on.

use ticketcore::{CommandError, ReleaseRequest};
use ticketcore_benches::{Opened, Random, SEATS, key, user};

use crate::Outcome;
use crate::bare::Bare;
use crate::rounds::{ROUND, ROUNDS, WARM_UP, fresh, per_second, two_threads, usual, warm_per_second};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

pub const NAMES: &[&str] = &[
    "pairs",
    "pairs_release_keyed",
    "pairs_many_256",
    "pairs_2_threads_2_events",
    "pairs_2_threads_1_event",
];

const MANY: u64 = 256;

/// One caller: its own users and keys, its own order of seats.
struct Caller<'a> {
    opened: &'a Opened,
    random: Random,
    next: u64,
    release_keyed: bool,
}

impl<'a> Caller<'a> {
    fn new(opened: &'a Opened, number: u64) -> Self {
        Self { opened, random: Random::new(number), next: number << 40, release_keyed: false }
    }

    /// A pair, unless somebody else had a seat of it.
    fn pair(&mut self) {
        self.next += 1;
        let seats = self.random.two_below(SEATS);
        let user = user(self.next);
        let held = match self.opened.hold(user, Some(key(self.next)), &seats) {
            Ok(held) => held,
            Err(CommandError::Refused(_)) => return,
            Err(error) => panic!("{error}"),
        };
        let key = self.release_keyed.then(|| key(self.next));
        self.opened.release(user, key, held).expect("it was held a moment ago");
    }

    fn pairs_together(&mut self) {
        let first = self.next + 1;
        self.next += MANY;
        let numbers = first..=self.next;
        let requests = numbers
            .clone()
            .map(|n| self.opened.request(user(n), Some(key(n)), &self.random.two_below(SEATS)));
        let held = self.opened.office.hold_many(requests.collect());
        // Two of the 256 may ask for the same seat: one of them is refused and has nothing to release.
        let releases = held.into_iter().zip(numbers).filter_map(|(hold, n)| {
            Some(ReleaseRequest { hold: hold.wait().ok()?.id, user: user(n), key: None })
        });
        for released in self.opened.office.release_many(releases.collect()) {
            released.wait().expect("it was held a moment ago");
        }
    }
}

fn bare_round() -> f64 {
    let bare = Bare::new(SEATS);
    let mut random = Random::new(1);
    let mut id = 0;
    warm_per_second(|| {
        id += 1;
        assert!(bare.hold(id, random.two_below(SEATS)), "all seats are free");
        assert!(bare.release(id), "it was held a moment ago");
    })
}

fn two_callers(events: [&Opened; 2]) -> f64 {
    let rates = two_threads(|number, begin| {
        let mut caller = Caller::new(events[usize::from(number == 1)], number + 1);
        let _warm = per_second(WARM_UP, || caller.pair());
        begin();
        per_second(ROUND, || caller.pair())
    });
    rates.iter().sum()
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let definition = usual();
    let mut rounds: [Vec<f64>; 6] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        rounds[0].push(bare_round());
        for (at, release_keyed) in [(1, false), (2, true)] {
            let opened = fresh(&definition)?;
            let mut caller = Caller { release_keyed, ..Caller::new(&opened, 1) };
            rounds[at].push(warm_per_second(|| caller.pair()));
        }
        {
            let opened = fresh(&definition)?;
            let mut caller = Caller::new(&opened, 1);
            let _warm = per_second(WARM_UP, || caller.pairs_together());
            #[expect(clippy::cast_precision_loss, reason = "256")]
            rounds[3].push(MANY as f64 * per_second(ROUND, || caller.pairs_together()));
        }
        let (one, other) = (fresh(&definition)?, fresh(&definition)?);
        rounds[4].push(two_callers([&one, &other]));
        drop(other);
        let one = fresh(&definition)?;
        rounds[5].push(two_callers([&one, &one]));
        others.push(watch.others_percent());
    }
    let others = median(&others);
    let [bare, pairs, keyed, many, two_events, one_event] = &rounds;
    Ok(vec![
        Figure::new(NAMES[0], "1/s")
            .goal(Goal::AtLeast(2e6))
            .goal(Goal::RatioAtLeast(0.1))
            .rounds(pairs, bare, others),
        Figure::new(NAMES[1], "1/s").rounds(keyed, bare, others),
        Figure::new(NAMES[2], "1/s").rounds(many, bare, others),
        Figure::new(NAMES[3], "1/s").goal(Goal::RatioAtLeast(1.7)).rounds(two_events, pairs, others),
        Figure::new(NAMES[4], "1/s").goal(Goal::RatioAtLeast(0.9)).rounds(one_event, pairs, others),
    ])
}
