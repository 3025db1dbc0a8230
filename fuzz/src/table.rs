//! The table at which a script is played: box offices, a clock, and what was answered so far.

use std::sync::Arc;

use ticketcore::fact::SeatChange;
use ticketcore::store::MemoryStore;
use ticketcore::testkit::ManualClock;
use ticketcore::{
    AllocationIndex, AmendRequest, AreaIndex, BoxOffice, CloseOrderRequest, CommandError, Done, EventId,
    ExtendRequest, ForceReleaseRequest, Hold, HoldId, HoldRequest, IdempotencyKey, ManifestRequest,
    OpenOrderRequest, Operation, Options, Order, Pending, PlacesRequest, ReleaseRequest, SaleState,
    SeatIndex, SeatsRequest, TicketTypeIndex, UserId,
};

use crate::ask::{codes, item, key, user};
use crate::event::{SEATS, START, SYNC_AREA, definition};
use crate::judge::Judge;
use crate::script::Step;

/// Rounds of maintenance after which every command must have its answer.
const ROUNDS_MAX: usize = 64;

/// An outcome to come, or it was a change of the manifest, of which only the end matters.
enum Waiting {
    Hold(Pending<Hold>),
    Order(Pending<Order>),
    Done(Pending<Done>),
    Change(Pending<ticketcore::manifest::ManifestChange>),
}

struct Asked {
    waiting: Waiting,
    operation: Operation,
    key: Option<IdempotencyKey>,
}

/// See the module.
pub struct Table {
    clock: ManualClock,
    nodes: Vec<BoxOffice>,
    event: EventId,
    asked: Vec<Asked>,
    /// Every hold that was ever answered, with its user and its version then.
    holds: Vec<Hold>,
    judge: Judge,
}

impl Table {
    /// Opens an event on public sale at so many box offices of one store.
    pub fn open(nodes: usize) -> Self {
        let clock = ManualClock::new(START);
        let store = Arc::new(if nodes > 1 { MemoryStore::shared() } else { MemoryStore::new() });
        let open = |node: u64| {
            let options = Options {
                clock: Arc::new(clock.clone()),
                manual_expiry: true,
                node: Some(node),
                ..Options::default()
            };
            BoxOffice::open(Arc::clone(&store), options).expect("an empty store opens")
        };
        let nodes: Vec<BoxOffice> = (1..).take(nodes).map(open).collect();
        let event = nodes[0].add_event(&definition(0)).expect("the definition is valid");
        nodes[0].set_sale_state(event, SaleState::Onsale).wait().expect("a draft goes on sale");
        let judge = Judge::new(START);
        Self { clock, nodes, event, asked: Vec::new(), holds: Vec::new(), judge }
    }

    fn node(&self, node: u8) -> &BoxOffice {
        &self.nodes[usize::from(node) % self.nodes.len()]
    }

    /// Takes one step.
    pub fn step(&mut self, step: &Step) {
        match *step {
            Step::Wait { seconds } => {
                self.judge.latest = self.clock.advance(u64::from(seconds) * 1_000).max(self.judge.latest)
            }
            Step::Days { days } => {
                let ms = u64::from(days) * 6 * 3_600_000;
                self.judge.latest = self.clock.advance(ms).max(self.judge.latest);
            }
            Step::ClockBack { seconds } => drop(self.clock.back(u64::from(seconds) * 1_000)),
            Step::Maintain { node } => drop(self.node(node).maintain()),
            Step::Close { node } => drop(self.node(node).close_if_idle(self.event)),
            Step::Snapshot { node } => {
                self.node(node).save_snapshot(self.event).expect("the journal can be folded");
            }
            Step::Check => self.check(),
            _ => self.command(step),
        }
        self.take();
    }

    fn command(&mut self, step: &Step) {
        let asked = match *step {
            Step::Hold { .. } | Step::Amend { .. } => self.baskets(step),
            Step::Seats { .. } | Step::Places { .. } => self.staff(step),
            Step::ReleaseAllocation { node, allocation } => {
                let allocation = AllocationIndex(u16::from(allocation % 3));
                done(self.node(node).release_allocation(self.event, allocation), Operation::Staff, None)
            }
            Step::SaleState { node, to } => {
                let to = SaleState::ALL[usize::from(to) % SaleState::ALL.len()];
                done(self.node(node).set_sale_state(self.event, to), Operation::Staff, None)
            }
            Step::Manifest { node, variant } => {
                let request = ManifestRequest { event: self.event, definition: definition(variant) };
                let waiting = Waiting::Change(self.node(node).change_manifest(request));
                Some(Asked { waiting, operation: Operation::Staff, key: None })
            }
            _ => self.of_hold(step),
        };
        self.asked.extend(asked);
    }

