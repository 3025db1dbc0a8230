//! Dead is dead (I4): a hold lives to the last millisecond before its deadline and not one longer, whatever the clock does, however many
//! are due at once, and whether or not a timer fires. What single commands answer is in `tables/`; here is what takes a clock.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::sync::Arc;

use ticketcore::limits::{EXPIRE_BATCH_MAX, MANY_MAX};
use ticketcore::manifest::{Allocation, Definition};
use ticketcore::store::{MemoryStore, StreamId};
use ticketcore::testkit::{ADULT, Auditor, FLOOR, START, SmallSale, refused};
use ticketcore::{
    AllocationIndex, AmendRequest, Clock, CommandError, Hold, HoldRequest, Item, ManifestRequest, Refusal,
    SeatIndex, SeatState, UtcMs,
};

fn small(definition: &Definition) -> SmallSale {
    SmallSale::open(Arc::new(MemoryStore::new()), definition)
}

/// One use of a hold or its order.
type Use = fn(&SmallSale, &Hold) -> Result<(), CommandError>;

/// What a live hold, or its order, may be used for.
const USES: [Use; 5] = [
    |sale, hold| sale.extend(hold).wait().map(drop),
    |sale, hold| sale.office.amend(one_seat_more(hold)).wait().map(drop),
    |sale, hold| sale.open_order(hold.id, hold.user).wait().map(drop),
    |sale, hold| sale.confirm(hold.id.order(), hold.user).wait().map(drop),
    |sale, hold| {
        let found = sale.office.find_hold(hold.id, hold.user)?;
        assert!(found.deadline > sale.clock.now());
        Ok(())
    },
];

/// The use that wants an order.
const CONFIRM: usize = 3;
/// The use that knows nothing of holds that ended.
const FIND: usize = 4;

fn one_seat_more(hold: &Hold) -> AmendRequest {
    AmendRequest {
        hold: hold.id,
        user: hold.user,
        key: None,
        expected: None,
        remove_seats: Vec::new(),
        remove_places: Vec::new(),
        add: vec![Item::Seats { seats: vec![SeatIndex(5)], ticket_type: ADULT }],
        channel: None,
        access_code: None,
    }
}

/// A hold of seat 0, ordered if `at` is a use that wants that, and when it dies.
fn held_for(sale: &SmallSale, at: usize) -> (Hold, UtcMs) {
    let hold = sale.hold(1, &[0]).wait().unwrap();
    let deadline = match at {
        CONFIRM => sale.open_order(hold.id, hold.user).wait().unwrap().payment_deadline.unwrap(),
        _ => hold.deadline,
    };
    (hold, deadline)
}

#[test]
fn a_hold_may_be_used_until_the_millisecond_before_its_deadline() {
    for (at, used) in USES.iter().enumerate() {
        let sale = small(&SmallSale::definition(1, 6, 0));
        let (hold, deadline) = held_for(&sale, at);
        sale.clock.set(UtcMs(deadline.0 - 1));
        assert_eq!(sale.office.maintain().ended, 0, "use {at}");
        let Refusal::SeatsUnavailable(taken) = refused(sale.hold(2, &[0]).wait()) else { panic!("use {at}") };
        assert_eq!((taken[0].state, taken[0].until), (SeatState::Held, Some(deadline)), "use {at}");
        assert_eq!(used(&sale, &hold), Ok(()), "use {at}");
    }
}

#[test]
fn at_its_deadline_a_hold_is_dead_and_its_seat_the_next_one_s_without_any_timer() {
    for (at, used) in USES.iter().enumerate() {
        let sale = small(&SmallSale::definition(1, 6, 0));
        let (hold, deadline) = held_for(&sale, at);
        sale.clock.set(deadline);
        let expected = if at == FIND { Refusal::UnknownHold } else { Refusal::HoldExpired { deadline } };
        assert_eq!(refused(used(&sale, &hold)), expected, "use {at}");
        assert_eq!(sale.hold(2, &[0]).wait().unwrap().at, deadline, "use {at}");
        assert_eq!(sale.office.maintain().ended, 0, "it has been expired on the way");
        assert!(used(&sale, &hold).is_err(), "use {at}");
        Auditor::audit(&*sale.store, StreamId::Event(sale.event)).unwrap();
    }
}

