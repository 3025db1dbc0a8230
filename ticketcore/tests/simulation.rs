//! Some seeds of the simulation, the proof that it finds what it is for, and that a seed is a whole test.

use ticketcore::Refusal;
use ticketcore::testkit::sim::{
    Demand, Flaw, SimulationOptions, SimulationReport, Tally, catch, overload, rare_money, simulate,
};

/// Seeds in which every canary must be caught.
const CANARY_SEEDS: u64 = 300;

fn fail(seed: u64, report: &SimulationReport) {
    let last = report.last_lines.join("\n  ");
    if let Some(violation) = &report.violation {
        panic!("seed {seed}: {violation}\n  {last}");
    }
}

#[test]
fn four_hundred_seeds_keep_every_promise_and_produce_every_kind_of_outcome() {
    let (options, seeds) = (SimulationOptions::default(), 400);
    let mut tally = Tally::default();
    for seed in 0..seeds {
        let report = simulate(seed, &options);
        fail(seed, &report);
        tally.merge(&report.tally);
    }
    assert_eq!(Demand::of(seeds), Demand::AllButRefusals);
    assert_eq!(tally.missing(Demand::of(seeds)), Vec::<String>::new());
}

#[test]
fn an_outcome_that_was_never_produced_is_missed() {
    let nothing = Tally::default();
    let missing = nothing.missing(Demand::Everything);
    for code in Refusal::CODES {
        assert!(missing.contains(&format!("refusal: {code}")), "{code}");
    }
    assert!(nothing.missing(Demand::AllButRefusals).contains(&"fact: order_confirmed".to_owned()));
    assert!(nothing.missing(Demand::of(1)).is_empty(), "one seed need not produce anything");
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

#[test]
fn every_canary_is_caught_by_name() {
    for canary in Flaw::all() {
        if let Err(missed) = catch(canary, 0..CANARY_SEEDS, SimulationOptions::default().steps) {
            panic!("{}: {missed}", canary.name());
        }
    }
}

#[test]
fn a_store_that_does_not_answer_overloads_nobody_but_who_comes_later() {
    overload().expect("it goes on when the store answers");
}

/// Who pays is learnt from the gateway: an order that is dropped for it is what the news of its payment became.
#[test]
fn news_of_a_card_that_is_over_the_limit_may_end_its_order() {
    fail(1_438, &simulate(1_438, &SimulationOptions::default()));
}

/// Two free tickets are given for one.
#[test]
fn free_tickets_may_be_exchanged_for_fewer() {
    fail(1_872, &simulate(1_872, &SimulationOptions::default()));
}

/// The power fails while the first side record makes its file, and the next life's judge asks for it.
#[test]
fn a_side_record_whose_file_was_never_made_is_read_as_none() {
    fail(1_736, &simulate(1_736, &SimulationOptions::default()));
}

#[test]
fn money_comes_right_on_paths_that_are_rare() {
    rare_money().expect("every step can be taken");
}
