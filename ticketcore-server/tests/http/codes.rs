//! One test a problem code that no other file shows, named after it.

use serde_json::json;

use super::client::Client;
use super::server::Server;

fn ask(buyer: &Client, key: &str, body: &serde_json::Value) -> super::client::Reply {
    buyer.with("idempotency-key", key).post("/v1/holds", body)
}

#[test]
fn seats_unavailable_duplicate_seat_unknown_seats_nothing_requested() {
    let server = Server::start();
    let seats = server.seats(0, 2);
    server.hold(&server.new_buyer(), &seats[..1]);
    let buyer = server.buyer();
    let seat_ids = |ids: &[&str]| json!({"eventId": server.event, "seatIds": ids});
    let refused = ask(&buyer, "a", &seat_ids(&[&seats[0], &seats[1]])).ok(409).problem("seats_unavailable");
    assert_eq!(refused["conflicts"][0]["seatId"], seats[0].as_str());
    assert_eq!(refused["conflicts"][0]["state"], "held");
    assert!(refused["conflicts"][0]["freeAtLatest"].is_string());
    ask(&buyer, "a", &seat_ids(&[&seats[1], &seats[1]])).ok(400).problem("duplicate_seat");
    let unknown = ask(&buyer, "a", &seat_ids(&["nowhere", &seats[1]])).ok(404).problem("unknown_seats");
    assert_eq!(unknown["seatIds"], json!(["nowhere"]));
    ask(&buyer, "a", &json!({"eventId": server.event, "items": []})).ok(400).problem("nothing_requested");
    // None of that used the key up.
    ask(&buyer, "a", &seat_ids(&[&seats[1]])).ok(201);
}

#[test]
fn unknown_event_unknown_section_unknown_category_unknown_area_unknown_ticket_type_unknown_code() {
    let server = Server::start();
    let buyer = server.buyer();
    let hold = |item: serde_json::Value| ask(&buyer, "a", &json!({"eventId": server.event, "items": [item]}));
    hold(json!({"bestAvailable": {"quantity": 1, "section": "x"}})).ok(404).problem("unknown_section");
    hold(json!({"bestAvailable": {"quantity": 1, "category": "x"}})).ok(404).problem("unknown_category");
    hold(json!({"areaId": "x", "quantity": 1})).ok(404).problem("unknown_area");
    hold(json!({"seatIds": server.seats(0, 1), "ticketType": "x"})).ok(404).problem("unknown_ticket_type");
    let coded = json!({"eventId": server.event, "seatIds": server.seats(0, 1), "accessCode": "guess"});
    let refused = ask(&buyer, "a", &coded).ok(404);
    assert!(refused.headers.contains_key("retry-after"));
    refused.problem("unknown_code");
    let nowhere = json!({"eventId": "evt_00000000000zz", "seatIds": ["a"]});
    ask(&buyer, "a", &nowhere).ok(404).problem("unknown_event");
}

#[test]
fn limit_exceeded_user_limit_best_available_miss() {
    let server = Server::start();
    let buyer = server.buyer();
    let best =
        |count: u32| json!({"eventId": server.event, "items": [{"bestAvailable": {"quantity": count}}]});
    ask(&buyer, "a", &best(100_000)).ok(400).problem("limit_exceeded");
    let refused = ask(&buyer, "a", &best(11)).ok(409).problem("user_limit");
    assert_eq!((&refused["max"], &refused["asked"]), (&json!(10), &json!(11)));
    let dear = json!({"eventId": server.event, "items": [{"bestAvailable": {"quantity": 2, "maxPrice": 1}}]});
    ask(&buyer, "a", &dear).ok(409).problem("best_available_miss");
    let long = json!({"eventId": server.event, "seatIds": server.seats(0, 1), "ttlSeconds": 86_400});
    ask(&buyer, "a", &long).ok(400).problem("limit_exceeded");
}

