//! The waiting list: what comes back is held for the first whose wish fits, with more time, before anybody else can have it; on one node
//! and on two, after a restart, and while many want the same.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::sync::Arc;
use std::thread;

use ticketcore::fact::Fact;
use ticketcore::manifest::{Allocation, Category, Definition, Price, Quota};
use ticketcore::order::Identity;
use ticketcore::store::{MemoryStore, StreamId};
use ticketcore::testkit::{ADULT, Auditor, FLOOR, SmallSale, TwoNodes, key, refused};
use ticketcore::waiting::{
    JoinWaitingRequest, LeaveWaitingRequest, LeftWhy, WaitingEntry, WaitingRules, WaitingRulesRequest, Wish,
};
use ticketcore::{
    AllocationIndex, AmendRequest, CategoryIndex, CommandError, Hold, Item, Pending, Refusal, Revision,
    SaleState, SeatConflict, SeatState, UserId,
};

const CHEAP: CategoryIndex = CategoryIndex(1);

/// Two rows of four seats, the second one cheap, and no places.
fn definition() -> Definition {
    let mut definition = SmallSale::definition(2, 4, 0);
    definition.categories.push(Category { name: "cheap".to_owned(), color: "#000000".to_owned() });
    definition.prices.push(Price { ticket_type: ADULT, category: CHEAP, minor: 1_000 });
    definition.sections[0].rows[1].seats.iter_mut().for_each(|seat| seat.category = CHEAP);
    definition
}

fn open(definition: &Definition) -> SmallSale {
    SmallSale::open(Arc::new(MemoryStore::new()), definition)
}

const fn wish(places: u32, category: Option<CategoryIndex>) -> Wish {
    Wish { places, category, ticket_type: ADULT, together: true }
}

fn request(sale: &SmallSale, user: u128, wish: Wish) -> JoinWaitingRequest {
    JoinWaitingRequest { event: sale.event, user: user.into(), key: None, wish, identities: Vec::new() }
}

fn join(sale: &SmallSale, user: u128, wish: Wish) -> Pending<WaitingEntry> {
    sale.office.join_waiting(request(sale, user, wish))
}

fn leave(sale: &SmallSale, user: u128, entry: Revision) -> Option<Revision> {
    let request = LeaveWaitingRequest { event: sale.event, user: user.into(), key: None, entry };
    sale.office.leave_waiting(request).wait().unwrap().revision
}

/// What was offered to a user, and how many entries he has.
fn state(sale: &SmallSale, user: u128) -> (Vec<Hold>, usize) {
    let (entries, holds) = sale.office.waiting_of(sale.event, user.into()).unwrap();
    (holds, entries.len())
}

fn seats(hold: &Hold) -> Vec<u32> {
    hold.lines.seats.iter().map(|line| line.seat.0).collect()
}

fn give_back(sale: &SmallSale, hold: &Hold) {
    sale.release(hold.id, hold.user).wait().unwrap();
}

/// Live state, journal, snapshot and audit agree.
fn agree(sale: &SmallSale) {
    sale.assert_equals_journal();
    Auditor::audit(&*sale.store, StreamId::Event(sale.event)).unwrap();
    let live = sale.office.state_bytes(sale.event).unwrap();
    sale.office.save_snapshot(sale.event).unwrap();
    let again = sale.again(9);
    let _opened = again.office.waiting_of(sale.event, 0.into()).unwrap();
    assert!(again.office.state_bytes(sale.event).unwrap() == live, "opened from its snapshot it is another");
}

#[test]
fn what_comes_back_is_offered_to_the_first_that_fits_with_more_time() {
    let sale = open(&definition());
    assert_eq!(refused(join(&sale, 9, wish(2, None)).wait()), Refusal::NotSoldOut);
    let gold: Vec<Hold> = [[0, 1], [2, 3]].iter().map(|pair| sale.hold(1, pair).wait().unwrap()).collect();
    let cheap = sale.hold(2, &[4, 5, 6, 7]).wait().unwrap();
    let four = join(&sale, 10, wish(4, None)).wait().unwrap();
    join(&sale, 11, wish(2, Some(CHEAP))).wait().unwrap();
    join(&sale, 12, wish(2, None)).wait().unwrap();
    join(&sale, 13, wish(2, None)).wait().unwrap();
    let rules = WaitingRules { offer_ttl_ms: 7_200_000 };
    let rules = WaitingRulesRequest { event: sale.event, rules };
    sale.office.set_waiting_rules(rules).wait().unwrap();
    agree(&sale);
    give_back(&sale, &gold[0]);
    sale.office.maintain();
    let (offers, waits) = state(&sale, 12);
    assert_eq!((seats(&offers[0]), waits), (vec![0, 1], 0), "four do not fit, and 11 wants cheap ones");
    assert_eq!(offers[0].deadline, sale.clock.now().plus_ms(7_200_000));
    assert_eq!(state(&sale, 13), (vec![], 1));
    give_back(&sale, &cheap);
    sale.office.maintain();
    assert_eq!(state(&sale, 10).0[0].lines.places(), 4, "the first, now that it fits");
    assert_eq!(state(&sale, 11), (vec![], 1));
    assert_eq!(leave(&sale, 10, four.entry), None, "it has had its offer");
    agree(&sale);
    let order = sale.open_order(offers[0].id, 12.into()).wait().unwrap();
    sale.confirm(order.id, 12.into()).wait().unwrap();
    agree(&sale);
}

