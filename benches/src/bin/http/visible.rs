//! From a hold's acknowledgement until availability shows it, while others buy.

use std::sync::Arc;
use std::time::Duration;

use ticketcore_benches::Histogram;
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::buying::Buyer;
use crate::load::{Timing, run};
use crate::shop::{Desk, Shop, get};
use crate::{Outcome, ROUNDS};
use ticketcore_benches::wire::{Connection, after, number};

pub const NAMES: &[&str] = &["visible_p50", "visible_p99", "visible_purchases"];

const STADIUMS: usize = 2;
/// Connections that buy meanwhile.
const BUYERS: usize = 16;
/// Connections that hold and look.
const LOOKERS: usize = 16;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Holds a pair and looks until it is shown, again and again until the time is over.
async fn look(shop: Arc<Shop>, desk: Arc<Desk>, until: Instant) -> Outcome<Histogram> {
    let mut connection = Connection::open(shop.child.ready.address).await?;
    let (mut times, mut request) = (Histogram::default(), Vec::new());
    while Instant::now() < until {
        let pair = desk.free.lock().pop().ok_or("sold out")?;
        request.clear();
        desk.write_hold(&mut request, Desk::newcomer(), pair);
        let held = connection.ask(&request).await?;
        let acknowledged = Instant::now();
        let revision = after(held.body, b"\"revision\":").and_then(number);
        let revision = revision.ok_or_else(|| held.unexpected("a hold"))?;
        let looking = get(&format!("/v1/events/{}/availability", desk.events[pair.event]), "");
        loop {
            let shown = connection.ask(&looking).await?.revision().ok_or("no tag")?;
            if shown >= revision {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        times.add(acknowledged.elapsed());
    }
    Ok(times)
}

/// See the module.
pub async fn measure(time: Duration) -> Outcome<Vec<Figure>> {
    let shop = Arc::new(Shop::open(STADIUMS)?);
    let desk = shop.desk(0);
    let (mut rounds, mut others): ([Vec<f64>; 3], _) = (Default::default(), Vec::new());
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet_but_for(&[shop.child.id()]);
        // The rarest one in a hundred takes more than a few looks.
        let time = time * 2;
        let mut lookers = JoinSet::new();
        for _ in 0..LOOKERS {
            lookers.spawn(look(Arc::clone(&shop), Arc::clone(&desk), Instant::now() + time));
        }
        let buyers = std::iter::repeat_with(|| Buyer::new(&desk)).take(BUYERS).collect();
        let (seen, _) = run(&shop.child, buyers, Timing::for_time(time)).await?;
        let mut times = Histogram::default();
        while let Some(looked) = lookers.join_next().await {
            times.merge(&looked??);
        }
        others.push(watch.others_percent());
        rounds[0].push(times.quantile_ms(500));
        rounds[1].push(times.quantile_ms(990));
        rounds[2].push(seen.per_second());
    }
    let others = median(&others);
    Ok(vec![
        Figure::new(NAMES[0], "ms").rounds(&rounds[0], &[], others),
        Figure::new(NAMES[1], "ms").goal(Goal::AtMost(500.0)).worst().rounds(&rounds[1], &[], others),
        Figure::new(NAMES[2], "1/s").rounds(&rounds[2], &[], others),
    ])
}
