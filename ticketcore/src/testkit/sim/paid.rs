//! Commands about orders that a gateway pays, and about orders that are sold: sent, answered, judged by the journal. What they may do is
//! judged by the auditor, fact by fact; what they are told is judged here.

use super::history::violation;
use super::world::World;
use crate::answer::{CommandError, Done, Order, Stepped};
use crate::fact::{Fact, Keyed, OrderStep};
use crate::id::{HoldNumber, OrderId, Revision, UserId};
use crate::invariant::{Invariant, Violation};
use crate::key::IdempotencyKey;
use crate::office::{BoxOffice, Pending};
use crate::order::{
    CheckoutRequest, EndReason, ExchangeRequest, News, ObserveRequest, OrderState, PayRequest,
    PaymentRulesRequest, RedeemRequest, StaffAction, StaffOrderRequest, TransferRequest,
};

/// See the module.
#[derive(Clone, Debug)]
pub(super) enum PaidCommand {
    Rules(PaymentRulesRequest),
    Checkout(CheckoutRequest),
    Pay(PayRequest),
    Observe(ObserveRequest),
    Staff(StaffOrderRequest),
    Transfer(TransferRequest),
    Exchange(ExchangeRequest),
    Redeem(RedeemRequest),
}

/// One that was sent.
#[derive(Clone, Debug)]
pub(super) struct PaidSent {
    number: u64,
    pub node: usize,
    from: Revision,
    command: PaidCommand,
}

/// One under way.
pub(super) enum PaidHandle {
    Order(Pending<Order>),
    Stepped(Pending<Stepped>),
    Done(Pending<Done>),
}

/// What one was answered.
#[derive(Clone, Debug)]
pub(super) enum PaidAnswer {
    Order(Box<Order>),
    Stepped(Stepped),
    Done(Done),
}

pub(super) type PaidOutcome = Result<PaidAnswer, CommandError>;

impl PaidHandle {
    fn send(office: &BoxOffice, command: PaidCommand) -> Self {
        match command {
            PaidCommand::Rules(request) => Self::Done(office.set_payment_rules(request)),
            PaidCommand::Checkout(request) => Self::Order(office.checkout(request)),
            PaidCommand::Pay(request) => Self::Stepped(office.pay(request)),
            PaidCommand::Observe(request) => Self::Stepped(office.observe(request)),
            PaidCommand::Staff(request) => Self::Stepped(office.staff_order(request)),
            PaidCommand::Transfer(request) => Self::Stepped(office.transfer(request)),
            PaidCommand::Exchange(request) => Self::Stepped(office.exchange(request)),
            PaidCommand::Redeem(request) => Self::Stepped(office.redeem(request)),
        }
    }

    fn try_take(self) -> Result<PaidOutcome, Self> {
        match self {
            Self::Order(pending) => match pending.try_take() {
                Ok(outcome) => Ok(outcome.map(|order| PaidAnswer::Order(Box::new(order)))),
                Err(pending) => Err(Self::Order(pending)),
            },
            Self::Stepped(pending) => match pending.try_take() {
                Ok(outcome) => Ok(outcome.map(PaidAnswer::Stepped)),
                Err(pending) => Err(Self::Stepped(pending)),
            },
            Self::Done(pending) => match pending.try_take() {
                Ok(outcome) => Ok(outcome.map(PaidAnswer::Done)),
                Err(pending) => Err(Self::Done(pending)),
            },
        }
    }
}

impl PaidAnswer {
    /// The revision of the fact it tells of, and whether it was told before.
    fn revision(&self) -> (Option<Revision>, bool) {
        match self {
            Self::Order(order) => ((!order.replayed).then_some(order.version), order.replayed),
            Self::Stepped(stepped) => (stepped.revision, stepped.replayed),
            Self::Done(done) => (done.revision, done.replayed),
        }
    }

    /// Whether it says what the fact says.
    fn tells(&self, fact: &Fact) -> bool {
        match (self, fact) {
            (Self::Order(order), Fact::CheckoutOpened(f)) => {
                let (state, f) = (f.state(), &f.opened);
                let found = (order.id.number, order.user, order.state, &order.lines, order.payment_deadline);
                found == (f.hold, f.user, state, &f.lines, Some(f.payment_deadline))
            }
            (Self::Stepped(stepped), Fact::OrderStepped(f)) => {
                (stepped.order.number, stepped.state, stepped.number) == (f.order, f.state, f.step.number())
            }
            (Self::Stepped(stepped), Fact::OrderConfirmed(f)) => {
                (stepped.order.number, stepped.state) == (f.order, OrderState::Confirmed)
            }
            (Self::Done(_), Fact::PaymentRulesSet(_)) => true,
            _ => false,
        }
    }
}

