//! Commands of the box office.

use super::catalogue::append_now;
use super::{BoxOffice, EventEntry, Pending};
use crate::answer::{CommandError, Done, FromAnswer, Hold, Order};
use crate::command::Command;
use crate::event::check_items;
use crate::fact::Fact;
use crate::id::{AllocationIndex, EventId, Revision, SeatIndex, VenueId};
use crate::limits::{self, within};
use crate::manifest::{Definition, ManifestChange};
use crate::refusal::Refusal;
use crate::request::{
    AmendRequest, CloseOrderRequest, ExtendRequest, ForceReleaseRequest, HoldRequest, ManifestRequest,
    OpenOrderRequest, PlacesRequest, ReleaseRequest, SaleStateRequest, SeatsRequest,
};
use crate::sale::SaleState;
use crate::store::{Batch, BatchId, Records, StreamId, Tail};

/// A request is checked before its event is looked up.
pub(super) type Checked = Result<(EventId, Command), Refusal>;

impl BoxOffice {
    pub(super) fn send<T: FromAnswer>(&self, checked: Checked) -> Pending<T> {
        match checked {
            Ok((event, command)) => self.office.submit(event, command),
            Err(refusal) => Pending::failed(refusal.into()),
        }
    }

    /// Adds a venue to the catalogue and waits for it.
    ///
    /// # Errors
    /// [`Refusal::Limit`] if the name is empty or too long, or there are too many venues; or the store failed.
    pub fn add_venue(&self, name: &str) -> Result<VenueId, CommandError> {
        self.office.catalogue.add_venue(name, self.office.clock.now())
    }

    /// Adds an event, in sale state `draft`, and waits for it.
    ///
    /// # Errors
    /// [`Refusal::Manifest`] with the place if the definition is not valid; or the store failed. An event whose definition could not be
    /// stored stays in the catalogue, without a journal, and is unknown to every command.
    pub fn add_event(&self, definition: &Definition) -> Result<EventId, CommandError> {
        definition.check().map_err(Refusal::Manifest)?;
        let rules = &definition.rules;
        let entry = EventEntry {
            id: EventId(0),
            name: rules.name.clone(),
            venue: rules.venue,
            starts_at: rules.starts_at,
            zone: rules.zone.clone(),
        };
        let now = self.office.clock.now();
        let id = self.office.catalogue.add_event(entry, now)?;
        let body = Fact::encoded_definition(definition);
        let mut records = Records::default();
        records.push(now, &body);
        let batch = Batch {
            stream: StreamId::Event(id),
            expected: Tail::default(),
            id: BatchId(u128::from(self.office.node) << 64 | u128::from(u64::MAX)),
            first_revision: Revision(1),
            records,
        };
        if append_now(&*self.office.store, batch)? {
            Ok(id)
        } else {
            Err(CommandError::Failed { reason: format!("{id} has a journal already") })
        }
    }

    /// Holds seats and places, all or nothing.
    pub fn hold(&self, request: HoldRequest) -> Pending<Hold> {
        match check_hold(&request) {
            Ok(()) => self.office.submit(request.event, Command::Hold(request)),
            Err(refusal) => Pending::failed(refusal.into()),
        }
    }

    /// Holds for many requests at once. Outcomes come in the order of the requests, and those of one user are decided in that order if the
    /// event is open. Which of two users that ask for the same places gets them is not said: they asked at the same moment.
    pub fn hold_many(&self, requests: Vec<HoldRequest>) -> Vec<Pending<Hold>> {
        self.send_many(requests.into_iter().map(|r| check_hold(&r).map(|()| (r.event, Command::Hold(r)))))
    }

    /// Adds to a hold and takes from it, all or nothing.
    pub fn amend(&self, request: AmendRequest) -> Pending<Hold> {
        self.send(check_amend(request))
    }

    /// Gives a hold a later deadline.
    pub fn extend(&self, request: ExtendRequest) -> Pending<Hold> {
        self.office.submit(request.hold.event, Command::Extend(request))
    }

    /// Gives a hold back. Giving back what is not held is a success without a revision.
    pub fn release(&self, request: ReleaseRequest) -> Pending<Done> {
        self.office.submit(request.hold.event, Command::Release(request))
    }

    /// Gives many holds back at once; see [`hold_many`](Self::hold_many).
    pub fn release_many(&self, requests: Vec<ReleaseRequest>) -> Vec<Pending<Done>> {
        self.send_many(requests.into_iter().map(|r| Ok((r.hold.event, Command::Release(r)))))
    }

    /// Opens an order from a hold; if the hold has become one already, that one.
    pub fn open_order(&self, request: OpenOrderRequest) -> Pending<Order> {
        self.office.submit(request.hold.event, Command::OpenOrder(request))
    }

    /// Opens many orders at once; see [`hold_many`](Self::hold_many).
    pub fn open_order_many(&self, requests: Vec<OpenOrderRequest>) -> Vec<Pending<Order>> {
        self.send_many(requests.into_iter().map(|r| Ok((r.hold.event, Command::OpenOrder(r)))))
    }

