//! Queries as futures: they block nobody, and tell nothing before it is durable.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{ADULT, Fault, FaultOdds, FaultyStore, SmallSale, refused};
use ticketcore::waiting::{JoinWaitingRequest, Wish};
use ticketcore::{CommandError, EventId, HoldId, HoldNumber, OrderId, Refusal, Revision, UserId};

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(Duration::from_secs(30)),
        }
    }
}

type Asked<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Asserts that a future is not ready when it is polled first.
#[track_caller]
fn waits<T>(future: impl Future<Output = T> + Send + 'static) -> Asked<T> {
    let mut future: Asked<T> = Box::pin(future);
    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "told before the store has answered");
    future
}

/// What a future says when it is polled once.
#[track_caller]
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something else"),
    }
}

fn late() -> (SmallSale, Arc<FaultyStore<MemoryStore>>) {
    let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = SmallSale::open(Arc::clone(&way) as Arc<dyn Store>, &SmallSale::definition(2, 10, 0));
    (sale, way)
}

fn release(way: &FaultyStore<MemoryStore>) {
    way.set_odds(FaultOdds::default());
    while way.release_all() > 0 {}
}

#[test]
fn a_read_waits_for_what_it_saw_without_blocking_and_for_nothing_else() {
    let (sale, way) = late();
    let (office, event) = (&sale.office, sale.event);
    let quiet = sale.hold(1, &[0]).wait().unwrap();
    let bought = sale.buy(1, &[1]).unwrap();
    let moving = sale.hold(2, &[2]).wait().unwrap();
    let ordering = sale.hold(3, &[3]).wait().unwrap();
    let durable = office.durable_revision(event);
    way.set_odds(FaultOdds::default().with(Fault::DelayBefore, 100));
    sale.clock.advance(1_000);
    let extended = sale.extend(&moving);
    let order = sale.open_order(ordering.id, ordering.user);
    let order_id = OrderId { event, number: ordering.id.number };

    let hold = waits(office.find_hold_async(moving.id, moving.user));
    let found = waits(office.find_order_async(order_id, ordering.user));
    let details = waits(office.order_details_async(order_id));
    let mine = waits(office.orders_of_async(event, ordering.user));
    let list = waits(office.waiting_of_async(event, moving.user));
    let nothing = waits(office.find_hold_async(HoldId { event, number: HoldNumber(77) }, moving.user));
    drop(waits(office.find_hold_async(moving.id, moving.user)));
    // What others do is in nobody's way.
    assert_eq!(at_once(office.find_hold_async(quiet.id, quiet.user)).unwrap().lines, quiet.lines);
    assert_eq!(at_once(office.find_order_async(bought.id, bought.user)).unwrap().id, bought.id);
    assert_eq!(at_once(office.order_details_async(bought.id)).unwrap().tickets.len(), 1);
    assert_eq!(office.durable_revision(event), durable, "nothing is durable yet");

    release(&way);
    assert_eq!(at_once(hold).unwrap().version, extended.wait().unwrap().version);
    let order = order.wait().unwrap();
    assert_eq!(at_once(found).unwrap().version, order.version);
    assert_eq!(at_once(details).unwrap().order.version, order.version);
    assert_eq!(at_once(mine).unwrap().len(), 1);
    assert_eq!(at_once(list).unwrap(), (vec![], vec![]));
    assert_eq!(refused(at_once(nothing)), Refusal::UnknownHold);
    assert!(office.durable_revision(event) > durable);
}

#[test]
fn who_waits_is_found_with_what_was_offered_to_him() {
    let (sale, _way) = late();
    let all = sale.hold_best(1, 10).wait().unwrap();
    let rest = sale.hold_best(1, 10).wait().unwrap();
    let wish = Wish { places: 2, category: None, ticket_type: ADULT, together: true };
    let user = UserId::from(2);
    sale.office
        .join_waiting(JoinWaitingRequest { event: sale.event, user, key: None, wish, identities: vec![] })
        .wait()
        .unwrap();
    assert_eq!(at_once(sale.office.waiting_of_async(sale.event, user)).unwrap().0.len(), 1);
    sale.release(all.id, all.user).wait().unwrap();
    while sale.office.maintain().more {}
    let (entries, holds) = at_once(sale.office.waiting_of_async(sale.event, user)).unwrap();
    assert_eq!((entries.len(), holds.len()), (0, 1));
    assert_eq!(sale.office.waiting_of(sale.event, user).unwrap().1, holds);
    drop(rest);
}

