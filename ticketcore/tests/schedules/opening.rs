//! Opening and closing while commands come in.

use std::sync::Arc;

use shuttle::thread;
use ticketcore::store::MemoryStore;
use ticketcore::testkit::SmallSale;
use ticketcore::{BoxOffice, Canary, Options};

use crate::{explore, office, sale, sound};

/// The same sale behind a box office that has not opened its event yet; maintained by a thread of its own, or not.
fn closed(maintained: bool, canary: Option<Canary>) -> Arc<SmallSale> {
    let sale = sale(Arc::new(MemoryStore::new()), &SmallSale::definition(1, 4, 0), canary);
    let office = if maintained {
        let options = Options {
            clock: Arc::new(sale.clock.clone()),
            node: Some(2),
            close_idle_after_ms: 0,
            ..Options::default()
        };
        Arc::new(BoxOffice::open_shared(Arc::clone(&sale.store), options).unwrap())
    } else {
        office(Arc::clone(&sale.store), &sale.clock, canary)
    };
    Arc::new(SmallSale { office, ..sale })
}

/// Three buyers and a reader come at once to an event that is closed.
fn all_at_once(sale: &Arc<SmallSale>) {
    let buyer = |user: u32| {
        let sale = Arc::clone(sale);
        thread::spawn(move || {
            let hold = sale.hold(u128::from(user), &[user]).wait().unwrap();
            assert_eq!(sale.office.find_hold(hold.id, hold.user).unwrap().lines, hold.lines);
        })
    };
    let reader = {
        let sale = Arc::clone(sale);
        thread::spawn(move || assert_eq!(sale.office.availability(sale.event).unwrap().sections.len(), 1))
    };
    for thread in [buyer(0), buyer(1), buyer(2), reader] {
        thread.join().unwrap();
    }
    assert_eq!(sale.journal().len(), 2 + 3);
    sound(sale);
}

/// Two buyers hold and release while somebody closes the event whenever it is idle.
fn closing(sale: &Arc<SmallSale>) {
    let buyer = |user: u32| {
        let sale = Arc::clone(sale);
        thread::spawn(move || {
            for _ in 0..2 {
                let hold = sale.hold(u128::from(user), &[user]).wait().unwrap();
                sale.release(hold.id, hold.user).wait().unwrap();
            }
        })
    };
    let closer = {
        let sale = Arc::clone(sale);
        thread::spawn(move || {
            for _ in 0..3 {
                sale.office.close_if_idle(sale.event);
                thread::yield_now();
            }
        })
    };
    for thread in [buyer(0), buyer(1), closer] {
        thread.join().unwrap();
    }
    assert_eq!(sale.journal().len(), 2 + 2 * 2 * 2);
    sound(sale);
}

#[test]
fn an_event_that_many_want_at_once_is_opened_for_all() {
    explore(3_000, |canary| all_at_once(&closed(false, canary)));
}

#[test]
fn an_event_that_many_wait_for_is_opened_for_all() {
    explore(1_000, |canary| all_at_once(&closed(true, canary)));
}

#[test]
fn a_hold_is_not_lost_between_closing_and_opening() {
    explore(3_000, |canary| closing(&closed(false, canary)));
}

#[test]
fn a_hold_is_not_lost_between_closing_and_opening_by_maintenance() {
    explore(1_000, |canary| closing(&closed(true, canary)));
}
