//! Many threads want the same few places: exactly what there is gets sold, nobody is refused while it is not sold out, and every
//! refusal was true while it was being decided.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use ticketcore::manifest::{Definition, Quota};
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{ADULT, FLOOR, Fault, FaultOdds, FaultyStore, Rng, SmallSale, Timeline, key};
use ticketcore::{
    AreaIndex, CommandError, Counts, Hold, HoldId, Item, OpenOrderRequest, OrderState, Pending, QuotaIndex,
    Refusal, Revision, SeatState, UserId,
};

const THREADS: u32 = 64;

/// Runs `test` on a store that answers at once, and on one that answers late and from another thread.
fn on_both_stores(definition: &Definition, test: impl Fn(&SmallSale)) {
    test(&SmallSale::open(Arc::new(MemoryStore::new()), definition));
    let late = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = SmallSale::open(Arc::clone(&late) as Arc<dyn Store>, definition);
    late.set_odds(FaultOdds::default().with(Fault::DelayBefore, 50).with(Fault::DelayAfter, 50));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if late.release_all() == 0 {
                    thread::yield_now();
                }
            }
        });
        // The store must go on answering while a failed test unwinds.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(&sale)));
        over.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Runs `body` on all threads at once and collects what they return.
fn on_all_threads<R: Send>(body: impl Fn(u32) -> R + Sync) -> Vec<R> {
    let start = std::sync::Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        let run = |at| {
            let (body, start) = (&body, &start);
            scope.spawn(move || {
                start.wait();
                body(at)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, CommandError>) -> Refusal {
    match outcome {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// A refusal, what was asked for, and the durable revisions right before and after.
struct Refused {
    refusal: Refusal,
    asked: u32,
    from: Revision,
    to: Revision,
}

/// Gives a command and, if it is refused, notes when.
fn attempt(
    sale: &SmallSale,
    asked: u32,
    refused: &Mutex<Vec<Refused>>,
    command: impl FnOnce() -> Pending<Hold>,
) -> Option<Hold> {
    let from = sale.office.availability(sale.event).unwrap().revision;
    match command().wait() {
        Ok(hold) => Some(hold),
        Err(CommandError::Refused(refusal)) => {
            let to = sale.office.availability(sale.event).unwrap().revision;
            refused.lock().unwrap().push(Refused { refusal, asked, from, to });
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn assert_true(sale: &SmallSale, refused: &[Refused]) {
    let timeline = Timeline::of(&sale.journal()).unwrap();
    for Refused { refusal, asked, from, to } in refused {
        assert!(
            timeline.was_true(refusal, *asked, *from, *to),
            "never true from {from} to {to}: {refusal:?}"
        );
    }
}

#[test]
fn an_area_of_1000_sells_1000_and_refuses_nobody_before() {
    on_both_stores(&SmallSale::definition(0, 0, 1_000), |sale| {
        let sold: Vec<u32> = on_all_threads(|thread| {
            let mut sold = 0;
            loop {
                match sale.hold_places(u128::from(thread), 1).wait() {
                    Ok(hold) => {
                        let order = sale.open_order(hold.id, hold.user).wait().unwrap();
                        sale.confirm(order.id, order.user).wait().unwrap();
                        sold += 1;
                    }
                    Err(error) => {
                        assert_eq!(
                            refusal::<()>(Err(error)),
                            Refusal::AreaExhausted { area: FLOOR, left: 0 }
                        );
                        let counts = sale.office.availability(sale.event).unwrap().places[0].counts;
                        assert_eq!(counts.free, 0, "refused while a place was left");
                        return sold;
                    }
                }
            }
        });
        assert_eq!(sold.iter().sum::<u32>(), 1_000);
        let counts = sale.office.availability(sale.event).unwrap().places[0].counts;
        assert_eq!(counts, Counts { sold: 1_000, ..Counts::default() });
        sale.assert_equals_journal();
    });
}

#[test]
fn a_quota_that_overlaps_others_is_used_up_to_the_last_place() {
    let mut definition = SmallSale::definition(4, 100, 1_000);
    let quota = |name: &str, cap, areas: &[u16]| Quota {
        name: name.to_owned(),
        cap,
        ticket_types: vec![ADULT],
        categories: Vec::new(),
        areas: areas.iter().copied().map(AreaIndex).collect(),
    };
    definition.quotas = vec![quota("all", 300, &[]), quota("floor", 200, &[0])];
    on_both_stores(&definition, |sale| {
        let held = AtomicU32::new(0);
        on_all_threads(|thread| {
            let mut rng = Rng::new(u64::from(thread));
            let mut best_next = rng.chance(50);
            loop {
                // Two places at a time, so that what is left at the end depends on nothing but the caps.
                let pending = if best_next {
                    sale.hold_best(u128::from(thread), 2)
                } else {
                    sale.hold_places(u128::from(thread), 2)
                };
                match pending.wait() {
                    Ok(_) => _ = held.fetch_add(2, Ordering::Relaxed),
                    Err(error) => match refusal::<()>(Err(error)) {
                        Refusal::QuotaExhausted { quota, left } => {
                            assert_eq!(left, 0);
                            let quotas = sale.office.availability(sale.event).unwrap().quotas;
                            assert_eq!(quotas[quota.at()].free, 0, "refused while the quota had places left");
                            if quota == QuotaIndex(0) {
                                return;
                            }
                            best_next = true;
                            continue;
                        }
                        other => panic!("{other}"),
                    },
                }
                best_next = rng.chance(50);
            }
        });
        assert_eq!(held.into_inner(), 300);
        sale.assert_equals_journal();
    });
}

#[test]
fn every_refusal_of_a_place_was_true_while_places_came_and_went() {
    on_both_stores(&SmallSale::definition(0, 0, 100), |sale| {
        let refused = Mutex::new(Vec::new());
        on_all_threads(|thread| {
            let mut rng = Rng::new(u64::from(thread));
            let mut mine: Vec<Hold> = Vec::new();
            for _ in 0..40 {
                let asked = u32::try_from(1 + rng.below(5)).unwrap();
                mine.extend(attempt(sale, asked, &refused, || sale.hold_places(u128::from(thread), asked)));
                if !mine.is_empty() && rng.chance(45) {
                    let hold = mine.swap_remove(rng.index(mine.len()));
                    sale.release(hold.id, hold.user).wait().unwrap();
                }
            }
        });
        let refused = refused.into_inner().unwrap();
        assert!(refused.len() > 20, "only {} refusals", refused.len());
        assert_true(sale, &refused);
        sale.assert_equals_journal();
    });
}

#[test]
fn eight_seats_have_one_owner_each_at_every_revision() {
    on_both_stores(&SmallSale::definition(1, 8, 0), |sale| {
        let refused = Mutex::new(Vec::new());
        on_all_threads(|thread| {
            let mut rng = Rng::new(u64::from(thread));
            for _ in 0..30 {
                let seat = u32::try_from(rng.below(8)).unwrap();
                let seats = if rng.chance(50) { vec![seat] } else { vec![seat, (seat + 3) % 8] };
                let asked = u32::try_from(seats.len()).unwrap();
                let hold = attempt(sale, asked, &refused, || sale.hold(u128::from(thread), &seats));
                if let Some(hold) = hold {
                    if rng.chance(50) {
                        let order = sale.open_order(hold.id, hold.user).wait().unwrap();
                        sale.cancel(order.id, order.user).wait().unwrap();
                    } else {
                        sale.release(hold.id, hold.user).wait().unwrap();
                    }
                }
            }
        });
        assert_true(sale, &refused.into_inner().unwrap());
        sale.assert_equals_journal();
    });
}

#[test]
fn a_double_click_from_two_threads_gets_the_same_hold() {
    on_both_stores(&SmallSale::definition(10, 64, 0), |sale| {
        let holds: Vec<Vec<(HoldId, bool)>> = on_all_threads(|thread| {
            let (user, pair) = (u128::from(thread / 2), thread / 2);
            let hold = |round: u32| {
                let hold =
                    sale.hold_keyed(user, &[pair * 8 + round], &format!("click {round}")).wait().unwrap();
                (hold.id, hold.replayed)
            };
            (0..8).map(hold).collect()
        });
        for pair in holds.chunks(2) {
            for (first, second) in pair[0].iter().zip(&pair[1]) {
                assert_eq!(first.0, second.0);
                assert_ne!(first.1, second.1, "one of them is the replay");
            }
        }
        assert_eq!(sale.office.availability(sale.event).unwrap().holds, 32 * 8);
    });
}

#[test]
fn a_hold_ordered_64_times_at_once_becomes_one_order() {
    on_both_stores(&SmallSale::definition(1, 8, 0), |sale| {
        let hold = sale.hold(7, &[0, 1]).wait().unwrap();
        let orders = on_all_threads(|thread| {
            let key = Some(key(&format!("order {thread}")));
            sale.office.open_order(OpenOrderRequest { hold: hold.id, user: hold.user, key }).wait().unwrap()
        });
        for order in &orders {
            assert_eq!(
                (order.id, order.state, &order.lines),
                (hold.id.order(), OrderState::Open, &hold.lines)
            );
            assert_eq!(order.version, orders[0].version);
        }
        assert_eq!(orders.iter().filter(|order| !order.replayed).count(), 1);
        let confirmed = on_all_threads(|_| sale.confirm(orders[0].id, hold.user).wait().unwrap());
        assert_eq!(confirmed.iter().filter(|order| !order.replayed).count(), 1);
        assert!(confirmed.iter().all(|order| order.tickets().count() == 2));
        assert_eq!(sale.journal().len(), 5, "defined, on sale, held, ordered, confirmed");
    });
}

#[test]
fn a_user_gets_no_more_than_the_limit_however_many_requests_run_at_once() {
    let mut definition = SmallSale::definition(4, 64, 100);
    definition.rules.tickets_per_user_max = 10;
    on_both_stores(&definition, |sale| {
        let got: Vec<u32> = on_all_threads(|thread| {
            let hold = match thread % 3 {
                0 => sale.hold(7, &[thread]),
                1 => sale.hold_places(7, 1),
                _ => sale.hold_best(7, 1),
            };
            match hold.wait() {
                Ok(hold) => {
                    if thread % 2 == 0 {
                        sale.open_order(hold.id, hold.user).wait().unwrap();
                        sale.confirm(hold.id.order(), hold.user).wait().unwrap();
                    }
                    1
                }
                Err(error) => match refusal::<()>(Err(error)) {
                    Refusal::UserLimit { limit: 10, used: 10, asked: 1 } | Refusal::SeatsUnavailable(_) => 0,
                    other => panic!("{other}"),
                },
            }
        });
        assert_eq!(got.iter().sum::<u32>(), 10);
        assert!(sale.hold_places(8, 10).wait().is_ok());
        assert_eq!(
            refusal(sale.hold_places(8, 1).wait()),
            Refusal::UserLimit { limit: 10, used: 10, asked: 1 }
        );
    });
}

#[test]
fn best_available_sells_a_small_map_out_and_misses_only_when_there_is_no_group() {
    on_both_stores(&SmallSale::definition(20, 30, 0), |sale| {
        let refused = Mutex::new(Vec::new());
        let sold: Vec<u32> = on_all_threads(|thread| {
            let mut sold = 0;
            let mut asked = 1 + thread % 4;
            while asked > 0 {
                let hold = attempt(sale, asked, &refused, || sale.hold_best(u128::from(thread), asked));
                if hold.is_some() { sold += asked } else { asked -= 1 }
            }
            sold
        });
        assert_eq!(sold.iter().sum::<u32>(), 600);
        assert_true(sale, &refused.into_inner().unwrap());
        sale.assert_equals_journal();
    });
}

#[test]
fn best_available_finds_what_comes_back() {
    on_both_stores(&SmallSale::definition(3, 12, 0), |sale| {
        let refused = Mutex::new(Vec::new());
        on_all_threads(|thread| {
            let mut rng = Rng::new(u64::from(thread));
            for _ in 0..25 {
                let asked = u32::try_from(1 + rng.below(6)).unwrap();
                let hold = attempt(sale, asked, &refused, || sale.hold_best(u128::from(thread), asked));
                if let Some(hold) = hold {
                    sale.release(hold.id, hold.user).wait().unwrap();
                }
            }
        });
        assert_true(sale, &refused.into_inner().unwrap());
        let mut map = Vec::new();
        sale.office.seat_map(sale.event, &mut map).unwrap();
        assert!(
            (0..36).all(|seat| SeatState::from_bits(map[seat / 32] >> (seat % 32 * 2)) == SeatState::Free)
        );
        sale.assert_equals_journal();
    });
}

#[test]
fn mixed_items_are_all_or_nothing() {
    on_both_stores(&SmallSale::definition(2, 16, 40), |sale| {
        on_all_threads(|thread| {
            let mut rng = Rng::new(u64::from(thread));
            for _ in 0..20 {
                let mut request = sale.places_request(u128::from(thread), 2);
                let seats = (0..2).map(|_| u32::try_from(rng.below(32)).unwrap());
                request.items.extend(sale.seats_request(0, &seats.take(1).collect::<Vec<_>>()).items);
                request.items.push(Item::Best(ticketcore::BestAvailable::adjacent(2, ADULT)));
                match sale.office.hold(request).wait() {
                    Ok(hold) => {
                        assert_eq!(hold.lines.places(), 5);
                        sale.release(hold.id, UserId::from(u128::from(thread))).wait().unwrap();
                    }
                    Err(error) => _ = refusal::<()>(Err(error)),
                }
            }
        });
        let available = sale.office.availability(sale.event).unwrap();
        assert_eq!(
            (available.sections[0].free, available.places[0].counts.free, available.holds),
            (32, 40, 0)
        );
        sale.assert_equals_journal();
    });
}
