//! How a waiting room behaves in good and bad hours: people, shop and gateway are simulated, room and controller are the real ones.
//!
//! ```sh
//! cargo run --release -p ticketcore --example admission -- --report report
//! ```
//!
//! Prints a line for each scenario and, with `--report`, draws what happened: how many were called and inside, what limit and stock were.

mod crowd;
mod draw;
mod scenario;
mod shop;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crowd::{Outcome, run};
use scenario::Scenario;

/// How a waiting room behaves.
#[derive(Parser)]
struct Args {
    /// One scenario, in place of all: normal, slow-gateway, gateway-outage, mass-abandonment, bots, sell-out.
    #[arg(long)]
    scenario: Option<String>,
    /// Seed of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draws into this folder.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Prints what happened every so many seconds.
    #[arg(long, value_name = "SECONDS")]
    every: Option<usize>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let args = Args::parse();
    let all = Scenario::all();
    let chosen: Vec<&Scenario> =
        all.iter().filter(|found| args.scenario.as_ref().is_none_or(|name| found.name == name)).collect();
    if chosen.is_empty() {
        return Err(format!("there is no such scenario; there are {:?}", all.map(|one| one.name)).into());
    }
    let outcomes: Vec<(&Scenario, Outcome)> =
        chosen.into_iter().map(|scenario| (scenario, run(scenario, args.seed))).collect();
    let mut good = true;
    for (scenario, outcome) in &outcomes {
        for (second, point) in outcome.points.iter().enumerate() {
            if args.every.is_some_and(|every| (second + 1).is_multiple_of(every.max(1))) {
                println!("{} s: {}", second + 1, point.line());
            }
        }
        let wrong = outcome.wrong(scenario);
        good &= wrong.is_empty();
        if args.json {
            println!("{}", outcome.json(scenario, &wrong));
        } else {
            println!("{}", outcome.line(scenario, &wrong));
        }
    }
    if let Some(folder) = &args.report {
        std::fs::create_dir_all(folder)?;
        let page = folder.join("index.html");
        std::fs::write(&page, draw::page(&outcomes)?)?;
        println!("drawn: {}", page.display());
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_keeps_its_bounds_and_recovers_whatever_the_seed() {
        for scenario in Scenario::all() {
            for seed in 0..5 {
                let outcome = run(&scenario, seed);
                let wrong = outcome.wrong(&scenario);
                assert!(wrong.is_empty(), "{} with seed {seed}: {wrong:?}", scenario.name);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let scenario = &Scenario::all()[0];
        assert_eq!(run(scenario, 3).json(scenario, &[]), run(scenario, 3).json(scenario, &[]));
    }

    #[test]
    fn a_page_is_drawn() {
        let all = Scenario::all();
        let outcomes: Vec<_> = all.iter().take(1).map(|scenario| (scenario, run(scenario, 1))).collect();
        assert!(draw::page(&outcomes).unwrap().contains("<svg"));
    }
}
