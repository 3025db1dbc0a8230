//! What clients and staff ask for: mostly what makes sense on the durable state, sometimes nonsense, sometimes the same again.

mod crowd;
mod staff;

pub(super) use self::crowd::Crowd;
use self::staff::staff;
use super::plan::Ask;
use super::venue::{self, CHANNELS, CODES, between};
use crate::fact::Lines;
use crate::id::{
    AllocationIndex, AreaIndex, CategoryIndex, EventId, HoldId, HoldNumber, Revision, SeatIndex,
    SectionIndex, TicketTypeIndex, UserId,
};
use crate::key::IdempotencyKey;
use crate::refusal::SeatState;
use crate::request::{
    AmendRequest, BestAvailable, CloseOrderRequest, ExtendRequest, ForceReleaseRequest, HoldRequest, Item,
    ManifestRequest, OpenOrderRequest, PlacesRequest, ReleaseRequest, SeatsRequest,
};
use crate::sale::SaleState;
use crate::testkit::{BesideCommand, Command, Model, Rng};

/// Where a command keeps its key.
pub(super) fn key_of(command: &mut Command) -> Option<&mut Option<IdempotencyKey>> {
    Some(match command {
        Command::Hold(request) => &mut request.key,
        Command::Amend(request) => &mut request.key,
        Command::Extend(request) => &mut request.key,
        Command::Release(request) => &mut request.key,
        Command::OpenOrder(request) => &mut request.key,
        Command::ConfirmOrder(request) | Command::CancelOrder(request) => &mut request.key,
        Command::ChangeSeats(request) => &mut request.key,
        Command::BlockPlaces(request) => &mut request.key,
        Command::ForceRelease(request) => &mut request.key,
        Command::Beside(command) => match &mut **command {
            BesideCommand::AddVouchers(request) => &mut request.key,
            BesideCommand::RevokeVouchers(request) => &mut request.key,
            BesideCommand::Join(request) => &mut request.key,
            BesideCommand::Leave(request) => &mut request.key,
            BesideCommand::WaitingRules(_) => return None,
        },
        _ => return None,
    })
}

struct Propose<'a> {
    crowd: &'a Crowd,
    rng: &'a mut Rng,
    model: &'a Model,
}

