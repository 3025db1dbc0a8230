//! Bytes on the disk for a hold of two seats: in the log when 256 come together, and once they are in an archive. What the event's definition
//! takes is there before.

use std::path::Path;
use std::sync::Arc;

use ticketcore::BoxOffice;
use ticketcore::store::LocalStore;
use ticketcore::store::local::{Durability, LocalOptions};
use ticketcore_benches::{Opened, Random, SEATS, key, user};

use super::{Durable, Figures, ROOM};
use crate::Outcome;
use crate::rounds::options;
use ticketcore_benches::report::{Figure, Goal};

const MANY: usize = 256;

/// Opens the store, which begins a new segment, has the one before archived, and says how many bytes all archives have.
fn archived(folder: &Path) -> Outcome<u64> {
    LocalStore::open(folder, LocalOptions { manual: true, ..LocalOptions::default() })?.maintain()?;
    let mut bytes = 0;
    for file in std::fs::read_dir(folder.join("archive"))? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

/// See the module.
pub fn measure() -> Figures {
    let local = LocalOptions { durability: Durability::None, ..LocalOptions::default() };
    let Durable { opened: Opened { office, event }, store, folder } = Durable::new(local)?;
    drop(office);
    drop(store);
    let before = archived(&folder.0)?;
    let store = Arc::new(LocalStore::open(&folder.0, local)?);
    let opened =
        Opened { office: BoxOffice::open_shared(Arc::<LocalStore>::clone(&store), options())?, event };
    let seats = Random::new(1).permutation(SEATS);
    let logged = store.stats().log_bytes;
    let mut number = 0;
    for batch in seats.chunks(2 * MANY) {
        let requests = batch.chunks(2).map(|pair| {
            number += 1;
            opened.request(user(number), Some(key(number)), pair)
        });
        for hold in opened.office.hold_many(requests.collect()) {
            hold.wait()?;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let per_hold = |bytes: u64| bytes as f64 / number as f64;
    let log = per_hold(store.stats().log_bytes - logged);
    drop(opened);
    drop(store);
    let archive = per_hold(archived(&folder.0)? - before);
    let figure = |at: usize, value: f64, goal| {
        Figure::new(ROOM[at], "B").goal(Goal::AtMost(goal)).rounds(&[value], &[], 0.0)
    };
    Ok(vec![figure(0, log, 128.0), figure(1, archive, 48.0)])
}
