//! Bytes on the disk for a hold of two seats: in the log when 256 come together, and once they are in an archive.

use ticketcore::store::LocalStore;
use ticketcore::store::local::{Durability, LocalOptions};
use ticketcore_benches::{Random, SEATS, key, user};

use super::{Durable, Figures, ROOM};
use crate::report::{Figure, Goal};

const MANY: usize = 256;

/// See the module.
pub fn measure() -> Figures {
    let local = LocalOptions { durability: Durability::None, ..LocalOptions::default() };
    let Durable { opened, store, folder } = Durable::new(local)?;
    let seats = Random::new(1).permutation(SEATS);
    let before = store.stats().log_bytes;
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
    let log = per_hold(store.stats().log_bytes - before);
    drop(opened);
    drop(store);
    // Opening begins a new segment, and the full one is archived.
    let store = LocalStore::open(&folder.0, LocalOptions { manual: true, ..LocalOptions::default() })?;
    store.maintain()?;
    let archive = per_hold(store.stats().archive_bytes);
    let figure = |at: usize, value: f64, goal| {
        Figure::new(ROOM[at], "B").goal(Goal::AtMost(goal)).rounds(&[value], &[], 0.0)
    };
    Ok(vec![figure(0, log, 128.0), figure(1, archive, 48.0)])
}
