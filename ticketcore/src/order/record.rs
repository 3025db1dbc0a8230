//! An order as the engine keeps it: its state, its money, its tickets.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::dispute::Dispute;
use super::payment::{Payment, PaymentState};
use super::refund::{Refund, RefundState};
use super::state::OrderState;
use super::step::{CheckoutOpened, EndReason};
use super::terms::{CaptureMode, ExtraLine, Terms};
use super::tickets::{Place, Ticket, TicketStatus, lines_of, place_of};
use super::word::Word;
use crate::fact::{HoldWith, Lines};
use crate::id::{Revision, UserId};

/// An order. While it is live its lines are in the hold it pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderRecord {
    pub user: UserId,
    pub state: OrderState,
    /// Once it is no longer live: what it sold, or would have, as it was then. Places that have gone back since are still in it.
    pub lines: Lines,
    /// The revision of the last fact about it.
    pub version: Revision,
    /// The generation of logged time of the last fact about it.
    pub generation: u64,
    /// What a plain order has not: payments, refunds, tickets with a history.
    pub account: Option<Box<Account>>,
    /// What its hold said beside its places.
    pub with: Option<Arc<HoldWith>>,
}

/// The money and the tickets of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// How it is paid; `None` if the host sees to that.
    pub terms: Option<Terms>,
    pub extra: Vec<ExtraLine>,
    pub amount_minor: i64,
    /// By number of the attempt, less one.
    pub payments: Vec<Payment>,
    /// By number of the refund, less one.
    pub refunds: Vec<Refund>,
    /// Tickets that something has happened to, by index.
    pub tickets: Vec<(u32, Ticket)>,
    /// What came by exchange: its tickets count on from those before.
    pub exchanged: Vec<Lines>,
    /// Why it ended, if it did not end as it should.
    pub reason: Option<EndReason>,
    pub approved: bool,
    pub capture_requested: bool,
    /// In the order in which they became known. Those that were closed in the words of before are not among them.
    pub disputes: Vec<Dispute>,
    /// Money that lost disputes took away, in minor units.
    pub disputed_minor: i64,
    /// The host's name of a payment outside.
    pub outside: Option<Word>,
}

impl OrderRecord {
    /// An order that has just been opened; `account` if a gateway is to pay it.
    pub fn opened(
        user: UserId,
        version: Revision,
        generation: u64,
        checkout: Option<&CheckoutOpened>,
    ) -> Self {
        let account = checkout.map(|checkout| {
            Box::new(Account {
                terms: Some(checkout.terms),
                extra: checkout.extra.clone(),
                amount_minor: checkout.amount_minor,
                ..Account::default()
            })
        });
        let state = checkout.map_or(OrderState::Open, CheckoutOpened::state);
        Self { user, state, lines: Lines::default(), version, generation, account, with: None }
    }

    pub fn account_mut(&mut self) -> &mut Account {
        self.account.get_or_insert_default()
    }

    /// The terms, if a gateway is to pay it.
    pub fn terms(&self) -> Option<&Terms> {
        self.account.as_ref()?.terms.as_ref()
    }

    pub fn payments(&self) -> &[Payment] {
        self.account.as_ref().map_or(&[], |account| &account.payments)
    }

    pub fn refunds(&self) -> &[Refund] {
        self.account.as_ref().map_or(&[], |account| &account.refunds)
    }

