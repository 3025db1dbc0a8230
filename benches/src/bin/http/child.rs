//! Servers in processes of their own, seen from here.

use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use ticketcore_benches::Folder;
use ticketcore_benches::guard::process_ticks;

use crate::Outcome;

/// What a server says when it is ready.
#[derive(Serialize, Deserialize)]
pub struct Ready {
    /// Where it listens.
    pub address: SocketAddr,
    /// An API key that allows everything.
    pub key: String,
    /// The stadiums' events.
    pub events: Vec<String>,
}

/// A server in a process of its own.
pub type Child = ticketcore_benches::child::Child<Ready>;

/// Starts one, and waits until it is ready. `prepare` puts into its folder what it needs.
pub fn start(
    name: &str,
    stadiums: usize,
    prepare: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Outcome<Child> {
    let folder = Folder::new()?;
    prepare(&folder.0)?;
    Child::start(folder, ["--child", name, "--stadiums", &stadiums.to_string()])
}

/// What it has used of the processors, in microseconds.
pub fn cpu_us(child: &Child) -> f64 {
    process_ticks(&child.id().to_string()).map_or(f64::NAN, |ticks| ticks * 10_000.0)
}
