//! Every script, every refusal, every switch.

use std::sync::Arc;
use std::time::Duration;

use super::desk::{Desk, START, eur, now, order};
use super::*;
use crate::gateway::reply::Answer;

/// The kind of an answer about a payment, in a word.
fn kind(answer: &Answer<PaymentSeen>) -> &str {
    match answer {
        Answer::Yes(PaymentSeen::Authorized { .. }) => "authorized",
        Answer::Yes(PaymentSeen::Captured { .. }) => "captured",
        Answer::Yes(PaymentSeen::Declined { code }) => code.as_str(),
        Answer::Yes(PaymentSeen::ActionRequired { .. }) => "action",
        Answer::Yes(PaymentSeen::Voided) => "voided",
        Answer::Yes(PaymentSeen::NotFound) => "not found",
        Answer::No { code, .. } => code.as_str(),
        Answer::Unknown { .. } => "unknown",
    }
}

#[test]
fn every_method_behaves_as_it_says() {
    // Method; answer; looked up at once; the same call again; looked up two minutes later.
    let rows = [
        ("pm_ok", "authorized", "authorized", "authorized", "authorized"),
        ("pm_declined", "card_declined", "card_declined", "card_declined", "card_declined"),
        (
            "pm_insufficient_funds",
            "insufficient_funds",
            "insufficient_funds",
            "insufficient_funds",
            "insufficient_funds",
        ),
        ("pm_expired_card", "expired_card", "expired_card", "expired_card", "expired_card"),
        ("pm_requires_action", "action", "action", "action", "action"),
        ("pm_timeout_before", "unknown", "not found", "authorized", "authorized"),
        ("pm_timeout_after", "unknown", "authorized", "authorized", "authorized"),
        ("pm_late", "unknown", "unknown", "unknown", "authorized"),
        ("pm_late:120001", "unknown", "unknown", "unknown", "unknown"),
        ("pm_late_declined", "unknown", "unknown", "unknown", "card_declined"),
        ("pm_arrives_late", "unknown", "not found", "authorized", "authorized"),
        ("pm_capture_declined", "authorized", "authorized", "authorized", "authorized"),
        ("pm_refund_stuck", "authorized", "authorized", "authorized", "authorized"),
        ("pm_nothing", "no_such_method", "not found", "no_such_method", "not found"),
    ];
    for (method, answer, looked_up, again, later) in rows {
        let desk = Desk::plain();
        assert_eq!(kind(&desk.authorize(Desk::pay(method))), answer, "{method}");
        assert_eq!(kind(&desk.look_up()), looked_up, "{method}");
        assert_eq!(kind(&desk.authorize(Desk::pay(method))), again, "{method}");
        desk.pass(120_000);
        assert_eq!(kind(&desk.look_up()), later, "{method}");
        let charged = if later == "authorized" { 10_000 } else { 0 };
        assert_eq!(desk.totals(), [charged, 0, 0, 0, charged], "{method}");
    }
}

#[test]
fn a_payment_that_nobody_repeats_arrives_by_itself() {
    let desk = Desk::plain();
    assert_eq!(kind(&desk.authorize(Desk::pay("pm_arrives_late:500"))), "unknown");
    desk.pass(499);
    assert_eq!(kind(&desk.look_up()), "not found");
    desk.pass(1);
    assert_eq!(kind(&desk.look_up()), "authorized");
    let told = desk.gateway.notifications();
    assert!(matches!(told[..], [Notification { seen: Seen::Payment(PaymentSeen::Authorized { .. }), .. }]));
}

#[test]
fn money_taken_at_once_is_captured() {
    let desk = Desk::plain();
    let call = Authorize { capture_now: true, ..Desk::pay("pm_ok#7") };
    let Answer::Yes(PaymentSeen::Captured { amount_minor: 10_000, fingerprint: Some(_), .. }) =
        desk.authorize(call)
    else {
        panic!("not captured");
    };
    assert_eq!(desk.totals(), [10_000, 10_000, 0, 0, 0]);
    let desk = Desk::plain();
    let call = Authorize { capture_now: true, ..Desk::pay("pm_capture_declined") };
    assert_eq!(kind(&desk.authorize(call)), "capture_declined");
    assert_eq!(desk.totals(), [0; 5]);
}

