//! [`Shop`]: our server with its stadiums, and [`Desk`]: the seats that shoppers share.

use std::fmt::Arguments;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use ticketcore::plan::{VenueKind, generate};

use crate::Outcome;
use crate::bare::Heard;
use crate::child::{self, Child};
use ticketcore_benches::wire::Connection;

/// Two seats side by side, of one of the stadiums.
#[derive(Clone, Copy)]
pub struct Pair {
    pub event: usize,
    pub first: usize,
}

/// Our server and what it sells.
pub struct Shop {
    pub child: Child,
    seats: Arc<[String]>,
}

/// What shoppers share: who they are, and the pairs of seats that nobody has.
pub struct Desk {
    key: String,
    pub events: Vec<String>,
    seats: Arc<[String]>,
    pub free: Mutex<Vec<Pair>>,
}

impl Shop {
    /// Opens it, with so many stadiums on sale.
    pub fn open(stadiums: usize) -> Outcome<Self> {
        let child = child::start("server", stadiums, |_| Ok(()))?;
        let plan = generate(VenueKind::Stadium);
        let seats = plan.zones.iter().flat_map(|zone| &zone.rows).flat_map(|row| &row.seats);
        Ok(Self { child, seats: seats.map(|seat| seat.seat_guid.clone()).collect() })
    }

    /// A desk with all pairs of all stadiums but the first `taken` of each.
    pub fn desk(&self, taken: usize) -> Arc<Desk> {
        let pairs = self.seats.len() / 2;
        let events = self.child.ready.events.clone();
        let of = |event| (taken..pairs).map(move |pair| Pair { event, first: 2 * pair });
        // They are taken from the end.
        let free = (0..events.len()).rev().flat_map(|event| of(event).rev()).collect();
        let key = self.child.ready.key.clone();
        Arc::new(Desk { key, events, seats: Arc::clone(&self.seats), free: Mutex::new(free) })
    }

    /// What a request is answered.
    pub async fn learn(&self, request: &[u8]) -> Outcome<Heard> {
        let mut connection = Connection::open(self.child.ready.address).await?;
        let answer = connection.ask(request).await?;
        Heard::new(request, &answer).ok_or_else(|| answer.unexpected("a request").into())
    }
}

impl Desk {
    /// Somebody who has not been here before.
    pub fn newcomer() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a request of a buyer's. With a body it has an idempotency key: nobody uses one twice for an operation.
    pub fn write(&self, into: &mut Vec<u8>, line: Arguments<'_>, user: u64, body: Option<Arguments<'_>>) {
        let key = &self.key;
        // Writing into memory does not fail.
        let _written = write!(
            into,
            "{line} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\nacting-user: buyer-{user}\r\n"
        );
        let Some(body) = body else {
            into.extend_from_slice(b"\r\n");
            return;
        };
        let body = body.to_string();
        let _written = write!(
            into,
            "idempotency-key: 00000000-0000-4000-8000-{user:012}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
    }

    /// Writes a request for a pair of seats.
    pub fn write_hold(&self, into: &mut Vec<u8>, user: u64, Pair { event, first }: Pair) {
        let (event, one, other) = (&self.events[event], &self.seats[first], &self.seats[first + 1]);
        let body = format_args!(r#"{{"eventId":"{event}","seatIds":["{one}","{other}"]}}"#);
        self.write(into, format_args!("POST /v1/holds"), user, Some(body));
    }
}

/// A request that anybody may make.
pub fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: bench\r\n{headers}\r\n").into_bytes()
}
