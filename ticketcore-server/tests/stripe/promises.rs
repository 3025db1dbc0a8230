//! Every promise of `PaymentGateway`, one by one.

use std::time::Duration;

use ticketcore::gateway::{
    Answer, Authorize, Capture, GatewayAction, GatewayKey, PaymentGateway, Refund, Reply, Void,
};
use ticketcore::order::{PaymentSeen, RefundSeen};
use ticketcore::{Currency, Money, UtcMs};

use crate::shop::{AMOUNT, Shop, ask, authorization, euro, key, order, word};
use crate::stub::{Asked, Fault};

fn is_unknown<T>(answer: &Answer<T>) -> bool {
    matches!(answer, Answer::Unknown { .. })
}

#[test]
fn money_is_reserved_and_taken() {
    let shop = Shop::new();
    let Answer::Yes(PaymentSeen::Authorized { reference, lapses_at, fingerprint }) =
        shop.authorize(&authorization(1, "pm_card_visa"))
    else {
        panic!()
    };
    assert_eq!(lapses_at, Some(shop.now().plus_ms(7 * 24 * 3_600_000)));
    let other = shop.authorize(&authorization(2, "pm_card_other")).yes().unwrap().fingerprint();
    let same = shop.authorize(&authorization(3, "pm_card_visa")).yes().unwrap().fingerprint();
    assert!(fingerprint.is_some() && same == fingerprint && other.is_some() && other != fingerprint);
    let captured = PaymentSeen::Captured { reference: reference.clone(), amount_minor: AMOUNT, fingerprint };
    assert_eq!(shop.capture(1, &reference, AMOUNT), Answer::Yes(captured.clone()));
    assert_eq!(shop.look_up(1, None, shop.now()), Answer::Yes(captured));
    let at_once = Authorize { capture_now: true, ..authorization(4, "pm_card_visa") };
    let seen = shop.authorize(&at_once);
    assert!(matches!(seen, Answer::Yes(PaymentSeen::Captured { amount_minor: AMOUNT, .. })), "{seen:?}");
    let inner = shop.stub.inner.lock();
    assert!(inner.authorization.iter().all(|header| header == "Bearer sk_test_12345"));
    assert!(inner.versions.iter().all(|version| version == ticketcore_server::stripe::STRIPE_VERSION));
    assert_eq!(inner.connections, 1, "connections are kept");
    assert_eq!(inner.bank.intents[0].return_url, Some(format!("https://shop.example/back/{}", order(1))));
    assert_eq!(inner.bank.intents[0].key(), format!("{}:pay:1", order(1)));
}

#[test]
fn a_decline_says_why_and_moves_nothing() {
    let shop = Shop::new();
    for (number, method, code) in
        [(1, "pm_card_declined", "generic_decline"), (2, "pm_card_insufficient", "insufficient_funds")]
    {
        let declined = Answer::Yes(PaymentSeen::Declined { code: word(code) });
        assert_eq!(shop.authorize(&authorization(number, method)), declined);
        assert_eq!(shop.authorize(&authorization(number, method)), declined, "as before");
        assert_eq!(shop.look_up(number, None, shop.now()), declined);
        assert_eq!(shop.void(number, None), declined, "there is no such money");
    }
    assert_eq!(shop.authorize(&authorization(3, "nothing")), Answer::never("resource_missing"));
    assert_eq!(shop.look_up(3, None, shop.now()), Answer::Yes(PaymentSeen::NotFound));
    assert_eq!(shop.stub.with(|bank| bank.totals()), [0, 0, 0]);
}

#[test]
fn currencies_that_stripe_counts_in_another_unit_are_refused_before_anything_is_sent() {
    let shop = Shop::new();
    for (number, code) in [(1, "ISK"), (2, "MGA"), (3, "UGX")] {
        let amount = Money { minor: AMOUNT, currency: code.parse().unwrap() };
        let call = Authorize { amount, ..authorization(number, "pm_card_visa") };
        assert_eq!(shop.authorize(&call), Answer::never("unsupported_currency"), "{code}");
    }
    assert_eq!(shop.stub.with(|bank| bank.totals()), [0, 0, 0]);
    assert_eq!(shop.stub.inner.lock().connections, 0);
}