impl Propose<'_> {
    fn command(&mut self, ask: Ask) -> Command {
        match self.sensible(ask) {
            Ask::Hold | Ask::Retry => Command::Hold(self.hold()),
            Ask::Amend => Command::Amend(self.amend()),
            Ask::Extend => {
                let (hold, user, _) = self.some_hold();
                Command::Extend(ExtendRequest { hold, user, key: None, ttl_ms: self.ttl_ms() })
            }
            Ask::Release => {
                let (hold, user, _) = self.some_hold();
                Command::Release(ReleaseRequest { hold, user, key: None })
            }
            Ask::Open => {
                let (hold, user, _) = if self.rng.chance(80) { self.some_hold() } else { self.some_order() };
                Command::OpenOrder(OpenOrderRequest { hold, user, key: None })
            }
            Ask::Confirm => Command::ConfirmOrder(self.close()),
            Ask::Cancel => Command::CancelOrder(self.close()),
            Ask::Seats => Command::ChangeSeats(self.change_seats()),
            Ask::Places => Command::BlockPlaces(self.block_places()),
            Ask::ForceRelease => {
                let (hold, ..) = self.some_hold();
                Command::ForceRelease(ForceReleaseRequest { hold, by: staff(self.rng), key: None })
            }
            Ask::ReleaseAllocation => Command::ReleaseAllocation(self.allocation()),
            Ask::SaleState => Command::SaleState(self.sale_state()),
            Ask::Manifest => {
                let mut definition = self.model.manifest().definition();
                venue::change::change(self.rng, &mut definition, self.crowd.serial);
                Command::ChangeManifest(Box::new(ManifestRequest { event: self.event(), definition }))
            }
        }
    }

    /// What is asked, or rather something that can lead to it: most commands need a hold, and holds need an open sale.
    fn sensible(&mut self, ask: Ask) -> Ask {
        let model = self.model;
        if !matches!(model.sale_state(), SaleState::Onsale | SaleState::Cancelled) && self.rng.chance(10) {
            return Ask::SaleState;
        }
        let held = model.holds().next().is_some();
        let pinned = model.holds().any(|(_, hold)| hold.payment_deadline.is_some());
        match ask {
            Ask::Amend | Ask::Extend | Ask::Release | Ask::Open | Ask::ForceRelease
                if !held && self.rng.chance(85) =>
            {
                Ask::Hold
            }
            Ask::Confirm | Ask::Cancel if !pinned && self.rng.chance(85) => {
                if held {
                    Ask::Open
                } else {
                    Ask::Hold
                }
            }
            _ => ask,
        }
    }

    /// Another command of the same kind and by the same user.
    fn like(&mut self, command: &Command) -> Command {
        match command {
            Command::Hold(old) => Command::Hold(HoldRequest { user: old.user, ..self.hold() }),
            Command::Amend(old) => {
                Command::Amend(AmendRequest { user: old.user, hold: old.hold, ..self.amend() })
            }
            Command::Extend(old) => Command::Extend(ExtendRequest { ttl_ms: self.ttl_ms(), ..old.clone() }),
            Command::Release(old) => {
                Command::Release(ReleaseRequest { hold: self.some_hold().0, ..old.clone() })
            }
            Command::OpenOrder(old) => {
                Command::OpenOrder(OpenOrderRequest { hold: self.some_hold().0, ..old.clone() })
            }
            Command::ConfirmOrder(old) => {
                Command::ConfirmOrder(CloseOrderRequest { user: old.user, ..self.close() })
            }
            Command::CancelOrder(old) => {
                Command::CancelOrder(CloseOrderRequest { user: old.user, ..self.close() })
            }
            Command::ChangeSeats(old) => {
                Command::ChangeSeats(SeatsRequest { by: old.by, ..self.change_seats() })
            }
            Command::BlockPlaces(old) => {
                Command::BlockPlaces(PlacesRequest { by: old.by, ..self.block_places() })
            }
            other => other.clone(),
        }
    }

    fn event(&mut self) -> EventId {
        if self.rng.chance(1) { EventId(4_711) } else { self.crowd.event }
    }

    fn user(&mut self) -> UserId {
        venue::user(between(self.rng, 1, self.crowd.users))
    }

    /// A hold there is, and its user; sometimes a finished or foreign one, or nonsense.
    fn some_hold(&mut self) -> (HoldId, UserId, Lines) {
        let model = self.model;
        let live: Vec<_> = model.holds().map(|(n, hold)| (n, hold.user, hold.lines.clone())).collect();
        if live.is_empty() || self.rng.chance(4) {
            return self.some_order();
        }
        let picked = self.rng.pick(&live).clone();
        self.perhaps_foreign(picked)
    }

    fn some_order(&mut self) -> (HoldId, UserId, Lines) {
        let model = self.model;
        let orders: Vec<_> = model.orders().map(|(n, order)| (n, order.user, order.lines.clone())).collect();
        let user = self.user();
        if orders.is_empty() || self.rng.chance(5) {
            let revision = Revision(self.rng.below(model.revision().0 + 3));
            let number = HoldNumber::new(revision, user.shard());
            return self.perhaps_foreign((number, user, Lines::default()));
        }
        let picked = self.rng.pick(&orders).clone();
        self.perhaps_foreign(picked)
    }

    fn perhaps_foreign(&mut self, picked: (HoldNumber, UserId, Lines)) -> (HoldId, UserId, Lines) {
        let (number, user, lines) = picked;
        let user = if self.rng.chance(3) { self.user() } else { user };
        (HoldId { event: self.event(), number }, user, lines)
    }

    fn close(&mut self) -> CloseOrderRequest {
        let model = self.model;
        let open: Vec<_> = model.holds().filter(|(_, hold)| hold.payment_deadline.is_some()).collect();
        if !open.is_empty() && self.rng.chance(80) {
            let (number, hold) = *self.rng.pick(&open);
            let order = HoldId { event: self.event(), number }.order();
            let user = if self.rng.chance(3) { self.user() } else { hold.user };
            return CloseOrderRequest { order, user, key: None };
        }
        let (hold, user, _) = self.some_order();
        CloseOrderRequest { order: hold.order(), user, key: None }
    }

    fn ttl_ms(&mut self) -> Option<u64> {
        let rules = self.model.manifest().rules();
        let (min, max) = (rules.hold_ttl_ms_min, rules.hold_ttl_ms_max);
        match self.rng.below(20) {
            0 => Some(max + 1),
            1 => Some(min.saturating_sub(1)),
            2..=8 => Some(min + self.rng.below(max - min + 1)),
            _ => None,
        }
    }

    fn channel(&mut self) -> Option<String> {
        self.rng.chance(30).then(|| (*self.rng.pick(&CHANNELS)).to_owned())
    }

    fn code(&mut self) -> Option<String> {
        if self.rng.chance(1) {
            return Some(String::new());
        }
        self.rng.chance(20).then(|| (*self.rng.pick(&CODES)).to_owned())
    }

    fn hold(&mut self) -> HoldRequest {
        let items = match self.rng.below(40) {
            0 => Vec::new(),
            1..=6 => vec![self.item(), self.item()],
            _ => vec![self.item()],
        };
        let (channel, access_code) = (self.channel(), self.code());
        let (user, ttl_ms) = (self.user(), self.ttl_ms());
        HoldRequest { channel, access_code, ttl_ms, ..HoldRequest::new(self.event(), user, items) }
    }

    fn amend(&mut self) -> AmendRequest {
        let (hold, user, lines) = self.some_hold();
        let expected = match self.rng.below(10) {
            0 => Some(Revision(self.rng.below(self.model.revision().0 + 1))),
            1..=3 => self.model.holds().find(|(n, _)| *n == hold.number).map(|(_, found)| found.version),
            _ => None,
        };
        let mut remove_seats: Vec<SeatIndex> = lines.seats.iter().map(|line| line.seat).collect();
        remove_seats.retain(|_| self.rng.chance(40));
        if self.rng.chance(3) {
            remove_seats.push(self.seat());
        }
        let mut remove_places = Vec::new();
        for line in &lines.areas {
            if !self.rng.chance(40) {
                continue;
            }
            let most = line.quantity + u32::from(self.rng.chance(5));
            remove_places.push((line.area, line.ticket_type, between(self.rng, 1, most)));
        }
        let add = if self.rng.chance(60) { vec![self.item()] } else { Vec::new() };
        let (channel, access_code) = (self.channel(), self.code());
        AmendRequest {
            hold,
            user,
            key: None,
            expected,
            remove_seats,
            remove_places,
            add,
            channel,
            access_code,
        }
    }

    fn item(&mut self) -> Item {
        let ticket_type = TicketTypeIndex(self.index(self.model.manifest().ticket_types().len(), 1));
        let (seats, areas) = (self.model.manifest().seat_count(), self.model.manifest().areas().len());
        let roll = self.rng.below(10);
        if areas > 0 && (seats == 0 || roll < 3) {
            let area = AreaIndex(self.index(areas, 1));
            let quantity = if self.rng.chance(1) { 0 } else { between(self.rng, 1, 5) };
            return Item::Area { area, quantity, ticket_type };
        }
        if roll < 6 { Item::Best(self.best(ticket_type)) } else { self.named(ticket_type) }
    }

    fn best(&mut self, ticket_type: TicketTypeIndex) -> BestAvailable {
        let manifest = self.model.manifest();
        let (sections, categories) = (manifest.section_names().len(), manifest.categories().len());
        let count = if self.rng.chance(1) { 101 } else { between(self.rng, 1, 5) };
        let section = self.rng.chance(25).then(|| SectionIndex(self.index(sections, 4)));
        let category = self.rng.chance(25).then(|| CategoryIndex(self.index(categories, 4)));
        BestAvailable {
            count,
            ticket_type,
            section,
            category,
            price_minor_max: self.rng.chance(15).then(|| i64::from(between(self.rng, 0, 9)) * 500),
            allow_split: self.rng.chance(40),
            accessible: self.rng.chance(20),
            restricted_view: self.rng.chance(80),
        }
    }

    fn named(&mut self, ticket_type: TicketTypeIndex) -> Item {
        let count = between(self.rng, 1, 4);
        let first = self.seat();
        let mut seats: Vec<SeatIndex> = if self.rng.chance(60) {
            (0..count).map(|at| SeatIndex(first.0 + at)).collect()
        } else {
            (0..count).map(|_| self.seat()).collect()
        };
        if self.rng.chance(self.crowd.shrewd) {
            let states = self.model.seat_states();
            seats.retain(|seat| states.get(seat.at()) == Some(&SeatState::Free));
        }
        if !self.rng.chance(4) {
            seats.sort_unstable();
            seats.dedup();
        }
        if seats.is_empty() && !self.rng.chance(2) {
            seats.push(first);
        }
        Item::Seats { seats, ticket_type }
    }

    /// A seat, rarely one that does not exist.
    fn seat(&mut self) -> SeatIndex {
        let count = self.model.manifest().seat_count();
        SeatIndex(u32::from(self.index(count, 1)))
    }

    /// A position in a list; in `pct` of 100 cases, or if the list is empty, one behind its end.
    fn index(&mut self, len: usize, pct: u32) -> u16 {
        let beyond = len == 0 || self.rng.chance(pct);
        let at = if beyond { len + self.rng.index(2) } else { self.rng.index(len) };
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    fn allocation(&mut self) -> AllocationIndex {
        AllocationIndex(self.index(self.model.manifest().allocations().len(), 5))
    }
}
