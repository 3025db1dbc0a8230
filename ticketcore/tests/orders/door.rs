//! Tickets: at the door, and in other hands.

use ticketcore::order::{Effect, RedeemRequest, RefundWhat, TicketStatus, Way};
use ticketcore::testkit::key;
use ticketcore::{NotAdmitted, OrderId, OrderState, Refusal, SaleState, TicketId, UtcMs};

use crate::desk::{Answer, Desk, STAFF, in_state, refused, user};

fn no(reason: NotAdmitted) -> Answer {
    Err(refused(Refusal::NotAdmitted(reason)))
}

fn scan(order: OrderId, way: Way) -> RedeemRequest {
    let ticket = TicketId { order, index: 0 };
    RedeemRequest { ticket, issue: 1, by: user(STAFF), key: None, way, device_at: None, force: false }
}

#[test]
fn a_ticket_lets_one_person_in_and_out() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    assert_eq!(desk.redeem(order, 0, 1, Way::Exit), no(NotAdmitted::NotInside));
    desk.redeem(order, 0, 1, Way::Entry).unwrap();
    let since = desk.sale.clock.advance(0);
    desk.sale.clock.advance(5_000);
    assert_eq!(desk.redeem(order, 0, 1, Way::Entry), no(NotAdmitted::AlreadyInside { since }));
    desk.redeem(order, 1, 1, Way::Entry).unwrap();
    desk.redeem(order, 0, 1, Way::Exit).unwrap();
    desk.redeem(order, 0, 1, Way::Entry).unwrap();
    assert_eq!(desk.redeem(order, 2, 1, Way::Entry), Err(refused(Refusal::UnknownTicket { ticket: 2 })));
    let ticket = desk.details(order).tickets[0].1.clone();
    assert_eq!((ticket.entries, ticket.inside_since), (2, Some(since.plus_ms(5_000))));
    desk.check();
}

#[test]
fn a_ticket_of_an_order_without_an_account_is_good_at_the_door_too() {
    let desk = Desk::new();
    let order = desk.sale.buy(1, &[0]).unwrap().id;
    desk.redeem(order, 0, 1, Way::Entry).unwrap();
    assert!(
        matches!(desk.redeem(order, 0, 1, Way::Entry), Err(error) if error.to_string().contains("not_admitted"))
    );
    desk.transfer(order, 1, &[0], 2).unwrap();
    desk.check();
}

#[test]
fn an_offline_scan_that_is_sent_again_is_one_scan() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    let device_at = Some(UtcMs(1_700_000_000_500));
    let request = RedeemRequest { key: Some(key("nonce")), device_at, ..scan(order, Way::Entry) };
    let first = desk.sale.office.redeem(request.clone()).wait().unwrap();
    let again = desk.sale.office.redeem(request.clone()).wait().unwrap();
    assert!(again.replayed);
    assert_eq!((again.revision, again.state), (first.revision, first.state));
    let other = RedeemRequest { way: Way::Exit, ..request };
    let answer = desk.sale.office.redeem(other).wait();
    assert_eq!(answer, Err(refused(Refusal::KeyReused { revision: first.revision.unwrap() })));
    assert_eq!(desk.details(order).tickets[0].1.entries, 1);
    desk.check();
}

#[test]
fn staff_may_let_somebody_through_but_never_with_a_dead_ticket() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.redeem(order, 0, 1, Way::Entry).unwrap();
    let force = |way| desk.sale.office.redeem(RedeemRequest { force: true, ..scan(order, way) }).wait();
    assert!(force(Way::Entry).is_ok(), "it was used before");
    desk.dispute(order, 1).unwrap();
    assert!(force(Way::Exit).is_ok(), "it is in dispute");
    desk.dispute_over(order, true).unwrap();
    desk.refund(order, RefundWhat::Tickets(vec![0])).unwrap();
    assert_eq!(force(Way::Entry), no(NotAdmitted::Refunded));
    desk.transfer(order, 1, &[1], 2).unwrap();
    let second = TicketId { order, index: 1 };
    let old = RedeemRequest { ticket: second, force: true, ..scan(order, Way::Entry) };
    assert_eq!(desk.sale.office.redeem(old).wait(), no(NotAdmitted::Superseded));
    desk.check();
}

