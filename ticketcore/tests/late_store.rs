//! A store that answers late, fails, or does not know: nobody is told, shown or refused what is not durable (I6), failures are told as
//! what they are, and after one that may have lost something nothing more is acknowledged (I9).

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use ticketcore::fact::Fact;
use ticketcore::store::{MemoryStore, Store};
use ticketcore::testkit::{Call, FLOOR, Fault, FaultOdds, FaultyStore, SmallSale, key, refused};
use ticketcore::{
    BoxOffice, CommandError, EventId, Hold, HoldRequest, Pending, Refusal, Revision, SaleState, SeatConflict,
    SeatIndex, SeatState,
};

/// A sale whose way to the store does what the test says.
struct Late {
    sale: SmallSale,
    way: Arc<FaultyStore<MemoryStore>>,
}

impl Late {
    fn new() -> Self {
        let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
        let sale = SmallSale::open(Arc::clone(&way) as Arc<dyn Store>, &SmallSale::definition(2, 10, 20));
        Self { sale, way }
    }

    /// The next appends wait for [`FaultyStore::release_all`].
    fn delay(&self, fault: Fault) {
        self.way.set_odds(FaultOdds::default().with(fault, 100));
    }

    /// All that waits is appended and answered.
    fn release(&self) {
        self.way.set_odds(FaultOdds::default());
        while self.way.release_all() > 0 {}
    }

    /// All that can be seen without owning anything.
    fn shown(&self) -> (ticketcore::Availability, Vec<u64>, ticketcore::Changes) {
        let (office, event) = (&self.sale.office, self.sale.event);
        let mut map = Vec::new();
        let revision = office.seat_map(event, &mut map).unwrap();
        let available = office.availability(event).unwrap();
        assert_eq!(available.revision, revision);
        (available, map, office.changes_since(event, Revision(2)).unwrap())
    }
}

#[track_caller]
fn waits<T>(pending: Pending<T>) -> Pending<T> {
    assert!(!pending.is_ready(), "answered before the store has");
    pending
}

#[track_caller]
fn at_once<T>(pending: Pending<T>) -> Pending<T> {
    assert!(pending.is_ready(), "waits for nothing");
    pending
}

fn conflict(seat: u32, state: SeatState, hold: Option<&Hold>) -> SeatConflict {
    SeatConflict { seat: SeatIndex(seat), state, until: hold.map(|hold| hold.deadline) }
}

#[test]
fn nothing_is_told_or_shown_before_the_store_has_answered() {
    for fault in [Fault::DelayBefore, Fault::DelayAfter] {
        let late = Late::new();
        let (sale, before) = (&late.sale, late.shown());
        late.delay(fault);
        let hold = waits(sale.hold(1, &[0, 1]));
        let places = waits(sale.hold_places(1, 3));
        assert_eq!(late.shown(), before);
        late.release();
        let (hold, places) = (at_once(hold).wait().unwrap(), at_once(places).wait().unwrap());
        let (available, map, changes) = late.shown();
        assert_eq!((available.revision, available.holds), (places.version, 2));
        assert_eq!(map[0], 0b0101, "two bits a seat");
        let held = [(SeatIndex(0), SeatState::Held), (SeatIndex(1), SeatState::Held)];
        assert_eq!((&changes.seats[..], &changes.areas[..]), (&held[..], &[FLOOR][..]));
        assert_eq!(sale.office.find_hold(hold.id, hold.user).unwrap(), hold);
    }
}

#[test]
fn reads_by_the_owner_wait_for_what_they_saw() {
    let late = Late::new();
    let hold = late.sale.hold(1, &[0]).wait().unwrap();
    late.delay(Fault::DelayAfter);
    let extended = waits(late.sale.extend(&hold));
    let told = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let found = late.sale.office.find_hold(hold.id, hold.user);
            told.store(true, Ordering::Relaxed);
            found
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!told.load(Ordering::Relaxed), "told before the store has answered");
        late.release();
        assert_eq!(reader.join().unwrap().unwrap(), extended.wait().unwrap());
    });
}

