//! What it takes to hold and to pay where people wait.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::server::Server;
use super::waiting_room::{admit, come_in, join, newcomer, open_room, shop, token};

#[test]
fn admit_lets_in_in_order_and_a_hold_takes_an_admission() {
    let server = Server::start();
    let shop = shop(&server);
    open_room(
        &server,
        &json!({"ticketsPerAdmission": 2, "control": {"targetActive": 5, "floorActive": 5, "increasePerStep": 1}}),
    );
    let buyer = newcomer(&shop);
    let seats = server.seats(0, 3);
    let asked = json!({"eventId": server.event, "seatIds": [seats[0]]});
    let hold = |client: &Client, key: &str| client.with("idempotency-key", key).post("/v1/holds", &asked);
    let refused = hold(&buyer, "none").ok(403).problem("admission_required");
    assert_eq!(refused["waitingRoom"], format!("/v1/waiting-room/{}", server.event));
    let place = join(&server, &buyer).ok(201).json();
    hold(&buyer.with("admission-token", token(&place)), "position").ok(403).problem("room_token");
    let admitted = come_in(&buyer, &place);
    assert_eq!(admitted["ticketsLeft"], 2);
    let again = admit(&buyer, &place).ok(200).json();
    assert_eq!(again["expiresAt"], admitted["expiresAt"], "a lost answer");
    let pass = admitted["admissionToken"].as_str().unwrap();
    // It is one buyer's.
    hold(&newcomer(&shop).with("admission-token", pass), "foreign").ok(403).problem("room_token");
    let inside = buyer.with("admission-token", pass);
    let many = json!({"eventId": server.event, "seatIds": seats});
    let refused = inside.with("idempotency-key", "many").post("/v1/holds", &many).ok(409);
    assert_eq!(refused.problem("admission_tickets")["ticketsLeft"], 2);
    let held = hold(&inside, "one").ok(201).json();
    // The same again uses nothing up.
    hold(&inside, "one").ok(201);
    assert_eq!(admit(&buyer, &place).ok(200).json()["ticketsLeft"], 1);
    let order = json!({"holdId": held["holdId"], "paymentMethodId": "pm_ok"});
    newcomer(&shop)
        .with("idempotency-key", "o")
        .post("/v1/orders", &order)
        .ok(403)
        .problem("admission_required");
    inside.with("idempotency-key", "o").post("/v1/orders", &order).ok(201);
    // A refused hold gives its tickets back; so does one that is released.
    let taken = json!({"eventId": server.event, "seatIds": [seats[0]]});
    inside.with("idempotency-key", "taken").post("/v1/holds", &taken).ok(409).problem("seats_unavailable");
    let other = json!({"eventId": server.event, "seatIds": [seats[1]]});
    let held = inside.with("idempotency-key", "two").post("/v1/holds", &other).ok(201).json();
    assert_eq!(admit(&buyer, &place).ok(200).json()["ticketsLeft"], 0);
    inside.delete(&format!("/v1/holds/{}", held["holdId"].as_str().unwrap())).ok(204);
    assert_eq!(admit(&buyer, &place).ok(200).json()["ticketsLeft"], 1);
    // Who goes out has used his admission up.
    let leave = json!({"positionToken": token(&place)});
    buyer.post("/v1/waiting-room/leave", &leave).ok(204);
    inside.with("idempotency-key", "out").post("/v1/holds", &other).ok(403).problem("admission_expired");
    admit(&buyer, &place).ok(409).problem("not_in_room");
    // Staff need none.
    let staff = server.staff().with("acting-user", "ann");
    staff.with("idempotency-key", "staff").post("/v1/holds", &other).ok(201);
}

#[test]
fn whose_time_has_ended_pays_for_what_he_held_with_an_admission_he_asked_for_again() {
    let server = Server::start();
    let shop = shop(&server);
    open_room(
        &server,
        &json!({"admissionMs": 10_000, "control": {"targetActive": 5, "floorActive": 5, "increasePerStep": 1}}),
    );
    let buyer = newcomer(&shop);
    let place = join(&server, &buyer).ok(201).json();
    let first = come_in(&buyer, &place);
    let ends = Instant::now() + Duration::from_millis(first["expiresInMs"].as_u64().unwrap() + 50);
    let with = |admitted: &Value| buyer.with("admission-token", admitted["admissionToken"].as_str().unwrap());
    let seats = server.seats(0, 2);
    let hold = |client: &Client, at: usize| {
        let asked = json!({"eventId": server.event, "seatIds": [seats[at]]});
        client.with("idempotency-key", &format!("h{at}")).post("/v1/holds", &asked)
    };
    let held = hold(&with(&first), 0).ok(201).json();
    std::thread::sleep(Duration::from_millis(5));
    let again = admit(&buyer, &place).ok(200).json();
    assert_eq!(again["expiresAt"], first["expiresAt"]);
    std::thread::sleep(ends.saturating_duration_since(Instant::now()));
    hold(&with(&again), 1).ok(403).problem("admission_expired");
    let order = json!({"holdId": held["holdId"], "paymentMethodId": "pm_ok"});
    let ordered = with(&again).with("idempotency-key", "o").post("/v1/orders", &order).ok(201).json();
    // And so he does whose answer was lost.
    let told = with(&again).with("idempotency-key", "o").post("/v1/orders", &order).ok(201).json();
    assert_eq!(told["orderId"], ordered["orderId"]);
}

