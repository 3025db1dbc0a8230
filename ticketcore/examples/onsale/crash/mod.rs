//! Killing the seller: a parent starts a process that sells, hears of every acknowledgement as it is given, kills the process at any
//! moment, and looks into the journals afterwards.

mod acks;
mod parent;
mod seller;
mod traces;

pub use parent::kill_again_and_again;
pub use seller::seller;

/// Whatever went wrong.
pub type Failure = Box<dyn std::error::Error>;
