//! Refusals of the engine that take an event of their own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ticketcore::plan::{VenueKind, generate};

use super::client::{Client, Reply};
use super::server::Server;

fn hold(buyer: &Client, key: &str, event: &str, item: Value) -> Reply {
    let asked = json!({"eventId": event, "items": [item]});
    buyer.with("idempotency-key", key).post("/v1/holds", &asked)
}

#[test]
fn hold_expired_between_its_deadline_and_the_sweep() {
    let server = Server::start();
    let event = server.event_with(json!({"holdTtlSeconds": 1}));
    let buyer = server.buyer();
    let began = Instant::now();
    // An overdue hold is swept within milliseconds; from then on it is unknown.
    for turn in 0.. {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no hold was met between its deadline and the sweep"
        );
        let asked = json!({"seatIds": server.seats(turn % 1_000, 1)});
        let held = hold(&buyer, &format!("hold {turn}"), &event, asked).ok(201).json();
        let path = format!("/v1/holds/{}", held["holdId"].as_str().unwrap());
        let amend = json!({"addItems": [{"seatIds": server.seats(1_100, 1)}]}).to_string();
        let stale = buyer.with("if-match", "\"1\"");
        std::thread::sleep(Duration::from_millis(held["expiresInMs"].as_u64().unwrap().saturating_sub(15)));
        let over = loop {
            let refused = stale.send("PATCH", &path, Some(amend.as_bytes()));
            if refused.status != 412 {
                break refused;
            }
            refused.problem("stale_hold");
        };
        if over.status == 410 {
            let told = over.problem("hold_expired");
            assert_eq!(told["expiredAt"], held["expiresAt"]);
            return;
        }
        over.ok(404).problem("unknown_hold");
    }
}

#[test]
fn orphan_seat_where_the_event_allows_none() {
    let server = Server::start();
    let event = server.event_with(json!({"orphanRule": true}));
    let seats = server.seats(0, 4);
    let buyer = server.buyer();
    let apart = json!({"seatIds": [seats[0], seats[2]]});
    let refused = hold(&buyer, "a", &event, apart.clone()).ok(409).problem("orphan_seat");
    assert_eq!(refused["seatIds"], json!([seats[1]]));
    // Where it is not the rule nobody minds.
    hold(&buyer, "b", &server.event, apart).ok(201);
    hold(&buyer, "a", &event, json!({"seatIds": [seats[0], seats[1]]})).ok(201);
}

#[test]
fn not_sold_to_whom_there_is_no_price() {
    let server = Server::start();
    let categories = generate(VenueKind::Theatre).categories;
    let (first, last) = (&categories[0].name, &categories[categories.len() - 1].name);
    assert!(first != last);
    let all: serde_json::Map<_, _> =
        categories.iter().map(|category| (category.name.clone(), json!(4_000))).collect();
    let event = server.event_with(json!({"prices": {"adult": all, "student": {last: 2_000}}}));
    let best = |key: &str, kind: &str, category: &str| {
        let item = json!({"bestAvailable": {"quantity": 1, "category": category}, "ticketType": kind});
        hold(&server.buyer(), key, &event, item)
    };
    best("a", "student", first).ok(409).problem("not_sold");
    best("b", "student", last).ok(201);
    best("c", "adult", first).ok(201);
}

#[test]
fn area_exhausted_with_what_is_left() {
    let server = Server::with(&["--venues", "theatre,arena"]);
    let staff = server.staff();
    let venues = server.anybody().get("/v1/venues").ok(200).json();
    let events = server.anybody().get("/v1/events").ok(200).json();
    let large =
        events["items"].as_array().unwrap().iter().find(|event| event["name"] == "The Long Encore").unwrap();
    let large = server.anybody().get(&format!("/v1/events/{}", large["id"].as_str().unwrap())).ok(200).json();
    let area = large["areas"][0]["id"].as_str().unwrap();
    let arena = venues["items"].as_array().unwrap().iter().find(|venue| venue["name"] == "Arena").unwrap();
    let asked = json!({"venueId": arena["id"], "name": "Small", "startsAt": "2030-05-01T18:00:00Z",
        "areaCapacities": {area: 5}});
    let event = staff.post("/v1/admin/events", &asked).ok(201).json()["id"].as_str().unwrap().to_owned();
    staff.post(&format!("/v1/admin/events/{event}/sale-state"), &json!({"state": "onsale"})).ok(200);
    hold(&server.buyer(), "a", &event, json!({"areaId": area, "quantity": 3})).ok(201);
    let refused = hold(&server.new_buyer(), "b", &event, json!({"areaId": area, "quantity": 3})).ok(409);
    let refused = refused.problem("area_exhausted");
    assert_eq!((&refused["areaId"], &refused["left"]), (&json!(area), &json!(2)));
    hold(&server.new_buyer(), "b", &event, json!({"areaId": area, "quantity": 2})).ok(201);
}

#[test]
fn outcome_unknown_of_an_order_whose_gateway_takes_longer_than_the_request_may() {
    // The gateway takes longer than the request may: it may have been done, and it was.
    let arguments =
        ["payments.patience_ms=20000", "limits.request_timeout_ms=1200", "limits.body_timeout_ms=1000"];
    let arguments: Vec<&str> = arguments.iter().flat_map(|option| ["--set", option]).collect();
    let server = Server::with(&arguments);
    let buyer = server.buyer();
    let held = server.hold(&buyer, &server.seats(0, 1));
    server.order(&buyer, &held, "pm_slow:1800").ok(503).problem("outcome_unknown");
    let order = held["holdId"].as_str().unwrap().replacen("hld_", "ord_", 1);
    let began = Instant::now();
    while buyer.get(&format!("/v1/orders/{order}")).ok(200).json()["status"] != "confirmed" {
        assert!(began.elapsed() < Duration::from_secs(20), "the order goes on by itself");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.order(&buyer, &held, "pm_slow:1800").ok(201).json()["orderId"], order);
}
