//! The vendor takes the money himself, and the bank wants it back.

use serde_json::{Value, json};

use super::client::{Client, Reply};
use super::server::Server;
use super::worker::{Worker, new, shop, waiting};

/// What a worker says of a dispute of an order's first payment.
fn say(worker: &Worker, order: &str, reference: &str, status: &str, more: Value) -> Reply {
    let mut said = json!({"key": format!("{order}:pay:1"), "reference": reference, "status": status});
    said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    worker.0.post("/v1/gateway/disputes", &said)
}

/// What it came to: whether it was news, where the dispute stands, what is disputed and what was lost.
#[track_caller]
fn told(
    worker: &Worker,
    order: &str,
    reference: &str,
    status: &str,
    more: Value,
) -> (bool, String, i64, i64) {
    let answer = say(worker, order, reference, status, more).ok(200).json();
    let dispute = &answer["dispute"];
    assert_eq!((&answer["orderId"], &dispute["reference"]), (&json!(order), &json!(reference)), "{answer}");
    let money = |member: &str| dispute[member]["amount"].as_i64().unwrap();
    let stands = dispute["status"].as_str().unwrap().to_owned();
    (answer["changed"].as_bool().unwrap(), stands, money("amount"), money("lost"))
}

fn stands(changed: bool, status: &str, amount: i64, lost: i64) -> (bool, String, i64, i64) {
    (changed, status.to_owned(), amount, lost)
}

/// An order of seats that is paid, and what it cost.
#[track_caller]
fn paid(server: &Server, worker: &Worker, from: usize, count: usize) -> (String, i64) {
    let (order, amount) = waiting(server, &server.buyer(), from, count);
    let captured = json!({"reference": "ch_1", "amount": amount});
    assert_eq!(worker.told(&format!("{order}:pay:1"), "captured", captured), new("confirmed"));
    (order, amount["amount"].as_i64().unwrap())
}

fn part(amount: i64) -> Value {
    json!({"amount": {"amount": amount, "currency": "EUR"}})
}

fn tickets(buyer: &Client, order: &str) -> Vec<String> {
    let listed = buyer.get(&format!("/v1/orders/{order}/tickets")).ok(200).json();
    let items = listed["items"].as_array().unwrap().iter();
    items.map(|ticket| ticket["status"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn report_dispute_takes_tickets_out_of_use_until_it_is_won() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let (order, all) = paid(&server, &worker, 0, 2);
    let path = format!("/v1/orders/{order}");
    let opened = || told(&worker, &order, "dp_1", "open", json!({}));
    assert_eq!((opened(), opened()), (stands(true, "open", all, 0), stands(false, "open", all, 0)));
    assert_eq!(tickets(&buyer, &order), ["disputed", "disputed"]);
    let refund = || {
        let staff = server.staff().with("idempotency-key", "r");
        staff.post(&format!("{path}/refunds"), &json!({"amount": 1}))
    };
    refund().ok(409).problem("refund_too_large");
    let shown = buyer.get(&path).ok(200).json();
    let zero = json!({"amount": 0, "currency": "EUR"});
    let expected = json!([{"reference": "dp_1", "attempt": 1, "status": "open", "amount": shown["amount"], "lost": zero}]);
    assert_eq!(shown["disputes"], expected);

    let won = || told(&worker, &order, "dp_1", "won", json!({}));
    assert_eq!((won(), won()), (stands(true, "won", all, 0), stands(false, "won", all, 0)));
    assert_eq!(tickets(&buyer, &order), ["valid", "valid"]);
    // What is over stays as it is.
    assert_eq!(told(&worker, &order, "dp_1", "lost", json!({})), stands(false, "won", all, 0));
    assert_eq!(opened(), stands(false, "won", all, 0));
    refund().ok(201);
    assert_eq!(worker.only(), ("refund".to_owned(), format!("{order}:refund:1")));
}

#[test]
fn a_dispute_that_is_lost_takes_what_was_disputed_and_no_more() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let (order, all) = paid(&server, &worker, 0, 2);
    // A part: the tickets are good again. The smaller amount counts.
    assert_eq!(told(&worker, &order, "dp_1", "open", part(100)), stands(true, "open", 100, 0));
    assert_eq!(told(&worker, &order, "dp_1", "lost", part(all)), stands(true, "lost", 100, 100));
    assert_eq!(tickets(&buyer, &order), ["valid", "valid"]);
    // The rest, by another name; what is more than that does not count. The tickets die and the seats are free.
    assert_eq!(told(&worker, &order, "dp_2", "open", part(all * 2)), stands(true, "open", all - 100, 0));
    let lost = || told(&worker, &order, "dp_2", "lost", json!({}));
    assert_eq!(
        (lost(), lost()),
        (stands(true, "lost", all - 100, all - 100), stands(false, "lost", all - 100, all - 100))
    );
    assert_eq!(tickets(&buyer, &order), ["refunded", "refunded"]);
    server.hold(&server.new_buyer(), &server.seats(0, 2));
    assert!(worker.due(json!({})).is_empty(), "nothing goes back beside it");
}

#[test]
fn news_of_disputes_come_in_any_order() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    // Before it is known that there is money: that comes first.
    let (order, amount) = waiting(&server, &buyer, 0, 1);
    let early = say(&worker, &order, "dp_1", "lost", json!({})).ok(409).problem("order_state");
    assert_eq!(early["orderStatus"], "paying");
    let captured = json!({"reference": "ch_1", "amount": amount});
    assert_eq!(worker.told(&format!("{order}:pay:1"), "captured", captured), new("confirmed"));
    // Its end before its beginning.
    let all = amount["amount"].as_i64().unwrap();
    assert_eq!(told(&worker, &order, "dp_1", "won", part(50)), stands(true, "won", 50, 0));
    assert_eq!(told(&worker, &order, "dp_1", "open", part(50)), stands(false, "won", 50, 0));
    assert_eq!(tickets(&buyer, &order), ["valid"]);
    assert_eq!(told(&worker, &order, "dp_2", "lost", json!({})), stands(true, "lost", all, all));
    assert_eq!(told(&worker, &order, "dp_2", "open", json!({})), stands(false, "lost", all, all));
    assert_eq!(tickets(&buyer, &order), ["refunded"]);

    // Money that bought nothing can be disputed, too; what has begun to go back goes on.
    let (order, amount) = waiting(&server, &buyer, 5, 1);
    assert_eq!(
        buyer.post(&format!("/v1/orders/{order}/cancel"), &json!({})).ok(200).json()["status"],
        "cancelled"
    );
    say(&worker, &order, "dp_1", "open", json!({})).ok(409).problem("not_paid");
    let captured = json!({"reference": "ch_2", "amount": amount});
    assert_eq!(worker.told(&format!("{order}:pay:1"), "captured", captured), new("cancelled"));
    assert_eq!(worker.only(), ("refund".to_owned(), format!("{order}:refund:1")));
    assert!(told(&worker, &order, "dp_1", "open", json!({})).0);
    assert!(told(&worker, &order, "dp_1", "won", json!({})).0);
}

