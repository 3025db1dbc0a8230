//! Events open when they are needed and close when nothing goes on in them: once, without losing a command, and to the same state byte
//! for byte, from the journal alone or from a snapshot and what came after it.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use ticketcore::fact::{Fact, SeatChange, Stamp};
use ticketcore::manifest::{Allocation, Definition, Quota};
use ticketcore::store::{
    Appended, Batch, BatchId, Capabilities, Completion, CompletionSink, MemoryStore, ReadError, Record,
    Records, Snapshot, Store, StoreFailure, StreamId, Tail,
};
use ticketcore::testkit::{ADULT, FLOOR, Fault, FaultyStore, SmallSale, TwoNodes, key};
use ticketcore::{
    AllocationIndex, AmendRequest, CommandError, HoldRequest, Item, ManifestRequest, PlacesRequest, Refusal,
    Revision, SaleState, SeatIndex, SeatsRequest, UserId,
};

/// Counts openings, and lets a reader stand still after it has read.
struct Watched {
    inner: Arc<MemoryStore>,
    openings: AtomicUsize,
    hold_next_reader: AtomicBool,
    standing: Mutex<bool>,
    moved: Condvar,
}

impl Watched {
    fn new(inner: Arc<MemoryStore>) -> Arc<Self> {
        let (openings, hold_next_reader) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self {
            inner,
            openings,
            hold_next_reader,
            standing: Mutex::new(false),
            moved: Condvar::new(),
        })
    }

    fn set(&self, standing: bool) {
        *self.standing.lock().unwrap() = standing;
        self.moved.notify_all();
    }

    fn wait(&self, standing: bool, most: Duration) {
        let now = self.standing.lock().unwrap();
        drop(self.moved.wait_timeout_while(now, most, |now| *now != standing).unwrap());
    }
}

