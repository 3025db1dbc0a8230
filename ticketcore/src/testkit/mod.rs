//! What is needed to test an engine, a store or a host against the promises this crate makes (feature `testkit`; the auditor alone:
//! feature `audit`).

pub mod audit;
#[cfg(feature = "testkit")]
mod clock;
#[cfg(feature = "testkit")]
pub mod conformance;
#[cfg(feature = "testkit")]
mod disk;
#[cfg(feature = "testkit")]
mod fault;
#[cfg(feature = "testkit")]
mod faulty;
#[cfg(feature = "testkit")]
pub mod model;
#[cfg(feature = "testkit")]
mod outcomes;
#[cfg(feature = "testkit")]
mod rng;
#[cfg(feature = "testkit")]
pub mod sim;
#[cfg(feature = "testkit")]
pub(crate) mod small_sale;
#[cfg(feature = "testkit")]
pub mod table;
#[cfg(feature = "testkit")]
mod timeline;
#[cfg(feature = "testkit")]
mod two_nodes;

pub use audit::{AuditError, AuditSummary, Auditor};
#[cfg(feature = "testkit")]
pub use clock::ManualClock;
#[cfg(feature = "testkit")]
pub use disk::{Left, MemoryDisk, SECTOR, Trouble, decode_store_file};
#[cfg(feature = "testkit")]
pub use fault::{Call, Fault, FaultOdds};
#[cfg(feature = "testkit")]
pub use faulty::FaultyStore;
#[cfg(feature = "testkit")]
pub use model::{BesideCommand, Command, Generator, Model, ModelAnswer};
#[cfg(feature = "testkit")]
pub use outcomes::{held, refused};
#[cfg(feature = "testkit")]
pub use rng::Rng;
#[cfg(feature = "testkit")]
pub use small_sale::{ADULT, FLOOR, START, SmallSale, key};
#[cfg(feature = "testkit")]
pub use timeline::{Moment, Timeline};
#[cfg(feature = "testkit")]
pub use two_nodes::{TwoNodes, rebased};

#[cfg(feature = "testkit")]
pub use crate::ticket::revoked_form::decode_revocations;
