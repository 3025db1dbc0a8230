//! Orders over restarts, snapshots and two nodes: accounts and what is due survive them all.

use std::sync::Arc;

use ticketcore::order::{CheckoutRequest, Effect, News, PaymentState, RefundWhat, StaffAction, Way};
use ticketcore::store::local::{LocalOptions, LocalStore};
use ticketcore::testkit::{MemoryDisk, SmallSale, TwoNodes, rebased};
use ticketcore::{OrderId, OrderState, Refusal, SeatState};

use crate::bank::Bank;
use crate::desk::{Desk, PRICE, authorized, captured, declined, refused};

/// An order in every kind of trouble.
fn zoo(desk: &Desk) -> Vec<OrderId> {
    let late = desk.too_late(10, &[9]);
    desk.seen(late, 1, authorized()).unwrap();
    let open = desk.open(1, &[0]);
    let paying = desk.open(2, &[1]);
    desk.pay(paying).unwrap();
    let declined_once = desk.open(3, &[2]);
    desk.pay(declined_once).unwrap();
    desk.seen(declined_once, 1, declined()).unwrap();
    desk.pay(declined_once).unwrap();
    let in_review = desk.reviewed(4, &[3]);
    desk.pay(in_review).unwrap();
    desk.seen(in_review, 1, authorized()).unwrap();
    let captured_only = desk.open(5, &[4]);
    desk.pay(captured_only).unwrap();
    desk.seen(captured_only, 1, captured(PRICE)).unwrap();
    let refunding = desk.sold(6, &[5, 6]);
    desk.refund(refunding, RefundWhat::Tickets(vec![1])).unwrap();
    desk.transfer(refunding, 6, &[0], 7).unwrap();
    desk.redeem(refunding, 0, 2, Way::Entry).unwrap();
    let disputed = desk.sold(8, &[7]);
    desk.dispute(disputed, 1).unwrap();
    let cancelled = desk.open(9, &[8]);
    desk.pay(cancelled).unwrap();
    desk.cancel(cancelled).unwrap();
    vec![late, open, paying, declined_once, in_review, captured_only, refunding, disputed, cancelled]
}

fn same(left: &SmallSale, right: &SmallSale, orders: &[OrderId]) {
    for order in orders {
        assert_eq!(left.office.order_details(*order), right.office.order_details(*order));
    }
    let due = |sale: &SmallSale| sale.office.due_orders(sale.event, None, 100).unwrap();
    assert_eq!(due(left), due(right));
    assert!(due(left).len() >= 5, "there is much to do");
}

#[test]
fn accounts_and_what_is_due_survive_a_restart_with_and_without_a_snapshot() {
    let desk = Desk::new();
    let orders = zoo(&desk);
    same(&desk.sale, &desk.sale.again(2), &orders);
    desk.sale.office.save_snapshot(desk.sale.event).unwrap();
    let again = desk.sale.again(3);
    same(&desk.sale, &again, &orders);
    again.assert_equals_journal();
    // And life goes on from there.
    let after = Desk { sale: again };
    assert_eq!(after.due(orders[5], &Effect::Confirm), OrderState::Confirmed);
    assert_eq!(after.due(orders[0], &Effect::SettleLate), OrderState::Confirmed);
    after.staff(orders[4], StaffAction::Approve).unwrap();
    after.check();
}

#[test]
fn a_disk_keeps_accounts_too() {
    let disk = MemoryDisk::new();
    let options = || LocalOptions { manual: true, ..LocalOptions::default() };
    let open = || Arc::new(LocalStore::open_in(Arc::new(disk.clone()), options()).unwrap());
    let desk = Desk { sale: SmallSale::open(open(), &SmallSale::definition(1, 10, 20)) };
    let orders = zoo(&desk);
    let before: Vec<_> = orders.iter().map(|order| desk.details(*order)).collect();
    let Desk { sale } = desk;
    let (event, clock) = (sale.event, sale.clock.clone());
    drop(sale);
    let first = SmallSale {
        office: Arc::new(
            ticketcore::BoxOffice::open_shared(
                open(),
                ticketcore::Options {
                    clock: Arc::new(clock.clone()),
                    manual_expiry: true,
                    node: Some(2),
                    ..Default::default()
                },
            )
            .unwrap(),
        ),
        event,
        clock,
        store: Arc::new(ticketcore::store::MemoryStore::new()),
    };
    let after: Vec<_> = orders.iter().map(|order| first.office.order_details(*order).unwrap()).collect();
    assert_eq!(after, before);
}

/// A step of the second node that waits for the store while the first node writes: it is undone, and decided again.
fn overtaken(step: impl Fn(&Desk, OrderId), prepare: impl Fn(&Desk) -> OrderId) {
    let two = TwoNodes::small();
    let a = Desk { sale: two.a.again_maintained(11) };
    let order = prepare(&a);
    let b = Desk { sale: two.b.again_maintained(12) };
    assert_eq!(b.details(order), a.details(order));
    two.foreign();
    step(&b, order);
    b.sale.office.maintain();
    b.sale.assert_equals_journal();
    same_on(&a, &b, order);
}

