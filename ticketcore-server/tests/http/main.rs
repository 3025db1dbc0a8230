//! The real binary, over HTTP.

mod bad_input;
#[cfg(test)]
mod bots;
mod browse;
mod buying;
#[cfg(test)] // so that lints know it as a test
mod client;
mod codes;
mod coverage;
mod door;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod server;
mod staff;
mod stopping;
