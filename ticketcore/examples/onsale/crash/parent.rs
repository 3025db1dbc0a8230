//! The process that kills the seller and keeps the books; the payment gateway is here, too, and outlives it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use ticketcore::gateway::{SandboxGateway, SandboxServer, Totals};
use ticketcore::store::{LocalStore, Store, StreamId};
use ticketcore::{BoxOffice, Options, UtcMs};

use super::Failure;
use super::acks::{Ack, Told};
use super::traces::{Traces, Work};
use crate::args::Args;
use crate::clock::FastClock;
use crate::house::Folder;
use crate::journal::Journal;
use crate::print::{money_json, thousands};
use crate::rng::Rng;
use crate::tally::Violations;
use crate::{books, milliseconds, till};

/// Acknowledgements between two kills, at least.
const APART: u64 = 1_000;
/// Requests that are sent again after a crash.
const ASKED_AGAIN: usize = 40;
/// A seller that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What has happened so far.
#[derive(Default)]
struct Books {
    acks: Vec<Ack>,
    asked_again: u64,
    crashes: u32,
    killed_while_opening: u32,
    killed_while: Traces,
    lost: u64,
    violations: Violations,
}

/// The payment gateway, and where sellers find it.
struct Bank {
    gateway: Arc<SandboxGateway>,
    address: SocketAddr,
}

impl Bank {
    /// Serves one seller after the other, each on threads of its own, until this process ends.
    fn open(args: &Args) -> Result<Self, Failure> {
        let gateway = till::bank(args, Arc::new(FastClock::new(args.speed)));
        let door = TcpListener::bind(("127.0.0.1", 0))?;
        let address = door.local_addr()?;
        let server = SandboxServer::new(Arc::clone(&gateway));
        std::thread::spawn(move || {
            for seller in door.incoming().flatten() {
                let server = server.clone();
                std::thread::spawn(move || {
                    // A seller that was killed in the middle of a word has not said it.
                    let _requests = seller.try_clone().and_then(|read| server.serve(read, seller));
                });
            }
        });
        Ok(Self { gateway, address })
    }
}

/// What the last look at the journal showed.
#[derive(Default)]
struct Shown {
    sold: u64,
    places: u64,
    money: Totals,
    decline_release_p99_ms: f64,
    late_confirmed: u64,
    late_refused: u64,
    refunded: u64,
}

/// True if nothing was lost and everything was sold.
pub fn kill_again_and_again(args: &Args, times: u32) -> Result<bool, Failure> {
    let temporary = args.data.is_none().then(Folder::temporary);
    let path = match (&args.data, &temporary) {
        (Some(path), _) => path,
        (None, Some(folder)) => &folder.0,
        (None, None) => return Err("there is no folder".into()),
    };
    std::fs::create_dir_all(path)?;
    let begun = Instant::now();
    let bank = Bank::open(args)?;
    let mut rng = Rng::new(args.seed, u64::MAX);
    let mut books = Books::default();
    let mut sold_out = false;
    while books.crashes < times && !sold_out {
        if books.crashes % 3 == 2 {
            let mut seller = start(args, path, &bank, begun.elapsed(), &[])?;
            std::thread::sleep(Duration::from_micros(rng.below(60_000)));
            seller.process.kill()?;
            books.acks.extend(seller.rest()?);
            books.killed_while_opening += 1;
            look(args, path, &bank, &mut books, false)?;
        }
        let again = last_holds(&books);
        let mut seller = start(args, path, &bank, begun.elapsed(), &again)?;
        let enough = APART + rng.below(APART);
        sold_out = seller.listen(&mut books, Some(enough), again.len())?;
        if !sold_out {
            match Work::of(books.crashes) {
                Some(work) => work.wait(path),
                None => std::thread::sleep(Duration::from_micros(rng.below(20_000))),
            }
            seller.process.kill()?;
            books.crashes += 1;
        }
        books.acks.extend(seller.rest()?);
        look(args, path, &bank, &mut books, false)?;
        progress(&books);
    }
    if !sold_out {
        let again = last_holds(&books);
        let mut seller = start(args, path, &bank, begun.elapsed(), &again)?;
        sold_out = seller.listen(&mut books, None, again.len())?;
        books.acks.extend(seller.rest()?);
    }
    let shown = look(args, path, &bank, &mut books, true)?;
    report(args, &books, &shown, begun.elapsed());
    Ok(sold_out && books.lost == 0 && books.violations.count == 0)
}