#[test]
fn eighty_thousand_holds_due_at_once_are_freed_in_bounded_steps() {
    const SEATS: u32 = 80_000;
    let sale = small(&SmallSale::definition(800, 100, 0));
    let request = |seat: u32| sale.seats_request(u128::from(seat), &[seat]);
    let seats: Vec<u32> = (0..SEATS).collect();
    for chunk in seats.chunks(MANY_MAX) {
        let held = sale.office.hold_many(chunk.iter().map(|seat| request(*seat)).collect());
        assert!(held.into_iter().all(|hold| hold.wait().is_ok()));
    }
    let counts = || sale.office.availability(sale.event).unwrap().sections[0];
    assert_eq!((counts().held, counts().free), (SEATS, 0));
    sale.clock.advance(8 * 60_000 - 1);
    assert_eq!(sale.office.maintain().ended, 0);
    sale.clock.advance(1);
    let mut ended = 0;
    loop {
        let round = sale.office.maintain();
        assert!(round.ended <= EXPIRE_BATCH_MAX, "others get in between");
        ended += round.ended;
        if !round.more {
            break;
        }
        assert_eq!(round.ended, EXPIRE_BATCH_MAX, "no round is wasted");
    }
    assert_eq!(ended, SEATS as usize);
    assert_eq!((counts().held, counts().free), (0, SEATS));
    assert_eq!(sale.journal().len(), 2 + 2 * SEATS as usize);
    sale.assert_equals_journal();
}

#[test]
fn when_the_clock_jumps_far_ahead_everything_is_due_and_new_holds_live_from_there() {
    let sale = small(&SmallSale::definition(1, 6, 5));
    let holds: Vec<Hold> = (0..6).map(|user| sale.hold(user.into(), &[user]).wait().unwrap()).collect();
    let floor = sale.hold_places(9, 5).wait().unwrap();
    let later = UtcMs(START.0 + 10 * 365 * 24 * 3_600_000);
    sale.clock.set(later);
    // Counters were what refused it: everything due is ended on the way.
    assert_eq!(sale.hold_places(10, 5).wait().unwrap().deadline, UtcMs(later.0 + 8 * 60_000));
    assert_eq!(sale.office.maintain().ended, 0);
    assert_eq!(sale.office.availability(sale.event).unwrap().holds, 1);
    for hold in holds.iter().chain([&floor]) {
        assert_eq!(refused(sale.extend(hold).wait()), Refusal::UnknownHold);
    }
    sale.assert_equals_journal();
}

#[test]
fn when_the_clock_jumps_back_deadlines_come_at_half_speed_and_nobody_lives_twice() {
    let sale = small(&SmallSale::definition(1, 6, 0));
    let hold = sale.hold(1, &[0]).wait().unwrap();
    let dead = sale.hold(2, &[1]).wait().unwrap();
    sale.clock.set(dead.deadline);
    let again = sale.hold(3, &[1]).wait().unwrap();
    // A day back: logged time stands, and what died stays dead.
    let back = sale.clock.back(24 * 3_600_000);
    assert_eq!(refused(sale.extend(&hold).wait()), Refusal::HoldExpired { deadline: hold.deadline });
    assert_eq!(refused(sale.extend(&dead).wait()), Refusal::UnknownHold);
    assert_eq!(sale.office.maintain().ended, 1, "the first one");
    // From there on it goes on at half speed: the hold of eight minutes lives for sixteen of the clock.
    sale.clock.set(UtcMs(back.0 + 2 * 8 * 60_000 - 1));
    assert_eq!(sale.office.maintain().ended, 0);
    assert_eq!(sale.office.find_hold(again.id, again.user).unwrap().deadline, again.deadline);
    sale.clock.advance(1);
    assert_eq!(refused(sale.extend(&again).wait()), Refusal::HoldExpired { deadline: again.deadline });
    assert_eq!(sale.hold(4, &[1]).wait().unwrap().at, again.deadline);
    sale.assert_equals_journal();
    Auditor::audit(&*sale.store, StreamId::Event(sale.event)).unwrap();
}