#[test]
fn slow_answers_come_when_their_time_has_come() {
    let desk = Desk::plain();
    let answered = desk.start(Desk::pay("pm_slow:250"));
    assert_eq!(desk.gateway.next_due(), Some(UtcMs(START + 250)));
    desk.pass(249);
    assert!(answered.try_take().is_none());
    assert_eq!(kind(&desk.look_up()), "authorized", "it had its effect");
    desk.pass(1);
    assert_eq!(kind(&now(&answered)), "authorized");
    // A gateway that goes away answers that nobody knows.
    let answered =
        desk.start(Authorize { key: Desk::key(GatewayAction::Authorize, 2), ..Desk::pay("pm_slow") });
    drop(desk);
    assert_eq!(kind(&answered.wait()), "unknown");
}

#[test]
fn the_timer_answers_without_anybody_calling() {
    let options = SandboxOptions { timer: true, ..SandboxOptions::default() };
    let gateway = SandboxGateway::new(options, Arc::new(crate::time::SystemClock));
    let (reply, answered) = Reply::pair();
    gateway.authorize(Desk::pay("pm_slow:10"), reply);
    assert_eq!(kind(&answered.wait_timeout(Duration::from_secs(20))), "authorized");
}

#[test]
fn one_key_one_effect_until_it_is_forgotten() {
    let desk = Desk::plain();
    let first = desk.authorize(Desk::pay("pm_ok"));
    let reference = Word::cut("sbx_1");
    assert_eq!(kind(&desk.capture(0, &reference, 10_000)), "captured");
    assert_eq!(desk.authorize(Desk::pay("pm_ok")), first, "as before, whatever happened since");
    assert_eq!(kind(&desk.capture(0, &reference, 10_000)), "captured");
    let other = Authorize { amount: eur(9_999), ..Desk::pay("pm_ok") };
    assert_eq!(desk.authorize(other), Answer::never("key_reused"));
    assert_eq!(kind(&desk.capture(0, &reference, 9_999)), "key_reused");
    assert_eq!(desk.totals(), [10_000, 10_000, 0, 0, 0]);
    let refused = |entry: &&Entry| matches!(entry.entered, Entered::Refused { .. });
    assert_eq!(
        desk.gateway.ledger().entries().iter().filter(refused).count(),
        2,
        "and that it was asked is known"
    );

    desk.pass(desk.gateway.key_retention_ms());
    assert_eq!(desk.authorize(Desk::pay("pm_ok")), first);
    desk.pass(1);
    assert_ne!(desk.authorize(Desk::pay("pm_ok")), first, "a second charge");
    let ledger = desk.gateway.ledger();
    assert_eq!(ledger.charges_of(Desk::key(GatewayAction::Authorize, 1)).count(), 2);
    assert_eq!(ledger.charges_of_order(order(1)).count(), 2);
    assert_eq!(ledger.charges_of_order(order(2)).count(), 0);
}

#[test]
fn keys_are_given_back_when_they_are_forgotten() {
    let desk = Desk::new(SandboxOptions { key_retention_ms: 1_000, ..SandboxOptions::default() });
    for number in 0..10 {
        let key = GatewayKey::new(order(number), GatewayAction::Authorize, 1);
        assert_eq!(kind(&desk.authorize(Authorize { key, ..Desk::pay("pm_declined") })), "card_declined");
        desk.pass(200);
    }
    // Used at 0, 200, .. 1800; it is 2000 now, and those of 1000 and later are known.
    assert_eq!(desk.gateway.inner.bank.lock().known.len(), 5);
}

