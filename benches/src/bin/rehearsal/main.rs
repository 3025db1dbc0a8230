//! A sale from the first in the queue to the last seat, over TCP, on one machine.
//!
//! ```sh
//! cargo run --release -p ticketcore-benches --bin rehearsal -- --users 1000000 --seats 80000 --report report --json
//! ```
//!
//! A server process sells; this process is everybody else: it joins the waiting room for each user, lets them come when they are called,
//! browse, hold, pay, fail to pay, abandon; a tenth are bots that flood, share their tokens and hold what they will not buy. Every join, admission,
//! hold and order is a request. Not every user polls while he waits (the loader watches the public status for them; skipped polls are
//! declared): who is called asks to come in. When all is sold the server is killed and its journals are audited.

mod books;
mod crowd;
mod joining;
mod page;
mod pool;
mod reading;
mod sale;
mod serving;
mod shopper;
mod staff;
mod told;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use ticketcore::store::{LocalStore, Store, StreamId};
use ticketcore::testkit::Auditor;
use ticketcore_benches::child::Fault;
use tokio::time::Instant;

use books::{Books, Verdict};
use crowd::Crowd;
use pool::Pool;

/// Whether suspicious people are looked at more closely.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Controls {
    On,
    Off,
}

/// A sale from the first in the queue to the last seat.
#[derive(Clone, Parser)]
struct Args {
    /// People who want tickets, bots included.
    #[arg(long, default_value_t = 20_000)]
    users: u32,
    /// Seats to sell, up to 80,000.
    #[arg(long, default_value_t = 5_000)]
    seats: u32,
    /// Of a thousand users, so many are bots.
    #[arg(long, default_value_t = 100)]
    bots_permille: u32,
    /// Whether bots are looked for.
    #[arg(long, value_enum, default_value_t = Controls::On)]
    controls: Controls,
    /// Draws a page into this folder.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Prints one JSON object, in place of lines.
    #[arg(long)]
    json: bool,
    /// The sale is cut off after so many seconds.
    #[arg(long, default_value_t = 480)]
    seconds: u64,
    /// Be the server.
    #[arg(long, hide = true, requires = "folder")]
    server: bool,
    /// The server's folder.
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
}

type Outcome<T> = Result<T, Fault>;

/// Availability is read so often for each purchase.
const READS_PER_PURCHASE: u64 = 100;

fn main() -> Outcome<ExitCode> {
    let args = Args::parse();
    if let (true, Some(folder)) = (args.server, &args.folder) {
        serving::run(folder, &args)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(rehearse(&args))
}

async fn rehearse(args: &Args) -> Outcome<ExitCode> {
    let began = Instant::now();
    let child = serving::start(args)?;
    let crowd = Arc::new(Crowd::new(args, child.ready.clone()));
    let books = Arc::new(Books::default());
    let staff = staff::Staff::new(&crowd);
    staff.prepare(args).await?;
    let early = joining::prequeue(&crowd, &books).await?;
    eprintln!("{} joined, {:.0} s", early, began.elapsed().as_secs_f64());
    let order = staff.draw().await?;
    crowd.drawn(order);
    staff.open().await?;
    eprintln!("drawn and open, {:.0} s", began.elapsed().as_secs_f64());
    sale::run(&crowd, &books, args.seats, Duration::from_secs(args.seconds)).await?;
    eprintln!("over, {:.0} s", began.elapsed().as_secs_f64());
    books.note_memory(&child);
    let folder = child.kill().ok_or("the server has no folder")?;
    let violations = audit(&folder.0)?;
    let mut verdict = Verdict::new(args, &crowd, &books, violations);
    verdict.seconds = began.elapsed().as_secs_f64();
    let wrong = verdict.wrong(args);
    if args.json {
        println!("{}", verdict.json(&wrong));
    } else {
        print!("{}", verdict.lines(&wrong));
    }
    if let Some(folder) = &args.report {
        page::write(folder, &verdict, &books, &wrong)?;
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every violation of an invariant that the journals show.
fn audit(folder: &Path) -> Outcome<Vec<String>> {
    let store = LocalStore::open_read_only(folder.join("store"))?;
    let mut violations = Vec::new();
    for stream in store.streams()? {
        if let StreamId::Event(event) = stream
            && let Err(error) = Auditor::audit(&store, stream)
        {
            violations.push(format!("{event}: {error}"));
        }
    }
    Ok(violations)
}

/// A connection to the server, for whoever needs one.
fn pool(crowd: &Crowd, connections: usize) -> Arc<Pool> {
    Arc::new(Pool::new(crowd.ready.address, connections))
}
