//! From the small numbers of a script to commands.

use ticketcore::fact::SeatChange;
use ticketcore::testkit::Command;
use ticketcore::{
    AllocationIndex, AmendRequest, AreaIndex, BestAvailable, CloseOrderRequest, EventId, ExtendRequest,
    ForceReleaseRequest, Hold, HoldRequest, IdempotencyKey, Item, ManifestRequest, OpenOrderRequest,
    PlacesRequest, ReleaseRequest, SaleState, SaleStateRequest, SeatIndex, SeatsRequest, SectionIndex,
    TicketTypeIndex, UserId,
};

use crate::event::{SEATS, definition};
use crate::script::{Ask, Call, Door, Step};

/// What a step may name: the event, and the holds answered so far.
pub struct Known<'a> {
    /// The event.
    pub event: EventId,
    /// Holds, latest versions not sorted out.
    pub holds: &'a [Hold],
}

/// The seats of a staff step, whose versions must be read before.
pub fn staff_seats(step: &Step) -> Vec<SeatIndex> {
    match step {
        Step::Seats { seats, .. } => seats.iter().flatten().map(|seat| seat_of(*seat)).collect(),
        _ => Vec::new(),
    }
}

impl Known<'_> {
    /// The command of a step and the box office it goes to; none if the step is no command or names a hold that is not there.
    pub fn command(&self, step: &Step, versions: &[(SeatIndex, u32)]) -> Option<(u8, Command)> {
        match *step {
            Step::Hold { call, asks, door, ttl } => Some((call.node, self.hold(call, asks, door, ttl))),
            Step::Amend { call, hold, .. } => Some((call.node, self.amend(step, call, self.held(hold)?)?)),
            Step::Seats { call, change, stale, .. } => {
                let change = match change % 5 {
                    0 => SeatChange::Block,
                    1 => SeatChange::Unblock,
                    2 => SeatChange::Reallocate(None),
                    to => SeatChange::Reallocate(Some(AllocationIndex(u16::from(to) - 3))),
                };
                let seats =
                    versions.iter().map(|(seat, version)| (*seat, version + u32::from(stale))).collect();
                let request =
                    SeatsRequest { event: self.event, by: user(call), key: key(call), change, seats };
                Some((call.node, Command::ChangeSeats(request)))
            }
            Step::Places { call, allocated, expected, blocked } => {
                let request = PlacesRequest {
                    event: self.event,
                    by: user(call),
                    key: key(call),
                    area: AreaIndex(0),
                    allocation: allocated.then_some(AllocationIndex(0)),
                    expected: u32::from(expected % 4),
                    blocked: u32::from(blocked % 4),
                };
                Some((call.node, Command::BlockPlaces(request)))
            }
            Step::ReleaseAllocation { node, allocation } => {
                Some((node, Command::ReleaseAllocation(AllocationIndex(u16::from(allocation % 3)))))
            }
            Step::SaleState { node, to } => {
                let to = SaleState::ALL[usize::from(to) % SaleState::ALL.len()];
                Some((node, Command::SaleState(SaleStateRequest { event: self.event, to })))
            }
            Step::Manifest { node, variant } => {
                let request = ManifestRequest { event: self.event, definition: definition(variant) };
                Some((node, Command::ChangeManifest(Box::new(request))))
            }
            _ => self.of_hold(step),
        }
    }

    fn held(&self, at: u8) -> Option<&Hold> {
        self.holds.get(usize::from(at) % self.holds.len().max(1))
    }

    fn hold(&self, call: Call, asks: [Option<Ask>; 2], door: Door, ttl: Option<u16>) -> Command {
        let (channel, access_code) = codes(door);
        let items = asks.into_iter().flatten().map(item).collect();
        let ttl_ms = ttl.map(|seconds| u64::from(seconds) * 1_000);
        let plain = HoldRequest::new(self.event, user(call), items);
        Command::Hold(HoldRequest { key: key(call), channel, access_code, ttl_ms, ..plain })
    }

    fn amend(&self, step: &Step, call: Call, hold: &Hold) -> Option<Command> {
        let Step::Amend { remove, places, ask, door, fresh, .. } = *step else { return None };
        let (channel, access_code) = codes(door);
        let seat = remove.and_then(|at| hold.lines.seats.get(usize::from(at % 4)));
        let places = places.map(|n| (AreaIndex(0), TicketTypeIndex(u16::from(n) / 4 % 2), u32::from(n % 4)));
        Some(Command::Amend(AmendRequest {
            hold: hold.id,
            user: owner(call, hold),
            key: key(call),
            expected: fresh.then_some(hold.version),
            remove_seats: seat.map(|line| line.seat).into_iter().collect(),
            remove_places: places.into_iter().collect(),
            add: ask.map(item).into_iter().collect(),
            channel,
            access_code,
        }))
    }

    fn of_hold(&self, step: &Step) -> Option<(u8, Command)> {
        let (Step::Extend { call, hold }
        | Step::Release { call, hold }
        | Step::OpenOrder { call, hold }
        | Step::Confirm { call, hold }
        | Step::Cancel { call, hold }
        | Step::ForceRelease { call, hold }) = *step
        else {
            return None;
        };
        let held = self.held(hold)?;
        let (hold, user, key) = (held.id, owner(call, held), key(call));
        let order = hold.order();
        let command = match step {
            Step::Extend { .. } => Command::Extend(ExtendRequest { hold, user, key, ttl_ms: None }),
            Step::Release { .. } => Command::Release(ReleaseRequest { hold, user, key }),
            Step::OpenOrder { .. } => Command::OpenOrder(OpenOrderRequest { hold, user, key }),
            Step::Confirm { .. } => Command::ConfirmOrder(CloseOrderRequest { order, user, key }),
            Step::Cancel { .. } => Command::CancelOrder(CloseOrderRequest { order, user, key }),
            _ => Command::ForceRelease(ForceReleaseRequest { hold, by: user, key }),
        };
        Some((call.node, command))
    }
}

