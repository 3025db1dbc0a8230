//! The vendor takes the money himself: what is due, and what became of it.

use serde_json::{Value, json};
use std::time::{Duration, Instant};

use super::client::Client;
use super::server::Server;
use super::worker::{Worker, known, new, shop, waiting};

#[test]
fn take_next_effects_and_observe_effect_end_a_purchase() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    assert!(worker.due(json!({})).is_empty());
    let (order, amount) = waiting(&server, &buyer, 0, 2);
    let due = worker.due(json!({"eventId": server.event}));
    let (pay, capture) = (format!("{order}:pay:1"), format!("{order}:capture:1"));
    let expected = json!({"key": pay, "action": "authorize", "mayHaveBeenDone": false, "orderId": order,
        "eventId": server.event, "userId": buyer.get("/v1/me").ok(200).json()["userId"], "attempt": 1, "amount": amount,
        "paymentMethodId": "card-7", "intendedAt": due[0]["intendedAt"], "leasedUntil": due[0]["leasedUntil"],
        "leasedForMs": 60_000});
    assert_eq!(due, [expected]);
    assert!(worker.due(json!({})).is_empty(), "it is handed out");

    let action = json!({"nextAction": "https://bank.example/3ds"});
    assert_eq!(worker.told(&pay, "action_required", action), new("paying"));
    let path = format!("/v1/orders/{order}");
    assert_eq!(buyer.get(&path).ok(200).json()["nextAction"], "https://bank.example/3ds");
    assert_eq!(worker.only(), ("look_up".to_owned(), pay.clone()));
    assert_eq!(worker.told(&pay, "authorized", json!({"reference": "ch_1"})), new("authorized"));
    let due = worker.due(json!({}));
    assert_eq!((&due[0]["action"], &due[0]["key"]), (&json!("capture"), &json!(capture)));
    assert_eq!(due[0]["reference"], "ch_1");
    let captured = json!({"reference": "ch_1", "amount": amount, "fingerprint": "visa 4242"});
    assert_eq!(worker.told(&capture, "captured", captured), new("confirmed"));
    assert!(worker.due(json!({})).is_empty());
    let order = buyer.get(&path).ok(200).json();
    assert_eq!((&order["ticketCount"], &order["payments"][0]["status"]), (&json!(2), &json!("captured")));
    // The buyer asks again, with his key: it is his order, with tickets.
    let asked = json!({"holdId": order["holdId"], "paymentMethodId": "card-7"});
    let key = format!("order {}", order["holdId"].as_str().unwrap());
    buyer.with("idempotency-key", &key).post("/v1/orders", &asked).ok(201);
}

#[test]
fn reports_that_come_again_or_whose_answer_was_lost_change_nothing() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let (order, amount) = waiting(&server, &buyer, 0, 1);
    let pay = format!("{order}:pay:1");
    assert_eq!(worker.due(json!({"leaseSeconds": 1})).len(), 1);
    // Whoever had it is gone: it is handed out again, and marked.
    std::thread::sleep(Duration::from_millis(1_100));
    let again = worker.due(json!({}));
    assert_eq!((&again[0]["key"], &again[0]["mayHaveBeenDone"]), (&json!(pay), &json!(true)));
    // Nobody knows: somebody else may try.
    assert_eq!(worker.told(&pay, "unknown", json!({})), known("paying"));
    assert_eq!(worker.due(json!({}))[0]["mayHaveBeenDone"], true);
    assert_eq!(worker.told(&pay, "unknown", json!({"retryAfterMs": 600_000})), known("paying"));
    assert!(worker.due(json!({})).is_empty());
    // So young a payment may reach the provider yet.
    assert_eq!(worker.told(&pay, "not_found", json!({})), known("paying"));
    assert_eq!(worker.due(json!({})).len(), 1);

    let authorized = || worker.told(&pay, "authorized", json!({"reference": "ch_1"}));
    assert_eq!((authorized(), authorized()), (new("authorized"), known("authorized")));
    let captured = || worker.told(&pay, "captured", json!({"reference": "ch_1", "amount": amount}));
    assert_eq!((captured(), captured()), (new("confirmed"), known("confirmed")));
    let order = buyer.get(&format!("/v1/orders/{order}")).ok(200).json();
    assert_eq!((&order["ticketCount"], order["payments"].as_array().unwrap().len()), (&json!(1), 1));
}

