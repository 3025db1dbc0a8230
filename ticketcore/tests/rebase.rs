//! Two nodes on one shared store: whoever is second takes its undurable facts back, catches up, and decides again. Nobody is told
//! what was taken back, nobody is refused for what is not so.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ticketcore::fact::{Fact, SeatChange};
use ticketcore::manifest::{Allocation, Definition};
use ticketcore::testkit::{
    ADULT, Call, FLOOR, Fault, FaultOdds, SmallSale, TwoNodes, held, key, rebased, refused,
};
use ticketcore::{
    AllocationIndex, AmendRequest, ForceReleaseRequest, Hold, Item, ManifestRequest, Order, OrderState,
    Pending, PlacesRequest, Refusal, SaleState, SeatIndex, SeatState, SeatsRequest, UserId,
};

/// The outcome is not there yet.
#[track_caller]
fn waits<T>(pending: Pending<T>) -> Pending<T> {
    assert!(!pending.is_ready(), "answered before the rebase");
    pending
}

#[test]
fn the_loser_of_a_seat_is_refused_although_it_was_decided_for_it_before() {
    let two = TwoNodes::small();
    let winner = two.a.hold(1, &[3, 4]).wait().unwrap();
    let loser = waits(two.b.hold(2, &[4, 5]));
    let bystander = waits(two.b.hold(3, &[6]));
    two.settle();
    assert_eq!(held(&refused(loser.wait())), [4]);
    assert_eq!(two.b.office.find_hold(winner.id, winner.user).unwrap().lines, winner.lines);
    assert_eq!(bystander.wait().unwrap().version, winner.version.next());
}

#[test]
fn the_last_places_of_an_area_and_a_users_limit_are_decided_again_too() {
    let mut definition = SmallSale::definition(2, 10, 20);
    definition.rules.tickets_per_user_max = 4;
    let two = TwoNodes::new(&definition);
    for user in 10..14 {
        two.a.hold_places(user, 4).wait().unwrap();
    }
    two.a.hold_places(1, 3).wait().unwrap();
    let over_limit = waits(two.b.hold_places(1, 2));
    let exhausted = waits(two.b.hold_places(2, 2));
    let last = waits(two.b.hold_places(3, 1));
    let best = waits(two.b.hold_best(3, 3));
    two.settle();
    assert_eq!(refused(over_limit.wait()), Refusal::UserLimit { limit: 4, used: 3, asked: 2 });
    assert_eq!(refused(exhausted.wait()), Refusal::AreaExhausted { area: FLOOR, left: 1 });
    assert_eq!((last.wait().unwrap().lines.places(), best.wait().unwrap().lines.places()), (1, 3));
}

#[test]
fn a_refusal_caused_by_a_fact_that_is_taken_back_becomes_a_yes() {
    let two = TwoNodes::small();
    two.a.hold(1, &[0]).wait().unwrap();
    let first = waits(two.b.hold(2, &[0, 1]));
    let second = waits(two.b.hold(3, &[1]));
    let third = waits(two.b.hold(4, &[1]));
    two.settle();
    assert_eq!(held(&refused(first.wait())), [0]);
    let second = second.wait().unwrap();
    assert_eq!(held(&refused(third.wait())), [1]);
    assert_eq!(two.b.office.find_hold(second.id, second.user).unwrap(), second);
}

/// Everything that a node may have to take back, on top of holds and orders that are durable.
struct Under {
    plain: Hold,
    other: Hold,
    ordered: Order,
    paid: Order,
    staff: UserId,
}

fn under(two: &TwoNodes) -> Under {
    let b = &two.b;
    let hold = |user, seats: &[u32]| b.hold(user, seats).wait().unwrap();
    let order = |hold: &Hold| b.open_order(hold.id, hold.user).wait().unwrap();
    let plain = hold(1, &[0, 1]);
    let other = hold(2, &[2, 3]);
    let ordered = order(&hold(3, &[4, 5]));
    let paid = order(&hold(4, &[6, 7]));
    Under { plain, other, ordered, paid, staff: UserId::from(500) }
}

fn amend(hold: &Hold, remove: &[u32], add: &[u32], places: u32) -> AmendRequest {
    let seats = add.iter().copied().map(SeatIndex).collect();
    AmendRequest {
        hold: hold.id,
        user: hold.user,
        key: Some(key("amend")),
        expected: None,
        remove_seats: remove.iter().copied().map(SeatIndex).collect(),
        remove_places: Vec::new(),
        add: vec![
            Item::Seats { seats, ticket_type: ADULT },
            Item::Area { area: FLOOR, quantity: places, ticket_type: ADULT },
        ],
        channel: None,
        access_code: None,
    }
}

