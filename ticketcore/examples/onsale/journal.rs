//! The proof: the journal of the sale, folded once more by code that shares nothing with the engine's own state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use ticketcore::fact::{Fact, HoldEnd, Lines, Stamp};
use ticketcore::manifest::Manifest;
use ticketcore::store::{Store, StreamId};
use ticketcore::{AreaIndex, EventId, HoldNumber, Revision, UserId, UtcMs};

use crate::house::{House, TICKETS_PER_USER_MAX};
use crate::tally::{STEP_MS, Sale, Tally, Violations};

/// What happened in one step of the time line, in seats and places.
#[derive(Clone, Copy, Default)]
pub struct Step {
    /// Held.
    pub held: u32,
    /// Sold.
    pub sold: u32,
    /// Free again because a hold ran out.
    pub expired: u32,
    /// Free again because a payment failed or a hold was given back.
    pub returned: u32,
}

/// A hold that has not ended.
pub struct Live {
    /// Whose.
    pub user: UserId,
    /// What it keeps.
    pub lines: Lines,
    /// When it ends.
    pub deadline: UtcMs,
    /// What nothing extends it past.
    pub lifetime_end: UtcMs,
    /// Whether it is an order by now.
    pub ordered: bool,
}

/// The fold. Numbers of facts, and who has what.
pub struct Journal {
    /// All facts.
    pub facts: u64,
    /// Holds placed.
    pub placed: u64,
    /// Orders opened.
    pub opened: u64,
    /// Orders that the house ended: their payment was declined.
    pub cancelled: u64,
    /// Holds that ran out and were no orders.
    pub expired: u64,
    /// Orders that ran out.
    pub expired_orders: u64,
    /// Orders whose money came late and found its seats free.
    pub late_confirmed: u64,
    /// Orders whose money came late and goes back.
    pub late_refused: u64,
    /// Orders whose buyers got their money back.
    pub refunded: u64,
    /// Every order there was.
    pub opened_orders: HashSet<HoldNumber>,
    /// Holds given back.
    pub released: u64,
    /// The sum of all confirmed orders in minor units.
    pub money_minor: i64,
    /// When each seat was sold, in ms after the opening, by seat index.
    pub sold_at: Vec<Option<u64>>,
    /// Places of areas that were sold: the area, when in ms after the opening, how many.
    pub area_sales: Vec<(AreaIndex, u64, u32)>,
    /// Step by step of [`STEP_MS`].
    pub steps: Vec<Step>,
    /// What must never happen.
    pub violations: Violations,
    /// Times from the decline to the seats' release, in ms of the sale.
    pub release_ms: Vec<u64>,
    /// Orders that were declined and are not over yet.
    pub declined_at: HashMap<HoldNumber, UtcMs>,
    opening: UtcMs,
    last: Stamp,
    /// Who has each seat.
    pub owner: Vec<Option<HoldNumber>>,
    /// Places of each area that somebody has.
    pub area_taken: Vec<u32>,
    /// Places of areas that were sold and came back.
    pub area_back: u64,
    area_capacity: Vec<u32>,
    /// Holds that have not ended.
    pub live: HashMap<HoldNumber, Live>,
    /// Orders with tickets.
    pub confirmed: BTreeMap<HoldNumber, (UserId, Lines)>,
    /// Orders that had tickets at some time.
    ever: HashMap<HoldNumber, Lines>,
    /// Tickets of each user.
    pub tickets: HashMap<UserId, u32>,
}

impl Journal {
    /// Reads the whole journal of the event; `opening` is when the sale opened.
    pub fn read(house: &House, opening: UtcMs) -> Result<Self, Box<dyn std::error::Error>> {
        Self::read_from(&*house.store, house.event, &house.manifest, opening, &mut |_, _| {})
    }

    /// As [`read`](Self::read), from any store; `see` gets every fact.
    pub fn read_from(
        store: &dyn Store,
        event: EventId,
        manifest: &Manifest,
        opening: UtcMs,
        see: &mut dyn FnMut(Stamp, &Fact),
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let seats = manifest.seat_count();
        let area_capacity: Vec<u32> = manifest.areas().iter().map(|area| area.capacity).collect();
        let mut journal = Self {
            facts: 0,
            placed: 0,
            opened: 0,
            cancelled: 0,
            expired: 0,
            expired_orders: 0,
            late_confirmed: 0,
            late_refused: 0,
            refunded: 0,
            opened_orders: HashSet::new(),
            release_ms: Vec::new(),
            declined_at: HashMap::new(),
            area_back: 0,
            ever: HashMap::new(),
            released: 0,
            money_minor: 0,
            sold_at: vec![None; seats],
            area_sales: Vec::new(),
            steps: Vec::new(),
            violations: Violations::default(),
            opening,
            last: Stamp { revision: Revision::ZERO, at: UtcMs(0) },
            owner: vec![None; seats],
            area_taken: vec![0; area_capacity.len()],
            area_capacity,
            live: HashMap::new(),
            confirmed: BTreeMap::new(),
            tickets: HashMap::new(),
        };
        let mut damaged = None;
        store.read(
            StreamId::Event(event),
            Revision::ZERO,
            &mut |record| match Fact::decode(record.body) {
                Ok(fact) => {
                    see(record.stamp, &fact);
                    journal.fold(record.stamp, fact);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    damaged = Some(error);
                    ControlFlow::Break(())
                }
            },
        )?;
        damaged.map_or(Ok(journal), |error| Err(error.into()))
    }

