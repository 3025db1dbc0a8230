//! Money when everything has settled: what the journal says against itself, and against the ledger of the gateway (I7).

use std::collections::BTreeMap;

use super::Auditor;
use super::books::{Books, Broken, Checked, ensure};
use super::till::{Stage, Till, Where};
use crate::id::HoldNumber;
use crate::invariant::{Invariant, Violation};
use crate::order::{CaptureMode, OrderState};

/// What a gateway's ledger says of one charge: the sum of its entries, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The order whose key it bears.
    pub order: HoldNumber,
    /// The payment attempt, from 1.
    pub attempt: u32,
    /// All that was ever reserved.
    pub authorized_minor: i64,
    /// What of it was taken.
    pub captured_minor: i64,
    /// What of it was given back before it was taken, or lapsed.
    pub voided_minor: i64,
    /// What was given back after it was taken.
    pub refunded_minor: i64,
}

/// All the money of an event's orders, in minor units. `authorized = captured + voided + outstanding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoneySummary {
    /// Ever reserved, or taken at once.
    pub authorized_minor: i64,
    /// Taken.
    pub captured_minor: i64,
    /// Reserved, and given back before it was taken.
    pub voided_minor: i64,
    /// Reserved still.
    pub outstanding_minor: i64,
    /// Given back, and through.
    pub refunded_minor: i64,
    /// On its way back.
    pub refunding_minor: i64,
    /// Should go back, and the gateway refuses.
    pub refund_stuck_minor: i64,
    /// Refunds that are stuck.
    pub refunds_stuck: u64,
    /// Lost in disputes.
    pub disputed_minor: i64,
}

impl MoneySummary {
    pub(super) fn add(&mut self, till: &Till) {
        for attempt in &till.attempts {
            let reserved = if attempt.reserved { attempt.asked_minor.max(attempt.taken_minor) } else { 0 };
            self.authorized_minor += reserved;
            match attempt.money {
                Where::Taken => {
                    self.captured_minor += attempt.taken_minor;
                    self.voided_minor += reserved - attempt.taken_minor;
                }
                Where::Reserved => self.outstanding_minor += reserved,
                Where::LetGo => self.voided_minor += reserved,
                Where::Unknown | Where::Acting | Where::Nowhere => {}
            }
        }
        for back in &till.backs {
            match back.stage {
                Stage::Through => self.refunded_minor += back.amount_minor,
                Stage::Wanted | Stage::Submitted => self.refunding_minor += back.amount_minor,
                Stage::Stuck => {
                    self.refund_stuck_minor += back.amount_minor;
                    self.refunds_stuck += 1;
                }
            }
        }
        self.disputed_minor += till.all_lost_minor();
    }
}

impl Auditor {
    /// When nothing is due any more: every captured payment has ended as tickets or a refund, every authorisation is captured or voided
    /// (but for one whose capture is the host's to ask for), nothing is unknown. What a gateway refuses for good is stuck, and counted.
    ///
    /// # Errors
    /// [`Invariant::I7Money`], at the last revision.
    pub fn settled(&self) -> Result<(), Violation> {
        self.money(Books::settled)
    }

    /// When nothing is due any more: the journal and the gateway's ledger tell of the same money, charge by charge, and every charge is
    /// known. Charges that bear no key of an order are not for this.
    ///
    /// # Errors
    /// [`Invariant::I7Money`], at the last revision.
    pub fn against_ledger(&self, rows: &[LedgerRow]) -> Result<(), Violation> {
        self.money(|books| books.against_ledger(rows))
    }

    fn money(&self, judge: impl FnOnce(&Books) -> Checked) -> Result<(), Violation> {
        let judged = self.books.as_ref().map_or(Ok(()), |books| judge(books));
        judged.map_err(|(invariant, what)| Violation::new(invariant, self.last.revision, what))
    }
}

impl Books {
    fn settled(&self) -> Checked {
        self.orders.iter().try_for_each(|(number, order)| {
            let till = &order.till;
            let live = order.state.is_live();
            for (attempt, at) in till.attempts.iter().zip(1..) {
                let serves = order.state == OrderState::Confirmed && till.serves(at);
                let asked_for = till.capture_requested
                    || till.terms.is_none_or(|terms| terms.rules.capture != CaptureMode::Manual);
                let fine = match attempt.money {
                    Where::Nowhere | Where::LetGo => true,
                    Where::Unknown | Where::Acting => false,
                    Where::Reserved => live || serves && !asked_for,
                    Where::Taken => {
                        let nothing_left = till.left_minor(at) == 0;
                        live || serves || nothing_left || till.in_dispute(at)
                    }
                };
                ensure(fine, Invariant::I7Money, || {
                    format!("attempt {at} of {number:?} ({:?}) never came to its end: {till:?}", order.state)
                })?;
            }
            let under_way = till.backs.iter().any(|b| matches!(b.stage, Stage::Wanted | Stage::Submitted));
            ensure(!under_way, Invariant::I7Money, || {
                format!("a refund of {number:?} is under way: {till:?}")
            })
        })
    }

    fn against_ledger(&self, rows: &[LedgerRow]) -> Checked {
        let mut known: BTreeMap<(HoldNumber, u32), &LedgerRow> = BTreeMap::new();
        for row in rows {
            let twice = known.insert((row.order, row.attempt), row);
            ensure(twice.is_none(), Invariant::I7Money, || format!("charged twice: {twice:?} and {row:?}"))?;
        }
        for (number, order) in &self.orders {
            for (attempt, at) in order.till.attempts.iter().zip(1..) {
                let row = known.remove(&(*number, at));
                let found = row.map_or([0; 3], |row| {
                    let outstanding = row.authorized_minor - row.captured_minor - row.voided_minor;
                    [outstanding, row.captured_minor, row.refunded_minor]
                });
                let outstanding = if attempt.money == Where::Reserved { attempt.asked_minor } else { 0 };
                let said = [outstanding, attempt.taken_minor, order.till.refunded_minor(at)];
                same_money(*number, at, said, found)?;
            }
        }
        match known.into_values().find(|row| row.authorized_minor != 0) {
            None => Ok(()),
            Some(row) => Err((Invariant::I7Money, format!("nobody knows of the charge {row:?}"))),
        }
    }
}

fn same_money(number: HoldNumber, attempt: u32, said: [i64; 3], found: [i64; 3]) -> Result<(), Broken> {
    ensure(said == found, Invariant::I7Money, || {
        let of = |[outstanding, captured, refunded]: [i64; 3]| {
            format!("{outstanding} outstanding, {captured} captured, {refunded} refunded")
        };
        format!("attempt {attempt} of {number:?}: {} say the orders, {} the gateway", of(said), of(found))
    })
}
