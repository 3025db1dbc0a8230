//! The durable view: what is told and shown, and when.

use std::sync::{Arc, Mutex};

use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Fault, FaultyStore, SmallSale, Timeline};
use ticketcore::{Canary, Refusal, Revision, SeatState};

use crate::{catches, end, explore, granted, sale, sound};

const SEATS: usize = 4;

/// What a reader saw, all at one revision each.
#[derive(Default)]
struct Seen {
    counts: Vec<(Revision, u32, u32)>,
    maps: Vec<(Revision, [SeatState; SEATS])>,
    refusals: Vec<(Refusal, Revision, Revision)>,
}

fn states(map: &[u64]) -> [SeatState; SEATS] {
    use SeatState::{Blocked, Free, Held, Sold};
    [0, 1, 2, 3].map(|seat: usize| [Free, Held, Sold, Blocked][(map[0] >> (2 * seat) & 3) as usize])
}

/// Counts, the map and refusals never speak of what the journal does not have.
fn read(sale: &SmallSale, seen: &Mutex<Seen>) {
    let mut map = Vec::new();
    let mut last = Revision::ZERO;
    for _ in 0..3 {
        let available = sale.office.availability(sale.event).unwrap();
        assert!(last <= available.revision && available.revision <= end(sale));
        last = sale.office.seat_map(sale.event, &mut map).unwrap();
        assert!(available.revision <= last && last <= end(sale));
        let section = available.sections[0];
        let mut seen = seen.lock().unwrap();
        seen.counts.push((available.revision, section.held, section.sold));
        seen.maps.push((last, states(&map)));
    }
}

/// A hold that was acknowledged is in the journal and on the map; a refusal rests on the journal.
fn hold(sale: &SmallSale, user: u128, seats: &[u32], seen: &Mutex<Seen>) {
    let from = sale.office.availability(sale.event).unwrap().revision;
    match granted(sale.hold(user, seats).wait()) {
        Ok(hold) => {
            assert!(hold.version <= end(sale), "acknowledged before the store had it");
            let mut map = Vec::new();
            assert!(sale.office.seat_map(sale.event, &mut map).unwrap() >= hold.version);
            assert!(seats.iter().all(|seat| states(&map)[*seat as usize] == SeatState::Held));
            if user == 1 {
                sale.release(hold.id, hold.user).wait().unwrap();
            }
        }
        Err(refusal) => {
            let to = end(sale);
            seen.lock().unwrap().refusals.push((refusal, from, to));
        }
    }
}

fn readers_and_writers(store: Arc<dyn Store>, canary: Option<Canary>) {
    let sale = Arc::new(sale(store, &SmallSale::definition(1, SEATS, 0), canary));
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let run = |work: fn(&SmallSale, &Mutex<Seen>)| {
        let (sale, seen) = (Arc::clone(&sale), Arc::clone(&seen));
        thread::spawn(move || work(&sale, &seen))
    };
    let threads = [
        run(read),
        run(|sale, seen| hold(sale, 1, &[0, 1], seen)),
        run(|sale, seen| hold(sale, 2, &[1], seen)),
        run(|sale, _| _ = sale.buy(3, &[3]).unwrap()),
    ];
    for thread in threads {
        thread.join().unwrap();
    }
    sound(&sale);
    let timeline = Timeline::of(&sale.journal()).unwrap();
    let seen = seen.lock().unwrap();
    for (revision, held, sold) in &seen.counts {
        let seats = &timeline.at(*revision).seats;
        let count = |state| seats.iter().filter(|seat| **seat == state).count();
        assert_eq!((count(SeatState::Held), count(SeatState::Sold)), (*held as usize, *sold as usize));
    }
    for (revision, map) in &seen.maps {
        assert_eq!(timeline.at(*revision).seats, map, "{revision}");
    }
    for (refusal, from, to) in &seen.refusals {
        assert!(timeline.was_true(refusal, 0, *from, *to), "{refusal} in {from} to {to}");
    }
}

/// A store that answers at once.
fn at_once(canary: Option<Canary>) {
    readers_and_writers(Arc::new(MemoryStore::new()), canary);
}

/// A store that takes what it is given later, or answers later, from a thread of its own.
fn late(canary: Option<Canary>) {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    // Two for the catalogue and two for the event's first facts.
    let at_once = [Fault::Pass; 4];
    store.script(
        at_once.into_iter().chain([Fault::DelayBefore, Fault::DelayAfter].into_iter().cycle().take(8)),
    );
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
    readers_and_writers(store as Arc<dyn Store>, canary);
    over.store(true, Ordering::SeqCst);
    answering.join().unwrap();
}

#[test]
fn nothing_is_told_or_shown_that_the_journal_does_not_have() {
    explore(4_000, at_once);
}

#[test]
fn nothing_is_told_or_shown_before_a_late_store_has_it() {
    explore(4_000, late);
}

#[test]
fn an_early_answer_is_noticed() {
    catches(Canary::AckEarly, 300, at_once);
}

#[test]
fn a_refusal_of_what_may_still_be_undone_is_noticed() {
    catches(Canary::StaleRefusal, 300, late);
}
