//! Vouchers: a use is taken by a hold and comes back with it, prices and places follow the terms, codes can't be guessed,
//! and every counter is that of the journal, on one node and on two.

#![expect(clippy::unwrap_used, reason = "a failure in a test's helper is the test's failure")]

use std::sync::Arc;
use std::thread;

use ticketcore::fact::Fact;
use ticketcore::manifest::{Allocation, Definition};
use ticketcore::order::{
    CheckoutRequest, Identity, News, ObserveRequest, PayRequest, PaymentSeen, RefundWhat, StaffAction,
    StaffOrderRequest, Word,
};
use ticketcore::store::{MemoryStore, StreamId};
use ticketcore::testkit::{ADULT, Auditor, SmallSale, TwoNodes, key, refused};
use ticketcore::voucher::{
    AddVouchersRequest, PriceEffect, RevokeVouchersRequest, RevokeWhat, VoucherBatch, VoucherTerms,
};
use ticketcore::{
    AllocationIndex, AmendRequest, CommandError, Done, Hold, HoldRequest, Item, OrderId, OrderState, Pending,
    Refusal, SeatIndex, Stepped,
};

const STAFF: u128 = 900;

/// Two rows of ten seats at 50.00, places, and one allocation of its own: the second row's first two seats and five places.
fn definition() -> Definition {
    let mut definition = SmallSale::definition(2, 10, 20);
    definition.allocations = vec![Allocation {
        name: "friends".to_owned(),
        channels: Vec::new(),
        access_code: Some("LETMEIN".to_owned()),
        release_at: None,
    }];
    let friends = Some(AllocationIndex(0));
    definition.sections[0].rows[1].seats[..2].iter_mut().for_each(|seat| seat.allocation = friends);
    definition.areas[0].allocated = vec![(AllocationIndex(0), 5)];
    definition
}

fn open() -> SmallSale {
    SmallSale::open(Arc::new(MemoryStore::new()), &definition())
}

fn add(sale: &SmallSale, batch: u32, terms: VoucherTerms, codes: &[&str]) -> Pending<Done> {
    sale.office.add_vouchers(AddVouchersRequest {
        event: sale.event,
        by: STAFF.into(),
        key: None,
        batch: VoucherBatch(batch),
        terms,
        codes: codes.iter().map(|code| (*code).to_owned()).collect(),
    })
}

fn uses(uses_max: u32) -> VoucherTerms {
    VoucherTerms { uses_max, ..VoucherTerms::default() }
}

fn with_code(code: &str, request: HoldRequest) -> HoldRequest {
    HoldRequest { voucher: Some(code.to_owned()), ..request }
}

fn hold(sale: &SmallSale, user: u128, code: &str, seats: &[u32]) -> Pending<Hold> {
    sale.office.hold(with_code(code, sale.seats_request(user, seats)))
}

fn used(sale: &SmallSale, code: &str) -> u32 {
    sale.office.find_voucher(sale.event, code).unwrap().unwrap().uses
}

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

#[test]
fn a_use_is_taken_by_the_hold_comes_back_with_it_and_stays_with_what_is_sold() {
    let sale = open();
    add(&sale, 1, uses(2), &["ONE"]).wait().unwrap();
    let first = hold(&sale, 1, "ONE", &[0]).wait().unwrap();
    let second = hold(&sale, 2, "ONE", &[1]).wait().unwrap();
    assert_eq!(refused(hold(&sale, 3, "ONE", &[2]).wait()), Refusal::VoucherUsedUp { uses_max: 2 });
    agree(&sale);
    sale.release(first.id, first.user).wait().unwrap();
    assert_eq!(used(&sale, "ONE"), 1);
    // A command that fails after the use was reserved gives it back.
    let taken = Item::Seats { seats: vec![SeatIndex(1)], ticket_type: ADULT };
    let both = HoldRequest::new(sale.event, 3.into(), vec![taken]);
    assert!(matches!(refused(sale.office.hold(with_code("ONE", both)).wait()), Refusal::SeatsUnavailable(_)));
    assert_eq!(used(&sale, "ONE"), 1);
    let order = sale.open_order(second.id, second.user).wait().unwrap();
    sale.confirm(order.id, order.user).wait().unwrap();
    let third = hold(&sale, 3, "ONE", &[3]).wait().unwrap();
    assert_eq!(used(&sale, "ONE"), 2);
    sale.clock.advance(8 * 60_000);
    sale.office.maintain();
    assert_eq!(used(&sale, "ONE"), 1, "the hold expired, the sale has its use");
    assert_eq!(refused(sale.office.find_hold(third.id, third.user)), Refusal::UnknownHold);
    agree(&sale);
}

