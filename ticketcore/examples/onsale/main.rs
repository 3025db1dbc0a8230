//! A whole on-sale: a venue, a crowd, everything sold, and the proof that nothing was sold twice.
//!
//! ```text
//! cargo run --release --example onsale
//! cargo run --release --example onsale -- --venue arena --threads 8 --report onsale-report
//! ```

mod args;
mod books;
mod buyer;
mod clock;
mod crash;
mod histogram;
mod house;
mod journal;
mod ordered;
mod page;
mod print;
mod purchase;
mod rng;
mod sweep;
mod tally;
mod till;
mod twin;
mod wish;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use ticketcore::gateway::Totals;

use args::Args;
use buyer::{Buyer, Crowd};
use house::House;
use journal::Journal;
use tally::Tally;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Everything there is to say about the sale.
pub struct Outcome {
    /// What the buyers saw.
    pub tally: Tally,
    /// What the journal says.
    pub journal: Journal,
    /// What the gateway says.
    pub money: Totals,
    /// Sales and charges that one account has and another has not.
    pub lost: u64,
    /// From a decline to the release of its seats, 99 of 100, in real milliseconds.
    pub decline_release_p99_ms: f64,
    /// Whether everything was sold.
    pub sold_out: bool,
    /// Seats and places sold.
    pub sold: u64,
    /// Places still free when the crowd had made all its attempts.
    pub swept: u64,
    /// Buyer threads.
    pub threads: usize,
    /// Attempts of the crowd, and how many of them got a hold.
    pub crowd: (u64, u64),
    /// Real time from the opening to the last attempt of the crowd.
    pub crowd_took: Duration,
    /// Real time from the opening to the end.
    pub took: Duration,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("onsale: {error}");
            ExitCode::from(2)
        }
    }
}

/// True if all is well.
fn run(args: &Args) -> Result<bool, Failure> {
    if let Some(ago) = args.seller {
        return crash::seller(args, Duration::from_micros(ago)).map_err(|error| error.to_string().into());
    }
    if let Some(times) = args.crash_loop {
        return crash::kill_again_and_again(args, times).map_err(|error| error.to_string().into());
    }
    let house = House::build(args).map_err(|error| error.to_string())?;
    house.open_sale().map_err(|error| error.to_string())?;
    let outcome = sell(&house, args)?;
    if let Some(dir) = &args.report {
        page::write(dir, &house, args, &outcome).map_err(|error| format!("{}: {error}", dir.display()))?;
    }
    if args.json {
        println!("{}", print::json(&house, args, &outcome));
    } else {
        print!("{}", print::text(&house, args, &outcome));
    }
    for violation in &outcome.journal.violations.first {
        eprintln!("violation: {violation}");
    }
    Ok(outcome.sold_out && outcome.journal.violations.count == 0)
}

fn sell(house: &House, args: &Args) -> Result<Outcome, Failure> {
    let threads = args.threads();
    let bank = till::bank(args, std::sync::Arc::<clock::FastClock>::clone(&house.clock));
    let till =
        till::open(&house.office, std::sync::Arc::<ticketcore::gateway::SandboxGateway>::clone(&bank))?;
    let crowd = Crowd::new(house, threads);
    let opened = Instant::now();
    let mut tally = Tally::default();
    let mut crowd_done = opened;
    std::thread::scope(|scope| -> Result<(), Failure> {
        let work = |thread| {
            let mut buyer = Buyer::new(house, &till, &crowd, args, thread);
            buyer.run().map(|done| (done, buyer.tally))
        };
        let handles: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        show_progress(house, &crowd, || handles.iter().all(|handle| handle.is_finished()));
        for handle in handles {
            let (done, seen) = handle.join().map_err(|_| "a buyer thread panicked")??;
            crowd_done = crowd_done.max(done);
            tally.merge(seen);
        }
        Ok(())
    })?;
    let crowd_made = (tally.attempts, tally.placed);
    let left = house.capacity - house.sold()?;
    let mut last = Buyer::new(house, &till, &crowd, args, threads);
    let sold_out = sweep::sweep(house, &mut last)?;
    let took = opened.elapsed();
    tally.merge(last.tally);
    let settled = till::settle(&house.office, house.event, &till)?;
    tally.violations.check(settled, || format!("money is not settled: {:?}", till.last_report()));
    drop(till);
    let mut journal = Journal::read(house, crowd.opened).map_err(|error| error.to_string())?;
    let mut lost = journal.compare(house, &tally)?;
    let currency = house.manifest.rules().currency;
    let (money, unaccounted) = bank.with_ledger(|ledger| books::compare(ledger, &mut journal, currency));
    lost += unaccounted;
    #[cfg(feature = "testkit")]
    journal.audit(house);
    journal.violations.merge(std::mem::take(&mut tally.violations));
    Ok(Outcome {
        sold: house.sold()?,
        decline_release_p99_ms: milliseconds(journal.release_p99_ms(), args.speed),
        money,
        lost,
        tally,
        journal,
        sold_out,
        swept: left,
        threads,
        crowd: crowd_made,
        crowd_took: crowd_done - opened,
        took,
    })
}

/// Real milliseconds of milliseconds of the sale.
#[expect(clippy::cast_precision_loss, reason = "for a report")]
pub fn milliseconds(ms: u64, speed: u64) -> f64 {
    (ms as f64 * 100.0 / speed as f64).round() / 100.0
}

/// Shows on a terminal how far the crowd has come, until it is done.
fn show_progress(house: &House, crowd: &Crowd, done: impl Fn() -> bool) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let bar = ProgressBar::new(crowd.attempts);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40.cyan/blue} {human_pos} of {human_len} attempts, {msg}")
    {
        bar.set_style(style);
    }
    while !done() {
        bar.set_position(crowd.started());
        if let Ok(sold) = house.sold() {
            bar.set_message(format!("{} % sold", sold * 100 / house.capacity));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bar.finish_and_clear();
}
