//! Best available: hold the best 4 adjacent of 80,000 seats and release them, on an empty map and on maps sold at random places.

use ticketcore::manifest::{Definition, Rules};
use ticketcore::{
    BestAvailable, CloseOrderRequest, CommandError, HoldRequest, Item, OpenOrderRequest, Refusal,
};
use ticketcore_benches::{ADULT, Opened, Random, SEATS, key, stadium, user};

use crate::Outcome;
use crate::rounds::{ROUNDS, fresh, warm_per_second};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

pub const NAMES: &[&str] = &["best_4_empty", "best_4_sold_95", "best_4_sold_95_none_left"];

const TOGETHER: u32 = 4;
const PER_ORDER: u32 = 100;
const SOLD: usize = SEATS as usize / 100 * 95;

fn best(opened: &Opened, n: u64) -> HoldRequest {
    let best = BestAvailable::adjacent(TOGETHER, ADULT);
    HoldRequest { key: Some(key(n)), ..HoldRequest::new(opened.event, user(n), vec![Item::Best(best)]) }
}

/// Sells single seats at random places until 95 % are sold.
fn sell(opened: &Opened, seed: u64) -> Result<(), CommandError> {
    let seats = Random::new(seed).permutation(SEATS);
    for (n, seats) in (0..).zip(seats[..SOLD].chunks(PER_ORDER as usize)) {
        let user = user(1 << 50 | n);
        let hold = opened.hold(user, None, seats)?;
        let order = opened.office.open_order(OpenOrderRequest { hold, user, key: None }).wait()?.id;
        opened.office.confirm_order(CloseOrderRequest { order, user, key: None }).wait()?;
    }
    Ok(())
}

/// The first map, by seed, on which 4 adjacent seats are left, or none are.
fn sold_map(definition: &Definition, left: bool) -> Outcome<Opened> {
    for seed in 1.. {
        let opened = fresh(definition)?;
        sell(&opened, seed)?;
        let user = user(0);
        match opened.office.hold(best(&opened, 0)).wait() {
            Ok(hold) => {
                opened.release(user, None, hold.id)?;
                if left {
                    return Ok(opened);
                }
            }
            Err(CommandError::Refused(Refusal::BestAvailableMiss { .. })) => {
                if !left {
                    return Ok(opened);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err("no such map".into())
}

fn round(opened: &Opened, first: u64) -> f64 {
    let mut n = first << 32;
    warm_per_second(|| {
        n += 1;
        let user = user(n);
        match opened.office.hold(best(opened, n)).wait() {
            Ok(hold) => opened.release(user, None, hold.id).expect("it was held a moment ago"),
            Err(CommandError::Refused(Refusal::BestAvailableMiss { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    })
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let rules = Rules { tickets_per_user_max: PER_ORDER, ..Rules::new("Final") };
    let definition = stadium(rules);
    let maps = [fresh(&definition)?, sold_map(&definition, true)?, sold_map(&definition, false)?];
    let mut rounds: [Vec<f64>; 3] = Default::default();
    let mut others = Vec::new();
    for number in 1..=ROUNDS as u64 {
        let watch = Watch::when_quiet();
        for (map, rounds) in maps.iter().zip(&mut rounds) {
            rounds.push(round(map, number));
        }
        others.push(watch.others_percent());
    }
    let others = median(&others);
    Ok(vec![
        Figure::new(NAMES[0], "1/s").goal(Goal::AtLeast(5e5)).rounds(&rounds[0], &[], others),
        Figure::new(NAMES[1], "1/s").goal(Goal::AtLeast(1e5)).rounds(&rounds[1], &[], others),
        Figure::new(NAMES[2], "1/s").rounds(&rounds[2], &[], others),
    ])
}
