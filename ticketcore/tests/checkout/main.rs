//! The checkout driver and the reconciler, end to end: a box office, a sandbox gateway with its ledger, and every way in which what lies
//! between them breaks.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

mod crashes;
mod gateways;
mod lists;
mod refunds;
mod scripts;
mod shop;
mod threads;
