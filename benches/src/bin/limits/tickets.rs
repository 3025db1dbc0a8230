//! Ticket codes signed, and verified as a door does, one after the other on one thread. Nothing of it needs a store.

use std::hint::black_box;

use ticketcore::ticket::{KeyId, TicketClaims, TicketCode, TicketKeys, TicketPlace, verify};
use ticketcore::{EventId, HoldNumber, OrderId, Revision, SeatIndex, TicketId, TicketTypeIndex, UtcMs};

use crate::Outcome;
use crate::rounds::{ROUNDS, warm_per_second};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, median};

pub const NAMES: &[&str] = &["ticket_sign", "ticket_verify"];

const NOW: UtcMs = UtcMs(1_800_000_000_000);
/// Codes that are verified in turn.
const CODES: usize = 1_024;

fn claims(n: u32) -> TicketClaims {
    let number = HoldNumber::new(Revision(u64::from(n) * 3), n as usize % 64);
    TicketClaims {
        ticket: TicketId { order: OrderId { event: EventId(7), number }, index: n % 4 },
        issue: 0,
        place: TicketPlace::Seat(SeatIndex(n)),
        ticket_type: TicketTypeIndex(0),
        signed_at: NOW,
        valid_from: NOW,
        valid_until: UtcMs::NEVER,
    }
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let keys = TicketKeys::new(KeyId(1), &[7; 32], UtcMs(0));
    let sign = |n| keys.sign(&claims(n)).expect("the key is in use");
    let codes: Vec<TicketCode> = (0..).map(sign).take(CODES).collect();
    let mut rounds: [Vec<f64>; 2] = Default::default();
    let mut others = Vec::new();
    for _ in 0..ROUNDS {
        let watch = Watch::when_quiet();
        let mut n = 0;
        rounds[0].push(warm_per_second(|| {
            n += 1;
            black_box(sign(black_box(n)));
        }));
        let mut at = 0;
        rounds[1].push(warm_per_second(|| {
            at = (at + 1) % CODES;
            black_box(verify(black_box(&codes[at]), keys.public(), NOW)).expect("it is genuine");
        }));
        others.push(watch.others_percent());
    }
    let row = |at: usize| Figure::new(NAMES[at], "1/s").rounds(&rounds[at], &[], median(&others));
    Ok(vec![row(0), row(1)])
}
