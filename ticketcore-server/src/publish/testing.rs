//! A small event on sale, for the tests of this folder.

use std::sync::Arc;

use ticketcore::manifest::{
    Area, Category, Definition, Point, Price, Row, Rules, Seat, SeatFlags, Section, TicketType,
};
use ticketcore::store::MemoryStore;
use ticketcore::{
    AreaIndex, BoxOffice, CategoryIndex, EventId, HoldId, HoldRequest, Item, Options, ReleaseRequest,
    SaleState, SeatIndex, TicketTypeIndex, UserId,
};

use super::options::PublishOptions;
use super::published::Published;

/// An office with one event on sale, and what is published of it.
pub struct Shop {
    pub office: Arc<BoxOffice>,
    pub event: EventId,
    pub published: Arc<Published>,
}

impl Shop {
    pub fn new(definition: &Definition) -> Self {
        Self::with(definition, PublishOptions::default())
    }

    pub fn with(definition: &Definition, options: PublishOptions) -> Self {
        let office = Arc::new(BoxOffice::with_store(MemoryStore::new(), Options::default()).unwrap());
        let event = office.add_event(definition).unwrap();
        office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
        let published = Published::new(Arc::clone(&office), options);
        Self { office, event, published }
    }

    fn place(&self, user: u128, item: Item) -> HoldId {
        let request = HoldRequest::new(self.event, UserId::from(user), vec![item]);
        self.office.hold(request).wait().unwrap().id
    }

    pub fn hold(&self, user: u128, seats: &[u32]) -> HoldId {
        let seats = seats.iter().copied().map(SeatIndex).collect();
        self.place(user, Item::Seats { seats, ticket_type: TicketTypeIndex(0) })
    }

    pub fn hold_places(&self, user: u128, quantity: u32) -> HoldId {
        self.place(user, Item::Area { area: AreaIndex(0), quantity, ticket_type: TicketTypeIndex(0) })
    }

    pub fn release(&self, user: u128, hold: HoldId) {
        let request = ReleaseRequest { hold, user: UserId::from(user), key: None };
        self.office.release(request).wait().unwrap();
    }

    /// A hold, and the snapshot that shows it.
    pub fn moves(&self, user: u128, seats: &[u32]) -> HoldId {
        let hold = self.hold(user, seats);
        self.published.refresh(self.event).unwrap();
        hold
    }
}

fn row(section: &str, label: &str, count: usize, category: u16) -> Row {
    let seat = |at: usize| Seat {
        id: format!("{section}-{label}-{}", at + 1),
        label: (at + 1).to_string(),
        category: CategoryIndex(category),
        allocation: None,
        flags: SeatFlags { accessible: section == "A" && at == 1, ..SeatFlags::default() },
        after_aisle: false,
        at: Point { x: f32::from(u16::try_from(at).unwrap()), y: 0.5 },
        rank: None,
    };
    Row { label: label.to_owned(), seats: (0..count).map(seat).collect() }
}

/// Section A with one row of 32 seats, B with two of 20, a floor of 100 places.
pub fn small() -> Definition {
    let category = |name: &str| Category { name: name.to_owned(), color: "#336699".to_owned() };
    let price =
        |category| Price { ticket_type: TicketTypeIndex(0), category: CategoryIndex(category), minor: 5_000 };
    let mut definition = Definition::empty(Rules { tickets_per_user_max: 100, ..Rules::new("Test") });
    definition.categories = vec![category("first"), category("second")];
    definition.ticket_types = vec![TicketType { name: "adult".to_owned() }];
    definition.prices = vec![price(0), price(1)];
    definition.sections = vec![
        Section { name: "A".to_owned(), rows: vec![row("A", "1", 32, 0)] },
        Section { name: "B".to_owned(), rows: vec![row("B", "1", 20, 1), row("B", "2", 20, 1)] },
    ];
    definition.areas = vec![Area {
        name: "Floor".to_owned(),
        category: CategoryIndex(1),
        capacity: 100,
        allocated: Vec::new(),
        at: Point { x: 0.0, y: -10.0 },
        size: Point { x: 5.0, y: 5.0 },
    }];
    definition
}
