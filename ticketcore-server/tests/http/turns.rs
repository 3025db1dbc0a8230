//! The vendor takes the money himself: whose turn it is, and what he puts off.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::Server;
use super::worker::{Worker, known, new, shop, waiting};

/// Longer than any test.
const LONG: u64 = 600_000;

/// Keys of payments of so many orders, the oldest first.
fn payments(server: &Server, count: usize) -> Vec<String> {
    let buyer = server.buyer();
    (0..count).map(|seat| format!("{}:pay:1", waiting(server, &buyer, seat, 1).0)).collect()
}

/// The key of the one thing that a call which takes no more is handed out.
#[track_caller]
fn one(worker: &Worker, lease_seconds: u32) -> String {
    let due = worker.due(json!({"limit": 1, "leaseSeconds": lease_seconds}));
    assert_eq!(due.len(), 1, "{due:?}");
    due[0]["key"].as_str().unwrap().to_owned()
}

/// The same; then nobody knows what became of it, so that it is due again.
#[track_caller]
fn tried(worker: &Worker) -> String {
    let key = one(worker, 60);
    assert_eq!(worker.told(&key, "unknown", json!({})), known("paying"));
    key
}

#[test]
fn leases_that_lapse_keep_no_other_order_from_its_turn() {
    let server = shop();
    let worker = Worker::of(&server);
    let orders = payments(&server, 3);
    let mut handed = Vec::new();
    for _ in 0..4 {
        handed.push(one(&worker, 1));
        // Nobody reports, and everything that was handed out is due again.
        std::thread::sleep(Duration::from_millis(1_100));
    }
    assert_eq!(handed, [&orders[..], &orders[..1]].concat());
    // All at once, from whose turn it is on; each once.
    let all = worker.due(json!({"limit": 100}));
    let keys: Vec<_> = all.iter().map(|effect| effect["key"].as_str().unwrap()).collect();
    assert_eq!(keys, [orders[1].as_str(), orders[2].as_str(), orders[0].as_str()]);
    assert!(all.iter().all(|effect| effect["mayHaveBeenDone"] == true));
    assert!(worker.due(json!({})).is_empty());
}

#[test]
fn what_is_leased_or_put_off_is_passed_over() {
    let server = shop();
    let worker = Worker::of(&server);
    let orders = payments(&server, 4);
    assert_eq!(one(&worker, 600), orders[0]);
    assert_eq!(one(&worker, 1), orders[1]);
    // For longer than its lease.
    assert_eq!(worker.told(&orders[1], "unknown", json!({"retryAfterMs": LONG})), known("paying"));
    std::thread::sleep(Duration::from_millis(1_100));
    let handed: Vec<_> = (0..4).map(|_| tried(&worker)).collect();
    assert_eq!(handed, [&orders[2..], &orders[2..]].concat());
}

#[test]
fn new_orders_keep_no_old_one_from_its_turn() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let orders = payments(&server, 2);
    let mut handed = Vec::new();
    for seat in 10..13 {
        handed.push(tried(&worker));
        waiting(&server, &buyer, seat, 1);
    }
    assert_eq!(handed, [&orders[..], &orders[..1]].concat());
}

