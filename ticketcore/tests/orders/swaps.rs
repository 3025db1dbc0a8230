//! Other places for those an order has, or had: exchanges, and equivalent places for late money.

use ticketcore::manifest::Category;
use ticketcore::order::{CheckoutRequest, ExchangeRequest, LateMoney, TicketStatus};
use ticketcore::testkit::{ADULT, SmallSale};
use ticketcore::{
    BestAvailable, CategoryIndex, Item, OrderId, OrderState, Refusal, SeatIndex, SeatState, UserId,
};

use crate::desk::{Answer, Desk, PRICE, captured, refused, user};

fn seats(seats: &[u32]) -> Vec<Item> {
    vec![Item::Seats { seats: seats.iter().map(|seat| SeatIndex(*seat)).collect(), ticket_type: ADULT }]
}

fn exchange(desk: &Desk, order: OrderId, by: u128, tickets: &[u32], items: Vec<Item>) -> Answer {
    let request = ExchangeRequest { order, user: user(by), key: None, tickets: tickets.to_vec(), items };
    desk.sale.office.exchange(request).wait()
}

#[test]
fn an_exchange_kills_the_old_tickets_and_numbers_the_new_ones_on() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1, 2]);
    exchange(&desk, order, 1, &[1], seats(&[5])).unwrap();
    assert_eq!(
        [desk.seat(0), desk.seat(1), desk.seat(2), desk.seat(5)],
        [SeatState::Sold, SeatState::Free, SeatState::Sold, SeatState::Sold]
    );
    use TicketStatus::{Exchanged, Valid};
    assert_eq!(desk.statuses(order), [Valid, Exchanged, Valid, Valid]);
    assert_eq!(
        exchange(&desk, order, 1, &[1], seats(&[6])),
        Err(refused(Refusal::TicketNotValid { ticket: 1, status: Exchanged }))
    );
    // The new ticket may be exchanged again, for the very seat that was given back.
    exchange(&desk, order, 1, &[3], seats(&[1])).unwrap();
    assert_eq!(desk.statuses(order), [Valid, Exchanged, Valid, Exchanged, Valid]);
    assert_eq!((desk.seat(1), desk.seat(5)), (SeatState::Sold, SeatState::Free));
    desk.check();
}

#[test]
fn an_exchange_may_keep_a_seat_it_gives_back() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    exchange(&desk, order, 1, &[0, 1], seats(&[1, 2])).unwrap();
    assert_eq!(
        [desk.seat(0), desk.seat(1), desk.seat(2)],
        [SeatState::Free, SeatState::Sold, SeatState::Sold]
    );
    desk.check();
}

#[test]
fn an_exchange_is_all_or_nothing() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.sold(2, &[4]);
    assert!(matches!(
        exchange(&desk, order, 1, &[0, 1], seats(&[4, 5])),
        Err(ticketcore::CommandError::Refused(Refusal::SeatsUnavailable(_)))
    ));
    assert_eq!(
        exchange(&desk, order, 1, &[0, 1], seats(&[5])),
        Err(refused(Refusal::PriceDiffers { paid_minor: 2 * PRICE, asked_minor: PRICE }))
    );
    assert_eq!(exchange(&desk, order, 2, &[0], seats(&[5])), Err(refused(Refusal::UnknownOrder)));
    desk.transfer(order, 1, &[0], 3).unwrap();
    assert_eq!(
        exchange(&desk, order, 1, &[0], seats(&[5])),
        Err(refused(Refusal::UnknownTicket { ticket: 0 })),
        "it is somebody else's now"
    );
    assert_eq!((desk.seat(5), desk.seat(0)), (SeatState::Free, SeatState::Sold));
    desk.check();
}

#[test]
fn an_exchange_of_nothing_gets_nothing_even_if_it_costs_nothing() {
    let desk = Desk::free();
    let order = desk.open(1, &[0]);
    desk.due(order, &ticketcore::order::Effect::Confirm);
    assert_eq!(exchange(&desk, order, 1, &[], seats(&[5])), Err(refused(Refusal::NothingRequested)));
    assert!(exchange(&desk, order, 1, &[0], seats(&[5, 6])).is_err(), "one ticket becomes one");
    assert_eq!((desk.seat(0), desk.seat(5)), (SeatState::Sold, SeatState::Free));
    desk.check();
}