#[test]
fn reports_in_the_wrong_order_end_where_the_money_is() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let (order, amount) = waiting(&server, &buyer, 0, 1);
    let pay = format!("{order}:pay:1");
    // The last first, and nobody has asked what is due.
    assert_eq!(
        worker.told(&pay, "captured", json!({"reference": "ch_1", "amount": amount})),
        new("confirmed")
    );
    assert_eq!(worker.told(&pay, "authorized", json!({"reference": "ch_1"})), known("confirmed"));
    assert_eq!(worker.told(&pay, "declined", json!({"code": "no"})), known("confirmed"));
    assert_eq!(worker.told(&pay, "voided", json!({})), known("confirmed"));

    // Declined, and the buyer pays in another way; then the first turns out to have been paid: it goes back.
    let (order, amount) = waiting(&server, &buyer, 5, 1);
    let (first, second) = (format!("{order}:pay:1"), format!("{order}:pay:2"));
    assert_eq!(worker.told(&first, "declined", json!({"code": "limit"})), new("open"));
    let path = format!("/v1/orders/{order}");
    assert_eq!(buyer.get(&path).ok(200).json()["payments"][0]["code"], "limit");
    let pay = json!({"paymentMethodId": "card-8"});
    buyer.with("idempotency-key", "again").post(&format!("{path}/payments"), &pay).ok(202);
    assert_eq!(
        worker.told(&second, "captured", json!({"reference": "ch_3", "amount": amount})),
        new("confirmed")
    );
    assert_eq!(
        worker.told(&first, "captured", json!({"reference": "ch_2", "amount": amount})),
        new("confirmed")
    );
    let back = format!("{order}:refund:1");
    assert_eq!(worker.only(), ("refund".to_owned(), back.clone()));
    assert_eq!(worker.told(&back, "refund_succeeded", json!({"reference": "re_1"})), new("confirmed"));
    let order = buyer.get(&path).ok(200).json();
    assert_eq!((&order["refunds"][0]["reason"], &order["ticketCount"]), (&json!("surplus"), &json!(1)));
}

