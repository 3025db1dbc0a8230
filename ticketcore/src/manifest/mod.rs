//! The manifest of an event: what is for sale, compiled from a [`Definition`] into dense columns.

mod accessors;
mod change;
mod check;
mod columns;
mod compiled;
mod definition;
mod derive;
mod diff;
mod diff_seats;
#[cfg(test)]
mod fixture;
mod stored;

pub use check::ManifestError;
pub(crate) use compiled::quota_indices;
pub use compiled::{Manifest, STRIPE_SEATS};
pub use definition::{
    Allocation, Area, Category, Definition, ManifestChange, Point, Price, Quota, Row, Rules, Seat, SeatFlags,
    Section, TicketType,
};