    fn baskets(&self, step: &Step) -> Option<Asked> {
        match *step {
            Step::Hold { call, asks, door, ttl } => {
                let (channel, access_code) = codes(door);
                let items = asks.into_iter().flatten().map(item).collect();
                let ttl_ms = ttl.map(|seconds| u64::from(seconds) * 1_000);
                let (user, key) = (user(call), key(call));
                let request = HoldRequest {
                    event: self.event,
                    user,
                    key: key.clone(),
                    items,
                    channel,
                    access_code,
                    ttl_ms,
                };
                let waiting = Waiting::Hold(self.node(call.node).hold(request));
                Some(Asked { waiting, operation: Operation::Hold, key })
            }
            Step::Amend { call, hold, remove, places, ask, door, fresh } => {
                let known = self.hold(hold)?;
                let (channel, access_code) = codes(door);
                let key = key(call);
                let seats = known.lines.seats.get(usize::from(remove.unwrap_or(u8::MAX)) % SEATS as usize);
                let remove_seats = seats.map(|line| line.seat).into_iter().collect();
                let quantity = places.map(|quantity| u32::from(quantity % 4));
                let request = AmendRequest {
                    hold: known.id,
                    user: if call.user % 8 == 7 { user(call) } else { known.user },
                    key: key.clone(),
                    expected: fresh.then_some(known.version),
                    remove_seats,
                    remove_places: quantity
                        .map(|n| (AreaIndex(0), TicketTypeIndex(0), n))
                        .into_iter()
                        .collect(),
                    add: ask.map(item).into_iter().collect(),
                    channel,
                    access_code,
                };
                let waiting = Waiting::Hold(self.node(call.node).amend(request));
                Some(Asked { waiting, operation: Operation::Amend, key })
            }
            _ => None,
        }
    }

    fn of_hold(&self, step: &Step) -> Option<Asked> {
        let (Step::Extend { call, hold }
        | Step::Release { call, hold }
        | Step::OpenOrder { call, hold }
        | Step::Confirm { call, hold }
        | Step::Cancel { call, hold }
        | Step::ForceRelease { call, hold }) = *step
        else {
            return None;
        };
        let known = self.hold(hold)?;
        let (office, id, key) = (self.node(call.node), known.id, key(call));
        let user = if call.user % 8 == 7 { user(call) } else { known.user };
        let close = CloseOrderRequest { order: id.order(), user, key: key.clone() };
        let order =
            |pending, operation, key| Some(Asked { waiting: Waiting::Order(pending), operation, key });
        match step {
            Step::Extend { .. } => {
                let request = ExtendRequest { hold: id, user, key: key.clone(), ttl_ms: None };
                Some(Asked {
                    waiting: Waiting::Hold(office.extend(request)),
                    operation: Operation::Extend,
                    key,
                })
            }
            Step::Release { .. } => {
                let pending = office.release(ReleaseRequest { hold: id, user, key: key.clone() });
                done(pending, Operation::Release, key)
            }
            Step::OpenOrder { .. } => {
                let pending = office.open_order(OpenOrderRequest { hold: id, user, key: key.clone() });
                order(pending, Operation::OpenOrder, key)
            }
            Step::Confirm { .. } => order(office.confirm_order(close), Operation::ConfirmOrder, key),
            Step::Cancel { .. } => order(office.cancel_order(close), Operation::CancelOrder, key),
            _ => {
                let pending =
                    office.force_release(ForceReleaseRequest { hold: id, by: user, key: key.clone() });
                done(pending, Operation::Staff, key)
            }
        }
    }