fn seats_request(two: &TwoNodes, change: SeatChange, seats: &[(u32, u32)]) -> SeatsRequest {
    let seats = seats.iter().map(|(seat, version)| (SeatIndex(*seat), *version)).collect();
    SeatsRequest { event: two.b.event, by: UserId::from(500), key: Some(key("seats")), change, seats }
}

fn with_allocation() -> Definition {
    let mut definition = SmallSale::definition(2, 10, 20);
    definition.allocations.push(Allocation {
        name: "partners".to_owned(),
        channels: vec!["partner".to_owned()],
        access_code: None,
        release_at: None,
    });
    definition.areas[0].allocated.push((AllocationIndex(0), 5));
    definition
}

#[test]
fn every_kind_of_fact_is_taken_back_and_decided_again() {
    let two = TwoNodes::new(&with_allocation());
    let under = under(&two);
    two.foreign();
    let b = &two.b;
    let placed = waits(b.hold_keyed(11, &[10, 11], "placed"));
    let amended = waits(b.office.amend(amend(&under.plain, &[1], &[12], 2)));
    let extended = waits(b.extend(&under.plain));
    let released = waits(b.release(under.other.id, under.other.user));
    let retaken = waits(b.hold(12, &[2, 3]));
    let confirmed = waits(b.confirm(under.paid.id, under.paid.user));
    let cancelled = waits(b.cancel(under.ordered.id, under.ordered.user));
    let opened = waits(b.open_order(under.plain.id, under.plain.user));
    let blocked = waits(b.office.change_seats(seats_request(&two, SeatChange::Block, &[(13, 0), (14, 0)])));
    let change = SeatChange::Reallocate(Some(AllocationIndex(0)));
    let request = SeatsRequest { key: None, ..seats_request(&two, change, &[(13, 1), (15, 0)]) };
    let moved = waits(b.office.change_seats(request));
    let places = PlacesRequest {
        event: b.event,
        by: under.staff,
        key: Some(key("places")),
        area: FLOOR,
        allocation: None,
        expected: 0,
        blocked: 7,
    };
    let places = waits(b.office.block_places(places));
    let allocation = waits(b.office.release_allocation(b.event, AllocationIndex(0)));
    let mut definition = with_allocation();
    definition.sections[0].rows[1].seats.pop();
    definition.areas[0].capacity = 25;
    let manifest = waits(b.office.change_manifest(ManifestRequest { event: b.event, definition }));
    let after_manifest = waits(b.hold(13, &[16, 17]));
    let paused = waits(b.office.set_sale_state(b.event, SaleState::Paused));
    let too_late = waits(b.hold(14, &[18]));
    two.settle();

    assert_eq!(placed.wait().unwrap().lines.places(), 2);
    assert_eq!(amended.wait().unwrap().lines.places(), 4);
    assert_eq!(extended.wait().unwrap().extensions_left, under.plain.extensions_left - 1);
    assert!(released.wait().unwrap().revision.is_some());
    assert!(retaken.wait().is_ok());
    assert_eq!(confirmed.wait().unwrap().state, OrderState::Confirmed);
    assert_eq!(cancelled.wait().unwrap().state, OrderState::Cancelled);
    assert_eq!(opened.wait().unwrap().lines.places(), 4);
    for done in [blocked, moved, places, allocation, paused] {
        assert!(done.wait().unwrap().revision.is_some());
    }
    assert_eq!(manifest.wait().unwrap().dropped, [SeatIndex(19)]);
    assert!(after_manifest.wait().is_ok());
    assert!(matches!(refused(too_late.wait()), Refusal::SaleState { state: SaleState::Paused, .. }));
    // The first node catches up with all of it.
    rebased(&two.a, two.a.office.set_sale_state(two.a.event, SaleState::Closed)).wait().unwrap();
    two.a.assert_equals_journal();
}

