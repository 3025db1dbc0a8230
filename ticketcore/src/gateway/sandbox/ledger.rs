//! [`Ledger`]: what the sandbox did with money, entry by entry. A plain value that an auditor compares with the orders.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::gateway::key::{GatewayAction, GatewayKey};
use crate::id::{HoldNumber, OrderId};
use crate::money::{Currency, Money};
use crate::order::Word;
use crate::time::UtcMs;

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entered {
    /// So much was reserved.
    Authorized,
    /// So much of what was reserved was taken.
    Captured,
    /// So much of what was reserved was given back, or lapsed.
    Voided,
    /// So much of what was taken was given back.
    Refunded,
    /// So much of what was given back came back: it could not be delivered.
    CameBack,
    /// So much was asked for and never may be: beyond what there is, or under a used key. No money moved.
    Refused {
        /// Why.
        code: Word,
    },
}

/// One line of the ledger. Lines are added at the end and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number, from 1 without a gap.
    pub seq: u64,
    /// When.
    pub at: UtcMs,
    /// The number of the charge; 0 if a refused call found none.
    pub charge: u64,
    /// The key of the call. `None` for charges that nobody asked for through this gateway, and for what lapsed or came back.
    pub key: Option<GatewayKey>,
    /// What.
    pub entered: Entered,
    /// How much.
    pub amount: Money,
}

/// One payment that reserved or moved money: the sum of its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Its number.
    pub number: u64,
    /// The key under which it was authorised; `None` if nobody asked for it through this gateway.
    pub key: Option<GatewayKey>,
    /// The currency of the amounts.
    pub currency: Currency,
    /// Everything that was ever reserved, in minor units.
    pub authorized_minor: i64,
    /// What of it was taken, in minor units.
    pub captured_minor: i64,
    /// What of it was given back before it was taken, in minor units.
    pub voided_minor: i64,
    /// What was given back after it was taken and has not come back, in minor units.
    pub refunded_minor: i64,
}

impl Charge {
    /// What is reserved and neither taken nor given back, in minor units.
    #[must_use]
    pub const fn outstanding_minor(&self) -> i64 {
        self.authorized_minor - self.captured_minor - self.voided_minor
    }

    /// What was taken and not given back, in minor units.
    #[must_use]
    pub const fn kept_minor(&self) -> i64 {
        self.captured_minor - self.refunded_minor
    }
}

/// Sums over all charges of one currency, in minor units. `authorized = captured + voided + outstanding`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Reserved.
    pub authorized_minor: i128,
    /// Taken.
    pub captured_minor: i128,
    /// Given back, or lapsed, before it was taken.
    pub voided_minor: i128,
    /// Given back after it was taken, and not come back.
    pub refunded_minor: i128,
    /// Reserved still.
    pub outstanding_minor: i128,
}

/// See the module. As data it is the list of its entries.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Ledger {
    entries: Vec<Entry>,
    charges: BTreeMap<u64, Charge>,
    by_key: BTreeMap<GatewayKey, SmallVec<[u64; 1]>>,
}

impl Ledger {
    /// Every entry, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every charge, oldest first.
    pub fn charges(&self) -> impl Iterator<Item = &Charge> {
        self.charges.values()
    }

    /// The charges with higher numbers than `number`, oldest first.
    pub(super) fn charges_after(&self, number: u64) -> impl Iterator<Item = &Charge> {
        self.charges.range(number.saturating_add(1)..).map(|(_, charge)| charge)
    }

    /// A charge by its number.
    #[must_use]
    pub fn charge(&self, number: u64) -> Option<&Charge> {
        self.charges.get(&number)
    }

    /// The charges authorised under a key, oldest first. More than one means that it was used again after it was forgotten.
    pub fn charges_of(&self, key: GatewayKey) -> impl Iterator<Item = &Charge> {
        self.by_key.get(&key).into_iter().flatten().filter_map(|number| self.charges.get(number))
    }

    /// The charges of an order, by payment attempt.
    pub fn charges_of_order(&self, order: OrderId) -> impl Iterator<Item = &Charge> {
        let first = GatewayKey::new(order, GatewayAction::Authorize, 0);
        let after = OrderId { number: HoldNumber(order.number.0.saturating_add(1)), ..order };
        let numbers = self.by_key.range(first..GatewayKey { order: after, ..first });
        numbers.flat_map(|(_, numbers)| numbers).filter_map(|number| self.charges.get(number))
    }

    /// The sums of a currency.
    #[must_use]
    pub fn totals(&self, currency: Currency) -> Totals {
        let mut totals = Totals::default();
        for charge in self.charges.values().filter(|charge| charge.currency == currency) {
            totals.authorized_minor += i128::from(charge.authorized_minor);
            totals.captured_minor += i128::from(charge.captured_minor);
            totals.voided_minor += i128::from(charge.voided_minor);
            totals.refunded_minor += i128::from(charge.refunded_minor);
            totals.outstanding_minor += i128::from(charge.outstanding_minor());
        }
        totals
    }

    /// Adds a line, and to its charge.
    pub(super) fn enter(
        &mut self,
        at: UtcMs,
        charge: u64,
        key: Option<GatewayKey>,
        entered: Entered,
        amount: Money,
    ) {
        self.fold(Entry { seq: self.entries.len() as u64 + 1, at, charge, key, entered, amount });
    }

    fn fold(&mut self, entry: Entry) {
        let (number, amount) = (entry.charge, entry.amount.minor);
        if entry.entered == Entered::Authorized {
            let charge = Charge {
                number,
                key: entry.key,
                currency: entry.amount.currency,
                authorized_minor: amount,
                captured_minor: 0,
                voided_minor: 0,
                refunded_minor: 0,
            };
            self.charges.insert(number, charge);
            if let Some(key) = entry.key {
                self.by_key.entry(key).or_default().push(number);
            }
        } else if let Some(charge) = self.charges.get_mut(&number) {
            match entry.entered {
                Entered::Captured => charge.captured_minor += amount,
                Entered::Voided => charge.voided_minor += amount,
                Entered::Refunded => charge.refunded_minor += amount,
                Entered::CameBack => charge.refunded_minor -= amount,
                Entered::Authorized | Entered::Refused { .. } => {}
            }
        }
        self.entries.push(entry);
    }
}

impl From<Vec<Entry>> for Ledger {
    fn from(entries: Vec<Entry>) -> Self {
        let mut ledger = Self::default();
        entries.into_iter().for_each(|entry| ledger.fold(entry));
        ledger
    }
}

impl From<Ledger> for Vec<Entry> {
    fn from(ledger: Ledger) -> Self {
        ledger.entries
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.entries).finish()
    }
}