    /// Confirms an order: its seats are sold and its tickets exist.
    pub fn confirm_order(&self, request: CloseOrderRequest) -> Pending<Order> {
        self.office.submit(request.order.event, Command::ConfirmOrder(request))
    }

    /// Confirms many orders at once; see [`hold_many`](Self::hold_many).
    pub fn confirm_order_many(&self, requests: Vec<CloseOrderRequest>) -> Vec<Pending<Order>> {
        self.send_many(requests.into_iter().map(|r| Ok((r.order.event, Command::ConfirmOrder(r)))))
    }

    /// Cancels an open order: its seats are free.
    pub fn cancel_order(&self, request: CloseOrderRequest) -> Pending<Order> {
        self.office.submit(request.order.event, Command::CancelOrder(request))
    }

    /// Blocks, unblocks or reallocates seats, if each still has the expected version.
    pub fn change_seats(&self, request: SeatsRequest) -> Pending<Done> {
        self.send(check_seats(request))
    }

    /// Sets how many places of an area are blocked.
    pub fn block_places(&self, request: PlacesRequest) -> Pending<Done> {
        self.send(Ok((request.event, Command::Places(request))))
    }

    /// Takes a hold back from its user.
    pub fn force_release(&self, request: ForceReleaseRequest) -> Pending<Done> {
        self.office.submit(request.hold.event, Command::ForceRelease(request))
    }

    /// Puts what is left of an allocation on public sale.
    pub fn release_allocation(&self, event: EventId, allocation: AllocationIndex) -> Pending<Done> {
        self.send(Ok((event, Command::ReleaseAllocation(allocation))))
    }

    /// Changes the sale state.
    pub fn set_sale_state(&self, event: EventId, to: SaleState) -> Pending<Done> {
        self.send(Ok((event, Command::SaleState(SaleStateRequest { event, to }))))
    }

    /// Replaces the manifest by a new definition, as a diff, and says what changed.
    pub fn change_manifest(&self, request: ManifestRequest) -> Pending<ManifestChange> {
        self.send(Ok((request.event, Command::Manifest(Box::new(request)))))
    }

    /// What [`change_manifest`](Self::change_manifest) would change, without changing it. Whether seats are in use is checked too,
    /// as of now.
    ///
    /// # Errors
    /// As `change_manifest`.
    pub fn plan_manifest_change(&self, request: &ManifestRequest) -> Result<ManifestChange, CommandError> {
        let core = self.office.open_event(request.event)?;
        core.plan_manifest_change(request)
    }
}

fn check_hold(request: &HoldRequest) -> Result<(), Refusal> {
    check_codes(request.channel.as_deref(), request.access_code.as_deref())?;
    if !request.is_plain() {
        let identities = request.identities.len() as u64;
        within("identities", identities, 0, limits::IDENTITIES_PER_HOLD_MAX as u64)
            .map_err(Refusal::Limit)?;
        check_code("voucher", request.voucher.as_deref())?;
    }
    if request.items.is_empty() {
        return Err(Refusal::NothingRequested);
    }
    check_items(&request.items)
}

fn check_amend(request: AmendRequest) -> Checked {
    check_codes(request.channel.as_deref(), request.access_code.as_deref())?;
    let max = limits::PLACES_PER_HOLD_MAX as u64;
    within("remove_seats", request.remove_seats.len() as u64, 0, max).map_err(Refusal::Limit)?;
    let items = limits::ITEMS_PER_HOLD_MAX as u64;
    within("remove_places", request.remove_places.len() as u64, 0, items).map_err(Refusal::Limit)?;
    for (_, _, quantity) in &request.remove_places {
        within("remove_places.quantity", u64::from(*quantity), 1, max).map_err(Refusal::Limit)?;
    }
    check_items(&request.add)?;
    if request.add.is_empty() && request.remove_seats.is_empty() && request.remove_places.is_empty() {
        return Err(Refusal::NothingRequested);
    }
    distinct(request.remove_seats.iter().copied())?;
    Ok((request.hold.event, Command::Amend(Box::new(request))))
}

fn check_seats(request: SeatsRequest) -> Checked {
    if request.seats.is_empty() {
        return Err(Refusal::NothingRequested);
    }
    let max = limits::SEATS_PER_STAFF_COMMAND_MAX as u64;
    within("seats", request.seats.len() as u64, 1, max).map_err(Refusal::Limit)?;
    distinct(request.seats.iter().map(|(seat, _)| *seat))?;
    Ok((request.event, Command::Seats(Box::new(request))))
}

fn check_codes(channel: Option<&str>, access_code: Option<&str>) -> Result<(), Refusal> {
    check_code("channel", channel)?;
    check_code("access_code", access_code)
}

pub(super) fn check_code(what: &str, text: Option<&str>) -> Result<(), Refusal> {
    let max = limits::CODE_BYTES_MAX as u64;
    text.map_or(Ok(()), |text| within(what, text.len() as u64, 1, max)).map_err(Refusal::Limit)
}

fn distinct(seats: impl Iterator<Item = SeatIndex>) -> Result<(), Refusal> {
    let mut seats: Vec<SeatIndex> = seats.collect();
    seats.sort_unstable();
    match seats.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Refusal::DuplicateSeat(pair[0])),
        None => Ok(()),
    }
}
