//! Payments through Stripe, against a strict stand-in of our own and against localstripe.
#![expect(clippy::unwrap_used, reason = "a failure in a test is the test's own failure")]

#[cfg(test)] // so that lints know it as a test
#[path = "../http/client.rs"]
#[expect(dead_code, reason = "shared with the tests over HTTP, which use more of it")]
mod client;
mod currencies;
mod disputes;
mod instruments;
mod lists;
mod local;
mod network;
mod promises;
mod purchase;
mod random;
mod returns;
#[cfg(test)]
#[path = "../http/server.rs"]
#[expect(dead_code, reason = "shared with the tests over HTTP, which use more of it")]
mod server;
mod shop;
mod stub;
mod webhooks;
