//! The engine itself over chosen thread schedules: with `--cfg shuttle` a scheduler says at every lock, atomic and swapped pointer which
//! thread moves next (`make shuttle`). Each scenario runs under many random schedules, and under schedules that bring out
//! bugs of small depth: most threads run in order of priority, and a few times priorities change (PCT: Burckhardt et al., *A
//! randomized scheduler with probabilistic guarantees of finding bugs*, ASPLOS 2010). Seeds are fixed.
//!
//! A failure prints its schedule. `SCHEDULE=<what was printed> make shuttle ONLY=<test>` runs that one again.
//!
//! Atomics are sequentially consistent here whatever ordering they ask for; what weaker orderings do is left to the tests with real
//! threads.

#![cfg(shuttle)]
#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

mod deadline;
mod locks;
mod many;
mod opening;
mod order;
mod rebase;
mod view;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

use ticketcore::manifest::Definition;
use ticketcore::store::{Store, StreamId};
use ticketcore::testkit::{Auditor, ManualClock, START, SmallSale};
use ticketcore::{BoxOffice, Canary, CommandError, Hold, Options, Refusal, Revision, SaleState};

const SEED: u64 = 0x7e11_ab1e;
/// Changes of priority in a PCT schedule.
const DEPTH: usize = 4;

/// What runs under one schedule after the other, with a deliberate fault of the engine or none.
type Scenario = fn(Option<Canary>);

fn config(failures: FailurePersistence) -> Config {
    let mut config = Config::new();
    config.stack_size = 1 << 20;
    config.silence_warnings = true;
    config.failure_persistence = failures;
    config
}

fn run(
    scheduler: impl Scheduler + 'static,
    failures: FailurePersistence,
    scenario: impl Fn() + Send + Sync + 'static,
) {
    Runner::new(scheduler, config(failures)).run(scenario);
}

/// Runs `scenario` under so many schedules of each kind.
fn explore(schedules: usize, scenario: Scenario) {
    let sound = move || scenario(None);
    if let Ok(schedule) = std::env::var("SCHEDULE") {
        return run(ReplayScheduler::new_from_encoded(schedule.trim()), FailurePersistence::None, sound);
    }
    let begin = Instant::now();
    run(RandomScheduler::new_from_seed(SEED, schedules), FailurePersistence::Print, sound);
    run(PctScheduler::new_from_seed(SEED, DEPTH, schedules), FailurePersistence::Print, sound);
    println!("{} schedules in {} ms", 2 * schedules, begin.elapsed().as_millis());
}

/// Asserts that `scenario` fails under one of so many schedules of each kind if the engine has this fault.
fn catches(canary: Canary, schedules: usize, scenario: Scenario) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let broken = move || scenario(Some(canary));
        run(RandomScheduler::new_from_seed(SEED, schedules), FailurePersistence::None, broken);
        run(PctScheduler::new_from_seed(SEED, DEPTH, schedules), FailurePersistence::None, broken);
    }));
    assert!(outcome.is_err(), "{} is not caught", canary.name());
}

/// A small sale whose engine may have a fault. The test maintains it.
fn sale(store: Arc<dyn Store>, definition: &Definition, canary: Option<Canary>) -> SmallSale {
    let clock = ManualClock::new(START);
    let shared = Arc::clone(&store);
    let office = office(shared, &clock, canary);
    let event = office.add_event(definition).unwrap();
    office.set_sale_state(event, SaleState::Onsale).wait().unwrap();
    SmallSale { office, event, clock, store }
}

fn office(store: Arc<dyn Store>, clock: &ManualClock, canary: Option<Canary>) -> Arc<BoxOffice> {
    let options = Options {
        clock: Arc::new(clock.clone()),
        manual_expiry: true,
        node: Some(1),
        canary,
        ..Options::default()
    };
    Arc::new(BoxOffice::open_shared(store, options).unwrap())
}

/// The hold, unless it was refused.
#[track_caller]
fn granted(outcome: Result<Hold, CommandError>) -> Result<Hold, Refusal> {
    match outcome {
        Ok(hold) => Ok(hold),
        Err(CommandError::Refused(Refusal::Overloaded { .. })) => panic!("overloaded"),
        Err(CommandError::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("{error}"),
    }
}

/// Where the journal ends for anybody who reads it now.
fn end(sale: &SmallSale) -> Revision {
    Revision(sale.journal().len() as u64)
}

/// Asserts what must hold once nothing is under way.
#[track_caller]
fn sound(sale: &SmallSale) {
    sale.assert_equals_journal();
    Auditor::audit(&*sale.store, StreamId::Event(sale.event)).unwrap();
}
