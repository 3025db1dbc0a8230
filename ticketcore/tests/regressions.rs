//! What once broke, each by the name of what broke.

use std::sync::Arc;

use ticketcore::manifest::{Allocation, Area, Category, Definition, Quota};
use ticketcore::store::MemoryStore;
use ticketcore::testkit::{ADULT, Call, FLOOR, Fault, FaultyStore, START, SmallSale};
use ticketcore::{
    AllocationIndex, AmendRequest, AreaIndex, BestAvailable, CategoryIndex, CommandError, HoldRequest, Item,
    ManifestRequest, QuotaIndex, Refusal, SaleState, SeatIndex, SectionIndex, UserId,
};

type Faulty = Arc<FaultyStore<Arc<MemoryStore>>>;

/// Two offices on one store, each with its own way to it.
fn two_offices() -> (SmallSale, SmallSale, [Faulty; 2]) {
    let inner = Arc::new(MemoryStore::shared());
    let ways: [Faulty; 2] =
        std::array::from_fn(|at| Arc::new(FaultyStore::new(Arc::clone(&inner), at as u64)));
    let one = SmallSale::open(Arc::clone(&ways[0]) as _, &SmallSale::definition(1, 8, 0));
    let two = SmallSale { store: Arc::clone(&ways[1]) as _, ..one.again(1) }.again(2);
    (one, two, ways)
}

#[test]
fn a_hold_that_another_office_was_faster_for_is_never_acknowledged() {
    let (one, two, ways) = two_offices();
    assert!(two.office.availability(two.event).is_ok(), "it is open before the other one writes");
    ways[1].script([Fault::DelayBefore]);
    let late = two.hold(2, &[0, 1]);
    assert!(one.hold(1, &[1]).wait().is_ok());
    ways[1].release_all();
    two.office.maintain();
    ways[1].release_all();
    match late.wait() {
        Err(CommandError::Refused(Refusal::SeatsUnavailable(conflicts))) => assert_eq!(conflicts.len(), 1),
        other => panic!("the seat has been held: {other:?}"),
    }
    two.assert_equals_journal();
}

#[test]
fn a_best_available_miss_does_not_look_behind_the_last_seat() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &SmallSale::definition(1, 5, 0));
    match sale.hold_best(1, 6).wait() {
        Err(CommandError::Refused(Refusal::BestAvailableMiss { asked, matching, largest_adjacent })) => {
            assert_eq!((asked, matching, largest_adjacent), (6, 5, 5));
        }
        other => panic!("there are no six seats: {other:?}"),
    }
}

#[test]
fn a_cancelled_order_is_forgotten_in_time_whoever_else_comes() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &SmallSale::definition(1, 5, 0));
    let hold = sale.hold(1, &[0]).wait().unwrap();
    let order = sale.open_order(hold.id, hold.user).wait().unwrap();
    sale.cancel(order.id, order.user).wait().unwrap();
    sale.clock.advance(71 * 3_600_000);
    assert!(sale.cancel(order.id, order.user).wait().is_ok(), "it is cancelled already");
    sale.clock.advance(20 * 3_600_000);
    let unknown = Err(CommandError::Refused(Refusal::UnknownOrder));
    assert_eq!(sale.cancel(order.id, order.user).wait(), unknown);
    assert_eq!(sale.office.find_order(order.id, order.user), unknown);
}

#[test]
fn amend_names_unknown_seats_first_and_keeps_to_the_places_a_hold_may_have() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &SmallSale::definition(1, 5, 200));
    let hold = sale.hold(1, &[0]).wait().unwrap();
    let amend = |remove_seats: Vec<u32>, add: Vec<Item>| {
        let remove_seats = remove_seats.into_iter().map(SeatIndex).collect();
        let (channel, access_code) = (None, None);
        let request = AmendRequest {
            hold: hold.id,
            user: hold.user,
            key: None,
            expected: None,
            remove_seats,
            remove_places: Vec::new(),
            add,
            channel,
            access_code,
        };
        sale.office.amend(request).wait()
    };
    let seats = |seats: Vec<SeatIndex>| Item::Seats { seats, ticket_type: ADULT };
    let unknown = Err(CommandError::Refused(Refusal::UnknownSeats(vec![SeatIndex(7)])));
    assert_eq!(amend(vec![3], vec![seats(vec![SeatIndex(7)])]), unknown, "before not_in_hold");
    let too_many = Item::Area { area: FLOOR, quantity: 100, ticket_type: ADULT };
    let limited = amend(Vec::new(), vec![too_many.clone()]);
    assert!(matches!(limited, Err(CommandError::Refused(Refusal::Limit(_)))), "{limited:?}");
    assert!(amend(vec![0], vec![too_many]).is_ok(), "a hundred are allowed");
    let twice_and_too_many = amend(vec![1, 1], vec![seats(Vec::new())]);
    assert!(
        matches!(twice_and_too_many, Err(CommandError::Refused(Refusal::Limit(_)))),
        "{twice_and_too_many:?}"
    );
}

