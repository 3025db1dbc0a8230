//! The gateway's ledger against the journal: to the cent, charge by charge.

use std::collections::HashMap;

use ticketcore::gateway::{Entered, Ledger, Totals};
use ticketcore::{Currency, HoldNumber};

use crate::journal::Journal;

/// Compares them when everything is settled. What does not add up is a violation; returns the sums, and how many charges no order accounts
/// for.
pub fn compare(ledger: &Ledger, journal: &mut Journal, currency: Currency) -> (Totals, u64) {
    let totals = ledger.totals(currency);
    let mut kept: HashMap<HoldNumber, i64> = HashMap::new();
    let mut lost = 0;
    for charge in ledger.charges() {
        let order = charge.key.map(|key| key.order.number);
        let known = order.is_some_and(|order| journal.opened_orders.contains(&order));
        if !known {
            lost += 1;
            journal.violations.add(format!("a charge of no order: {charge:?}"));
        }
        if charge.outstanding_minor() != 0 {
            lost += 1;
            journal.violations.add(format!("reserved and forgotten: {charge:?}"));
        }
        if charge.captured_minor > charge.authorized_minor || charge.refunded_minor > charge.captured_minor {
            journal.violations.add(format!("more than there was: {charge:?}"));
        }
        if let Some(order) = order {
            *kept.entry(order).or_default() += charge.kept_minor();
        }
    }
    for entry in ledger.entries() {
        let refused = matches!(entry.entered, Entered::Refused { .. });
        journal.violations.check(!refused, || format!("what never may be was asked for: {entry:?}"));
    }
    let mut sold = 0i128;
    for (order, total_minor) in journal.totals() {
        sold += i128::from(total_minor);
        let paid = kept.remove(&order).unwrap_or_default();
        let what = || format!("{order:?} costs {total_minor}, and {paid} was taken and kept");
        journal_check(&mut journal.violations, paid == total_minor, what);
    }
    for (order, minor) in kept.into_iter().filter(|(_, minor)| *minor != 0) {
        lost += 1;
        journal.violations.add(format!("{minor} was taken of {order:?} and there are no tickets"));
    }
    let adds_up = totals.authorized_minor
        == totals.captured_minor + totals.voided_minor + totals.outstanding_minor
        && totals.captured_minor - totals.refunded_minor == sold;
    journal.violations.check(adds_up, || format!("{totals:?}, sold for {sold}"));
    (totals, lost)
}

fn journal_check(violations: &mut crate::tally::Violations, holds: bool, what: impl FnOnce() -> String) {
    violations.check(holds, what);
}
