//! [`SmallSale`]: a small event on sale, and short words for the commands that tests give.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::ManualClock;
use crate::answer::{CommandError, Done, Hold, Order};
use crate::fact::{Fact, Stamp};
use crate::id::{
    AreaIndex, CategoryIndex, EventId, HoldId, OrderId, Revision, SeatIndex, TicketTypeIndex, UserId,
};
use crate::key::IdempotencyKey;
use crate::manifest::{
    Area, Category, Definition, Point, Price, Row, Rules, Seat, SeatFlags, Section, TicketType,
};
use crate::office::{BoxOffice, Options, Pending};
use crate::request::{
    BestAvailable, CloseOrderRequest, ExtendRequest, HoldRequest, Item, OpenOrderRequest, PlacesRequest,
    ReleaseRequest,
};
use crate::sale::SaleState;
use crate::store::{Store, StreamId};
use crate::time::UtcMs;

/// The only ticket type of a small sale.
pub const ADULT: TicketTypeIndex = TicketTypeIndex(0);
/// The area of a small sale that has one.
pub const FLOOR: AreaIndex = AreaIndex(0);
/// When the clock of a small sale starts.
pub const START: UtcMs = UtcMs(1_700_000_000_000);

/// One box office, one event that is on sale, a clock that stands still.
pub struct SmallSale {
    /// The box office.
    pub office: Arc<BoxOffice>,
    /// The event.
    pub event: EventId,
    /// Its clock.
    pub clock: ManualClock,
    /// Its store.
    pub store: Arc<dyn Store>,
}

impl SmallSale {
    /// `rows` rows of `seats` seats in one section and, unless it is 0, an area of `places` places. One category, one price, no limit
    /// per user, holds of 1 second to 1 hour (8 minutes by default).
    #[must_use]
    pub fn definition(rows: usize, seats: usize, places: u32) -> Definition {
        let rules = Rules {
            tickets_per_user_max: u32::MAX,
            hold_ttl_ms_min: 1_000,
            hold_ttl_ms_max: 3_600_000,
            hold_lifetime_ms_max: 2 * 3_600_000,
            ..Rules::new("Small sale")
        };
        let seat = |row: usize, at: usize| Seat {
            id: format!("A-{row}-{at}"),
            label: at.to_string(),
            category: CategoryIndex(0),
            allocation: None,
            flags: SeatFlags::default(),
            after_aisle: false,
            at: Point::default(),
            rank: u32::try_from(row).ok(),
        };
        let row =
            |row: usize| Row { label: row.to_string(), seats: (1..=seats).map(|at| seat(row, at)).collect() };
        let section = Section { name: "A".to_owned(), rows: (1..=rows).map(row).collect() };
        let area = Area {
            name: "Floor".to_owned(),
            category: CategoryIndex(0),
            capacity: places,
            allocated: Vec::new(),
            at: Point::default(),
            size: Point { x: 1.0, y: 1.0 },
        };
        Definition {
            categories: vec![Category { name: "first".to_owned(), color: "#336699".to_owned() }],
            ticket_types: vec![TicketType { name: "adult".to_owned() }],
            prices: vec![Price { ticket_type: ADULT, category: CategoryIndex(0), minor: 5_000 }],
            sections: if rows > 0 { vec![section] } else { Vec::new() },
            areas: if places > 0 { vec![area] } else { Vec::new() },
            ..Definition::empty(rules)
        }
    }