#[test]
fn what_is_no_report_of_a_dispute() {
    let server = shop();
    let worker = Worker::of(&server);
    let (order, all) = paid(&server, &worker, 0, 1);
    let pay = format!("{order}:pay:1");
    let reported = |worker: &Worker, changes: Value| {
        let mut said = json!({"key": pay, "reference": "dp_1", "status": "open"});
        said.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        worker.0.post("/v1/gateway/disputes", &said)
    };
    for (changes, pointer) in [
        (json!({"key": "x"}), "/key"),
        (json!({"key": format!("{order}:refund:1")}), "/key"),
        (json!({"reference": ""}), "/reference"),
        (json!({"reference": "x".repeat(1_000)}), "/reference"),
        (json!({"status": "closed"}), "/status"),
        (json!({"amount": all}), "/amount"),
        (json!({"amount": {"amount": all, "currency": "USD"}}), "/amount/currency"),
        (json!({"more": 1}), ""),
    ] {
        let refused = reported(&worker, changes.clone()).ok(400).problem("validation_failed");
        let told = refused["errors"][0]["pointer"].as_str().unwrap();
        assert!(told.starts_with(pointer), "{changes}: {refused}");
    }
    for amount in [0, -1, i64::MIN] {
        reported(&worker, part(amount)).ok(400).problem("limit_exceeded");
    }
    for attempt in [0, 2] {
        let key = json!({"key": format!("{order}:pay:{attempt}")});
        reported(&worker, key).ok(404).problem("unknown_payment");
    }
    let nobody = json!({"key": format!("ord_{}:pay:1", "0".repeat(30) + "1")});
    assert!([400, 404].contains(&reported(&worker, nobody).status));
    // Any effect of the payment names it; none of the others was news.
    assert_eq!(
        reported(&worker, json!({"key": format!("{order}:capture:1")})).ok(200).json()["changed"],
        true
    );
    assert_eq!(reported(&worker, json!({})).ok(200).json()["changed"], false);

    reported(&Worker(server.buyer()), json!({})).ok(403).problem("forbidden");
    reported(&Worker(server.anybody()), json!({})).ok(401).problem("unauthorized");
    let keyed = |scope: &str, events: Value| {
        let asked = json!({"name": "x", "scopes": [scope], "eventIds": events});
        let made = server.staff().post("/v1/admin/keys", &asked).ok(201).json();
        Worker(server.anybody().with_token(made["key"].as_str().unwrap()))
    };
    reported(&keyed("orders", json!([])), json!({})).ok(403).problem("forbidden");
    let elsewhere = keyed("payments", json!([server.event_with(json!({}))]));
    reported(&elsewhere, json!({})).ok(404).problem("unknown_order");
}

#[test]
fn another_gateways_disputes_are_not_the_vendors() {
    let server = Server::start();
    let order = server.sold(&server.buyer(), &server.seats(0, 1));
    let order = order["orderId"].as_str().unwrap();
    say(&Worker::of(&server), order, "dp_1", "open", json!({})).ok(404).problem("unknown_payment");
}
