//! The process that sells and may be killed at any moment.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ticketcore::store::LocalStore;
use ticketcore::store::local::LocalOptions;
use ticketcore::{
    CloseOrderRequest, CommandError, Hold, HoldRequest, IdempotencyKey, Item, OpenOrderRequest, Options,
    SeatIndex, UserId,
};

use super::Failure;
use super::acks::Ack;
use crate::args::Args;
use crate::clock::FastClock;
use crate::house::{ADULT, House};
use crate::rng::Rng;
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
    let done = AtomicBool::new(false);
    let life = u64::try_from(ago.as_micros())?;
    std::thread::scope(|scope| {
        let buyers: Vec<_> = (0..args.threads() as u64)
            .map(|thread| {
                let rng = Rng::new(args.seed ^ life, thread);
                let mut buyer =
                    Buyer { house: &house, args, rng, name: format!("{life}-{thread}"), asked: 0 };
                let done = &done;
                scope.spawn(move || buyer.run(done).map_err(|error| error.to_string()))
            })
            .collect();
        for buyer in buyers {
            buyer.join().map_err(|_| "a buyer panicked")??;
        }
        Ok::<(), Failure>(())
    })?;
    tell(&Ack::SoldOut)?;
    Ok(true)
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
    args: &'a Args,
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
        let Hold { id, .. } = hold;
        tell(&Ack::Hold(Box::new((request, hold))))?;
        if self.rng.percent(self.args.abandon) {
            return Ok(());
        }
        let request = OpenOrderRequest { hold: id, user, key: None };
        let Some(order) = accepted(self.house.office.open_order(request).wait())? else { return Ok(()) };
        let request = CloseOrderRequest { order: order.id, user, key: None };
        tell(&Ack::Order(Box::new(order)))?;
        let fails = self.rng.percent(self.args.payment_failures);
        let office = &self.house.office;
        let closed = if fails { office.cancel_order(request) } else { office.confirm_order(request) };
        if let Some(order) = accepted(closed.wait())? {
            tell(&Ack::Order(Box::new(order)))?;
        }
        Ok(())
    }
}

fn accepted<T>(outcome: Result<T, CommandError>) -> Result<Option<T>, Failure> {
    match outcome {
        Ok(answer) => Ok(Some(answer)),
        Err(CommandError::Refused(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
