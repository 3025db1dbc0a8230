//! The seat-inventory engine that ticket shops are built on.
mod answer;
mod canary;
mod command;
mod event;
pub mod fact;
mod id;
mod invariant;
mod key;
pub mod limits;
mod log;
pub mod manifest;
mod money;
mod office;
mod order;
pub mod plan;
mod refusal;
mod request;
mod sale;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;
mod view;
pub mod wheel;

pub use answer::{CommandError, Done, Hold, Order};
#[cfg(feature = "testkit")]
pub use canary::Canary;
pub use id::{
    AllocationIndex, AreaIndex, CategoryIndex, EventId, HoldId, HoldNumber, OrderId, ParseIdError,
    QuotaIndex, Revision, RowIndex, SHARDS, SeatIndex, SectionIndex, TicketId, TicketTypeIndex, UserId,
    VenueId,
};
pub use invariant::{Invariant, Violation};
pub use key::{IdempotencyKey, Operation};
pub use money::{BadCurrency, Currency, Money};
pub use office::{BoxOffice, Changes, EventEntry, Maintained, Options, Pending, SeatInfo, VenueEntry};
pub use order::OrderState;
pub use refusal::{Refusal, SeatConflict, SeatMismatch, SeatState};
pub use request::*;
pub use sale::{Activity, SaleState};
pub use time::{Clock, SystemClock, UtcMs};
pub use view::{Availability, Counts, PlaceCounts, SEATS_PER_MAP_WORD};
