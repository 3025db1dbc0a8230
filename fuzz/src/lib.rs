//! What the fuzz target `commands` does: a [`Script`] of steps is run against a small event and judged; and the key of `ticket_code`.

mod ask;
mod asked;
mod event;
mod judge;
mod script;
mod shadow;
mod table;
mod tickets;

pub use event::definition;
pub use script::Script;
pub use tickets::{TICKET_NOW, ticket_keys};

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
