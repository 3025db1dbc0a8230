//! Chance: money is conserved whatever is called, and a seed is a whole run.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::desk::{Desk, eur, order};
use super::*;
use crate::gateway::Answer;
use crate::gateway::reply::Answered;
use crate::money::Currency;

const STORMY: SandboxFaults = SandboxFaults {
    lost_before_pct: 15,
    lost_after_pct: 15,
    declined_pct: 10,
    late_pct: 10,
    arrives_late_pct: 10,
    slow_pct: 10,
    refund_fails_pct: 30,
    refund_bounces_pct: 20,
    late_ms: 300,
    slow_ms: 30,
    notify_twice: true,
    notify_shuffled: true,
    notify_lost_pct: 10,
};

#[derive(Clone, Debug)]
enum Step {
    Pay { order: u64, attempt: u32, minor: i64, method: usize, now: bool },
    Capture { order: u64, attempt: u32, minor: i64, charge: u64, tries: u32 },
    Void { order: u64, attempt: u32, charge: Option<u64>, tries: u32 },
    Refund { order: u64, attempt: u32, number: u32, minor: i64, charge: u64 },
    Act { order: u64, attempt: u32, done: bool },
    LookUp { order: u64, attempt: u32 },
    Pass { ms: u64 },
}

const METHODS: [&str; 10] = [
    "pm_ok",
    "pm_ok",
    "pm_ok",
    "pm_declined",
    "pm_requires_action",
    "pm_timeout_after",
    "pm_late:200",
    "pm_refund_pending:100",
    "pm_refund_fails",
    "pm_refund_bounces:150",
];

fn step() -> impl Strategy<Value = Step> {
    let (order, attempt, charge) = (0..3u64, 1..3u32, 1..8u64);
    prop_oneof![
        4 => (order.clone(), attempt.clone(), 1..4i64, 0..METHODS.len(), any::<bool>()).prop_map(
            |(order, attempt, minor, method, now)| Step::Pay { order, attempt, minor: minor * 100, method, now }),
        4 => (order.clone(), attempt.clone(), 1..7i64, charge.clone(), 0..2u32).prop_map(
            |(order, attempt, minor, charge, tries)| Step::Capture { order, attempt, minor: minor * 50, charge, tries }),
        2 => (order.clone(), attempt.clone(), proptest::option::of(charge.clone()), 0..2u32).prop_map(
            |(order, attempt, charge, tries)| Step::Void { order, attempt, charge, tries }),
        4 => (order.clone(), attempt.clone(), 1..4u32, 1..7i64, charge).prop_map(
            |(order, attempt, number, minor, charge)| Step::Refund { order, attempt, number, minor: minor * 50, charge }),
        1 => (order.clone(), attempt.clone(), any::<bool>()).prop_map(
            |(order, attempt, done)| Step::Act { order, attempt, done }),
        1 => (order, attempt).prop_map(|(order, attempt)| Step::LookUp { order, attempt }),
        2 => (0..400u64).prop_map(|ms| Step::Pass { ms }),
    ]
}

/// Calls, and returns the answer if it came at once.
fn ask<T: Send + 'static>(call: impl FnOnce(Reply<T>)) -> Option<Answer<T>> {
    let (reply, answered): (_, Answered<T>) = Reply::pair();
    call(reply);
    answered.try_take()
}

fn run(desk: &Desk, step: &Step) -> String {
    let key = |number: u64, action, attempt| GatewayKey::new(order(number), action, attempt);
    let gateway = &desk.gateway;
    let name = |charge: u64| Word::cut(&format!("sbx_{charge}"));
    match *step {
        Step::Pay { order, attempt, minor, method, now } => {
            let key = key(order, GatewayAction::Authorize, attempt);
            let method = Word::cut(METHODS[method]);
            let call = Authorize { key, amount: eur(minor), method, capture_now: now, return_url: None };
            format!("{:?}", ask(|reply| gateway.authorize(call, reply)))
        }
        Step::Capture { order, attempt, minor, charge, tries } => {
            let key = GatewayKey { tries, ..key(order, GatewayAction::Capture, attempt) };
            let call = Capture { key, reference: name(charge), amount: eur(minor) };
            format!("{:?}", ask(|reply| gateway.capture(call, reply)))
        }
        Step::Void { order, attempt, charge, tries } => {
            let key = GatewayKey { tries, ..key(order, GatewayAction::Void, attempt) };
            format!("{:?}", ask(|reply| gateway.void(Void { key, reference: charge.map(name) }, reply)))
        }
        Step::Refund { order, attempt, number, minor, charge } => {
            let payment = key(order, GatewayAction::Authorize, attempt);
            let key = key(order, GatewayAction::Refund, number);
            let call = Refund { key, payment, reference: name(charge), amount: eur(minor) };
            format!("{:?}", ask(|reply| gateway.refund(call, reply)))
        }
        Step::Act { order, attempt, done } => {
            let end = if done { ActionEnd::Done } else { ActionEnd::Failed };
            format!("{:?}", gateway.complete_action(key(order, GatewayAction::Authorize, attempt), end))
        }
        Step::LookUp { order, attempt } => {
            let call = LookUp::by_key(key(order, GatewayAction::Authorize, attempt));
            format!("{:?}", ask(|reply| gateway.look_up(call, reply)))
        }
        Step::Pass { ms } => {
            desk.pass(ms);
            String::new()
        }
    }
}