#[test]
fn a_refusal_waits_for_the_hold_that_caused_it() {
    let late = Late::new();
    let sale = &late.sale;
    late.delay(Fault::DelayBefore);
    let first = waits(sale.hold(1, &[0]));
    let all = waits(sale.hold_places(1, 20));
    let best = waits(sale.hold_best(1, 10));
    let seat = waits(sale.hold(2, &[0]));
    let place = waits(sale.hold_places(2, 1));
    let miss = waits(sale.hold_best(2, 10));
    late.release();
    let first = first.wait().unwrap();
    let state = SeatState::Held;
    assert_eq!(refused(seat.wait()), Refusal::SeatsUnavailable(vec![conflict(0, state, Some(&first))]));
    assert!(all.wait().is_ok() && best.wait().is_ok());
    assert_eq!(refused(place.wait()), Refusal::AreaExhausted { area: FLOOR, left: 0 });
    let largest = Refusal::BestAvailableMiss { asked: 10, matching: 9, largest_adjacent: 9 };
    assert_eq!(refused(miss.wait()), largest);
}

#[test]
fn a_refusal_whose_cause_comes_to_nothing_is_a_failure() {
    let late = Late::new();
    late.way.script(std::iter::once(Fault::DelayBefore).chain([Fault::Fail; 15]));
    let held = waits(late.sale.hold(1, &[0]));
    let other = waits(late.sale.hold(2, &[0]));
    // One that is answered by dropping it is unknown, so that the last failure decides.
    late.way.drop_held();
    for pending in [held, other] {
        let failed = pending.wait();
        assert!(matches!(failed, Err(CommandError::Failed { .. })), "{failed:?}");
    }
    assert!(late.sale.hold(2, &[0]).wait().is_ok());
}

#[test]
fn a_refusal_that_the_durable_view_confirms_comes_at_once() {
    let late = Late::new();
    let sale = &late.sale;
    let held = sale.hold(1, &[0]).wait().unwrap();
    sale.hold_places(1, 20).wait().unwrap();
    sale.hold(1, &[2, 4, 6, 8]).wait().unwrap();
    sale.hold(1, &(10..20).collect::<Vec<_>>()).wait().unwrap();
    late.delay(Fault::DelayBefore);
    let unrelated = waits(sale.hold(3, &[9]));
    let seat = at_once(sale.hold(2, &[0])).wait();
    let conflicts = vec![conflict(0, SeatState::Held, Some(&held))];
    assert_eq!(refused(seat), Refusal::SeatsUnavailable(conflicts));
    let place = at_once(sale.hold_places(2, 1)).wait();
    assert_eq!(refused(place), Refusal::AreaExhausted { area: FLOOR, left: 0 });
    // Five single seats are durably free; that one of them is being held is nobody's business yet.
    let miss = at_once(sale.hold_best(2, 2)).wait();
    let durable = Refusal::BestAvailableMiss { asked: 2, matching: 5, largest_adjacent: 1 };
    assert_eq!(refused(miss), durable);
    late.release();
    assert!(unrelated.wait().is_ok());
}

#[test]
fn a_refusal_does_not_speak_of_a_hold_that_is_not_durable() {
    let late = Late::new();
    let sale = &late.sale;
    let old = sale.hold(1, &[0]).wait().unwrap();
    late.delay(Fault::DelayBefore);
    let released = waits(sale.release(old.id, old.user));
    sale.clock.advance(5_000);
    let new = waits(sale.hold(2, &[0]));
    // Held then, held now: but until when, only the new hold knows.
    let third = waits(sale.hold(3, &[0]));
    late.release();
    let new = new.wait().unwrap();
    assert!(released.wait().is_ok());
    let conflicts = vec![conflict(0, SeatState::Held, Some(&new))];
    assert_eq!(refused(third.wait()), Refusal::SeatsUnavailable(conflicts));
}

#[test]
fn a_replay_of_what_is_not_durable_waits() {
    let late = Late::new();
    late.delay(Fault::DelayAfter);
    let first = waits(late.sale.hold_keyed(1, &[0], "click"));
    let second = waits(late.sale.hold_keyed(1, &[0], "click"));
    let reused = waits(late.sale.hold_keyed(1, &[1], "click"));
    late.release();
    let first = first.wait().unwrap();
    assert_eq!(second.wait().unwrap(), Hold { replayed: true, ..first.clone() });
    assert_eq!(refused(reused.wait()), Refusal::KeyReused { revision: first.version });
}

