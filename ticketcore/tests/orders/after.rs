//! What can be asked afterwards: who had a seat when, what an event looked like, what the money adds up to.

use ticketcore::fact::Lines;
use ticketcore::order::RefundWhat;
use ticketcore::testkit::START;
use ticketcore::{
    Moment, MoneyReport, OrderId, OrderState, PastOrder, Refusal, Revision, SeatIndex, SeatState, UserId,
};

use crate::bank::Bank;
use crate::desk::{Desk, PRICE, authorized, captured, failed, refused, user};

#[test]
fn the_history_of_a_seat_says_who_had_it_when() {
    let desk = Desk::new();
    let hold = desk.sale.hold(1, &[3]).wait().unwrap();
    desk.sale.clock.advance(60_000);
    desk.sale.release(hold.id, hold.user).wait().unwrap();
    desk.sale.clock.advance(60_000);
    let order = desk.sold(2, &[2, 3]);
    desk.sale.clock.advance(60_000);
    desk.refund(order, RefundWhat::Full).unwrap();
    let history = desk.sale.office.seat_history(desk.sale.event, SeatIndex(3)).unwrap();
    let seen: Vec<_> =
        history.iter().map(|m| (m.at.since_ms(START), m.state, m.owner.map(|(_, user)| user))).collect();
    assert_eq!(
        seen,
        [
            (0, SeatState::Held, Some(user(1))),
            (60_000, SeatState::Free, None),
            (120_000, SeatState::Held, Some(user(2))),
            (120_000, SeatState::Sold, Some(user(2))),
            (180_000, SeatState::Free, None),
        ]
    );
    assert_eq!(history[3].owner.unwrap().0, order);
    assert_eq!(desk.sale.office.seat_history(desk.sale.event, SeatIndex(9)).unwrap(), []);
}

#[test]
fn the_past_at_every_revision_is_what_was_there_then() {
    let desk = Desk::new();
    let office = &desk.sale.office;
    let mut seen = Vec::new();
    let mut look = || {
        let mut map = Vec::new();
        office.seat_map(desk.sale.event, &mut map).unwrap();
        seen.push((office.availability(desk.sale.event).unwrap(), map));
    };
    look();
    let hold = desk.sale.hold(1, &[0, 1]).wait().unwrap();
    look();
    desk.sale.clock.advance(1_000);
    desk.sale.hold_places(2, 3).wait().unwrap();
    look();
    let order = desk.sale.open_order(hold.id, hold.user).wait().unwrap();
    desk.sale.confirm(order.id, hold.user).wait().unwrap();
    look();
    for (availability, map) in &seen {
        let past = office.past(desk.sale.event, Moment::Revision(availability.revision)).unwrap();
        assert_eq!((&past.availability, &past.map), (availability, map));
    }
    let at = office.past(desk.sale.event, Moment::Time(START.plus_ms(999))).unwrap();
    assert_eq!(at.availability, seen[1].0, "the last fact up to that time");
    let future = office.past(desk.sale.event, Moment::Revision(Revision(1_000))).unwrap();
    assert_eq!(future.availability, seen[3].0);
    assert!(office.past(desk.sale.event, Moment::Time(ticketcore::UtcMs(START.0 - 1))).is_err());
}

/// What is told of an order, live and later.
type Told = (OrderId, UserId, OrderState, Lines);

#[test]
fn the_orders_of_the_past_are_those_that_were_there_then() {
    let desk = Desk::new();
    let office = &desk.sale.office;
    let mut seen: Vec<(Revision, Vec<Told>)> = Vec::new();
    let mut look = |orders: &[OrderId]| {
        let told = |id: &OrderId| {
            let found = office.order_details(*id).unwrap().order;
            (found.id, found.user, found.state, found.lines)
        };
        seen.push((
            office.availability(desk.sale.event).unwrap().revision,
            orders.iter().map(told).collect(),
        ));
    };
    let kept = desk.sold(1, &[0, 1]);
    look(&[kept]);
    let open = desk.open(2, &[2]);
    look(&[kept, open]);
    desk.pay(open).unwrap();
    look(&[kept, open]);
    desk.refund(kept, RefundWhat::Tickets(vec![0])).unwrap();
    desk.seen(open, 1, authorized()).unwrap();
    look(&[kept, open]);
    let gone = desk.open(3, &[3]);
    desk.sale.clock.advance(3 * 3_600_000);
    office.maintain();
    look(&[kept, open, gone]);
    for (revision, orders) in &seen {
        let past = office.past(desk.sale.event, Moment::Revision(*revision)).unwrap().orders;
        let told = |order: &PastOrder| (order.id, order.user, order.state, order.lines.clone());
        assert_eq!(past.iter().map(told).collect::<Vec<_>>(), *orders, "at {revision}");
    }
    let owned = |at: usize| {
        let past = office.past(desk.sale.event, Moment::Revision(seen[at].0)).unwrap();
        past.orders[0].owned.seats.iter().map(|line| line.seat.0).collect::<Vec<_>>()
    };
    assert_eq!((owned(2), owned(3)), (vec![0, 1], vec![1]), "a ticket went back");
}

#[test]
fn the_money_adds_up_wherever_it_is() {
    let desk = Desk::new();
    let report = || desk.sale.office.money_report(desk.sale.event).unwrap();
    assert_eq!(report(), MoneyReport::default());
    let kept = desk.sold(1, &[0, 1]);
    let reserved = desk.open(2, &[2]);
    desk.pay(reserved).unwrap();
    desk.seen(reserved, 1, authorized()).unwrap();
    let unknown = desk.open(3, &[3]);
    desk.pay(unknown).unwrap();
    desk.refund(kept, RefundWhat::Tickets(vec![0])).unwrap();
    let before = MoneyReport {
        orders: 3,
        authorized_minor: PRICE,
        captured_minor: 2 * PRICE,
        refunding_minor: PRICE,
        kept_minor: PRICE,
        unresolved: 1,
        tickets_valid: 1,
        tickets_dead: 1,
        ..MoneyReport::default()
    };
    assert_eq!(report(), before);
    desk.refund_seen(kept, 1, failed(false)).unwrap();
    assert_eq!(report(), MoneyReport { refunding_minor: 0, refund_stuck_minor: PRICE, ..before });
    desk.run_out();
    desk.seen(unknown, 1, captured(PRICE)).unwrap();
    let late = report();
    assert_eq!((late.surplus_minor, late.unresolved), (PRICE, 0), "nobody has settled it yet");
    let mut bank = Bank::default();
    bank.payments.insert((reserved, 1), crate::bank::Paid::Authorized);
    bank.payments.insert((unknown, 1), crate::bank::Paid::Captured(PRICE));
    bank.settle(&desk);
    let end = report();
    assert_eq!(
        end.captured_minor,
        end.kept_minor
            + end.refunded_minor
            + end.refunding_minor
            + end.refund_stuck_minor
            + end.surplus_minor
    );
    assert_eq!((end.surplus_minor, end.authorized_minor, end.refunding_minor), (0, 0, 0));
}

#[test]
fn a_seat_knows_its_owner() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    let owner = |seat| desk.sale.office.owner_of(desk.sale.event, SeatIndex(seat));
    assert_eq!(owner(0).unwrap(), Some((order, user(1))));
    assert_eq!(owner(1).unwrap(), None);
    assert_eq!(owner(99), Err(refused(Refusal::UnknownSeats(vec![SeatIndex(99)]))));
}
