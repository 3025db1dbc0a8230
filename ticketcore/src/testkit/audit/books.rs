//! What the auditor knows after each fact.

use std::collections::{BTreeMap, BTreeSet};

use super::accounts::Accounts;
use super::beside::Beside;
use super::keys::Keys;
use super::recount::recount;
use super::summary::AuditSummary;
use super::tickets::Tickets;
use super::till::Till;
use super::waiting::Waiting;
use crate::fact::{Fact, Keyed, Lines, Stamp};
use crate::id::{AllocationIndex, HoldNumber, SeatIndex, UserId};
use crate::invariant::Invariant;
use crate::key::Operation;
use crate::manifest::{Definition, Manifest};
use crate::order::{OrderState, PaymentRules};
use crate::refusal::SeatState;
use crate::sale::{Activity, SaleState};
use crate::testkit::audit::counts::PoolKey;
use crate::time::UtcMs;

/// An invariant and what was found.
pub(super) type Broken = (Invariant, String);
pub(super) type Checked = Result<(), Broken>;

/// `Ok` if `holds`, else the invariant with what `found` says.
pub(super) fn ensure(holds: bool, invariant: Invariant, found: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err((invariant, found())) }
}

/// A hold that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedHold {
    /// Whose hold.
    pub user: UserId,
    /// What it keeps.
    pub lines: Lines,
    /// Its own deadline.
    pub deadline: UtcMs,
    /// What no extension or order can pass.
    pub lifetime_end: UtcMs,
    /// Extensions it may still get.
    pub extensions_left: u32,
    /// The payment deadline of the open order that pins it.
    pub payment_deadline: Option<UtcMs>,
}

impl AuditedHold {
    /// The payment deadline while pinned, else its own.
    #[must_use]
    pub fn effective_deadline(&self) -> UtcMs {
        self.payment_deadline.unwrap_or(self.deadline)
    }
}

/// An order, kept for good: it must never come again.
#[derive(Clone, Debug)]
pub(super) struct AuditedOrder {
    pub user: UserId,
    pub state: OrderState,
    /// What it owns now: what its living tickets are for. Empty unless confirmed.
    pub lines: Lines,
    /// What its hold kept when its deadline passed.
    pub wanted: Lines,
    pub till: Till,
    /// Made when something happens to one.
    pub tickets: Tickets,
}

impl AuditedOrder {
    /// One that has just been opened, and whose money is the host's business.
    pub fn open(user: UserId) -> Self {
        let (lines, wanted) = Default::default();
        Self {
            user,
            state: OrderState::Open,
            lines,
            wanted,
            till: Till::default(),
            tickets: Tickets::default(),
        }
    }
}

/// A seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuditedSeat {
    pub state: SeatState,
    pub allocation: Option<AllocationIndex>,
    /// The hold or order, while held or sold.
    pub owner: Option<HoldNumber>,
}

#[derive(Debug)]
pub(super) struct Books {
    pub manifest: Manifest,
    pub sale: SaleState,
    pub payment_rules: PaymentRules,
    pub seats: Vec<AuditedSeat>,
    pub blocked_places: BTreeMap<PoolKey, u32>,
    pub released: BTreeSet<AllocationIndex>,
    pub holds: BTreeMap<HoldNumber, AuditedHold>,
    pub orders: BTreeMap<HoldNumber, AuditedOrder>,
    pub keys: Keys,
    /// Counters kept fact by fact; [`recount`] makes them again from everything above.
    pub accounts: Accounts,
    pub tally: AuditSummary,
    pub beside: Beside,
    pub waiting: Waiting,
}