#[test]
fn one_key_one_effect_and_other_content_is_refused() {
    let shop = Shop::new();
    let call = authorization(1, "pm_card_visa");
    let first = shop.authorize(&call);
    assert_eq!(shop.authorize(&call), first);
    for other in [
        Authorize { amount: euro(AMOUNT + 1), ..call.clone() },
        Authorize { amount: Money { minor: AMOUNT, currency: "USD".parse().unwrap() }, ..call.clone() },
        Authorize { method: word("pm_card_other"), ..call.clone() },
        Authorize { capture_now: true, ..call.clone() },
    ] {
        assert_eq!(shop.authorize(&other), Answer::never("key_reused"), "{other:?}");
    }
    // The house moved; it is the same payment.
    assert_eq!(shop.authorize(&Authorize { return_url: Some(word("https://new.example")), ..call }), first);
    let reference = shop.captured(2, "pm_card_visa");
    assert_eq!(shop.capture(2, &reference, AMOUNT - 1), Answer::never("key_reused"));
    let refunded = shop.refund(2, 1, &reference, 1_000);
    assert_eq!(shop.refund(2, 1, &reference, 1_000), refunded);
    assert_eq!(shop.refund(2, 1, &reference, 2_000), Answer::never("key_reused"));
    assert_eq!(shop.stub.with(|bank| bank.totals()), [AMOUNT, AMOUNT, 1_000]);
}

#[test]
fn no_more_than_there_is() {
    let shop = Shop::new();
    let reference = shop.reserved(1, "pm_card_visa");
    assert_eq!(shop.refund(1, 1, &reference, 1), Answer::never("charge_not_captured"));
    assert_eq!(shop.capture(1, &reference, AMOUNT + 1), Answer::never("amount_too_large"));
    // A refusal is kept for its key, and is what it was.
    assert_eq!(shop.capture(1, &reference, AMOUNT + 1), Answer::never("amount_too_large"));
    let reference = shop.captured(2, "pm_card_visa");
    assert_eq!(shop.refund(2, 1, &reference, AMOUNT + 1), Answer::never("amount_too_large"));
    assert!(matches!(shop.refund(2, 2, &reference, AMOUNT), Answer::Yes(RefundSeen::Succeeded { .. })));
    assert_eq!(shop.refund(2, 3, &reference, 1), Answer::never("charge_already_refunded"));
    assert_eq!(shop.void(2, Some(&reference)), Answer::never("already_captured"));
    let other = Money { minor: AMOUNT, currency: "USD".parse::<Currency>().unwrap() };
    let capture = Capture {
        key: key(1, GatewayAction::Capture),
        reference: shop.reserved(3, "pm_card_visa"),
        amount: other,
    };
    let mine = Capture { key: key(3, GatewayAction::Capture), ..capture.clone() };
    assert_eq!(ask(|reply| shop.gateway.capture(mine, reply)), Answer::never("wrong_currency"));
    assert_eq!(ask(|reply| shop.gateway.capture(capture, reply)), Answer::never("no_such_payment"));
    assert_eq!(shop.capture(3, &word("pi_nothing"), AMOUNT), Answer::never("no_such_payment"));
    assert!(matches!(shop.capture(3, &word("../refunds"), AMOUNT), Answer::No { .. }));
    assert_eq!(
        shop.authorize(&Authorize { amount: euro(0), ..authorization(4, "pm_card_visa") }),
        Answer::never("bad_amount")
    );
    let wrong = Authorize { key: key(4, GatewayAction::Refund), ..authorization(4, "pm_card_visa") };
    assert_eq!(shop.authorize(&wrong), Answer::never("wrong_key"));
    assert_eq!(shop.stub.with(|bank| bank.totals()), [2 * AMOUNT, AMOUNT, AMOUNT]);
}

