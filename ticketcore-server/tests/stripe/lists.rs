//! Stripe's lists: what they prove, and how a reconciler reads them.

use ticketcore::gateway::{Answer, GatewayAction};
use ticketcore::order::{PaymentSeen, RefundSeen};
use ticketcore::{UtcMs, Word};

use crate::shop::{AMOUNT, Shop, authorization, key, word};
use crate::stub::{Asked, Intent, Refund};

/// More than one look-up reads.
const TOO_MANY: usize = 5_100;

/// Payments of somebody else.
fn plant(shop: &Shop, count: usize) {
    let now = shop.now();
    shop.stub.with(|bank| {
        for _ in 0..count {
            let id = bank.name("pi");
            bank.intents.push(Intent {
                id,
                amount: 1,
                currency: "eur".to_owned(),
                manual: false,
                method: "pm_card_visa".to_owned(),
                status: "succeeded",
                received: 1,
                refunded: 0,
                created: now,
                declined: None,
                metadata: Default::default(),
                return_url: None,
            });
        }
    });
}

#[test]
fn not_found_is_proven_by_the_list_alone() {
    let mut shop = Shop::with(|options| options.list_pages_max = 3);
    let since = shop.now();
    plant(&shop, 250);
    assert_eq!(shop.look_up(1, None, since), Answer::Yes(PaymentSeen::NotFound));
    plant(&shop, 100);
    let seen = shop.look_up(1, None, since);
    assert!(matches!(seen, Answer::Unknown { .. }), "the list is too long: {seen:?}");
    // Later questions are about later lists.
    shop.stub.clock.advance(3_600_000);
    assert_eq!(shop.look_up(1, None, shop.now()), Answer::Yes(PaymentSeen::NotFound));
    // The search finds what the list is too long for, and only once it knows of it.
    shop.reserved(2, "pm_card_visa");
    let since = shop.now();
    shop.stub.with(|bank| bank.search_lag_ms = 60_000);
    plant(&shop, 6_000);
    shop.again();
    assert!(matches!(shop.look_up(2, None, since), Answer::Unknown { .. }));
    shop.stub.clock.advance(60_000);
    assert!(matches!(shop.look_up(2, None, since), Answer::Yes(PaymentSeen::Authorized { .. })));
}

#[test]
fn a_payment_is_found_far_down_the_list() {
    let mut shop = Shop::new();
    let since = shop.now();
    shop.reserved(1, "pm_card_visa");
    plant(&shop, 420);
    shop.stub.with(|bank| bank.search_lag_ms = u64::MAX);
    shop.again();
    assert!(matches!(shop.look_up(1, None, since), Answer::Yes(PaymentSeen::Authorized { .. })));
    assert_eq!(shop.stub.count(Asked::List), 5);
    // From now on its name is known.
    shop.look_up(1, None, since).yes().unwrap();
    assert_eq!(shop.stub.count(Asked::List), 5);
}

#[test]
fn a_clock_that_is_ahead_proves_nothing() {
    let shop = Shop::new();
    let since = shop.now();
    assert_eq!(shop.look_up(1, None, since), Answer::Yes(PaymentSeen::NotFound));
    shop.stub.inner.lock().late_ms = 6 * 60_000;
    let seen = shop.look_up(1, None, since);
    assert!(matches!(seen, Answer::Unknown { .. }), "{seen:?}");
    let seen = shop.look_up_refund(1, 1, since);
    assert!(matches!(seen, Answer::Unknown { .. }), "{seen:?}");
}

#[test]
fn refunds_are_found_by_their_order_or_in_their_list() {
    let mut shop = Shop::new();
    let since = shop.now();
    let reference = shop.captured(1, "pm_card_visa");
    shop.refund(1, 1, &reference, 100).yes().unwrap();
    for lag in [0, u64::MAX] {
        shop.stub.with(|bank| bank.search_lag_ms = lag);
        shop.again();
        assert!(matches!(shop.look_up_refund(1, 1, since), Answer::Yes(RefundSeen::Succeeded { .. })));
        assert_eq!(shop.look_up_refund(1, 2, since), Answer::Yes(RefundSeen::NotFound));
    }
}

/// More refunds of somebody else's payment than are looked through.
pub fn plant_refunds(shop: &Shop) {
    let now = shop.now();
    shop.stub.with(|bank| {
        for _ in 0..TOO_MANY {
            let refund = Refund {
                id: bank.name("re"),
                intent: "pi_of_somebody_else".to_owned(),
                amount: 1,
                status: "succeeded",
                reason: None,
                created: now,
                metadata: Default::default(),
            };
            bank.refunds.push(refund);
        }
    });
}

#[test]
fn a_refund_is_looked_for_among_those_of_its_payment() {
    let mut shop = Shop::new();
    let since = shop.now();
    shop.stub.with(|bank| bank.search_lag_ms = u64::MAX);
    let reference = shop.captured(1, "pm_card_visa");
    shop.refund(1, 1, &reference, 100).yes().unwrap();
    plant_refunds(&shop);
    shop.again();
    let seen = shop.look_up_refund(1, 1, since);
    assert!(matches!(seen, Answer::Unknown { .. }), "among all there are too many: {seen:?}");
    let asked = || (shop.stub.count(Asked::List), shop.stub.count(Asked::Search));
    let (lists, searches) = asked();
    // The payment's list is complete whatever the time is.
    shop.stub.inner.lock().late_ms = 6 * 60_000;
    assert_eq!(shop.look_up_refund_of(1, 2, &reference, since), Answer::Yes(RefundSeen::NotFound));
    assert_eq!(asked(), (lists + 1, searches));
    let seen = shop.look_up_refund_of(1, 1, &reference, since);
    assert!(matches!(seen, Answer::Yes(RefundSeen::Succeeded { .. })), "{seen:?}");
    assert_eq!(asked(), (lists + 2, searches));
    let seen = shop.look_up_refund_of(1, 2, &word("pi_of_another_account"), since);
    assert!(matches!(seen, Answer::Unknown { .. }), "{seen:?}");
}