fn user(call: Call) -> UserId {
    UserId::from(u128::from(call.user % 4))
}

/// The hold's user, or now and then somebody else.
fn owner(call: Call, hold: &Hold) -> UserId {
    if call.user % 8 == 7 { UserId::from(0) } else { hold.user }
}

fn key(call: Call) -> Option<IdempotencyKey> {
    call.key.map(|key| IdempotencyKey::new(&format!("k{}", key % 4)).expect("a short key"))
}

fn codes(door: Door) -> (Option<String>, Option<String>) {
    match door {
        Door::Public => (None, None),
        Door::Channel => (Some("partner".into()), None),
        Door::Code => (None, Some("code".into())),
    }
}

/// A seat; the last few may not exist, or only after a change of the manifest.
fn seat_of(at: u8) -> SeatIndex {
    SeatIndex(u32::from(at) % (SEATS + 2))
}

/// An item; it may ask for nothing or too much.
fn item(ask: Ask) -> Item {
    let ticket_type = |child: bool| TicketTypeIndex(u16::from(child));
    match ask {
        Ask::Seats { first, second, child } => {
            let seats = [Some(first), second].into_iter().flatten().map(seat_of).collect();
            Item::Seats { seats, ticket_type: ticket_type(child) }
        }
        Ask::Area { quantity, child } => Item::Area {
            area: AreaIndex(0),
            quantity: u32::from(quantity % 6),
            ticket_type: ticket_type(child),
        },
        Ask::Best { count, child, section, split, accessible } => Item::Best(BestAvailable {
            section: section.map(|section| SectionIndex(u16::from(section % 3))),
            allow_split: split,
            accessible,
            ..BestAvailable::adjacent(u32::from(count % 5), ticket_type(child))
        }),
    }
}
