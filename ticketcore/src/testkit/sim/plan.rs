//! What one seed draws: which commands, faults and clocks this run has. Every run has only some of them (swarm testing), since
//! features that always come together hide each other's faults.

use super::venue::between;
use crate::store::local::{Durability, Retention};
use crate::testkit::{FaultOdds, Rng};

/// A kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A client or a member of staff sends a command.
    Command,
    /// A buyer or a member of staff asks for something about an order that a gateway pays.
    Paid,
    /// A driver goes on with what is due.
    Drive,
    /// Something happens at the gateway, or comes from there.
    Gateway,
    /// A client asks for outcomes.
    Poll,
    /// The store gets on with something it has held.
    Land,
    /// Maintenance of one office.
    Maintain,
    /// A clock moves.
    Clock,
    /// Somebody looks at the map.
    Look,
    /// State and journal are compared.
    Audit,
    /// A snapshot is saved.
    Snapshot,
    /// An event is closed if it is idle.
    Close,
    /// The store fails for a while.
    Outage,
    /// An office crashes; with a local store its process is killed.
    Crash,
    /// Of a local store: what is full is archived, and files are made ready.
    Keep,
    /// Of a local store: the power is going to fail.
    PowerCut,
    /// Of a local store: a call of the disk is going to fail.
    DiskError,
    /// Of a local store: there will be little room.
    Full,
    /// Of a local store: there is room again.
    Room,
    /// Of a local store: it is closed and opened.
    Reopen,
    /// Of a local store: a copy is harmed.
    Harm,
    /// Of a local store: a side record is saved or erased.
    Side,
    /// Somebody asks for something about vouchers, identities or the waiting list.
    Beside,
}

const STEPS: [Step; 23] = [
    Step::Command,
    Step::Paid,
    Step::Drive,
    Step::Gateway,
    Step::Poll,
    Step::Land,
    Step::Maintain,
    Step::Clock,
    Step::Look,
    Step::Audit,
    Step::Snapshot,
    Step::Close,
    Step::Outage,
    Step::Crash,
    Step::Keep,
    Step::PowerCut,
    Step::DiskError,
    Step::Full,
    Step::Room,
    Step::Reopen,
    Step::Harm,
    Step::Side,
    Step::Beside,
];

/// A kind of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Hold,
    Amend,
    Extend,
    Release,
    Open,
    Confirm,
    Cancel,
    Seats,
    Places,
    ForceRelease,
    ReleaseAllocation,
    SaleState,
    Manifest,
    Retry,
}

const ASKS: [(Ask, u32); 14] = [
    (Ask::Hold, 40),
    (Ask::Amend, 14),
    (Ask::Extend, 6),
    (Ask::Release, 7),
    (Ask::Open, 14),
    (Ask::Confirm, 12),
    (Ask::Cancel, 5),
    (Ask::Seats, 8),
    (Ask::Places, 4),
    (Ask::ForceRelease, 3),
    (Ask::ReleaseAllocation, 1),
    (Ask::SaleState, 2),
    (Ask::Manifest, 4),
    (Ask::Retry, 14),
];

/// What a seed has drawn.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The journals are in a local store; then there is one office.
    pub local: bool,
    /// What a local store promises, and what it keeps.
    pub durability: Durability,
    pub retention: Retention,
    pub shared: bool,
    pub offices: usize,
    pub users: u32,
    pub faults: FaultOdds,
    pub shrewd: u32,
    pub steps_back: bool,
    pub clock_step_ms: u64,
    pub jump_pct: u32,
    /// A gateway pays orders.
    pub paid: bool,
    /// There are vouchers, identities and a waiting list, and many pay with the same card.
    pub beside: bool,
    /// Drivers believe at once that a payment was never heard of.
    pub hasty: bool,
    steps: Vec<(Step, u32)>,
    asks: Vec<(Ask, u32)>,
}

