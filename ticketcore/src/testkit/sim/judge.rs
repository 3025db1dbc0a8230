//! Whether an outcome is one that a client may be given: what was accepted is in the journal word for word and is what the model
//! decides there; what was refused, or needed no fact, is what the model decides on a state the journal has had meanwhile.

use super::expected::{answer_of, order_as_it_is, order_of};
use super::history::{History, violation};
use crate::answer::{Answer, CommandError, Done};
use crate::event::Outcome;
use crate::fact::Fact;
use crate::id::{EventId, HoldNumber, Revision};
use crate::invariant::{Invariant, Violation};
use crate::refusal::{Refusal, SeatConflict};
use crate::request::HoldRequest;
use crate::testkit::{BesideCommand, Command, Model, ModelAnswer};
use crate::time::UtcMs;

/// A command that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Its place among all commands of the run.
    pub number: u64,
    pub node: usize,
    /// The life of the node that it was sent to.
    pub life: u32,
    pub command: Command,
    /// What it is answered must have been so at this revision or later.
    pub from: Revision,
    /// The revision its office knew to be durable when it was sent. A key rests on that.
    pub known: Revision,
    /// If the state it was decided on is known: the last revision of that state, and the rebases before.
    pub decided: Option<(Revision, u64)>,
    /// When it may have been decided.
    pub times: Vec<UtcMs>,
}

/// What is known when an outcome comes.
pub(super) struct Judge<'a> {
    pub event: EventId,
    pub history: &'a mut History,
    pub decided: DecidedOn,
}

/// The state that a command was decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecidedOn {
    /// That of the journal at this revision.
    Journal(Revision),
    /// One that is not in the journal yet.
    Unsent,
    /// It may have been decided again.
    Unknown,
}