#[test]
fn a_release_an_amendment_and_orders_lose_against_what_the_other_node_did_to_the_hold() {
    let two = TwoNodes::small();
    let under = under(&two);
    two.meet();
    // On the first node: all four are gone or changed.
    let a = &two.a;
    a.release(under.plain.id, under.plain.user).wait().unwrap();
    a.hold(77, &[0]).wait().unwrap();
    let force = ForceReleaseRequest { hold: under.other.id, by: under.staff, key: None };
    a.office.force_release(force).wait().unwrap();
    a.cancel(under.ordered.id, under.ordered.user).wait().unwrap();
    a.confirm(under.paid.id, under.paid.user).wait().unwrap();
    let b = &two.b;
    let released = waits(b.release(under.plain.id, under.plain.user));
    let amended = waits(b.office.amend(amend(&under.other, &[2], &[12], 2)));
    let ordered = waits(b.open_order(under.other.id, under.other.user));
    let confirmed = waits(b.confirm(under.ordered.id, under.ordered.user));
    let cancelled = waits(b.cancel(under.paid.id, under.paid.user));
    two.settle();
    assert_eq!(released.wait().unwrap().revision, None, "it was released before");
    assert_eq!(refused(amended.wait()), Refusal::UnknownHold);
    assert_eq!(refused(ordered.wait()), Refusal::UnknownHold);
    assert_eq!(refused(confirmed.wait()), Refusal::OrderState { state: OrderState::Cancelled });
    assert_eq!(refused(cancelled.wait()), Refusal::OrderState { state: OrderState::Confirmed });
    assert!(b.hold(78, &[1]).wait().is_ok(), "what the other node freed is free here");
}

#[test]
fn a_hold_that_comes_due_before_it_is_decided_again_is_dead() {
    let two = TwoNodes::small();
    let under = under(&two);
    two.foreign();
    two.b.clock.set(under.plain.deadline);
    two.b.clock.back(1);
    let opened = waits(two.b.open_order(under.plain.id, under.plain.user));
    let extended = waits(two.b.extend(&under.other));
    two.b.clock.advance(1);
    two.b.office.maintain();
    assert_eq!(refused(opened.wait()), Refusal::HoldExpired { deadline: under.plain.deadline });
    assert_eq!(refused(extended.wait()), Refusal::HoldExpired { deadline: under.other.deadline });
    two.settle();
    assert!(two.b.hold(5, &[0, 1, 2, 3]).wait().is_ok());
}

#[test]
fn an_expiry_is_taken_back_and_the_seats_are_decided_again() {
    let two = TwoNodes::small();
    let under = under(&two);
    two.foreign();
    two.b.clock.set(under.plain.deadline);
    // Makes its way over the dead hold: two facts, both taken back.
    let newcomer = waits(two.b.hold(6, &[0, 1]));
    two.settle();
    let newcomer = newcomer.wait().unwrap();
    let expired = two
        .b
        .journal()
        .into_iter()
        .any(|(_, fact)| matches!(fact, Fact::HoldEnded(ended) if ended.hold == under.plain.id.number));
    assert!(expired);
    assert_eq!(two.b.office.find_hold(newcomer.id, newcomer.user).unwrap(), newcomer);
}

#[test]
fn a_dead_hold_of_the_other_node_is_in_nobodys_way() {
    let two = TwoNodes::small();
    let dead = two.a.hold(1, &[0, 1]).wait().unwrap();
    two.b.clock.set(dead.deadline);
    // The second node does not know of the hold yet.
    let newcomer = waits(two.b.hold(2, &[0]));
    let places = waits(two.b.hold_places(2, 20));
    two.settle();
    assert_eq!(newcomer.wait().unwrap().lines.seats[0].seat, SeatIndex(0));
    assert_eq!(places.wait().unwrap().lines.places(), 20);
}

#[test]
fn one_key_on_two_nodes_is_one_hold() {
    let two = TwoNodes::small();
    let first = two.a.hold_keyed(1, &[0, 1], "click").wait().unwrap();
    let second = waits(two.b.hold_keyed(1, &[0, 1], "click"));
    let reused = waits(two.b.hold_keyed(1, &[2, 3], "click"));
    let other_user = waits(two.b.hold_keyed(2, &[2, 3], "click"));
    two.settle();
    assert_eq!(second.wait().unwrap(), Hold { replayed: true, ..first.clone() });
    assert_eq!(refused(reused.wait()), Refusal::KeyReused { revision: first.version });
    assert!(other_user.wait().is_ok());
    // Known now.
    assert_eq!(two.b.hold_keyed(1, &[0, 1], "click").wait().unwrap(), Hold { replayed: true, ..first });
}

