//! Random commands: what many buyers and a nervous member of staff do to a small event.

mod event;

use super::{Command, Model};
use crate::fact::SeatChange;
use crate::id::{
    AllocationIndex, AreaIndex, CategoryIndex, EventId, HoldId, HoldNumber, Revision, SeatIndex,
    SectionIndex, TicketTypeIndex, UserId,
};
use crate::key::IdempotencyKey;
use crate::manifest::Row;
use crate::request::{
    AmendRequest, BestAvailable, CloseOrderRequest, ExtendRequest, ForceReleaseRequest, HoldRequest, Item,
    ManifestRequest, OpenOrderRequest, PlacesRequest, ReleaseRequest, SaleStateRequest, SeatsRequest,
};
use crate::sale::SaleState;
use crate::testkit::Rng;

/// Makes random commands for an event, most of them sensible: it looks at a model of the event. The same seed and the
/// same model give the same commands.
#[derive(Clone, Debug)]
pub struct Generator {
    rng: Rng,
    users: u64,
    keys: u64,
    recent: Vec<Command>,
}

impl Generator {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), users: 12, keys: 0, recent: Vec::new() }
    }

    /// The time until the next command, in milliseconds: mostly seconds, now and then hours.
    pub fn pause_ms(&mut self) -> u64 {
        match self.rng.below(300) {
            0 => self.rng.below(30 * 3_600_000),
            1..12 => self.rng.below(600_000),
            _ => self.rng.below(5_000),
        }
    }

    /// The next command; one in twenty repeats an earlier one word by word.
    pub fn command(&mut self, model: &Model) -> Command {
        if self.rng.chance(5) && !self.recent.is_empty() {
            return self.rng.pick(&self.recent).clone();
        }
        let command = match self.rng.below(100) {
            0..30 => Command::Hold(self.hold(model)),
            30..44 => Command::Amend(self.amend(model)),
            44..50 => self.extend(model),
            50..76 => self.order(model),
            76..82 => self.release(model),
            82..88 => self.seats(model),
            88..92 => self.places(model),
            92..94 => Command::ReleaseAllocation(self.allocation()),
            94..96 => Command::SaleState(SaleStateRequest { event: model.event(), to: self.sale_state() }),
            96..99 => Command::ChangeManifest(Box::new(self.manifest(model))),
            _ => Command::Expire(self.hold_id(model).1.number),
        };
        self.recent.push(command.clone());
        if self.recent.len() > 20 {
            self.recent.remove(0);
        }
        // What is not on sale would soon be dull.
        let sells = matches!(model.sale_state(), SaleState::Onsale | SaleState::Presale);
        let sell = SaleStateRequest { event: model.event(), to: SaleState::Onsale };
        if sells || self.rng.chance(80) { command } else { Command::SaleState(sell) }
    }

    fn number(&mut self, below: u32) -> u32 {
        u32::try_from(self.rng.below(u64::from(below.max(1)))).unwrap_or(u32::MAX)
    }

    fn user(&mut self) -> UserId {
        UserId::from(u128::from(1 + self.rng.below(self.users)))
    }

    fn staff(&mut self) -> UserId {
        UserId::from(1_000)
    }

    fn key(&mut self) -> Option<IdempotencyKey> {
        if self.rng.chance(60) {
            return None;
        }
        // Now and then a key that was used before, perhaps for something else.
        self.keys += u64::from(self.rng.chance(80));
        IdempotencyKey::new(&format!("key {}", self.keys)).ok()
    }

    fn allocation(&mut self) -> AllocationIndex {
        AllocationIndex(u16::from(self.rng.chance(50)))
    }

    fn ticket_type(&mut self) -> TicketTypeIndex {
        TicketTypeIndex(u16::from(self.rng.chance(30)) + u16::from(self.rng.chance(1)))
    }

    fn seat_index(&mut self, model: &Model) -> SeatIndex {
        let stray = usize::from(self.rng.chance(2));
        SeatIndex::of(self.rng.index(model.manifest().seat_count() + stray))
    }

    fn sale_state(&mut self) -> SaleState {
        // A cancelled event is a dull one.
        let states =
            [SaleState::Onsale, SaleState::Onsale, SaleState::Presale, SaleState::Paused, SaleState::Closed];
        if self.rng.below(400) == 0 { SaleState::Cancelled } else { *self.rng.pick(&states) }
    }

    /// A hold, mostly with its owner.
    fn hold_id(&mut self, model: &Model) -> (UserId, HoldId) {
        let mut known: Vec<(HoldNumber, UserId)> =
            model.holds().map(|(number, hold)| (number, hold.user)).collect();
        if known.is_empty() || self.rng.chance(10) {
            known.extend(model.orders().map(|(number, order)| (number, order.user)));
        }
        let stray = (HoldNumber::new(Revision(self.rng.below(50)), 3), self.user());
        let (number, owner) = if known.is_empty() { stray } else { *self.rng.pick(&known) };
        let user = if self.rng.chance(4) { self.user() } else { owner };
        let event = if self.rng.chance(1) { EventId(model.event().0 + 1) } else { model.event() };
        (user, HoldId { event, number })
    }

    fn items(&mut self, model: &Model, max: u32) -> Vec<Item> {
        (0..1 + self.number(max)).map(|_| self.item(model)).collect()
    }

    fn item(&mut self, model: &Model) -> Item {
        let ticket_type = self.ticket_type();
        let areas = model.manifest().areas().len();
        match self.rng.below(10) {
            0..4 => {
                let first = self.seat_index(model);
                let seats = (first.0..=first.0 + self.number(3)).map(SeatIndex).collect();
                Item::Seats { seats, ticket_type }
            }
            4..6 if areas > 0 => Item::Area {
                area: AreaIndex::of(self.rng.index(areas)),
                quantity: 1 + self.number(4),
                ticket_type,
            },
            _ => Item::Best(self.best(model, ticket_type)),
        }
    }

    fn best(&mut self, model: &Model, ticket_type: TicketTypeIndex) -> BestAvailable {
        let sections = model.manifest().section_names().len();
        BestAvailable {
            section: self.rng.chance(30).then(|| SectionIndex::of(self.rng.index(sections))),
            category: self.rng.chance(20).then(|| CategoryIndex(u16::from(self.rng.chance(50)))),
            price_minor_max: self.rng.chance(20).then_some(900),
            allow_split: self.rng.chance(40),
            accessible: self.rng.chance(10),
            restricted_view: self.rng.chance(80),
            ..BestAvailable::adjacent(1 + self.number(4), ticket_type)
        }
    }

    fn channel(&mut self) -> Option<String> {
        self.rng.chance(20).then(|| "press".to_owned())
    }

    fn access_code(&mut self) -> Option<String> {
        self.rng.chance(20).then(|| (if self.rng.chance(80) { "FAN" } else { "guess" }).to_owned())
    }

    fn ttl_ms(&mut self) -> Option<u64> {
        self.rng.chance(30).then(|| 250_000 + self.rng.below(400_000))
    }

    fn hold(&mut self, model: &Model) -> HoldRequest {
        let (user, key) = (self.user(), self.key());
        let items = self.items(model, 3);
        let (channel, access_code) = (self.channel(), self.access_code());
        let ttl_ms = self.ttl_ms();
        HoldRequest { key, channel, access_code, ttl_ms, ..HoldRequest::new(model.event(), user, items) }
    }

    fn amend(&mut self, model: &Model) -> AmendRequest {
        let (user, hold) = self.hold_id(model);
        let mut request = AmendRequest {
            hold,
            user,
            key: self.key(),
            expected: None,
            remove_seats: Vec::new(),
            remove_places: Vec::new(),
            add: if self.rng.chance(70) { self.items(model, 2) } else { Vec::new() },
            channel: self.channel(),
            access_code: self.access_code(),
        };
        let found = model.holds().find(|(number, _)| *number == hold.number);
        let Some((_, kept)) = found else { return request };
        request.expected = self.rng.chance(20).then_some(kept.version);
        let seats = kept.lines.seats.iter().map(|line| line.seat);
        request.remove_seats = seats.filter(|_| self.rng.chance(30)).collect();
        for line in &kept.lines.areas {
            if self.rng.chance(40) {
                request.remove_places.push((line.area, line.ticket_type, 1 + self.number(line.quantity)));
            }
        }
        if self.rng.chance(20) {
            // Seats out and in again, perhaps as another ticket type.
            let (seats, ticket_type) = (request.remove_seats.clone(), self.ticket_type());
            request.add.extend((!seats.is_empty()).then_some(Item::Seats { seats, ticket_type }));
        }
        request
    }

    fn extend(&mut self, model: &Model) -> Command {
        let (user, hold) = self.hold_id(model);
        Command::Extend(ExtendRequest { hold, user, key: self.key(), ttl_ms: self.ttl_ms() })
    }

    fn order(&mut self, model: &Model) -> Command {
        let (user, hold) = self.hold_id(model);
        let key = self.key();
        match self.rng.below(10) {
            0..5 => Command::OpenOrder(OpenOrderRequest { hold, user, key }),
            5..9 => Command::ConfirmOrder(CloseOrderRequest { order: hold.order(), user, key }),
            _ => Command::CancelOrder(CloseOrderRequest { order: hold.order(), user, key }),
        }
    }

    fn release(&mut self, model: &Model) -> Command {
        let (user, hold) = self.hold_id(model);
        if self.rng.chance(20) {
            return Command::ForceRelease(ForceReleaseRequest { hold, by: self.staff(), key: self.key() });
        }
        Command::Release(ReleaseRequest { hold, user, key: self.key() })
    }

    fn seats(&mut self, model: &Model) -> Command {
        let change = match self.rng.below(4) {
            0 => SeatChange::Block,
            1 => SeatChange::Unblock,
            2 => SeatChange::Reallocate(None),
            _ => SeatChange::Reallocate(Some(self.allocation())),
        };
        let mut seats: Vec<SeatIndex> = (0..1 + self.number(3)).map(|_| self.seat_index(model)).collect();
        seats.sort_unstable();
        seats.dedup();
        let version = |seat: SeatIndex| model.seat_version(seat).unwrap_or_default();
        let seats =
            seats.into_iter().map(|seat| (seat, version(seat) + u32::from(self.rng.chance(5)))).collect();
        Command::ChangeSeats(SeatsRequest {
            event: model.event(),
            by: self.staff(),
            key: self.key(),
            change,
            seats,
        })
    }

    fn places(&mut self, model: &Model) -> Command {
        let (area, allocation) =
            (AreaIndex(u16::from(self.rng.chance(40))), self.rng.chance(40).then(|| self.allocation()));
        let pools = model.pools();
        let pool = pools.iter().find(|(pool, _)| *pool == (area, allocation));
        let expected = pool.map_or(0, |(_, counts)| counts.blocked) + u32::from(self.rng.chance(5));
        let (event, by, key, blocked) = (model.event(), self.staff(), self.key(), self.number(8));
        Command::BlockPlaces(PlacesRequest { event, by, key, area, allocation, expected, blocked })
    }

    fn manifest(&mut self, model: &Model) -> ManifestRequest {
        let mut definition = model.manifest().definition();
        match self.rng.below(6) {
            0 => definition.prices = self.prices(),
            1 => definition.rules.tickets_per_user_max = 4 + self.number(12),
            2 => {
                let quotas = &mut definition.quotas;
                let at = self.rng.index(quotas.len());
                quotas[at].cap = 2 + self.number(60);
            }
            3 => {
                if let Some(area) = definition.areas.first_mut() {
                    area.capacity = 6 + self.number(12);
                }
            }
            4 => {
                let rows = definition.sections.iter_mut().flat_map(|section| &mut section.rows);
                let mut rows: Vec<&mut Row> = rows.filter(|row| row.seats.len() > 1).collect();
                if !rows.is_empty() {
                    let row = self.rng.index(rows.len());
                    let seat = self.rng.index(rows[row].seats.len());
                    if self.rng.chance(50) {
                        rows[row].seats.remove(seat);
                    } else {
                        rows[row].seats[seat].category.0 ^= 1;
                    }
                }
            }
            _ => {
                let section = self.rng.index(definition.sections.len());
                let (ranked, n) = (
                    definition
                        .sections
                        .iter()
                        .flat_map(|s| &s.rows)
                        .flat_map(|r| &r.seats)
                        .any(|s| s.rank.is_some()),
                    model.manifest().seat_count(),
                );
                let seats = (0..2).map(|x| self.seat(&format!("new {n} {x}"), x, 9, ranked)).collect();
                definition.sections[section].rows.push(Row { label: format!("new {n}"), seats });
            }
        }
        ManifestRequest { event: model.event(), definition }
    }
}
