//! Holds: accepted, each acknowledged when the disk has it; and refused, because others have the seats.

use std::sync::Arc;
use std::time::Duration;

use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

use crate::buying::{Holder, Refused, release};
use crate::load::{Shopper, Timing, run};
use crate::reads::Rounds;
use crate::shop::{Desk, Pair, Shop};
use crate::{CONNECTIONS, Outcome, ROUNDS, bare};

pub const ACCEPTED: &[&str] = &["hold_accepted", "hold_accepted_p99", "hold_accepted_cpu"];
pub const REFUSED: &[&str] = &["hold_refused", "hold_refused_p99", "hold_refused_cpu"];

/// Stadiums: no round may sell them out.
const STADIUMS: usize = 5;
/// Pairs that others have.
const TAKEN: u32 = 1_000;

/// As many as there are connections.
pub fn crowd<S: Shopper>(mut one: impl FnMut() -> S) -> Vec<S> {
    std::iter::repeat_with(&mut one).take(CONNECTIONS).collect()
}

/// See the module.
pub async fn accepted(time: Duration) -> Outcome<Vec<Figure>> {
    let shop = Shop::open(STADIUMS)?;
    let mut request = Vec::new();
    // The last pair is not wanted again.
    let last = shop.desk(0).free.lock()[0];
    shop.desk(0).write_hold(&mut request, Desk::newcomer(), last);
    let bare = bare::start(&[shop.learn(&request).await?])?;
    let (mut ours, mut theirs, mut others) = (Rounds::default(), Rounds::default(), Vec::new());
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet_but_for(&[shop.child.id(), bare.id()]);
        let desk = shop.desk(0);
        theirs.add(&run(&bare, crowd(|| Holder::new(&desk)), Timing::for_time(time)).await?.0);
        let desk = shop.desk(0);
        let (seen, holders) = run(&shop.child, crowd(|| Holder::new(&desk)), Timing::for_time(time)).await?;
        others.push(watch.others_percent());
        ours.add(&seen);
        release(&shop, holders).await?;
    }
    let others = median(&others);
    let rate = Figure::new(ACCEPTED[0], "1/s").goal(Goal::RatioAtLeast(0.45));
    let slow = Figure::new(ACCEPTED[1], "ms").goal(Goal::RatioAtMost(3.0));
    Ok(vec![
        rate.rounds(&ours.rate, &theirs.rate, others),
        slow.rounds(&ours.p99, &theirs.p99, others),
        Figure::new(ACCEPTED[2], "us").rounds(&ours.cpu, &theirs.cpu, others),
    ])
}

/// See the module.
pub async fn refused(time: Duration) -> Outcome<Vec<Figure>> {
    let shop = Shop::open(1)?;
    let desk = shop.desk(0);
    desk.free.lock().clear();
    desk.free.lock().extend((0..TAKEN as usize).map(|pair| Pair { event: 0, first: 2 * pair }));
    run(&shop.child, crowd(|| Holder::new(&desk)), Timing { time: None, pace: None }).await?;
    let mut request = Vec::new();
    desk.write_hold(&mut request, Desk::newcomer(), Pair { event: 0, first: 0 });
    let bare = bare::start(&[shop.learn(&request).await?])?;
    let (mut ours, mut theirs, mut others) = (Rounds::default(), Rounds::default(), Vec::new());
    let asking = |desk: &Arc<Desk>| {
        let mut seed = 0;
        crowd(|| {
            seed += 1;
            Refused::new(desk, seed, TAKEN)
        })
    };
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet_but_for(&[shop.child.id(), bare.id()]);
        theirs.add(&run(&bare, asking(&desk), Timing::for_time(time)).await?.0);
        ours.add(&run(&shop.child, asking(&desk), Timing::for_time(time)).await?.0);
        others.push(watch.others_percent());
    }
    let others = median(&others);
    let rate = Figure::new(REFUSED[0], "1/s").goal(Goal::RatioAtLeast(0.65));
    Ok(vec![
        rate.rounds(&ours.rate, &theirs.rate, others),
        Figure::new(REFUSED[1], "ms").rounds(&ours.p99, &theirs.p99, others),
        Figure::new(REFUSED[2], "us").rounds(&ours.cpu, &theirs.cpu, others),
    ])
}
