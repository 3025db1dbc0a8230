//! Every figure of the engine beside the limit it stands against, measured in the same run on the same machine.
//!
//! `cargo run --release -p ticketcore-benches --bin limits -- [--json] [--only NAME]`
//!
//! Every figure is measured several times; the table says the median and the extremes, and how much of the machine others used
//! meanwhile. Box offices run with their defaults, maintenance thread and system clock included, but without background snapshots,
//! unless a figure says otherwise. What the limits do is in `bare.rs`.

mod bare;
mod best;
mod churn;
mod contended;
mod durable;
mod expiry;
mod limiter;
mod map;
mod memory;
mod orders;
mod pairs;
mod process;
mod refusals;
mod replay;
mod rounds;
mod tickets;

use clap::Parser;

use ticketcore_benches::report::{self, Figure};

/// Measures the engine beside its limits.
#[derive(Parser)]
struct Arguments {
    /// Print one JSON object a row.
    #[arg(long)]
    json: bool,
    /// Only figures whose name contains this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Be the process in which this is measured.
    #[arg(long, hide = true)]
    child: Option<String>,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Figures that are measured together, by their names.
type Group = (&'static [&'static str], fn() -> Outcome<Vec<Figure>>);

const GROUPS: [Group; 17] = [
    (pairs::NAMES, pairs::measure),
    (contended::NAMES, contended::measure),
    (best::NAMES, best::measure),
    (refusals::NAMES, refusals::measure),
    (map::NAMES, map::measure),
    (limiter::NAMES, limiter::measure),
    (memory::NAMES, memory::measure),
    (churn::NAMES, churn::measure),
    (expiry::NAMES, expiry::measure),
    (orders::NAMES, orders::measure),
    (replay::NAMES, replay::measure),
    (tickets::NAMES, tickets::measure),
    (durable::THROUGHPUT, durable::throughput),
    (durable::LATENCY, durable::latency),
    (durable::CROWD, durable::crowd),
    (durable::OPENING, durable::opening),
    (durable::ROOM, durable::room),
];

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    if let Some(child) = arguments.child {
        return process::run(&child);
    }
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| name.contains(only));
    report::print_head(arguments.json);
    for (names, measure) in GROUPS {
        if names.iter().any(|name| wanted(name)) {
            for figure in measure()?.iter().filter(|figure| wanted(figure.name)) {
                report::print(figure, arguments.json);
            }
        }
    }
    Ok(())
}
