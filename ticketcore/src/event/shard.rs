//! User shards: all that belongs to one user lives in one of them, under one lock.

use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::keys::{KeyTable, generation, oldest_generation};
use super::scope::Layout;
use crate::fact::Lines;
use crate::id::{HoldNumber, Revision, UserId};
use crate::order::OrderState;
use crate::time::UtcMs;
use crate::wheel::{TimingWheel, WheelKey};

/// A live hold (or one that is overdue and has not been expired yet).
#[derive(Clone, Debug)]
pub(crate) struct HoldRecord {
    pub user: UserId,
    pub lines: Lines,
    /// The effective deadline: the payment deadline while pinned.
    pub deadline: UtcMs,
    pub lifetime_end: UtcMs,
    pub extensions_left: u32,
    pub pinned: bool,
    /// The revision of the last fact about it.
    pub version: Revision,
    /// Where it stands in the wheel. Derived: harmless if stale.
    pub timer: WheelKey,
}

/// An order. Its lines are in the hold while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderRecord {
    pub user: UserId,
    pub state: OrderState,
    pub lines: Lines,
    pub version: Revision,
    /// The generation of logged time of the last fact about it.
    pub generation: u64,
}

impl OrderRecord {
    /// Whether it is still remembered at `at`: an order that ended without a sale goes with the generation in which it ended.
    pub fn is_remembered(&self, at: UtcMs) -> bool {
        matches!(self.state, OrderState::Open | OrderState::Confirmed)
            || self.generation >= oldest_generation(at)
    }
}

/// Tickets of one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub held: u32,
    pub owned: u32,
}

/// Whether commands may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// Not now: the event catches up with another writer.
    Rebasing,
    /// Never again: the event has been closed and must be opened again.
    Closed,
}

/// What belongs to the users of one shard.
#[derive(Debug)]
pub(crate) struct Shard {
    pub keys: KeyTable,
    pub users: HashMap<UserId, Usage>,
    pub holds: HashMap<HoldNumber, HoldRecord>,
    pub orders: HashMap<HoldNumber, Box<OrderRecord>>,
    pub wheel: TimingWheel<HoldNumber>,
    pub gate: Gate,
    /// The event's layout: a copy for this shard alone.
    pub layout: Arc<Layout>,
    generation: u64,
}

impl Shard {
    pub fn new(layout: Arc<Layout>) -> Self {
        Self {
            layout,
            keys: KeyTable::default(),
            users: HashMap::new(),
            holds: HashMap::new(),
            orders: HashMap::new(),
            wheel: TimingWheel::new(UtcMs(0)),
            gate: Gate::Open,
            generation: 0,
        }
    }

    pub fn usage(&self, user: UserId) -> Usage {
        self.users.get(&user).copied().unwrap_or_default()
    }

    /// Changes what a user holds and owns; a user without tickets takes no memory.
    pub fn add_usage(&mut self, user: UserId, held: i64, owned: i64) -> bool {
        let entry = self.users.entry(user);
        let usage = if let Entry::Occupied(known) = &entry { *known.get() } else { Usage::default() };
        let new = (i64::from(usage.held) + held, i64::from(usage.owned) + owned);
        let (Ok(held), Ok(owned)) = (u32::try_from(new.0), u32::try_from(new.1)) else { return false };
        let usage = Usage { held, owned };
        match entry {
            Entry::Occupied(known) if usage == Usage::default() => _ = known.remove(),
            Entry::Vacant(_) if usage == Usage::default() => {}
            Entry::Occupied(mut known) => *known.get_mut() = usage,
            Entry::Vacant(new) => _ = new.insert(usage),
        }
        true
    }

    pub fn set_usage(&mut self, user: UserId, usage: Usage) {
        if usage == Usage::default() {
            self.users.remove(&user);
        } else {
            self.users.insert(user, usage);
        }
    }

    /// Puts the hold's deadline in the wheel, in place of the one it had.
    pub fn schedule(&mut self, number: HoldNumber) {
        if let Some(hold) = self.holds.get_mut(&number) {
            self.wheel.cancel(hold.timer);
            hold.timer = self.wheel.insert(hold.deadline, number);
        }
    }

    /// Once per generation of logged time: forgets old keys, and orders that ended without a sale.
    pub fn forget(&mut self, at: UtcMs) {
        let now = generation(at);
        if now <= self.generation {
            return;
        }
        self.generation = now;
        self.keys.forget(at);
        self.orders.retain(|_, order| order.is_remembered(at));
        self.holds.shrink_to_fit();
        self.orders.shrink_to_fit();
        self.users.shrink_to_fit();
    }
}