#[test]
fn nothing_moves_beyond_what_there_is() {
    let desk = Desk::plain();
    let reference = desk.authorized("pm_ok");
    assert_eq!(kind(&desk.capture(0, &reference, 10_001)), "over_capture");
    assert_eq!(kind(&desk.capture(0, &reference, 0)), "bad_amount");
    assert_eq!(kind(&desk.capture(0, &Word::cut("sbx_9"), 1)), "no_such_payment");
    let wrong = Desk::key(GatewayAction::Refund, 1);
    assert_eq!(kind(&desk.capture_as(wrong, &reference, 1)), "no_such_payment");
    // A refusal used up no key.
    assert_eq!(kind(&desk.capture(0, &reference, 6_000)), "captured");
    assert_eq!(kind(&desk.capture(1, &reference, 6_000)), "over_capture");
    assert_eq!(kind(&desk.capture(1, &reference, 4_000)), "captured");
    assert_eq!(kind(&desk.void(0, Some(&reference))), "already_captured");
    assert_eq!(desk.refund(1, &reference, 10_001), Answer::never("over_refund"));
    assert!(matches!(desk.refund(1, &reference, 9_000), Answer::Yes(RefundSeen::Succeeded { .. })));
    assert_eq!(desk.refund(2, &reference, 1_001), Answer::never("over_refund"));
    assert_eq!(desk.refund(1, &reference, 1_000), Answer::never("key_reused"));
    assert_eq!(desk.totals(), [10_000, 10_000, 0, 9_000, 0]);
    assert_eq!(kind(&desk.look_up()), "captured");
    let charge = desk.gateway.ledger().charge(1).cloned().unwrap();
    assert_eq!((charge.kept_minor(), charge.outstanding_minor()), (1_000, 0));
}

#[test]
fn what_was_voided_is_gone() {
    let desk = Desk::plain();
    assert_eq!(kind(&desk.void(0, None)), "not found");
    let reference = desk.authorized("pm_ok");
    // That answer had no effect, so the same key voids now.
    assert_eq!(kind(&desk.void(0, None)), "voided");
    assert_eq!(kind(&desk.void(1, Some(&reference))), "voided");
    assert_eq!(kind(&desk.capture(0, &reference, 1)), "voided");
    assert_eq!(desk.refund(1, &reference, 1), Answer::never("over_refund"));
    assert_eq!((kind(&desk.look_up()), desk.totals()), ("voided", [10_000, 0, 10_000, 0, 0]));
    // Declined and late money.
    let desk = Desk::plain();
    assert_eq!(kind(&desk.authorize(Desk::pay("pm_declined"))), "card_declined");
    assert_eq!(kind(&desk.void(0, None)), "card_declined");
    let desk = Desk::plain();
    assert_eq!(kind(&desk.authorize(Desk::pay("pm_late"))), "unknown");
    assert_eq!(desk.void(0, None), Answer::not_now("processing"));
    desk.pass(60_000);
    assert_eq!(kind(&desk.void(0, None)), "voided");
}

#[test]
fn an_authorisation_lapses() {
    let desk = Desk::plain();
    let Answer::Yes(PaymentSeen::Authorized { lapses_at: Some(lapses_at), .. }) =
        desk.authorize(Desk::pay("pm_ok"))
    else {
        panic!("not authorised");
    };
    desk.pass(lapses_at.0 - START - 1);
    assert_eq!(kind(&desk.look_up()), "authorized");
    desk.pass(1);
    assert_eq!((kind(&desk.look_up()), desk.totals()), ("voided", [10_000, 0, 10_000, 0, 0]));
}

#[test]
fn the_buyer_acts_once_or_never() {
    let pay = Desk::key(GatewayAction::Authorize, 1);
    for (end, then) in [(ActionEnd::Done, "authorized"), (ActionEnd::Failed, "action_failed")] {
        let desk = Desk::plain();
        assert_eq!(desk.gateway.complete_action(pay, end), None);
        assert_eq!(kind(&desk.authorize(Desk::pay("pm_requires_action"))), "action");
        let seen = desk.gateway.complete_action(pay, end).map(Answer::Yes).unwrap();
        assert_eq!((kind(&seen), kind(&desk.look_up())), (then, then));
        assert_eq!(desk.gateway.complete_action(pay, ActionEnd::Done), None);
        let told = desk.gateway.notifications();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(told[1].seen, Seen::Payment(seen.yes().unwrap()));
    }
    let desk = Desk::plain();
    assert_eq!(kind(&desk.authorize(Desk::pay("pm_requires_action"))), "action");
    assert_eq!(kind(&desk.void(0, None)), "voided");
    assert_eq!(desk.gateway.complete_action(pay, ActionEnd::Done), None, "what was voided never succeeds");
    assert_eq!(desk.totals(), [0; 5]);
}

