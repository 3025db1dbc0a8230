//! The seat-inventory engine that ticket shops are built on.
pub mod fact;
mod id;
mod invariant;
mod key;
pub mod limits;
pub mod manifest;
mod money;
mod order;
mod refusal;
mod request;
mod sale;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;
pub mod wheel;

pub use id::{
    AllocationIndex, AreaIndex, CategoryIndex, EventId, HoldId, HoldNumber, OrderId, ParseIdError,
    QuotaIndex, Revision, RowIndex, SHARDS, SeatIndex, SectionIndex, TicketId, TicketTypeIndex, UserId,
    VenueId,
};
pub use invariant::{Invariant, Violation};
pub use key::{IdempotencyKey, Operation};
pub use money::{BadCurrency, Currency, Money};
pub use order::OrderState;
pub use refusal::{Refusal, SeatConflict, SeatMismatch, SeatState};
pub use request::*;
pub use sale::{Activity, SaleState};
pub use time::{Clock, SystemClock, UtcMs};