    /// Attempt `number`, from 1.
    pub fn payment(&self, number: u32) -> Option<&Payment> {
        self.payments().get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// The last attempt: the only one that may be unresolved.
    pub fn last_payment(&self) -> Option<&Payment> {
        self.payments().last()
    }

    /// Whether staff must still look at it.
    pub fn needs_review(&self) -> bool {
        let approved = self.account.as_ref().is_some_and(|account| account.approved);
        self.terms().is_some_and(|terms| terms.review) && !approved
    }

    /// Whether the money of the last attempt is as the terms want it before the order is confirmed.
    pub fn is_paid(&self) -> bool {
        let Some(account) = &self.account else { return false };
        let Some(terms) = &account.terms else { return false };
        match self.last_payment() {
            Some(payment) => match payment.state {
                PaymentState::Captured => payment.captured_minor == account.amount_minor,
                PaymentState::Authorized => {
                    terms.rules.capture != CaptureMode::Immediate && !payment.capture_refused
                }
                _ => false,
            },
            None => account.amount_minor == 0,
        }
    }

    /// Whether it is an attempt's money that the tickets were bought with: that of the last one, unless somebody was paid outside.
    pub fn pays(&self, attempt: u32) -> bool {
        let outside = self.account.as_ref().is_some_and(|account| account.outside.is_some());
        self.state == OrderState::Confirmed && attempt == super::count(self.payments().len()) && !outside
    }

    pub fn disputes(&self) -> &[Dispute] {
        self.account.as_ref().map_or(&[], |account| &account.disputes)
    }

    /// The dispute of this name.
    pub fn dispute(&self, reference: &Word) -> Option<&Dispute> {
        self.disputes().iter().find(|dispute| dispute.reference == *reference)
    }

    /// Whether an attempt's money is in dispute.
    pub fn is_disputed(&self, attempt: u32) -> bool {
        self.disputes().iter().any(|dispute| dispute.is_open() && dispute.attempt == attempt)
    }

    /// What is left of an attempt's money, in minor units: captured, not sent back, not taken by a dispute.
    pub fn left_minor(&self, attempt: u32) -> i64 {
        let captured = self.payment(attempt).map_or(0, |payment| payment.captured_minor);
        let refunds = self.refunds().iter().filter(|refund| refund.attempt == attempt);
        captured - refunds.map(|refund| refund.amount_minor).sum::<i64>()
    }

    /// Whether it is over for good, so that it may be forgotten: no money on its way, stuck, disputed, sent back or still to be sent back, and no
    /// tickets that scanners must know as dead.
    pub fn is_settled(&self) -> bool {
        // Only what was sold has tickets with a history.
        let had_tickets = self.account.as_ref().is_some_and(|account| !account.tickets.is_empty());
        if self.state == OrderState::Cancelled && had_tickets {
            return false;
        }
        let stuck = self.refunds().iter().any(|refund| refund.state == RefundState::Stuck);
        // It may come back, weeks later.
        let sent_back = self.refunds().iter().any(|refund| refund.amount_minor > 0);
        let disputed = self.disputes().iter().any(Dispute::is_open);
        !self.state.is_live() && !stuck && !sent_back && !disputed && self.next_effect(false).is_none()
    }

    /// Tickets there have ever been, if it was ever confirmed.
    pub fn ticket_count(&self) -> u32 {
        let exchanged = self.account.iter().flat_map(|account| &account.exchanged);
        exchanged.fold(self.lines.places(), |sum, lines| sum.saturating_add(lines.places()))
    }

    /// What ticket `index` is for.
    pub fn place(&self, index: u32) -> Option<Place> {
        let mut at = index;
        let exchanged = self.account.iter().flat_map(|account| &account.exchanged);
        for lines in std::iter::once(&self.lines).chain(exchanged) {
            if at < lines.places() {
                return place_of(lines, at);
            }
            at -= lines.places();
        }
        None
    }

    /// What has become of ticket `index`.
    pub fn ticket(&self, index: u32) -> Option<Ticket> {
        if index >= self.ticket_count() {
            return None;
        }
        let known = self.account.as_ref().and_then(|account| {
            let at = account.tickets.binary_search_by_key(&index, |(at, _)| *at).ok()?;
            Some(account.tickets[at].1.clone())
        });
        Some(known.unwrap_or_default())
    }

    pub fn ticket_mut(&mut self, index: u32) -> &mut Ticket {
        let tickets = &mut self.account_mut().tickets;
        let at = match tickets.binary_search_by_key(&index, |(at, _)| *at) {
            Ok(at) => at,
            Err(at) => {
                tickets.insert(at, (index, Ticket::default()));
                at
            }
        };
        &mut tickets[at].1
    }

    /// Tickets whose places are sold: valid ones and disputed ones, ascending. None if it is not confirmed, whatever it wanted.
    pub fn live_tickets(&self) -> Vec<u32> {
        if self.state != OrderState::Confirmed {
            return Vec::new();
        }
        let live = |index: &u32| {
            self.ticket(*index)
                .is_some_and(|t| matches!(t.status, TicketStatus::Valid | TicketStatus::Disputed))
        };
        (0..self.ticket_count()).filter(live).collect()
    }

    /// The places of some tickets.
    pub fn places_of(&self, tickets: &[u32]) -> Lines {
        lines_of(tickets.iter().filter_map(|index| self.place(*index)))
    }

    /// What the order owns now.
    pub fn sold(&self) -> Lines {
        if self.state != OrderState::Confirmed {
            return Lines::default();
        }
        match &self.account {
            Some(account) if !account.tickets.is_empty() || !account.exchanged.is_empty() => {
                self.places_of(&self.live_tickets())
            }
            _ => self.lines.clone(),
        }
    }
}
