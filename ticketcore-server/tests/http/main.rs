//! The real binary, over HTTP.

#[cfg(test)]
mod admission;
mod bad_input;
#[cfg(test)]
mod bots;
mod browse;
mod buying;
#[cfg(test)] // so that lints know it as a test
mod client;
mod codes;
mod coverage;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod disputes;
mod door;
#[cfg(test)]
mod external;
#[cfg(test)]
mod faults;
mod golden;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod prepared;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod server;
mod staff;
mod stopping;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod turns;
#[cfg(test)]
mod waiting_room;
#[cfg(test)]
mod worker;