impl Books {
    pub fn open(definition: &Definition) -> Result<Self, Broken> {
        let manifest = Manifest::compile(definition);
        let manifest = manifest.map_err(|error| (Invariant::I8SameFacts, format!("definition: {error}")))?;
        let mut books = Self {
            seats: Vec::new(),
            manifest,
            sale: SaleState::Draft,
            payment_rules: PaymentRules::default(),
            blocked_places: BTreeMap::new(),
            released: BTreeSet::new(),
            holds: BTreeMap::new(),
            orders: BTreeMap::new(),
            keys: Keys::default(),
            accounts: Accounts::default(),
            tally: AuditSummary::default(),
            beside: Beside::default(),
            waiting: Waiting::default(),
        };
        books.add_seats();
        books.accounts = recount(&books)?;
        Ok(books)
    }

    pub fn fact(&mut self, stamp: Stamp, fact: &Fact) -> Checked {
        self.before_beside(fact);
        self.one_fact(stamp, fact)?;
        self.after_beside(stamp, fact)
    }

    fn one_fact(&mut self, stamp: Stamp, fact: &Fact) -> Checked {
        match fact {
            Fact::EventDefined(_) => Err((Invariant::I8SameFacts, "the event is defined again".to_owned())),
            Fact::ManifestChanged(change) => self.manifest_changed(change),
            Fact::SaleStateChanged { to } => self.sale_state_changed(*to),
            Fact::HoldPlaced(placed) => self.hold_placed(stamp, placed),
            Fact::HoldPlacedWith(f) => self.hold_placed_with(stamp, f),
            Fact::VouchersAdded(added) => self.vouchers_added(stamp, added),
            Fact::VouchersRevoked(revoked) => self.vouchers_revoked(stamp, revoked),
            Fact::WaitingRulesSet(rules) => self.waiting_rules_set(*rules),
            Fact::WaitingJoined(joined) => self.waiting_joined(stamp, joined),
            Fact::WaitingLeft(left) => self.waiting_left(stamp, left),
            Fact::HoldAmended(amended) => self.hold_amended(stamp, amended),
            Fact::HoldExtended(extended) => self.hold_extended(stamp, extended),
            Fact::HoldEnded(ended) => self.hold_ended(stamp, ended),
            Fact::OrderOpened(opened) => self.order_opened(stamp, opened),
            Fact::OrderConfirmed(confirmed) => self.order_confirmed(stamp, confirmed),
            Fact::OrderCancelled(cancelled) => self.order_cancelled(stamp, cancelled),
            Fact::SeatsChanged(changed) => self.seats_changed(stamp, changed),
            Fact::PlacesChanged(changed) => self.places_changed(stamp, changed),
            Fact::PaymentRulesSet(rules) => {
                self.payment_rules = **rules;
                Ok(())
            }
            Fact::CheckoutOpened(checkout) => self.checkout_opened(stamp, checkout),
            Fact::OrderStepped(stepped) => self.order_stepped(stamp, stepped),
            Fact::AllocationReleased { allocation } => self.allocation_released(*allocation),
        }
    }

    /// Seats the manifest has and the books do not have yet.
    pub fn add_seats(&mut self) {
        for at in self.seats.len()..self.manifest.seat_count() {
            let allocation = self.manifest.first_allocation_of(SeatIndex::of(at));
            self.seats.push(AuditedSeat { state: SeatState::Free, allocation, owner: None });
        }
    }

    /// The sale state allows it.
    pub fn allowed(&self, activity: Activity) -> Checked {
        let sale = self.sale;
        ensure(sale.allows(activity), Invariant::I8SameFacts, || format!("{activity:?} while {sale:?}"))
    }

    /// The key was not accepted before within the time an engine must remember it.
    pub fn key(
        &mut self,
        stamp: Stamp,
        user: UserId,
        operation: Operation,
        keyed: Option<&Keyed>,
    ) -> Checked {
        let Some(Keyed { key, .. }) = keyed else { return Ok(()) };
        let before = self.keys.accept(stamp.at, user, operation, key);
        ensure(before.is_none(), Invariant::I3OneAnswer, || {
            format!(
                "key {key:?} of {user:?} was accepted for {operation:?} before, at {}",
                before.unwrap_or_default()
            )
        })
    }
}
