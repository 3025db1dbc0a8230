//! [`Books`]: what was seen, and [`Verdict`]: what it comes to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use ticketcore_benches::Histogram;
use tokio::time::Instant;

use crate::crowd::Crowd;
use crate::serving::Child;
use crate::staff::target;
use crate::told::Told;
use crate::{Args, READS_PER_PURCHASE};

/// Waits that must have been told, for what they were worth to mean anything.
const WAITS_MIN: u64 = 200;

/// What a hold may take on a machine that does other things too.
const HOLD_MS_MAX: f64 = 500.0;
/// A sale to fewer users is over in a minute or so.
const FEW_USERS: u32 = 100_000;

/// One look at the sale.
#[derive(Clone, Copy)]
pub struct Point {
    pub seconds: f64,
    pub called: u64,
    pub active: u64,
    pub admitted: u64,
    pub sold: u64,
    pub reads: u64,
}

/// What was seen.
#[derive(Default)]
pub struct Books {
    pub joins: Mutex<Histogram>,
    pub read_times: Mutex<Histogram>,
    pub staleness: Mutex<Histogram>,
    pub last_hold: Mutex<Option<(u64, Instant)>>,
    pub told: Mutex<Vec<Told>>,
    pub admitted: AtomicU64,
    pub found_nothing: AtomicU64,
    pub turned_away: AtomicU64,
    pub humans_suspected: AtomicU64,
    pub reads: AtomicU64,
    pub reading: AtomicBool,
    bought: AtomicU64,
    sold: AtomicU64,
    sold_to_bots: AtomicU64,
    called: AtomicU64,
    over: AtomicBool,
    joins_per_s: Mutex<f64>,
    holds: Mutex<[Histogram; 2]>,
    times: Mutex<BTreeMap<&'static str, Histogram>>,
    answers: Mutex<BTreeMap<(&'static str, u16), u64>>,
    calls: Mutex<Vec<(Instant, u64)>>,
    pub points: Mutex<Vec<Point>>,
    violations: Mutex<Vec<String>>,
    memory_bytes: AtomicU64,
}

impl Books {
    pub fn count(&self, name: &'static str, status: u16) {
        *self.answers.lock().entry((name, status)).or_default() += 1;
    }

    pub fn took(&self, name: &'static str, took: Duration) {
        self.times.lock().entry(name).or_default().add(took);
    }

    pub fn held(&self, reading: bool, took: Duration) {
        self.holds.lock()[usize::from(reading)].add(took);
    }

    pub fn buy(&self, tickets: u32, bot: bool) {
        self.bought.fetch_add(1, Ordering::Relaxed);
        self.sold.fetch_add(u64::from(tickets), Ordering::Relaxed);
        if bot {
            self.sold_to_bots.fetch_add(u64::from(tickets), Ordering::Relaxed);
        }
    }

    pub fn bought(&self) -> u64 {
        self.bought.load(Ordering::Relaxed)
    }

    pub fn sold(&self) -> u64 {
        self.sold.load(Ordering::Relaxed)
    }

    pub fn call(&self, called: u64) {
        self.called.store(called, Ordering::Relaxed);
        self.calls.lock().push((Instant::now(), called));
    }

    pub fn called(&self) -> u64 {
        self.called.load(Ordering::Relaxed)
    }

    pub fn point(&self, point: Point) {
        self.points.lock().push(point);
    }

    pub fn over(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub fn violate(&self, what: String) {
        self.violations.lock().push(what);
    }

    pub fn note_joins(&self, joins: u64, took: Duration) {
        *self.joins_per_s.lock() = real(joins) / took.as_secs_f64();
    }

    /// The most memory that the server has had.
    pub fn note_memory(&self, child: &Child) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        self.memory_bytes.store(kib.unwrap_or(0) * 1_024, Ordering::Relaxed);
    }

    /// Of those who were told how long they would wait and were called: all, within p50, within p90.
    fn waits(&self) -> (u64, u64, u64) {
        let mut waits = (0, 0, 0);
        for (told, waited) in self.waited() {
            waits.0 += 1;
            waits.1 += u64::from(waited <= told.p50_ms);
            waits.2 += u64::from(waited <= told.p90_ms);
        }
        waits
    }

