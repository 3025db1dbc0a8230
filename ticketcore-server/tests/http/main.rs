//! The real binary, over HTTP.

mod bad_input;
mod browse;
mod buying;
#[cfg(test)] // so that lints know it as a test
mod client;
mod codes;
mod coverage;
mod door;
#[cfg(test)]
mod server;
mod staff;
mod stopping;
mod waiting_room;
