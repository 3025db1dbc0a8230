//! A command under way.

use ticketcore::manifest::ManifestChange;
use ticketcore::testkit::Command;
use ticketcore::{
    BoxOffice, CommandError, Done, EventId, Hold, IdempotencyKey, Operation, Order, Pending, Refusal, UserId,
};

/// An outcome to come.
pub enum Waiting {
    Hold(Pending<Hold>),
    Order(Pending<Order>),
    Done(Pending<Done>),
    Change(Pending<ManifestChange>),
}

/// An outcome: what the command promises, or why not.
pub enum Outcome {
    Hold(Hold),
    Order(Order),
    /// Something else, and whether it was a replay.
    Other(bool),
    Refused(Refusal),
}

/// Gives a command to a box office.
pub fn give(office: &BoxOffice, event: EventId, command: Command) -> Waiting {
    match command {
        Command::Hold(request) => Waiting::Hold(office.hold(request)),
        Command::Amend(request) => Waiting::Hold(office.amend(request)),
        Command::Extend(request) => Waiting::Hold(office.extend(request)),
        Command::Release(request) => Waiting::Done(office.release(request)),
        Command::OpenOrder(request) => Waiting::Order(office.open_order(request)),
        Command::ConfirmOrder(request) => Waiting::Order(office.confirm_order(request)),
        Command::CancelOrder(request) => Waiting::Order(office.cancel_order(request)),
        Command::ChangeSeats(request) => Waiting::Done(office.change_seats(request)),
        Command::BlockPlaces(request) => Waiting::Done(office.block_places(request)),
        Command::ForceRelease(request) => Waiting::Done(office.force_release(request)),
        Command::ReleaseAllocation(allocation) => Waiting::Done(office.release_allocation(event, allocation)),
        Command::SaleState(request) => Waiting::Done(office.set_sale_state(event, request.to)),
        Command::ChangeManifest(request) => Waiting::Change(office.change_manifest(*request)),
        Command::Beside(_) => panic!("the fuzzers have no words for it"),
        Command::Expire(_) => panic!("maintenance expires"),
    }
}

impl Waiting {
    /// The outcome if it is there.
    pub fn take(self) -> Result<Outcome, Waiting> {
        match self {
            Waiting::Hold(pending) => pending.try_take().map(|r| of(r, Outcome::Hold)).map_err(Waiting::Hold),
            Waiting::Order(pending) => {
                pending.try_take().map(|r| of(r, Outcome::Order)).map_err(Waiting::Order)
            }
            Waiting::Done(pending) => {
                pending.try_take().map(|r| of(r, |done| Outcome::Other(done.replayed))).map_err(Waiting::Done)
            }
            Waiting::Change(pending) => {
                pending.try_take().map(|r| of(r, |_| Outcome::Other(false))).map_err(Waiting::Change)
            }
        }
    }
}

fn of<T>(result: Result<T, CommandError>, yes: impl FnOnce(T) -> Outcome) -> Outcome {
    match result {
        Ok(value) => yes(value),
        Err(CommandError::Refused(refusal)) => Outcome::Refused(refusal),
        Err(error) => panic!("nothing fails here: {error}"),
    }
}

/// Who asks for what under which key.
pub fn keyed(command: &Command) -> Option<(UserId, Operation, IdempotencyKey)> {
    let (user, operation, key) = match command {
        Command::Hold(r) => (r.user, Operation::Hold, &r.key),
        Command::Amend(r) => (r.user, Operation::Amend, &r.key),
        Command::Extend(r) => (r.user, Operation::Extend, &r.key),
        Command::OpenOrder(r) => (r.user, Operation::OpenOrder, &r.key),
        Command::ConfirmOrder(r) => (r.user, Operation::ConfirmOrder, &r.key),
        Command::CancelOrder(r) => (r.user, Operation::CancelOrder, &r.key),
        _ => return None,
    };
    Some((user, operation, key.clone()?))
}
