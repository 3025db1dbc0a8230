//! Seeded simulation of the engine: clients, faulty stores, jumping clocks; every outcome compared with the reference model.
//!
//! ```text
//! cargo run --release -p ticketcore --features testkit --example simulate -- --seeds 0..2000
//! cargo run --release -p ticketcore --features testkit --example simulate -- --seed 17 --trace
//! cargo run --release -p ticketcore --features testkit --example simulate -- --seeds 0..300 --canary half_hold
//! ```
//!
//! Exit code 0 if every promise was kept, or the canary was caught; 1 if not.

use std::process::ExitCode;

use clap::Parser;
use ticketcore::Canary;
use ticketcore::testkit::sim::{SimulationOptions, SimulationReport, Tally, overload, simulate};

/// Seeds from which on every outcome must have been produced.
const SEEDS_FOR_ALL_OUTCOMES: u64 = 1_000;

#[derive(Parser)]
#[command(about = "Seeded simulation of the ticketcore engine")]
struct Args {
    /// Seeds to run, for example 0..2000 (the end is not run).
    #[arg(long, value_parser = seeds, default_value = "0..100")]
    seeds: (u64, u64),
    /// One seed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Steps of each seed before the faults end.
    #[arg(long, default_value_t = SimulationOptions::default().steps)]
    steps: u32,
    /// A fault to put into the engine; it must be caught.
    #[arg(long, value_parser = canary)]
    canary: Option<Canary>,
    /// Print a hash of all that happened, for each seed.
    #[arg(long)]
    trace: bool,
    /// Print how often every outcome was produced.
    #[arg(long)]
    tally: bool,
}

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("two numbers with .. between")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok((number(from)?, number(to)?))
}

fn canary(name: &str) -> Result<Canary, String> {
    let names = || Canary::ALL.map(Canary::name).join(", ");
    Canary::ALL.into_iter().find(|canary| canary.name() == name).ok_or_else(|| format!("one of {}", names()))
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (from, to) = args.seed.map_or(args.seeds, |seed| (seed, seed + 1));
    let options = SimulationOptions { steps: args.steps, canary: args.canary };
    let mut tally = Tally::default();
    let mut facts = 0;
    for seed in from..to {
        let report = simulate(seed, &options);
        if args.trace {
            println!("seed {seed}: {:016x}, {} facts", report.trace_hash, report.facts);
        }
        if report.violation.is_some() {
            return found(seed, &args, &report);
        }
        tally.merge(&report.tally);
        facts += report.facts;
    }
    if args.tally {
        tally.counts().for_each(|(name, count)| println!("{count:>9}  {name}"));
    }
    if let Some(canary) = args.canary {
        println!("canary {} was not caught in {} seeds", canary.name(), to - from);
        return ExitCode::FAILURE;
    }
    if to - from >= SEEDS_FOR_ALL_OUTCOMES {
        match overload() {
            Ok(more) => tally.merge(&more),
            Err(violation) => {
                println!("overload: {violation}");
                return ExitCode::FAILURE;
            }
        }
        let missing = tally.missing();
        if !missing.is_empty() {
            println!("never produced: {}", missing.join(", "));
            return ExitCode::FAILURE;
        }
    }
    println!("{} seeds, {facts} facts: every promise was kept", to - from);
    ExitCode::SUCCESS
}

fn found(seed: u64, args: &Args, report: &SimulationReport) -> ExitCode {
    let Some(violation) = &report.violation else { return ExitCode::SUCCESS };
    if let Some(canary) = args.canary {
        println!("canary {} caught: {} at seed {seed}", canary.name(), violation.invariant);
        println!("  {violation}");
        return ExitCode::SUCCESS;
    }
    report.last_lines.iter().for_each(|line| println!("  {line}"));
    println!("{violation}");
    println!(
        "again: cargo run --release -p ticketcore --features testkit --example simulate -- --seed {seed} --steps {}",
        args.steps
    );
    ExitCode::FAILURE
}