#[test]
fn the_door_stays_shut_before_the_sale_and_when_the_event_is_cancelled() {
    let desk = Desk::new();
    let open = desk.open(1, &[0]);
    assert_eq!(desk.redeem(open, 0, 1, Way::Entry), no(NotAdmitted::NotSold));
    let sold = desk.sold(2, &[1]);
    desk.sale.office.set_sale_state(desk.sale.event, SaleState::Closed).wait().unwrap();
    assert!(desk.redeem(sold, 0, 1, Way::Entry).is_ok());
    desk.cancel_event();
    assert!(
        matches!(desk.redeem(sold, 0, 1, Way::Exit), Err(error) if error.to_string().contains("sale_state"))
    );
    desk.check();
}

#[test]
fn a_ticket_changes_hands_and_its_old_code_dies() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.transfer(order, 1, &[0], 2).unwrap();
    assert_eq!(desk.redeem(order, 0, 1, Way::Entry), no(NotAdmitted::Superseded));
    desk.redeem(order, 0, 2, Way::Entry).unwrap();
    let gone = Err(refused(Refusal::UnknownTicket { ticket: 0 }));
    assert_eq!(desk.transfer(order, 1, &[0], 3), gone, "the buyer has it no more");
    assert_eq!(desk.transfer(order, 1, &[0, 1], 3), gone, "all or nothing");
    desk.transfer(order, 2, &[0], 3).unwrap();
    let ticket = desk.details(order).tickets[0].1.clone();
    assert_eq!((ticket.issue, ticket.holder), (3, Some(user(3))));
    assert_eq!(
        desk.transfer(order, 2, &[0], 4),
        Err(refused(Refusal::UnknownOrder)),
        "he has nothing left of it"
    );
    let unknown = Err(refused(Refusal::UnknownTicket { ticket: 1 }));
    assert_eq!(desk.transfer(order, 3, &[0, 1], 4), unknown);
    assert_eq!(desk.transfer(order, 1, &[1, 1], 4), unknown, "named twice");
    assert_eq!(desk.transfer(order, 1, &[], 4), Err(refused(Refusal::NothingRequested)));
    assert_eq!(
        desk.transfer(order, 5, &[], 4),
        Err(refused(Refusal::NothingRequested)),
        "the same for strangers"
    );
    desk.check();
}

#[test]
fn a_ticket_that_is_dead_or_in_dispute_does_not_change_hands() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.refund(order, RefundWhat::Tickets(vec![0])).unwrap();
    let not_valid = |ticket, status| Err(refused(Refusal::TicketNotValid { ticket, status }));
    assert_eq!(desk.transfer(order, 1, &[0], 2), not_valid(0, TicketStatus::Refunded));
    desk.dispute(order, 1).unwrap();
    assert_eq!(desk.transfer(order, 1, &[1], 2), not_valid(1, TicketStatus::Disputed));
    let open = desk.open(1, &[2]);
    assert_eq!(desk.transfer(open, 1, &[7], 2), in_state(OrderState::Open), "the state comes first");
    desk.check();
}

#[test]
fn limits_count_the_buyer_whoever_holds_the_ticket() {
    let mut definition = ticketcore::testkit::SmallSale::definition(1, 10, 0);
    definition.rules.tickets_per_user_max = 2;
    let desk = Desk::of(&definition);
    let order = desk.sold(1, &[0, 1]);
    desk.transfer(order, 1, &[0, 1], 2).unwrap();
    assert!(desk.sale.hold(1, &[2]).wait().is_err(), "the buyer is at the limit");
    desk.sold(2, &[2, 3]);
    desk.refund(order, RefundWhat::Tickets(vec![0])).unwrap();
    assert!(desk.sale.hold(1, &[4]).wait().is_ok(), "what was refunded counts no more");
    assert!(matches!(desk.next(order), Some(Effect::Refund { .. })));
    desk.check();
}