#[test]
fn prices_are_what_the_terms_make_of_them_and_an_amendment_is_under_the_same_terms() {
    let sale = open();
    let percent = VoucherTerms { price: PriceEffect::Percent { basis_points: 3_333 }, ..uses(9) };
    let less = VoucherTerms { price: PriceEffect::Subtract { minor: 6_000 }, places_max: Some(3), ..uses(9) };
    add(&sale, 1, percent, &["THIRD"]).wait().unwrap();
    add(&sale, 2, less, &["FREE"]).wait().unwrap();
    let third = hold(&sale, 1, "THIRD", &[0, 1]).wait().unwrap();
    assert_eq!(third.total_minor, 2 * 3_333, "66.67 % of 50.00, rounded down");
    let free = sale.office.hold(with_code("FREE", sale.places_request(2, 2))).wait().unwrap();
    assert_eq!(free.total_minor, 0);
    let amend = |hold: &Hold, seats: &[u32]| {
        let seats = seats.iter().copied().map(SeatIndex).collect();
        sale.office.amend(AmendRequest {
            hold: hold.id,
            user: hold.user,
            key: None,
            expected: None,
            remove_seats: Vec::new(),
            remove_places: Vec::new(),
            add: vec![Item::Seats { seats, ticket_type: ADULT }],
            channel: None,
            access_code: None,
        })
    };
    let revoke = RevokeVouchersRequest {
        event: sale.event,
        by: STAFF.into(),
        key: None,
        which: RevokeWhat::Batch(VoucherBatch(1)),
    };
    sale.office.revoke_vouchers(revoke).wait().unwrap();
    assert_eq!(amend(&third, &[2]).wait().unwrap().total_minor, 3 * 3_333, "what the hold has it keeps");
    assert_eq!(used(&sale, "THIRD"), 1, "and takes no second use");
    assert!(matches!(refused(amend(&free, &[4, 5]).wait()), Refusal::Limit(limit) if limit.max == 3));
    assert_eq!(refused(hold(&sale, 3, "THIRD", &[6]).wait()), Refusal::VoucherRevoked);
    agree(&sale);
}

#[test]
fn a_voucher_opens_an_allocation_in_its_window_and_keeps_its_places_back() {
    let sale = open();
    let at = |seconds: u64| Some(ticketcore::testkit::START.plus_ms(seconds * 1_000));
    let terms = VoucherTerms { unlocks: Some(AllocationIndex(0)), from: at(10), until: at(20), ..uses(100) };
    add(&sale, 1, terms, &["FRIEND"]).wait().unwrap();
    let closed = Refusal::VoucherClosed { from: at(10), until: at(20) };
    assert_eq!(refused(hold(&sale, 1, "FRIEND", &[10]).wait()), closed);
    sale.clock.advance(10_000);
    assert_eq!(refused(sale.hold(2, &[10]).wait()), Refusal::AllocationLocked(vec![SeatIndex(10)]));
    hold(&sale, 1, "FRIEND", &[10, 0]).wait().unwrap();
    let places = sale.office.hold(with_code("FRIEND", sale.places_request(3, 16))).wait().unwrap();
    assert_eq!(places.lines.areas[0].quantity + places.lines.areas[1].quantity, 16);
    sale.clock.advance(10_000);
    assert_eq!(refused(hold(&sale, 1, "FRIEND", &[11]).wait()), closed);
    agree(&sale);
}

