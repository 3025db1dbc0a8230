//! Measurements in processes of their own: this program again, with a hidden argument. A child answers with one JSON list of numbers.

use std::process::Command;

use crate::{Outcome, churn, memory};

/// Starts a child and waits for its numbers. `stable_heap` fixes the allocator's thresholds (glibc), so that memory the child frees goes
/// back to the system at once and its resident size says what is alive.
pub fn start(child: &str, stable_heap: bool) -> Outcome<Vec<f64>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", child]);
    if stable_heap {
        command.envs([
            ("MALLOC_MMAP_THRESHOLD_", "131072"),
            ("MALLOC_TRIM_THRESHOLD_", "131072"),
            ("MALLOC_ARENA_MAX", "1"),
        ]);
    }
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{child}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Is a child.
pub fn run(child: &str) -> Outcome<()> {
    let numbers = match child {
        "empty" => vec![resident_bytes()?],
        "sold" => memory::sold(false)?,
        "sold-sink" => memory::sold(true)?,
        "churn" => churn::cycles(false)?,
        "churn-keyed" => churn::cycles(true)?,
        _ => return Err(format!("no such child: {child}").into()),
    };
    println!("{}", serde_json::to_string(&numbers)?);
    Ok(())
}

/// The resident size of this process.
pub fn resident_bytes() -> Outcome<f64> {
    Ok(ticketcore_benches::resident_bytes("self")?)
}