    /// Opens a box office that the test itself maintains, defines the event and puts it on sale.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn open(store: Arc<dyn Store>, definition: &Definition) -> Self {
        let clock = ManualClock::new(START);
        let office = Self::office(&store, &clock, 1, true);
        let event = office.add_event(definition).expect("the definition is valid");
        let sale = Self { office, event, clock, store };
        sale.office.set_sale_state(event, SaleState::Onsale).wait().expect("a draft may go on sale");
        sale
    }

    /// Another box office on the same store and clock: another node, if `node` is another number, or this one after a restart.
    #[must_use]
    pub fn again(&self, node: u64) -> Self {
        let office = Self::office(&self.store, &self.clock, node, true);
        Self { office, event: self.event, clock: self.clock.clone(), store: Arc::clone(&self.store) }
    }

    /// As [`again`](Self::again), with its own maintenance thread.
    #[must_use]
    pub fn again_maintained(&self, node: u64) -> Self {
        let office = Self::office(&self.store, &self.clock, node, false);
        Self { office, ..self.again(node) }
    }

    fn office(store: &Arc<dyn Store>, clock: &ManualClock, node: u64, manual_expiry: bool) -> Arc<BoxOffice> {
        let clock = Arc::new(clock.clone());
        let options = Options { clock, manual_expiry, node: Some(node), ..Options::default() };
        Arc::new(BoxOffice::open_shared(Arc::clone(store), options).expect("the catalogue can be read"))
    }

    /// A request for named seats.
    #[must_use]
    pub fn seats_request(&self, user: u128, seats: &[u32]) -> HoldRequest {
        let seats = seats.iter().copied().map(SeatIndex).collect();
        HoldRequest::new(self.event, UserId::from(user), vec![Item::Seats { seats, ticket_type: ADULT }])
    }

    /// A request for places of the area.
    #[must_use]
    pub fn places_request(&self, user: u128, quantity: u32) -> HoldRequest {
        let item = Item::Area { area: FLOOR, quantity, ticket_type: ADULT };
        HoldRequest::new(self.event, UserId::from(user), vec![item])
    }

    /// Holds named seats.
    pub fn hold(&self, user: u128, seats: &[u32]) -> Pending<Hold> {
        self.office.hold(self.seats_request(user, seats))
    }

    /// Holds named seats under a key.
    pub fn hold_keyed(&self, user: u128, seats: &[u32], key: &str) -> Pending<Hold> {
        self.office.hold(HoldRequest { key: Some(self::key(key)), ..self.seats_request(user, seats) })
    }

    /// Holds places of the area.
    pub fn hold_places(&self, user: u128, quantity: u32) -> Pending<Hold> {
        self.office.hold(self.places_request(user, quantity))
    }

    /// Holds the best adjacent seats.
    pub fn hold_best(&self, user: u128, count: u32) -> Pending<Hold> {
        let item = Item::Best(BestAvailable::adjacent(count, ADULT));
        self.office.hold(HoldRequest::new(self.event, UserId::from(user), vec![item]))
    }

    /// Blocks a place of the area if `round` is even, and frees it again if it is odd.
    pub fn block_place(&self, round: u32) -> Pending<Done> {
        self.office.block_places(PlacesRequest {
            event: self.event,
            by: 500.into(),
            key: None,
            area: FLOOR,
            allocation: None,
            expected: round % 2,
            blocked: (round + 1) % 2,
        })
    }

    /// Extends a hold by the event's default time.
    pub fn extend(&self, hold: &Hold) -> Pending<Hold> {
        self.office.extend(ExtendRequest { hold: hold.id, user: hold.user, key: None, ttl_ms: None })
    }

    /// Releases a hold.
    pub fn release(&self, hold: HoldId, user: UserId) -> Pending<Done> {
        self.office.release(ReleaseRequest { hold, user, key: None })
    }

    /// Opens an order.
    pub fn open_order(&self, hold: HoldId, user: UserId) -> Pending<Order> {
        self.office.open_order(OpenOrderRequest { hold, user, key: None })
    }

    /// Confirms an order.
    pub fn confirm(&self, order: OrderId, user: UserId) -> Pending<Order> {
        self.office.confirm_order(CloseOrderRequest { order, user, key: None })
    }

    /// Cancels an order.
    pub fn cancel(&self, order: OrderId, user: UserId) -> Pending<Order> {
        self.office.cancel_order(CloseOrderRequest { order, user, key: None })
    }

    /// Holds seats and buys them.
    ///
    /// # Errors
    /// Those of the first step that does not succeed.
    pub fn buy(&self, user: u128, seats: &[u32]) -> Result<Order, CommandError> {
        let hold = self.hold(user, seats).wait()?;
        let order = self.open_order(hold.id, hold.user).wait()?;
        self.confirm(order.id, order.user).wait()
    }

    /// Every fact of the event's journal.
    ///
    /// # Panics
    /// If the journal can't be read.
    #[must_use]
    pub fn journal(&self) -> Vec<(Stamp, Fact)> {
        let mut facts = Vec::new();
        let stream = StreamId::Event(self.event);
        let read = self.store.read(stream, Revision::ZERO, &mut |record| {
            facts.push((record.stamp, Fact::decode(record.body).expect("the journal has facts")));
            ControlFlow::Continue(())
        });
        read.expect("the journal can be read");
        facts
    }

    /// Asserts that the live state is the one that the journal leads to, byte for byte. Nothing may be under way.
    ///
    /// # Panics
    /// If it is not, or the event has stopped.
    pub fn assert_equals_journal(&self) {
        assert_eq!(self.office.stopped(self.event), None);
        let live = self.office.state_bytes(self.event).expect("the event is open");
        let folded = self.office.folded_bytes(self.event).expect("the journal can be folded");
        assert!(live == folded, "live state and journal differ");
    }
}

/// An idempotency key.
///
/// # Panics
/// If the text is empty or too long.
#[must_use]
pub fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).expect("a short key")
}
