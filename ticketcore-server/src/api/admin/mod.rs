//! Enough to run a sale: venues with their plans, events, sale states, API keys.

pub mod events;
pub mod keys;
pub mod venues;
