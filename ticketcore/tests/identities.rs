//! Limits by identity: tickets count for everybody behind a user, over all users and nodes, and who pays is known only then.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::sync::Arc;

use ticketcore::manifest::Definition;
use ticketcore::order::{
    CheckoutRequest, EndReason, Identity, News, ObserveRequest, PayRequest, PaymentSeen, RefundWhat,
    StaffAction, StaffOrderRequest, Word,
};
use ticketcore::store::{MemoryStore, StreamId};
use ticketcore::testkit::{Auditor, SmallSale, TwoNodes, refused};
use ticketcore::{Hold, HoldRequest, OrderId, OrderState, Pending, Refusal, Stepped};

const STAFF: u128 = 900;

/// Live state, journal, snapshot and audit agree.
fn agree(sale: &SmallSale) {
    sale.assert_equals_journal();
    Auditor::audit(&*sale.store, StreamId::Event(sale.event)).unwrap();
    let live = sale.office.state_bytes(sale.event).unwrap();
    sale.office.save_snapshot(sale.event).unwrap();
    let again = sale.again(9);
    let _opened = again.office.find_voucher(sale.event, "x").unwrap();
    assert!(again.office.state_bytes(sale.event).unwrap() == live, "opened from its snapshot it is another");
}

fn identities(user: u128, sale: &SmallSale, of: &[u128], places: u32) -> Pending<Hold> {
    let identities = of.iter().copied().map(Identity).collect();
    sale.office.hold(HoldRequest { identities, ..sale.places_request(user, places) })
}

fn limited(tickets_per_user_max: u32) -> Definition {
    let mut definition = SmallSale::definition(0, 0, 20);
    definition.rules.tickets_per_user_max = tickets_per_user_max;
    definition
}

#[test]
fn an_identity_has_its_limit_over_all_users() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &limited(4));
    let (mail, phone) = (7, 8);
    let first = identities(1, &sale, &[mail, phone, mail], 3).wait().unwrap();
    let over = |identity, used, asked| Refusal::IdentityLimit {
        identity: Identity(identity),
        limit: 4,
        used,
        asked,
    };
    assert_eq!(refused(identities(2, &sale, &[mail], 2).wait()), over(mail, 3, 2));
    let order = sale.open_order(first.id, first.user).wait().unwrap();
    sale.confirm(order.id, order.user).wait().unwrap();
    assert_eq!(refused(identities(3, &sale, &[9, phone], 2).wait()), over(phone, 3, 2));
    let second = identities(3, &sale, &[9, phone], 1).wait().unwrap();
    assert_eq!(
        refused(identities(4, &sale, &[9], 4).wait()),
        over(9, 1, 4),
        "what failed gave back what it had"
    );
    agree(&sale);
    sale.release(second.id, second.user).wait().unwrap();
    identities(4, &sale, &[9], 4).wait().unwrap();
    agree(&sale);
    let five = identities(5, &sale, &[1, 2, 3, 4, 5], 1).wait();
    assert!(matches!(refused(five), Refusal::Limit(limit) if limit.what == "identities"));
}

#[test]
fn two_nodes_count_an_identity_together() {
    let two = TwoNodes::new(&limited(4));
    identities(1, &two.a, &[7], 3).wait().unwrap();
    let over = identities(2, &two.b, &[7], 2);
    let fits = identities(3, &two.b, &[7], 1);
    two.settle();
    assert!(matches!(refused(over.wait()), Refusal::IdentityLimit { used: 3, .. }));
    assert!(fits.wait().is_ok());
    agree(&two.b);
}

/// Holds, opens and begins to pay an order; returns it.
fn paying(sale: &SmallSale, user: u128, places: u32) -> OrderId {
    let hold = sale.hold_places(user, places).wait().unwrap();
    let order = sale.office.checkout(CheckoutRequest::new(hold.id, hold.user)).wait().unwrap();
    let (gateway, method) = (Word::cut("sandbox"), Word::cut("card"));
    let pay = PayRequest { order: order.id, user: hold.user, key: None, gateway, method };
    sale.office.pay(pay).wait().unwrap();
    order.id
}

fn authorized(sale: &SmallSale, order: OrderId, card: u128) -> Stepped {
    let reference = Word::cut("charge");
    let seen = PaymentSeen::Authorized { reference, lapses_at: None, fingerprint: Some(Identity(card)) };
    observe(sale, order, News::Payment { attempt: 1, seen })
}

fn captured(sale: &SmallSale, order: OrderId, card: u128, amount_minor: i64) -> Stepped {
    let reference = Word::cut("charge");
    let seen = PaymentSeen::Captured { reference, amount_minor, fingerprint: Some(Identity(card)) };
    observe(sale, order, News::Payment { attempt: 1, seen })
}

fn observe(sale: &SmallSale, order: OrderId, news: News) -> Stepped {
    sale.office.observe(ObserveRequest { order, news }).wait().unwrap()
}

#[test]
fn a_card_that_is_over_the_limit_ends_the_order_before_its_money_is_taken() {
    let sale = SmallSale::open(Arc::new(MemoryStore::new()), &limited(4));
    let card = 5;
    let first = paying(&sale, 1, 3);
    assert_eq!(authorized(&sale, first, card).state, OrderState::Authorized);
    let second = paying(&sale, 2, 2);
    assert_eq!(authorized(&sale, second, card).state, OrderState::Cancelled, "3 and 2 are more than 4");
    let details = sale.office.order_details(second).unwrap();
    assert_eq!(details.reason, Some(EndReason::OverLimit));
    let next = |order| format!("{:?}", sale.office.order_details(order).unwrap().next);
    assert!(next(second).contains("LookUp"), "{}", next(second));
    assert_eq!(authorized(&sale, second, card).state, OrderState::Cancelled);
    assert!(next(second).contains("Void"), "{}", next(second));
    // One place more is within the limit.
    let third = paying(&sale, 3, 1);
    assert_eq!(authorized(&sale, third, card).state, OrderState::Authorized);
    agree_without_audit(&sale);
    // The first order is paid and sold, then refunded: the card is free again.
    captured(&sale, first, card, 15_000);
    observe(&sale, first, News::Confirm);
    let fourth = paying(&sale, 4, 1);
    assert_eq!(authorized(&sale, fourth, card).state, OrderState::Cancelled);
    let action = StaffAction::Refund(RefundWhat::Full);
    let refund = StaffOrderRequest { order: first, by: STAFF.into(), key: None, action };
    sale.office.staff_order(refund).wait().unwrap();
    let fifth = paying(&sale, 5, 3);
    assert_eq!(authorized(&sale, fifth, card).state, OrderState::Authorized);
    sale.clock.advance(3_600_000);
    sale.office.maintain();
    agree_without_audit(&sale);
}

/// As [`agree`], for journals with steps of orders.
fn agree_without_audit(sale: &SmallSale) {
    sale.assert_equals_journal();
    let live = sale.office.state_bytes(sale.event).unwrap();
    sale.office.save_snapshot(sale.event).unwrap();
    let again = sale.again(9);
    let _opened = again.office.find_voucher(sale.event, "x").unwrap();
    assert!(again.office.state_bytes(sale.event).unwrap() == live, "opened from its snapshot it is another");
}