struct Seller {
    process: Child,
    acks: Receiver<Result<Ack, String>>,
}

/// Starts a seller that first asks again for `again`.
fn start(args: &Args, path: &Path, bank: &Bank, ago: Duration, again: &[String]) -> Result<Seller, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--data").arg(path).arg("--seller").arg(ago.as_micros().to_string());
    for (name, value) in [
        ("--threads", args.threads().to_string()),
        ("--abandon", args.abandon.to_string()),
        ("--bank", bank.address.to_string()),
        ("--refunds", args.refunds.to_string()),
        ("--speed", args.speed.to_string()),
        ("--seed", args.seed.to_string()),
    ] {
        command.arg(name).arg(value);
    }
    match &args.plan {
        Some(plan) => command.arg("--plan").arg(plan),
        None => command.arg("--venue").arg(format!("{:?}", args.venue).to_lowercase()),
    };
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut requests, out) = (process.stdin.take(), process.stdout.take());
    let (send, acks) = channel();
    let out = out.ok_or("no pipe")?;
    std::thread::spawn(move || {
        for line in BufReader::new(out).split(b'\n') {
            let line = line.map_err(|error| error.to_string());
            let ack = line.and_then(|line| serde_json::from_slice(&line).map_err(|error| error.to_string()));
            if send.send(ack).is_err() {
                return;
            }
        }
    });
    for request in again {
        // It may be dead already.
        if let Some(requests) = &mut requests
            && writeln!(requests, "{request}").is_err()
        {
            break;
        }
    }
    Ok(Seller { process, acks })
}

impl Seller {
    /// Hears acknowledgements until there are `enough`, or everything is sold: then true. The first `again` must be what was said before.
    fn listen(&mut self, books: &mut Books, enough: Option<u64>, again: usize) -> Result<bool, Failure> {
        let mut heard = 0;
        let mut repeated = 0;
        while enough.is_none_or(|enough| heard < enough) {
            match self.acks.recv_timeout(PATIENCE) {
                Ok(Ok(Ack::SoldOut)) => return Ok(true),
                Ok(Ok(ack)) => {
                    repeated += usize::from(matches!(ack, Ack::Again(_)));
                    heard += u64::from(!matches!(ack, Ack::Again(_)));
                    books.note(ack);
                }
                Ok(Err(error)) => {
                    return Err(format!("the seller said what nobody understands: {error}").into());
                }
                Err(RecvTimeoutError::Timeout) => return Err("the seller hangs".into()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the seller ended by itself: {:?}", self.process.wait()?).into());
                }
            }
        }
        books.violations.check(repeated == again, || {
            format!("{again} requests were sent again, {repeated} were answered")
        });
        Ok(false)
    }

    /// What it had said before it died. A line that is not whole was not said.
    fn rest(mut self) -> Result<Vec<Ack>, Failure> {
        self.process.wait()?;
        Ok(self.acks.iter().filter_map(Result::ok).filter(|ack| !matches!(ack, Ack::SoldOut)).collect())
    }
}

impl Books {
    /// Notes an acknowledgement; one that was given before must be the same again.
    fn note(&mut self, ack: Ack) {
        if let Ack::Again(again) = &ack {
            self.asked_again += 1;
            let same = |known: &Ack| {
                matches!(known, Ack::Hold(known)
                    if known.0 == again.0 && known.1.id == again.1.id && known.1.lines == again.1.lines)
            };
            let same = self.acks.iter().rev().any(same) && again.1.replayed;
            self.violations.check(same, || format!("asked again, the answer was another: {again:?}"));
        }
        self.acks.push(ack);
    }
}

/// The last holds' requests, as lines.
fn last_holds(books: &Books) -> Vec<String> {
    let holds = books.acks.iter().rev().filter_map(|ack| match ack {
        Ack::Hold(hold) => serde_json::to_string(&hold.0).ok(),
        _ => None,
    });
    holds.take(ASKED_AGAIN).collect()
}