fn same_on(a: &Desk, b: &Desk, order: OrderId) {
    // A read on a shared store sees what was in the journal when it was asked for.
    assert_eq!(a.details(order), b.details(order));
    let due = |desk: &Desk| desk.sale.office.due_orders(order.event, None, 100).unwrap();
    assert_eq!(due(a), due(b));
}

#[test]
fn another_node_sees_and_goes_on_with_an_order() {
    overtaken(|b, order| _ = b.pay(order).unwrap(), |a| a.open(1, &[0]));
    overtaken(
        |b, order| _ = b.seen(order, 1, captured(PRICE)).unwrap(),
        |a| {
            let order = a.open(1, &[0]);
            a.pay(order).unwrap();
            order
        },
    );
    overtaken(|b, order| _ = b.refund(order, RefundWhat::Full).unwrap(), |a| a.sold(1, &[0]));
    overtaken(|b, order| _ = b.dispute(order, 1).unwrap(), |a| a.sold(1, &[0]));
    overtaken(
        |b, order| {
            b.dispute(order, 1).unwrap();
            b.dispute_over(order, false).unwrap();
        },
        |a| a.sold(1, &[0, 1]),
    );
    overtaken(
        |b, order| _ = b.due(order, &Effect::SettleLate),
        |a| {
            let order = a.too_late(1, &[0, 1]);
            a.seen(order, 1, captured(2 * PRICE)).unwrap();
            order
        },
    );
}

#[test]
fn two_nodes_that_pay_one_order_at_once_begin_one_payment() {
    let two = TwoNodes::late();
    let a = Desk { sale: two.a.again_maintained(11) };
    let order = a.open(1, &[0]);
    let request = |sale: &SmallSale| {
        let (gateway, method) = (crate::desk::word("bank"), crate::desk::word("card"));
        sale.office.pay(ticketcore::order::PayRequest { order, user: 1.into(), key: None, gateway, method })
    };
    two.meet();
    // The second node's append is held up on its way to the store; the first node is faster.
    two.way.script([ticketcore::testkit::Fault::DelayBefore]);
    let late = request(&two.b);
    assert_eq!(rebased(&two.a, request(&two.a)).wait().unwrap().number, 1);
    two.way.release_all();
    let late = rebased(&two.b, late).wait();
    assert_eq!(late, Err(refused(Refusal::OrderState { state: OrderState::Paying })));
    two.settle();
    let details = a.details(order);
    assert_eq!((details.payments.len(), details.payments[0].state), (1, PaymentState::Started));
}

#[test]
fn two_drivers_on_two_nodes_do_everything_once() {
    let two = TwoNodes::small();
    let nodes = [Desk { sale: two.a.again_maintained(11) }, Desk { sale: two.a.again_maintained(12) }];
    let mut bank = Bank::default();
    let orders: Vec<_> = (0..10).map(|seat| nodes[0].open(u128::from(seat), &[seat])).collect();
    orders.iter().for_each(|order| _ = nodes[0].pay(*order).unwrap());
    for round in 0.. {
        let seen: Vec<_> =
            nodes.iter().map(|node| node.sale.office.due_orders(two.a.event, None, 3).unwrap()).collect();
        if seen.iter().all(Vec::is_empty) {
            break;
        }
        // Both act on what both saw, one after the other.
        for (node, due) in nodes.iter().zip(seen) {
            for due in due {
                bank.step(node, &due, crate::bank::Mishap::None);
            }
        }
        assert!(round < 100, "it ends");
    }
    for order in orders {
        assert_eq!((nodes[1].state(order), bank.has(order)), (OrderState::Confirmed, PRICE));
    }
    nodes.iter().for_each(|node| node.sale.assert_equals_journal());
}

#[test]
fn an_order_that_was_overtaken_leaves_nothing_behind() {
    let two = TwoNodes::late();
    let hold = rebased(&two.b, two.b.hold(1, &[0])).wait().unwrap();
    two.meet();
    two.way.script([ticketcore::testkit::Fault::DelayBefore]);
    let late = two.b.office.checkout(CheckoutRequest::new(hold.id, hold.user));
    rebased(&two.a, two.a.release(hold.id, hold.user)).wait().unwrap();
    two.way.release_all();
    assert_eq!(rebased(&two.b, late).wait(), Err(refused(Refusal::UnknownHold)));
    two.settle();
    let b = Desk { sale: two.b.again_maintained(13) };
    assert_eq!((b.seat(0), b.due_count()), (SeatState::Free, 0));
    assert!(b.observe(hold.id.order(), News::Confirm).is_err());
}
