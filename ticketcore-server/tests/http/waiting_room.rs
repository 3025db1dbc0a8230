//! The waiting room: joining, the lottery, coming in, and what it takes to hold.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use ticketcore::admission::{EntrantTag, verify_inclusion};

use super::bots::solution;
use super::client::{Client, Reply, listen};
use super::server::Server;

fn set_up(server: &Server, config: &Value) -> Value {
    let path = format!("/v1/admin/waiting-rooms/{}", server.event);
    let mut config = config.clone();
    if config.get("entry").is_none() {
        config["entry"] = "account".into();
    }
    server.staff().send("PUT", &path, Some(config.to_string().as_bytes())).ok(200).json()
}

fn phase(server: &Server, phase: &str) -> Reply {
    let path = format!("/v1/admin/waiting-rooms/{}/phase", server.event);
    server.staff().post(&path, &json!({"phase": phase}))
}

fn draw(server: &Server, entropy: &str) -> Reply {
    let path = format!("/v1/admin/waiting-rooms/{}/draw", server.event);
    server.staff().post(&path, &json!({"entropy": entropy}))
}

/// A key that acts for buyers and passes no room.
pub fn shop(server: &Server) -> Client {
    let asked = json!({"name": "shop", "scopes": ["sell"]});
    let made = server.staff().post("/v1/admin/keys", &asked).ok(201).json();
    server.anybody().with_token(made["key"].as_str().unwrap())
}