#[test]
fn a_refund_that_failed_moves_nothing_under_its_key_when_the_next_try_has() {
    let desk = Desk::plain();
    let reference = desk.authorized("pm_refund_fails");
    assert_eq!(kind(&desk.capture(0, &reference, 10_000)), "captured");
    for tries in 0..3 {
        let _answer = desk.refund_try(1, tries, &reference, 10);
    }
    for tries in 0..3 {
        let _late = desk.refund_try(1, tries, &reference, 10);
    }
    assert_eq!(desk.totals()[3], 10);
}

#[test]
fn captures_and_refunds_fail_as_the_method_says() {
    let desk = Desk::plain();
    let reference = desk.authorized("pm_capture_declined");
    assert_eq!(desk.capture(0, &reference, 10_000), Answer::never("capture_declined"));
    assert_eq!(kind(&desk.void(0, Some(&reference))), "voided");

    let desk = Desk::plain();
    let reference = desk.authorized("pm_refund_fails");
    assert_eq!(kind(&desk.capture(0, &reference, 10_000)), "captured");
    for tries in 0..2 {
        for _again in 0..2 {
            let failed = desk.refund_try(1, tries, &reference, 10);
            assert!(matches!(failed, Answer::Yes(RefundSeen::Failed { retry: true, .. })));
        }
    }
    assert!(matches!(desk.look_up_refund(1), Answer::Yes(RefundSeen::Failed { retry: true, .. })));
    let done = desk.refund_try(1, 2, &reference, 10);
    assert!(matches!(done, Answer::Yes(RefundSeen::Succeeded { .. })));
    assert_eq!(desk.refund_try(1, 2, &reference, 10), done);
    assert_eq!(desk.look_up_refund(2), Answer::Yes(RefundSeen::NotFound));
    assert_eq!(desk.totals()[3], 10);

    let desk = Desk::plain();
    let reference = desk.authorized("pm_refund_stuck");
    assert_eq!(kind(&desk.capture(0, &reference, 10_000)), "captured");
    for number in 1..4 {
        let stuck = desk.refund(number, &reference, 10);
        assert!(matches!(stuck, Answer::Yes(RefundSeen::Failed { retry: false, .. })));
    }
    assert_eq!(desk.totals()[3], 0);

    let desk = Desk::plain();
    let reference = desk.authorized("pm_refund_pending:50");
    assert_eq!(kind(&desk.capture(0, &reference, 10_000)), "captured");
    assert!(matches!(desk.refund(1, &reference, 6_000), Answer::Yes(RefundSeen::Submitted { .. })));
    assert_eq!(desk.refund(2, &reference, 6_000), Answer::never("over_refund"), "it is on its way already");
    assert_eq!(desk.totals()[3], 0);
    desk.pass(50);
    assert!(matches!(desk.look_up_refund(1), Answer::Yes(RefundSeen::Succeeded { .. })));
    assert_eq!(desk.totals()[3], 6_000);
}

#[test]
fn a_refund_that_bounces_goes_through_and_comes_back_once() {
    let desk = Desk::plain();
    let reference = desk.authorized("pm_refund_bounces:50");
    assert_eq!(kind(&desk.capture(0, &reference, 10_000)), "captured");
    let through = desk.refund(1, &reference, 6_000);
    assert!(matches!(through, Answer::Yes(RefundSeen::Succeeded { .. })));
    assert_eq!((desk.look_up_refund(1), desk.totals()[3]), (through.clone(), 6_000));
    desk.pass(50);
    assert!(matches!(desk.look_up_refund(1), Answer::Yes(RefundSeen::Failed { retry: true, .. })));
    assert_eq!((desk.refund(1, &reference, 6_000), desk.totals()[3]), (through, 0), "a key is answered once");
    assert!(matches!(desk.refund_try(1, 1, &reference, 6_000), Answer::Yes(RefundSeen::Succeeded { .. })));
    desk.pass(1_000);
    assert_eq!(desk.totals()[3], 6_000, "and no more");
    let told = desk.gateway.notifications();
    let refunds = told.iter().filter(|told| matches!(told.seen, Seen::Refund(_))).count();
    assert_eq!(refunds, 3, "{told:?}");
}

