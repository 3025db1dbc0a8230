//! What the benchmarks share: venues on sale, requests, a clock that stands still, a store that keeps nothing.

mod clock;
mod random;
mod sink;
mod venue;

pub use clock::StillClock;
pub use random::Random;
pub use sink::SinkStore;
pub use venue::{ADULT, EXTRA_SEATS, Opened, SEATS, key, open, stadium, user, with_extra_seats};
