//! Opening an event whose journal has 1,000,000 facts and no snapshot, beside decoding the same bytes. 80,000 seats are sold in orders of
//! two; all other facts are pairs held and released. And the same event as it was at its last fact, by replay of all of them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use ticketcore::fact::Fact;
use ticketcore::store::{MemoryStore, Store, StreamId};
use ticketcore::{BoxOffice, CloseOrderRequest, EventId, Moment, OpenOrderRequest, Revision};
use ticketcore_benches::{Random, SEATS, key, open, user};

use crate::Outcome;
use crate::rounds::{ROUNDS, options, usual};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

pub const NAMES: &[&str] = &["replay_1m", "past_1m"];

const FACTS: u64 = 1_000_000;
const ORDERS: u64 = SEATS as u64 / 2;
/// Defined, on sale; three facts an order, two a pair.
const PAIRS: u64 = (FACTS - 2 - 3 * ORDERS) / 2;

fn fill(store: &Arc<dyn Store>) -> Outcome<EventId> {
    let opened = open(Arc::clone(store), options(), &usual())?;
    let mut random = Random::new(1);
    for n in 0..PAIRS {
        let hold = opened.hold(user(n), Some(key(n)), &random.two_below(SEATS))?;
        opened.release(user(n), None, hold)?;
    }
    let seats = random.permutation(SEATS);
    for (n, pair) in (PAIRS..).zip(seats.chunks(2)) {
        let (user, key) = (user(n), || Some(key(n)));
        let hold = opened.hold(user, key(), pair)?;
        let order = opened.office.open_order(OpenOrderRequest { hold, user, key: key() }).wait()?.id;
        opened.office.confirm_order(CloseOrderRequest { order, user, key: key() }).wait()?;
    }
    Ok(opened.event)
}

fn decode(store: &Arc<dyn Store>, event: EventId) -> Outcome<f64> {
    let start = Instant::now();
    let mut failed = None;
    let (last, _) =
        store.read(StreamId::Event(event), Revision::ZERO, &mut |record| match std::hint::black_box(
            Fact::decode(record.body),
        ) {
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
    match failed {
        Some(error) => Err(error.into()),
        None if last == Revision(FACTS) => Ok(start.elapsed().as_secs_f64()),
        None => Err(format!("the journal ends at {last}").into()),
    }
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let event = fill(&store)?;
    let mut rounds: [Vec<f64>; 3] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        rounds[1].push(decode(&store, event)?);
        let office = BoxOffice::open_shared(Arc::clone(&store), options())?;
        let start = Instant::now();
        let availability = office.availability(event)?;
        rounds[0].push(start.elapsed().as_secs_f64());
        assert_eq!(availability.revision, Revision(FACTS), "all facts were read");
        let start = Instant::now();
        let past = office.past(event, Moment::Revision(Revision(FACTS)))?;
        rounds[2].push(start.elapsed().as_secs_f64());
        let there = (past.availability.revision, past.orders.len() as u64);
        assert_eq!(there, (Revision(FACTS), ORDERS), "every order was followed");
        others.push(watch.others_percent());
    }
    let [opened, decoded, past] = rounds;
    let row = |name, most, of: &[f64]| {
        Figure::new(name, "s").goal(Goal::AtMost(most)).rounds(of, &decoded, median(&others))
    };
    Ok(vec![row(NAMES[0], 1.5, &opened), row(NAMES[1], 2.0, &past)])
}
