//! The process that sells and may be killed at any moment.

use std::io::{BufRead, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ticketcore::checkout::{Checkout, Progress};
use ticketcore::gateway::SandboxClient;
use ticketcore::order::CheckoutRequest;
use ticketcore::store::LocalStore;
use ticketcore::store::local::LocalOptions;
use ticketcore::{CommandError, HoldRequest, IdempotencyKey, Item, Options, SeatIndex, UserId};

use super::Failure;
use super::acks::Ack;
use crate::args::Args;
use crate::clock::FastClock;
use crate::house::{ADULT, House};
use crate::purchase::refund;
use crate::rng::Rng;
use crate::tally::Sale;
use crate::till::{self, BANK, METHOD, is_over};
use crate::wish::is_free;

/// So small that segments fill and are archived all the time.
const SEGMENT_BYTES: u32 = 256 << 10;
/// So few that snapshots are saved all the time.
const SNAPSHOT_EVERY: u64 = 3_000;

/// Options of the store that is being killed.
pub const OPTIONS: fn() -> LocalOptions =
    || LocalOptions { segment_bytes: SEGMENT_BYTES, ..LocalOptions::default() };

/// Sells everything that is left. First asks again for what standard input tells, a request a line.
pub fn seller(args: &Args, ago: Duration) -> Result<bool, Failure> {
    let folder: &Path = args.data.as_deref().ok_or("--seller needs --data")?;
    let local = Arc::new(LocalStore::open(folder, OPTIONS())?);
    let clock = Arc::new(FastClock::late(args.speed, ago));
    let options = Options { snapshot_every: SNAPSHOT_EVERY, ..Options::default() };
    let house = House::on(args, Arc::<LocalStore>::clone(&local), Some(local), None, clock, options)?;
    house.open_sale()?;
    for line in std::io::stdin().lock().lines() {
        let request: HoldRequest = serde_json::from_str(&line?)?;
        let hold = house.office.hold(request.clone()).wait()?;
        tell(&Ack::Again(Box::new((request, hold))))?;
    }
    let bank = TcpStream::connect(args.bank.ok_or("--seller needs --bank")?)?;
    let bank = SandboxClient::connect(bank.try_clone()?, bank)?;
    // Its reconciler resumes at once what the last life left.
    let till = till::open(&house.office, Arc::new(bank))?;
    let life = u64::try_from(ago.as_micros())?;
    sell_out(&house, &till, args, life, args.refunds)?;
    settle(&house, &till)?;
    // What came back since is sold for good.
    sell_out(&house, &till, args, life ^ u64::MAX, 0)?;
    settle(&house, &till)?;
    tell(&Ack::SoldOut)?;
    Ok(true)
}

fn settle(house: &House, till: &Checkout) -> Result<(), Failure> {
    if till::settle(&house.office, house.event, till)? {
        return Ok(());
    }
    Err(format!("money is not settled: {:?}", till.last_report()).into())
}

/// Sells until nothing is left.
fn sell_out(house: &House, till: &Checkout, args: &Args, life: u64, refunds: u8) -> Result<(), Failure> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let buyers: Vec<_> = (0..args.threads() as u64)
            .map(|thread| {
                let rng = Rng::new(args.seed ^ life, thread);
                let name = format!("{life}-{thread}");
                let mut buyer = Buyer { house, till, args, refunds, rng, name, asked: 0 };
                let done = &done;
                scope.spawn(move || buyer.run(done).map_err(|error| error.to_string()))
            })
            .collect();
        for buyer in buyers {
            buyer.join().map_err(|_| "a buyer panicked")??;
        }
        Ok(())
    })
}

/// One line to the parent. It is out when this returns.
fn tell(ack: &Ack) -> Result<(), Failure> {
    let mut line = serde_json::to_string(ack)?;
    line.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes())?;
    Ok(out.flush()?)
}

struct Buyer<'a> {
    house: &'a House,
    till: &'a Checkout,
    args: &'a Args,
    /// Buyers who change their mind, of a hundred.
    refunds: u8,
    rng: Rng,
    name: String,
    asked: u64,
}

impl Buyer<'_> {
    fn run(&mut self, done: &AtomicBool) -> Result<(), Failure> {
        let mut map = Vec::new();
        while !done.load(Ordering::Relaxed) {
            self.house.office.seat_map(self.house.event, &mut map)?;
            let free: Vec<SeatIndex> =
                self.house.by_rank.iter().copied().filter(|seat| is_free(&map, *seat)).collect();
            let places = self.house.office.availability(self.house.event)?.places;
            let areas: Vec<_> = places.iter().filter(|p| p.counts.free > 0).map(|p| p.area).collect();
            if free.is_empty() && areas.is_empty() {
                done.fetch_or(self.house.sold()? == self.house.capacity, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
            for _ in 0..16 {
                let item = if free.is_empty() || (!areas.is_empty() && self.rng.percent(20)) {
                    Item::Area { area: areas[self.rng.index(areas.len())], quantity: 1, ticket_type: ADULT }
                } else {
                    let at = self.rng.index(free.len());
                    let count = 1 + self.rng.index(4);
                    Item::Seats { seats: free[at..free.len().min(at + count)].to_vec(), ticket_type: ADULT }
                };
                self.buy(item)?;
            }
        }
        Ok(())
    }

    /// From the hold to the sale. A refusal is a normal outcome.
    fn buy(&mut self, item: Item) -> Result<(), Failure> {
        self.asked += 1;
        let user = UserId::from(u128::from(self.rng.next()) << 64 | u128::from(self.rng.next()));
        let key = IdempotencyKey::new(&format!("hold-{}-{}", self.name, self.asked)).ok();
        let request = HoldRequest { key, ..HoldRequest::new(self.house.event, user, vec![item]) };
        let Some(hold) = accepted(self.house.office.hold(request.clone()).wait())? else { return Ok(()) };
        tell(&Ack::Hold(Box::new((request, hold.clone()))))?;
        if self.rng.percent(self.args.abandon) {
            return Ok(());
        }
        let key = IdempotencyKey::new("buy").ok();
        let request = CheckoutRequest { key, ..CheckoutRequest::new(hold.id, user) };
        let number = hold.id.number;
        match self.till.buy(request, BANK, METHOD).wait() {
            Ok(Progress::Confirmed { .. }) => {
                let sale = Sale { order: number, user, total_minor: hold.total_minor, lines: hold.lines };
                tell(&Ack::Sold(Box::new(sale.clone())))?;
                if self.rng.percent(self.refunds) {
                    refund(self.till, &sale, self.house.event).wait()?;
                    tell(&Ack::Refunded(number))?;
                }
                Ok(())
            }
            Ok(Progress::Declined { .. }) => tell(&Ack::Declined(number)),
            // It goes on by itself.
            Ok(_) => Ok(()),
            Err(error) if is_over(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn accepted<T>(outcome: Result<T, CommandError>) -> Result<Option<T>, Failure> {
    match outcome {
        Ok(answer) => Ok(Some(answer)),
        Err(CommandError::Refused(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