trait Now {
    fn now(&self) -> ticketcore::UtcMs;
}

impl Now for ticketcore::testkit::ManualClock {
    fn now(&self) -> ticketcore::UtcMs {
        ticketcore::Clock::now(self)
    }
}

#[test]
fn a_hold_that_wants_what_came_back_finds_it_offered() {
    let sale = open(&definition());
    let all = [0, 1, 2, 3].map(|seat| sale.hold(1, &[seat]).wait().unwrap());
    sale.hold(1, &[4, 5, 6, 7]).wait().unwrap();
    join(&sale, 10, wish(1, Some(CategoryIndex(0)))).wait().unwrap();
    give_back(&sale, &all[2]);
    let taken = refused(sale.hold(2, &[2]).wait());
    let Refusal::SeatsUnavailable(conflicts) = taken else { panic!("{taken}") };
    assert!(matches!(conflicts[..], [SeatConflict { state: SeatState::Held, .. }]));
    assert_eq!(seats(&state(&sale, 10).0[0]), [2]);
    // Nobody waits any more: the next one is for everybody.
    give_back(&sale, &all[3]);
    let hold = sale.hold(2, &[3]).wait().unwrap();
    // What an amendment adds is after who waits, too.
    join(&sale, 11, wish(1, None)).wait().unwrap();
    give_back(&sale, &all[1]);
    let add = vec![Item::Seats { seats: vec![ticketcore::SeatIndex(1)], ticket_type: ADULT }];
    let amend = sale.office.amend(AmendRequest {
        hold: hold.id,
        user: hold.user,
        key: None,
        expected: None,
        remove_seats: Vec::new(),
        remove_places: Vec::new(),
        add,
        channel: None,
        access_code: None,
    });
    assert!(matches!(refused(amend.wait()), Refusal::SeatsUnavailable(_)));
    assert_eq!(seats(&state(&sale, 11).0[0]), [1]);
    agree(&sale);
}

#[test]
fn who_waits_for_what_does_not_fit_keeps_nobody_from_it() {
    let sale = open(&definition());
    let all = [0, 1, 2, 3].map(|seat| sale.hold(1, &[seat]).wait().unwrap());
    sale.hold(1, &[4, 5, 6, 7]).wait().unwrap();
    join(&sale, 10, wish(2, None)).wait().unwrap();
    give_back(&sale, &all[0]);
    give_back(&sale, &all[2]);
    sale.hold(2, &[0]).wait().unwrap();
    assert_eq!(state(&sale, 10), (vec![], 1), "two single seats are not two together");
    join(&sale, 11, Wish { together: false, ..wish(2, None) }).wait().unwrap();
    give_back(&sale, &all[3]);
    sale.office.maintain();
    assert_eq!(seats(&state(&sale, 10).0[0]), [2, 3]);
    agree(&sale);
}

#[test]
fn an_offer_that_nobody_takes_goes_to_the_next() {
    let sale = open(&SmallSale::definition(0, 0, 3));
    let all = sale.hold_places(1, 3).wait().unwrap();
    for user in 10..13 {
        join(&sale, user, wish(3, None)).wait().unwrap();
    }
    give_back(&sale, &all);
    for user in 10..13 {
        sale.office.maintain();
        assert_eq!(state(&sale, user).0.len(), 1, "{user}");
        assert_eq!(state(&sale, user + 1).0.len(), 0);
        sale.clock.advance(30 * 60_000);
    }
    sale.office.maintain();
    assert_eq!(sale.hold_places(2, 3).wait().unwrap().lines.areas[0].area, FLOOR);
    agree(&sale);
}

