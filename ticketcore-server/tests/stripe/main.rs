//! Payments through Stripe, against a strict stand-in of our own and against localstripe.
#![expect(clippy::unwrap_used, reason = "a failure in a test is the test's own failure")]

mod lists;
mod local;
mod network;
mod promises;
mod purchase;
mod random;
mod shop;
mod stub;
mod webhooks;
