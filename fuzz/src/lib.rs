//! What the fuzz target `commands` does: a [`Script`] of steps is run against a small event and judged.

mod ask;
mod asked;
mod event;
mod judge;
mod script;
mod shadow;
mod table;

pub use event::definition;
pub use script::Script;

/// Runs a script to its end and judges what came of it.
///
/// # Panics
/// If the engine breaks a promise: that is what the fuzzer looks for.
pub fn run(script: &Script) {
    let mut table = table::Table::open(script.nodes());
    for step in &script.steps {
        table.step(step);
    }
    table.finish();
}
