//! Queries of the box office. All but the owner's own hold and order read the durable view only.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BoxOffice, EventEntry, VenueEntry};
use crate::answer::{CommandError, Hold, Order};
use crate::fact::{Fact, Lines, SeatChange};
use crate::id::{AllocationIndex, AreaIndex, EventId, HoldId, OrderId, Revision, SeatIndex, UserId};
use crate::manifest::Manifest;
use crate::order::Move;
use crate::refusal::SeatState;
use crate::store::{ReadError, StreamId};
use crate::view::Availability;

/// What has changed on an event's map since a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The changes lead to this revision.
    pub revision: Revision,
    /// Seats that changed, with their state at that revision; ascending.
    pub seats: Vec<(SeatIndex, SeatState)>,
    /// Areas of which places were taken or given back; ascending.
    pub areas: Vec<AreaIndex>,
    /// The manifest, the sale state or an allocation changed: read the whole map again.
    pub reload: bool,
}

/// What staff may know about a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatInfo {
    /// The seat.
    pub seat: SeatIndex,
    /// Its state.
    pub state: SeatState,
    /// What a staff command must expect.
    pub version: u32,
    /// The allocation it is in.
    pub allocation: Option<AllocationIndex>,
    /// The hold that has it.
    pub hold: Option<HoldId>,
}

impl BoxOffice {
    /// Every venue.
    #[must_use]
    pub fn venues(&self) -> Vec<VenueEntry> {
        self.office.catalogue.entries().venues.clone()
    }

    /// Every event.
    #[must_use]
    pub fn events(&self) -> Vec<EventEntry> {
        self.office.catalogue.entries().events.clone()
    }

    /// The manifest of an event.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened.
    pub fn manifest(&self, event: EventId) -> Result<Arc<Manifest>, CommandError> {
        Ok(self.office.open_event(event)?.view.manifest())
    }

    /// What is left of an event, by section, area, allocation and quota.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened.
    pub fn availability(&self, event: EventId) -> Result<Availability, CommandError> {
        Ok(self.office.open_event(event)?.view.availability())
    }

    /// Replaces `into` with the map of all seats, two bits each ([`SeatState::from_bits`]), 32 a word, and says which revision it shows.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened.
    pub fn seat_map(&self, event: EventId, into: &mut Vec<u64>) -> Result<Revision, CommandError> {
        Ok(self.office.open_event(event)?.view.copy_map(into).0)
    }

    /// [`availability`](Self::availability), [`seat_map`](Self::seat_map) and [`manifest`](Self::manifest), all of one revision.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened.
    pub fn look(
        &self,
        event: EventId,
        into: &mut Vec<u64>,
    ) -> Result<(Availability, Arc<Manifest>), CommandError> {
        Ok(self.office.open_event(event)?.view.look(into))
    }

