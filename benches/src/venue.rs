//! The stadium that the benchmarks sell, and requests for its seats.

use std::sync::Arc;

use ticketcore::manifest::{Definition, Quota, Rules, Section};
use ticketcore::plan::{PlanOptions, VenueKind, generate};
use ticketcore::store::Store;
use ticketcore::{
    BoxOffice, CommandError, EventId, HoldId, HoldRequest, IdempotencyKey, Item, Options, ReleaseRequest,
    SaleState, SeatIndex, TicketTypeIndex, UserId,
};

/// Seats of the stadium.
pub const SEATS: u32 = 80_000;
/// Seats that [`with_extra_seats`] adds; they come after all others.
pub const EXTRA_SEATS: u32 = 1_000;
/// The ticket type everybody buys; a quota counts it.
pub const ADULT: TicketTypeIndex = TicketTypeIndex(0);

/// The generated stadium with a quota over all adult tickets whose cap is never met. Ticket limits and expiry are on in any case.
///
/// # Panics
/// Never: the plan is valid.
#[must_use]
pub fn stadium(rules: Rules) -> Definition {
    let adults = Quota {
        name: "adults".to_owned(),
        cap: SEATS + EXTRA_SEATS,
        ticket_types: vec![ADULT],
        categories: Vec::new(),
        areas: Vec::new(),
    };
    let options = PlanOptions { rules, quotas: vec![adults], ..PlanOptions::new("Final") };
    generate(VenueKind::Stadium).to_definition(&options).expect("the generated plan is valid")
}

/// The same with 10 more rows of 100 seats.
#[must_use]
pub fn with_extra_seats(mut definition: Definition) -> Definition {
    let mut rows = vec![definition.sections[0].rows[0].clone(); 10];
    for (row_at, row) in rows.iter_mut().enumerate() {
        row.label = format!("{row_at}");
        row.seats = vec![row.seats[0].clone(); EXTRA_SEATS as usize / 10];
        for (at, seat) in row.seats.iter_mut().enumerate() {
            seat.id = format!("extra-{row_at}-{at}");
            seat.label = format!("{at}");
            seat.at.x += 1_000.0;
        }
    }
    definition.sections.push(Section { name: "Extra".to_owned(), rows });
    definition
}

/// An event on sale.
pub struct Opened {
    /// Its box office.
    pub office: BoxOffice,
    /// The event.
    pub event: EventId,
}

/// Opens a box office on `store`, adds the event and puts it on sale.
///
/// # Errors
/// As the box office.
pub fn open(
    store: Arc<dyn Store>,
    options: Options,
    definition: &Definition,
) -> Result<Opened, CommandError> {
    let office = BoxOffice::open_shared(store, options)?;
    let event = office.add_event(definition)?;
    office.set_sale_state(event, SaleState::Onsale).wait()?;
    Ok(Opened { office, event })
}

impl Opened {
    /// A request of a user for seats as adult tickets, under a key if one is given.
    #[must_use]
    pub fn request(&self, user: UserId, key: Option<IdempotencyKey>, seats: &[u32]) -> HoldRequest {
        let seats = seats.iter().copied().map(SeatIndex).collect();
        HoldRequest {
            key,
            ..HoldRequest::new(self.event, user, vec![Item::Seats { seats, ticket_type: ADULT }])
        }
    }

    /// Holds seats and waits.
    ///
    /// # Errors
    /// As the box office.
    pub fn hold(
        &self,
        user: UserId,
        key: Option<IdempotencyKey>,
        seats: &[u32],
    ) -> Result<HoldId, CommandError> {
        Ok(self.office.hold(self.request(user, key, seats)).wait()?.id)
    }

    /// Gives a hold back and waits.
    ///
    /// # Errors
    /// As the box office.
    pub fn release(
        &self,
        user: UserId,
        key: Option<IdempotencyKey>,
        hold: HoldId,
    ) -> Result<(), CommandError> {
        self.office.release(ReleaseRequest { hold, user, key }).wait().map(|_| ())
    }
}

/// The `n`th user: 128 bits as random as a host's ids.
#[must_use]
pub fn user(n: u64) -> UserId {
    let mut random = super::Random::new(n);
    UserId::from(u128::from(random.next()) << 64 | u128::from(random.next()))
}

/// The `n`th idempotency key: 36 characters, as long as a UUID.
///
/// # Panics
/// Never: the length is right.
#[must_use]
pub fn key(n: u64) -> IdempotencyKey {
    let mut text = *b"00000000-0000-4000-8000-000000000000";
    let mut rest = n;
    for byte in text.iter_mut().rev().take(12) {
        *byte = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    IdempotencyKey::new(std::str::from_utf8(&text).unwrap_or("0")).expect("36 bytes")
}