#[test]
fn calls_at_once_are_handed_out_different_effects() {
    let server = shop();
    let worker = Worker::of(&server);
    let orders = payments(&server, 8);
    let keys: Vec<String> = std::thread::scope(|scope| {
        let calls: Vec<_> = orders.iter().map(|_| scope.spawn(|| one(&worker, 600))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(keys.iter().collect::<BTreeSet<_>>(), orders.iter().collect::<BTreeSet<_>>());
    assert!(worker.due(json!({})).is_empty());
}

/// What is due within the server's patience: its action, its key, and whether it may have been done.
#[track_caller]
fn soon(worker: &Worker) -> (String, String, bool) {
    let due = worker.due(json!({"waitSeconds": 20}));
    assert_eq!(due.len(), 1, "{due:?}");
    let text = |member: &str| due[0][member].as_str().unwrap().to_owned();
    (text("action"), text("key"), due[0]["mayHaveBeenDone"].as_bool().unwrap())
}

fn look_up(action: &str, key: &str, may_have_been_done: bool) -> (String, String, bool) {
    (action.to_owned(), key.to_owned(), may_have_been_done)
}

#[test]
fn a_payment_that_asks_for_an_action_is_looked_up_when_the_vendor_says() {
    let server = shop();
    let (worker, pay) = (Worker::of(&server), payments(&server, 1).remove(0));
    assert_eq!(one(&worker, 60), pay);
    let action = |ms: u64| json!({"nextAction": "https://bank.example/3ds", "retryAfterMs": ms});
    assert_eq!(worker.told(&pay, "action_required", action(LONG)), new("paying"));
    assert!(worker.due(json!({})).is_empty());
    // The same report with another time, and nobody had the look-up yet.
    assert_eq!(worker.told(&pay, "action_required", action(300)), known("paying"));
    assert_eq!(soon(&worker), look_up("look_up", &pay, false));
    // Reported by whoever had it: he gives it back, for others from then on.
    assert_eq!(worker.told(&pay, "action_required", action(0)), known("paying"));
    assert_eq!(soon(&worker), look_up("look_up", &pay, true));
    // However long is said, what comes after is due at once; and a report that comes late puts it off no more.
    assert_eq!(worker.told(&pay, "action_required", action(u64::MAX)), known("paying"));
    assert!(worker.due(json!({})).is_empty());
    assert_eq!(worker.told(&pay, "authorized", json!({"reference": "ch_1"})), new("authorized"));
    assert_eq!(worker.told(&pay, "action_required", action(LONG)), known("authorized"));
    assert_eq!(worker.only(), ("capture".to_owned(), pay.replace(":pay:", ":capture:")));
}

#[test]
fn a_refund_that_is_only_submitted_is_looked_up_when_the_vendor_says() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let (order, amount) = waiting(&server, &buyer, 0, 2);
    let captured = json!({"reference": "ch_1", "amount": amount});
    assert_eq!(worker.told(&format!("{order}:pay:1"), "captured", captured), new("confirmed"));
    let path = format!("/v1/orders/{order}/refunds");
    let refund = |ticket: u32| {
        let staff = server.staff().with("idempotency-key", &format!("refund {ticket}"));
        staff.post(&path, &json!({"tickets": [ticket]})).ok(201);
        format!("{order}:refund:{}", ticket + 1)
    };
    let first = refund(0);
    assert_eq!(worker.only(), ("refund".to_owned(), first.clone()));
    let submitted = |ms: u64| json!({"reference": "re_1", "retryAfterMs": ms});
    assert_eq!(worker.told(&first, "refund_submitted", submitted(LONG)), new("confirmed"));
    assert!(worker.due(json!({})).is_empty());
    // What is put off keeps no other refund of the order back.
    let second = refund(1);
    assert_eq!(worker.only(), ("refund".to_owned(), second.clone()));
    // Nor does the other keep it back when its time has come, though somebody has that.
    assert_eq!(worker.told(&first, "refund_submitted", submitted(300)), known("confirmed"));
    assert_eq!(soon(&worker), look_up("look_up_refund", &first, false));
    assert!(worker.due(json!({})).is_empty(), "both are handed out");
    assert_eq!(worker.told(&second, "refund_succeeded", json!({"reference": "re_2"})), new("confirmed"));
    assert!(worker.due(json!({})).is_empty(), "the first still is");
    assert_eq!(worker.told(&first, "refund_submitted", submitted(LONG)), known("confirmed"));
    assert!(worker.due(json!({})).is_empty());
    assert_eq!(worker.told(&first, "refund_submitted", submitted(300)), known("confirmed"));
    assert_eq!(soon(&worker), look_up("look_up_refund", &first, true));
    assert_eq!(worker.told(&first, "refund_succeeded", json!({"reference": "re_1"})), new("confirmed"));
    assert!(worker.due(json!({})).is_empty());
}

#[test]
fn a_refund_that_is_looked_up_bears_its_own_amount_and_time() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let (order, amount) = waiting(&server, &buyer, 0, 2);
    let paid = worker.due(json!({})).remove(0);
    let captured = json!({"reference": "ch_1", "amount": amount});
    assert_eq!(worker.told(&format!("{order}:pay:1"), "captured", captured), new("confirmed"));
    // Later than the payment, by any clock.
    std::thread::sleep(Duration::from_millis(5));
    let staff = server.staff().with("idempotency-key", "r");
    staff.post(&format!("/v1/orders/{order}/refunds"), &json!({"amount": 7})).ok(201);
    let sent = worker.due(json!({})).remove(0);
    let reference = json!({"reference": "re_1"});
    assert_eq!(worker.told(&format!("{order}:refund:1"), "refund_submitted", reference), new("confirmed"));
    let looked = worker.due(json!({})).remove(0);
    assert_eq!((&sent["action"], &looked["action"]), (&json!("refund"), &json!("look_up_refund")));
    assert_eq!(looked["amount"], json!({"amount": 7, "currency": amount["currency"]}));
    for member in ["key", "amount", "intendedAt", "attempt", "reference"] {
        assert_eq!(looked[member], sent[member], "{member}");
    }
    assert_ne!(looked["intendedAt"], paid["intendedAt"]);
}

/// An order with so many refunds that the provider has: their keys.
fn refunds(server: &Server, worker: &Worker, count: u32) -> Vec<String> {
    let (order, amount) = waiting(server, &server.buyer(), 0, 4);
    let captured = json!({"reference": "ch_1", "amount": amount});
    assert_eq!(worker.told(&format!("{order}:pay:1"), "captured", captured), new("confirmed"));
    let refund = |number: u32| {
        let staff = server.staff().with("idempotency-key", &format!("refund {number}"));
        staff.post(&format!("/v1/orders/{order}/refunds"), &json!({"tickets": [number - 1]})).ok(201);
        let key = format!("{order}:refund:{number}");
        let reference = json!({"reference": format!("re_{number}")});
        assert_eq!(worker.told(&key, "refund_submitted", reference), new("confirmed"));
        key
    };
    (1..=count).map(refund).collect()
}

#[test]
fn each_refund_that_the_provider_has_is_looked_up_for_itself() {
    let server = shop();
    let worker = Worker::of(&server);
    let keys = refunds(&server, &worker, 3);
    let due = worker.due(json!({}));
    let handed: Vec<_> = due.iter().map(|due| (due["action"].clone(), due["key"].clone())).collect();
    let look_ups = keys.iter().map(|key| (json!("look_up_refund"), json!(key)));
    assert_eq!(handed, look_ups.collect::<Vec<_>>());
    assert!(worker.due(json!({})).is_empty(), "each is somebody's");
    // News of one leaves the others with whoever has them.
    assert_eq!(worker.told(&keys[1], "refund_succeeded", json!({"reference": "re_2"})), new("confirmed"));
    assert!(worker.due(json!({})).is_empty());
    // One is pending and put off, the other is due again at once.
    let pending = json!({"reference": "re_1", "retryAfterMs": LONG});
    assert_eq!(worker.told(&keys[0], "refund_submitted", pending), known("confirmed"));
    assert_eq!(worker.told(&keys[2], "unknown", json!({})), known("confirmed"));
    assert_eq!(soon(&worker), look_up("look_up_refund", &keys[2], true));
    // It did not work and is sent again; meanwhile the first can be looked up.
    let failed = json!({"code": "not_now", "retry": true});
    assert_eq!(worker.told(&keys[2], "refund_failed", failed), new("confirmed"));
    assert_eq!(worker.only(), ("refund".to_owned(), format!("{}.1", keys[2])));
    let soon_again = json!({"reference": "re_1", "retryAfterMs": 300});
    assert_eq!(worker.told(&keys[0], "refund_submitted", soon_again), known("confirmed"));
    assert_eq!(soon(&worker), look_up("look_up_refund", &keys[0], true));
    let said = worker.say(&keys[0], "refund_succeeded", json!({"reference": "re_1"})).ok(200).json();
    assert_eq!((&said["changed"], &said["moreDue"]), (&json!(true), &json!(true)));
    let sent = format!("{}.1", keys[2]);
    let said = worker.say(&sent, "refund_succeeded", json!({"reference": "re_3"})).ok(200).json();
    assert_eq!((&said["changed"], &said["moreDue"]), (&json!(true), &json!(false)));
}

#[test]
fn refunds_of_an_order_have_their_turns_too() {
    let server = shop();
    let worker = Worker::of(&server);
    let keys = refunds(&server, &worker, 2);
    let mut handed = Vec::new();
    for _ in 0..3 {
        handed.push(one(&worker, 1));
        std::thread::sleep(Duration::from_millis(1_100));
    }
    assert_eq!(handed, [&keys[..], &keys[..1]].concat());
}

#[test]
fn what_ends_a_payment_or_a_refund_can_put_nothing_off() {
    let server = shop();
    let (worker, pay) = (Worker::of(&server), payments(&server, 1).remove(0));
    for (outcome, mut more, pointer) in [
        ("authorized", json!({"reference": "x"}), "/retryAfterMs"),
        ("captured", json!({"reference": "x", "amount": {"amount": 1, "currency": "EUR"}}), "/retryAfterMs"),
        ("declined", json!({}), "/retryAfterMs"),
        ("voided", json!({}), "/retryAfterMs"),
        ("capture_refused", json!({}), "/retryAfterMs"),
        ("not_found", json!({}), "/retryAfterMs"),
        ("refund_succeeded", json!({"reference": "x"}), "/retryAfterMs"),
        ("refund_failed", json!({"retry": true}), "/retryAfterMs"),
        // It goes with the outcome, and the outcome with no payment.
        ("refund_submitted", json!({"reference": "x"}), "/outcome"),
    ] {
        more["retryAfterMs"] = Value::from(1_000);
        let refused = worker.say(&pay, outcome, more).ok(400).problem("validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{outcome}: {refused}");
    }
    let negative = json!({"nextAction": "x", "retryAfterMs": -1});
    worker.say(&pay, "action_required", negative).ok(400).problem("validation_failed");
    assert_eq!(worker.only(), ("authorize".to_owned(), pay));
}
