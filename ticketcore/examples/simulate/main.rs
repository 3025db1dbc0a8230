//! Seeded simulation of the engine: clients, faulty stores, failing disks, jumping clocks; every outcome compared with the reference model.
//!
//! ```text
//! cargo run --release -p ticketcore --features testkit --example simulate -- --seeds 0..2000
//! cargo run --release -p ticketcore --features testkit --example simulate -- --seed 17 --trace
//! cargo run --release -p ticketcore --features testkit --example simulate -- --seeds 0..300 --canaries
//! ```
//!
//! Exit code 0 if every promise was kept and every outcome demanded of so many seeds was produced, or the canaries were caught by the
//! names of the invariants they break; 1 if not.

use std::ops::Range;
use std::process::ExitCode;

use clap::Parser;
use ticketcore::testkit::sim::{
    Demand, Flaw, SimulationOptions, Tally, catch, overload, rare_money, simulate,
};

#[derive(Parser)]
#[command(about = "Seeded simulation of the ticketcore engine")]
struct Args {
    /// Seeds to run, for example 0..2000 (the end is not run).
    #[arg(long, value_parser = seeds, default_value = "0..200")]
    seeds: (u64, u64),
    /// One seed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Steps of each seed before the faults end.
    #[arg(long, default_value_t = SimulationOptions::default().steps)]
    steps: u32,
    /// A fault to put into the engine or the local store; it must be caught by the name of the invariant it breaks.
    #[arg(long, value_parser = canary)]
    canary: Option<Flaw>,
    /// Every such fault, one after the other.
    #[arg(long, conflicts_with = "canary")]
    canaries: bool,
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

fn canary(name: &str) -> Result<Flaw, String> {
    let names = || Flaw::all().map(Flaw::name).collect::<Vec<_>>().join(", ");
    Flaw::all().find(|canary| canary.name() == name).ok_or_else(|| format!("one of {}", names()))
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seeds = args.seed.map_or(args.seeds.0..args.seeds.1, |seed| seed..seed + 1);
    if args.canaries {
        return catch_all(&Flaw::all().collect::<Vec<_>>(), &seeds, args.steps);
    }
    match args.canary {
        Some(canary) => catch_all(&[canary], &seeds, args.steps),
        None => keep_promises(&args, seeds),
    }
}

/// Every seed keeps every promise, and together they produce what they must.
fn keep_promises(args: &Args, seeds: Range<u64>) -> ExitCode {
    let options = SimulationOptions { steps: args.steps, canary: None };
    let (count, demand) = (seeds.end.saturating_sub(seeds.start), Demand::of(seeds.end - seeds.start));
    let (mut tally, mut facts) = (Tally::default(), 0);
    for seed in seeds {
        let report = simulate(seed, &options);
        if args.trace {
            println!("seed {seed}: {:016x}, {} facts", report.trace_hash, report.facts);
        }
        if let Some(violation) = &report.violation {
            report.last_lines.iter().for_each(|line| println!("  {line}"));
            println!("{violation}");
            let command = "cargo run --release -p ticketcore --features testkit --example simulate";
            println!("again: {command} -- --seed {seed} --steps {}", args.steps);
            return ExitCode::FAILURE;
        }
        tally.merge(&report.tally);
        facts += report.facts;
    }
    if demand == Demand::Everything {
        for (what, directed) in [("overload", overload()), ("rare money", rare_money())] {
            match directed {
                Ok(more) => tally.merge(&more),
                Err(violation) => {
                    println!("{what}: {violation}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    if args.tally {
        tally.counts().for_each(|(name, count)| println!("{count:>9}  {name}"));
    }
    println!("{count} seeds, {facts} facts: every promise was kept");
    let missing = tally.missing(demand);
    if missing.is_empty() {
        println!("outcomes: {demand}");
        ExitCode::SUCCESS
    } else {
        println!("outcomes: {demand}; never produced: {}", missing.join(", "));
        ExitCode::FAILURE
    }
}

/// Every canary is caught by the name of the invariant it breaks.
fn catch_all(canaries: &[Flaw], seeds: &Range<u64>, steps: u32) -> ExitCode {
    // A canary may break what the engine asserts about itself: that counts as a violation, and its message is part of it.
    std::panic::set_hook(Box::new(|_| {}));
    let mut all = ExitCode::SUCCESS;
    for &canary in canaries {
        match catch(canary, seeds.clone(), steps) {
            Ok(caught) => println!("canary {} caught: {caught}", canary.name()),
            Err(missed) => {
                println!("canary {} not caught: {missed}", canary.name());
                all = ExitCode::FAILURE;
            }
        }
    }
    all
}