    fn fold(&mut self, stamp: Stamp, fact: Fact) {
        let last = std::mem::replace(&mut self.last, stamp);
        let in_order = stamp.revision == last.revision.next() && stamp.at >= last.at;
        self.violations.check(in_order, || format!("{} comes after {}", stamp.revision, last.revision));
        self.facts += 1;
        match fact {
            Fact::HoldPlaced(placed) => {
                self.placed += 1;
                let number = HoldNumber::new(stamp.revision, placed.user.shard());
                self.take(stamp, number, &placed.lines);
                let live = Live {
                    user: placed.user,
                    lines: placed.lines,
                    deadline: stamp.at.plus_ms(placed.ttl_ms),
                    lifetime_end: stamp.at.plus_ms(placed.lifetime_ms),
                    ordered: false,
                };
                self.live.insert(number, live);
            }
            Fact::CheckoutOpened(f) => self.checkout(stamp, &f),
            Fact::OrderStepped(f) => self.stepped(stamp, *f),
            Fact::OrderConfirmed(f) => self.confirm(stamp, f.order, f.user, f.lines),
            Fact::HoldEnded(f) => {
                let overdue = |live: &Live| live.deadline <= stamp.at;
                match f.end {
                    HoldEnd::Expired => {
                        let ordered = self.live.get(&f.hold).is_some_and(|live| live.ordered);
                        *(if ordered { &mut self.expired_orders } else { &mut self.expired }) += 1;
                        self.end(stamp, f.hold, &f.lines, overdue);
                        self.step(stamp).expired += f.lines.places();
                    }
                    HoldEnd::Released | HoldEnd::ForceReleased => {
                        self.released += 1;
                        self.end(stamp, f.hold, &f.lines, |live| !live.ordered);
                        self.step(stamp).returned += f.lines.places();
                    }
                }
            }
            Fact::EventDefined(_) | Fact::SaleStateChanged { .. } | Fact::PaymentRulesSet(_) => {}
            other => self.violations.add(format!("{}: nobody asked for {other:?}", stamp.revision)),
        }
    }

    /// Somebody has it from now on.
    pub fn take(&mut self, stamp: Stamp, number: HoldNumber, lines: &Lines) {
        for line in &lines.seats {
            match &mut self.owner[line.seat.at()] {
                free @ None => *free = Some(number),
                Some(owner) => {
                    let what = format!("{}: {:?} is {owner:?}'s already", stamp.revision, line.seat);
                    self.violations.add(what);
                }
            }
        }
        for line in &lines.areas {
            self.area_taken[line.area.at()] += line.quantity;
            let fits = self.area_taken[line.area.at()] <= self.area_capacity[line.area.at()];
            self.violations.check(fits, || format!("{}: {:?} is overfull", stamp.revision, line.area));
        }
        self.step(stamp).held += lines.places();
    }

    fn confirm(&mut self, stamp: Stamp, order: HoldNumber, user: UserId, lines: Lines) {
        match self.live.remove(&order) {
            Some(live) => {
                let fits =
                    live.ordered && stamp.at < live.deadline && (live.user, &live.lines) == (user, &lines);
                self.violations.check(fits, || format!("{}: {order:?} can't be confirmed", stamp.revision));
            }
            None => self.violations.add(format!("{}: {order:?} is not held", stamp.revision)),
        }
        self.sell(stamp, order, user, lines);
    }

    /// What an order has is sold.
    pub fn sell(&mut self, stamp: Stamp, order: HoldNumber, user: UserId, lines: Lines) {
        let at_ms = stamp.at.since_ms(self.opening);
        for line in &lines.seats {
            let first = self.sold_at[line.seat.at()].replace(at_ms).is_none();
            let owned = self.owner[line.seat.at()] == Some(order);
            self.violations
                .check(first && owned, || format!("{}: {:?} is sold twice", stamp.revision, line.seat));
        }
        for line in &lines.areas {
            self.area_sales.push((line.area, at_ms, line.quantity));
        }
        let tickets = self.tickets.entry(user).or_default();
        *tickets += lines.places();
        let fits = *tickets <= TICKETS_PER_USER_MAX;
        self.violations.check(fits, || format!("{}: {user:?} is over the limit", stamp.revision));
        match lines.total_minor().and_then(|total| self.money_minor.checked_add(total)) {
            Some(sum) => self.money_minor = sum,
            None => self.violations.add(format!("{}: the money does not add up", stamp.revision)),
        }
        self.step(stamp).sold += lines.places();
        self.ever.insert(order, lines.clone());
        self.confirmed.insert(order, (user, lines));
    }