#[test]
fn a_retry_that_cannot_be_looked_up_is_not_told_that_it_certainly_failed() {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = SmallSale::open(Arc::clone(&store) as _, &SmallSale::definition(1, 5, 0));
    let first = sale.hold_keyed(1, &[0], "k").wait().unwrap();
    store.fail_next(Call::Read, 1);
    let unreadable = sale.hold_keyed(1, &[0], "k").wait();
    assert!(matches!(unreadable, Err(CommandError::Unknown { .. })), "{unreadable:?}");
    let again = sale.again(2);
    store.fail_next(Call::Read, 1);
    let not_open = again.hold_keyed(1, &[0], "k").wait();
    assert!(matches!(not_open, Err(CommandError::Unknown { .. })), "{not_open:?}");
    store.script([Fault::UnknownLost; 16]);
    assert!(matches!(sale.hold(2, &[1]).wait(), Err(CommandError::Unknown { .. })), "the store is gone");
    let stopped = sale.hold_keyed(1, &[0], "k").wait();
    assert!(matches!(stopped, Err(CommandError::Unknown { .. })), "{stopped:?}");
    assert!(matches!(sale.hold(1, &[2]).wait(), Err(CommandError::Failed { .. })), "without a key it is new");
    sale.office.reopen(sale.event);
    let replayed = sale.hold_keyed(1, &[0], "k").wait().unwrap();
    assert!(replayed.replayed && replayed.id == first.id);
}

#[test]
fn an_allocation_that_is_due_is_open_to_everybody_before_maintenance_comes() {
    let release_at = Some(START.plus_ms(60_000));
    let (name, channels, access_code) = ("club".to_owned(), Vec::new(), Some("CLUB".to_owned()));
    let mut definition = SmallSale::definition(1, 4, 0);
    definition.allocations = vec![Allocation { name, channels, access_code, release_at }];
    definition.sections[0].rows[0].seats[1].allocation = Some(AllocationIndex(0));
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &definition);
    let locked = Err(CommandError::Refused(Refusal::AllocationLocked(vec![SeatIndex(1)])));
    assert_eq!(sale.hold(1, &[1]).wait(), locked);
    sale.clock.advance(60_000);
    assert!(sale.hold(1, &[1]).wait().is_ok());
    sale.assert_equals_journal();
}

#[test]
fn an_overdue_hold_beside_it_makes_no_orphan() {
    let mut definition = SmallSale::definition(1, 7, 0);
    definition.rules.orphan_rule = true;
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &definition);
    assert!(sale.hold(1, &[0, 1]).wait().is_ok());
    let orphan = Err(CommandError::Refused(Refusal::OrphanSeat(vec![SeatIndex(2)])));
    assert_eq!(sale.hold(2, &[3, 4]).wait(), orphan);
    sale.clock.advance(9 * 60_000);
    assert!(sale.hold(2, &[3, 4]).wait().is_ok(), "0 to 2 are free now");
}

#[test]
fn a_presale_has_no_seat_for_who_unlocks_nothing() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &SmallSale::definition(1, 4, 0));
    sale.office.set_sale_state(sale.event, SaleState::Paused).wait().unwrap();
    sale.office.set_sale_state(sale.event, SaleState::Presale).wait().unwrap();
    let nothing = Refusal::BestAvailableMiss { asked: 5, matching: 0, largest_adjacent: 0 };
    assert_eq!(sale.hold_best(1, 5).wait(), Err(CommandError::Refused(nothing)));
}

#[test]
fn the_orphan_rule_of_best_available_counts_seats_named_in_the_same_request() {
    let mut definition = SmallSale::definition(1, 6, 0);
    definition.rules.orphan_rule = true;
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &definition);
    let named = Item::Seats { seats: vec![SeatIndex(4)], ticket_type: ADULT };
    let best = Item::Best(BestAvailable::adjacent(3, ADULT));
    // 0 to 2 would leave 3 and 5 alone, 1 to 3 would leave 0 and 5: both could be avoided.
    let hold = sale.office.hold(HoldRequest::new(sale.event, UserId::from(1), vec![named, best])).wait();
    let miss = Refusal::BestAvailableMiss { asked: 3, matching: 5, largest_adjacent: 4 };
    assert_eq!(hold, Err(CommandError::Refused(miss)));
}