#[test]
fn codes_are_added_once_in_batches_and_revoked_one_by_one() {
    let sale = open();
    add(&sale, 7, uses(1), &["A", "B"]).wait().unwrap();
    assert_eq!(
        refused(add(&sale, 7, uses(1), &["C", "D", "C", "A"]).wait()),
        Refusal::DuplicateCode { at: 2 }
    );
    assert_eq!(refused(add(&sale, 7, uses(2), &["C"]).wait()), Refusal::BatchDiffers { terms: uses(1) });
    let unlocks = VoucherTerms { unlocks: Some(AllocationIndex(5)), ..uses(1) };
    assert_eq!(
        refused(add(&sale, 8, unlocks, &["C"]).wait()),
        Refusal::UnknownAllocation(AllocationIndex(5))
    );
    assert!(matches!(refused(add(&sale, 8, uses(0), &["C"]).wait()), Refusal::Limit(_)));
    add(&sale, 7, uses(1), &["C"]).wait().unwrap();
    let revoke = |codes: &[&str]| {
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        let which = RevokeWhat::Codes(codes);
        let by = STAFF.into();
        sale.office.revoke_vouchers(RevokeVouchersRequest { event: sale.event, by, key: None, which }).wait()
    };
    assert!(revoke(&["C", "A"]).unwrap().revision.is_some());
    assert!(revoke(&["A"]).unwrap().revision.is_none(), "nothing to do");
    assert_eq!(refused(revoke(&["Z"])), Refusal::UnknownCode { retry_after_ms: 0 });
    assert_eq!(refused(hold(&sale, 1, "C", &[0]).wait()), Refusal::VoucherRevoked);
    hold(&sale, 1, "B", &[0]).wait().unwrap();
    let texts = sale.journal().iter().map(|(_, fact)| format!("{fact:?}")).collect::<String>();
    assert!(!texts.contains("\"B\""), "no code is in a fact");
    agree(&sale);
}

#[test]
fn who_guesses_must_wait_ever_longer_and_a_retry_gets_its_outcome_all_the_same() {
    let sale = open();
    add(&sale, 1, uses(5), &["RIGHT"]).wait().unwrap();
    let keyed = || HoldRequest { key: Some(key("click")), ..with_code("RIGHT", sale.seats_request(1, &[0])) };
    let held = sale.office.hold(keyed()).wait().unwrap();
    let unknown = |ms| Refusal::UnknownCode { retry_after_ms: ms };
    assert_eq!(refused(hold(&sale, 1, "WRONG", &[1]).wait()), unknown(1_000));
    assert_eq!(refused(hold(&sale, 1, "RIGHT", &[1]).wait()), unknown(1_000), "not even looked at");
    sale.clock.advance(400);
    let code = HoldRequest { access_code: Some("LETMEIN".to_owned()), ..sale.seats_request(1, &[10]) };
    assert_eq!(refused(sale.office.hold(code.clone()).wait()), unknown(600));
    let again = sale.office.hold(keyed()).wait().unwrap();
    assert!(again.replayed && again.id == held.id, "a known key is answered before");
    sale.hold(1, &[5]).wait().unwrap();
    hold(&sale, 2, "RIGHT", &[2]).wait().unwrap();
    sale.clock.advance(600);
    let wrong = HoldRequest { access_code: Some("letmein".to_owned()), ..sale.seats_request(1, &[3]) };
    assert_eq!(refused(sale.office.hold(wrong).wait()), unknown(2_000), "an access code that opens nothing");
    sale.clock.advance(2_000);
    sale.office.hold(code).wait().unwrap();
    agree(&sale);
}

