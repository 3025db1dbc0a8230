//! [`run`]: clients that keep a server busy, and what they saw.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ticketcore_benches::Histogram;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Outcome;
use crate::child::{Child, cpu_us};
use ticketcore_benches::wire::{Answer, Connection};

/// No round waits longer than this for its last answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a round is warmed up.
pub const WARM_UP: Duration = Duration::from_millis(300);

/// What an answer was.
pub enum Verdict {
    /// What was wanted is done.
    Done,
    /// A step of it is done.
    Step,
    /// The server would not, as it may.
    Refused,
}

/// Whoever is behind a connection.
pub trait Shopper: Send + 'static {
    /// Writes the next request; false if there is nothing more to ask.
    fn ask(&mut self, into: &mut Vec<u8>) -> bool;
    /// Looks at the answer.
    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Verdict>;
}

/// When requests are made.
#[derive(Clone, Copy)]
pub struct Timing {
    /// How long requests count, after a warm-up; until nobody has anything to ask if absent.
    pub time: Option<Duration>,
    /// Every connection asks once in this time, if it is not still waiting; at once if absent.
    pub pace: Option<Duration>,
}

impl Timing {
    /// As fast as it goes.
    pub const fn for_time(time: Duration) -> Self {
        Self { time: Some(time), pace: None }
    }
}

/// What clients saw.
#[derive(Default)]
pub struct Seen {
    /// How long it took, of what was done.
    pub times: Histogram,
    /// How many were refused.
    pub refused: u64,
    /// How often nobody asked when it was time to, because the answer before was still awaited.
    pub late: u64,
    /// Over how much time, in seconds.
    pub seconds: f64,
    /// What the server used of the processors for an answer, in microseconds.
    pub cpu_us: f64,
    /// Everything that was answered, the warm-up included.
    answers: u64,
}

impl Seen {
    /// How much was done a second.
    pub fn per_second(&self) -> f64 {
        real(self.times.count()) / self.seconds
    }

    /// How much was refused a second.
    pub fn refused_per_second(&self) -> f64 {
        real(self.refused) / self.seconds
    }

    /// How much would have been asked a second if nobody had waited for answers.
    pub fn offered_per_second(&self) -> f64 {
        real(self.times.count() + self.refused + self.late) / self.seconds
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}

struct Client<S> {
    connection: Connection,
    shopper: S,
    seen: Seen,
    begin: Instant,
    until: Option<Instant>,
    pace: Option<Duration>,
    over: Arc<AtomicBool>,
}

/// Lets each shopper use a connection of its own; returns what they saw, and them.
pub async fn run<S: Shopper>(server: &Child, shoppers: Vec<S>, timing: Timing) -> Outcome<(Seen, Vec<S>)> {
    let mut connections = Vec::with_capacity(shoppers.len());
    for _ in &shoppers {
        connections.push(Connection::open(server.ready.address).await?);
    }
    let over = Arc::new(AtomicBool::new(false));
    let cpu = cpu_us(server);
    let begin = Instant::now() + timing.time.map_or(Duration::ZERO, |_| WARM_UP);
    let until = timing.time.map(|time| begin + time);
    let mut tasks = JoinSet::new();
    let share = timing.pace.unwrap_or_default() / u32::try_from(shoppers.len().max(1))?;
    for (at, (connection, shopper)) in connections.into_iter().zip(shoppers).enumerate() {
        let first = Instant::now() + share * u32::try_from(at)?;
        let seen = Seen::default();
        let over = Arc::clone(&over);
        let client = Client { connection, shopper, seen, begin, until, pace: timing.pace, over };
        tasks.spawn(client.shop(first));
    }
    let everybody = async {
        let (mut all, mut back) = (Seen::default(), Vec::new());
        while let Some(done) = tasks.join_next().await {
            let (seen, shopper) = done??;
            all.times.merge(&seen.times);
            all.refused += seen.refused;
            all.late += seen.late;
            all.answers += seen.answers;
            all.seconds = if all.seconds > 0.0 { all.seconds.min(seen.seconds) } else { seen.seconds };
            back.push(shopper);
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((all, back))
    };
    let most = timing.time.unwrap_or_default() + PATIENCE;
    let (mut all, back) =
        tokio::time::timeout(most, everybody).await.map_err(|_| "no more answers came")??;
    all.cpu_us = (cpu_us(server) - cpu) / real(all.answers);
    Ok((all, back))
}

impl<S: Shopper> Client<S> {
    async fn shop(mut self, first: Instant) -> Outcome<(Seen, S)> {
        let (mut request, mut slot) = (Vec::with_capacity(1_024), first);
        let mut began = None;
        loop {
            if let Some(pace) = self.pace {
                // Slots that have passed are lost: nobody asks twice at once.
                let late = Instant::now().saturating_duration_since(slot);
                let lost = u32::try_from(late.as_nanos() / pace.as_nanos().max(1))?;
                slot += pace * lost;
                if slot >= self.begin {
                    self.seen.late += u64::from(lost);
                }
                tokio::time::sleep_until(slot).await;
                slot += pace;
            }
            request.clear();
            if self.over.load(Ordering::Relaxed) || !self.shopper.ask(&mut request) {
                break;
            }
            let start = *began.get_or_insert_with(Instant::now);
            let verdict = self.shopper.hear(&self.connection.ask(&request).await?)?;
            let now = Instant::now();
            self.seen.answers += 1;
            let counts = now >= self.begin && self.until.is_none_or(|until| now <= until);
            match verdict {
                Verdict::Step => continue,
                Verdict::Done if counts => self.seen.times.add(now - start),
                Verdict::Refused if counts => self.seen.refused += 1,
                Verdict::Done | Verdict::Refused => {}
            }
            began = None;
            if self.until.is_some_and(|until| now > until) {
                break;
            }
        }
        let now = Instant::now();
        if self.until.is_some_and(|until| now < until) {
            // Who has nothing more to ask ends the round for all: it would not be the same load.
            self.over.store(true, Ordering::Relaxed);
        }
        let end = self.until.map_or(now, |until| until.min(now));
        self.seen.seconds = end.saturating_duration_since(self.begin).as_secs_f64();
        Ok((self.seen, self.shopper))
    }
}