impl Judge<'_> {
    /// Judges one outcome. All of the journal has been followed.
    pub fn judge(&mut self, sent: &Sent, outcome: &Outcome) -> Result<(), Violation> {
        match outcome {
            Err(CommandError::Unknown { .. }) => Ok(()),
            Err(CommandError::Failed { reason }) => self.failed(sent, reason),
            Ok(answer) => match self.accepted_at(sent, answer) {
                Some(revision) => self.accepted(sent, answer, revision),
                None => self.without_fact(sent, outcome),
            },
            Err(CommandError::Refused(Refusal::Overloaded { .. })) => Ok(()),
            Err(CommandError::Refused(_)) => self.without_fact(sent, outcome),
        }
    }

    /// The revision of the fact that an answer tells of, unless it is a replay or there was nothing to do.
    fn accepted_at(&self, sent: &Sent, answer: &Answer) -> Option<Revision> {
        match answer {
            Answer::Hold(hold) => (!hold.replayed).then_some(hold.version),
            Answer::Order(order) => (!order.replayed).then_some(order.version),
            Answer::Done(done) => done.revision.filter(|_| !done.replayed),
            Answer::Waiting(entry) => (!entry.replayed).then_some(entry.entry),
            Answer::Change(change) => {
                let same = |revision: &Revision| match self.history.fact(*revision) {
                    Some((_, Fact::ManifestChanged(logged))) => logged == change,
                    _ => false,
                };
                // The answer names no revision, and changes may be alike: the one that this command becomes comes first.
                let all = || self.history.unclaimed().filter(|r| *r > sent.from).filter(same);
                let found = all().find(|revision| self.becomes(sent, *revision)).or_else(|| all().next());
                Some(found.unwrap_or(self.history.end().next()))
            }
        }
    }

    /// Whether the model says that the command becomes the fact at `revision`.
    fn becomes(&self, sent: &Sent, revision: Revision) -> bool {
        self.history.asked(&sent.command, revision).is_some_and(|(answered, stamp, fact)| {
            matches!(answered, Ok(ModelAnswer::Logged(at, logged)) if at == stamp && logged == *fact)
        })
    }

    fn accepted(&mut self, sent: &Sent, answer: &Answer, revision: Revision) -> Result<(), Violation> {
        let Some((stamp, fact)) = self.history.fact(revision).cloned() else {
            let what = format!("acknowledged {answer:?}, but the journal ends at {}", self.history.end());
            return Err(violation(Invariant::I5Durable, revision, what));
        };
        let expected = answer_of(self.event, stamp, &fact, false);
        if *answer != expected {
            let what = format!("acknowledged {answer:?}, but the journal has {fact:?}");
            return Err(violation(Invariant::I5Durable, revision, what));
        }
        if !self.history.claim(revision) {
            let what = format!("two commands were told that {fact:?} is theirs");
            return Err(violation(Invariant::I3OneAnswer, revision, what));
        }
        if about_paid(self.history, &sent.command).is_some() {
            return Ok(());
        }
        let Some((answered, ..)) = self.history.asked(&sent.command, revision) else {
            return Err(violation(Invariant::I8SameFacts, revision, "nobody asked for the first fact"));
        };
        let invariant = match &answered {
            Ok(ModelAnswer::Logged(at, logged)) if (*at, logged) == (stamp, &fact) => return Ok(()),
            Ok(ModelAnswer::Again(..)) => Invariant::I3OneAnswer,
            Ok(ModelAnswer::Order(..)) => Invariant::I12OneOrder,
            Err(Refusal::KeyReused { .. }) => Invariant::I3OneAnswer,
            Err(Refusal::HoldExpired { .. }) => Invariant::I4DeadIsDead,
            Err(Refusal::UserLimit { .. } | Refusal::IdentityLimit { .. }) => Invariant::I10Limits,
            Err(Refusal::SeatsUnavailable(_)) => Invariant::I1OneOwner,
            Err(
                Refusal::AreaExhausted { .. }
                | Refusal::QuotaExhausted { .. }
                | Refusal::VoucherUsedUp { .. },
            ) => Invariant::I2Conservation,
            _ => Invariant::I8SameFacts,
        };
        let what = format!("{:?} became {fact:?}, but the model says {answered:?}", sent.command);
        Err(violation(invariant, revision, what))
    }

    /// A refusal, a replay, or an answer for which nothing had to be done.
    fn without_fact(&self, sent: &Sent, outcome: &Outcome) -> Result<(), Violation> {
        if about_paid(self.history, &sent.command).is_some() {
            return Ok(());
        }
        let end = self.history.end();
        let mut said = None;
        // What was true before it was sent is no answer on a shared store, unless it still is or rests on a key.
        let decided = match self.decided {
            DecidedOn::Journal(at) if at < sent.from && !is_of_a_key(outcome) => DecidedOn::Unknown,
            decided => decided,
        };
        match decided {
            DecidedOn::Journal(at) => {
                if self.says(sent, at, sent.times[0], outcome, &mut said) {
                    return Ok(());
                }
            }
            DecidedOn::Unsent if !is_of_a_key(outcome) => {}
            _ => {
                let from = if is_of_a_key(outcome) { sent.known } else { sent.from };
                for revision in from.0..=end.0 {
                    let says = |&time: &UtcMs| self.says(sent, Revision(revision), time, outcome, &mut said);
                    if sent.times.iter().any(says) {
                        return Ok(());
                    }
                }
            }
        }
        if let Err(CommandError::Refused(refusal)) = outcome {
            // The reason is that of the state it was decided on; its numbers may be those of the durable view.
            let upto = if let DecidedOn::Journal(at) = decided { at } else { end };
            let mut revisions = (sent.known.0..=upto.0).filter_map(|r| self.history.model_at(Revision(r)));
            let decided = matches!(decided, DecidedOn::Journal(_));
            let same_reason = matches!(&said, Some(Err(model)) if model.code() == refusal.code());
            if (!decided || same_reason) && revisions.any(|model| is_true(model, refusal, &sent.command)) {
                return Ok(());
            }
        }
        let invariant = match (outcome, &said) {
            (Ok(Answer::Hold(_)), _)
            | (_, Some(Ok(ModelAnswer::Again(..)) | Err(Refusal::KeyReused { .. }))) => {
                Invariant::I3OneAnswer
            }
            (_, Some(Err(Refusal::HoldExpired { .. }))) => Invariant::I4DeadIsDead,
            _ if matches!(self.decided, DecidedOn::Journal(_)) => Invariant::I8SameFacts,
            _ => Invariant::I6NoGhosts,
        };
        let what = format!(
            "{:?} decided at {:?} was answered {outcome:?}, but from {} to {end} the model says {said:?}",
            sent.command, self.decided, sent.from
        );
        Err(violation(invariant, end, what))
    }

    /// Whether the model answers so at `revision`; what it says otherwise goes into `said`.
    fn says(
        &self,
        sent: &Sent,
        revision: Revision,
        time: UtcMs,
        outcome: &Outcome,
        said: &mut Option<Result<ModelAnswer, Refusal>>,
    ) -> bool {
        let Some(model) = self.history.model_at(revision) else { return false };
        let answered = model.clone().run(&sent.command, time);
        let same = match (&answered, outcome) {
            (Err(refusal), Err(CommandError::Refused(told))) => same_refusal(refusal, told),
            // While others wait, what fits may be theirs or not.
            (Ok(ModelAnswer::Logged(..)), Err(CommandError::Refused(told))) => match &sent.command {
                Command::Beside(command) => match &**command {
                    BesideCommand::Join(request) => {
                        model.clone().join_waiting(request, time, false).as_ref() == Err(told)
                    }
                    _ => false,
                },
                _ => false,
            },
            (Ok(ModelAnswer::NotHeld), Ok(Answer::Done(done))) => {
                *done == Done { revision: None, replayed: false }
            }
            (Ok(ModelAnswer::Again(stamp, fact)), Ok(answer)) => {
                *answer == answer_of(self.event, *stamp, fact, true)
            }
            (Ok(ModelAnswer::Order(number, order)), Ok(answer)) => {
                let version = self.history.last_about(revision, |fact| order_of(fact) == Some(*number));
                let version = version.unwrap_or_default();
                *answer == order_as_it_is(self.event, *number, order, &order.lines, version)
            }
            _ => false,
        };
        *said = Some(answered);
        same
    }

    /// Nobody may be told that something was certainly not carried out that was there when it was asked for.
    fn failed(&self, sent: &Sent, reason: &str) -> Result<(), Violation> {
        let mut model = self.history.model().clone();
        match model.run(&sent.command, model.time(sent.times[0])) {
            // Later ones may be those of a retry.
            Ok(ModelAnswer::Again(stamp, fact)) if stamp.revision <= sent.from => {
                let what =
                    format!("{:?} certainly failed ({reason}), but it has become {fact:?}", sent.command);
                Err(violation(Invariant::I3OneAnswer, stamp.revision, what))
            }
            _ => Ok(()),
        }
    }
}