#[test]
fn places_of_an_area_and_the_best_seats_may_be_exchanged_for() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0]);
    let floor = vec![Item::Area { area: ticketcore::testkit::FLOOR, quantity: 1, ticket_type: ADULT }];
    exchange(&desk, order, 1, &[0], floor).unwrap();
    assert_eq!(desk.seat(0), SeatState::Free);
    exchange(&desk, order, 1, &[1], vec![Item::Best(BestAvailable::adjacent(1, ADULT))]).unwrap();
    assert_eq!(desk.seat(0), SeatState::Sold, "the best seat is free again");
    let left = desk.sale.office.availability(desk.sale.event).unwrap();
    assert_eq!((left.places[0].counts.free, left.sections[0].sold), (20, 1));
    desk.check();
}

/// An order whose buyer takes other seats too, and whose time has run out.
fn late_order(desk: &Desk, by: u128, wanted: &[u32]) -> OrderId {
    let request = CheckoutRequest { late_money: LateMoney::Equivalent, ..desk.checkout_request(by, wanted) };
    let order = desk.sale.office.checkout(request).wait().unwrap().id;
    desk.pay(order).unwrap();
    desk.run_out();
    order
}

#[test]
fn late_money_buys_equivalent_seats_if_the_buyer_agreed() {
    let desk = Desk::new();
    let order = late_order(&desk, 1, &[0, 1]);
    desk.sold(2, &[1]);
    desk.seen(order, 1, captured(2 * PRICE)).unwrap();
    assert_eq!(desk.due(order, &ticketcore::order::Effect::SettleLate), OrderState::Confirmed);
    assert_eq!(desk.seat(0), SeatState::Free, "two adjacent ones are better");
    assert_eq!((desk.seat(2), desk.seat(3)), (SeatState::Sold, SeatState::Sold));
    assert_eq!(desk.details(order).tickets.len(), 2);
    desk.check();
}

#[test]
fn late_money_goes_back_if_nothing_of_the_category_is_left() {
    let mut definition = SmallSale::definition(1, 4, 0);
    definition.categories.push(Category { name: "second".to_owned(), color: "#000000".to_owned() });
    definition
        .prices
        .push(ticketcore::manifest::Price { category: CategoryIndex(1), ..definition.prices[0] });
    for seat in &mut definition.sections[0].rows[0].seats[2..] {
        seat.category = CategoryIndex(1);
    }
    let desk = Desk::of(&definition);
    let order = late_order(&desk, 1, &[0, 1]);
    desk.sold(2, &[1]);
    desk.seen(order, 1, captured(2 * PRICE)).unwrap();
    assert_eq!(desk.due(order, &ticketcore::order::Effect::SettleLate), OrderState::Cancelled);
    assert_eq!([0, 2, 3].map(|seat| desk.seat(seat)), [SeatState::Free; 3]);
    desk.check();
}

#[test]
fn tickets_are_found_by_whoever_holds_them() {
    let desk = Desk::new();
    let order = desk.sold(1, &[0, 1]);
    desk.transfer(order, 1, &[1], 7).unwrap();
    let of = |number: u128| -> Vec<u32> {
        let held = desk.sale.office.tickets_of(desk.sale.event, UserId::from(number)).unwrap();
        held.iter().map(|ticket| ticket.id.index).collect()
    };
    assert_eq!((of(1), of(7), of(8)), (vec![0], vec![1], vec![]));
    let orders = desk.sale.office.orders_of(desk.sale.event, user(1)).unwrap();
    assert_eq!(orders.iter().map(|details| details.order.id).collect::<Vec<_>>(), [order]);
    assert_eq!(desk.sale.office.orders_of(desk.sale.event, user(7)).unwrap(), []);
}
