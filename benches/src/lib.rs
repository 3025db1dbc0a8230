//! What the benchmarks share: venues on sale, requests, a clock that stands still, a store that keeps nothing; how figures are measured and told.

pub mod child;
mod clock;
mod folder;
pub mod guard;
mod histogram;
mod random;
pub mod report;
mod resident;
mod sink;
mod venue;
pub mod wire;

pub use clock::StillClock;
pub use folder::Folder;
pub use histogram::Histogram;
pub use random::Random;
pub use resident::resident_bytes;
pub use sink::SinkStore;
pub use venue::{ADULT, EXTRA_SEATS, Opened, SEATS, key, open, stadium, user, with_extra_seats};
