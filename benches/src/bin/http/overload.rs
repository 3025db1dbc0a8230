//! Five times as many holds asked for as can be done: how many are done all the same, and how long those take. Each of many connections asks at
//! its times, whatever became of what it asked before, unless it still waits for an answer. A round at the peak comes before each.

use std::time::Duration;

use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

use crate::buying::{Holder, release};
use crate::holds::crowd;
use crate::load::{Timing, run};
use crate::shop::Shop;
use crate::{Outcome, ROUNDS};

pub const NAMES: &[&str] = &["overload_goodput", "overload_p99", "overload_offered", "overload_refused"];

const STADIUMS: usize = 4;
/// More than the server works on at once.
const CROWD: usize = 6_000;
const TIMES: f64 = 5.0;

/// See the module.
pub async fn measure(time: Duration) -> Outcome<Vec<Figure>> {
    let shop = Shop::open(STADIUMS)?;
    let (mut rounds, mut others): ([Vec<f64>; 5], _) = (Default::default(), Vec::new());
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet_but_for(&[shop.child.id()]);
        let desk = shop.desk(0);
        let (peak, holders) = run(&shop.child, crowd(|| Holder::new(&desk)), Timing::for_time(time)).await?;
        release(&shop, holders).await?;
        let desk = shop.desk(0);
        let pace = Duration::from_secs_f64(f64::from(u32::try_from(CROWD)?) / (TIMES * peak.per_second()));
        let many = std::iter::repeat_with(|| Holder::new(&desk).lenient()).take(CROWD).collect();
        let (seen, holders) = run(&shop.child, many, Timing { time: Some(time), pace: Some(pace) }).await?;
        others.push(watch.others_percent());
        release(&shop, holders).await?;
        rounds[0].push(seen.per_second());
        rounds[1].push(peak.per_second());
        rounds[2].push(seen.times.quantile_ms(990));
        rounds[3].push(seen.offered_per_second());
        rounds[4].push(seen.refused_per_second());
    }
    let others = median(&others);
    let goodput = Figure::new(NAMES[0], "1/s").goal(Goal::RatioAtLeast(0.9));
    let slow = Figure::new(NAMES[1], "ms").goal(Goal::AtMost(1_000.0));
    Ok(vec![
        goodput.rounds(&rounds[0], &rounds[1], others),
        slow.rounds(&rounds[2], &[], others),
        Figure::new(NAMES[2], "1/s").rounds(&rounds[3], &rounds[1], others),
        Figure::new(NAMES[3], "1/s").rounds(&rounds[4], &[], others),
    ])
}