    /// What people were told who were called, and how long they waited, in milliseconds.
    fn waited(&self) -> Vec<(Told, u64)> {
        let calls = self.calls.lock();
        let told = self.told.lock();
        let waited = told.iter().filter_map(|told| {
            let at = calls.partition_point(|(_, called)| *called <= told.position);
            let (came, _) = calls.get(at)?;
            Some((*told, u64::try_from((*came - told.at).as_millis()).ok()?))
        });
        waited.collect()
    }

    /// The same as a table: when told, in milliseconds of the sale; the place; what was told; how long it was.
    pub fn waits_table(&self) -> String {
        let began = self.calls.lock().first().map(|(at, _)| *at);
        let mut table = String::from("told_at_ms,position,p50_ms,p90_ms,waited_ms\n");
        for (told, waited) in self.waited() {
            let at = began.map_or(0, |began| (told.at - began).as_millis());
            table.push_str(&format!("{at},{},{},{},{waited}\n", told.position, told.p50_ms, told.p90_ms));
        }
        table
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}

/// What it comes to.
pub struct Verdict {
    pub seconds: f64,
    users: u32,
    seats: u32,
    joins_per_s: f64,
    times_ms: BTreeMap<&'static str, (u64, f64, f64)>,
    answers: BTreeMap<String, u64>,
    hold_p99_ms: [f64; 2],
    admitted: u64,
    found_nothing: u64,
    turned_away: u64,
    humans_suspected: u64,
    bought: u64,
    sold: u64,
    sold_to_bots: u64,
    reads: u64,
    active_max: u64,
    waits: (u64, u64, u64),
    staleness_p99_ms: f64,
    memory_bytes: u64,
    skipped_polls: u64,
    violations: Vec<String>,
}

impl Verdict {
    pub fn new(args: &Args, crowd: &Crowd, books: &Books, mut violations: Vec<String>) -> Self {
        violations.extend(books.violations.lock().iter().take(20).cloned());
        let mut times = books.times.lock();
        times.entry("join").or_default().merge(&books.joins.lock());
        times.entry("availability").or_default().merge(&books.read_times.lock());
        let told = |(name, times): (&&'static str, &Histogram)| {
            (*name, (times.count(), times.quantile_ms(500), times.quantile_ms(990)))
        };
        let holds = books.holds.lock();
        let answers = books.answers.lock();
        Self {
            seconds: 0.0,
            users: crowd.users,
            seats: args.seats,
            joins_per_s: *books.joins_per_s.lock(),
            times_ms: times.iter().map(told).collect(),
            answers: answers
                .iter()
                .map(|((name, status), count)| (format!("{name} {status}"), *count))
                .collect(),
            hold_p99_ms: [holds[0].quantile_ms(990), holds[1].quantile_ms(990)],
            admitted: books.admitted.load(Ordering::Relaxed),
            found_nothing: books.found_nothing.load(Ordering::Relaxed),
            turned_away: books.turned_away.load(Ordering::Relaxed),
            humans_suspected: books.humans_suspected.load(Ordering::Relaxed),
            bought: books.bought(),
            sold: books.sold(),
            sold_to_bots: books.sold_to_bots.load(Ordering::Relaxed),
            reads: books.reads.load(Ordering::Relaxed),
            active_max: books.points.lock().iter().map(|point| point.active).max().unwrap_or(0),
            waits: books.waits(),
            staleness_p99_ms: books.staleness.lock().quantile_ms(990),
            memory_bytes: books.memory_bytes.load(Ordering::Relaxed),
            // Each of the others would have polled: none of them did.
            skipped_polls: u64::from(crowd.users).saturating_sub(books.told.lock().len() as u64),
            violations,
        }
    }