#[test]
fn outages_and_ordered_faults() {
    let desk = Desk::plain();
    desk.gateway.set_outage(Some(Outage::Silent));
    assert_eq!((kind(&desk.authorize(Desk::pay("pm_ok"))), kind(&desk.look_up())), ("unknown", "unknown"));
    desk.gateway.set_outage(Some(Outage::Refusing));
    assert_eq!(desk.authorize(Desk::pay("pm_ok")), Answer::not_now("unavailable"));
    let (reply, answered) = Reply::pair();
    desk.gateway.charges(None, reply);
    assert_eq!(now(&answered), Answer::not_now("unavailable"));
    desk.gateway.set_outage(None);
    let reference = desk.authorized("pm_ok");
    for fault in [CallFault::LostBefore, CallFault::Refused, CallFault::LostAfter] {
        desk.gateway.fault_next(GatewayAction::Capture, fault);
    }
    assert_eq!((kind(&desk.capture(0, &reference, 10_000)), desk.totals()[1]), ("unknown", 0));
    assert_eq!((kind(&desk.capture(0, &reference, 10_000)), desk.totals()[1]), ("unavailable", 0));
    assert_eq!((kind(&desk.capture(0, &reference, 10_000)), desk.totals()[1]), ("unknown", 10_000));
    assert_eq!((kind(&desk.capture(0, &reference, 10_000)), desk.totals()[1]), ("captured", 10_000));
}

#[test]
fn an_instrument_is_the_same_before_it_pays_and_under_every_method() {
    let desk = Desk::plain();
    let instrument = |method: &str| {
        let (reply, answered) = Reply::pair();
        desk.gateway.instrument(Word::cut(method), reply);
        now(&answered)
    };
    let seen = desk.authorize(Desk::pay("pm_ok#7")).yes().unwrap().fingerprint();
    assert!(seen.is_some());
    assert_eq!([instrument("pm_ok#7"), instrument("pm_declined#7")], [Answer::Yes(seen), Answer::Yes(seen)]);
    assert_ne!(instrument("pm_ok#8"), Answer::Yes(seen));
    assert_eq!([instrument("pm_ok"), instrument("pm_nothing#7")], [Answer::Yes(None), Answer::Yes(None)]);
    desk.gateway.set_outage(Some(Outage::Refusing));
    assert_eq!(instrument("pm_ok#7"), Answer::not_now("unavailable"));
}

#[test]
fn charges_nobody_asked_for_are_in_the_list() {
    let desk = Desk::plain();
    let own = desk.authorized("pm_ok");
    let planted: Vec<_> = (0..100).map(|n| desk.gateway.plant_charge(eur(n + 1), n % 2 == 0)).collect();
    let page = |after: Option<Word>| {
        let (reply, answered) = Reply::pair();
        desk.gateway.charges(after, reply);
        now(&answered)
    };
    let first = page(None).yes().unwrap();
    assert_eq!(first.charges.len(), 100);
    assert_eq!(first.charges[0].reference, own);
    assert_eq!(first.charges[0].key, Some(Desk::key(GatewayAction::Authorize, 1)));
    assert_eq!((first.charges[1].key, first.charges[1].captured_minor), (None, 1));
    assert_eq!((first.charges[2].outstanding_minor, first.charges[2].captured_minor), (2, 0));
    let second = page(first.next).yes().unwrap();
    assert_eq!(second.next, None);
    assert_eq!(second.charges.iter().map(|c| &c.reference).collect::<Vec<_>>(), [planted.last().unwrap()]);
    assert_eq!(page(Some(Word::cut("elsewhere"))), Answer::never("no_such_cursor"));
}
