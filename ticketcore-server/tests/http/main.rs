//! The real binary, over HTTP.

mod bad_input;
mod browse;
mod buying;
mod client;
mod codes;
mod coverage;
mod door;
mod server;
mod staff;
mod stopping;
