//! One buyer thread: many people, one after the other, and their checkouts in between.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Instant;

use ticketcore::{
    Clock, CloseOrderRequest, CommandError, Hold, HoldId, HoldRequest, IdempotencyKey, Item,
    OpenOrderRequest, Order, OrderState, Refusal, UserId, UtcMs,
};

use crate::args::Args;
use crate::house::House;
use crate::rng::Rng;
use crate::tally::Tally;
use crate::twin::{Click, Twin};
use crate::wish::{Maps, Wishes};

/// Attempts for every place of the house.
const ATTEMPTS_PER_PLACE: u64 = 20;
/// Attempts a thread takes at once; then it looks at the map again.
const ROUND: u64 = 64;
/// Rounds after which a page that was left open is loaded again.
const STALE_ROUNDS: u64 = 64;
/// Buyers think for 20 seconds to 3 minutes before they pay.
const THINK_MS: (u64, u64) = (20_000, 160_000);
/// People who try again and again under few names.
const TOUTS: u64 = 50;

/// What all buyer threads share.
pub struct Crowd {
    /// Attempts to make in all.
    pub attempts: u64,
    started: AtomicU64,
    mailboxes: Vec<Mutex<Vec<Twin>>>,
    all_done: Barrier,
    /// When the sale opened.
    pub opened: UtcMs,
}

impl Crowd {
    /// The crowd before a house.
    pub fn new(house: &House, threads: usize) -> Self {
        Self {
            attempts: house.capacity * ATTEMPTS_PER_PLACE,
            started: AtomicU64::new(0),
            mailboxes: (0..threads).map(|_| Mutex::default()).collect(),
            all_done: Barrier::new(threads),
            opened: house.clock.now(),
        }
    }

    /// Attempts that have begun.
    pub fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed).min(self.attempts)
    }

    fn mailbox(&self, thread: usize) -> std::sync::MutexGuard<'_, Vec<Twin>> {
        let mailbox = &self.mailboxes[thread % self.mailboxes.len()];
        mailbox.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A hold whose buyer is about to pay; ordered by time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Checkout {
    at: UtcMs,
    hold: HoldId,
    user: UserId,
    total_minor: i64,
}

/// See the module.
pub struct Buyer<'a> {
    house: &'a House,
    crowd: &'a Crowd,
    args: &'a Args,
    thread: usize,
    rng: Rng,
    wishes: Wishes<'a>,
    maps: Maps,
    checkouts: BinaryHeap<Reverse<Checkout>>,
    /// What it saw.
    pub tally: Tally,
}

impl<'a> Buyer<'a> {
    /// The buyers of thread number `thread`.
    pub fn new(house: &'a House, crowd: &'a Crowd, args: &'a Args, thread: usize) -> Self {
        Self {
            house,
            crowd,
            args,
            thread,
            rng: Rng::new(args.seed, thread as u64),
            wishes: Wishes::new(house, args),
            maps: Maps::default(),
            checkouts: BinaryHeap::new(),
            tally: Tally::default(),
        }
    }

    /// Makes this thread's share of the attempts and brings every checkout to its end. Returns when the last attempt was answered.
    pub fn run(&mut self) -> Result<Instant, CommandError> {
        for round in 0.. {
            let first = self.crowd.started.fetch_add(ROUND, Ordering::Relaxed);
            if first >= self.crowd.attempts {
                break;
            }
            self.house.office.seat_map(self.house.event, &mut self.maps.fresh)?;
            if round % STALE_ROUNDS == 0 {
                self.maps.stale.clone_from(&self.maps.fresh);
            }
            for attempt in first..(first + ROUND).min(self.crowd.attempts) {
                self.attempt(attempt);
                self.answer_twins();
                while self.pay_next(self.house.clock.now()) {}
            }
        }
        let done = Instant::now();
        while let Some(Reverse(next)) = self.checkouts.peek() {
            std::thread::sleep(self.house.clock.until(next.at));
            while self.pay_next(self.house.clock.now()) {}
        }
        self.crowd.all_done.wait();
        self.answer_twins();
        Ok(done)
    }

    /// Somebody comes, asks, and decides.
    fn attempt(&mut self, attempt: u64) {
        let tout = self.rng.percent(2);
        let user = if tout { self.rng.below(TOUTS) } else { TOUTS + self.rng.below(self.crowd.attempts / 2) };
        let progress = attempt * 1_000 / self.crowd.attempts;
        let count = 1 + u32::try_from(self.rng.below(4)).unwrap_or(0);
        let items = self.wishes.draw(&mut self.rng, &self.maps, progress, count);
        let request = HoldRequest {
            key: IdempotencyKey::new(&format!("hold-{attempt}")).ok(),
            ..HoldRequest::new(self.house.event, UserId::from(u128::from(user)), items)
        };
        let click = self.rng.percent(self.args.duplicates).then(|| {
            let (click, twin) = Click::twice(&request);
            self.crowd.mailbox(self.thread + 1).push(twin);
            click
        });
        let Some(hold) = self.hold(request, click.as_ref()) else { return };
        if self.rng.percent(self.args.abandon) {
            self.tally.abandoned += 1;
            return;
        }
        let at = self.house.clock.now().plus_ms(THINK_MS.0 + self.rng.below(THINK_MS.1));
        let Hold { id, user, total_minor, .. } = hold;
        self.checkouts.push(Reverse(Checkout { at, hold: id, user, total_minor }));
    }