#[test]
fn sixty_four_threads_get_ten_uses() {
    for _ in 0..5 {
        let sale = open();
        add(&sale, 1, uses(10), &["TEN"]).wait().unwrap();
        let got: u32 = thread::scope(|scope| {
            let sale = &sale;
            let one = |user: u32| {
                move || match sale
                    .office
                    .hold(with_code("TEN", sale.places_request(u128::from(user) + 1, 1)))
                    .wait()
                {
                    Ok(_) => 1,
                    Err(CommandError::Refused(
                        Refusal::VoucherUsedUp { .. } | Refusal::AreaExhausted { .. },
                    )) => 0,
                    Err(error) => panic!("{error}"),
                }
            };
            let threads: Vec<_> = (0..64).map(|user| scope.spawn(one(user))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((got, used(&sale, "TEN")), (10, 10));
        agree(&sale);
    }
}

#[test]
fn on_two_nodes_the_last_use_goes_to_one_and_what_is_taken_back_counts_no_more() {
    let two = TwoNodes::new(&definition());
    add(&two.a, 1, uses(1), &["LAST"]).wait().unwrap();
    two.b.office.maintain();
    let winner = hold(&two.a, 1, "LAST", &[0]).wait().unwrap();
    let loser = hold(&two.b, 2, "LAST", &[1]);
    let other = two.b.hold(3, &[2]);
    two.settle();
    assert_eq!(refused(loser.wait()), Refusal::VoucherUsedUp { uses_max: 1 });
    assert!(other.wait().is_ok());
    assert_eq!(used(&two.a, "LAST"), 1);
    // Codes that were added and are taken back are decided again, with the codes of the other.
    add(&two.a, 2, uses(1), &["X", "Y"]).wait().unwrap();
    let mine = add(&two.b, 3, uses(3), &["Z"]);
    let same = add(&two.b, 4, uses(3), &["Y"]);
    let early = hold(&two.b, 5, "Z", &[5]);
    two.settle();
    assert!(mine.wait().unwrap().revision.is_some());
    assert_eq!(refused(same.wait()), Refusal::DuplicateCode { at: 0 });
    assert!(early.wait().is_ok(), "the use is of the voucher with its new number");
    assert_eq!(used(&two.b, "Z"), 1);
    sale_is_back(&two, &winner);
}

fn sale_is_back(two: &TwoNodes, winner: &Hold) {
    two.a.office.maintain();
    two.a.release(winner.id, winner.user).wait().unwrap();
    two.b.office.maintain();
    assert_eq!(used(&two.b, "LAST"), 0);
    agree(&two.b);
}

/// Holds, opens and begins to pay an order; returns it.
fn paying(sale: &SmallSale, user: u128, places: u32, code: Option<&str>) -> OrderId {
    let request = HoldRequest { voucher: code.map(str::to_owned), ..sale.places_request(user, places) };
    let hold = sale.office.hold(request).wait().unwrap();
    let order = sale.office.checkout(CheckoutRequest::new(hold.id, hold.user)).wait().unwrap();
    let (gateway, method) = (Word::cut("sandbox"), Word::cut("card"));
    let pay = PayRequest { order: order.id, user: hold.user, key: None, gateway, method };
    sale.office.pay(pay).wait().unwrap();
    order.id
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
fn a_refund_of_every_ticket_gives_the_use_back_and_of_some_does_not() {
    let sale = open();
    add(&sale, 1, uses(1), &["GIFT"]).wait().unwrap();
    let order = paying(&sale, 1, 2, Some("GIFT"));
    captured(&sale, order, 5, 10_000);
    observe(&sale, order, News::Confirm);
    let refund = |tickets: &[u32]| {
        let action = StaffAction::Refund(RefundWhat::Tickets(tickets.to_vec()));
        let request = StaffOrderRequest { order, by: STAFF.into(), key: None, action };
        sale.office.staff_order(request).wait().unwrap();
    };
    refund(&[0]);
    assert_eq!(used(&sale, "GIFT"), 1);
    agree_without_audit(&sale);
    refund(&[1]);
    assert_eq!(used(&sale, "GIFT"), 0);
    agree_without_audit(&sale);
}

#[test]
fn late_money_buys_only_with_a_use_of_the_voucher() {
    let sale = open();
    add(&sale, 1, uses(1), &["ONCE"]).wait().unwrap();
    for other_takes_it in [false, true] {
        let order = paying(&sale, 1, 2, Some("ONCE"));
        sale.clock.advance(3_600_000);
        sale.office.maintain();
        assert_eq!(used(&sale, "ONCE"), 0);
        captured(&sale, order, 5, 10_000);
        let other = other_takes_it
            .then(|| sale.office.hold(with_code("ONCE", sale.places_request(9, 1))).wait().unwrap());
        let settled = observe(&sale, order, News::SettleLate).state;
        let (wanted, uses) =
            if other_takes_it { (OrderState::Cancelled, 1) } else { (OrderState::Confirmed, 1) };
        assert_eq!((settled, used(&sale, "ONCE")), (wanted, uses));
        agree_without_audit(&sale);
        if other.is_none() {
            let action = StaffAction::Refund(RefundWhat::Full);
            let request = StaffOrderRequest { order, by: STAFF.into(), key: None, action };
            sale.office.staff_order(request).wait().unwrap();
            assert_eq!(used(&sale, "ONCE"), 0);
        }
    }
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

#[test]
fn a_plain_hold_is_a_plain_fact() {
    let sale = open();
    sale.hold(1, &[0]).wait().unwrap();
    let code = HoldRequest { access_code: Some("LETMEIN".to_owned()), ..sale.seats_request(1, &[10]) };
    sale.office.hold(code).wait().unwrap();
    let plain = |fact: &Fact| matches!(fact, Fact::HoldPlaced(_));
    assert_eq!(sale.journal().iter().filter(|(_, fact)| plain(fact)).count(), 2);
}
