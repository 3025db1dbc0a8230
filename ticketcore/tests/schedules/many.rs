//! Slices of commands over a store that answers from another thread: what is sent when, and who is woken.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;
use ticketcore::store::{Gather, MemoryStore, Store, Unsent};
use ticketcore::testkit::{Fault, FaultyStore, SmallSale};
use ticketcore::{Canary, Pending, ReleaseRequest, UserId};

use crate::{end, explore, granted, sale, sound};

/// Users of one shard: their commands are decided in runs.
const NEIGHBOURS: [u128; 4] = [1, 56, 90, 145];

/// Holds seats for two users together, gives back what was granted together, and waits for all of it.
fn slices(sale: &SmallSale, users: [u128; 2], seats: [u32; 2]) {
    let asked = [0, 1].map(|at| sale.seats_request(users[at], &[seats[at]]));
    let held: Vec<_> =
        sale.office.hold_many(asked.into()).into_iter().map(|hold| granted(hold.wait())).collect();
    let releases: Vec<_> = held
        .iter()
        .flatten()
        .map(|hold| {
            assert!(hold.version <= end(sale), "acknowledged before the store had it");
            ReleaseRequest { hold: hold.id, user: hold.user, key: None }
        })
        .collect();
    for done in sale.office.release_many(releases) {
        assert!(done.wait().unwrap().revision <= Some(end(sale)));
    }
}

/// A single command between them, which nobody else sends.
fn single(sale: &SmallSale) {
    let hold = granted(sale.hold(9, &[3]).wait());
    assert!(hold.is_ok_and(|hold| hold.version <= end(sale)));
}

fn everybody_is_told(_: Option<Canary>) {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = Arc::new(sale(Arc::clone(&store) as Arc<dyn Store>, &SmallSale::definition(1, 4, 0), None));
    store.script([Fault::DelayBefore, Fault::Pass, Fault::DelayAfter].into_iter().cycle().take(9));
    let over = Arc::new(AtomicBool::new(false));
    let answering = {
        let (store, over) = (Arc::clone(&store), Arc::clone(&over));
        thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                store.release_all();
                thread::yield_now();
            }
        })
    };
    let run = |work: fn(&SmallSale)| {
        let sale = Arc::clone(&sale);
        thread::spawn(move || work(&sale))
    };
    let shard = |user: u128| UserId::from(user).shard();
    assert!(NEIGHBOURS.iter().all(|user| shard(*user) == shard(NEIGHBOURS[0])));
    let threads = [
        run(|sale| slices(sale, [NEIGHBOURS[0], NEIGHBOURS[1]], [0, 1])),
        run(|sale| slices(sale, [NEIGHBOURS[2], NEIGHBOURS[3]], [1, 2])),
        run(single),
    ];
    for thread in threads {
        thread.join().unwrap();
    }
    over.store(true, Ordering::SeqCst);
    answering.join().unwrap();
    sound(&sale);
}

/// Seen to catch: nobody asking for what is pending when an append is in flight.
#[test]
fn slices_are_sent_and_their_callers_woken() {
    explore(4_000, everybody_is_told);
}

/// Two threads wait for members of one slice, one of them as for a future.
fn members_on_two_threads(_: Option<Canary>) {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = sale(Arc::clone(&store) as Arc<dyn Store>, &SmallSale::definition(1, 4, 0), None);
    store.script([Fault::DelayAfter]);
    let asked = [0, 1].map(|seat| sale.seats_request(u128::from(seat) + 1, &[seat]));
    let mut held = sale.office.hold_many(asked.into());
    assert!(held.iter().all(|pending| !Pending::is_ready(pending)));
    let (one, other) = (held.pop().unwrap(), held.pop().unwrap());
    let waiting = [
        thread::spawn(move || granted(one.wait()).unwrap()),
        thread::spawn(move || granted(shuttle::future::block_on(other)).unwrap()),
    ];
    store.release_all();
    for thread in waiting {
        assert!(thread.join().unwrap().version <= end(&sale));
    }
}

/// Seen to catch: callers woken without the lock under which they look; a future that looks without it only.
#[test]
fn all_who_wait_for_a_slice_are_woken() {
    explore(2_000, members_on_two_threads);
}

/// Another thread says when what has piled up is sent.
struct Elsewhere;

impl Gather for Elsewhere {
    fn gather(&self, unsent: Unsent) {
        thread::spawn(move || drop(unsent));
    }
}

fn gathered(_: Option<Canary>) {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    assert!(store.set_gather(Arc::new(Elsewhere)));
    let sale = Arc::new(sale(Arc::clone(&store) as Arc<dyn Store>, &SmallSale::definition(1, 4, 0), None));
    let run = |work: fn(&SmallSale)| {
        let sale = Arc::clone(&sale);
        thread::spawn(move || work(&sale))
    };
    let threads =
        [run(|sale| slices(sale, [1, 2], [0, 1])), run(|sale| slices(sale, [3, 4], [1, 2])), run(single)];
    for thread in threads {
        thread.join().unwrap();
    }
    sound(&sale);
}

/// Seen to catch: the mark that somebody will send taken down after the sending, or not at all.
#[test]
fn what_is_gathered_is_sent_and_its_callers_woken() {
    explore(4_000, gathered);
}
