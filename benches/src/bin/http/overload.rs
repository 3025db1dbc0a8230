//! Five times as many holds asked for as can be done: how many are done all the same, and how long those take. Each of many connections asks at
//! its times, whatever became of what it asked before, unless it still waits for an answer. A round at the peak comes before each.
//!
//! Once with five times the connections of the peak; and once with more than the server works on at once, so that most wait at its gate. Then
//! bare hyper has as many, with its own peak before: what is lost there is lost to memory that no cache holds any more.

use std::time::Duration;

use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

use crate::buying::{Holder, release};
use crate::child::Child;
use crate::holds::crowd;
use crate::load::{Timing, run};
use crate::shop::{Desk, Shop};
use crate::{CONNECTIONS, Outcome, ROUNDS, bare};

pub const NAMES: &[&str] = &[
    "overload_goodput",
    "overload_p99",
    "overload_offered",
    "overload_refused",
    "overload_rush_goodput",
    "overload_rush_p99",
    "overload_rush_bare",
];

/// No round may sell them out, not the bare one either.
const STADIUMS: usize = 8;
const TIMES: usize = 5;
/// More than the server works on at once.
const RUSH: usize = 6_000;

/// What was seen of rounds of one kind.
#[derive(Default)]
struct Rounds {
    done: Vec<f64>,
    peak: Vec<f64>,
    p99: Vec<f64>,
    offered: Vec<f64>,
    refused: Vec<f64>,
}

/// See the module.
pub async fn measure(time: Duration) -> Outcome<Vec<Figure>> {
    let shop = Shop::open(STADIUMS)?;
    let mut request = Vec::new();
    // The last pair is not wanted again.
    let last = shop.desk(0).free.lock()[0];
    shop.desk(0).write_hold(&mut request, Desk::newcomer(), last);
    let bare = bare::start(&[shop.learn(&request).await?])?;
    let (mut five, mut rush, mut theirs): (Rounds, Rounds, Rounds) = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet_but_for(&[shop.child.id(), bare.id()]);
        five.add(&shop, &shop.child, TIMES * CONNECTIONS, time).await?;
        rush.add(&shop, &shop.child, RUSH, time).await?;
        theirs.add(&shop, &bare, RUSH, time).await?;
        others.push(watch.others_percent());
    }
    let others = median(&others);
    let goodput = Figure::new(NAMES[0], "1/s").goal(Goal::RatioAtLeast(0.9));
    let slow = |name| Figure::new(name, "ms").goal(Goal::AtMost(1_000.0));
    Ok(vec![
        goodput.rounds(&five.done, &five.peak, others),
        slow(NAMES[1]).rounds(&five.p99, &[], others),
        Figure::new(NAMES[2], "1/s").rounds(&five.offered, &five.peak, others),
        Figure::new(NAMES[3], "1/s").rounds(&five.refused, &[], others),
        Figure::new(NAMES[4], "1/s").rounds(&rush.done, &rush.peak, others),
        slow(NAMES[5]).rounds(&rush.p99, &[], others),
        Figure::new(NAMES[6], "1/s").rounds(&theirs.done, &theirs.peak, others),
    ])
}

impl Rounds {
    /// A round at the peak, and one with so many connections that together ask for five times as much.
    async fn add(&mut self, shop: &Shop, child: &Child, connections: usize, time: Duration) -> Outcome<()> {
        let desk = shop.desk(0);
        let (peak, holders) = run(child, crowd(|| Holder::new(&desk)), Timing::for_time(time)).await?;
        give_back(shop, child, holders).await?;
        let desk = shop.desk(0);
        let every =
            f64::from(u32::try_from(connections)?) / (f64::from(u32::try_from(TIMES)?) * peak.per_second());
        let pace = Some(Duration::from_secs_f64(every));
        let many = std::iter::repeat_with(|| Holder::new(&desk).lenient()).take(connections).collect();
        let (seen, holders) = run(child, many, Timing { time: Some(time), pace }).await?;
        give_back(shop, child, holders).await?;
        self.done.push(seen.per_second());
        self.peak.push(peak.per_second());
        self.p99.push(seen.times.quantile_ms(990));
        self.offered.push(seen.offered_per_second());
        self.refused.push(seen.refused_per_second());
        Ok(())
    }
}

/// The bare server has nothing of anybody's.
async fn give_back(shop: &Shop, child: &Child, holders: Vec<Holder>) -> Outcome<()> {
    if child.id() == shop.child.id() { release(shop, holders).await } else { Ok(()) }
}