#[test]
fn what_is_given_back_or_lapsed_is_not_captured() {
    let shop = Shop::new();
    let reference = shop.reserved(1, "pm_card_visa");
    assert_eq!(shop.void(1, Some(&reference)), Answer::Yes(PaymentSeen::Voided));
    assert_eq!(shop.void(1, Some(&reference)), Answer::Yes(PaymentSeen::Voided));
    assert_eq!(shop.capture(1, &reference, AMOUNT), Answer::never("voided"));
    let lapsed = shop.reserved(2, "pm_card_visa");
    shop.stub.clock.advance(8 * 24 * 3_600_000);
    assert_eq!(shop.capture(2, &lapsed, AMOUNT), Answer::never("voided"));
    assert_eq!(shop.look_up(2, Some(&lapsed), UtcMs(0)), Answer::Yes(PaymentSeen::Voided));
    assert_eq!(shop.void(2, None), Answer::Yes(PaymentSeen::Voided));
    let stuck = shop.reserved(3, "pm_card_no_capture");
    assert_eq!(shop.capture(3, &stuck, AMOUNT), Answer::never("capture_declined"));
    assert_eq!(shop.void(4, None), Answer::Yes(PaymentSeen::NotFound));
    assert_eq!(shop.stub.with(|bank| bank.totals()), [AMOUNT, 0, 0]);
}

#[test]
fn the_buyer_acts_or_is_kept_from_it() {
    let mut shop = Shop::new();
    for number in 1..=3 {
        let Answer::Yes(PaymentSeen::ActionRequired { next_action }) =
            shop.authorize(&authorization(number, "pm_card_3ds"))
        else {
            panic!()
        };
        assert!(next_action.as_str().starts_with("https://hooks.stripe.com/redirect/"), "{next_action}");
    }
    let ids: Vec<String> =
        shop.stub.with(|bank| bank.intents.iter().map(|intent| intent.id.clone()).collect());
    shop.stub.with(|bank| bank.decide(&ids[0], true));
    shop.stub.with(|bank| bank.decide(&ids[1], false));
    shop.again();
    assert!(matches!(shop.look_up(1, None, shop.now()), Answer::Yes(PaymentSeen::Authorized { .. })));
    let declined = shop.look_up(2, None, shop.now());
    assert_eq!(
        declined,
        Answer::Yes(PaymentSeen::Declined { code: word("payment_intent_authentication_failure") })
    );
    assert_eq!(shop.void(3, None), Answer::Yes(PaymentSeen::Voided));
    assert_eq!(shop.stub.with(|bank| bank.intent(&ids[2]).unwrap().status), "canceled");
    // Without a return address there is no page; the place of it is asked for.
    let homeless = Authorize { return_url: None, ..authorization(4, "pm_card_3ds") };
    let Answer::Yes(PaymentSeen::ActionRequired { next_action }) = shop.authorize(&homeless) else {
        panic!()
    };
    assert!(next_action.as_str().starts_with("stripe:pi_"), "{next_action}");
    let url = |action: &str| shop.runtime.block_on(shop.gateway.next_action_url(action));
    assert_eq!(url(next_action.as_str()), Answer::Yes(None));
    let asked = format!("stripe:{}", ids[2]);
    assert_eq!(url(&asked), Answer::Yes(None), "it is over");
    assert_eq!(url("https://a.example"), Answer::Yes(Some("https://a.example".to_owned())));
    shop.authorize(&authorization(5, "pm_card_3ds")).yes().unwrap();
    let id = shop.stub.with(|bank| bank.intents.last().unwrap().id.clone());
    let Answer::Yes(Some(found)) = url(&format!("stripe:{id}")) else { panic!() };
    assert!(found.ends_with(&id));
}

#[test]
fn what_is_being_worked_on_is_unknown() {
    let shop = Shop::new();
    assert!(is_unknown(&shop.authorize(&authorization(1, "pm_card_processing"))));
    assert!(is_unknown(&shop.look_up(1, None, shop.now())));
    assert_eq!(shop.void(1, None), Answer::not_now("processing"));
    let id = shop.stub.with(|bank| bank.intents[0].id.clone());
    shop.stub.with(|bank| bank.decide(&id, true));
    assert!(matches!(shop.look_up(1, None, shop.now()), Answer::Yes(PaymentSeen::Authorized { .. })));
}

/// Each fault, whether it is a definite no, and whether something was done.
const FAULTS: [(Fault, bool, bool); 10] = [
    (Fault::LostBefore, false, false),
    (Fault::LostAfter, false, true),
    (Fault::Refused(429, "rate_limit"), true, false),
    (Fault::Refused(429, "lock_timeout"), false, false),
    (Fault::Refused(409, "idempotency_key_in_use"), false, false),
    (Fault::Refused(401, ""), true, false),
    (Fault::Broken, false, false),
    (Fault::BrokenAfter, false, true),
    (Fault::Garbled, false, true),
    (Fault::Endless, false, true),
];