#[test]
fn a_hold_asked_for_again_is_answered_again_when_its_tickets_or_the_admission_are_used_up() {
    let server = Server::start();
    let shop = shop(&server);
    let config = json!({"ticketsPerAdmission": 4, "control": {"targetActive": 5, "floorActive": 5, "increasePerStep": 1}});
    open_room(&server, &config);
    let buyer = newcomer(&shop);
    let place = join(&server, &buyer).ok(201).json();
    let admitted = come_in(&buyer, &place);
    let inside = buyer.with("admission-token", admitted["admissionToken"].as_str().unwrap());
    let seats = server.seats(0, 6);
    let hold = |client: &Client, key: &str, seats: &[Value]| {
        let asked = json!({"eventId": server.event, "seatIds": seats});
        client.with("idempotency-key", key).post("/v1/holds", &asked)
    };
    let seats: Vec<Value> = seats.iter().map(|seat| json!(seat)).collect();
    let first = hold(&inside, "a", &seats[..3]).ok(201).json();
    // More than are left: nothing new is begun, what was done is told.
    assert_eq!(hold(&inside, "a", &seats[..3]).ok(201).json()["holdId"], first["holdId"]);
    hold(&inside, "b", &seats[3..5]).ok(409).problem("admission_tickets");
    let left = || admit(&buyer, &place).ok(200).json()["ticketsLeft"].clone();
    assert_eq!(left(), 1);
    // One seat for another costs nothing, one less is one more elsewhere, and a hold is given back once.
    let path = format!("/v1/holds/{}", first["holdId"].as_str().unwrap());
    let amend = |key: &str, asked: &Value| {
        let asked = asked.to_string();
        inside.with("idempotency-key", key).send("PATCH", &path, Some(asked.as_bytes()))
    };
    let add = |seat: &Value| json!([{"seatIds": [seat], "ticketType": "adult"}]);
    amend("c", &json!({"removeSeatIds": [seats[0]], "addItems": add(&seats[3])})).ok(200);
    assert_eq!(left(), 1);
    amend("d", &json!({"removeSeatIds": [seats[1]]})).ok(200);
    assert_eq!(left(), 2);
    inside.delete(&path).ok(204);
    inside.delete(&path).ok(204);
    assert_eq!(left(), 4);
    let held = hold(&inside, "e", &seats[..1]).ok(201).json();
    buyer.post("/v1/waiting-room/leave", &json!({"positionToken": token(&place)})).ok(204);
    assert_eq!(hold(&inside, "e", &seats[..1]).ok(201).json()["holdId"], held["holdId"]);
    hold(&inside, "f", &seats[1..2]).ok(403).problem("admission_expired");
    // What he has he may pay for, even without the token.
    let order = json!({"holdId": held["holdId"], "paymentMethodId": "pm_ok"});
    buyer.with("idempotency-key", "o").post("/v1/orders", &order).ok(201);
}

#[test]
fn nobody_gets_around_the_waiting_room_by_the_waiting_list() {
    let server = Server::start();
    let shop = shop(&server);
    open_room(&server, &json!({"control": {"fixedActive": 0}}));
    let path = format!("/v1/events/{}/waiting-list", server.event);
    let asked = json!({"places": 1});
    let refused = newcomer(&shop).with("idempotency-key", "w").post(&path, &asked).ok(403);
    refused.problem("admission_required");
}

#[test]
fn a_place_in_the_waiting_list_asked_for_again_is_answered_again_when_the_admission_is_used_up() {
    let server = Server::start();
    let shop = shop(&server);
    open_room(&server, &json!({"control": {"targetActive": 5, "floorActive": 5, "increasePerStep": 1}}));
    let buyer = newcomer(&shop);
    let place = join(&server, &buyer).ok(201).json();
    let admitted = come_in(&buyer, &place);
    let inside = buyer.with("admission-token", admitted["admissionToken"].as_str().unwrap());
    // Nobody may hold anything while the sale is interrupted, but may wait.
    let state = format!("/v1/admin/events/{}/sale-state", server.event);
    server.staff().post(&state, &json!({"state": "paused"})).ok(200);
    let path = format!("/v1/events/{}/waiting-list", server.event);
    let wait = |client: &Client, key: &str, places: u32| {
        client.with("idempotency-key", key).post(&path, &json!({"places": places}))
    };
    let entry = wait(&inside, "a", 2).ok(201).json();
    buyer.post("/v1/waiting-room/leave", &json!({"positionToken": token(&place)})).ok(204);
    for asks in [&inside, &buyer] {
        let again = wait(asks, "a", 2).ok(201);
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.json()["entry"], entry["entry"]);
    }
    // Nothing new is begun: not under that key, nor under another, nor by another.
    wait(&inside, "a", 1).ok(422).problem("idempotency_key_reused");
    wait(&inside, "b", 2).ok(403).problem("admission_expired");
    wait(&buyer, "b", 2).ok(403).problem("admission_required");
    wait(&newcomer(&shop), "a", 2).ok(403).problem("admission_required");
    assert_eq!(buyer.get(&path).ok(200).json()["entries"].as_array().unwrap().len(), 1);
}
