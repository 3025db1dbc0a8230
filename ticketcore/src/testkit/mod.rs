//! What is needed to test an engine, a store or a host against the promises this crate makes (feature `testkit`).

mod clock;
pub mod conformance;
mod fault;
mod faulty;
mod rng;
mod small_sale;
mod timeline;

pub use clock::ManualClock;
pub use fault::{Call, Fault, FaultOdds};
pub use faulty::FaultyStore;
pub use rng::Rng;
pub use small_sale::{ADULT, FLOOR, START, SmallSale, key};
pub use timeline::{Moment, Timeline};