/// What must be so after every step, counted from the entries alone.
fn check(before: &Ledger, after: &Ledger) {
    assert_eq!(&after.entries()[..before.entries().len()], before.entries(), "lines are never changed");
    let mut sums = Totals::default();
    for charge in after.charges() {
        let of = |what: &Entered| -> i64 {
            let lines = after.entries().iter().filter(|e| e.charge == charge.number && e.entered == *what);
            lines.map(|entry| entry.amount.minor).sum()
        };
        let [authorized, captured, voided] =
            [Entered::Authorized, Entered::Captured, Entered::Voided].map(|what| of(&what));
        let refunded = of(&Entered::Refunded) - of(&Entered::CameBack);
        assert_eq!(
            [authorized, captured, voided, refunded],
            [charge.authorized_minor, charge.captured_minor, charge.voided_minor, charge.refunded_minor]
        );
        assert!(captured + voided <= authorized && (0..=captured).contains(&refunded), "{charge:?}");
        assert_eq!(charge.outstanding_minor(), authorized - captured - voided);
        sums.authorized_minor += i128::from(authorized);
        sums.captured_minor += i128::from(captured);
        sums.voided_minor += i128::from(voided);
        sums.refunded_minor += i128::from(refunded);
        if let Some(key) = charge.key {
            assert_eq!(after.charges_of(key).count(), 1, "one key, one charge");
        }
    }
    let mut moved = BTreeSet::new();
    for entry in after.entries().iter().filter(|e| !matches!(e.entered, Entered::Refused { .. })) {
        // A capture at once is entered under the payment's own key.
        let at_once = entry.key.is_some_and(|key| key.action == GatewayAction::Authorize)
            && entry.entered == Entered::Captured;
        assert!(entry.key.is_none_or(|key| moved.insert((key, at_once))), "one key, one effect: {entry:?}");
    }
    sums.outstanding_minor = sums.authorized_minor - sums.captured_minor - sums.voided_minor;
    assert_eq!(after.totals(Currency::EUR), sums);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved(steps in proptest::collection::vec(step(), 1..80), seed: u64, stormy: bool) {
        let faults = if stormy { STORMY } else { SandboxFaults::NONE };
        let options = || SandboxOptions { seed, faults, ..SandboxOptions::default() };
        let (desk, twin) = (Desk::new(options()), Desk::new(options()));
        let mut before = Ledger::default();
        for step in &steps {
            let said = run(&desk, step);
            prop_assert_eq!(&said, &run(&twin, step), "a seed is a whole run");
            let after = desk.gateway.ledger();
            check(&before, &after);
            let moved = |ledger: &Ledger| ledger.totals(Currency::EUR);
            if said.starts_with("Some(No") && !matches!(step, Step::Pass { .. }) {
                prop_assert_eq!(moved(&before), moved(&after), "a no changes nothing: {:?}", step);
            }
            before = after;
        }
        prop_assert_eq!(desk.gateway.notifications(), twin.gateway.notifications());
        let stored = serde_json::to_string(&before).unwrap();
        prop_assert_eq!(serde_json::from_str::<Ledger>(&stored).unwrap(), before);
    }
}

#[test]
fn every_fault_happens_and_none_when_there_are_none() {
    let desk = Desk::new(SandboxOptions { seed: 11, faults: STORMY, ..SandboxOptions::default() });
    let pay = |number| {
        let key = GatewayKey::new(order(number), GatewayAction::Authorize, 1);
        Authorize { key, ..Desk::pay("pm_ok") }
    };
    let mut seen = BTreeSet::new();
    for number in 0..400 {
        let said = ask(|reply| desk.gateway.authorize(pay(number), reply));
        let found = desk.gateway.ledger().charges_of(pay(number).key).count();
        seen.insert(match said {
            None => "slow",
            Some(Answer::Yes(PaymentSeen::Authorized { .. })) => "authorized",
            Some(Answer::Yes(PaymentSeen::Declined { .. })) => "declined",
            Some(Answer::Unknown { .. }) if found == 1 => "lost after",
            Some(Answer::Unknown { reason }) if reason == "processing" => "late",
            Some(Answer::Unknown { .. }) => "lost before, or arrives late",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    let at_once = desk.gateway.ledger().charges().count();
    desk.pass(300);
    assert!(desk.gateway.ledger().charges().count() > at_once, "late ones came");
    desk.gateway.set_faults(SandboxFaults::NONE);
    for number in 1_000..1_100 {
        let said = ask(|reply| desk.gateway.authorize(pay(number), reply));
        assert!(matches!(said, Some(Answer::Yes(PaymentSeen::Authorized { .. }))), "{said:?}");
    }
}

#[test]
fn notifications_come_twice_in_any_order_and_some_never() {
    let faults = SandboxFaults {
        notify_twice: true,
        notify_shuffled: true,
        notify_lost_pct: 10,
        ..SandboxFaults::NONE
    };
    let desk = Desk::new(SandboxOptions { seed: 5, faults, ..SandboxOptions::default() });
    for number in 0..200 {
        let key = GatewayKey::new(order(number), GatewayAction::Authorize, 1);
        let said = desk.authorize(Authorize { key, ..Desk::pay("pm_ok") });
        assert!(said.is_healthy());
    }
    let mut seqs = Vec::new();
    loop {
        let part = desk.gateway.notifications();
        if part.is_empty() {
            break;
        }
        seqs.extend(part.into_iter().map(|told| told.seq));
    }
    assert!(!seqs.is_sorted());
    let known: BTreeSet<_> = seqs.iter().copied().collect();
    assert!((150..200).contains(&known.len()), "{}", known.len());
    assert_eq!(seqs.len(), 2 * known.len());
}
