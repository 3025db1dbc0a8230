//! What is needed to test an engine, a store or a host against the promises this crate makes (feature `testkit`).

pub mod audit;
mod clock;
pub mod conformance;
mod disk;
mod fault;
mod faulty;
pub mod model;
mod outcomes;
mod rng;
pub mod sim;
pub(crate) mod small_sale;
pub mod table;
mod timeline;
mod two_nodes;

pub use audit::{AuditError, AuditSummary, Auditor};
pub use clock::ManualClock;
pub use disk::{Left, MemoryDisk, SECTOR, Trouble, decode_store_file};
pub use fault::{Call, Fault, FaultOdds};
pub use faulty::FaultyStore;
pub use model::{BesideCommand, Command, Generator, Model, ModelAnswer};
pub use outcomes::{held, refused};
pub use rng::Rng;
pub use small_sale::{ADULT, FLOOR, START, SmallSale, key};
pub use timeline::{Moment, Timeline};
pub use two_nodes::{TwoNodes, rebased};

pub use crate::ticket::revoked_form::decode_revocations;
