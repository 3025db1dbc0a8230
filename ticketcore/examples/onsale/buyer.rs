//! One buyer thread: many people, one after the other, and their checkouts in between.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Instant;

use ticketcore::checkout::{Checkout, Underway};
use ticketcore::{
    Clock, CommandError, Hold, HoldId, HoldRequest, IdempotencyKey, Item, Stepped, UserId, UtcMs,
};

use crate::args::Args;
use crate::house::House;
use crate::purchase::{Purchase, refund};
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

/// Purchases under way that a thread looks after between two requests.
const HEARD_AT_ONCE: usize = 8;

/// When the buyer of a hold will pay; ordered by time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Thinking {
    at: UtcMs,
    hold: HoldId,
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
    till: &'a Checkout,
    thinking: BinaryHeap<Reverse<Thinking>>,
    holds: HashMap<HoldId, Hold>,
    purchases: VecDeque<Purchase>,
    refunds: Vec<Underway<Stepped>>,
    /// What it saw.
    pub tally: Tally,
}

impl<'a> Buyer<'a> {
    /// The buyers of thread number `thread`.
    pub fn new(
        house: &'a House,
        till: &'a Checkout,
        crowd: &'a Crowd,
        args: &'a Args,
        thread: usize,
    ) -> Self {
        Self {
            house,
            crowd,
            args,
            thread,
            rng: Rng::new(args.seed, thread as u64),
            wishes: Wishes::new(house, args),
            maps: Maps::default(),
            till,
            thinking: BinaryHeap::new(),
            holds: HashMap::new(),
            purchases: VecDeque::new(),
            refunds: Vec::new(),
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
                self.hear();
            }
        }
        let done = Instant::now();
        while let Some(Reverse(next)) = self.thinking.peek() {
            std::thread::sleep(self.house.clock.until(next.at));
            while self.pay_next(self.house.clock.now()) {}
        }
        self.hear_all();
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
        self.thinking.push(Reverse(Thinking { at, hold: hold.id }));
        self.holds.insert(hold.id, hold);
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
            Ok(_) => self.tally.lapsed.push(hold.id.number),
            Err(error) => self.tally.violations.add(format!("a release: {error}")),
        }
    }

    /// Begins the next purchase if its buyer has made up his mind.
    fn pay_next(&mut self, now: UtcMs) -> bool {
        match self.thinking.peek() {
            Some(Reverse(next)) if next.at <= now => {}
            _ => return false,
        }
        let hold = self.thinking.pop().and_then(|Reverse(next)| self.holds.remove(&next.hold));
        if let Some(hold) = hold {
            let twice = self.rng.percent(self.args.duplicates);
            self.purchases.push_back(Purchase::begin(self.till, hold, twice));
        }
        true
    }

    /// Hears what became of some purchases.
    fn hear(&mut self) {
        for _ in 0..self.purchases.len().min(HEARD_AT_ONCE) {
            let Some(purchase) = self.purchases.pop_front() else { return };
            match purchase.hear(&mut self.tally) {
                Err(later) => self.purchases.push_back(later),
                Ok(sale) => self.regret(sale),
            }
        }
    }

    /// Waits for every purchase, and for the money of those who changed their minds.
    fn hear_all(&mut self) {
        while let Some(purchase) = self.purchases.pop_front() {
            let sale = purchase.wait(&mut self.tally);
            self.regret(sale);
        }
        for refund in std::mem::take(&mut self.refunds) {
            if let Err(error) = refund.wait() {
                self.tally.violations.add(format!("a refund: {error}"));
            }
        }
    }

    /// A buyer may change his mind.
    fn regret(&mut self, sale: Option<crate::tally::Sale>) {
        if let Some(sale) = sale.filter(|_| self.rng.percent(self.args.refunds)) {
            self.refunds.push(refund(self.till, &sale, self.house.event));
            self.tally.refunded.push(sale.order);
        }
    }

    /// Takes exactly these, and pays at once. True if any of it worked.
    pub fn buy_now(&mut self, wishes: Vec<(UserId, Item)>) -> bool {
        let event = self.house.event;
        let holds: Vec<Hold> = wishes
            .into_iter()
            .filter_map(|(user, item)| self.hold(HoldRequest::new(event, user, vec![item]), None))
            .collect();
        let bought: Vec<Purchase> =
            holds.into_iter().map(|hold| Purchase::begin(self.till, hold, false)).collect();
        let mut sold = false;
        for purchase in bought {
            sold |= purchase.wait(&mut self.tally).is_some();
        }
        sold
    }
}