impl World {
    /// Sends a command and looks for its outcome at once.
    pub fn send_paid(&mut self, at: usize, command: PaidCommand) -> Result<(), Violation> {
        self.follow()?;
        let node = &mut self.nodes[at];
        let before = node.progress(self.event);
        if before.is_none() {
            node.begins_anew();
        }
        let Some(office) = &node.office else { return Ok(()) };
        self.sent += 1;
        let number = self.sent;
        self.trace.line(format!("#{number} n{at} {command:?}"));
        let from = before.map_or(self.history.end(), |before| before.durable);
        let handle = PaidHandle::send(office, command.clone());
        let after = office.progress(self.event);
        let sent = PaidSent { number, node: at, from, command };
        self.note_rebase(at, before, after)?;
        if let Some(before) = before {
            self.check_time(at, before)?;
        }
        self.follow()?;
        if let (None, Some(after)) = (before, after) {
            // It opened the event. What time it sees there may be that of a fact which is not durable for long yet.
            self.check_time(at, after)?;
        }
        if let Some(still) = self.take_paid(sent, handle)? {
            self.paid.push(still);
        }
        Ok(())
    }

    /// Asks for every outcome.
    pub fn poll_paid(&mut self) -> Result<(), Violation> {
        for (sent, handle) in std::mem::take(&mut self.paid) {
            if let Some(still) = self.take_paid(sent, handle)? {
                self.paid.push(still);
            }
        }
        Ok(())
    }

    /// Nobody will be told any more what became of those sent to this office.
    pub fn lose_paid(&mut self, node: usize) {
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.paid).into_iter().partition(|(sent, _)| sent.node == node);
        self.paid = others;
        self.paid_lost.extend(mine.into_iter().map(|(sent, _)| sent));
        self.drivers.iter_mut().filter(|driver| driver.node == node).for_each(|driver| driver.crash());
    }

    fn take_paid(
        &mut self,
        sent: PaidSent,
        handle: PaidHandle,
    ) -> Result<Option<(PaidSent, PaidHandle)>, Violation> {
        let outcome = match handle.try_take() {
            Ok(outcome) => outcome,
            Err(handle) => return Ok(Some((sent, handle))),
        };
        self.trace.line(match &outcome {
            Ok(answer) => format!("#{} -> {answer:?}", sent.number),
            Err(error) => format!("#{} -> {error}", sent.number),
        });
        self.tally.paid(&outcome);
        match &outcome {
            Ok(answer) => self.judge_paid(&sent, answer)?,
            Err(CommandError::Unknown { .. }) => self.paid_lost.push(sent),
            Err(CommandError::Refused(_) | CommandError::Failed { .. }) => {}
        }
        Ok(None)
    }

    /// What was told is in the journal, was asked for, and was told to nobody else.
    fn judge_paid(&mut self, sent: &PaidSent, answer: &PaidAnswer) -> Result<(), Violation> {
        let (Some(revision), replayed) = answer.revision() else { return Ok(()) };
        let end = self.history.end();
        let Some((_, fact)) = self.history.fact(revision).cloned() else {
            let what = format!("acknowledged {answer:?}, but the journal ends at {end}");
            return Err(violation(Invariant::I5Durable, revision, what));
        };
        if !answer.tells(&fact) {
            let what = format!("acknowledged {answer:?}, but the journal has {fact:?}");
            return Err(violation(Invariant::I5Durable, revision, what));
        }
        if !becomes(&sent.command, &fact) {
            let invariant = if replayed { Invariant::I3OneAnswer } else { Invariant::I8SameFacts };
            return Err(violation(invariant, revision, format!("{:?} became {fact:?}", sent.command)));
        }
        if !replayed && !self.history.claim(revision) {
            let what = format!("two commands were told that {fact:?} is theirs");
            return Err(violation(Invariant::I3OneAnswer, revision, what));
        }
        Ok(())
    }

    /// Whether one of the commands whose outcome nobody knows has become the fact at `revision`; it is explained then.
    pub fn explained_by_paid(&mut self, revision: Revision) -> bool {
        let Some((_, fact)) = self.history.fact(revision) else { return false };
        let found =
            self.paid_lost.iter().position(|sent| revision > sent.from && becomes(&sent.command, fact));
        found.is_some_and(|found| {
            self.paid_lost.swap_remove(found);
            true
        })
    }
}

