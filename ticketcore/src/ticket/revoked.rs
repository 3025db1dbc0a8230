//! The tickets of an event that are dead: refunded, disputed, or issued again. For scanners that are offline.

use serde::{Deserialize, Serialize};

use super::claims::{down, start};
use super::keys::TicketKeys;
use super::public::{KeyError, PublicKeys};
use super::revoked_form;
use super::verify::NotValid;
use crate::id::{EventId, HoldNumber, Revision, TicketId};
use crate::limits::{LimitExceeded, REVOCATIONS_MAX, within};
use crate::time::UtcMs;

/// A ticket that is dead up to an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeadTicket {
    /// Its order, inside the list's event.
    pub order: HoldNumber,
    /// Its place in the order.
    pub index: u32,
    /// This issue and all before are dead.
    pub issue: u32,
}

/// A list can't be read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It does not have the form of one.
    #[error("not a list of revocations")]
    NotAList,
    /// It was not signed with a key that was in use then and is accepted now.
    #[error("not signed: {0}")]
    NotSigned(NotValid),
    /// It is of another event.
    #[error("of another event: {event}")]
    OtherEvent {
        /// That event.
        event: EventId,
    },
    /// It says what has changed since a revision that is later than the list it is to be added to.
    #[error("changes since {base} do not follow {have}")]
    Gap {
        /// The revision of the list there is.
        have: Revision,
        /// The revision from which on the other has changes.
        base: Revision,
    },
    /// There would be more than [`REVOCATIONS_MAX`].
    #[error("too many revocations")]
    TooMany,
}

/// The dead tickets of one event at a revision, or those that died since another. Signed when it is encoded.
///
/// Who is dead stays dead: a ticket comes back to life with a new issue number. So lists only grow, and an older one can do no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    pub(super) event: EventId,
    pub(super) base: Revision,
    pub(super) revision: Revision,
    pub(super) made_at: UtcMs,
    /// Ascending by order and index, one per ticket.
    pub(super) dead: Vec<DeadTicket>,
}

impl RevocationList {
    /// A list of all that are dead at `revision`, in any order. `made_at` counts down to the second.
    ///
    /// # Errors
    /// If there are more than [`REVOCATIONS_MAX`].
    pub fn new(
        event: EventId,
        revision: Revision,
        made_at: UtcMs,
        mut dead: Vec<DeadTicket>,
    ) -> Result<Self, LimitExceeded> {
        within("revocations", dead.len() as u64, 0, REVOCATIONS_MAX as u64)?;
        dead.sort_unstable();
        keep_last_issue(&mut dead);
        Ok(Self { event, base: Revision::ZERO, revision, made_at: start(down(made_at)), dead })
    }

    /// A list on which nobody is, for a scanner to begin with.
    #[must_use]
    pub const fn empty(event: EventId) -> Self {
        Self { event, base: Revision::ZERO, revision: Revision::ZERO, made_at: UtcMs(0), dead: Vec::new() }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> EventId {
        self.event
    }

    /// [`Revision::ZERO`] if all are on it, else it has those that died after this revision.
    #[must_use]
    pub const fn base(&self) -> Revision {
        self.base
    }

    /// The event's revision which it shows.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// When it was made, to the second: how old it may be is for the scanner to say.
    #[must_use]
    pub const fn made_at(&self) -> UtcMs {
        self.made_at
    }

    /// Who is on it, ascending by order and index.
    #[must_use]
    pub fn dead(&self) -> &[DeadTicket] {
        &self.dead
    }

    /// Whether this issue of a ticket is dead. O(log n). False for tickets of other events.
    #[must_use]
    pub fn contains(&self, ticket: TicketId, issue: u32) -> bool {
        let found = self.find(ticket.order.number, ticket.index);
        ticket.order.event == self.event && found.is_some_and(|dead| issue <= dead.issue)
    }

    fn find(&self, order: HoldNumber, index: u32) -> Option<&DeadTicket> {
        let at = self.dead.binary_search_by_key(&(order, index), |dead| (dead.order, dead.index));
        at.ok().map(|at| &self.dead[at])
    }

    /// What has changed since `older`: a list that makes `older` this one when [merged](Self::merge). O(n log n).
    ///
    /// # Errors
    /// [`ListError::OtherEvent`]; [`ListError::Gap`] if this list has not all that died since `older`.
    pub fn since(&self, older: &Self) -> Result<Self, ListError> {
        self.follows(older)?;
        let new = |dead: &&DeadTicket| {
            older.find(dead.order, dead.index).is_none_or(|known| known.issue < dead.issue)
        };
        let dead = self.dead.iter().filter(new).copied().collect();
        Ok(Self { base: older.revision.min(self.revision), dead, ..*self })
    }

    /// Adds those on another list, whole or not, newer or not. O(n).
    ///
    /// # Errors
    /// [`ListError::OtherEvent`], [`ListError::Gap`], [`ListError::TooMany`]. Nothing has changed then.
    pub fn merge(&mut self, newer: &Self) -> Result<(), ListError> {
        newer.follows(self)?;
        let mut dead = Vec::with_capacity(self.dead.len() + newer.dead.len());
        dead.extend_from_slice(&self.dead);
        dead.extend_from_slice(&newer.dead);
        // Two ascending runs: the stable sort merges them.
        dead.sort();
        keep_last_issue(&mut dead);
        if dead.len() > REVOCATIONS_MAX {
            return Err(ListError::TooMany);
        }
        self.dead = dead;
        self.revision = self.revision.max(newer.revision);
        self.made_at = self.made_at.max(newer.made_at);
        Ok(())
    }

    /// Whether this list and `older` have together all that are on this one's whole list.
    fn follows(&self, older: &Self) -> Result<(), ListError> {
        if self.event != older.event {
            return Err(ListError::OtherEvent { event: self.event });
        }
        if self.base > older.revision {
            return Err(ListError::Gap { have: older.revision, base: self.base });
        }
        Ok(())
    }

    /// The list, encoded and signed.
    ///
    /// # Errors
    /// [`KeyError::NotInUse`] if the active key is not in use at the time the list was made.
    pub fn sign(&self, keys: &TicketKeys) -> Result<Vec<u8>, KeyError> {
        keys.usable_at(self.made_at)?;
        let mut bytes = Vec::new();
        revoked_form::write(self, keys.active(), &mut bytes);
        let signature = keys.sign_bytes(&revoked_form::message(&bytes));
        bytes.extend_from_slice(&signature);
        Ok(bytes)
    }

    /// Reads a list and checks who signed it.
    ///
    /// # Errors
    /// [`ListError`]. Never panics, whatever the bytes, and takes memory in proportion to them.
    pub fn read(bytes: &[u8], keys: &PublicKeys, now: UtcMs) -> Result<Self, ListError> {
        let (body, signature) = bytes.split_last_chunk::<64>().ok_or(ListError::NotAList)?;
        let id = revoked_form::key_id(body).ok_or(ListError::NotAList)?;
        let key = keys.find(id).map_err(ListError::NotSigned)?;
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        key.check(&revoked_form::message(body), &signature).map_err(ListError::NotSigned)?;
        let list = revoked_form::read(body).ok_or(ListError::NotAList)?;
        key.in_use(list.made_at, now).map_err(ListError::NotSigned)?;
        Ok(list)
    }
}

/// Of ascending entries of one ticket the last.
fn keep_last_issue(dead: &mut Vec<DeadTicket>) {
    dead.dedup_by(|later, kept| {
        let same = (later.order, later.index) == (kept.order, kept.index);
        if same {
            kept.issue = later.issue;
        }
        same
    });
}