#[test]
fn a_restart_between_an_effect_and_its_report_loses_neither() {
    let folder = std::env::temp_dir().join(format!("ticketcore-external-{}", std::process::id()));
    let data = folder.to_str().unwrap();
    let arguments = ["--gateway", "external", "--data", data];
    let mut server = Server::with(&arguments);
    let (buyer, mut worker) = (server.buyer(), Worker::of(&server));
    let (order, amount) = waiting(&server, &buyer, 0, 1);
    let (pay, capture) = (format!("{order}:pay:1"), format!("{order}:capture:1"));
    assert_eq!(worker.only(), ("authorize".to_owned(), pay.clone()));
    let mut restarted = || {
        server.process().kill().unwrap();
        server.process().wait().unwrap();
        server = Server::with(&arguments);
        server.anybody()
    };
    // Handed out, and the worker has done it at the provider; the server is another one.
    worker = Worker(restarted().with_token(worker.0.token.as_ref().unwrap()));
    let event = order_event(&worker, &order);
    let again = worker.due(json!({"eventId": event}));
    assert_eq!((&again[0]["key"], &again[0]["mayHaveBeenDone"]), (&json!(pay), &json!(true)));
    assert_eq!(worker.told(&pay, "authorized", json!({"reference": "ch_1"})), new("authorized"));
    // Reported by who was handed it before the restart.
    assert_eq!(worker.due(json!({"eventId": event}))[0]["key"], capture);
    worker = Worker(restarted().with_token(worker.0.token.as_ref().unwrap()));
    assert_eq!(
        worker.told(&capture, "captured", json!({"reference": "ch_1", "amount": amount})),
        new("confirmed")
    );
    assert!(worker.due(json!({"eventId": event})).is_empty());
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

/// The event that is on sale.
fn order_event(worker: &Worker, order: &str) -> String {
    let events = Client::new(worker.0.address).get("/v1/events").ok(200).json();
    assert!(order.starts_with("ord_"));
    events["items"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn money_goes_back_by_reservation_and_by_refund() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let (order, _) = waiting(&server, &buyer, 0, 1);
    let pay = format!("{order}:pay:1");
    assert_eq!(worker.told(&pay, "authorized", json!({"reference": "ch_1"})), new("authorized"));
    let path = format!("/v1/orders/{order}");
    assert_eq!(buyer.post(&format!("{path}/cancel"), &json!({})).ok(200).json()["status"], "cancelled");
    let void = format!("{order}:void:1");
    assert_eq!(worker.only(), ("void".to_owned(), void.clone()));
    assert_eq!(worker.told(&void, "voided", json!({})), new("cancelled"));
    assert!(worker.due(json!({})).is_empty());

    let (order, amount) = waiting(&server, &buyer, 2, 2);
    let captured = json!({"reference": "ch_2", "amount": amount});
    assert_eq!(worker.told(&format!("{order}:pay:1"), "captured", captured), new("confirmed"));
    let path = format!("/v1/orders/{order}/refunds");
    server.staff().with("idempotency-key", "r").post(&path, &json!({"tickets": [0]})).ok(201);
    let (first, second) = (format!("{order}:refund:1"), format!("{order}:refund:1.1"));
    assert_eq!(worker.only(), ("refund".to_owned(), first.clone()));
    let failed = json!({"code": "not_now", "retry": true});
    assert_eq!(worker.told(&first, "refund_failed", failed.clone()), new("confirmed"));
    // A try of its own, with a key of its own; news of the old one is old news.
    assert_eq!(worker.only(), ("refund".to_owned(), second.clone()));
    assert_eq!(worker.told(&first, "refund_failed", failed), known("confirmed"));
    assert_eq!(worker.told(&second, "refund_submitted", json!({"reference": "re_1"})), new("confirmed"));
    assert_eq!(worker.only(), ("look_up_refund".to_owned(), second.clone()));
    assert_eq!(worker.told(&second, "refund_succeeded", json!({"reference": "re_1"})), new("confirmed"));
    assert_eq!(buyer.get(&path).ok(200).json()["items"][0]["status"], "succeeded");
    // Days later the money comes back: it falls due again, and that it went is old news.
    let returned = json!({"code": "returned", "retry": true});
    assert_eq!(worker.told(&second, "refund_failed", returned), new("confirmed"));
    assert_eq!(worker.only(), ("refund".to_owned(), format!("{order}:refund:1.2")));
    assert_eq!(worker.told(&second, "refund_succeeded", json!({"reference": "re_1"})), known("confirmed"));
}

#[test]
fn reserved_money_is_not_paid_and_a_capture_that_is_refused_undoes_the_sale() {
    let server = shop();
    let worker = Worker::of(&server);
    let buyer = server.buyer();
    let event = server.event_with(json!({"capture": "on_confirm"}));
    let asked = json!({"eventId": event, "seatIds": server.seats(0, 1)});
    let hold = buyer.with("idempotency-key", "h").post("/v1/holds", &asked).ok(201).json();
    let order = server.order(&buyer, &hold, "card").ok(202).json()["orderId"].as_str().unwrap().to_owned();
    let pay = format!("{order}:pay:1");
    assert_eq!(worker.told(&pay, "authorized", json!({"reference": "ch_1"})), new("confirmed"));
    let refund = |what: Value| {
        let staff = server.staff().with("idempotency-key", "r");
        staff.post(&format!("/v1/orders/{order}/refunds"), &what)
    };
    refund(json!({"tickets": [0]})).ok(409).problem("not_paid");
    assert_eq!(worker.only().0, "capture");
    let refused = worker.told(&format!("{order}:capture:1"), "capture_refused", json!({"code": "lapsed"}));
    assert_eq!(refused, new("cancelled"));
    assert_eq!(buyer.get(&format!("/v1/orders/{order}")).ok(200).json()["reason"], "capture_refused");
    server.staff().post("/v1/admin/events", &json!({"venueId": "ven_1", "name": "x", "startsAt": "2030-05-01T18:00:00Z", "capture": "manual"})).ok(400).problem("validation_failed");
}

#[test]
fn what_costs_nothing_is_nobodys_to_pay() {
    let server = shop();
    let prices: serde_json::Map<_, _> = ticketcore::plan::generate(ticketcore::plan::VenueKind::Theatre)
        .categories
        .into_iter()
        .map(|category| (category.name, json!(0)))
        .collect();
    let event = server.event_with(json!({"prices": {"guest": prices}}));
    let asked = json!({"eventId": event, "seatIds": server.seats(0, 1)});
    let hold = server.buyer().with("idempotency-key", "h").post("/v1/holds", &asked).ok(201).json();
    let asked = json!({"holdId": hold["holdId"]});
    let order = server.buyer().with("idempotency-key", "o").post("/v1/orders", &asked).ok(201).json();
    assert_eq!((&order["status"], &order["ticketCount"]), (&json!("confirmed"), &json!(1)));
    assert!(Worker::of(&server).due(json!({})).is_empty());
}

#[test]
fn who_waits_is_told_when_something_is_due() {
    let server = shop();
    let worker = Worker::of(&server);
    let began = Instant::now();
    assert!(worker.due(json!({"waitSeconds": 1})).is_empty());
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    let token = worker.0.clone();
    let asking = std::thread::spawn(move || Worker(token).due(json!({"waitSeconds": 20})));
    std::thread::sleep(Duration::from_millis(300));
    let ordered = Instant::now();
    let (order, _) = waiting(&server, &server.buyer(), 0, 1);
    assert_eq!(asking.join().unwrap()[0]["orderId"], order);
    assert!(ordered.elapsed() < Duration::from_secs(5), "{:?}", ordered.elapsed());
}

#[test]
fn unknown_payment_unknown_refund_and_what_else_is_no_report() {
    let server = shop();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let (order, amount) = waiting(&server, &buyer, 0, 1);
    let reference = json!({"reference": "x"});
    worker.say(&format!("{order}:pay:2"), "authorized", reference.clone()).ok(404).problem("unknown_payment");
    worker.say(&format!("{order}:pay:0"), "authorized", reference.clone()).ok(404).problem("unknown_payment");
    let refund = format!("{order}:refund:1");
    worker.say(&refund, "refund_succeeded", reference.clone()).ok(404).problem("unknown_refund");
    let nobody = "ord_00000000000020000000000000001:pay:1";
    assert!([400, 404].contains(&worker.say(nobody, "authorized", reference.clone()).status));
    let pay = format!("{order}:pay:1");
    for (outcome, more, pointer) in [
        ("authorized", json!({}), "/reference"),
        ("authorized", json!({"reference": ""}), "/reference"),
        ("authorized", json!({"reference": "x", "amount": amount}), "/amount"),
        ("authorized", json!({"reference": "x", "lapsesAt": "soon"}), "/lapsesAt"),
        ("captured", reference.clone(), "/amount"),
        (
            "captured",
            json!({"reference": "x", "amount": {"amount": 1, "currency": "USD"}}),
            "/amount/currency",
        ),
        ("refund_succeeded", reference.clone(), "/outcome"),
        ("action_required", json!({}), "/nextAction"),
        ("declined", json!({"retry": true}), "/retry"),
        ("paid", json!({}), "/outcome"),
        ("voided", json!({"more": 1}), ""),
    ] {
        let refused = worker.say(&pay, outcome, more).ok(400).problem("validation_failed");
        assert!(
            refused["errors"][0]["pointer"].as_str().unwrap().starts_with(pointer),
            "{outcome}: {refused}"
        );
    }
    worker.say("x", "voided", json!({})).ok(400).problem("validation_failed");
    for bad in
        [json!({"limit": 0}), json!({"limit": 101}), json!({"leaseSeconds": 601}), json!({"waitSeconds": 21})]
    {
        worker.0.post("/v1/gateway/next-effects", &bad).ok(400).problem("validation_failed");
    }
    // None of that was news.
    assert_eq!(worker.only(), ("authorize".to_owned(), pay.clone()));

    for other in [server.buyer(), vendor(&server, json!(["sell", "orders", "events", "checkin"]), json!([]))]
    {
        other.post("/v1/gateway/next-effects", &json!({})).ok(403).problem("forbidden");
        Worker(other).say(&pay, "voided", json!({})).ok(403).problem("forbidden");
    }
    Worker(server.anybody()).say(&pay, "voided", json!({})).ok(401).problem("unauthorized");
    let second = server.event_with(json!({}));
    let elsewhere = Worker(vendor(&server, json!(["payments"]), json!([second])));
    assert!(elsewhere.due(json!({})).is_empty());
    elsewhere
        .0
        .post("/v1/gateway/next-effects", &json!({"eventId": server.event}))
        .ok(404)
        .problem("unknown_event");
    elsewhere.say(&pay, "voided", json!({})).ok(404).problem("unknown_order");
}

fn vendor(server: &Server, scopes: Value, events: Value) -> Client {
    let key = json!({"name": "x", "scopes": scopes, "eventIds": events});
    let made = server.staff().post("/v1/admin/keys", &key).ok(201).json();
    server.anybody().with_token(made["key"].as_str().unwrap())
}

#[test]
fn another_gateways_payments_are_not_the_vendors() {
    let server = Server::start();
    let (worker, buyer) = (Worker::of(&server), server.buyer());
    let hold = server.hold(&buyer, &server.seats(0, 1));
    let order = server.order(&buyer, &hold, "pm_requires_action").ok(202).json();
    assert!(worker.due(json!({})).is_empty());
    let pay = format!("{}:pay:1", order["orderId"].as_str().unwrap());
    worker
        .say(&pay, "captured", json!({"reference": "x", "amount": order["amount"]}))
        .ok(404)
        .problem("unknown_payment");
}