#[test]
fn sale_state_of_an_event_that_is_not_on_sale() {
    let server = Server::start();
    let state = format!("/v1/admin/events/{}/sale-state", server.event);
    server.staff().post(&state, &json!({"state": "paused"})).ok(200);
    let asked = json!({"eventId": server.event, "seatIds": server.seats(0, 1)});
    let refused = ask(&server.buyer(), "a", &asked).ok(409).problem("sale_state");
    assert_eq!(refused["saleState"], "paused");
}

#[test]
fn hold_pinned_not_in_hold_hold_would_be_empty_no_extension_left() {
    let server = Server::start();
    let buyer = server.buyer();
    let seats = server.seats(0, 2);
    let hold = server.hold(&buyer, &seats[..1]);
    let path = format!("/v1/holds/{}", hold["holdId"].as_str().unwrap());
    let amend = |body: serde_json::Value| buyer.send("PATCH", &path, Some(body.to_string().as_bytes()));
    amend(json!({"removeSeatIds": [seats[1]]})).ok(409).problem("not_in_hold");
    amend(json!({"removeSeatIds": [seats[0]]})).ok(409).problem("hold_would_be_empty");
    for key in ["1", "2"] {
        buyer.with("idempotency-key", key).post(&format!("{path}/extend"), &json!({})).ok(200);
    }
    let third = buyer.with("idempotency-key", "3").post(&format!("{path}/extend"), &json!({}));
    third.ok(409).problem("no_extension_left");
    server.order(&buyer, &hold, "pm_declined").ok(402).problem("payment_declined");
    buyer.delete(&path).ok(409).problem("hold_pinned");
}

#[test]
fn order_state_ticket_not_valid_refund_too_large_price_differs_unknown_hold() {
    let server = Server::start();
    let buyer = server.buyer();
    let order = server.sold(&buyer, &server.seats(0, 2));
    let path = format!("/v1/orders/{}", order["orderId"].as_str().unwrap());
    buyer.post(&format!("{path}/cancel"), &json!({})).ok(409).problem("order_state");
    let staff = |key: &str, body: serde_json::Value| {
        server.staff().with("idempotency-key", key).post(&format!("{path}/refunds"), &body)
    };
    staff("a", json!({"amount": 100_000_000})).ok(409).problem("refund_too_large");
    staff("a", json!({"tickets": [7]})).ok(404).problem("unknown_ticket");
    staff("a", json!({"full": true, "amount": 1})).ok(400).problem("validation_failed");
    staff("a", json!({"tickets": [0]})).ok(201);
    staff("b", json!({"tickets": [0]})).ok(409).problem("ticket_not_valid");
    let far = json!({"tickets": [1], "items": [{"seatIds": server.seats(1_200, 1)}]});
    buyer
        .with("idempotency-key", "x")
        .post(&format!("{path}/exchange"), &far)
        .ok(409)
        .problem("price_differs");
    let gone = json!({"holdId": "hld_00000000000010000000000001", "paymentMethodId": "pm_ok"});
    buyer.with("idempotency-key", "o").post("/v1/orders", &gone).ok(404).problem("unknown_hold");
}

#[test]
fn precondition_failed_for_a_version_that_is_none() {
    let server = Server::start();
    let buyer = server.buyer();
    let hold = server.hold(&buyer, &server.seats(0, 1));
    let path = format!("/v1/holds/{}", hold["holdId"].as_str().unwrap());
    let amend = json!({"addItems": [{"seatIds": server.seats(1, 1)}]}).to_string();
    for tag in ["W/\"1\"", "\"x\"", "1", "\"1\", \"2\""] {
        let refused = buyer.with("if-match", tag).send("PATCH", &path, Some(amend.as_bytes()));
        refused.ok(412).problem("precondition_failed");
    }
    buyer.with("if-match", "*").send("PATCH", &path, Some(amend.as_bytes())).ok(200);
}
