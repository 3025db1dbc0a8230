//! From nothing to an answer: a store with 1,000,000 facts of one event is opened and asked what is left, with and without a snapshot, beside
//! reading the same files.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ticketcore::store::LocalStore;
use ticketcore::store::local::{Durability, LocalOptions};
use ticketcore::{BoxOffice, EventId, ReleaseRequest, Revision};
use ticketcore_benches::{key, user};

use super::{Durable, Figures, Folder, OPENING};
use crate::Outcome;
use crate::rounds::{ROUNDS, options};
use ticketcore_benches::guard::Watch;
use ticketcore_benches::report::{Figure, Goal, median};

const FACTS: u64 = 1_000_000;
const MANY: u64 = 250;
/// Holds that stay.
const KEPT: u64 = 1_000;

/// A store whose event has so many facts: it is defined and put on sale, a few holds stay, all others are pairs held and released.
fn fill() -> Outcome<(Folder, EventId)> {
    // How it is written makes no difference to what is read.
    let local = LocalOptions { durability: Durability::None, ..LocalOptions::default() };
    let Durable { opened, store, folder } = Durable::new(local)?;
    let event = opened.event;
    let mut number = 0;
    let mut facts = 2;
    while facts < FACTS {
        let keep = number < KEPT;
        let requests = (0..MANY.min(FACTS - facts)).map(|at| {
            number += 1;
            let first = if keep { number * 2 } else { 2 * KEPT + 2 + at * 2 };
            let first = u32::try_from(first).unwrap_or(0);
            opened.request(user(number), Some(key(number)), &[first, first + 1])
        });
        let mut back = Vec::new();
        for hold in opened.office.hold_many(requests.collect()) {
            let hold = hold.wait()?;
            facts += 1;
            if !keep && facts + (back.len() as u64) < FACTS {
                back.push(ReleaseRequest { hold: hold.id, user: hold.user, key: None });
            }
        }
        for done in opened.office.release_many(back) {
            done.wait()?;
            facts += 1;
        }
    }
    drop(opened);
    drop(store);
    Ok((folder, event))
}

fn open(folder: &Path, event: EventId) -> Outcome<f64> {
    let start = Instant::now();
    let store = Arc::new(LocalStore::open(folder, LocalOptions::default())?);
    let office = BoxOffice::open_shared(store, options())?;
    let revision = office.availability(event)?.revision;
    let took = start.elapsed().as_secs_f64();
    assert!(revision >= Revision(FACTS), "all facts were read: {revision}");
    Ok(took)
}

/// Reads every file whole.
fn read(folder: &Path) -> Outcome<f64> {
    let start = Instant::now();
    for part in ["wal", "archive", "snapshots"] {
        for file in std::fs::read_dir(folder.join(part))? {
            std::hint::black_box(std::fs::read(file?.path())?);
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// See the module.
pub fn measure() -> Figures {
    let (folder, event) = fill()?;
    let mut rounds: [Vec<f64>; 4] = Default::default();
    let mut others = Vec::new();
    for snapshot in [false, true] {
        if snapshot {
            let store = Arc::new(LocalStore::open(&folder.0, LocalOptions::default())?);
            BoxOffice::open_shared(store, options())?.save_snapshot(event)?;
        }
        for _ in 0..ROUNDS {
            let watch = Watch::when_quiet();
            rounds[2 * usize::from(snapshot)].push(open(&folder.0, event)?);
            rounds[2 * usize::from(snapshot) + 1].push(read(&folder.0)?);
            others.push(watch.others_percent());
        }
    }
    let others = median(&others);
    let without = Figure::new(OPENING[0], "s").goal(Goal::AtMost(1.5));
    let with = Figure::new(OPENING[1], "s").goal(Goal::AtMost(0.2));
    Ok(vec![without.rounds(&rounds[0], &rounds[1], others), with.rounds(&rounds[2], &rounds[3], others)])
}