fn fits<T: std::fmt::Debug>(answer: &Answer<T>, definite: bool) {
    match answer {
        Answer::No { retry_may_help: true, .. } => assert!(definite, "{answer:?}"),
        Answer::Unknown { .. } => assert!(!definite, "{answer:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn in_doubt_the_answer_is_unknown_and_a_look_up_knows() {
    for (fault, definite, done) in FAULTS {
        let mut shop = Shop::new();
        let since = shop.now();
        shop.stub.fault(Asked::Create, fault);
        fits(&shop.authorize(&authorization(1, "pm_card_visa")), definite);
        // Whoever asks may be another process, before the search knows of it.
        shop.again();
        shop.stub.with(|bank| bank.search_lag_ms = 60_000);
        let seen = shop.look_up(1, None, since);
        if !done {
            assert_eq!(seen, Answer::Yes(PaymentSeen::NotFound), "{fault:?}");
        }
        let again = shop.authorize(&authorization(1, "pm_card_visa"));
        // Stripe keeps the failure for the key.
        let kept = matches!(fault, Fault::Broken | Fault::BrokenAfter);
        assert_eq!(is_unknown(&again), kept, "{fault:?} {again:?}");
        assert_eq!(shop.stub.with(|bank| bank.totals())[0], if kept && !done { 0 } else { AMOUNT });

        let shop = Shop::new();
        let reference = shop.reserved(1, "pm_card_visa");
        shop.stub.fault(Asked::Capture, fault);
        fits(&shop.capture(1, &reference, AMOUNT), definite);
        let seen = shop.look_up(1, Some(&reference), shop.now());
        let captured = matches!(seen, Answer::Yes(PaymentSeen::Captured { .. }));
        assert_eq!(captured, done, "{fault:?} {seen:?}");
        // What was kept of a failure does not keep the money from being taken.
        let again = shop.capture(1, &reference, AMOUNT);
        let refused = fault == Fault::BrokenAfter;
        assert_eq!(matches!(again, Answer::No { retry_may_help: false, .. }), refused, "{fault:?} {again:?}");
        assert_eq!(shop.stub.with(|bank| bank.totals()), [0, AMOUNT, 0]);

        let since = shop.now();
        shop.stub.fault(Asked::Refund, fault);
        fits(&shop.refund(1, 1, &reference, 2_000), definite);
        let mut shop = shop;
        shop.again();
        let seen = shop.look_up_refund(1, 1, since);
        assert_eq!(matches!(seen, Answer::Yes(RefundSeen::Succeeded { .. })), done, "{fault:?} {seen:?}");
        assert_eq!(seen == Answer::Yes(RefundSeen::NotFound), !done, "{fault:?} {seen:?}");
        let _again = shop.refund(1, 1, &reference, 2_000);
        let refunded = if kept && !done { 0 } else { 2_000 };
        assert_eq!(shop.stub.with(|bank| bank.totals()), [0, AMOUNT, refunded], "{fault:?}");

        let shop = Shop::new();
        let reference = shop.reserved(1, "pm_card_visa");
        shop.stub.fault(Asked::Cancel, fault);
        fits(&shop.void(1, Some(&reference)), definite);
        assert_eq!(shop.void(1, Some(&reference)), Answer::Yes(PaymentSeen::Voided), "{fault:?}");
        shop.stub.with(|bank| bank.check());
    }
}

#[test]
fn a_question_that_fails_says_nothing() {
    for (fault, definite, _) in FAULTS {
        // What 5xx keeps for keys, questions have none of.
        let shop = Shop::new();
        let reference = shop.reserved(1, "pm_card_visa");
        shop.stub.fault(Asked::Get, fault);
        fits(&shop.look_up(1, Some(&reference), shop.now()), definite);
        shop.stub.fault(Asked::List, fault);
        fits(&shop.look_up(9, None, shop.now()), definite);
        shop.stub.fault(Asked::List, fault);
        fits(&shop.look_up_refund(9, 1, shop.now()), definite);
        shop.stub.fault(Asked::List, fault);
        let page = shop.charges(None);
        fits(&page, definite);
        // The search proves nothing, and its failure neither.
        shop.stub.fault(Asked::Search, fault);
        assert_eq!(shop.look_up(9, None, shop.now()), Answer::Yes(PaymentSeen::NotFound));
        // Nothing is asked for while nobody knows what it would be taken of.
        shop.stub.fault(Asked::Get, fault);
        let capture = shop.capture(1, &reference, AMOUNT);
        assert!(matches!(capture, Answer::No { retry_may_help: true, .. }), "{capture:?}");
    }
    let shop = Shop::new();
    assert!(is_unknown(&shop.look_up(1, Some(&word("pi_of_another_account")), shop.now())));
}

#[test]
fn a_refund_is_decided_later_and_a_failure_is_for_good() {
    let mut shop = Shop::new();
    let since = shop.now();
    let reference = shop.captured(1, "pm_card_slow_refunds");
    for count in 1..=2 {
        assert!(matches!(
            shop.refund(1, count, &reference, 1_000),
            Answer::Yes(RefundSeen::Submitted { .. })
        ));
    }
    let ids: Vec<String> =
        shop.stub.with(|bank| bank.refunds.iter().map(|refund| refund.id.clone()).collect());
    shop.stub.with(|bank| bank.decide_refund(&ids[0], None));
    shop.stub.with(|bank| bank.decide_refund(&ids[1], Some("lost_or_stolen_card")));
    shop.again();
    assert!(matches!(shop.look_up_refund(1, 1, since), Answer::Yes(RefundSeen::Succeeded { .. })));
    let failed = RefundSeen::Failed { code: word("lost_or_stolen_card"), retry: false };
    assert_eq!(shop.look_up_refund(1, 2, since), Answer::Yes(failed));
    assert_eq!(shop.look_up_refund(1, 3, since), Answer::Yes(RefundSeen::NotFound));
    // The account has no money now: that key is used up, the next is not.
    shop.stub.with(|bank| bank.broke = true);
    let broke = Answer::Yes(RefundSeen::Failed { code: word("balance_insufficient"), retry: true });
    assert_eq!(shop.refund(1, 4, &reference, 500), broke);
    shop.stub.with(|bank| bank.broke = false);
    assert_eq!(shop.refund(1, 4, &reference, 500), broke, "as before");
    let again = Refund {
        key: GatewayKey::new(order(1), GatewayAction::Refund, 4).again(),
        payment: key(1, GatewayAction::Authorize),
        reference,
        amount: euro(500),
    };
    assert!(matches!(
        ask(|reply| shop.gateway.refund(again, reply)),
        Answer::Yes(RefundSeen::Submitted { .. })
    ));
}

#[test]
fn many_callers_at_once_pay_once() {
    let shop = Shop::new();
    let mut answers = Vec::new();
    for round in 0..8 {
        for number in 1..=8 {
            let (reply, answered) = Reply::pair();
            shop.gateway.authorize(authorization(number, "pm_card_visa"), reply);
            answers.push((round, answered));
        }
    }
    for (round, answered) in answers {
        let seen = answered.wait_timeout(Duration::from_secs(30));
        assert!(matches!(seen, Answer::Yes(PaymentSeen::Authorized { .. })), "{round} {seen:?}");
    }
    assert_eq!(shop.stub.with(|bank| bank.totals()), [8 * AMOUNT, 0, 0]);
    shop.stub.with(|bank| bank.check());
}

#[test]
fn every_reply_is_answered_even_when_the_runtime_ends() {
    let shop = Shop::new();
    let reference = shop.reserved(1, "pm_card_visa");
    shop.stub.fault(Asked::Cancel, Fault::Slow(60_000));
    let (reply, answered) = Reply::pair();
    let call = Void { key: key(1, GatewayAction::Void), reference: Some(reference) };
    shop.gateway.void(call, reply);
    let Shop { runtime, gateway, .. } = shop;
    std::thread::sleep(Duration::from_millis(200));
    runtime.shutdown_background();
    assert!(is_unknown(&answered.wait_timeout(Duration::from_secs(10))));
    let (reply, answered) = Reply::pair();
    gateway.authorize(authorization(2, "pm_card_visa"), reply);
    assert!(is_unknown(&answered.wait_timeout(Duration::from_secs(10))));
}
