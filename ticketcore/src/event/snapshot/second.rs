//! What snapshots of the second format say of orders: one dispute at a time, and refunds that are over once they went through.

use serde::Deserialize;

use super::More;
use super::beside::Beside;
use crate::fact::{HoldWith, Lines};
use crate::id::HoldNumber;
use crate::order::{
    Account, Dispute, DisputeState, EndReason, ExtraLine, Payment, PaymentRules, Refund, RefundState, Terms,
    Ticket, Word,
};
use crate::time::UtcMs;

/// See the module.
#[derive(Deserialize)]
pub(super) struct MoreOfSecond {
    payment_rules: PaymentRules,
    accounts: Vec<(HoldNumber, AccountOfSecond)>,
    holds_with: Vec<(HoldNumber, HoldWith)>,
    orders_with: Vec<(HoldNumber, HoldWith)>,
    beside: Beside,
}

#[derive(Deserialize)]
struct AccountOfSecond {
    terms: Option<Terms>,
    extra: Vec<ExtraLine>,
    amount_minor: i64,
    payments: Vec<Payment>,
    refunds: Vec<RefundOfSecond>,
    tickets: Vec<(u32, Ticket)>,
    exchanged: Vec<Lines>,
    reason: Option<EndReason>,
    approved: bool,
    capture_requested: bool,
    /// The disputed attempt and the gateway's name of the dispute, while it is open.
    dispute: Option<(u32, Word)>,
    disputed_minor: i64,
    outside: Option<Word>,
}

#[derive(Deserialize)]
struct RefundOfSecond {
    state: RefundState,
    attempt: u32,
    amount_minor: i64,
    tickets: Vec<u32>,
    reason: EndReason,
    tries: u32,
    started_at: UtcMs,
    reference: Word,
    note: Word,
}

impl From<MoreOfSecond> for More {
    fn from(more: MoreOfSecond) -> Self {
        let MoreOfSecond { payment_rules, accounts, holds_with, orders_with, beside } = more;
        let accounts = accounts.into_iter().map(|(number, account)| (number, account.into())).collect();
        Self { payment_rules, accounts, holds_with, orders_with, beside }
    }
}

impl From<AccountOfSecond> for Account {
    fn from(account: AccountOfSecond) -> Self {
        let disputed = |attempt: u32| {
            let at = usize::try_from(attempt).ok().and_then(|attempt| attempt.checked_sub(1));
            at.and_then(|at| account.payments.get(at)).map_or(0, |payment| payment.captured_minor)
        };
        // All of what was captured, as the facts meant it.
        let open = account.dispute.as_ref().map(|(attempt, reference)| Dispute {
            reference: reference.clone(),
            attempt: *attempt,
            amount_minor: disputed(*attempt),
            state: DisputeState::Open,
            lost_minor: 0,
        });
        Self {
            terms: account.terms,
            extra: account.extra,
            amount_minor: account.amount_minor,
            disputes: open.into_iter().collect(),
            payments: account.payments,
            refunds: account.refunds.into_iter().map(Refund::from).collect(),
            tickets: account.tickets,
            exchanged: account.exchanged,
            reason: account.reason,
            approved: account.approved,
            capture_requested: account.capture_requested,
            disputed_minor: account.disputed_minor,
            outside: account.outside,
        }
    }
}

impl From<RefundOfSecond> for Refund {
    fn from(refund: RefundOfSecond) -> Self {
        let RefundOfSecond {
            state,
            attempt,
            amount_minor,
            tickets,
            reason,
            tries,
            started_at,
            reference,
            note,
        } = refund;
        let through = (state == RefundState::Succeeded && amount_minor > 0).then_some(tries);
        Self {
            state,
            attempt,
            amount_minor,
            tickets,
            reason,
            tries,
            started_at,
            reference,
            note,
            through,
            came_back: Vec::new(),
        }
    }
}