impl Store for Watched {
    fn submit(&self, append: Completion) {
        self.inner.submit(append);
    }
    fn read(
        &self,
        stream: StreamId,
        after: Revision,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(Revision, Tail), ReadError> {
        let read = self.inner.read(stream, after, visit);
        if stream != StreamId::System && self.hold_next_reader.swap(false, Ordering::SeqCst) {
            self.set(true);
            self.wait(false, Duration::from_secs(5));
        }
        read
    }
    fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreFailure> {
        self.inner.save_snapshot(stream, snapshot)
    }
    fn load_snapshot(&self, stream: StreamId) -> Result<Option<Snapshot>, StoreFailure> {
        self.openings.fetch_add(1, Ordering::SeqCst);
        self.inner.load_snapshot(stream)
    }
    fn streams(&self) -> Result<Vec<StreamId>, StoreFailure> {
        self.inner.streams()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

fn watched(definition: &Definition) -> (SmallSale, Arc<Watched>) {
    let store = Watched::new(Arc::new(MemoryStore::new()));
    (SmallSale::open(Arc::clone(&store) as Arc<dyn Store>, definition), store)
}

#[test]
fn an_event_is_opened_once_however_many_want_it_at_once() {
    for maintained in [false, true] {
        let (sale, store) = watched(&SmallSale::definition(8, 16, 0));
        let sale = if maintained { sale.again_maintained(2) } else { sale.again(2) };
        store.openings.store(0, Ordering::SeqCst);
        let start = std::sync::Barrier::new(64);
        thread::scope(|scope| {
            for at in 0..64_u32 {
                let (sale, start) = (&sale, &start);
                scope.spawn(move || {
                    start.wait();
                    if at % 8 == 0 {
                        assert_eq!(sale.office.availability(sale.event).unwrap().sections.len(), 1);
                    }
                    sale.hold(u128::from(at), &[at * 2, at * 2 + 1]).wait().unwrap();
                });
            }
        });
        assert_eq!(store.openings.load(Ordering::SeqCst), 1);
        assert_eq!(sale.office.availability(sale.event).unwrap().sections[0].held, 128);
        sale.assert_equals_journal();
    }
}

#[test]
fn a_command_and_a_close_at_the_same_time_both_come_to_their_right() {
    for maintained in [false, true] {
        let (sale, store) = watched(&SmallSale::definition(1, 8, 0));
        let sale = if maintained { sale.again_maintained(2) } else { sale.again(2) };
        let (over, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            let buyers: Vec<_> = (0..2)
                .map(|user: u32| {
                    let (sale, store, rounds) = (&sale, &store, &rounds);
                    scope.spawn(move || {
                        // Until it has been closed under them often enough.
                        while store.openings.load(Ordering::SeqCst) < 12 {
                            assert!(rounds.fetch_add(1, Ordering::SeqCst) < 1_000_000, "it never closes");
                            let hold = sale.hold(u128::from(user), &[user]).wait().unwrap();
                            sale.release(hold.id, hold.user).wait().unwrap();
                            thread::yield_now();
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    sale.office.close_if_idle(sale.event);
                    sale.office.availability(sale.event).unwrap();
                }
            });
            let outcomes: Vec<_> = buyers.into_iter().map(thread::ScopedJoinHandle::join).collect();
            over.store(true, Ordering::Relaxed);
            assert!(outcomes.iter().all(Result::is_ok), "no buyer is told that the event was closed");
        });
        assert_eq!(sale.journal().len(), 2 + 2 * rounds.into_inner());
        sale.assert_equals_journal();
    }
}

#[test]
fn an_event_that_was_read_before_others_used_it_is_not_taken_into_use() {
    let (sale, store) = watched(&SmallSale::definition(1, 8, 0));
    let sale = sale.again(2);
    store.hold_next_reader.store(true, Ordering::SeqCst);
    let used = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| sale.office.availability(sale.event).unwrap());
        store.wait(true, Duration::from_secs(5));
        let user = scope.spawn(|| {
            let hold = sale.hold(1, &[0]).wait().unwrap();
            sale.release(hold.id, hold.user).wait().unwrap();
            assert!(sale.office.close_if_idle(sale.event));
            used.store(true, Ordering::SeqCst);
        });
        // Either the user comes through meanwhile, or waits for the reader.
        for _ in 0..50 {
            if !used.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        store.set(false);
        user.join().unwrap();
        reader.join().unwrap();
    });
    assert_eq!(sale.office.availability(sale.event).unwrap().revision, Revision(4));
    assert!(sale.hold(1, &[0]).wait().is_ok());
    sale.assert_equals_journal();
}

#[test]
fn an_event_closes_only_if_nothing_goes_on_in_it() {
    let way = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = SmallSale::open(Arc::clone(&way) as Arc<dyn Store>, &SmallSale::definition(1, 8, 0));
    let close = || sale.office.close_if_idle(sale.event);
    assert!(close() && close(), "closed is closed");
    let hold = sale.hold(1, &[0]).wait().unwrap();
    assert!(!close(), "a live hold");
    let order = sale.open_order(hold.id, hold.user).wait().unwrap();
    assert!(!close(), "an open order");
    way.script([Fault::DelayAfter]);
    let confirmed = sale.confirm(order.id, order.user);
    assert!(!close(), "an append in flight");
    way.release_all();
    confirmed.wait().unwrap();
    assert!(close());
    let before = sale.office.state_bytes(sale.event).unwrap();
    assert!(close());
    assert!(sale.office.state_bytes(sale.event).unwrap() == before, "opened again to the same state");
}

#[test]
fn an_idle_event_is_closed_after_a_while_and_opens_again() {
    let (sale, store) = watched(&SmallSale::definition(1, 8, 0));
    let sale = sale.again_maintained(2);
    sale.buy(1, &[0]).unwrap();
    store.openings.store(0, Ordering::SeqCst);
    for _ in 0..500 {
        sale.clock.advance(60_000);
        thread::sleep(Duration::from_millis(2));
        sale.office.availability(sale.event).unwrap();
        if store.openings.load(Ordering::SeqCst) > 0 {
            assert!(sale.buy(2, &[1]).is_ok());
            return;
        }
    }
    panic!("never closed");
}

#[test]
fn who_waits_when_a_box_office_is_dropped_is_told_that_the_outcome_is_unknown() {
    let TwoNodes { a, b, .. } = TwoNodes::small();
    a.hold(1, &[0]).wait().unwrap();
    let pending = b.hold(2, &[0]);
    assert!(!pending.is_ready(), "another node was first");
    drop(b);
    let told = pending.wait();
    assert!(matches!(told, Err(CommandError::Unknown { .. })), "{told:?}");
}

#[test]
fn an_unknown_event_is_refused_and_not_remembered() {
    let (sale, _) = watched(&SmallSale::definition(1, 8, 0));
    for office in [&sale.office, &sale.again_maintained(2).office] {
        let request = HoldRequest { event: ticketcore::EventId(99), ..sale.seats_request(1, &[0]) };
        assert_eq!(office.hold(request).wait(), Err(CommandError::Refused(Refusal::UnknownEvent)));
    }
}

/// Two rows of ten seats, an area with an allocation, and a quota.
fn rich_definition() -> Definition {
    let mut definition = SmallSale::definition(2, 10, 20);
    let allocation = |name: &str| Allocation {
        name: name.to_owned(),
        channels: vec![name.to_owned()],
        access_code: None,
        release_at: None,
    };
    definition.allocations = vec![allocation("partners"), allocation("sponsors")];
    definition.areas[0].allocated = vec![(AllocationIndex(0), 5), (AllocationIndex(1), 3)];
    definition.sections[0].rows[0].seats[9].allocation = Some(AllocationIndex(0));
    definition.quotas = vec![Quota {
        name: "all".to_owned(),
        cap: 100,
        ticket_types: vec![ADULT],
        categories: Vec::new(),
        areas: Vec::new(),
    }];
    definition
}

/// Does one of everything, with keys where there can be some, and leaves something behind of each.
fn live(sale: &SmallSale) {
    let staff = UserId::from(500);
    let (office, event) = (&sale.office, sale.event);
    let held = sale.hold_keyed(1, &[0, 1], "held").wait().unwrap();
    let places = HoldRequest { channel: Some("partners".to_owned()), ..sale.places_request(1, 7) };
    let places = office.hold(places).wait().unwrap();
    sale.buy(2, &[2, 3]).unwrap();
    let cancelled = sale.hold(3, &[4]).wait().unwrap();
    sale.open_order(cancelled.id, cancelled.user).wait().unwrap();
    sale.cancel(cancelled.id.order(), cancelled.user).wait().unwrap();
    let open = sale.hold(4, &[5]).wait().unwrap();
    sale.open_order(open.id, open.user).wait().unwrap();
    let change = SeatsRequest {
        event,
        by: staff,
        key: Some(key("block")),
        change: SeatChange::Block,
        seats: vec![(SeatIndex(10), 0), (SeatIndex(11), 0), (SeatIndex(12), 0)],
    };
    office.change_seats(change.clone()).wait().unwrap();
    let move_to = SeatChange::Reallocate(Some(AllocationIndex(1)));
    let seats = vec![(SeatIndex(12), 1), (SeatIndex(13), 0)];
    office.change_seats(SeatsRequest { key: None, change: move_to, seats, ..change }).wait().unwrap();
    let block = PlacesRequest {
        event,
        by: staff,
        key: Some(key("places")),
        area: FLOOR,
        allocation: Some(AllocationIndex(1)),
        expected: 0,
        blocked: 2,
    };
    office.block_places(block).wait().unwrap();
    office.release_allocation(event, AllocationIndex(0)).wait().unwrap();
    sale.clock.advance(1_000);
    sale.extend(&held).wait().unwrap();
    let amend = AmendRequest {
        hold: places.id,
        user: places.user,
        key: Some(key("amend")),
        expected: Some(places.version),
        remove_seats: Vec::new(),
        remove_places: vec![(FLOOR, ADULT, 3)],
        add: vec![Item::Seats { seats: vec![SeatIndex(14)], ticket_type: ADULT }],
        channel: None,
        access_code: None,
    };
    office.amend(amend).wait().unwrap();
    let mut definition = rich_definition();
    definition.sections[0].rows[1].seats.remove(9);
    definition.sections[0].rows[1].seats.remove(1);
    definition.sections[0].rows[0].seats[8].label = "9 bis".to_owned();
    definition.areas[0].capacity = 30;
    office.change_manifest(ManifestRequest { event, definition }).wait().unwrap();
    let expired = sale.hold(5, &[6]).wait().unwrap();
    sale.extend(&sale.office.find_hold(held.id, held.user).unwrap()).wait().unwrap();
    sale.clock.set(expired.deadline);
    assert!(office.maintain().ended > 0);
    office.set_sale_state(event, SaleState::Paused).wait().unwrap();
}

#[derive(Default)]
struct Told(Mutex<Option<Appended>>);

impl CompletionSink for Told {
    fn complete(&self, _batch: Batch, outcome: Appended) {
        *self.0.lock().unwrap() = Some(outcome);
    }
}

/// Appends facts as they are to the end of a stream.
fn append(store: &MemoryStore, stream: StreamId, facts: &[(Stamp, Fact)], expected: Tail) -> Tail {
    let mut records = Records::default();
    let mut body = Vec::new();
    for (stamp, fact) in facts {
        fact.encode(&mut body);
        records.push(stamp.at, &body);
    }
    let Some((first, _)) = facts.first() else { return expected };
    let id = BatchId(u128::from(expected.seq) + 1);
    let batch = Batch { stream, expected, id, first_revision: first.revision, records };
    let (tail, told) = (batch.tail(), Arc::new(Told::default()));
    store.submit(Completion::new(Arc::clone(&told) as Arc<dyn CompletionSink>, batch));
    assert_eq!(*told.0.lock().unwrap(), Some(Appended::Yes));
    tail
}

#[test]
fn a_snapshot_at_any_revision_and_the_facts_after_it_lead_to_the_same_bytes() {
    let (sale, _) = watched(&rich_definition());
    live(&sale);
    sale.assert_equals_journal();
    let (journal, whole) = (sale.journal(), sale.office.folded_bytes(sale.event).unwrap());
    let stream = StreamId::Event(sale.event);
    for at in 1..=journal.len() {
        let store = Arc::new(MemoryStore::new());
        let copy = SmallSale { store: Arc::clone(&store) as Arc<dyn Store>, ..sale.again(1) }.again(2);
        let tail = append(&store, stream, &journal[..at], Tail::default());
        assert_eq!(copy.office.save_snapshot(sale.event).unwrap(), Revision(at as u64));
        append(&store, stream, &journal[at..], tail);
        let bytes = copy.office.folded_bytes(sale.event).unwrap();
        assert!(bytes == whole, "a snapshot at revision {at} leads elsewhere");
    }
}

#[test]
fn a_snapshot_with_a_flipped_bit_or_cut_short_is_refused() {
    let memory = Arc::new(MemoryStore::new());
    let sale = SmallSale::open(Arc::clone(&memory) as Arc<dyn Store>, &rich_definition());
    live(&sale);
    sale.office.save_snapshot(sale.event).unwrap();
    let stream = StreamId::Event(sale.event);
    let good = memory.load_snapshot(stream).unwrap().unwrap();
    let opens = |bytes: &[u8]| {
        let store = Arc::new(MemoryStore::new());
        store.save_snapshot(stream, Snapshot { bytes: bytes.into(), ..good.clone() }).unwrap();
        let copy = SmallSale { store: store as Arc<dyn Store>, ..sale.again(1) }.again(2);
        copy.office.folded_bytes(sale.event).is_ok()
    };
    assert!(opens(&good.bytes));
    for at in 0..good.bytes.len() {
        let mut bytes = good.bytes.to_vec();
        bytes[at] ^= 1 << (at % 8);
        assert!(!opens(&bytes), "byte {at} of {}", bytes.len());
        assert!(!opens(&good.bytes[..at]), "cut at {at}");
    }
}
