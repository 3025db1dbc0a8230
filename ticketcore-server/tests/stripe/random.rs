//! Whatever is asked in whatever order, with whatever faults: what is definite is true, and money is never more than asked for.

use std::collections::HashMap;

use ticketcore::Word;
use ticketcore::gateway::Answer;
use ticketcore::order::{PaymentSeen, RefundSeen};

use crate::shop::{AMOUNT, Shop, authorization};
use crate::stub::{Asked, Fault};

/// splitmix64 by Sebastiano Vigna, public domain.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

const METHODS: [&str; 7] = [
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_declined",
    "pm_card_3ds",
    "pm_card_processing",
    "pm_card_slow_refunds",
    "pm_card_no_capture",
];
const FAULTS: [Fault; 9] = [
    Fault::LostBefore,
    Fault::LostAfter,
    Fault::Refused(429, "rate_limit"),
    Fault::Refused(429, "lock_timeout"),
    Fault::Refused(409, ""),
    Fault::Refused(503, ""),
    Fault::Broken,
    Fault::BrokenAfter,
    Fault::Garbled,
];
const ASKED: [Asked; 7] =
    [Asked::Create, Asked::Capture, Asked::Cancel, Asked::Refund, Asked::Get, Asked::List, Asked::Search];

/// What is known of one order's money.
#[derive(Default)]
struct Known {
    method: Option<&'static str>,
    reference: Option<Word>,
    refunds: u32,
    asked_back: i64,
}

fn status(shop: &Shop, number: u64) -> Option<(&'static str, i64)> {
    let key = format!("{}:pay:1", crate::shop::order(number));
    shop.stub.with(|bank| {
        let of = |intent: &&crate::stub::Intent| intent.key() == key;
        bank.intents.iter().find(of).map(|intent| (intent.status, intent.received))
    })
}

/// What is said is so.
#[track_caller]
fn is_true(shop: &Shop, number: u64, seen: &PaymentSeen, what: &str) {
    let is = status(shop, number);
    let true_now = match seen {
        PaymentSeen::Authorized { .. } => {
            matches!(is, Some(("requires_capture" | "succeeded" | "canceled", _)))
        }
        PaymentSeen::Captured { amount_minor, .. } => is == Some(("succeeded", *amount_minor)),
        PaymentSeen::Voided => matches!(is, Some(("canceled", 0))),
        PaymentSeen::Declined { .. } => matches!(is, Some(("requires_payment_method", 0))),
        PaymentSeen::ActionRequired { .. } => is.is_some(),
        PaymentSeen::NotFound => is.is_none(),
    };
    assert!(true_now, "{what} {number}: {seen:?} {is:?}");
}

fn step(shop: &mut Shop, rng: &mut Rng, known: &mut HashMap<u64, Known>) {
    let number = 1 + rng.below(4);
    let order = known.entry(number).or_default();
    if rng.below(3) == 0 {
        let (asked, fault) = (rng.pick(&ASKED), rng.pick(&FAULTS));
        shop.stub.fault(asked, fault);
    }
    let since = ticketcore::UtcMs(1_700_000_000_000);
    match rng.below(9) {
        0 | 1 => {
            let method = *order.method.get_or_insert_with(|| rng.pick(&METHODS));
            let before = status(shop, number);
            match shop.authorize(&authorization(number, method)) {
                Answer::Yes(seen) => {
                    if let PaymentSeen::Authorized { reference, .. } = &seen {
                        order.reference = Some(reference.clone());
                    }
                    // Asked again it is answered as before; the first time it is so.
                    if before.is_none() {
                        is_true(shop, number, &seen, "authorize");
                    }
                }
                Answer::No { .. } => assert_eq!(status(shop, number), before, "no is definite"),
                Answer::Unknown { .. } => {}
            }
        }
        2 => {
            let Some(reference) = order.reference.clone() else { return };
            let before = status(shop, number);
            match shop.capture(number, &reference, AMOUNT) {
                Answer::Yes(seen) => is_true(shop, number, &seen, "capture"),
                Answer::No { .. } => assert_eq!(status(shop, number), before, "no is definite"),
                Answer::Unknown { .. } => {}
            }
        }
        3 => {
            let reference = order.reference.clone();
            let before = status(shop, number);
            match shop.void(number, reference.as_ref()) {
                Answer::Yes(seen) => is_true(shop, number, &seen, "void"),
                Answer::No { .. } => assert_eq!(status(shop, number), before, "no is definite"),
                Answer::Unknown { .. } => {}
            }
        }
        4 => {
            let Some(reference) = order.reference.clone() else { return };
            let again = order.refunds > 0 && rng.below(2) == 0;
            if !again {
                order.refunds += 1;
                order.asked_back += 2_000;
            }
            let before = shop.stub.with(|bank| bank.totals()[2]);
            let seen = shop.refund(number, order.refunds, &reference, 2_000);
            if matches!(seen, Answer::No { .. } | Answer::Yes(RefundSeen::Failed { .. })) {
                assert_eq!(shop.stub.with(|bank| bank.totals()[2]), before, "{seen:?}");
            }
        }
        5 => {
            let reference = order.reference.clone().filter(|_| rng.below(2) == 0);
            if let Answer::Yes(seen) = shop.look_up(number, reference.as_ref(), since) {
                is_true(shop, number, &seen, "look up");
            }
        }
        6 => look_up_refund(shop, rng, number, order.reference.as_ref(), since),
        7 => decide(shop, rng),
        _ => {
            shop.stub.clock.advance(rng.below(60_000));
            if rng.below(3) == 0 {
                shop.again();
            }
        }
    }
}