#[test]
fn what_was_paid_before_or_since_does_not_hide_a_payment() {
    let mut shop = Shop::new();
    shop.stub.with(|bank| bank.search_lag_ms = u64::MAX);
    plant(&shop, TOO_MANY);
    shop.stub.clock.advance(3_600_000);
    let since = shop.now();
    shop.reserved(1, "pm_card_visa");
    shop.stub.clock.advance(3_600_000);
    plant(&shop, TOO_MANY);
    shop.again();
    let seen = shop.look_up(1, None, since);
    assert!(matches!(seen, Answer::Yes(PaymentSeen::Authorized { .. })), "{seen:?}");
    assert_eq!(shop.stub.count(Asked::List), 1);
    // It may have been made later: then it is one of too many.
    let seen = shop.look_up(2, None, since);
    assert!(matches!(seen, Answer::Unknown { .. }), "{seen:?}");
}

#[test]
fn a_payment_is_not_looked_for_where_none_can_be() {
    let mut shop = Shop::new();
    shop.stub.with(|bank| bank.search_lag_ms = u64::MAX);
    let since = shop.now();
    // Sent as late as can be, and asked about after its key is forgotten.
    shop.stub.clock.advance(24 * 3_600_000);
    shop.reserved(1, "pm_card_visa");
    shop.stub.clock.advance(2 * 3_600_000);
    plant(&shop, TOO_MANY);
    shop.again();
    let seen = shop.look_up(1, None, since);
    assert!(matches!(seen, Answer::Yes(PaymentSeen::Authorized { .. })), "{seen:?}");
    assert_eq!(shop.look_up(2, None, since), Answer::Yes(PaymentSeen::NotFound));
    assert_eq!(shop.stub.count(Asked::List), 4, "where it is likely, and the rest");
}

fn names(shop: &Shop) -> Vec<Word> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = shop.charges(after).yes().unwrap();
        all.extend(page.charges.into_iter().map(|charge| charge.reference));
        let Some(next) = page.next else { return all };
        after = Some(next);
    }
}

#[test]
fn charges_are_listed_oldest_first_from_the_beginning_of_the_window() {
    let shop = Shop::with(|options| options.charges_window_ms = 3_600_000);
    assert_eq!(names(&shop), [], "there is nothing");
    plant(&shop, 30);
    shop.stub.clock.advance(2 * 3_600_000);
    plant(&shop, 130);
    shop.stub.clock.advance(61_000);
    plant(&shop, 250);
    let expected = |shop: &Shop, skip: usize| -> Vec<Word> {
        shop.stub.with(|bank| bank.intents.iter().skip(skip).map(|intent| word(&intent.id)).collect())
    };
    assert_eq!(names(&shop), expected(&shop, 30));
    let asked = shop.stub.count(Asked::List);
    plant(&shop, 1);
    assert_eq!(names(&shop), expected(&shop, 30), "again, with what is new");
    assert!(shop.stub.count(Asked::List) - asked <= 5, "the beginning is known");
    shop.stub.clock.advance(3_599_000);
    assert_eq!(names(&shop), expected(&shop, 160), "the window has moved");
    for cursor in ["", "pi_nothing", "../x", "ch_1"] {
        assert_eq!(shop.charges(Some(word(cursor))), Answer::never("no_such_cursor"), "{cursor}");
    }
}

#[test]
fn a_listed_charge_says_what_was_reserved_taken_and_given_back() {
    let shop = Shop::new();
    shop.reserved(1, "pm_card_visa");
    let reference = shop.captured(2, "pm_card_visa");
    shop.refund(2, 1, &reference, 700).yes().unwrap();
    let voided = shop.reserved(3, "pm_card_visa");
    shop.void(3, Some(&voided)).yes().unwrap();
    shop.authorize(&authorization(4, "pm_card_declined")).yes().unwrap();
    assert!(shop.authorize(&authorization(5, "pm_card_processing")).yes().is_none());
    plant(&shop, 1);
    let page = shop.charges(None).yes().unwrap();
    let money: Vec<_> = page
        .charges
        .iter()
        .map(|c| (c.key.map(|key| key.number), c.outstanding_minor, c.captured_minor, c.refunded_minor))
        .collect();
    let ours = Some(1);
    assert_eq!(
        money,
        [
            (ours, AMOUNT, 0, 0),
            (ours, 0, AMOUNT, 700),
            (ours, 0, 0, 0),
            (ours, 0, 0, 0),
            (ours, 0, 0, 0),
            (None, 0, 1, 0)
        ]
    );
    assert_eq!(page.charges[0].key, Some(key(1, GatewayAction::Authorize)));
    assert_eq!(page.charges[2].seen, PaymentSeen::Voided);
    assert_eq!(page.charges[4].seen, PaymentSeen::NotFound, "nobody knows yet");
    assert_eq!(shop.look_up(1, None, UtcMs(0)), Answer::Yes(page.charges[0].seen.clone()));
}
