//! Memory of a process that has sold 80,000 seats in orders of two, a key at every step, above that of a process that has done nothing:
//! with its whole journal in a memory store, and with a store that keeps nothing.

use std::sync::Arc;

use ticketcore::store::{MemoryStore, Store};
use ticketcore::{CloseOrderRequest, OpenOrderRequest, UserId};
use ticketcore_benches::{Opened, Random, SEATS, SinkStore, key, open, user};

use crate::Outcome;
use crate::process::{resident_bytes, start};
use crate::rounds::{options, usual};
use ticketcore_benches::report::{Figure, Goal};

pub const NAMES: &[&str] = &["memory_sold", "memory_sold_no_journal"];

const ROUNDS: usize = 3;
const MIB: f64 = 1_048_576.0;

fn sell(opened: &Opened) -> Outcome<()> {
    let seats = Random::new(1).permutation(SEATS);
    for (n, pair) in (0..).zip(seats.chunks(2)) {
        let user: UserId = user(n);
        let key = || Some(key(n));
        let hold = opened.hold(user, key(), pair)?;
        let order = opened.office.open_order(OpenOrderRequest { hold, user, key: key() }).wait()?.id;
        opened.office.confirm_order(CloseOrderRequest { order, user, key: key() }).wait()?;
    }
    Ok(())
}

/// In a child: sells everything and says how big the process is then.
pub fn sold(sink: bool) -> Outcome<Vec<f64>> {
    let store: Arc<dyn Store> = if sink { Arc::new(SinkStore::new()) } else { Arc::new(MemoryStore::new()) };
    let opened = open(store, options(), &usual())?;
    sell(&opened)?;
    let sold: u32 =
        opened.office.availability(opened.event)?.sections.iter().map(|section| section.sold).sum();
    if sold != SEATS {
        return Err(format!("{sold} seats are sold").into());
    }
    Ok(vec![resident_bytes()?])
}

/// See the module.
pub fn measure() -> Outcome<Vec<Figure>> {
    let mut rounds: [Vec<f64>; 2] = Default::default();
    for _ in 0..ROUNDS {
        let empty = start("empty", false)?[0];
        rounds[0].push((start("sold", false)?[0] - empty) / MIB);
        rounds[1].push((start("sold-sink", false)?[0] - empty) / MIB);
    }
    Ok(vec![
        Figure::new(NAMES[0], "MiB").goal(Goal::AtMost(40.0)).rounds(&rounds[0], &[], 0.0),
        Figure::new(NAMES[1], "MiB").rounds(&rounds[1], &[], 0.0),
    ])
}
