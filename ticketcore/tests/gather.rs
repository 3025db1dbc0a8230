//! Facts that pile up until somebody says that it is time: sent together, and never left behind.

#![expect(clippy::unwrap_used, reason = "helpers of tests, too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use ticketcore::admission::{Joined, Phase, RoomConfig, RoomFact, RoomJournal};
use ticketcore::store::local::{LocalOptions, LocalStore};
use ticketcore::store::{Gather, Store, Unsent};
use ticketcore::testkit::{MemoryDisk, SmallSale};
use ticketcore::{EventId, UserId, UtcMs};

/// Keeps what is unsent while it is told to.
#[derive(Default)]
struct Turn {
    keeps: AtomicBool,
    kept: Mutex<Vec<Unsent>>,
}

impl Gather for Turn {
    fn gather(&self, unsent: Unsent) {
        if self.keeps.load(Ordering::SeqCst) {
            self.kept.lock().push(unsent);
        }
    }
}

impl Turn {
    fn begin(&self) {
        self.keeps.store(true, Ordering::SeqCst);
    }

    /// How often it was asked to say when.
    fn end(&self) -> usize {
        self.keeps.store(false, Ordering::SeqCst);
        let kept = std::mem::take(&mut *self.kept.lock());
        kept.len()
    }
}

fn store() -> (Arc<LocalStore>, Arc<Turn>) {
    let (disk, turn) = (MemoryDisk::new(), Arc::new(Turn::default()));
    let store = Arc::new(LocalStore::open_in(Arc::new(disk), LocalOptions::default()).unwrap());
    assert!(store.set_gather(Arc::clone(&turn) as _));
    assert!(!store.set_gather(Arc::clone(&turn) as _), "one says when");
    (store, turn)
}

#[test]
fn holds_of_one_turn_are_one_append() {
    let (store, turn) = store();
    let sale = SmallSale::open(Arc::clone(&store) as Arc<dyn Store>, &SmallSale::definition(1, 10, 0));
    let before = store.stats().batches;
    turn.begin();
    let held: Vec<_> = (0..10).map(|seat| sale.hold(u128::from(seat), &[seat])).collect();
    assert!(held.iter().all(|pending| !pending.is_ready()), "nothing is told before it is durable");
    assert_eq!(store.stats().batches, before);
    assert_eq!(turn.end(), 1, "whoever says when is asked once");
    for hold in held {
        hold.wait().unwrap();
    }
    assert_eq!(store.stats().batches, before + 1);
    sale.hold(1, &[0]).wait().unwrap_err();
    sale.assert_equals_journal();
}

#[test]
fn a_reader_that_blocks_does_not_wait_for_the_turn() {
    let (store, turn) = store();
    let sale = SmallSale::open(Arc::clone(&store) as Arc<dyn Store>, &SmallSale::definition(1, 10, 0));
    turn.begin();
    let held = sale.hold(1, &[0]);
    let orders = sale.office.orders_of(sale.event, UserId::from(1)).unwrap();
    assert_eq!(orders.len(), 0);
    let hold = held.wait().unwrap();
    // Nothing waits any more when the turn ends.
    assert_eq!(turn.end(), 1);
    assert_eq!(sale.office.find_hold(hold.id, hold.user).unwrap().id, hold.id);
}

#[test]
fn people_who_join_in_one_turn_share_an_append() {
    let (store, turn) = store();
    let journal = RoomJournal::open(Arc::clone(&store) as Arc<dyn Store>, EventId(3), 1).unwrap();
    let config = RoomConfig { entropy_source: "a block to come".to_owned(), ..RoomConfig::default() };
    let first = RoomFact::RoomOpened { config: Box::new(config), draw_key: [1; 32], tag_key: [2; 32] };
    assert!(journal.set_up(UtcMs(1), first).unwrap().wait().unwrap());
    let change = journal.change(UtcMs(2), |room, _| Ok(((), Some(room.become_phase(Phase::Prequeue)?))));
    change.unwrap().wait().unwrap();
    let before = store.stats().batches;
    turn.begin();
    let join = |person: u128| {
        let joined = journal.change(UtcMs(3), |room, now| {
            let Joined::Now(number, fact) = room.join(room.tagger().user(UserId::from(person)), now)? else {
                return Ok((0, None));
            };
            Ok((number, Some(fact)))
        });
        joined.unwrap()
    };
    let joined: Vec<_> = (0..100).map(join).collect();
    assert_eq!(store.stats().batches, before);
    assert_eq!(turn.end(), 1);
    let numbers: Vec<u32> = joined.into_iter().map(|written| written.wait().unwrap()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(store.stats().batches, before + 1);
}