fn look_up_refund(shop: &Shop, rng: &mut Rng, number: u64, payment: Option<&Word>, since: ticketcore::UtcMs) {
    let refund = 1 + u32::try_from(rng.below(3)).unwrap();
    let seen = match payment.filter(|_| rng.below(2) == 0) {
        Some(payment) => shop.look_up_refund_of(number, refund, payment, since),
        None => shop.look_up_refund(number, refund, since),
    };
    let key = format!("{}:refund:{refund}", crate::shop::order(number));
    let is = shop.stub.with(|bank| {
        let of = |refund: &&_| {
            let refund: &crate::stub::Refund = refund;
            refund.metadata["ticketcore_key"] == key
        };
        bank.refunds.iter().find(of).map(|refund| refund.status)
    });
    match seen {
        Answer::Yes(RefundSeen::NotFound) => assert_eq!(is, None),
        Answer::Yes(RefundSeen::Succeeded { .. }) => assert_eq!(is, Some("succeeded")),
        Answer::Yes(RefundSeen::Submitted { .. }) => assert_eq!(is, Some("pending")),
        Answer::Yes(RefundSeen::Failed { .. }) => assert_eq!(is, Some("failed")),
        Answer::No { retry_may_help, .. } => assert!(retry_may_help),
        Answer::Unknown { .. } => {}
    }
}

/// What was being worked on is decided.
fn decide(shop: &Shop, rng: &mut Rng) {
    let well = rng.below(3) > 0;
    shop.stub.with(|bank| {
        let waits = |intent: &&crate::stub::Intent| matches!(intent.status, "requires_action" | "processing");
        if let Some(id) = bank.intents.iter().find(waits).map(|intent| intent.id.clone()) {
            bank.decide(&id, well);
        }
        let pending = bank.refunds.iter().find(|refund| refund.status == "pending");
        if let Some(id) = pending.map(|refund| refund.id.clone()) {
            bank.decide_refund(&id, (!well).then_some("declined"));
        }
    });
}

#[test]
fn what_is_definite_is_true_and_money_is_never_more_than_asked_for() {
    for seed in 0..60 {
        let mut shop = Shop::new();
        let mut rng = Rng(seed);
        shop.stub.with(|bank| bank.search_lag_ms = rng.below(2) * 60_000);
        let mut known = HashMap::new();
        for _ in 0..40 {
            step(&mut shop, &mut rng, &mut known);
            shop.stub.with(|bank| bank.check());
        }
        let asked: i64 = known.values().map(|order: &Known| order.asked_back).sum();
        let [_, captured, refunded] = shop.stub.with(|bank| bank.totals());
        assert!(captured <= 4 * AMOUNT && refunded <= asked, "seed {seed}");
    }
}
