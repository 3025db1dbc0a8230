//! Sending a command through the public methods of a box office, whatever its kind.

use crate::answer::{Answer, CommandError, Done, FromAnswer, Hold, Order};
use crate::event::Outcome;
use crate::id::EventId;
use crate::manifest::ManifestChange;
use crate::office::{BoxOffice, Pending};
use crate::testkit::{BesideCommand, Command};
use crate::waiting::WaitingEntry;

/// A command under way.
pub(super) enum Handle {
    Hold(Pending<Hold>),
    Order(Pending<Order>),
    Done(Pending<Done>),
    Change(Pending<ManifestChange>),
    Waiting(Pending<WaitingEntry>),
}

impl Handle {
    /// Sends `command`.
    pub fn send(office: &BoxOffice, event: EventId, command: Command) -> Self {
        match command {
            Command::Hold(request) => Handle::Hold(office.hold(request)),
            Command::Amend(request) => Handle::Hold(office.amend(request)),
            Command::Extend(request) => Handle::Hold(office.extend(request)),
            Command::Release(request) => Handle::Done(office.release(request)),
            Command::OpenOrder(request) => Handle::Order(office.open_order(request)),
            Command::ConfirmOrder(request) => Handle::Order(office.confirm_order(request)),
            Command::CancelOrder(request) => Handle::Order(office.cancel_order(request)),
            Command::ChangeSeats(request) => Handle::Done(office.change_seats(request)),
            Command::BlockPlaces(request) => Handle::Done(office.block_places(request)),
            Command::ForceRelease(request) => Handle::Done(office.force_release(request)),
            Command::ReleaseAllocation(allocation) => {
                Handle::Done(office.release_allocation(event, allocation))
            }
            Command::SaleState(request) => Handle::Done(office.set_sale_state(request.event, request.to)),
            Command::ChangeManifest(request) => Handle::Change(office.change_manifest(*request)),
            Command::Beside(command) => match *command {
                BesideCommand::AddVouchers(request) => Handle::Done(office.add_vouchers(request)),
                BesideCommand::RevokeVouchers(request) => Handle::Done(office.revoke_vouchers(request)),
                BesideCommand::WaitingRules(request) => Handle::Done(office.set_waiting_rules(request)),
                BesideCommand::Join(request) => Handle::Waiting(office.join_waiting(request)),
                BesideCommand::Leave(request) => Handle::Done(office.leave_waiting(request)),
            },
            Command::Expire(_) => unreachable!("maintenance expires"),
        }
    }

    /// Sends commands, all of one kind if they are several, as a slice.
    pub fn send_all(office: &BoxOffice, event: EventId, mut commands: Vec<Command>) -> Vec<Self> {
        if commands.len() == 1 {
            return commands.drain(..).map(|command| Self::send(office, event, command)).collect();
        }
        let (mut holds, mut releases) = (Vec::new(), Vec::new());
        for command in commands {
            match command {
                Command::Hold(request) => holds.push(request),
                Command::Release(request) => releases.push(request),
                other => unreachable!("there are no slices of {other:?}"),
            }
        }
        let holds = office.hold_many(holds).into_iter().map(Handle::Hold);
        holds.chain(office.release_many(releases).into_iter().map(Handle::Done)).collect()
    }

    /// The outcome, if it is there.
    pub fn try_take(self) -> Result<Outcome, Self> {
        fn take<T: FromAnswer>(
            pending: Pending<T>,
            answer: impl FnOnce(T) -> Answer,
            back: impl FnOnce(Pending<T>) -> Handle,
        ) -> Result<Outcome, Handle> {
            pending.try_take().map(|outcome: Result<T, CommandError>| outcome.map(answer)).map_err(back)
        }
        match self {
            Handle::Hold(pending) => take(pending, |a| Answer::Hold(Box::new(a)), Handle::Hold),
            Handle::Order(pending) => take(pending, |a| Answer::Order(Box::new(a)), Handle::Order),
            Handle::Done(pending) => take(pending, Answer::Done, Handle::Done),
            Handle::Change(pending) => take(pending, |a| Answer::Change(Box::new(a)), Handle::Change),
            Handle::Waiting(pending) => take(pending, Answer::Waiting, Handle::Waiting),
        }
    }
}