/// Compares the journal with the books, without changing the store. At the end, when everything is settled, the gateway's ledger too.
fn look(args: &Args, path: &Path, bank: &Bank, books: &mut Books, end: bool) -> Result<Shown, Failure> {
    let store = match LocalStore::open_read_only(path) {
        Err(ticketcore::store::local::LocalError::NotAStore { .. }) if books.acks.is_empty() => {
            return Ok(Shown::default());
        }
        store => Arc::new(store?),
    };
    for damage in books.killed_while.look(path, &store)? {
        books.violations.add(damage);
    }
    let mut events = store.streams()?.into_iter().filter_map(|stream| match stream {
        StreamId::Event(event) => Some(event),
        _ => None,
    });
    let Some(event) = events.next_back() else { return Ok(Shown::default()) };
    let options = Options { manual_expiry: true, ..Options::default() };
    let office = BoxOffice::open_shared(Arc::<LocalStore>::clone(&store), options)?;
    let manifest = office.manifest(event)?;
    let mut told = Told::default();
    let mut journal = Journal::read_from(&*store, event, &manifest, UtcMs(0), &mut |stamp, fact| {
        told.note(event, stamp, fact);
    })?;
    #[cfg(feature = "testkit")]
    if let Err(error) = ticketcore::testkit::Auditor::audit(&*store, StreamId::Event(event)) {
        journal.violations.add(error.to_string());
    }
    let mut money = Totals::default();
    bank.gateway.with_ledger(|ledger| {
        if end {
            let (totals, lost) = books::compare(ledger, &mut journal, manifest.rules().currency);
            money = totals;
            books.lost += lost;
            return;
        }
        // Whatever was charged, whether or not anybody heard of it: the intent was on the disk before.
        for charge in ledger.charges() {
            let known = charge.key.is_some_and(|key| journal.opened_orders.contains(&key.order.number));
            books.lost += u64::from(!known);
            journal.violations.check(known, || format!("charged without an order: {charge:?}"));
        }
    });
    books.lost += told.lost(books.acks.iter(), &mut books.violations);
    books.violations.merge(std::mem::take(&mut journal.violations));
    for violation in std::mem::take(&mut books.violations.first) {
        eprintln!("violation: {violation}");
    }
    let places: u64 = manifest.areas().iter().map(|area| u64::from(area.capacity)).sum();
    Ok(Shown {
        sold: journal.sold(),
        places: manifest.seats().count() as u64 + places,
        money,
        decline_release_p99_ms: milliseconds(journal.release_p99_ms(), args.speed),
        late_confirmed: journal.late_confirmed,
        late_refused: journal.late_refused,
        refunded: journal.refunded,
    })
}

fn progress(books: &Books) {
    let acks = thousands(books.acks.len() as u64);
    eprintln!("{} kills, {acks} acknowledgements, {} lost", books.crashes, books.lost);
}

fn report(args: &Args, books: &Books, shown: &Shown, took: Duration) {
    let acknowledged = books.acks.len();
    if args.json {
        let line = json!({
            "crashes": books.crashes,
            "killed_while_opening": books.killed_while_opening,
            "killed_while_archiving": books.killed_while.archiving,
            "killed_while_snapshotting": books.killed_while.snapshotting,
            "acknowledged": acknowledged,
            "asked_again": books.asked_again,
            "lost": books.lost,
            "violations": books.violations.count,
            "seats": shown.places,
            "sold": shown.sold,
            "tickets": shown.sold,
            "money": money_json(&shown.money),
            "decline_release_p99_ms": shown.decline_release_p99_ms,
            "late_confirmed": shown.late_confirmed,
            "late_refused": shown.late_refused,
            "refunded_orders": shown.refunded,
            "elapsed_s": took.as_secs_f64(),
        });
        println!("{line}");
        return;
    }
    let (kills, opening) = (books.crashes, books.killed_while_opening);
    let Traces { archiving, snapshotting, .. } = &books.killed_while;
    println!(
        "{kills} kills, {archiving} while it archived, {snapshotting} while it saved a snapshot; {opening} more while it opened"
    );
    println!("{} outcomes acknowledged, {} lost", thousands(acknowledged as u64), books.lost);
    println!("{} requests sent again after a kill", thousands(books.asked_again));
    println!("{} places sold, {} violations", thousands(shown.sold), books.violations.count);
    println!("money: {:?}", shown.money);
}