impl Plan {
    pub fn draw(rng: &mut Rng) -> Self {
        // Drawn apart, so that what else a seed draws is the same without a local store.
        let mut of_store = Rng::new(rng.clone().next_u64().rotate_left(17));
        let mut of_beside = Rng::new(rng.clone().next_u64().rotate_left(29));
        let beside = if of_beside.chance(50) { between(&mut of_beside, 20, 250) } else { 0 };
        let local = rng.chance(50);
        let shared = !local && rng.chance(70);
        let offices = if shared && rng.chance(60) { 2 } else { 1 };
        // Never over by the clock: only what asks for a sync gets one.
        let weak = *of_store.pick(&[Durability::Interval(1_000_000_000), Durability::None]);
        let durability = if local && of_store.chance(30) { weak } else { Durability::Strict };
        let facts = *of_store.pick(&[0, 10, 100]);
        let retention = if local && of_store.chance(40) { Retention::Facts(facts) } else { Retention::All };
        let faults = if rng.chance(75) { FaultOdds::swarm(rng) } else { FaultOdds::default() };
        let (paid, hasty) = (rng.chance(60), rng.chance(40));
        // A store that may lose what it acknowledged may lose a payment's intent, too: no place for money.
        let paid = paid && durability == Durability::Strict;
        let mut weight = |often: u32| if rng.chance(75) { between(rng, 1, 2 * often) } else { 0 };
        let mut steps: Vec<(Step, u32)> = Vec::new();
        for step in STEPS {
            let weight = match step {
                Step::Command if paid => 130,
                Step::Command => 300,
                Step::Paid | Step::Drive | Step::Gateway if !paid => 0,
                Step::Paid => 110 + weight(60),
                Step::Drive => 60 + weight(80),
                Step::Gateway => 20 + weight(60),
                Step::Poll => 60 + weight(100),
                Step::Land => 30 + weight(60),
                Step::Maintain => 10 + weight(60),
                Step::Clock => weight(40),
                Step::Look => weight(20),
                Step::Audit => 4 + weight(6),
                Step::Snapshot => weight(4),
                Step::Close => weight(4),
                Step::Outage => weight(2) / 2,
                Step::Crash => weight(2),
                Step::Beside => beside,
                _ if !local => 0,
                Step::Keep => 5 + weight(30),
                Step::PowerCut => weight(6),
                Step::DiskError | Step::Full | Step::Reopen => weight(3),
                Step::Room => 10 + weight(10),
                Step::Harm => weight(1),
                Step::Side => between(&mut of_store, 0, 20),
            };
            steps.push((step, weight));
        }
        let asks = ASKS.iter().map(|(ask, often)| (*ask, weight(*often))).collect();
        let clock_step_ms = *rng.pick(&[50, 5_000, 60_000]);
        Self {
            local,
            durability,
            retention,
            shared,
            offices,
            paid,
            beside: beside > 0,
            hasty,
            users: between(rng, 1, 6),
            faults,
            shrewd: between(rng, 20, 100),
            steps_back: rng.chance(30),
            clock_step_ms,
            jump_pct: if rng.chance(60) { between(rng, 1, 25) } else { 0 },
            steps,
            asks,
        }
    }

    pub fn step(&self, rng: &mut Rng) -> Step {
        draw(rng, &self.steps)
    }

    pub fn ask(&self, rng: &mut Rng) -> Ask {
        if self.asks.iter().all(|(_, weight)| *weight == 0) { Ask::Hold } else { draw(rng, &self.asks) }
    }
}

fn draw<T: Copy>(rng: &mut Rng, weights: &[(T, u32)]) -> T {
    let total: u32 = weights.iter().map(|(_, weight)| weight).sum();
    let mut roll = rng.below(u64::from(total));
    for &(what, weight) in weights {
        if roll < u64::from(weight) {
            return what;
        }
        roll -= u64::from(weight);
    }
    weights[0].0
}