#[test]
fn a_read_of_an_event_that_is_not_open_is_opened_by_the_maintenance_thread() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let sale = SmallSale::open(store, &SmallSale::definition(2, 10, 0));
    let order = sale.buy(1, &[0]).unwrap();
    let hold = sale.hold(2, &[1]).wait().unwrap();
    let again = sale.again_maintained(2);
    assert_eq!(again.office.durable_revision(sale.event), None);
    let reads = (0..10).map(|_| again.office.order_details_async(order.id)).collect::<Vec<_>>();
    assert_eq!(again.office.durable_revision(sale.event), None, "a future that nobody polls opens nothing");
    for read in reads {
        assert_eq!(block_on(read).unwrap().order.id, order.id);
    }
    assert_eq!(block_on(again.office.find_hold_async(hold.id, hold.user)).unwrap().id, hold.id);
    assert!(again.office.durable_revision(sale.event).is_some());
    let unknown = OrderId { event: EventId(4_711), number: order.id.number };
    assert_eq!(refused(block_on(again.office.order_details_async(unknown))), Refusal::UnknownEvent);
    assert_eq!(again.office.durable_revision(EventId(4_711)), None);
}

#[test]
fn a_read_that_outlives_its_office_is_told_so() {
    for shared in [false, true] {
        let store: Arc<dyn Store> = Arc::new(if shared { MemoryStore::shared() } else { MemoryStore::new() });
        let sale = SmallSale::open(store, &SmallSale::definition(2, 10, 0));
        let order = sale.buy(1, &[0]).unwrap();
        for round in 0..50 {
            let office = sale.again_maintained(2).office;
            if round % 2 == 0 {
                office.order_details(order.id).unwrap();
            }
            let mut begun: Asked<_> = Box::pin(office.order_details_async(order.id));
            let polled = begun.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let fresh = office.order_details_async(order.id);
            drop(Arc::into_inner(office).unwrap());
            // Whichever was first; but an answer there is.
            let outcomes =
                [if let Poll::Ready(outcome) = polled { outcome } else { at_once(begun) }, at_once(fresh)];
            for outcome in outcomes {
                let told = matches!(
                    outcome,
                    Ok(_) | Err(CommandError::Failed { .. } | CommandError::Unknown { .. })
                );
                assert!(told, "{outcome:?}");
            }
        }
    }
}

#[test]
fn a_read_on_a_shared_store_sees_what_another_office_has_written_before() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::shared());
    let sale = SmallSale::open(store, &SmallSale::definition(2, 10, 0));
    let other = sale.again(2);
    assert_eq!(at_once(other.office.orders_of_async(sale.event, 1.into())).unwrap(), []);
    let order = sale.buy(1, &[0]).unwrap();
    assert_eq!(at_once(other.office.find_order_async(order.id, order.user)).unwrap().version, order.version);
    let hold = sale.hold(1, &[1]).wait().unwrap();
    assert_eq!(at_once(other.office.orders_of_async(sale.event, 1.into())).unwrap().len(), 1);
    sale.release(hold.id, hold.user).wait().unwrap();
    assert_eq!(refused(at_once(other.office.find_hold_async(hold.id, hold.user))), Refusal::UnknownHold);
    // With a maintenance thread nobody reads the store while polling.
    let third = sale.again_maintained(3);
    block_on(third.office.find_order_async(order.id, order.user)).unwrap();
    let hold = sale.hold(1, &[1]).wait().unwrap();
    assert_eq!(block_on(third.office.find_hold_async(hold.id, hold.user)).unwrap().version, hold.version);
}

#[test]
fn events_that_have_stopped_are_listed_with_the_reason() {
    let (sale, way) = late();
    let (office, event) = (&sale.office, sale.event);
    assert_eq!(office.stopped_events(), []);
    assert_eq!(office.stopped(event), None);
    way.script([Fault::UnknownLost; 16]);
    let lost = sale.hold(1, &[0]).wait();
    assert!(matches!(lost, Err(CommandError::Unknown { .. })), "{lost:?}");
    let stopped = office.stopped_events();
    assert_eq!(stopped.iter().map(|(event, _)| *event).collect::<Vec<_>>(), [event]);
    assert_eq!(office.stopped(event).as_ref(), Some(&stopped[0].1));
    assert!(stopped[0].1.contains("stopped before"), "{stopped:?}");
    office.reopen(event);
    assert_eq!(office.stopped_events(), []);
    sale.hold(1, &[0]).wait().unwrap();
    assert!(office.durable_revision(event) > Some(Revision(2)));
}
