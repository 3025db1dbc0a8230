//! Any sequence of commands, clock jumps, closings and snapshots, on one node or on two that share a store: no panic, no stop,
//! every command is answered, and the live state is what the journal leads to. See `ticketcore_fuzz::run`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ticketcore_fuzz::{Script, run};

fuzz_target!(|script: Script| run(&script));
