//! The waiting list at the box office.

use super::commands::Checked;
use super::{BoxOffice, Pending};
use crate::answer::{CommandError, Done, Hold};
use crate::command::Command;
use crate::id::{EventId, UserId};
use crate::limits::{IDENTITIES_PER_HOLD_MAX, PLACES_PER_HOLD_MAX, within};
use crate::refusal::Refusal;
use crate::waiting::{JoinWaitingRequest, LeaveWaitingRequest, WaitingEntry, WaitingRulesRequest};

impl BoxOffice {
    /// Joins the waiting list of an event that has nothing that fits. What comes back is held for the first whose wish fits; see
    /// [`waiting_of`](Self::waiting_of).
    pub fn join_waiting(&self, request: JoinWaitingRequest) -> Pending<WaitingEntry> {
        self.send(check_join(request))
    }

    /// Leaves the waiting list. Who is not in it is answered without a revision.
    pub fn leave_waiting(&self, request: LeaveWaitingRequest) -> Pending<Done> {
        self.office.submit(request.event, Command::LeaveWaiting(Box::new(request)))
    }

    /// Sets the rules of an event's waiting list.
    pub fn set_waiting_rules(&self, request: WaitingRulesRequest) -> Pending<Done> {
        self.office.submit(request.event, Command::WaitingRules(request))
    }

    /// What a user waits for, and the live holds that were offered to him. Waits until what it saw is durable. O(entries + holds of a shard).
    ///
    /// # Errors
    /// If the event is unknown or can't be opened, or the store failed meanwhile.
    pub fn waiting_of(
        &self,
        event: EventId,
        user: UserId,
    ) -> Result<(Vec<WaitingEntry>, Vec<Hold>), CommandError> {
        let core = self.office.open_event(event)?;
        core.read_durably(|core| core.waiting_of(user))
    }
}

fn check_join(request: JoinWaitingRequest) -> Checked {
    let places = u64::from(request.wish.places);
    within("wish.places", places, 1, PLACES_PER_HOLD_MAX as u64).map_err(Refusal::Limit)?;
    let identities = request.identities.len() as u64;
    within("identities", identities, 0, IDENTITIES_PER_HOLD_MAX as u64).map_err(Refusal::Limit)?;
    Ok((request.event, Command::JoinWaiting(Box::new(request))))
}