/// Somebody with an account at that shop who has not been here before.
pub fn newcomer(shop: &Client) -> Client {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    shop.with("acting-user", &format!("user-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

pub fn join(server: &Server, buyer: &Client) -> Reply {
    buyer.post("/v1/waiting-room/join", &json!({"eventId": server.event}))
}

pub fn token(place: &Value) -> &str {
    place["positionToken"].as_str().unwrap()
}

/// The number of the key that signed a place's token.
fn signed_with(place: &Value) -> u8 {
    BASE64_URL_SAFE_NO_PAD.decode(&token(place)[4..]).unwrap()[3]
}

pub fn admit(buyer: &Client, place: &Value) -> Reply {
    buyer.post("/v1/waiting-room/admit", &json!({"positionToken": token(place)}))
}

fn status(server: &Server) -> Value {
    server.anybody().get(&format!("/v1/waiting-room/{}", server.event)).ok(200).json()
}

/// Asks to come in until it is so.
pub fn come_in(buyer: &Client, place: &Value) -> Value {
    let began = Instant::now();
    loop {
        let reply = admit(buyer, place);
        if reply.status == 200 {
            return reply.json();
        }
        assert_eq!(reply.status, 202, "{}", reply.json());
        assert!(began.elapsed() < Duration::from_secs(20), "not called");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn open_room(server: &Server, config: &Value) {
    set_up(server, config);
    phase(server, "open").ok(200);
}

#[test]
fn set_up_waiting_room_get_waiting_room_and_what_can_not_be_set() {
    let server = Server::start();
    let shop = shop(&server);
    let path = format!("/v1/waiting-room/{}", server.event);
    server.anybody().get(&path).ok(404).problem("no_waiting_room");
    join(&server, &newcomer(&shop)).ok(404).problem("no_waiting_room");
    let told = set_up(&server, &json!({"entropySource": "a block to come"}));
    assert_eq!((&told["phase"], &told["joined"]), (&"closed".into(), &0.into()));
    assert_eq!(told["lottery"]["entropySource"], "a block to come");
    assert_eq!(told["lottery"]["commitment"].as_str().unwrap().len(), 64);
    assert_eq!(told["lottery"].get("key"), None);
    join(&server, &newcomer(&shop)).ok(409).problem("room_phase");
    let admin = format!("/v1/admin/waiting-rooms/{}", server.event);
    for wrong in [json!({"absenceMs": 1}), json!({"control": {"targetActive": 0}}), json!({"what": 1})] {
        let reply = server.staff().send("PUT", &admin, Some(wrong.to_string().as_bytes()));
        reply.ok(400).problem("validation_failed");
    }
    server.buyer().send("PUT", &admin, Some(b"{}")).ok(403).problem("forbidden");
    let shown = server.anybody().get(&path).ok(200);
    assert_eq!(shown.headers["cache-control"], "public, max-age=1");
    let again = server.anybody().with("if-none-match", &shown.headers["etag"]).get(&path);
    assert!(again.status == 304 || again.headers["etag"] != shown.headers["etag"], "a step has passed");
    phase(&server, "prequeue").ok(200);
    let other = json!({"entry": "account", "entropySource": "another"});
    let reply = server.staff().send("PUT", &admin, Some(other.to_string().as_bytes()));
    reply.ok(400).problem("validation_failed");
}

#[test]
fn join_waiting_room_again_and_again_is_one_place() {
    let server = Server::start();
    let shop = shop(&server);
    set_up(&server, &json!({"entropySource": "a block to come"}));
    phase(&server, "prequeue").ok(200);
    let (buyer, other) = (newcomer(&shop), newcomer(&shop));
    let place = join(&server, &buyer).ok(201).json();
    assert_eq!((&place["number"], place.get("position")), (&0.into(), None));
    for _again in 0..5 {
        let again = join(&server, &buyer).ok(200).json();
        assert_eq!(again["number"], 0);
        assert_eq!(again["entrant"], place["entrant"]);
    }
    assert_eq!(join(&server, &other).ok(201).json()["number"], 1);
    // Somebody else's token, a forged one, one of another kind.
    for bad in [token(&place).to_owned(), token(&place).replacen("pos_A", "pos_B", 1)] {
        let asked = json!({"positionToken": bad});
        other.post("/v1/waiting-room/admit", &asked).ok(403).problem("room_token");
    }
    let asked = json!({"positionToken": "pos_short"});
    other.post("/v1/waiting-room/admit", &asked).ok(403).problem("room_token");
    assert_eq!(admit(&buyer, &place).ok(202).json()["number"], 0);
}

#[test]
fn move_waiting_room_draw_lottery_prove_entry_and_get_draw_that_anybody_can_check() {
    let server = Server::start();
    let shop = shop(&server);
    set_up(&server, &json!({"entropySource": "a block to come"}));
    phase(&server, "prequeue").ok(200);
    draw(&server, "early").ok(409).problem("room_phase");
    let people: Vec<Client> = (0..7).map(|_| newcomer(&shop)).collect();
    let places: Vec<Value> = people.iter().map(|buyer| join(&server, buyer).ok(201).json()).collect();
    let prove = |buyer: &Client, place: &Value| {
        buyer.post("/v1/waiting-room/proof", &json!({"positionToken": token(place)}))
    };
    prove(&people[0], &places[0]).ok(409).problem("room_phase");
    let path = format!("/v1/waiting-room/{}/draw", server.event);
    server.anybody().get(&path).ok(409).problem("room_phase");
    let before = phase(&server, "drawing").ok(200).json();
    assert_eq!(before["lottery"]["entrants"], 7);
    let late = newcomer(&shop);
    let last = join(&server, &late).ok(201).json();
    assert_eq!(last["position"], 7, "behind the lottery, and known");
    draw(&server, "").ok(400).problem("validation_failed");
    draw(&server, "0000abcd").ok(200);
    draw(&server, "0000abce").ok(409).problem("room_phase");
    let drawn = server.anybody().get(&path).ok(200).json();
    for member in ["commitment", "entropySource", "entrants", "root"] {
        assert_eq!(drawn[member], before["lottery"][member], "{member}");
    }
    prove(&late, &last).ok(409).problem("not_in_room");
    let folder = std::env::temp_dir().join(format!("ticketcore-draw-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, value: &Value| {
        std::fs::write(folder.join(name), value.to_string()).unwrap();
        folder.join(name)
    };
    let verify = |draw: &Value, entry: &Value| {
        let output = Command::new(env!("CARGO_BIN_EXE_ticketcore-server"))
            .arg("verify-draw")
            .arg(file("draw", draw))
            .arg("--status")
            .arg(file("status", &before))
            .arg("--entry")
            .arg(file("entry", entry))
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let mut positions = Vec::new();
    for (buyer, place) in people.iter().zip(&places) {
        let proof = prove(buyer, place).ok(200).json();
        let hash = |text: &Value| -> [u8; 32] {
            let text = text.as_str().unwrap();
            std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        };
        let path: Vec<_> = proof["path"].as_array().unwrap().iter().map(hash).collect();
        let tag = EntrantTag::from_hex(proof["entrant"].as_str().unwrap()).unwrap();
        let number = proof["number"].as_u64().unwrap();
        assert!(verify_inclusion(&tag.leaf(number), number, 7, &path, &hash(&drawn["root"])));
        let (good, told) = verify(&drawn, &proof);
        assert!(good, "{told}");
        let now = join(&server, buyer).ok(200).json();
        assert!(told.contains(&format!("number {number} has place {} ", now["position"])), "{told}");
        positions.push(now["position"].as_u64().unwrap());
        for (member, value) in
            [("entrants", json!(8)), ("root", json!("00".repeat(32))), ("key", json!("11".repeat(32)))]
        {
            let mut other = drawn.clone();
            other[member] = value;
            assert!(!verify(&other, &proof).0, "{member}");
        }
    }
    positions.sort_unstable();
    assert_eq!(positions, (0..7).collect::<Vec<_>>());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn leave_waiting_room_and_come_back_last() {
    let server = Server::start();
    let shop = shop(&server);
    open_room(&server, &json!({"control": {"fixedActive": 0}}));
    let (first, second) = (newcomer(&shop), newcomer(&shop));
    let place = join(&server, &first).ok(201).json();
    assert_eq!((&place["position"], &place["ahead"]), (&0.into(), &0.into()));
    assert_eq!(join(&server, &second).ok(201).json()["position"], 1);
    let leave = json!({"positionToken": token(&place)});
    first.post("/v1/waiting-room/leave", &leave).ok(204);
    first.post("/v1/waiting-room/leave", &leave).ok(204);
    admit(&first, &place).ok(409).problem("not_in_room");
    second.post("/v1/waiting-room/leave", &leave).ok(403).problem("room_token");
    assert_eq!(join(&server, &first).ok(201).json()["number"], 0, "nobody was called: it is his again");
}

#[test]
fn who_is_called_and_does_not_come_has_lost_his_place() {
    let server = Server::start();
    let shop = shop(&server);
    open_room(&server, &json!({"absenceMs": 1000, "claimMs": 1000}));
    let buyer = newcomer(&shop);
    let place = join(&server, &buyer).ok(201).json();
    let began = Instant::now();
    while status(&server)["servingNumber"] == 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "not called");
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_millis(1_100));
    admit(&buyer, &place).ok(410).problem("place_lost");
    assert_eq!(join(&server, &buyer).ok(201).json()["number"], 1);
}

#[test]
fn invite_gives_places_that_are_one_each_and_accounts_are_asked_for() {
    let server = Server::start();
    open_room(&server, &json!({"entry": "invite"}));
    let path = format!("/v1/admin/waiting-rooms/{}/invitations", server.event);
    server.staff().post(&path, &json!({"count": 0, "ttlSeconds": 60})).ok(400).problem("validation_failed");
    let made = server.staff().post(&path, &json!({"count": 2, "ttlSeconds": 60})).ok(201).json();
    let with = |buyer: &Client, invitation: &Value| {
        let asked = json!({"eventId": server.event, "invitation": invitation});
        buyer.post("/v1/waiting-room/join", &asked)
    };
    let (first, second) = (server.buyer(), server.new_buyer());
    join(&server, &first).ok(403).problem("invitation_required");
    with(&first, &json!("inv_no")).ok(403).problem("room_token");
    let place = with(&first, &made["invitations"][0]).ok(201).json();
    assert_eq!(with(&second, &made["invitations"][0]).ok(200).json()["number"], place["number"], "one place");
    assert_eq!(with(&second, &made["invitations"][1]).ok(201).json()["number"], 1);
    let admitted = come_in(&first, &place);
    let pass = admitted["admissionToken"].as_str().unwrap();
    let asked = json!({"eventId": server.event, "seatIds": server.seats(0, 1)});
    let second = second.with("admission-token", pass).with("idempotency-key", "h");
    second.post("/v1/holds", &asked).ok(403).problem("room_token");
    let first = first.with("admission-token", pass).with("idempotency-key", "h");
    first.post("/v1/holds", &asked).ok(201);

    let server = Server::start();
    open_room(&server, &json!({"entry": "account"}));
    join(&server, &server.buyer()).ok(403).problem("account_required");
    let vendor = server.staff().with("acting-user", "ann");
    join(&server, &vendor).ok(201);
}

#[test]
fn stream_waiting_room_tells_what_changes() {
    let server = Server::start();
    open_room(&server, &json!({}));
    let path = format!("/v1/waiting-room/{}/stream", server.event);
    let event = listen(server.address, &path, |text| text.contains("event: status"));
    assert!(event.contains("event: status") && event.contains("\"phase\":\"open\""), "{event}");
}

#[test]
fn killed_the_room_has_every_place_phase_and_admission() {
    let folder = std::env::temp_dir().join(format!("ticketcore-room-{}", std::process::id()));
    let data = folder.to_str().unwrap();
    let server = Server::with(&["--data", data]);
    let shop = shop(&server);
    open_room(
        &server,
        &json!({"entropySource": "x", "control": {"targetActive": 3, "floorActive": 3, "increasePerStep": 1}}),
    );
    let people: Vec<Client> = (0..20).map(|_| newcomer(&shop)).collect();
    let places: Vec<Value> = people.iter().map(|buyer| join(&server, buyer).ok(201).json()).collect();
    let admitted = come_in(&people[0], &places[0]);
    let (event, commitment) = (server.event.clone(), status(&server)["lottery"]["commitment"].clone());
    drop(server);
    // From now on another key signs.
    let rotate = ["keys", "--data", data, "rotate-room"];
    let rotated = Command::new(env!("CARGO_BIN_EXE_ticketcore-server")).args(rotate).status().unwrap();
    assert!(rotated.success());
    let server = Server::with(&["--data", data]);
    assert_eq!(server.event, event);
    assert_eq!(status(&server)["lottery"]["commitment"], commitment);
    for (buyer, place) in people.iter().zip(&places).skip(1) {
        let buyer = Client { address: server.address, ..buyer.clone() };
        let again = join(&server, &buyer).ok(200).json();
        assert_eq!((&again["number"], &again["position"]), (&place["number"], &place["position"]));
        assert_eq!([signed_with(place), signed_with(&again)], [1, 2]);
        // Tokens of before the kill are good.
        assert!([200, 202].contains(&admit(&buyer, place).status));
    }
    let buyer = Client { address: server.address, ..people[0].clone() };
    assert_eq!(admit(&buyer, &places[0]).ok(200).json()["expiresAt"], admitted["expiresAt"]);
    let inside = buyer.with("admission-token", admitted["admissionToken"].as_str().unwrap());
    let asked = json!({"eventId": server.event, "seatIds": server.seats(0, 1)});
    inside.with("idempotency-key", "h").post("/v1/holds", &asked).ok(201);
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_room_for_anybody_takes_a_solved_challenge_once() {
    let server = Server::with(&["--set", "guard.challenge.cost=100"]);
    set_up(&server, &json!({"entry": "challenge"}));
    phase(&server, "open").ok(200);
    let buyer = server.buyer();
    join(&server, &buyer).ok(403).problem("challenge_required");
    let asked = json!({"eventId": server.event, "challenge": solution(&buyer)});
    let place = buyer.post("/v1/waiting-room/join", &asked).ok(201).json();
    // Who is in the room has solved one.
    assert_eq!(join(&server, &buyer).ok(200).json()["number"], place["number"]);
    let asked = json!({"eventId": server.event, "challenge": "no"});
    server.new_buyer().post("/v1/waiting-room/join", &asked).ok(403).problem("challenge_required");
}
