//! A thin HTTP front of the ticketcore engine.
#![forbid(unsafe_code)]

pub mod stripe;