#[test]
fn a_hold_keeps_the_lifetime_of_the_rules_it_was_placed_under() {
    let mut definition = SmallSale::definition(1, 6, 0);
    definition.rules.hold_lifetime_ms_max = 10 * 60_000;
    definition.rules.payment_ttl_ms = 5 * 60_000;
    definition.rules.hold_ttl_ms_max = 10 * 60_000;
    let sale = small(&definition);
    let hold = sale.hold(1, &[0]).wait().unwrap();
    definition.rules.hold_lifetime_ms_max = 60 * 60_000;
    let change = ManifestRequest { event: sale.event, definition };
    sale.office.change_manifest(change).wait().unwrap();
    sale.clock.advance(7 * 60_000);
    let end = UtcMs(START.0 + 10 * 60_000);
    assert_eq!(sale.extend(&hold).wait().unwrap().deadline, end, "extensions end with the lifetime");
    let order = sale.open_order(hold.id, hold.user).wait().unwrap();
    assert_eq!(order.payment_deadline, Some(end), "so does the time to pay");
    sale.clock.set(end);
    assert_eq!(refused(sale.confirm(order.id, order.user).wait()), Refusal::HoldExpired { deadline: end });
    assert!(sale.buy(2, &[0]).is_ok());
}

/// The last seats of the row, and places of the area, are the fans' until `release_at`.
fn fans(release_at: UtcMs) -> Definition {
    let mut definition = SmallSale::definition(1, 6, 10);
    definition.allocations = vec![Allocation {
        name: "fans".to_owned(),
        channels: vec!["fans".to_owned()],
        access_code: None,
        release_at: Some(release_at),
    }];
    definition.areas[0].allocated = vec![(AllocationIndex(0), 4)];
    for seat in &mut definition.sections[0].rows[0].seats[3..] {
        seat.allocation = Some(AllocationIndex(0));
    }
    definition
}

#[test]
fn what_is_left_of_an_allocation_is_anybody_s_at_the_millisecond_of_its_release() {
    let release = UtcMs(START.0 + 3_600_000);
    let sale = small(&fans(release));
    let fan =
        |seats: &[u32]| HoldRequest { channel: Some("fans".to_owned()), ..sale.seats_request(1, seats) };
    sale.clock.set(UtcMs(release.0 - 1));
    let held = sale.office.hold(fan(&[3])).wait().unwrap();
    assert_eq!(refused(sale.hold(2, &[4]).wait()), Refusal::AllocationLocked(vec![SeatIndex(4)]));
    assert_eq!(refused(sale.hold_places(2, 7).wait()), Refusal::AreaExhausted { area: FLOOR, left: 6 });
    sale.clock.advance(1);
    // Nobody maintained it: the first who needs it has it released, once.
    assert_eq!(sale.hold_places(2, 7).wait().unwrap().at, release);
    assert_eq!(sale.hold(2, &[4]).wait().unwrap().lines.seats.len(), 1);
    assert_eq!(sale.office.maintain().ended, 0);
    let Refusal::SeatsUnavailable(_) = refused(sale.hold(3, &[3]).wait()) else {
        panic!("the fan's hold goes on")
    };
    // What the fan had comes back to where it came from, which is anybody's now.
    sale.clock.set(held.deadline);
    assert!(sale.hold(3, &[3]).wait().is_ok());
    sale.assert_equals_journal();
    Auditor::audit(&*sale.store, StreamId::Event(sale.event)).unwrap();
}

#[test]
fn a_release_that_came_due_while_the_event_was_closed_is_made_up_for() {
    let release = UtcMs(START.0 + 3_600_000);
    let sale = small(&fans(release));
    assert!(sale.office.close_if_idle(sale.event));
    sale.clock.set(UtcMs(release.0 + 1));
    assert!(sale.hold(2, &[3, 4, 5]).wait().is_ok());
    sale.assert_equals_journal();
}