#[test]
fn who_has_enough_by_then_leaves_the_list_and_entries_are_few() {
    let mut definition = SmallSale::definition(0, 0, 10);
    definition.rules.tickets_per_user_max = 4;
    let sale = open(&definition);
    let mut all = [1, 2, 3, 4, 5].map(|user| sale.hold_places(user, 2).wait().unwrap()).to_vec();
    assert!(matches!(refused(join(&sale, 10, wish(5, None)).wait()), Refusal::UserLimit { asked: 5, .. }));
    join(&sale, 10, wish(2, None)).wait().unwrap();
    join(&sale, 10, wish(3, None)).wait().unwrap();
    let identified = |user, identity| {
        let identities = vec![Identity(identity)];
        sale.office
            .join_waiting(JoinWaitingRequest { identities, ..request(&sale, user, wish(3, None)) })
            .wait()
    };
    identified(11, 7).unwrap();
    identified(12, 7).unwrap();
    give_back(&sale, &all.remove(0));
    sale.office.maintain();
    assert_eq!((state(&sale, 10).0.len(), state(&sale, 10).1), (1, 1), "two of two");
    for _ in 0..4 {
        give_back(&sale, &all.remove(0));
    }
    sale.office.maintain();
    assert_eq!(state(&sale, 10).1, 0, "three more would be five");
    assert_eq!(state(&sale, 11).0.len(), 1);
    assert_eq!(state(&sale, 12), (vec![], 0), "the same person has three");
    let over = |fact: &Fact| matches!(fact, Fact::WaitingLeft(left) if left.why == LeftWhy::OverLimit);
    assert_eq!(sale.journal().iter().filter(|(_, fact)| over(fact)).count(), 2);
    agree(&sale);
    sale.hold_places(13, 4).wait().unwrap();
    sale.hold_places(14, 1).wait().unwrap();
    let entries = [1; 4].map(|places| join(&sale, 20, wish(places, None)).wait().unwrap());
    assert!(
        matches!(refused(join(&sale, 20, wish(1, None)).wait()), Refusal::Limit(limit) if limit.max == 4)
    );
    assert!(leave(&sale, 21, entries[0].entry).is_none(), "somebody else's");
    assert!(leave(&sale, 20, entries[0].entry).is_some());
    assert!(leave(&sale, 20, entries[0].entry).is_none());
    agree(&sale);
}

#[test]
fn only_places_on_public_sale_are_offered_and_only_while_they_are() {
    let mut definition = SmallSale::definition(0, 0, 4);
    definition.allocations = vec![Allocation {
        name: "press".to_owned(),
        channels: vec!["press".to_owned()],
        access_code: None,
        release_at: None,
    }];
    definition.areas[0].allocated = vec![(AllocationIndex(0), 2)];
    let sale = open(&definition);
    let all = sale.hold_places(1, 2).wait().unwrap();
    let keyed = JoinWaitingRequest { key: Some(key("wait")), ..request(&sale, 10, wish(2, None)) };
    let entry = sale.office.join_waiting(keyed.clone()).wait().unwrap();
    let again = sale.office.join_waiting(keyed).wait().unwrap();
    assert!(again.replayed && again.entry == entry.entry);
    sale.office.maintain();
    assert_eq!(state(&sale, 10).1, 1, "the places of the press are not for everybody");
    sale.office.set_sale_state(sale.event, SaleState::Paused).wait().unwrap();
    give_back(&sale, &all);
    sale.office.maintain();
    assert_eq!(state(&sale, 10).1, 1);
    sale.office.set_sale_state(sale.event, SaleState::Onsale).wait().unwrap();
    join(&sale, 11, wish(2, None)).wait().unwrap();
    sale.office.maintain();
    assert_eq!(state(&sale, 10).0.len(), 1);
    sale.office.release_allocation(sale.event, AllocationIndex(0)).wait().unwrap();
    sale.office.maintain();
    assert_eq!(state(&sale, 11).0.len(), 1);
    agree(&sale);
}

#[test]
fn two_nodes_and_a_restart_offer_each_place_once() {
    let two = TwoNodes::new(&SmallSale::definition(0, 0, 4));
    let holds = [1, 2].map(|user| two.a.hold_places(user, 2).wait().unwrap());
    two.b.office.maintain();
    let mine = join(&two.b, 10, wish(2, None)).wait().unwrap();
    let foreign = two.a.office.join_waiting(request(&two.a, 11, wish(2, None)));
    two.a.office.maintain();
    let other = foreign.wait().unwrap();
    assert!(mine.entry < other.entry);
    two.b.office.maintain();
    // Both give something back, and both make offers.
    let back = two.a.release(holds[0].id, holds[0].user);
    two.a.office.maintain();
    back.wait().unwrap();
    let second = two.b.release(holds[1].id, holds[1].user);
    let snatched = two.b.hold_places(5, 1);
    for _ in 0..4 {
        two.b.office.maintain();
        two.a.office.maintain();
    }
    second.wait().unwrap();
    assert_eq!(refused(snatched.wait()), Refusal::AreaExhausted { area: FLOOR, left: 0 });
    for user in [10, 11] {
        assert_eq!((state(&two.a, user).0.len(), state(&two.a, user).1), (1, 0), "{user}");
    }
    two.settle();
    agree(&two.b);
    // After a restart who waits is still first.
    join(&two.b, 12, wish(1, None)).wait().unwrap();
    let offer = state(&two.b, 10).0.remove(0);
    give_back(&two.b, &offer);
    let later = two.b.again(7);
    assert_eq!(later.hold_places(6, 1).wait().map(|hold| hold.lines.places()).ok(), Some(1), "two came back");
    later.office.maintain();
    assert_eq!(state(&later, 12).0.len(), 1);
    agree(&later);
}