    /// What has changed on the map since `revision`, up to the durable revision.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened; [`CommandError::Failed`] if facts right after `revision` are gone: read the whole map.
    pub fn changes_since(&self, event: EventId, revision: Revision) -> Result<Changes, CommandError> {
        let core = self.office.open_event(event)?;
        let durable = core.log.durable();
        let mut found = Found::default();
        let mut damaged = None;
        let read = self.office.store.read(StreamId::Event(event), revision, &mut |record| {
            if record.stamp.revision > durable {
                return ControlFlow::Break(());
            }
            match Fact::decode(record.body) {
                Ok(fact) => found.fact(&fact),
                Err(error) => {
                    damaged = Some(error.to_string());
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        let failed = |reason: String| CommandError::Failed { reason };
        read.map_err(|error: ReadError| failed(error.to_string()))?;
        damaged.map_or(Ok(()), |reason| Err(failed(reason)))?;
        Ok(Changes {
            revision: durable.max(revision),
            seats: found.seats.into_iter().collect(),
            areas: found.areas.into_keys().collect(),
            reload: found.reload,
        })
    }

    /// States and versions of seats, for staff commands; seats that do not exist are left out. Waits until what it saw is durable.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened, or the store failed meanwhile.
    pub fn seats(&self, event: EventId, seats: &[SeatIndex]) -> Result<Vec<SeatInfo>, CommandError> {
        let core = self.office.open_event(event)?;
        let found = core.read_durably(|core| core.seats(seats))?;
        let info = |(seat, slot): (SeatIndex, crate::event::SeatSlot)| SeatInfo {
            seat,
            state: slot.state,
            version: slot.version,
            allocation: slot.allocation,
            hold: (slot.state == SeatState::Held)
                .then_some(HoldId { event, number: crate::id::HoldNumber(slot.owner) }),
        };
        Ok(found.into_iter().map(info).collect())
    }

    /// A live hold of a user. Waits until what it saw is durable.
    ///
    /// # Errors
    /// [`Refusal::UnknownHold`](crate::Refusal::UnknownHold) if there is none or it belongs to somebody else.
    pub fn find_hold(&self, hold: HoldId, user: UserId) -> Result<Hold, CommandError> {
        let core = self.office.open_event(hold.event)?;
        core.read_durably(|core| core.find_hold(hold, user))?.map_err(CommandError::Refused)
    }

    /// An order of a user. Waits until what it saw is durable.
    ///
    /// # Errors
    /// [`Refusal::UnknownOrder`](crate::Refusal::UnknownOrder) if there is none or it belongs to somebody else.
    pub fn find_order(&self, order: OrderId, user: UserId) -> Result<Order, CommandError> {
        let core = self.office.open_event(order.event)?;
        core.read_durably(|core| core.find_order(order, user))?.map_err(CommandError::Refused)
    }

    /// The last durable revision of an event; `None` if it is not open. Opens nothing, takes no lock, waits for nothing: one look into a map
    /// and one atomic load. On a shared store it is what this box office has followed.
    #[must_use]
    pub fn durable_revision(&self, event: EventId) -> Option<Revision> {
        self.office.events.load().get(&event).map(|core| core.log.durable())
    }

    /// Why an event has stopped, if it is open and has: see [`reopen`](Self::reopen).
    #[must_use]
    pub fn stopped(&self, event: EventId) -> Option<String> {
        let events = self.office.events.load();
        events.get(&event).and_then(|core| core.log.stopped()).map(|stop| stop.refusal().to_string())
    }

    /// Events that are open and have stopped, ascending, with the reason: after a violated invariant, or a failure of the store. Those that
    /// the next command opens anew are among them until it comes. Takes no lock, waits for nothing. O(open events).
    #[must_use]
    pub fn stopped_events(&self) -> Vec<(EventId, String)> {
        let events = self.office.events.load();
        let reason = |core: &crate::event::EventCore| Some(core.log.stopped()?.refusal().to_string());
        let mut stopped: Vec<_> =
            events.iter().filter_map(|(event, core)| Some((*event, reason(core)?))).collect();
        stopped.sort_unstable_by_key(|(event, _)| *event);
        stopped
    }
}

#[cfg(feature = "testkit")]
impl BoxOffice {
    /// The whole live state of an event in canonical form: equal states give equal bytes. Nothing may be under way.
    ///
    /// # Errors
    /// If the event is unknown or can't be opened.
    pub fn state_bytes(&self, event: EventId) -> Result<Vec<u8>, CommandError> {
        Ok(self.office.open_event(event)?.state_bytes())
    }

    /// The state that the journal of an event leads to, in the same form.
    ///
    /// # Errors
    /// If the journal can't be read or folded.
    pub fn folded_bytes(&self, event: EventId) -> Result<Vec<u8>, CommandError> {
        let folded = crate::event::folded_bytes(&*self.office.store, StreamId::Event(event));
        folded.map_err(|error| CommandError::Failed { reason: error.to_string() })
    }

    /// Where an event stands, if it is open and has not stopped.
    #[must_use]
    pub(crate) fn progress(&self, event: EventId) -> Option<crate::event::Progress> {
        let events = self.office.events.load();
        events.get(&event).filter(|core| core.log.stopped().is_none()).map(|core| core.progress())
    }

    /// As [`due_orders`](Self::due_orders), without waiting: nothing if there is something under way. What it saw is durable, and may be
    /// old on a shared store.
    pub(crate) fn due_orders_now(&self, event: EventId, limit: usize) -> Vec<crate::answer::DueOrder> {
        let events = self.office.events.load();
        let quiet = |core: &&Arc<crate::event::EventCore>| {
            let progress = core.progress();
            core.log.stopped().is_none() && progress.sequenced == progress.durable
        };
        let found =
            events.get(&event).filter(quiet).map(|core| core.due_orders(crate::id::HoldNumber(0), limit));
        found.unwrap_or_default()
    }
}

#[derive(Default)]
struct Found {
    seats: BTreeMap<SeatIndex, SeatState>,
    areas: BTreeMap<AreaIndex, ()>,
    reload: bool,
}

impl Found {
    fn lines(&mut self, lines: &Lines, state: SeatState) {
        self.seats.extend(lines.seats.iter().map(|line| (line.seat, state)));
        self.areas.extend(lines.areas.iter().map(|line| (line.area, ())));
    }

    fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::HoldPlaced(f) => self.lines(&f.lines, SeatState::Held),
            Fact::HoldPlacedWith(f) => self.lines(&f.placed.lines, SeatState::Held),
            Fact::HoldAmended(f) => {
                self.lines(&f.removed, SeatState::Free);
                self.lines(&f.added, SeatState::Held);
            }
            Fact::HoldEnded(f) => self.lines(&f.lines, SeatState::Free),
            Fact::OrderCancelled(f) => self.lines(&f.lines, SeatState::Free),
            Fact::OrderConfirmed(f) => self.lines(&f.lines, SeatState::Sold),
            Fact::SeatsChanged(f) => match f.change {
                SeatChange::Block => {
                    self.seats.extend(f.seats.iter().map(|seat| (*seat, SeatState::Blocked)))
                }
                SeatChange::Unblock => self.seats.extend(f.seats.iter().map(|seat| (*seat, SeatState::Free))),
                SeatChange::Reallocate(_) => self.reload = true,
            },
            Fact::PlacesChanged(f) => {
                self.areas.insert(f.area, ());
            }
            Fact::EventDefined(_)
            | Fact::ManifestChanged(_)
            | Fact::SaleStateChanged { .. }
            | Fact::AllocationReleased { .. } => self.reload = true,
            Fact::OrderStepped(f) => {
                for moved in f.step.moves() {
                    let to = match moved {
                        Move::HeldToSold(_) | Move::FreeToSold(_) => SeatState::Sold,
                        Move::HeldToFree(_) | Move::SoldToFree(_) => SeatState::Free,
                    };
                    self.lines(moved.lines(), to);
                }
            }
            Fact::HoldExtended(_)
            | Fact::OrderOpened(_)
            | Fact::CheckoutOpened(_)
            | Fact::WaitingRulesSet(_)
            | Fact::WaitingJoined(_)
            | Fact::WaitingLeft(_)
            | Fact::VouchersAdded(_)
            | Fact::VouchersRevoked(_)
            | Fact::PaymentRulesSet(_) => {}
        }
    }
}
