//! Complete purchases: a hold, an order that the sandbox takes the money for, the tickets with their codes.

use std::time::Duration;

use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, median};

use crate::buying::Buyer;
use crate::holds::crowd;
use crate::load::{Timing, run};
use crate::reads::Rounds;
use crate::shop::Shop;
use crate::{Outcome, ROUNDS};

pub const NAMES: &[&str] = &["purchases", "purchase_p50", "purchase_p99", "purchase_cpu_per_request"];

const STADIUMS: usize = 2;

/// See the module.
pub async fn measure(time: Duration) -> Outcome<Vec<Figure>> {
    let shop = Shop::open(STADIUMS)?;
    // What is sold stays sold: one desk for all rounds.
    let desk = shop.desk(0);
    let (mut rounds, mut others) = (Rounds::default(), Vec::new());
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet_but_for(&[shop.child.id()]);
        let (seen, _) = run(&shop.child, crowd(|| Buyer::new(&desk)), Timing::for_time(time)).await?;
        others.push(watch.others_percent());
        rounds.add(&seen);
    }
    let others = median(&others);
    Ok(vec![
        Figure::new(NAMES[0], "1/s").rounds(&rounds.rate, &[], others),
        Figure::new(NAMES[1], "ms").rounds(&rounds.p50, &[], others),
        Figure::new(NAMES[2], "ms").rounds(&rounds.p99, &[], others),
        Figure::new(NAMES[3], "us").rounds(&rounds.cpu, &[], others),
    ])
}
