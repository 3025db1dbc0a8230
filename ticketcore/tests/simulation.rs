//! Some seeds of the simulation, the proof that it finds what it is for, and that a seed is a whole test.

use ticketcore::testkit::sim::{SimulationOptions, SimulationReport, overload, simulate};
use ticketcore::{Canary, Invariant};

/// Seeds in which every canary must be caught.
const CANARY_SEEDS: u64 = 60;

fn fail(seed: u64, report: &SimulationReport) {
    let last = report.last_lines.join("\n  ");
    if let Some(violation) = &report.violation {
        panic!("seed {seed}: {violation}\n  {last}");
    }
}

#[test]
fn sixty_seeds_keep_every_promise() {
    let options = SimulationOptions::default();
    for seed in 0..60 {
        fail(seed, &simulate(seed, &options));
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let options = SimulationOptions::default();
    for seed in 1_000..1_012 {
        let (one, two) = (simulate(seed, &options), simulate(seed, &options));
        assert_eq!(
            (one.trace_hash, one.facts, one.tally),
            (two.trace_hash, two.facts, two.tally),
            "seed {seed}"
        );
    }
}

/// The invariants by which a canary may be caught: what it breaks, and what follows from that at once.
const fn broken_by(canary: Canary) -> &'static [Invariant] {
    use Invariant as I;
    match canary {
        Canary::SkipVersionCheck => &[I::I8SameFacts],
        Canary::LateExpiry => &[I::I4DeadIsDead],
        Canary::ForgetIdempotency => &[I::I3OneAnswer],
        Canary::HalfHold => &[I::I1OneOwner, I::I2Conservation, I::I8SameFacts],
        Canary::AckEarly => &[I::I5Durable],
        Canary::StaleRefusal => &[I::I6NoGhosts],
        Canary::LostUndo => &[I::I1OneOwner, I::I2Conservation, I::I8SameFacts],
    }
}

#[test]
fn every_canary_is_caught_by_name() {
    for canary in Canary::ALL {
        let options = SimulationOptions { canary: Some(canary), ..SimulationOptions::default() };
        let found = (0..CANARY_SEEDS).find_map(|seed| simulate(seed, &options).violation);
        match found {
            Some(violation) if broken_by(canary).contains(&violation.invariant) => {}
            Some(violation) => panic!("{} is caught as {violation}", canary.name()),
            None => panic!("{} is not caught in {CANARY_SEEDS} seeds", canary.name()),
        }
    }
}

#[test]
fn a_store_that_does_not_answer_overloads_nobody_but_who_comes_later() {
    overload().expect("it goes on when the store answers");
}
