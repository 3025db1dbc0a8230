//! What everybody reads: counts by section, the same when nothing has moved, the map of all seats.

use std::time::Duration;

use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

use crate::load::{Seen, Shopper, Timing, Verdict, run};
use crate::shop::{Shop, get};
use crate::{CONNECTIONS, Outcome, ROUNDS, bare};
use ticketcore_benches::wire::{Answer, Connection, text_after};

pub const NAMES: &[&str] = &[
    "read_sections",
    "read_not_modified",
    "read_bitmap",
    "read_sections_cpu",
    "read_not_modified_cpu",
    "read_bitmap_cpu",
];

/// Asks for the same again and again.
#[derive(Clone)]
pub struct Reader {
    pub request: Vec<u8>,
    pub status: u16,
}

impl Shopper for Reader {
    fn ask(&mut self, into: &mut Vec<u8>) -> bool {
        into.extend_from_slice(&self.request);
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<Verdict> {
        if answer.status == self.status {
            Ok(Verdict::Done)
        } else {
            Err(answer.unexpected("a reader").into())
        }
    }
}

async fn readers(shop: &Shop) -> Outcome<[Reader; 3]> {
    let target = format!("/v1/events/{}/availability", shop.child.ready.events[0]);
    let mut connection = Connection::open(shop.child.ready.address).await?;
    let answer = connection.ask(&get(&target, "")).await?;
    let tag = text_after(answer.head, b"\r\netag: \"").ok_or("no tag")?;
    let accept = "accept: application/octet-stream\r\n";
    Ok([
        Reader { request: get(&target, ""), status: 200 },
        Reader { request: get(&target, &format!("if-none-match: \"{tag}\"\r\n")), status: 304 },
        Reader { request: get(&format!("{target}?level=seats"), accept), status: 200 },
    ])
}

/// See the module.
pub async fn measure(time: Duration) -> Outcome<Vec<Figure>> {
    let shop = Shop::open(1)?;
    let readers = readers(&shop).await?;
    let mut heard = Vec::new();
    for reader in &readers {
        heard.push(shop.learn(&reader.request).await?);
    }
    let bare = bare::start(&heard)?;
    let children = [shop.child.id(), bare.id()];
    let mut figures = Vec::new();
    for (at, reader) in readers.iter().enumerate() {
        let (mut ours, mut theirs, mut others) = (Rounds::default(), Rounds::default(), Vec::new());
        for _ in 0..ROUNDS {
            let watch = Watch::when_quiet_but_for(&children);
            theirs.add(&run(&bare, vec![reader.clone(); CONNECTIONS], Timing::for_time(time)).await?.0);
            ours.add(&run(&shop.child, vec![reader.clone(); CONNECTIONS], Timing::for_time(time)).await?.0);
            others.push(watch.others_percent());
        }
        let others = median(&others);
        let rate = Figure::new(NAMES[at], "1/s").goal(Goal::RatioAtLeast(0.85));
        figures.push(rate.rounds(&ours.rate, &theirs.rate, others));
        figures.push(Figure::new(NAMES[3 + at], "us").rounds(&ours.cpu, &theirs.cpu, others));
    }
    Ok(figures)
}

/// What several rounds came to.
#[derive(Default)]
pub struct Rounds {
    /// Done a second.
    pub rate: Vec<f64>,
    /// In milliseconds.
    pub p50: Vec<f64>,
    /// In milliseconds.
    pub p99: Vec<f64>,
    /// The server's, for one answer, in microseconds.
    pub cpu: Vec<f64>,
}

impl Rounds {
    /// One more.
    pub fn add(&mut self, seen: &Seen) {
        self.rate.push(seen.per_second());
        self.p50.push(seen.times.quantile_ms(500));
        self.p99.push(seen.times.quantile_ms(990));
        self.cpu.push(seen.cpu_us);
    }
}
