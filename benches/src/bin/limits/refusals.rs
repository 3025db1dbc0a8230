//! Requests for two seats that others have: sold, or held.

use ticketcore::{CloseOrderRequest, CommandError, OpenOrderRequest, Refusal};
use ticketcore_benches::{Opened, Random, SEATS, key, user};

use crate::Outcome;
use crate::rounds::{ROUNDS, fresh, usual, warm_per_second};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

pub const NAMES: &[&str] = &["refuse_sold", "refuse_held"];

/// Everything is taken in pairs by users of their own.
fn take_all(opened: &Opened, sold: bool) -> Result<(), CommandError> {
    for pair in 0..SEATS / 2 {
        let user = user(1 << 50 | u64::from(pair));
        let hold = opened.hold(user, None, &[2 * pair, 2 * pair + 1])?;
        if sold {
            let order = opened.office.open_order(OpenOrderRequest { hold, user, key: None }).wait()?.id;
            opened.office.confirm_order(CloseOrderRequest { order, user, key: None }).wait()?;
        }
    }
    Ok(())
}

fn round(opened: &Opened, number: u64) -> f64 {
    let mut random = Random::new(number);
    let mut n = number << 40;
    warm_per_second(|| {
        n += 1;
        match opened.hold(user(n), Some(key(n)), &random.two_below(SEATS)) {
            Err(CommandError::Refused(Refusal::SeatsUnavailable(_))) => {}
            other => panic!("{other:?}"),
        }
    })
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let definition = usual();
    let (sold, held) = (fresh(&definition)?, fresh(&definition)?);
    take_all(&sold, true)?;
    take_all(&held, false)?;
    let mut rounds: [Vec<f64>; 2] = Default::default();
    let mut others = Vec::new();
    for number in 1..=ROUNDS as u64 {
        let watch = Watch::when_quiet();
        rounds[0].push(round(&sold, number));
        rounds[1].push(round(&held, number));
        others.push(watch.others_percent());
    }
    let others = median(&others);
    let figure =
        |at: usize| Figure::new(NAMES[at], "1/s").goal(Goal::AtLeast(3e6)).rounds(&rounds[at], &[], others);
    Ok(vec![figure(0), figure(1)])
}