    /// A hold ends and what it kept is free.
    pub fn end(
        &mut self,
        stamp: Stamp,
        number: HoldNumber,
        lines: &Lines,
        may_end: impl FnOnce(&Live) -> bool,
    ) {
        let fits = self.live.remove(&number).is_some_and(|live| may_end(&live) && live.lines == *lines);
        self.violations.check(fits, || format!("{}: {number:?} can't end like that", stamp.revision));
        for line in &lines.seats {
            let owned = self.owner[line.seat.at()].take() == Some(number);
            self.violations.check(owned, || format!("{}: {:?} was another's", stamp.revision, line.seat));
        }
        for line in &lines.areas {
            let taken = &mut self.area_taken[line.area.at()];
            let left = taken.checked_sub(line.quantity);
            *taken = left.unwrap_or(0);
            self.violations
                .check(left.is_some(), || format!("{}: {:?} is below 0", stamp.revision, line.area));
        }
    }

    /// The step of the time line that a fact is in.
    pub fn step(&mut self, stamp: Stamp) -> &mut Step {
        let at =
            usize::try_from(stamp.at.since_ms(self.opening) / STEP_MS).unwrap_or(usize::MAX).min(100_000);
        if self.steps.len() <= at {
            self.steps.resize(at + 1, Step::default());
        }
        &mut self.steps[at]
    }

    /// Orders that were confirmed, those refunded since included.
    pub fn orders(&self) -> u64 {
        self.ever.len() as u64
    }

    /// Whether an order had tickets at some time, and for what.
    pub fn had(&self, order: HoldNumber) -> Option<&Lines> {
        self.ever.get(&order)
    }

    /// Seats and places sold.
    pub fn sold(&self) -> u64 {
        let seats = self.sold_at.iter().flatten().count() as u64;
        seats + self.area_sales.iter().map(|sale| u64::from(sale.2)).sum::<u64>() - self.area_back
    }

    /// Lets the testkit's auditor, a third account of the rules, read the same journal.
    #[cfg(feature = "testkit")]
    pub fn audit(&mut self, house: &House) {
        match ticketcore::testkit::Auditor::audit(&*house.store, StreamId::Event(house.event)) {
            Ok(summary) => {
                let same = summary.revision.0 == self.facts;
                self.violations.check(same, || format!("the auditor has read {}", summary.revision));
            }
            Err(error) => self.violations.add(error.to_string()),
        }
    }

    /// Compares what buyers were told with what was logged, and both with what the engine shows. Returns how many sales are lost.
    pub fn compare(&mut self, house: &House, tally: &Tally) -> Result<u64, ticketcore::CommandError> {
        let violations = &mut self.violations;
        let mut lost = 0;
        for sale in &tally.sales {
            let Sale { order, lines, total_minor, user } = sale;
            let same = self.ever.get(order) == Some(lines) && lines.total_minor() == Some(*total_minor);
            lost += u64::from(!same);
            violations.check(same, || format!("{order:?} of {user:?} is not in the journal as he was told"));
        }
        for order in &tally.declined {
            let none = !self.ever.contains_key(order);
            violations.check(none, || format!("{order:?} was declined and has tickets"));
        }
        let refunded: HashSet<HoldNumber> = tally.refunded.iter().copied().collect();
        let lapsed = tally.lapsed.iter().filter(|hold| !self.opened_orders.contains(*hold)).count() as u64;
        let left = house.office.availability(house.event)?;
        let sold = house.sold()?;
        let mut equal = |what: &str, told: u64, logged: u64| {
            violations
                .check(told == logged, || format!("{what}: {told} by one account, {logged} by the other"));
        };
        // Who was told that nobody knows may have got his tickets later.
        let pending = self.ever.len() as u64 - tally.sales.len() as u64;
        equal("orders nobody was told of", pending.saturating_sub(tally.pending), 0);
        equal("holds of buyers and journal", tally.placed + tally.unclaimed, self.placed);
        equal("refunds of buyers and journal", refunded.len() as u64, self.refunded);
        equal("holds left behind and holds expired", tally.abandoned + lapsed, self.expired);
        equal("holds given back", tally.released, self.released);
        equal("live holds", u64::from(left.holds), self.live.len() as u64);
        let (orders, ordered) =
            (u64::from(left.open_orders), self.live.values().filter(|live| live.ordered).count());
        equal("open orders", orders, ordered as u64);
        let tickets = self.confirmed.values().map(|(_, lines)| u64::from(lines.places())).sum::<u64>();
        equal("tickets and places sold", tickets, sold);
        let journal_sold = self.sold();
        self.violations
            .check(journal_sold == sold, || format!("{journal_sold} sold in the journal, {sold} shown"));
        Ok(lost)
    }
}
