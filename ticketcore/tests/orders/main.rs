//! Orders that a gateway pays, through the box office: every row of the table of transitions, every path that money and tickets take.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

mod after;
mod attempts;
mod bank;
mod codes;
mod desk;
mod disputes;
mod door;
mod keys;
mod late;
mod paths;
mod refunds;
mod returned;
mod rows;
mod saga;
mod stores;
mod swaps;