#[test]
fn a_key_belongs_to_the_time_of_its_fact_whatever_was_taken_back() {
    let (one, two, ways) = two_offices();
    assert!(two.hold_keyed(1, &[0], "first").wait().is_ok());
    two.clock.advance(5 * 24 * 3_600_000);
    ways[1].script([Fault::DelayBefore]);
    let late = two.hold_keyed(1, &[1], "second");
    two.clock.back(5 * 24 * 3_600_000);
    one.office.maintain();
    assert!(one.buy(2, &[1]).is_ok());
    ways[1].release_all();
    two.office.maintain();
    ways[1].release_all();
    assert!(matches!(late.wait(), Err(CommandError::Refused(Refusal::SeatsUnavailable(_)))));
    two.assert_equals_journal();
}

/// A sale whose next commands wait for the store, and the store.
fn waiting_sale(definition: &Definition) -> (SmallSale, Arc<FaultyStore<MemoryStore>>) {
    let store = Arc::new(FaultyStore::new(MemoryStore::new(), 1));
    let sale = SmallSale::open(Arc::clone(&store) as _, definition);
    store.script([Fault::DelayBefore]);
    (sale, store)
}

#[test]
fn a_miss_in_a_section_that_is_not_durable_yet_waits_for_the_section() {
    let mut definition = SmallSale::definition(1, 2, 0);
    let (sale, store) = waiting_sale(&definition);
    let mut added = definition.sections[0].clone();
    added.name = "B".to_owned();
    added.rows[0].seats.iter_mut().for_each(|seat| seat.id = format!("B-{}", seat.id));
    definition.sections.push(added);
    let change = sale.office.change_manifest(ManifestRequest { event: sale.event, definition });
    let section = Some(SectionIndex(1));
    let best = Item::Best(BestAvailable { section, ..BestAvailable::adjacent(3, ADULT) });
    let missed = sale.office.hold(HoldRequest::new(sale.event, UserId::from(1), vec![best]));
    assert!(!missed.is_ready(), "a crash could still undo the section");
    store.release_all();
    assert!(change.wait().is_ok());
    let miss = Refusal::BestAvailableMiss { asked: 3, matching: 2, largest_adjacent: 2 };
    assert_eq!(missed.wait(), Err(CommandError::Refused(miss)));
}

#[test]
fn nobody_is_told_of_a_quota_or_an_area_that_is_not_durable_yet() {
    let mut definition = SmallSale::definition(1, 2, 1);
    let (sale, store) = waiting_sale(&definition);
    let area = Area { name: "Hall".to_owned(), ..definition.areas[0].clone() };
    definition.areas.push(area);
    let (ticket_types, areas, categories) = (Vec::new(), vec![FLOOR], Vec::new());
    definition.quotas.push(Quota { name: "none".to_owned(), cap: 0, ticket_types, categories, areas });
    let change = sale.office.change_manifest(ManifestRequest { event: sale.event, definition });
    let hall = AreaIndex(1);
    let place = |user: u128, area: AreaIndex| {
        let item = Item::Area { area, quantity: 1, ticket_type: ADULT };
        sale.office.hold(HoldRequest::new(sale.event, UserId::from(user), vec![item]))
    };
    let (quota, first, second) = (place(1, FLOOR), place(2, hall), place(3, hall));
    assert!(!quota.is_ready() && !second.is_ready(), "a crash could still undo both");
    store.release_all();
    assert!(change.wait().is_ok() && first.wait().is_ok());
    let exhausted = Refusal::QuotaExhausted { quota: QuotaIndex(0), left: 0 };
    assert_eq!(quota.wait(), Err(CommandError::Refused(exhausted)));
    let exhausted = Refusal::AreaExhausted { area: hall, left: 0 };
    assert_eq!(second.wait(), Err(CommandError::Refused(exhausted)));
}

#[test]
fn a_new_quota_counts_taken_seats_in_the_category_they_keep() {
    let mut definition = SmallSale::definition(1, 2, 0);
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &definition);
    assert!(sale.hold(1, &[0]).wait().is_ok());
    definition.categories.push(Category { name: "second".to_owned(), color: "#993366".to_owned() });
    definition.sections[0].rows[0].seats[0].category = CategoryIndex(1);
    let (ticket_types, areas, categories) = (Vec::new(), Vec::new(), vec![CategoryIndex(0)]);
    definition.quotas.push(Quota { name: "none".to_owned(), cap: 0, ticket_types, categories, areas });
    let change = sale.office.change_manifest(ManifestRequest { event: sale.event, definition }).wait();
    let (seats, areas, quotas) = (vec![SeatIndex(0)], Vec::new(), vec![QuotaIndex(0)]);
    assert_eq!(change, Err(CommandError::Refused(Refusal::InUse { seats, areas, quotas })));
}
