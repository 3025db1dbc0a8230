//! Two threads, `hold_many` of 256 holds of two seats each; every hold is released later, durably too, so that seats never run out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ticketcore::store::local::LocalOptions;
use ticketcore::{Done, Hold, Pending, ReleaseRequest};
use ticketcore_benches::{Random, SEATS, key, user};

use super::disk::write_and_sync;
use super::{Durable, Figures, THROUGHPUT};
use crate::rounds::{ROUNDS, two_threads};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

const MANY: usize = 256;
/// Batches of holds that a thread keeps before it releases the oldest.
const KEPT: usize = 64;
const ROUND: Duration = Duration::from_secs(2);

/// One submitting thread: its half of the seats in random order, used round and round.
struct Caller<'a> {
    durable: &'a Durable,
    seats: Vec<u32>,
    at: usize,
    next: u64,
    kept: VecDeque<Vec<Hold>>,
    placed: u64,
}

impl<'a> Caller<'a> {
    fn new(durable: &'a Durable, number: u64) -> Self {
        let all = Random::new(7).permutation(SEATS);
        let seats = all.into_iter().skip(usize::from(number == 1)).step_by(2).collect();
        Self { durable, seats, at: 0, next: number << 40, kept: VecDeque::new(), placed: 0 }
    }

    fn ask(&mut self) -> Vec<Pending<Hold>> {
        let requests = (0..MANY).map(|_| {
            self.next += 1;
            self.at = (self.at + 2) % self.seats.len();
            self.durable.opened.request(
                user(self.next),
                Some(key(self.next)),
                &self.seats[self.at..self.at + 2],
            )
        });
        self.durable.opened.office.hold_many(requests.collect())
    }

    fn give_back(&mut self) -> Vec<Pending<Done>> {
        if self.kept.len() < KEPT {
            return Vec::new();
        }
        let holds = self.kept.pop_front().unwrap_or_default();
        let requests = holds.iter().map(|hold| ReleaseRequest { hold: hold.id, user: hold.user, key: None });
        self.durable.opened.office.release_many(requests.collect())
    }

    /// The next batch is handed in before the one before is waited for.
    fn run(&mut self, time: Duration) -> f64 {
        let begun = Instant::now();
        let placed = self.placed;
        let mut asked = self.ask();
        let mut given = Vec::new();
        while begun.elapsed() < time {
            let (next, back) = (self.ask(), self.give_back());
            self.take(std::mem::replace(&mut asked, next), std::mem::replace(&mut given, back));
        }
        self.take(asked, given);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        return (self.placed - placed) as f64 / begun.elapsed().as_secs_f64();
    }

    fn take(&mut self, asked: Vec<Pending<Hold>>, given: Vec<Pending<Done>>) {
        let holds: Vec<Hold> =
            asked.into_iter().map(|hold| hold.wait().expect("the seats are free")).collect();
        self.placed += holds.len() as u64;
        self.kept.push_back(holds);
        for done in given {
            done.wait().expect("it was held");
        }
    }
}

/// See the module.
pub fn measure() -> Figures {
    let (mut rates, mut limits, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let durable = Durable::new(LocalOptions::default())?;
        let watch = Watch::when_quiet();
        let before = durable.store.stats();
        let both = two_threads(|number, begin| {
            let mut caller = Caller::new(&durable, number);
            let _warm = caller.run(Duration::from_millis(200));
            begin();
            (caller.run(ROUND), caller.placed)
        });
        let after = durable.store.stats();
        rates.push(both.iter().map(|(rate, _)| rate).sum());
        let writes = after.writes - before.writes;
        let bytes = (after.log_bytes - before.log_bytes) / writes.max(1);
        let raw = write_and_sync(usize::try_from(bytes)?, Duration::from_secs(1))?;
        let placed: u64 = both.iter().map(|(_, placed)| placed).sum();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (per_write, syncs) = (placed as f64 / writes as f64, raw.len() as f64);
        limits.push(per_write * syncs / raw.iter().sum::<Duration>().as_secs_f64());
        others.push(watch.others_percent());
    }
    let goals = [Goal::AtLeast(1e6), Goal::RatioAtLeast(0.5)];
    let figure = goals.into_iter().fold(Figure::new(THROUGHPUT[0], "1/s"), Figure::goal);
    Ok(vec![figure.rounds(&rates, &limits, median(&others))])
}
