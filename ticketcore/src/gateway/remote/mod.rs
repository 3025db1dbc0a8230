//! A sandbox in another process: its ledger survives who calls it.

mod client;
mod server;
#[cfg(test)]
mod tests;
mod wire;

pub use client::SandboxClient;
pub use server::SandboxServer;
