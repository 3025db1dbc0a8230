//! User shards: all that belongs to one user lives in one of them, under one lock.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::keys::{KeyTable, generation, oldest_generation};
use super::scope::Layout;
use crate::fact::{HoldWith, Lines};
use crate::id::{HoldNumber, Revision, UserId};
use crate::order::{OrderRecord, OrderState};
use crate::sale::SaleState;
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
    /// What a plain hold has not: a voucher, identities.
    pub with: Option<Arc<HoldWith>>,
}

/// Whether an order is still remembered at `at`: one that ended without a sale goes with the generation in which it ended, unless money of
/// it is still on its way.
pub(crate) fn is_remembered(order: &OrderRecord, at: UtcMs) -> bool {
    !matches!(order.state, OrderState::Cancelled | OrderState::Expired)
        || order.generation >= oldest_generation(at)
        || !order.is_settled()
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
    /// Orders with something to be done about them, or with news awaited. Derived from the orders.
    pub due: BTreeSet<HoldNumber>,
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
            due: BTreeSet::new(),
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

    /// Notes whether something is to be done about an order.
    pub fn note_due(&mut self, number: HoldNumber) {
        let cancelled = self.layout.sale_state == SaleState::Cancelled;
        let due = self.orders.get(&number).is_some_and(|order| order.next_effect(cancelled).is_some());
        if due {
            self.due.insert(number);
        } else if !self.due.is_empty() {
            self.due.remove(&number);
        }
    }

    /// Notes it of every order, after the sale state changed.
    pub fn note_all_due(&mut self) {
        let numbers: Vec<HoldNumber> = self.orders.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.note_due(number));
    }

    /// Once per generation of logged time: forgets old keys, and orders that ended without a sale.
    pub fn forget(&mut self, at: UtcMs) {
        let now = generation(at);
        if now <= self.generation {
            return;
        }
        self.generation = now;
        self.keys.forget(at);
        self.orders.retain(|_, order| is_remembered(order, at));
        self.holds.shrink_to_fit();
        self.orders.shrink_to_fit();
        self.users.shrink_to_fit();
    }
}
