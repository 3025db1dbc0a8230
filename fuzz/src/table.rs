//! The table at which a script is played: box offices, a clock, and what was answered so far.

use std::sync::Arc;

use ticketcore::store::MemoryStore;
use ticketcore::testkit::{Command, ManualClock};
use ticketcore::{BoxOffice, Clock, EventId, Hold, Options, PlacesRequest, SaleState, SeatIndex, UserId};

use crate::ask::{Known, staff_seats};
use crate::asked::{Outcome, Waiting, give, keyed};
use crate::event::{START, SYNC_AREA, definition};
use crate::judge::Judge;
use crate::script::Step;
use crate::shadow::Shadow;

/// Rounds of maintenance after which every command must have its answer.
const ROUNDS_MAX: usize = 64;
/// Days are cut into four.
const QUARTER_DAY_MS: u64 = 6 * 3_600_000;

/// See the module.
pub struct Table {
    clock: ManualClock,
    store: Arc<MemoryStore>,
    nodes: Vec<BoxOffice>,
    event: EventId,
    asked: Vec<(Command, Waiting)>,
    /// Every hold that was ever answered.
    holds: Vec<Hold>,
    judge: Judge,
    /// The model decides at the clock's time, so it leaves when the clock goes back; and it knows one node.
    shadow: Option<Shadow>,
}

impl Table {
    /// Opens an event on public sale at so many box offices of one store.
    pub fn open(nodes: usize) -> Self {
        let clock = ManualClock::new(START);
        let store = Arc::new(if nodes > 1 { MemoryStore::shared() } else { MemoryStore::new() });
        let open = |node: u64| {
            let clock = Arc::new(clock.clone());
            let options = Options {
                clock,
                manual_expiry: true,
                node: Some(node),
                guess_delay_ms: 0,
                ..Options::default()
            };
            BoxOffice::with_store(Arc::clone(&store), options).expect("an empty store opens")
        };
        let nodes: Vec<BoxOffice> = (1..).take(nodes).map(open).collect();
        let event = nodes[0].add_event(&definition(0)).expect("the definition is valid");
        nodes[0].set_sale_state(event, SaleState::Onsale).wait().expect("a draft goes on sale");
        let shadow = (nodes.len() == 1).then(|| Shadow::new(event));
        let judge = Judge::new(START);
        Self { clock, store, nodes, event, asked: Vec::new(), holds: Vec::new(), judge, shadow }
    }

    fn node(&self, node: u8) -> &BoxOffice {
        &self.nodes[usize::from(node) % self.nodes.len()]
    }

    /// Takes one step.
    pub fn step(&mut self, step: &Step) {
        match *step {
            Step::Wait { seconds } => self.wait(u64::from(seconds) * 1_000),
            Step::Days { quarters } => self.wait(u64::from(quarters) * QUARTER_DAY_MS),
            Step::ClockBack { seconds } => {
                self.shadow = None;
                self.clock.back(u64::from(seconds) * 1_000);
            }
            Step::Maintain { .. } if self.shadow.is_some() => self.maintain(),
            Step::Maintain { node } => {
                self.node(node).maintain();
            }
            Step::Close { node } => {
                self.node(node).close_if_idle(self.event);
            }
            Step::Snapshot { node } => {
                self.node(node).save_snapshot(self.event).expect("the journal can be folded");
            }
            Step::Check => self.check(),
            _ => self.command(step),
        }
        self.take();
    }

    fn wait(&mut self, ms: u64) {
        let now = self.clock.advance(ms);
        self.judge.latest = self.judge.latest.max(now);
    }

    fn command(&mut self, step: &Step) {
        let seats = staff_seats(step);
        let versions: Vec<(SeatIndex, u32)> = match step {
            Step::Seats { call, .. } => {
                // Versions are read as a member of staff would, which waits for what is under way.
                self.settle();
                let known = self.node(call.node).seats(self.event, &seats).expect("nothing fails here");
                known.iter().map(|info| (info.seat, info.version)).collect()
            }
            _ => Vec::new(),
        };
        let known = Known { event: self.event, holds: &self.holds };
        let Some((node, command)) = known.command(step, &versions) else { return };
        if self.shadow.is_some() {
            // The model ends everything due before a command: so must the engine.
            self.maintain();
        }
        let waiting = give(self.node(node), self.event, command.clone());
        self.asked.push((command, waiting));
    }

    /// Ends everything that is due on the only node. Maintenance looks after open events, so the event is opened.
    fn maintain(&mut self) {
        self.nodes[0].availability(self.event).expect("nothing fails here");
        while self.nodes[0].maintain().more {}
        let now = self.clock.now();
        if let Some(shadow) = &mut self.shadow {
            shadow.maintained(&self.store, now);
        }
    }

    /// Takes the outcomes that are there, in the order of the commands.
    fn take(&mut self) {
        for (command, waiting) in std::mem::take(&mut self.asked) {
            match waiting.take() {
                Ok(outcome) => self.outcome(&command, outcome),
                Err(waiting) => {
                    assert!(self.nodes.len() > 1, "a memory store of one node answers at once");
                    self.asked.push((command, waiting));
                }
            }
        }
    }

    fn outcome(&mut self, command: &Command, outcome: Outcome) {
        if let Some(shadow) = &mut self.shadow {
            shadow.command(&self.store, command, self.clock.now(), &outcome);
        }
        match outcome {
            Outcome::Hold(hold) => {
                self.judge.hold(&hold, keyed(command));
                self.holds.push(hold);
            }
            Outcome::Order(order) => self.judge.order(&order, keyed(command)),
            Outcome::Other(_) | Outcome::Refused(_) => {}
        }
    }

    /// Lets maintenance run until every command has its answer.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.take();
            if self.asked.is_empty() {
                return;
            }
            for node in &self.nodes {
                node.maintain();
            }
        }
        panic!("{} commands are never answered", self.asked.len());
    }

    /// Settles everything and judges the state of every node.
    fn check(&mut self) {
        self.settle();
        for at in 0..self.nodes.len() {
            if self.nodes.len() > 1 {
                self.catch_up(at);
            }
            self.judge.state(&self.nodes[at], self.event);
        }
    }

    /// Makes a node write, so that it learns what the others have written.
    fn catch_up(&mut self, at: usize) {
        let left = self.nodes[at].availability(self.event).expect("nothing fails here");
        let pool = left.places.iter().find(|pool| pool.area == SYNC_AREA).expect("the area is there");
        let blocked = pool.counts.blocked;
        let command = Command::BlockPlaces(PlacesRequest {
            event: self.event,
            by: UserId::from(99),
            key: None,
            area: SYNC_AREA,
            allocation: None,
            expected: blocked,
            blocked: 1 - blocked.min(1),
        });
        let waiting = give(&self.nodes[at], self.event, command.clone());
        self.asked.push((command, waiting));
        self.settle();
    }

    /// The last judgement.
    pub fn finish(mut self) {
        self.check();
        for hold in std::mem::take(&mut self.holds) {
            if let Ok(order) = self.nodes[0].find_order(hold.id.order(), hold.user) {
                self.judge.order(&order, None);
            }
        }
    }
}
