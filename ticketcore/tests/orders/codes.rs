//! Codes of tickets through their lives: at the door, after a new holder, a refund, an exchange, a dispute.

use ticketcore::order::{RefundWhat, Way};
use ticketcore::testkit::START;
use ticketcore::ticket::{KeyId, NotValid, OfflineScanner, TicketCode, TicketKeys};
use ticketcore::{CodeError, NotAdmitted, OrderId, OrderState, Refusal, Scan, UtcMs};

use crate::desk::{Answer, Desk, STAFF, refused, user};

const SEED: [u8; 32] = [9; 32];

fn keys() -> TicketKeys {
    TicketKeys::new(KeyId(1), &SEED, UtcMs(0))
}

fn codes(desk: &Desk, order: OrderId, by: u128) -> Vec<TicketCode> {
    let always = (UtcMs(0), UtcMs::NEVER);
    let codes = desk.sale.office.ticket_codes(order, user(by), &keys(), always).unwrap();
    codes.into_iter().map(|(_, code)| code).collect()
}

fn scan(desk: &Desk, code: &TicketCode, way: Way) -> Answer {
    let scan = Scan { by: user(STAFF), key: None, way, device_at: None, force: false };
    desk.sale.office.redeem_code(code, keys().public(), scan).unwrap().wait()
}

/// What a scanner says that was connected a moment ago and is not now.
fn offline(desk: &Desk, code: &TicketCode) -> bool {
    let mut scanner = OfflineScanner::new(desk.sale.event, keys().public().clone());
    let list = desk.sale.office.revocations(desk.sale.event).unwrap();
    scanner.add_revocations(&list.sign(&keys()).unwrap(), ticketcore::Clock::now(&desk.sale.clock)).unwrap();
    scanner.check(code, ticketcore::Clock::now(&desk.sale.clock)).is_ok()
}

fn shut<T>(why: NotAdmitted) -> Result<T, ticketcore::CommandError> {
    Err(refused(Refusal::NotAdmitted(why)))
}

#[test]
fn a_code_lets_in_once_and_out_again() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    let codes = codes(&desk, order, 1);
    assert_eq!(codes.len(), 2);
    scan(&desk, &codes[0], Way::Entry).unwrap();
    assert_eq!(scan(&desk, &codes[0], Way::Entry), shut(NotAdmitted::AlreadyInside { since: START }));
    scan(&desk, &codes[0], Way::Exit).unwrap();
    scan(&desk, &codes[0], Way::Entry).unwrap();
    assert_eq!(scan(&desk, &codes[1], Way::Exit), shut(NotAdmitted::NotInside));
    assert!(offline(&desk, &codes[0]) && offline(&desk, &codes[1]));
    desk.check();
}

#[test]
fn whatever_ends_a_ticket_kills_its_code_online_and_offline() {
    let desk = Desk::new();
    let (given, back) = (desk.sold(1, &[0]), desk.sold(2, &[1]));
    let (old, refunded) = (codes(&desk, given, 1).remove(0), codes(&desk, back, 2).remove(0));
    assert!(offline(&desk, &old) && offline(&desk, &refunded));
    desk.transfer(given, 1, &[0], 3).unwrap();
    desk.refund(back, RefundWhat::Full).unwrap();
    assert_eq!(scan(&desk, &old, Way::Entry), shut(NotAdmitted::Superseded));
    assert_eq!(scan(&desk, &refunded, Way::Entry), shut(NotAdmitted::Refunded));
    assert!(!offline(&desk, &old) && !offline(&desk, &refunded));
    let new = codes(&desk, given, 3).remove(0);
    assert!(codes(&desk, given, 1).is_empty(), "the buyer has given it away");
    assert!(offline(&desk, &new));
    scan(&desk, &new, Way::Entry).unwrap();
    desk.check();
}

#[test]
fn a_dispute_takes_codes_out_of_use_and_winning_it_makes_new_ones() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    let old = codes(&desk, order, 1).remove(0);
    desk.dispute(order, 1).unwrap();
    assert_eq!(scan(&desk, &old, Way::Entry), shut(NotAdmitted::Disputed));
    assert!(!offline(&desk, &old) && codes(&desk, order, 1).is_empty());
    desk.dispute_over(order, true).unwrap();
    let new = codes(&desk, order, 1).remove(0);
    assert!(offline(&desk, &new) && !offline(&desk, &old), "who is dead stays dead");
    assert_eq!(scan(&desk, &old, Way::Entry), shut(NotAdmitted::Superseded));
    scan(&desk, &new, Way::Entry).unwrap();
    desk.check();
}

#[test]
fn codes_are_for_whoever_holds_a_sold_ticket() {
    let desk = Desk::new();
    let order = desk.open(1, &[0]);
    let ask = |by| desk.sale.office.ticket_codes(order, user(by), &keys(), (UtcMs(0), UtcMs::NEVER));
    let no = |refusal: Refusal| Err(CodeError::Order(refused(refusal)));
    assert_eq!(ask(1), no(Refusal::OrderState { state: OrderState::Open }));
    assert_eq!(ask(2), no(Refusal::UnknownOrder), "it is somebody else's");
}

#[test]
fn a_forged_code_never_reaches_the_box_office() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    let code = codes(&desk, order, 1).remove(0);
    let mut bytes = *code.as_bytes();
    bytes[20] ^= 1;
    let forged = TicketCode::from_bytes(&bytes).unwrap();
    let scan = Scan { by: user(STAFF), key: None, way: Way::Entry, device_at: None, force: true };
    let answer = desk.sale.office.redeem_code(&forged, keys().public(), scan);
    assert!(matches!(answer.map(|_| ()), Err(NotValid::BadSignature)), "force is no key");
}
