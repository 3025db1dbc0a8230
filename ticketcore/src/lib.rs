//! The seat-inventory engine that ticket shops are built on.
//!
//! A [`BoxOffice`] sells the tickets of every event of one [store](store::Store). Commands go in, outcomes come out; what was
//! accepted is one *fact* in the event's journal, and everything else (the state, the map, each answer) follows from the journal.
//!
//! ```
//! use ticketcore::plan::{PlanOptions, VenueKind, generate};
//! use ticketcore::store::MemoryStore;
//! use ticketcore::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An event is defined by what is for sale. This one comes from a plan; see `manifest` for writing one by hand.
//! let office = BoxOffice::with_store(MemoryStore::new(), Options::default())?;
//! let definition = generate(VenueKind::Theatre).to_definition(&PlanOptions::new("Hamlet"))?;
//! let event = office.add_event(&definition)?;
//! office.set_sale_state(event, SaleState::Onsale).wait()?;
//!
//! // A hold keeps seats for one user until a deadline: named ones, places of areas, or the best there are.
//! let buyer = UserId::from(42);
//! let best = Item::Best(BestAvailable::adjacent(2, TicketTypeIndex(0)));
//! let request = HoldRequest { key: Some(IdempotencyKey::new("basket-1")?), ..HoldRequest::new(event, buyer, vec![best]) };
//! let hold = office.hold(request.clone()).wait()?;
//! assert_eq!(hold.lines.seats.len(), 2);
//!
//! // The same request again (the connection was lost, say) gets the same hold.
//! let again = office.hold(request).wait()?;
//! assert!(again.replayed && again.id == hold.id);
//!
//! // It becomes an order, which keeps the seats while the money is taken, and then a sale.
//! let order = office.open_order(OpenOrderRequest { hold: hold.id, user: buyer, key: None }).wait()?;
//! let order = office.confirm_order(CloseOrderRequest { order: order.id, user: buyer, key: None }).wait()?;
//! assert_eq!(order.tickets().count(), 2);
//!
//! // A refusal is a normal outcome and carries the next useful fact.
//! let taken = Item::Seats { seats: vec![order.lines.seats[0].seat], ticket_type: TicketTypeIndex(0) };
//! match office.hold(HoldRequest::new(event, UserId::from(43), vec![taken])).wait() {
//!     Err(CommandError::Refused(Refusal::SeatsUnavailable(seats))) => assert_eq!(seats[0].state, SeatState::Sold),
//!     other => panic!("sold twice? {other:?}"),
//! }
//!
//! // What is left, as anybody may see it.
//! let left = office.availability(event)?;
//! assert_eq!(left.sections.iter().map(|section| section.sold).sum::<u32>(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # A tour
//!
//! * [`BoxOffice`] has every command and query. A command returns a [`Pending`]: a future that needs no runtime, or call
//!   [`wait`](Pending::wait). Either way it is under way already. `*_many` send a slice of commands in one batch.
//! * Requests ([`HoldRequest`], [`AmendRequest`], ...) carry durations and names, never deadlines or ids to come. An
//!   [`IdempotencyKey`] makes a retry safe: one key, one accepted outcome.
//! * Outcomes are an answer ([`Hold`], [`Order`], [`Done`]) or a [`CommandError`]: refused (a [`Refusal`], whose variants stand in
//!   their order of precedence), failed, or unknown. Unknown is never folded into failed: ask again under the same key.
//! * [`manifest`] is what an event sells: sections, rows and seats, areas, categories, ticket types, prices, allocations, quotas,
//!   rules. [`plan`] makes a definition from a seating plan.
//! * [`store`] is where journals live. A store is a conditional append. [`BoxOffice::open`] keeps them in a folder, in a
//!   [`store::LocalStore`]: what was acknowledged survives a crash. [`store::MemoryStore`] is gone with the process. [`fact`] is what a
//!   journal consists of.
//! * [`checkout`] takes orders from the hold to the tickets through gateways, and reconciles what a crash or an outage left.
//! * [`gateway`] is what a payment provider must do, with one in memory to try things with.
//! * [`guard`] limits how often somebody may ask, and judges who behaves like a bot; the engine itself does not use it.
//! * [`ticket`] signs what a ticket is as a code, verifies it without an engine, and draws it. [`people`] is what is known about users and
//!   can be erased.
//! * [`limits`] has every limit with its number. [`Clock`] is where time comes from.
//! * `testkit` (a feature) has what it takes to test an engine, a store or a host against the promises made here.
//!
//! # What holds
//!
//! * A seat has at most one live hold or sale, and counters add up at every revision.
//! * A hold past its deadline is dead, whether or not a timer fired.
//! * Nobody is told what the store has not accepted; refusals included. How durable that is, is the store's promise.
//! * The journal alone gives the same state, byte for byte.
//!
//! Each is an [`Invariant`]. It is checked while the engine runs; one that does not hold stops its event and is named.
//!
//! # Threads
//!
//! A [`BoxOffice`] starts two threads, `ticketcore-maintenance` and `ticketcore-snapshots`, or none with [`Options::manual_expiry`]. Commands are carried out on
//! the thread that gives them; locks are held for memory work only, never while a store works.
pub mod admission;
mod answer;
mod background;
mod canary;
pub mod checkout;
mod command;
mod encoding;
mod event;
pub mod fact;
pub mod gateway;
pub mod guard;
mod id;
mod invariant;
mod key;
pub mod limits;
mod lines;
mod log;
pub mod manifest;
mod money;
mod office;
pub mod order;
mod pack;
pub mod people;
pub mod plan;
mod refusal;
mod request;
mod sale;
pub mod store;
mod sync;
#[cfg(feature = "audit")]
pub mod testkit;
pub mod ticket;
mod time;
mod varint;
mod view;
pub mod voucher;
pub mod waiting;
pub mod wheel;

pub use answer::{CommandError, Done, DueOrder, Hold, Order, OrderDetails, Stepped};
#[cfg(feature = "testkit")]
pub use canary::Canary;
pub use id::{
    AllocationIndex, AreaIndex, CategoryIndex, EventId, HoldId, HoldNumber, OrderId, ParseIdError,
    QuotaIndex, Revision, RowIndex, SHARDS, SeatIndex, SectionIndex, TicketId, TicketTypeIndex, UserId,
    VenueId, VoucherIndex,
};
pub use invariant::{Invariant, Violation};
pub use key::{IdempotencyKey, Operation};
pub use money::{BadCurrency, Currency, Money};
pub use office::{
    BoxOffice, Changes, CodeError, EventEntry, HeldTicket, Maintained, Moment, MoneyReport, OpenError,
    Options, Past, PastOrder, Pending, Scan, SeatInfo, SeatMoment, VenueEntry,
};
pub use order::{OrderState, Word};
pub use refusal::{NotAdmitted, Refusal, SeatConflict, SeatMismatch, SeatState};
pub use request::*;
pub use sale::{Activity, SaleState};
pub use time::{Clock, SystemClock, UtcMs};
pub use view::{Availability, Counts, PlaceCounts, SEATS_PER_MAP_WORD};

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;