    /// Sends one hold request and measures the answer.
    fn hold(&mut self, request: HoldRequest, click: Option<&Click>) -> Option<Hold> {
        self.tally.attempts += 1;
        let twin_was_first = click.is_some_and(Click::is_accepted);
        let asked = Instant::now();
        let outcome = self.house.office.hold(request).wait();
        let answered = Instant::now();
        let took = answered - asked;
        match outcome {
            Ok(hold) => {
                self.tally.placed += 1;
                self.tally.hold_times.add(took);
                if let Some(click) = click {
                    click.accepted(&hold, &mut self.tally.violations);
                }
                Some(hold)
            }
            Err(CommandError::Refused(refusal)) => {
                let at_ms = self.house.clock.at(answered).since_ms(self.crowd.opened);
                self.tally.refused(&refusal, at_ms, took);
                let late = click.and_then(Click::refused);
                self.tally.violations.check(!twin_was_first, || {
                    format!(
                        "a hold was given to the first request of a key and refused to the second: {refusal}"
                    )
                });
                late.into_iter().for_each(|hold| self.give_back(hold));
                None
            }
            Err(error) => {
                self.tally.violations.add(format!("a hold request: {error}"));
                None
            }
        }
    }

    fn answer_twins(&mut self) {
        let twins = std::mem::take(&mut *self.crowd.mailbox(self.thread));
        for twin in twins {
            self.tally.duplicates += 1;
            if let Some(hold) = twin.send(&self.house.office, &mut self.tally.violations) {
                self.give_back(hold);
            }
        }
    }

    /// Gives a hold back that nobody waits for.
    fn give_back(&mut self, hold: Hold) {
        self.tally.unclaimed += 1;
        let request = ticketcore::ReleaseRequest { hold: hold.id, user: hold.user, key: None };
        match self.house.office.release(request).wait() {
            Ok(done) if done.revision.is_some() => self.tally.released += 1,
            Ok(_) => self.tally.lapsed += 1,
            Err(error) => self.tally.violations.add(format!("a release: {error}")),
        }
    }

    /// Brings the next checkout to its end if it is due.
    fn pay_next(&mut self, now: UtcMs) -> bool {
        match self.checkouts.peek() {
            Some(Reverse(next)) if next.at <= now => {}
            _ => return false,
        }
        if let Some(Reverse(checkout)) = self.checkouts.pop() {
            let fails = self.rng.percent(self.args.payment_failures);
            self.check_out(&checkout, fails);
        }
        true
    }

    fn check_out(&mut self, checkout: &Checkout, payment_fails: bool) -> bool {
        let office = &self.house.office;
        let Some(order) = self.open(checkout) else { return false };
        let request = CloseOrderRequest { order: order.id, user: checkout.user, key: None };
        let asked = Instant::now();
        let closed =
            if payment_fails { office.cancel_order(request) } else { office.confirm_order(request) }.wait();
        let took = asked.elapsed();
        match closed {
            Ok(closed) => {
                let wanted = if payment_fails { OrderState::Cancelled } else { OrderState::Confirmed };
                let same = (closed.id, closed.state, closed.total_minor)
                    == (order.id, wanted, checkout.total_minor)
                    && closed.lines == order.lines;
                self.tally.violations.check(same, || format!("{order:?} became {closed:?}"));
                if payment_fails {
                    self.tally.cancelled += 1;
                    return false;
                }
                self.tally.confirm_times.add(took);
                self.tally.sales.push(closed.into());
                true
            }
            Err(error) => {
                self.too_late(&error, order.payment_deadline);
                false
            }
        }
    }

    /// Opens the order of a hold, perhaps twice under two keys: it must be the same order.
    fn open(&mut self, checkout: &Checkout) -> Option<Order> {
        let open = |window: u32| {
            let key = IdempotencyKey::new(&format!("order-{}-{window}", checkout.hold.number.0)).ok();
            self.house
                .office
                .open_order(OpenOrderRequest { hold: checkout.hold, user: checkout.user, key })
                .wait()
        };
        let order = match open(1) {
            Ok(order) => order,
            Err(error) => {
                self.too_late(&error, None);
                return None;
            }
        };
        if self.rng.percent(self.args.duplicates) {
            self.tally.duplicates += 1;
            match open(2) {
                Ok(second) => self.tally.violations.check(
                    (second.id, &second.lines, second.total_minor)
                        == (order.id, &order.lines, order.total_minor),
                    || format!("one hold became two orders, {:?} and {:?}", order.id, second.id),
                ),
                Err(error) => {
                    let expired = order.payment_deadline.is_some_and(|end| end <= self.house.clock.now());
                    self.tally.violations.check(expired, || format!("an order opened twice: {error}"));
                }
            }
        }
        Some(order)
    }

    /// A hold or an order has run out, or something is wrong.
    fn too_late(&mut self, error: &CommandError, deadline: Option<UtcMs>) {
        match error {
            CommandError::Refused(
                Refusal::HoldExpired { .. }
                | Refusal::UnknownHold
                | Refusal::OrderState { state: OrderState::Expired },
            ) if deadline.is_none_or(|deadline| deadline <= self.house.clock.now()) => self.tally.lapsed += 1,
            error => self.tally.violations.add(format!("at the checkout: {error}")),
        }
    }

    /// Somebody who takes exactly this and pays at once. True if it worked.
    pub fn buy_now(&mut self, user: UserId, items: Vec<Item>) -> bool {
        let request = HoldRequest::new(self.house.event, user, items);
        let Some(hold) = self.hold(request, None) else { return false };
        let Hold { id, user, total_minor, .. } = hold;
        self.check_out(&Checkout { at: UtcMs(0), hold: id, user, total_minor }, false)
    }
}