/// The order that a command is about, if a gateway pays it: the model does not decide about those, the auditor judges what they become.
pub(super) fn about_paid(history: &History, command: &Command) -> Option<HoldNumber> {
    let number = match command {
        Command::OpenOrder(request) => request.hold.number,
        Command::ConfirmOrder(request) | Command::CancelOrder(request) => request.order.number,
        _ => return None,
    };
    history.model().orders().any(|(other, order)| other == number && order.checkout).then_some(number)
}

/// Whether the outcome is one that an idempotency key leads to: that rests on a fact of the journal and nothing else.
fn is_of_a_key(outcome: &Outcome) -> bool {
    match outcome {
        Ok(Answer::Hold(hold)) => hold.replayed,
        Ok(Answer::Order(order)) => order.replayed,
        Ok(Answer::Done(done)) => done.replayed,
        Ok(Answer::Waiting(entry)) => entry.replayed,
        Err(CommandError::Refused(Refusal::KeyReused { .. })) => true,
        _ => false,
    }
}

/// Equal but for `until`, which an answer need not know.
fn same_refusal(model: &Refusal, told: &Refusal) -> bool {
    match (model, told) {
        (Refusal::SeatsUnavailable(model), Refusal::SeatsUnavailable(told)) => {
            let same = |(model, told): (&SeatConflict, &SeatConflict)| {
                let until = told.until.is_none() || told.until == model.until;
                (model.seat, model.state) == (told.seat, told.state) && until
            };
            model.len() == told.len() && model.iter().zip(told).all(same)
        }
        _ => model == told,
    }
}

/// Whether a refusal that the durable view may confirm on its own is true in this state.
fn is_true(model: &Model, refusal: &Refusal, command: &Command) -> bool {
    match refusal {
        Refusal::SeatsUnavailable(conflicts) => {
            let states = model.seat_states();
            conflicts.iter().all(|conflict| states.get(conflict.seat.at()) == Some(&conflict.state))
        }
        Refusal::AreaExhausted { area, left } => {
            let pools = model.pools().into_iter().filter(|(pool, _)| pool.0 == *area);
            let free: Vec<u32> = pools.map(|(_, counts)| counts.free).collect();
            // An area that is there has pools.
            *left == 0 && !free.is_empty() && free.into_iter().sum::<u32>() == 0
        }
        Refusal::QuotaExhausted { quota, left } => {
            model.quotas().get(quota.at()).is_some_and(|counts| counts.free() == Some(*left))
        }
        Refusal::Limit(_) | Refusal::NothingRequested | Refusal::DuplicateSeat(_) | Refusal::UnknownEvent => {
            model.clone().run(command, model.time(UtcMs(0))) == Err(refusal.clone())
        }
        Refusal::BestAvailableMiss { .. } => match command {
            Command::Hold(request) => is_missed(model, refusal, request),
            _ => false,
        },
        _ => false,
    }
}

/// Whether there is no group for the request here. The numbers are its own, or those of a map on which every seat is open to it.
fn is_missed(model: &Model, refusal: &Refusal, request: &HoldRequest) -> bool {
    match model.placed(request) {
        Err(said @ Refusal::BestAvailableMiss { .. }) => {
            said == *refusal || model.with_every_seat_open().placed(request).as_ref() == Err(refusal)
        }
        _ => false,
    }
}