/// Whether a command can become this fact.
fn becomes(command: &PaidCommand, fact: &Fact) -> bool {
    match (command, fact) {
        (PaidCommand::Rules(r), Fact::PaymentRulesSet(rules)) => r.rules == **rules,
        (PaidCommand::Checkout(r), Fact::CheckoutOpened(f)) => {
            let (asked, terms) = ((r.hold.number, r.user, r.late_money, r.review), &f.terms);
            asked == (f.opened.hold, f.opened.user, terms.late_money, terms.review)
                && r.extra == f.extra
                && r.capture.is_none_or(|capture| capture == terms.rules.capture)
                && same_key(r.key.as_ref(), f.opened.keyed.as_ref())
        }
        (PaidCommand::Observe(r), Fact::OrderConfirmed(f)) => {
            r.news == News::Confirm && r.order.number == f.order
        }
        (command, Fact::OrderStepped(f)) => {
            let by = f.by.as_ref();
            let asked = |order: OrderId, user: UserId, key: Option<&IdempotencyKey>| {
                order.number == f.order
                    && same_key(key, by.map(|(_, keyed)| keyed))
                    && by.is_none_or(|(by, _)| *by == user)
            };
            match (command, &f.step) {
                (PaidCommand::Pay(r), OrderStep::PaymentStarted { gateway, method, .. }) => {
                    asked(r.order, r.user, r.key.as_ref()) && (gateway, method) == (&r.gateway, &r.method)
                }
                (PaidCommand::Observe(r), step) => by.is_none() && is_news(r, f.order, step),
                (PaidCommand::Staff(r), step) => {
                    asked(r.order, r.by, r.key.as_ref()) && is_done(&r.action, step)
                }
                (PaidCommand::Transfer(r), OrderStep::Transferred { tickets, to }) => {
                    asked(r.order, r.user, r.key.as_ref()) && (tickets, to) == (&r.tickets, &r.to)
                }
                (PaidCommand::Exchange(r), OrderStep::Exchanged { tickets, .. }) => {
                    asked(r.order, r.user, r.key.as_ref()) && *tickets == r.tickets
                }
                (PaidCommand::Redeem(r), OrderStep::Redeemed { ticket, way, forced, .. }) => {
                    asked(r.ticket.order, r.by, r.key.as_ref())
                        && (*ticket, *way, *forced) == (r.ticket.index, r.way, r.force)
                }
                _ => false,
            }
        }
        _ => false,
    }
}

fn same_key(asked: Option<&IdempotencyKey>, logged: Option<&Keyed>) -> bool {
    asked == logged.map(|keyed| &keyed.key)
}

fn is_news(request: &ObserveRequest, order: HoldNumber, step: &OrderStep) -> bool {
    request.order.number == order
        && match (&request.news, step) {
            (
                News::Payment { attempt, seen },
                OrderStep::PaymentObserved { attempt: at, seen: logged, .. },
            ) => (attempt, seen) == (at, logged),
            // Who paid has too much already: that is not logged, and looked up again.
            (News::Payment { seen, .. }, OrderStep::Dropped { reason: EndReason::OverLimit, .. }) => {
                seen.fingerprint().is_some()
            }
            (
                News::CaptureRefused { attempt, code },
                OrderStep::CaptureRefused { attempt: at, code: logged },
            ) => (attempt, code) == (at, logged),
            (
                News::Refund { refund, tries, seen },
                OrderStep::RefundTryObserved { refund: at, tries: of, seen: logged },
            ) => (refund, tries, seen) == (at, of, logged),
            (News::Drop(reason), OrderStep::Dropped { reason: logged, .. }) => reason == logged,
            (News::SettleLate, OrderStep::LateConfirmed { .. } | OrderStep::LateRefused { .. }) => true,
            (
                News::StartRefund { attempt, reason },
                OrderStep::RefundStarted { attempt: at, reason: logged, .. },
            ) => (attempt, reason) == (at, logged),
            (News::Reverse, OrderStep::Reversed { .. }) => true,
            _ => false,
        }
}

fn is_done(action: &StaffAction, step: &OrderStep) -> bool {
    match (action, step) {
        (StaffAction::Approve, OrderStep::Approved { .. })
        | (StaffAction::Reject, OrderStep::Dropped { reason: EndReason::Rejected, .. })
        | (StaffAction::Capture, OrderStep::CaptureRequested)
        | (StaffAction::Refund(_), OrderStep::RefundStarted { reason: EndReason::Asked, .. })
        | (StaffAction::Refund(_), OrderStep::Reversed { reason: EndReason::Asked, .. }) => true,
        (
            StaffAction::ConfirmOutside { reference },
            OrderStep::ConfirmedOutside { reference: logged, .. },
        ) => reference == logged,
        (StaffAction::RetryRefund { refund }, OrderStep::RefundRetried { refund: logged }) => {
            refund == logged
        }
        (
            StaffAction::OpenDispute { attempt, reference, amount_minor },
            OrderStep::DisputeBegun { attempt: at, reference: logged, amount_minor: disputed },
        ) => (attempt, reference) == (at, logged) && disputed <= amount_minor,
        // Of which attempt it is, is known since it was opened.
        (
            StaffAction::CloseDispute { reference, amount_minor, won, .. },
            OrderStep::DisputeEnded { reference: logged, amount_minor: disputed, won: so, .. },
        ) => (reference, won) == (logged, so) && disputed <= amount_minor,
        _ => false,
    }
}