    fn staff(&mut self, step: &Step) -> Option<Asked> {
        match *step {
            Step::Seats { call, change, seats, stale } => {
                // Versions are read as a member of staff would, which waits for what is under way.
                self.settle();
                let wanted: Vec<SeatIndex> =
                    seats.into_iter().flatten().map(|seat| SeatIndex(u32::from(seat) % SEATS)).collect();
                let known = self.node(call.node).seats(self.event, &wanted).expect("nothing fails here");
                let seats = known.iter().map(|info| (info.seat, info.version + u32::from(stale))).collect();
                let change = match change % 5 {
                    0 => SeatChange::Block,
                    1 => SeatChange::Unblock,
                    2 => SeatChange::Reallocate(None),
                    to => SeatChange::Reallocate(Some(AllocationIndex(u16::from(to) - 3))),
                };
                let key = key(call);
                let request =
                    SeatsRequest { event: self.event, by: user(call), key: key.clone(), change, seats };
                done(self.node(call.node).change_seats(request), Operation::Staff, key)
            }
            Step::Places { call, allocated, expected, blocked } => {
                let request = PlacesRequest {
                    event: self.event,
                    by: user(call),
                    key: key(call),
                    area: AreaIndex(0),
                    allocation: allocated.then_some(AllocationIndex(0)),
                    expected: u32::from(expected % 4),
                    blocked: u32::from(blocked % 4),
                };
                let key = request.key.clone();
                done(self.node(call.node).block_places(request), Operation::Staff, key)
            }
            _ => None,
        }
    }

    fn hold(&self, at: u8) -> Option<&Hold> {
        self.holds.get(usize::from(at) % self.holds.len().max(1))
    }

    /// Takes the outcomes that are there, in the order of the commands.
    fn take(&mut self) {
        for asked in std::mem::take(&mut self.asked) {
            let Asked { waiting, operation, key } = asked;
            let left = match waiting {
                Waiting::Hold(pending) => pending
                    .try_take()
                    .map(|outcome| self.held(outcome, key.as_ref(), operation))
                    .map_err(Waiting::Hold),
                Waiting::Order(pending) => pending
                    .try_take()
                    .map(|outcome| self.ordered(outcome, key.as_ref(), operation))
                    .map_err(Waiting::Order),
                Waiting::Done(pending) => pending.try_take().map(normal).map_err(Waiting::Done),
                Waiting::Change(pending) => pending.try_take().map(normal).map_err(Waiting::Change),
            };
            if let Err(waiting) = left {
                assert!(self.nodes.len() > 1, "a memory store of one node answers at once");
                self.asked.push(Asked { waiting, operation, key });
            }
        }
    }

    fn held(
        &mut self,
        outcome: Result<Hold, CommandError>,
        key: Option<&IdempotencyKey>,
        operation: Operation,
    ) {
        match outcome {
            Ok(hold) => {
                self.judge.hold(&hold, key, operation);
                self.holds.push(hold);
            }
            refused => normal(refused),
        }
    }

    fn ordered(
        &mut self,
        outcome: Result<Order, CommandError>,
        key: Option<&IdempotencyKey>,
        operation: Operation,
    ) {
        match outcome {
            Ok(order) => self.judge.order(&order, key, operation),
            refused => normal(refused),
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
        let request = PlacesRequest {
            event: self.event,
            by: UserId::from(99),
            key: None,
            area: SYNC_AREA,
            allocation: None,
            expected: blocked,
            blocked: 1 - blocked.min(1),
        };
        self.asked.extend(done(self.nodes[at].block_places(request), Operation::Staff, None));
        self.settle();
    }

    /// The last judgement, also from the journal alone.
    pub fn finish(mut self) {
        self.check();
        let ids: Vec<(HoldId, UserId)> = self.holds.iter().map(|hold| (hold.id, hold.user)).collect();
        for (id, user) in ids {
            // Whatever it says, both nodes must say something.
            normal(self.nodes[0].find_hold(id, user));
            if let Ok(order) = self.nodes[0].find_order(id.order(), user) {
                self.judge.order(&order, None, Operation::Staff);
            }
        }
    }
}

/// An outcome that may come without any fault in the store: yes or a refusal.
fn normal<T>(outcome: Result<T, CommandError>) {
    match outcome {
        Ok(_) | Err(CommandError::Refused(_)) => {}
        Err(error) => panic!("nothing fails here: {error}"),
    }
}

fn done(pending: Pending<Done>, operation: Operation, key: Option<IdempotencyKey>) -> Option<Asked> {
    Some(Asked { waiting: Waiting::Done(pending), operation, key })
}
