//! Every figure of the server beside what a bare hyper server does in the same run on the same machine.
//!
//! `cargo run --release -p ticketcore-benches --bin http -- [--json] [--only NAME] [--seconds N]`
//!
//! Both servers are processes of their own: this program again, with a hidden argument. Ours opens a store on the disk in which every
//! acknowledgement waits for a sync, and does what `ticketcore-server serve` does. The bare one answers the same requests with the same
//! bytes, headers included, that ours was heard to answer. The clients are in this process: keep-alive connections over loopback, one request
//! at a time each, on one thread. Bare and ours take turns; a figure is the median of its rounds.

mod bare;
mod buying;
mod child;
mod holds;
mod load;
mod overload;
mod purchases;
mod reads;
mod rooms;
mod serving;
mod shop;
mod stream;
mod visible;

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use clap::Parser;
use ticketcore_benches::report::{self, Figure};

/// Measures the server beside bare hyper.
#[derive(Parser)]
struct Arguments {
    /// Print one JSON object a row.
    #[arg(long)]
    json: bool,
    /// Only figures whose name contains this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// How long a round takes.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Be this server.
    #[arg(long, hide = true, requires = "folder")]
    child: Option<String>,
    /// The server's folder.
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
    /// Stadiums the server sells.
    #[arg(long, hide = true, default_value_t = 1)]
    stadiums: usize,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
type Figures = Pin<Box<dyn Future<Output = Outcome<Vec<Figure>>>>>;

/// Figures that are measured together, by their names.
type Group = (&'static [&'static str], fn(Duration) -> Figures);

/// Rounds of every figure.
const ROUNDS: usize = 5;
/// Connections of the figures that do not say otherwise.
const CONNECTIONS: usize = 64;

const GROUPS: [Group; 8] = [
    (reads::NAMES, |time| Box::pin(reads::measure(time))),
    (holds::ACCEPTED, |time| Box::pin(holds::accepted(time))),
    (holds::REFUSED, |time| Box::pin(holds::refused(time))),
    (purchases::NAMES, |time| Box::pin(purchases::measure(time))),
    (rooms::NAMES, |time| Box::pin(rooms::measure(time))),
    (visible::NAMES, |time| Box::pin(visible::measure(time))),
    (stream::NAMES, |time| Box::pin(stream::measure(time))),
    (overload::NAMES, |time| Box::pin(overload::measure(time))),
];

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    if let (Some(child), Some(folder)) = (&arguments.child, &arguments.folder) {
        return match child.as_str() {
            "server" => serving::run(folder, arguments.stadiums),
            "bare" => bare::run(folder),
            _ => Err(format!("no such child: {child}").into()),
        };
    }
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| name.contains(only));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    report::print_head(arguments.json);
    for (names, measure) in GROUPS {
        if names.iter().any(|name| wanted(name)) {
            let figures = runtime.block_on(measure(Duration::from_secs(arguments.seconds)))?;
            for figure in figures.iter().filter(|figure| wanted(figure.name)) {
                report::print(figure, arguments.json);
            }
        }
    }
    Ok(())
}
