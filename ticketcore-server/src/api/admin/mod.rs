//! Enough to run a sale: venues with their plans, events, sale states, orders, waiting rooms, API keys.

pub mod events;
pub mod findings;
pub mod keys;
pub mod orders;
pub mod venues;
pub mod waiting_rooms;
