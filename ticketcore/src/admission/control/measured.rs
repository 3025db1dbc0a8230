//! [`Measured`]: what the controller knows.

use crate::time::UtcMs;

/// What the controller knows at a step. What is absent is not known; numbers that can't be (negative, not a number) count as absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// When it was measured.
    pub at: UtcMs,
    /// People who wait and were not called.
    pub waiting: u64,
    /// Positions called within the time that people have to come.
    pub called_lately: u64,
    /// People who came in within the same time.
    pub came_lately: u64,
    /// People inside.
    pub active: u32,
    /// Of these, who may still want tickets; all of them if absent.
    pub browsing: Option<u32>,
    /// Positions whose time to come ended since the last step, however they used it.
    pub calls_ended: u64,
    /// People who came in since the last step.
    pub came: u64,
    /// People who went out since the last step, by themselves or because their time was over.
    pub went: u64,
    /// Tickets that these had taken.
    pub taken: u64,
    /// How the shop is doing.
    pub health: Option<Health>,
    /// What is left.
    pub stock: Option<Stock>,
}

/// How the shop is doing, by the last ten seconds or so: what is older says nothing of now, and a mean over so many requests, rather than so much
/// time, would stand still when few are let in. What is absent did not happen lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Health {
    /// When it was measured.
    pub at: UtcMs,
    /// How long a checkout takes, 99 of 100 times, in milliseconds.
    pub checkout_p99_ms: Option<f64>,
    /// The part of requests that failed on the server's side, 0 to 1.
    pub errors: Option<f64>,
    /// The part of requests that were turned away for load, 0 to 1.
    pub shed: Option<f64>,
    /// How long the gateway takes to authorise, in milliseconds.
    pub authorise_ms: Option<f64>,
    /// The gateway is out: nothing can be paid. Nobody is called.
    pub gateway_out: bool,
    /// The gateway was out and is being tried again, which takes people who pay: as few as may always be inside.
    pub gateway_on_trial: bool,
}

/// What is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Places that can be held now.
    pub free: u64,
    /// Places that are held: some of them will come back.
    pub held: u64,
}
