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
/// Batches that a thread has under way: one is decided while another is on its way to the disk.
const TOGETHER: usize = 2;
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

/// Asks for one step of every order of a batch.
type AskStep = fn(&Opened, &[Hold]) -> Vec<Pending<Stepped>>;

/// The steps after the checkout, and where they lead. Each is durable before the next of the same order is asked for.
const STEPS: [(AskStep, OrderState); 4] = [
    (pay, OrderState::Paying),
    (authorize, OrderState::Authorized),
    (capture, OrderState::Captured),
    (confirm, OrderState::Confirmed),
];

/// Takes batches of holds through to tickets, all a step further before the first is waited for.
fn sell(opened: &Opened, batches: &[&Vec<Hold>]) {
    let checkouts = |holds: &[Hold]| {
        let requests = holds.iter().map(|hold| CheckoutRequest::new(hold.id, hold.user)).collect();
        opened.office.checkout_many(requests)
    };
    let orders: Vec<_> = batches.iter().map(|holds| checkouts(holds)).collect();
    for order in orders.into_iter().flatten() {
        order.wait().expect("the hold is live");
    }
    let mut under_way: Vec<_> = batches.iter().map(|holds| pay(opened, holds)).collect();
    for (at, (_, state)) in STEPS.into_iter().enumerate() {
        for (steps, holds) in under_way.iter_mut().zip(batches) {
            all(std::mem::take(steps), state);
            if let Some((next, _)) = STEPS.get(at + 1) {
                *steps = next(opened, holds);
            }
        }
    }
}

fn pay(opened: &Opened, holds: &[Hold]) -> Vec<Pending<Stepped>> {
    let pay = |hold: &Hold| PayRequest {
        order: order_of(hold),
        user: hold.user,
        key: None,
        gateway: Word::cut("bench"),
        method: Word::cut("card"),
    };
    opened.office.pay_many(holds.iter().map(pay).collect())
}

fn reference() -> Word {
    Word::cut("ch_0123456789abcdef")
}

fn authorize(opened: &Opened, holds: &[Hold]) -> Vec<Pending<Stepped>> {
    let seen = PaymentSeen::Authorized { reference: reference(), lapses_at: None, fingerprint: None };
    observe(opened, holds, |_| News::Payment { attempt: 1, seen: seen.clone() })
}

fn capture(opened: &Opened, holds: &[Hold]) -> Vec<Pending<Stepped>> {
    observe(opened, holds, |hold| {
        let (reference, amount_minor) = (reference(), hold.total_minor);
        let seen = PaymentSeen::Captured { reference, amount_minor, fingerprint: None };
        News::Payment { attempt: 1, seen }
    })
}

fn confirm(opened: &Opened, holds: &[Hold]) -> Vec<Pending<Stepped>> {
    observe(opened, holds, |_| News::Confirm)
}

fn observe(opened: &Opened, holds: &[Hold], news: impl Fn(&Hold) -> News) -> Vec<Pending<Stepped>> {
    let ask = |hold: &Hold| ObserveRequest { order: order_of(hold), news: news(hold) };
    opened.office.observe_many(holds.iter().map(ask).collect())
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
        let own: Vec<_> = batches.iter().skip(usize::from(number == 1)).step_by(2).collect();
        begin();
        let begun = Instant::now();
        own.chunks(TOGETHER).for_each(|batches| sell(opened, batches));
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
