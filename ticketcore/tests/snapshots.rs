//! Snapshots: with the facts after it a snapshot of any revision leads to the same state, byte for byte, as the journal alone. A damaged
//! one is not believed.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use ticketcore::fact::{Fact, SeatChange, Stamp};
use ticketcore::manifest::{Allocation, Definition, Quota};
use ticketcore::store::{
    Appended, Batch, BatchId, Completion, CompletionSink, MemoryStore, Records, Snapshot, Store, StreamId,
    Tail,
};
use ticketcore::testkit::{ADULT, FLOOR, SmallSale, key};
use ticketcore::{
    AllocationIndex, AmendRequest, CommandError, HoldRequest, Item, ManifestRequest, PlacesRequest, Revision,
    SaleState, SeatIndex, SeatsRequest, UserId,
};

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
fn append(store: &dyn Store, stream: StreamId, facts: &[(Stamp, Fact)], expected: Tail) -> Tail {
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
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &rich_definition());
    live(&sale);
    sale.assert_equals_journal();
    let (journal, whole) = (sale.journal(), sale.office.folded_bytes(sale.event).unwrap());
    let stream = StreamId::Event(sale.event);
    for at in 1..=journal.len() {
        let store = Arc::new(MemoryStore::new());
        let copy = SmallSale { store: Arc::clone(&store) as Arc<dyn Store>, ..sale.again(1) }.again(2);
        let tail = append(&*store, stream, &journal[..at], Tail::default());
        assert_eq!(copy.office.save_snapshot(sale.event).unwrap(), Revision(at as u64));
        append(&*store, stream, &journal[at..], tail);
        let bytes = copy.office.folded_bytes(sale.event).unwrap();
        assert!(bytes == whole, "a snapshot at revision {at} leads elsewhere");
    }
}

#[test]
fn a_snapshot_with_a_flipped_bit_or_cut_short_is_not_believed() {
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

/// The same sale on a store of its own, with a damaged snapshot of all its facts.
fn damaged(sale: &SmallSale, store: MemoryStore) -> SmallSale {
    let store = Arc::new(store);
    let copy = SmallSale { store: Arc::clone(&store) as Arc<dyn Store>, ..sale.again(1) }.again(2);
    let stream = StreamId::Event(sale.event);
    let journal = sale.journal();
    let tail = append(&*store, stream, &journal, Tail::default());
    let bytes = vec![7; 100].into();
    store.save_snapshot(stream, Snapshot { revision: Revision(journal.len() as u64), tail, bytes }).unwrap();
    copy
}

#[test]
fn instead_of_a_damaged_snapshot_the_whole_journal_is_read() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &rich_definition());
    live(&sale);
    let copy = damaged(&sale, MemoryStore::new());
    assert!(copy.office.folded_bytes(sale.event) == sale.office.folded_bytes(sale.event));
    // The next one is whole again.
    let stream = StreamId::Event(sale.event);
    let last = *copy.journal().last().map(|(stamp, _)| stamp).unwrap();
    let next = Stamp { revision: last.revision.next(), ..last };
    let tail = copy.store.read(stream, last.revision, &mut |_| ControlFlow::Continue(())).unwrap().1;
    append(&*copy.store, stream, &[(next, Fact::SaleStateChanged { to: SaleState::Onsale })], tail);
    let saved = copy.office.save_snapshot(sale.event).unwrap();
    assert_eq!(saved, Revision(copy.journal().len() as u64));
    let kept = copy.store.load_snapshot(StreamId::Event(sale.event)).unwrap().unwrap();
    assert_eq!(kept.revision, saved);
    assert!(*kept.bytes == *copy.office.folded_bytes(sale.event).unwrap());
}

#[test]
fn a_damaged_snapshot_of_a_journal_whose_beginning_is_gone_is_said() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &rich_definition());
    live(&sale);
    let copy = damaged(&sale, MemoryStore::new().with_retention(0));
    let Err(CommandError::Failed { reason }) = copy.office.folded_bytes(sale.event) else { panic!("opened") };
    assert!(reason.contains("the snapshot is damaged: its checksum does not match"), "{reason}");
    assert!(copy.office.save_snapshot(sale.event).is_err(), "nor is it replaced");
}
