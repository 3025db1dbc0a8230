//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum, value_parser};
use ticketcore::plan::VenueKind;

/// Sells a whole house under contention and proves afterwards that no seat was sold twice.
///
/// At least 20 hold requests are made for every place, half of them for the best 5 % of the seats. The clock runs
/// faster than real time, so that abandoned holds run out as they would in a real sale. Exit code 0 means: every
/// place was sold, once, and the journal agrees with what the buyers were told.
#[derive(Debug, Parser)]
#[command(name = "onsale")]
pub struct Args {
    /// A seating plan in the open seating-plan JSON
    #[arg(long, value_name = "FILE", conflicts_with = "venue")]
    pub plan: Option<PathBuf>,
    /// A generated venue
    #[arg(long, value_enum, default_value_t = Venue::Stadium)]
    pub venue: Venue,
    /// Where the journals are kept; the folder must be empty or not there [default: a temporary one, removed in the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep the journals in memory: nothing survives the process
    #[arg(long, conflicts_with_all = ["data", "crash_loop"])]
    pub memory: bool,
    /// Sell in a process of its own, kill it N times, and look after each time whether everything it had acknowledged is there
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=10_000), conflicts_with = "report")]
    pub crash_loop: Option<u32>,
    /// This is that process; the number is how many microseconds ago the sale began
    #[arg(long, hide = true, value_name = "MICROS", requires = "data")]
    pub seller: Option<u64>,
    /// Where that process finds the payment gateway, which outlives it
    #[arg(long, hide = true, value_name = "ADDRESS", requires = "seller")]
    pub bank: Option<std::net::SocketAddr>,
    /// Buyer threads [default: 16 for every core; with --memory as many as there are cores, at least 2]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1_024))]
    threads: Option<u16>,
    /// Holds that are walked away from and run out
    #[arg(long, value_name = "PCT", default_value_t = 10, value_parser = value_parser!(u8).range(0..=100))]
    pub abandon: u8,
    /// Payments that are declined: the seats are free again
    #[arg(long, value_name = "PCT", default_value_t = 5, value_parser = value_parser!(u8).range(0..=100))]
    pub payment_failures: u8,
    /// Calls of the payment gateway whose answer is lost, half of them before they had an effect, half after
    #[arg(long, value_name = "PCT", default_value_t = 0, value_parser = value_parser!(u8).range(0..=50))]
    pub gateway_timeouts: u8,
    /// Payments of which nothing is known until the order is dead, and which succeed then
    #[arg(long, value_name = "PCT", default_value_t = 0, value_parser = value_parser!(u8).range(0..=50))]
    pub late_money: u8,
    /// Buyers who change their mind: all their money goes back, and their seats are sold again
    #[arg(long, value_name = "PCT", default_value_t = 0, value_parser = value_parser!(u8).range(0..=50))]
    pub refunds: u8,
    /// Requests for the best available seats; all others name their seats
    #[arg(long, value_name = "PCT", default_value_t = 20, value_parser = value_parser!(u8).range(0..=100))]
    pub best_available: u8,
    /// Requests sent twice: double clicks with one key, and orders opened again under another
    #[arg(long, value_name = "PCT", default_value_t = 10, value_parser = value_parser!(u8).range(0..=100))]
    pub duplicates: u8,
    /// How many times faster than real time the sale's clock runs
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = value_parser!(u64).range(1..=10_000))]
    pub speed: u64,
    /// Seed of all draws; the order in which threads get their turn stays the machine's
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print one JSON object as the last line
    #[arg(long)]
    pub json: bool,
    /// Write a page about the sale to DIR/index.html
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
}

/// Generated venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Venue {
    /// About 1,200 seats
    Theatre,
    /// About 14,000 seats and 4,000 standing places
    Arena,
    /// 80,000 seats
    Stadium,
}

impl From<Venue> for VenueKind {
    fn from(venue: Venue) -> Self {
        match venue {
            Venue::Theatre => VenueKind::Theatre,
            Venue::Arena => VenueKind::Arena,
            Venue::Stadium => VenueKind::Stadium,
        }
    }
}

impl Args {
    /// Buyer threads.
    pub fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        // Who waits for a disk leaves the core to others.
        let usual = if self.memory { cores.max(2) } else { 16 * cores };
        self.threads.map_or(usual, usize::from)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_checked() {
        Args::command().debug_assert();
        let parse = |line: &str| Args::try_parse_from(line.split(' '));
        let args = parse("onsale").unwrap();
        assert!(args.venue == Venue::Stadium && args.threads() >= 2 && args.plan.is_none() && !args.json);
        assert_eq!(
            (args.abandon, args.payment_failures, args.best_available, args.duplicates),
            (10, 5, 20, 10)
        );
        assert_eq!((args.gateway_timeouts, args.late_money, args.refunds), (0, 0, 0));
        assert_eq!(parse("onsale --venue arena --threads 3").unwrap().threads(), 3);
        assert!(parse("onsale --memory --venue arena").unwrap().memory);
        for wrong in [
            "--memory --data a",
            "--memory --crash-loop 2",
            "--crash-loop 0",
            "--seller 1",
            "--abandon 101",
            "--late-money 51",
            "--bank 127.0.0.1:1",
            "--threads 0",
            "--venue barn",
            "--plan a --venue arena",
            "--speed 0",
        ] {
            assert!(parse(&format!("onsale {wrong}")).is_err(), "{wrong}");
        }
    }
}