    /// What is not as it must be.
    pub fn wrong(&self, args: &Args) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |good: bool, what: String| {
            if !good {
                wrong.push(what);
            }
        };
        must(self.violations.is_empty(), format!("{} violations", self.violations.len()));
        must(self.sold >= u64::from(self.seats), format!("{} of {} seats were sold", self.sold, self.seats));
        let ceiling = u64::from(target(args)) * 11 / 10;
        must(self.active_max <= ceiling, format!("{} inside, {ceiling} at most", self.active_max));
        must(self.found_nothing * 10 <= self.admitted, format!("{} found nothing", self.found_nothing));
        let (p50, p90) = self.within();
        let told = self.waits.0;
        must(told >= WAITS_MIN, format!("{told} waits were told"));
        // Waits of a minute's sale depend on each other, and times of a busy machine are its own: they say less.
        let few = args.users < FEW_USERS;
        let more = if few { 25.0 } else { 0.0 };
        let kept = (40.0 - more..=60.0 + more).contains(&p50);
        must(kept, format!("{p50:.1} % waited no longer than p50"));
        let kept = (85.0 - more..=95.0 + more).contains(&p90);
        must(kept, format!("{p90:.1} % waited no longer than p90"));
        let bots = real(self.sold_to_bots) / real(self.sold.max(1));
        let share = f64::from(args.bots_permille) / 1_000.0;
        let controlled = args.controls == crate::Controls::Off || bots <= share;
        must(controlled, format!("bots have {:.1} % of the seats", bots * 100.0));
        must(
            self.hold_p99_ms[1] <= 2.0 * self.hold_p99_ms[0] || few && self.hold_p99_ms[1] <= HOLD_MS_MAX,
            format!(
                "holds take {:.1} ms with reads, {:.1} without",
                self.hold_p99_ms[1], self.hold_p99_ms[0]
            ),
        );
        must(self.reads >= self.bought * READS_PER_PURCHASE, format!("{} reads", self.reads));
        let suspected = self.humans_suspected * 100 <= self.admitted;
        must(suspected, format!("{} people were taken for bots", self.humans_suspected));
        must(self.seconds <= 600.0, format!("{:.0} seconds", self.seconds));
        wrong
    }

    fn within(&self) -> (f64, f64) {
        let (all, half, most) = self.waits;
        (real(half) * 100.0 / real(all.max(1)), real(most) * 100.0 / real(all.max(1)))
    }

    pub fn json(&self, wrong: &[String]) -> Value {
        let (p50, p90) = self.within();
        let times = self.times_ms.iter().map(|(name, (count, p50, p99))| {
            ((*name).to_owned(), json!({"requests": count, "p50_ms": p50, "p99_ms": p99}))
        });
        json!({
            "users": self.users,
            "seats": self.seats,
            "seconds": self.seconds,
            "joins_per_s": self.joins_per_s,
            "admitted": self.admitted,
            "active_max": self.active_max,
            "found_nothing": self.found_nothing,
            "purchases": self.bought,
            "sold": self.sold,
            "sold_to_bots": self.sold_to_bots,
            "bots_share_of_seats": real(self.sold_to_bots) / real(self.sold.max(1)),
            "turned_away": self.turned_away,
            "humans_suspected": self.humans_suspected,
            "reads": self.reads,
            "hold_p99_ms_without_reads": self.hold_p99_ms[0],
            "hold_p99_ms": self.hold_p99_ms[1],
            "waits_told": self.waits.0,
            "within_p50_percent": p50,
            "within_p90_percent": p90,
            "staleness_p99_ms": self.staleness_p99_ms,
            "memory_bytes": self.memory_bytes,
            "skipped_polls": self.skipped_polls,
            "routes": times.collect::<serde_json::Map<_, _>>(),
            "answers": self.answers,
            "violations": self.violations.len(),
            "violated": self.violations,
            "wrong": wrong,
        })
    }

    /// For people.
    pub fn lines(&self, wrong: &[String]) -> String {
        let mut lines = String::new();
        let told = self.json(wrong);
        for (name, value) in told.as_object().into_iter().flatten() {
            match value {
                Value::Object(parts) => {
                    for (part, value) in parts {
                        lines.push_str(&format!("{name} {part}: {value}\n"));
                    }
                }
                value => lines.push_str(&format!("{name}: {value}\n")),
            }
        }
        lines
    }
}
