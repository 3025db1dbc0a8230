//! Commands that are handed in together: sent together, told together, and each with an outcome of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Fault, FaultOdds, FaultyStore, SmallSale};
use ticketcore::{CommandError, Hold, HoldRequest, Pending, Refusal, ReleaseRequest};

type Way = Arc<FaultyStore<MemoryStore>>;

fn late_sale(seats: usize) -> (SmallSale, Way) {
    let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    (SmallSale::open(Arc::clone(&way) as Arc<dyn Store>, &SmallSale::definition(1, seats, 0)), way)
}

fn release_all(way: &Way) {
    way.set_odds(FaultOdds::default());
    while way.release_all() > 0 {}
}

/// One seat for each of so many users.
fn requests(sale: &SmallSale, count: u32) -> Vec<HoldRequest> {
    (0..count).map(|seat| sale.seats_request(u128::from(seat) + 1, &[seat])).collect()
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(pending: &mut Pending<Hold>, bell: &Arc<Bell>) -> Poll<Result<Hold, CommandError>> {
    let waker = Waker::from(Arc::clone(bell));
    Pin::new(pending).poll(&mut Context::from_waker(&waker))
}

#[test]
fn a_slice_is_one_append_and_its_outcomes_are_those_of_single_commands() {
    let (sale, way) = late_sale(10);
    let mut asked = requests(&sale, 3);
    asked.push(sale.seats_request(9, &[1, 5]));
    asked.push(sale.seats_request(9, &[]));
    way.script([Fault::DelayBefore]);
    let held = sale.office.hold_many(asked);
    assert_eq!(way.pending(), 1, "one append carries them");
    assert_eq!(held.iter().map(Pending::is_ready).collect::<Vec<_>>(), [false, false, false, false, true]);
    let Err(mut first) = held.into_iter().next().unwrap().try_take() else { panic!("not durable") };
    let bell = Arc::new(Bell::default());
    assert!(poll(&mut first, &bell).is_pending());
    release_all(&way);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert!(first.is_ready());
    let Poll::Ready(Ok(hold)) = poll(&mut first, &bell) else { panic!("it was woken") };
    assert_eq!(sale.office.find_hold(hold.id, hold.user).unwrap(), hold);
    assert!(matches!(first.wait(), Err(CommandError::Unknown { .. })), "taken before");
    let again = sale.office.hold_many(requests(&sale, 3));
    for refused in again {
        assert!(matches!(refused.wait(), Err(CommandError::Refused(Refusal::SeatsUnavailable(_)))));
    }
    sale.assert_equals_journal();
}

#[test]
fn every_member_of_a_slice_waits_as_it_likes() {
    let (sale, way) = late_sale(6);
    way.script([Fault::DelayAfter]);
    let mut held = sale.office.hold_many(requests(&sale, 6));
    let late = held.pop().unwrap().wait_timeout(Duration::from_millis(5));
    assert!(matches!(late, Err(CommandError::Unknown { .. })), "{late:?}");
    let bells = [(); 2].map(|()| Arc::new(Bell::default()));
    let mut futures = [held.pop().unwrap(), held.pop().unwrap()];
    for (pending, bell) in futures.iter_mut().zip(&bells) {
        assert!(poll(pending, bell).is_pending());
        assert!(poll(pending, bell).is_pending());
    }
    drop(held.pop());
    std::thread::scope(|scope| {
        let waiting: Vec<_> = held.drain(..).map(|pending| scope.spawn(|| pending.wait())).collect();
        release_all(&way);
        for thread in waiting {
            thread.join().unwrap().unwrap();
        }
    });
    for (mut pending, bell) in futures.into_iter().zip(bells) {
        assert_eq!(bell.0.load(Ordering::SeqCst), 1);
        assert!(poll(&mut pending, &bell).is_ready());
    }
    assert_eq!(sale.office.availability(sale.event).unwrap().holds, 6, "dropping a handle cancels nothing");
}

#[test]
fn what_was_durable_when_the_store_failed_is_told_so_and_the_rest_is_unknown() {
    let (sale, way) = late_sale(300);
    way.script([Fault::DelayBefore]);
    way.set_odds(FaultOdds::default().with(Fault::UnknownLost, 100));
    let held = sale.office.hold_many(requests(&sale, 300));
    assert!(held.iter().all(|pending| !pending.is_ready()));
    while way.release_all() > 0 {}
    let told: Vec<_> = held.into_iter().map(Pending::wait).collect();
    assert!(told[..256].iter().all(Result::is_ok), "they were durable before");
    assert!(told[256..].iter().all(|told| matches!(told, Err(CommandError::Unknown { .. }))));
    let later = sale.hold(1, &[299]).wait();
    assert!(matches!(later, Err(CommandError::Failed { .. })), "{later:?}");
}

#[test]
fn slices_over_two_events_and_of_holds_that_are_gone() {
    let (sale, way) = late_sale(4);
    let other = sale.office.add_event(&SmallSale::definition(1, 4, 0)).unwrap();
    sale.office.set_sale_state(other, ticketcore::SaleState::Onsale).wait().unwrap();
    let mut asked = requests(&sale, 4);
    asked[1].event = other;
    asked[3].event = other;
    way.set_odds(FaultOdds::default().with(Fault::DelayBefore, 100));
    let held = sale.office.hold_many(asked);
    assert_eq!(way.pending(), 2);
    release_all(&way);
    let held: Vec<Hold> = held.into_iter().map(|hold| hold.wait().unwrap()).collect();
    let events: Vec<_> = held.iter().map(|hold| hold.id.event).collect();
    assert_eq!(events, [sale.event, other, sale.event, other]);
    for revisions in [[true; 4], [false; 4]] {
        let releases = held.iter().map(|hold| ReleaseRequest { hold: hold.id, user: hold.user, key: None });
        let ended = sale.office.release_many(releases.collect());
        let ended = ended.into_iter().map(|done| done.wait().unwrap().revision.is_some());
        assert!(ended.eq(revisions), "released once");
    }
    sale.assert_equals_journal();
}