#[test]
fn a_replay_of_a_fact_that_is_taken_back_is_decided_again_with_it() {
    let two = TwoNodes::small();
    two.a.hold(9, &[0]).wait().unwrap();
    let lost = waits(two.b.hold_keyed(1, &[0, 1], "lost"));
    let lost_again = waits(two.b.hold_keyed(1, &[0, 1], "lost"));
    let kept = waits(two.b.hold_keyed(1, &[2, 3], "kept"));
    let kept_again = waits(two.b.hold_keyed(1, &[2, 3], "kept"));
    two.settle();
    assert_eq!(held(&refused(lost.wait())), [0]);
    assert_eq!(held(&refused(lost_again.wait())), [0]);
    let kept = kept.wait().unwrap();
    assert_eq!(kept_again.wait().unwrap(), Hold { replayed: true, ..kept });
}

#[test]
fn a_sale_paused_on_one_node_is_paused_on_the_other() {
    let two = TwoNodes::small();
    let under = under(&two);
    two.meet();
    two.a.office.set_sale_state(two.a.event, SaleState::Paused).wait().unwrap();
    let hold = waits(two.b.hold(1, &[10]));
    let confirmed = waits(two.b.confirm(under.paid.id, under.paid.user));
    two.settle();
    assert!(matches!(refused(hold.wait()), Refusal::SaleState { state: SaleState::Paused, .. }));
    assert_eq!(confirmed.wait().unwrap().state, OrderState::Confirmed);
    assert_eq!(two.b.office.availability(two.b.event).unwrap().sale_state, SaleState::Paused);
}

#[test]
fn a_conflict_without_another_writer_costs_a_round_and_nothing_else() {
    let two = TwoNodes::small();
    two.way.script([Fault::Conflict, Fault::Conflict, Fault::Conflict]);
    let first = waits(two.b.hold(1, &[0]));
    let second = waits(two.b.hold(2, &[0]));
    for _ in 0..3 {
        two.b.office.maintain();
    }
    two.settle();
    assert!(first.wait().is_ok());
    assert_eq!(held(&refused(second.wait())), [0]);
}

#[test]
fn a_chain_of_conflicts_ends() {
    let two = TwoNodes::late();
    two.way.script([Fault::DelayBefore; 6]);
    let lost = two.b.hold(1, &[0, 1]);
    let last = two.b.hold(2, &[1, 2, 3]);
    let mut alive = two.b.hold(3, &[9]);
    let conflict = |seat| {
        // The first node is first again, and takes one seat more.
        two.a.hold(100, &[seat]).wait().unwrap();
        assert!(two.way.release_one(0));
        two.b.office.maintain();
        assert_eq!(two.way.pending(), 1, "sent again");
    };
    for seat in [12, 13, 0, 14] {
        conflict(seat);
        alive = waits(alive);
    }
    assert_eq!(held(&refused(lost.wait())), [0]);
    let last = waits(last);
    conflict(3);
    assert_eq!(held(&refused(last.wait())), [3]);
    two.way.release_all();
    two.settle();
    assert!(alive.wait().is_ok());
}

#[test]
fn a_read_that_fails_delays_the_rebase() {
    let two = TwoNodes::small();
    two.foreign();
    let pending = waits(two.b.hold(1, &[0]));
    for call in [Call::Read, Call::ReadMidway] {
        two.way.set_odds(FaultOdds::default().with_call(call, 100));
        two.b.office.maintain();
    }
    let pending = waits(pending);
    two.way.set_odds(FaultOdds::default());
    two.b.office.maintain();
    assert!(pending.wait().is_ok());
    two.settle();
}

#[test]
fn reads_of_what_may_be_taken_back_wait_for_the_rebase() {
    let two = TwoNodes::small();
    two.a.hold(9, &[0]).wait().unwrap();
    let _lost = waits(two.b.hold(1, &[0, 1]));
    let won = waits(two.b.hold(1, &[2]));
    let seats: Vec<SeatIndex> = (0..3).map(SeatIndex).collect();
    let seen = AtomicBool::new(false);
    let infos = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let infos = two.b.office.seats(two.b.event, &seats).unwrap();
            seen.store(true, Ordering::Relaxed);
            infos
        });
        thread::sleep(std::time::Duration::from_millis(20));
        assert!(!seen.load(Ordering::Relaxed), "told before the rebase");
        two.b.office.maintain();
        reader.join().unwrap()
    });
    let states: Vec<SeatState> = infos.iter().map(|info| info.state).collect();
    assert_eq!(states, [SeatState::Held, SeatState::Free, SeatState::Held]);
    assert_eq!(infos[2].hold, Some(won.wait().unwrap().id));
}