#[test]
fn a_replay_that_cannot_be_read_is_unknown_for_there_is_an_outcome() {
    let late = Late::new();
    let hold = late.sale.hold_keyed(1, &[0], "click").wait().unwrap();
    late.way.fail_next(Call::Read, 1);
    let unknown = late.sale.hold_keyed(1, &[0], "click").wait();
    assert!(matches!(unknown, Err(CommandError::Unknown { .. })), "{unknown:?}");
    assert_eq!(late.sale.hold_keyed(1, &[0], "click").wait().unwrap().id, hold.id);
}

/// Counts its wake-ups and notes the durable revision at the first.
struct Alarm {
    office: Arc<BoxOffice>,
    event: EventId,
    rung: AtomicUsize,
    revision: AtomicU64,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        // No lock of the engine is held meanwhile, so that this can't hang.
        let revision = self.office.availability(self.event).unwrap().revision;
        let refused = self.office.hold(HoldRequest::new(self.event, 9.into(), Vec::new())).wait();
        assert!(matches!(refused, Err(CommandError::Refused(Refusal::NothingRequested))));
        self.revision.store(revision.0, Ordering::SeqCst);
    }
}

#[test]
fn a_future_is_woken_once_when_its_outcome_is_durable() {
    let late = Late::new();
    let SmallSale { office, event, .. } = &late.sale;
    let (rung, revision) = (AtomicUsize::new(0), AtomicU64::new(0));
    let alarm = Arc::new(Alarm { office: Arc::clone(office), event: *event, rung, revision });
    let waker = Waker::from(Arc::clone(&alarm));
    let mut context = Context::from_waker(&waker);
    late.delay(Fault::DelayBefore);
    let mut hold = pin!(late.sale.hold(1, &[0]));
    let mut refusal = pin!(late.sale.hold(2, &[0]));
    for _ in 0..3 {
        assert!(hold.as_mut().poll(&mut context).is_pending());
        assert!(refusal.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(alarm.rung.load(Ordering::SeqCst), 0);
    thread::scope(|scope| _ = scope.spawn(|| late.release()));
    assert_eq!(alarm.rung.load(Ordering::SeqCst), 2, "once each");
    let Poll::Ready(Ok(hold)) = hold.as_mut().poll(&mut context) else { panic!("woken for nothing") };
    assert_eq!(alarm.revision.load(Ordering::SeqCst), hold.version.0);
    let Poll::Ready(refusal) = refusal.as_mut().poll(&mut context) else { panic!("woken for nothing") };
    assert!(matches!(refused(refusal), Refusal::SeatsUnavailable(_)));
}

#[test]
fn a_command_goes_on_when_nobody_waits_for_it_any_more() {
    let late = Late::new();
    late.delay(Fault::DelayBefore);
    drop(late.sale.hold_keyed(1, &[0], "dropped"));
    let timed = late.sale.hold_keyed(1, &[1], "timed").wait_timeout(Duration::from_millis(5));
    assert!(matches!(timed, Err(CommandError::Unknown { .. })), "{timed:?}");
    let forever = late.sale.hold(1, &[2]);
    late.release();
    assert!(forever.wait_timeout(Duration::MAX).is_ok());
    for (seat, name) in [(0, "dropped"), (1, "timed")] {
        assert!(late.sale.hold_keyed(1, &[seat], name).wait().unwrap().replayed);
    }
}

#[test]
fn a_clean_failure_is_tried_again() {
    let late = Late::new();
    late.way.script([Fault::Fail; 15]);
    assert!(late.sale.hold(1, &[0]).wait().is_ok());
    assert_eq!(late.way.injected(Fault::Fail), 15);
    late.sale.assert_equals_journal();
}

#[test]
fn a_clean_failure_that_stays_fails_the_callers_and_frees_the_seats() {
    let late = Late::new();
    let kept = late.sale.hold(1, &[5]).wait().unwrap();
    late.way.script(std::iter::once(Fault::DelayBefore).chain([Fault::Fail; 15]));
    // In the first batch, and behind it.
    let pending = [late.sale.hold_keyed(1, &[0], "again"), late.sale.hold(2, &[1]), late.sale.hold(3, &[1])];
    late.way.drop_held();
    for pending in pending {
        let failed = pending.wait();
        assert!(matches!(failed, Err(CommandError::Failed { .. })), "{failed:?}");
    }
    assert!(late.sale.office.stopped(late.sale.event).is_some());
    late.sale.hold(4, &[0, 1]).wait().unwrap();
    assert_eq!(late.sale.office.find_hold(kept.id, kept.user).unwrap().lines, kept.lines);
    late.sale.assert_equals_journal();
}

/// How many holds on `seat` there are in the journal.
fn holds_of(sale: &SmallSale, seat: u32) -> usize {
    let placed = |fact: &Fact| match fact {
        Fact::HoldPlaced(placed) => placed.lines.seats.iter().any(|line| line.seat == SeatIndex(seat)),
        _ => false,
    };
    sale.journal().iter().filter(|(_, fact)| placed(fact)).count()
}

#[test]
fn an_unknown_append_is_settled_by_sending_it_again() {
    let unknown =
        [Fault::UnknownLanded, Fault::UnknownLost, Fault::UnknownLate, Fault::DropLanded, Fault::DropLost];
    for fault in unknown {
        for times in [1, 2, 15] {
            let late = Late::new();
            late.way.script(vec![fault; times]);
            assert!(late.sale.hold(1, &[0]).wait().is_ok(), "{times} times {fault:?}");
            late.release();
            assert!(late.sale.hold(1, &[1]).wait().is_ok());
            assert_eq!((holds_of(&late.sale, 0), holds_of(&late.sale, 1)), (1, 1));
            late.sale.assert_equals_journal();
        }
    }
}

#[test]
fn after_an_append_that_stays_unknown_nothing_is_acknowledged_until_the_event_is_reopened() {
    for fault in [Fault::UnknownLanded, Fault::UnknownLost, Fault::UnknownLate] {
        let late = Late::new();
        let sale = &late.sale;
        let before = late.shown();
        late.way.script([Fault::DelayBefore]);
        let pending = [
            waits(sale.hold_keyed(1, &[0], "first")),
            waits(sale.hold_keyed(1, &[0], "first")),
            waits(sale.hold(2, &[0])),
            waits(sale.hold(3, &[1])),
        ];
        late.delay(fault);
        late.way.drop_held();
        for pending in pending {
            let unknown = pending.wait();
            assert!(matches!(unknown, Err(CommandError::Unknown { .. })), "{fault:?}: {unknown:?}");
        }
        // The store is well again, but who knows what it kept.
        late.release();
        for _ in 0..3 {
            sale.office.maintain();
            let failed = sale.hold(4, &[5]).wait();
            assert!(matches!(failed, Err(CommandError::Failed { .. })), "{failed:?}");
            let failed = sale.office.set_sale_state(sale.event, SaleState::Paused).wait();
            assert!(matches!(failed, Err(CommandError::Failed { .. })), "{failed:?}");
        }
        assert_eq!(late.shown(), before);
        assert!(sale.office.stopped(sale.event).is_some());
        sale.office.reopen(sale.event);
        let landed = fault != Fault::UnknownLost;
        assert_eq!(sale.hold_keyed(1, &[0], "first").wait().unwrap().replayed, landed);
        assert_eq!(holds_of(sale, 0), 1);
        assert!(sale.hold(4, &[5]).wait().is_ok());
        sale.assert_equals_journal();
    }
}

#[test]
fn appends_of_two_events_end_in_any_order() {
    let late = Late::new();
    let office = &late.sale.office;
    let other = office.add_event(&SmallSale::definition(1, 4, 0)).unwrap();
    office.set_sale_state(other, SaleState::Onsale).wait().unwrap();
    late.delay(Fault::DelayAfter);
    let first = waits(late.sale.hold(1, &[0]));
    let request = late.sale.seats_request(1, &[0]);
    let second = waits(office.hold(HoldRequest { event: other, ..request }));
    let behind = waits(late.sale.hold(1, &[1]));
    assert_eq!(late.way.pending(), 2, "one append in flight per event");
    assert!(late.way.release_one(1));
    let (first, second) = (waits(first), at_once(second));
    assert!(second.wait().is_ok());
    late.release();
    assert!(first.wait().is_ok() && behind.wait().is_ok());
}

#[test]
fn a_key_may_be_used_for_each_operation_once() {
    let late = Late::new();
    let hold = late.sale.hold_keyed(1, &[0], "same").wait().unwrap();
    let key = Some(key("same"));
    let order = ticketcore::OpenOrderRequest { hold: hold.id, user: hold.user, key };
    assert!(!late.sale.office.open_order(order.clone()).wait().unwrap().replayed);
    assert!(late.sale.office.open_order(order).wait().unwrap().replayed);
}