#[test]
fn nobody_takes_a_place_that_somebody_waits_for_however_many_try() {
    for round in 0..4 {
        let sale = open(&SmallSale::definition(0, 0, 20));
        let holds: Vec<Hold> = (0..20).map(|user| sale.hold_places(user, 1).wait().unwrap()).collect();
        for user in 0..20 {
            join(&sale, 100 + user, wish(1, None)).wait().unwrap();
        }
        thread::scope(|scope| {
            for of in holds.chunks(5) {
                let sale = &sale;
                scope.spawn(move || of.iter().for_each(|hold| give_back(sale, hold)));
            }
            for user in 0..28 {
                let sale = &sale;
                scope.spawn(move || {
                    for _ in 0..20 {
                        match sale.hold_places(1_000 + user, 1).wait() {
                            Err(CommandError::Refused(
                                Refusal::AreaExhausted { .. } | Refusal::Overloaded { .. },
                            )) => {}
                            other => panic!("round {round}: {other:?}"),
                        }
                    }
                });
            }
        });
        while sale.office.maintain().more {}
        let offered = (100..120).map(|user| state(&sale, user).0.len()).sum::<usize>();
        assert_eq!(offered, 20);
        let _all: Vec<UserId> = holds.iter().map(|hold| hold.user).collect();
        agree(&sale);
    }
}

#[test]
fn a_thousand_offers_are_made_in_steps() {
    let sale = open(&SmallSale::definition(0, 0, 1_000));
    let all: Vec<Hold> = (0..10).map(|user| sale.hold_places(user, 100).wait().unwrap()).collect();
    for user in 0..1_000 {
        join(&sale, 100 + user, wish(1, None)).wait().unwrap();
    }
    all.iter().for_each(|hold| give_back(&sale, hold));
    let early = refused(sale.hold_places(50, 1).wait());
    assert!(matches!(early, Refusal::Overloaded { .. }), "{early}");
    let mut steps = 0;
    while sale.office.maintain().more {
        steps += 1;
    }
    assert!(steps > 0);
    assert_eq!((100..1_100).map(|user| state(&sale, user).0.len()).sum::<usize>(), 1_000);
    assert_eq!(refused(sale.hold_places(50, 1).wait()), Refusal::AreaExhausted { area: FLOOR, left: 0 });
    agree(&sale);
}

/// A quota over both categories is full: when a cheap place comes back, a gold one fits.
#[test]
fn a_quota_with_room_again_gives_those_who_wait_for_another_category_their_turn() {
    let mut definition = definition();
    let (ticket_types, categories, areas) = Default::default();
    let quota = Quota { name: "all".to_owned(), cap: 2, ticket_types, categories, areas };
    definition.quotas.push(quota);
    let sale = open(&definition);
    let cheap = sale.hold(1, &[4, 5]).wait().unwrap();
    join(&sale, 10, wish(2, Some(CategoryIndex(0)))).wait().unwrap();
    give_back(&sale, &cheap);
    assert!(matches!(refused(sale.hold(2, &[2, 3]).wait()), Refusal::QuotaExhausted { .. }));
    assert_eq!(seats(&state(&sale, 10).0[0]), [0, 1], "who waits goes first");
    agree(&sale);
}

/// Seats 0, 1, 3 and 4 of a row are cheap. With 0 and 4 taken, 2 alone would leave 1 and 3 single; when they come back it would not.
#[test]
fn seats_that_come_back_beside_others_give_those_who_wait_for_these_their_turn() {
    let mut definition = definition();
    definition.rules.orphan_rule = true;
    definition.sections[0].rows = SmallSale::definition(1, 5, 0).sections[0].rows.clone();
    for at in [0, 1, 3, 4] {
        definition.sections[0].rows[0].seats[at].category = CHEAP;
    }
    let sale = open(&definition);
    let beside = sale.hold(1, &[0, 4]).wait().unwrap();
    join(&sale, 10, wish(1, Some(CategoryIndex(0)))).wait().unwrap();
    // What is due since he joined has been looked at: nothing fits.
    while sale.office.maintain().more {}
    assert_eq!(state(&sale, 10).0.len(), 0);
    give_back(&sale, &beside);
    assert!(refused(sale.hold(2, &[2]).wait()).code() == "seats_unavailable", "who waits goes first");
    assert_eq!(seats(&state(&sale, 10).0[0]), [2]);
    agree(&sale);
}
