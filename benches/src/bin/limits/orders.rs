//! Complete orders in batches of 256: opened from holds, an intent, authorised, captured, confirmed. The gateway is not in it: what it would
//! say is said at once. The holds are placed beforehand.

use std::time::{Duration, Instant};

use ticketcore::order::{CheckoutRequest, News, ObserveRequest, PayRequest, PaymentSeen};
use ticketcore::store::local::LocalOptions;
use ticketcore::{Hold, OrderId, OrderState, Pending, Stepped, Word};
use ticketcore_benches::{Opened, Random, SEATS, key, user};

use crate::Outcome;
use crate::durable::Durable;
use crate::rounds::{ROUNDS, fresh, two_threads, usual};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

pub const NAMES: &[&str] = &["orders_many_256", "durable_orders_many_256"];

const MANY: usize = 256;
/// Orders of a round: one for every two seats.
const ORDERS: usize = SEATS as usize / 2;

/// Holds for every seat, two a hold, in batches.
fn holds(opened: &Opened) -> Outcome<Vec<Vec<Hold>>> {
    let seats = Random::new(3).permutation(SEATS);
    let requests: Vec<_> =
        (0u64..).zip(seats.chunks(2)).map(|(n, pair)| opened.request(user(n), Some(key(n)), pair)).collect();
    let mut batches = Vec::new();
    for batch in requests.chunks(MANY) {
        let held: Result<Vec<Hold>, _> =
            opened.office.hold_many(batch.to_vec()).into_iter().map(Pending::wait).collect();
        batches.push(held?);
    }
    Ok(batches)
}

/// Takes a batch of holds through to tickets.
fn sell(opened: &Opened, holds: &[Hold]) {
    let office = &opened.office;
    let checkouts = holds.iter().map(|hold| CheckoutRequest::new(hold.id, hold.user)).collect();
    for order in office.checkout_many(checkouts) {
        order.wait().expect("the hold is live");
    }
    let pay = |hold: &Hold| PayRequest {
        order: hold.id.order(),
        user: hold.user,
        key: None,
        gateway: Word::cut("bench"),
        method: Word::cut("card"),
    };
    all(office.pay_many(holds.iter().map(pay).collect()), OrderState::Paying);
    let observe = |news: &dyn Fn(&Hold) -> News, state| {
        let ask = |hold: &Hold| ObserveRequest { order: order_of(hold), news: news(hold) };
        all(office.observe_many(holds.iter().map(ask).collect()), state);
    };
    let reference = || Word::cut("ch_0123456789abcdef");
    let authorized = PaymentSeen::Authorized { reference: reference(), lapses_at: None, fingerprint: None };
    observe(&|_| News::Payment { attempt: 1, seen: authorized.clone() }, OrderState::Authorized);
    let captured = |hold: &Hold| News::Payment {
        attempt: 1,
        seen: PaymentSeen::Captured {
            reference: reference(),
            amount_minor: hold.total_minor,
            fingerprint: None,
        },
    };
    observe(&captured, OrderState::Captured);
    observe(&|_| News::Confirm, OrderState::Confirmed);
}

fn order_of(hold: &Hold) -> OrderId {
    hold.id.order()
}

fn all(steps: Vec<Pending<Stepped>>, state: OrderState) {
    for step in steps {
        let step = step.wait().expect("every step is due");
        assert_eq!(step.state, state);
    }
}

/// Orders a second, by two threads that share one event.
fn round(opened: &Opened) -> Outcome<f64> {
    let batches = holds(opened)?;
    let times: [Duration; 2] = two_threads(|number, begin| {
        let own = batches.iter().skip(usize::from(number == 1)).step_by(2);
        begin();
        let begun = Instant::now();
        own.for_each(|batch| sell(opened, batch));
        begun.elapsed()
    });
    let sold: u32 = opened.office.availability(opened.event)?.sections.iter().map(|counts| counts.sold).sum();
    assert_eq!(sold, SEATS, "every seat is sold");
    #[expect(clippy::cast_precision_loss, reason = "40,000")]
    return Ok(ORDERS as f64 / times.iter().max().map_or(1.0, Duration::as_secs_f64));
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let definition = usual();
    let (mut memory, mut disk, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        memory.push(round(&fresh(&definition)?)?);
        disk.push(round(&Durable::new(LocalOptions::default())?.opened)?);
        others.push(watch.others_percent());
    }
    let others = median(&others);
    Ok(vec![
        Figure::new(NAMES[0], "1/s").goal(Goal::AtLeast(2e5)).rounds(&memory, &[], others),
        Figure::new(NAMES[1], "1/s").goal(Goal::AtLeast(1e5)).rounds(&disk, &memory, others),
    ])
}
