//! Who behaves like a bot, and the way through for who does not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use altcha::{Challenge, Payload, SolveChallengeOptions, solve_challenge};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::client::{Client, Reply};
use super::server::Server;

/// A server that judges this machine too, by one rule: more than `over` of something of a user's within ten minutes is worth `points`.
fn judging(counts: &str, over: u32, points: u32, more: &[&str]) -> Server {
    let rule = format!(
        "guard.risk.velocity=[{{ name = 'often', counts = '{counts}', by = 'user', seconds = 600, over = {over}, points = {points} }}]"
    );
    let options = [
        "guard.allow=[]",
        "guard.challenge.cost=1",
        "guard.challenge.cost_max=4",
        "guard.risk.new_device=0",
        &rule,
    ];
    let with = options.iter().chain(more).flat_map(|option| ["--set", option]);
    Server::with(&with.collect::<Vec<_>>())
}

fn place(server: &Server, buyer: &Client, key: &str, seat: usize) -> Reply {
    let asked = json!({"eventId": server.event, "seatIds": server.seats(seat, 1)});
    buyer.with("idempotency-key", key).post("/v1/holds", &asked)
}

/// A challenge for a caller, solved as a widget does.
pub fn solution(client: &Client) -> String {
    let challenge: Challenge = serde_json::from_value(client.get("/v1/challenge").ok(200).json()).unwrap();
    solved(challenge)
}

fn solved(challenge: Challenge) -> String {
    let solution = solve_challenge(SolveChallengeOptions::new(&challenge)).unwrap().unwrap();
    BASE64_STANDARD.encode(serde_json::to_vec(&Payload { challenge, solution }).unwrap())
}

#[test]
fn get_challenge_and_its_solution_is_the_way_through_once() {
    let server = judging("holds", 1, 60, &[]);
    let buyer = server.buyer();
    place(&server, &buyer, "a", 0).ok(201);
    place(&server, &buyer, "b", 1).ok(201);
    let demanded = place(&server, &buyer, "c", 2).ok(403).problem("challenge_required");
    assert_eq!(demanded["challenge"], json!({"url": "/v1/challenge", "header": "Challenge-Solution"}));
    let solved = solution(&buyer);
    let bearing = |client: &Client, solution: &str| client.with("challenge-solution", solution);
    // Somebody else can't use it, nor can its owner twice; the same request sent again is no second use.
    let other = server.new_buyer();
    for key in ["x", "y"] {
        place(&server, &other, key, if key == "x" { 10 } else { 11 }).ok(201);
    }
    place(&server, &bearing(&other, &solved), "z", 12).ok(403).problem("challenge_required");
    place(&server, &bearing(&buyer, &solved), "c", 2).ok(201);
    let again = place(&server, &bearing(&buyer, &solved), "c", 2).ok(201);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let used = place(&server, &bearing(&buyer, &solved), "d", 3).ok(403).problem("challenge_required");
    assert!(used["detail"].as_str().unwrap().contains("used"), "{used}");
    // In the body, as well.
    let asked =
        json!({"eventId": server.event, "seatIds": server.seats(3, 1), "challenge": solution(&buyer)});
    buyer.with("idempotency-key", "d").post("/v1/holds", &asked).ok(201);
}

#[test]
fn solutions_that_were_forged_changed_or_guessed_are_none() {
    let server = judging("holds", 0, 60, &[]);
    let buyer = server.buyer();
    place(&server, &buyer, "a", 0).ok(201);
    let tries = |solution: &str, key: &str| {
        place(&server, &buyer.with("challenge-solution", solution), key, 1)
            .ok(403)
            .problem("challenge_required");
    };
    let good: Payload = serde_json::from_slice(&BASE64_STANDARD.decode(solution(&buyer)).unwrap()).unwrap();
    let text = |payload: &Payload| BASE64_STANDARD.encode(serde_json::to_vec(payload).unwrap());
    let mut easy = good.clone();
    easy.challenge.parameters.key_prefix = String::new();
    tries(&text(&easy), "1");
    let mut own = good.clone();
    own.challenge.signature = Some("00".repeat(32));
    tries(&text(&own), "2");
    let mut guessed = good.clone();
    guessed.solution.counter += 1;
    tries(&text(&guessed), "3");
    tries(&text(&good), "4"); // its challenge was used up by the guess
    for nonsense in ["", "?", "e30=", &"A".repeat(4_200)] {
        tries(nonsense, "5");
    }
    let metrics = String::from_utf8(server.anybody().get("/metrics").ok(200).body).unwrap();
    for (outcome, count) in [("forged", 2), ("wrong", 1), ("used", 1), ("malformed", 4), ("given", 1)] {
        let line = format!("ticketcore_guard_challenges_total{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[test]
fn a_challenge_is_harder_for_who_is_suspected_more() {
    let server = judging("holds", 0, 200, &["guard.challenge.cost=2", "guard.challenge.cost_max=10"]);
    let cost = |client: &Client| client.get("/v1/challenge").ok(200).json()["parameters"]["cost"].clone();
    assert_eq!(cost(&server.anybody()), 2);
    let buyer = server.buyer();
    assert_eq!(cost(&buyer), 2);
    // An easy one in advance is not good enough later.
    let early = solution(&buyer);
    place(&server, &buyer, "a", 0).ok(201);
    assert_eq!(cost(&buyer), 10);
    let refused = place(&server, &buyer.with("challenge-solution", &early), "b", 1).ok(403);
    let refused = refused.problem("challenge_required");
    assert!(refused["detail"].as_str().unwrap().contains("easier"), "{refused}");
    place(&server, &buyer.with("challenge-solution", &solution(&buyer)), "b", 1).ok(201);
}

#[test]
fn review_order_lets_a_suspected_buyer_have_his_tickets() {
    let server = judging("holds", 1, 120, &[]);
    let buyer = server.buyer();
    let holds = [0, 1].map(|seat| place(&server, &buyer, &format!("h{seat}"), seat).ok(201).json());
    let order = |at: usize, client: &Client| {
        let asked = json!({"holdId": holds[at]["holdId"], "paymentMethodId": "pm_ok"});
        client.with("idempotency-key", &format!("o{at}")).post("/v1/orders", &asked)
    };
    order(0, &buyer).ok(403).problem("challenge_required");
    let bearing = buyer.with("challenge-solution", &solution(&buyer));
    let parked = order(0, &bearing).ok(202).json();
    assert_eq!(parked["status"], "in_review", "{parked}");
    // Asked again it is the same order, without another challenge.
    assert_eq!(order(0, &buyer).ok(202).json()["orderId"], parked["orderId"]);
    let bearing = buyer.with("challenge-solution", &solution(&buyer));
    let other = order(1, &bearing).ok(202).json();
    let decide = |client: &Client, order: &Value, decision: &str| {
        let order = order["orderId"].as_str().unwrap();
        let path = format!("/v1/orders/{order}/review");
        client
            .with("idempotency-key", &format!("{decision} {order}"))
            .post(&path, &json!({"decision": decision}))
    };
    list_orders_shows_staff_what_waits(&server, &parked, &other);
    decide(&buyer, &parked, "approve").ok(403).problem("forbidden");
    decide(&server.staff(), &parked, "perhaps").ok(400).problem("validation_failed");
    decide(&server.staff(), &parked, "approve").ok(200);
    decide(&server.staff(), &other, "reject").ok(200);
    decide(&server.staff(), &other, "approve").ok(409).problem("order_state");
    for (order, status) in [(&parked, "confirmed"), (&other, "cancelled")] {
        let path = format!("/v1/orders/{}", order["orderId"].as_str().unwrap());
        until(|| buyer.get(&path).ok(200).json()["status"] == status);
    }
}

/// Two orders are in review, and no others are there.
fn list_orders_shows_staff_what_waits(server: &Server, one: &Value, other: &Value) {
    let staff = server.staff();
    let path = format!("/v1/admin/events/{}/orders", one["eventId"].as_str().unwrap());
    let ids = |page: &Value| -> Vec<Value> {
        page["items"].as_array().unwrap().iter().map(|order| order["orderId"].clone()).collect()
    };
    let mut both = vec![one["orderId"].clone(), other["orderId"].clone()];
    let page = staff.get(&format!("{path}?status=in_review&limit=1")).ok(200).json();
    let next = page["next"].as_str().unwrap();
    let last = staff.get(&format!("{path}?status=in_review&limit=1&cursor={next}")).ok(200).json();
    assert_eq!(last.get("next"), None, "{last}");
    let mut found = [ids(&page), ids(&last)].concat();
    for list in [&mut found, &mut both] {
        list.sort_by_key(Value::to_string);
    }
    assert_eq!(found, both);
    assert_eq!(ids(&staff.get(&path).ok(200).json()).len(), 2);
    assert_eq!(ids(&staff.get(&format!("{path}?status=confirmed")).ok(200).json()).len(), 0);
    staff.get(&format!("{path}?status=lost")).ok(400).problem("validation_failed");
    server.buyer().get(&path).ok(403).problem("forbidden");
    staff.get("/v1/admin/events/evt_0000000000000/orders").ok(404).problem("unknown_event");
}

#[track_caller]
fn until(mut is: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < end, "it has not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn holds_that_are_given_back_are_abandoned_and_those_that_are_bought_are_not() {
    let server = judging("abandons", 1, 60, &[]);
    let returns = server.buyer();
    for key in ["a", "b"] {
        let hold = place(&server, &returns, key, 0).ok(201).json();
        returns.delete(&format!("/v1/holds/{}", hold["holdId"].as_str().unwrap())).ok(204);
        // A second time is nothing more.
        returns.delete(&format!("/v1/holds/{}", hold["holdId"].as_str().unwrap())).ok(204);
    }
    place(&server, &returns, "c", 0).ok(403).problem("challenge_required");
    // One that becomes an order is not.
    let buyer = server.new_buyer();
    for seat in [3, 4] {
        server.sold(&buyer, &server.seats(seat, 1));
    }
    place(&server, &buyer, "still", 5).ok(201);
}

#[test]
fn payments_that_are_declined_count_once_each() {
    let server = judging("payment_failures", 1, 60, &[]);
    let buyer = server.buyer();
    let hold = place(&server, &buyer, "a", 0).ok(201).json();
    let declined = server.order(&buyer, &hold, "pm_declined").ok(402).problem("payment_declined");
    // The same request again is the same decline.
    server.order(&buyer, &hold, "pm_declined").ok(402).problem("payment_declined");
    let pay = |client: &Client, key: &str, method: &str| {
        let path = format!("/v1/orders/{}/payments", declined["order"]["orderId"].as_str().unwrap());
        client.with("idempotency-key", key).post(&path, &json!({"paymentMethodId": method}))
    };
    pay(&buyer, "p1", "pm_declined").ok(402).problem("payment_declined");
    pay(&buyer, "p2", "pm_ok").ok(403).problem("challenge_required");
    pay(&buyer.with("challenge-solution", &solution(&buyer)), "p2", "pm_ok").ok(201);
}

#[test]
fn failures_of_one_card_count_under_all_its_methods_and_whoever_pays() {
    let rule = "guard.risk.velocity=[{ name = 'card', counts = 'payment_failures', by = 'payment', seconds = 600, over = 1, points = 60 }]";
    let server = judging("payment_failures", 100, 1, &[rule]);
    for (at, method) in ["pm_declined#7", "pm_insufficient_funds#7"].into_iter().enumerate() {
        let buyer = server.new_buyer();
        let hold = place(&server, &buyer, "a", at).ok(201).json();
        server.order(&buyer, &hold, method).ok(402).problem("payment_declined");
    }
    let buyer = server.new_buyer();
    let hold = place(&server, &buyer, "a", 2).ok(201).json();
    server.order(&buyer, &hold, "pm_ok#7").ok(403).problem("challenge_required");
    // Another card is nobody's that failed, nor are methods of which no card is told.
    server.order(&buyer, &hold, "pm_ok#8").ok(201);
}

#[test]
fn a_device_is_known_by_its_cookie_and_forged_ones_are_replaced() {
    let rule = "guard.risk.velocity=[{ name = 'sessions', counts = 'sessions', by = 'device', seconds = 600, over = 1, points = 60 }]";
    let server = Server::with(&[
        "--set",
        "guard.allow=[]",
        "--set",
        "guard.challenge.cost=1",
        "--set",
        "guard.risk.new_device=0",
        "--set",
        rule,
    ]);
    let comes = |client: &Client| client.post("/v1/sessions", &json!({}));
    let given = comes(&server.anybody()).ok(201).headers["set-cookie"].clone();
    let (cookie, attributes) = given.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    let device = server.anybody().with("cookie", &format!("theme=dark; {cookie}"));
    for _ in 0..2 {
        let reply = comes(&device).ok(201);
        assert!(!reply.headers.contains_key("set-cookie"), "it has one");
    }
    comes(&device).ok(403).problem("challenge_required");
    // One changed byte, and it is nobody's: a new one is given, and what the old device did is not this one's.
    let last = if cookie.ends_with('A') { 'B' } else { 'A' };
    let forged = server.anybody().with("cookie", &format!("{}{last}", &cookie[..cookie.len() - 1]));
    let fresh = comes(&forged).ok(201).headers["set-cookie"].clone();
    assert_ne!(fresh.split(';').next(), Some(cookie));
    // The way through: without a name a challenge is for the address.
    let bearing = device.with("challenge-solution", &solution(&device));
    comes(&bearing).ok(201);
}

#[test]
fn in_a_dry_run_all_is_counted_and_logged_and_nobody_held_up() {
    let folder = std::env::temp_dir().join(format!("ticketcore-decisions-{}", std::process::id()));
    let more = ["guard.risk.mode=dry_run"];
    let rule = "guard.risk.velocity=[{ name = 'often', counts = 'holds', by = 'user', seconds = 600, over = 1, points = 60 }]";
    let mut with = vec!["--data", folder.to_str().unwrap(), "--set", "guard.allow=[]", "--set", rule];
    with.extend(more.iter().flat_map(|option| ["--set", option]));
    let server = Server::with(&with);
    let buyer = server.buyer();
    for seat in 0..4 {
        place(&server, &buyer, &format!("{seat}"), seat).ok(201);
    }
    let metrics = String::from_utf8(server.anybody().get("/metrics").ok(200).body).unwrap();
    for (verdict, enforced, count) in [("allow", "true", 2), ("challenge", "false", 2)] {
        let line = format!(
            "ticketcore_guard_decisions_total{{activity=\"hold\",verdict=\"{verdict}\",enforced=\"{enforced}\"}} {count}"
        );
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    let file = folder.join("guard/decisions.jsonl");
    until(|| std::fs::read_to_string(&file).is_ok_and(|text| text.lines().count() == 4));
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = &lines[3];
    assert_eq!(
        (&last["verdict"], &last["enforced"], &last["score"]),
        (&json!("challenge"), &json!(false), &json!(70))
    );
    let signals =
        json!([{"name": "often", "points": 60, "seen": 3}, {"name": "new_device", "points": 10, "seen": 1}]);
    assert_eq!(last["signals"], signals);
    assert!(last["requestId"].is_string() && last["time"].is_string());
    // The same caller is told from others, and can't be found by it.
    assert!(lines.iter().all(|line| line["user"] == last["user"] && line["address"] == last["address"]));
    let user = buyer.get("/v1/me").ok(200).json()["userId"].as_str().unwrap().to_owned();
    for personal in ["127.0.0.1", &user, &user[4..]] {
        assert!(!text.contains(personal), "{personal}");
    }
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn who_has_an_api_key_answers_for_his_customers_himself() {
    let server = judging("holds", 0, 60, &[]);
    let key = json!({"name": "counter", "scopes": ["sell"]});
    let made = server.staff().post("/v1/admin/keys", &key).ok(201).json();
    let counter = server.anybody().with_token(made["key"].as_str().unwrap()).with("acting-user", "walk-in");
    for seat in 0..3 {
        place(&server, &counter, &format!("{seat}"), seat).ok(201);
    }
}

#[test]
fn a_rule_of_the_operators_may_shut_out() {
    let rule = "guard.risk.velocity=[{ name = 'too_many', counts = 'holds', by = 'user', seconds = 600, over = 0, points = 0, at = ['hold'], deny = true }]";
    let server = Server::with(&["--set", "guard.allow=[]", "--set", rule]);
    let buyer = server.buyer();
    let hold = place(&server, &buyer, "a", 0).ok(201).json();
    place(&server, &buyer, "b", 1).ok(403).problem("denied");
    server.order(&buyer, &hold, "pm_ok").ok(201);
}

/// A service that takes `good` for an answer; it serves so many requests and ends.
fn captcha_service(requests: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let mut heard = Vec::new();
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut bytes, mut some) = (Vec::new(), [0; 4_096]);
            while !String::from_utf8_lossy(&bytes).contains("remoteip=") {
                let count = stream.read(&mut some).unwrap();
                bytes.extend(&some[..count]);
            }
            let text = String::from_utf8(bytes).unwrap();
            let body = format!("{{\"success\":{},\"hostname\":\"x\"}}", text.contains("response=good"));
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
            heard.push(text);
        }
        heard
    });
    (url, serving)
}

#[test]
fn a_captcha_service_may_be_asked_and_is_never_the_only_way() {
    let secret = std::env::temp_dir().join(format!("ticketcore-captcha-{}", std::process::id()));
    std::fs::write(&secret, "s e&cret\n").unwrap();
    let (url, serving) = captcha_service(2);
    let captcha = format!(
        "guard.captcha={{ url = '{url}', secret_file = '{}', site_key = 'site-1', timeout_ms = 2000 }}",
        secret.display()
    );
    let server = judging("holds", 0, 60, &[&captcha]);
    let buyer = server.buyer();
    place(&server, &buyer, "a", 0).ok(201);
    let demanded = place(&server, &buyer, "b", 1).ok(403).problem("challenge_required");
    assert_eq!(demanded["challenge"]["captchaSiteKey"], "site-1");
    place(&server, &buyer.with("captcha-response", "bad"), "b", 1).ok(403).problem("challenge_required");
    place(&server, &buyer.with("captcha-response", "good"), "b", 1).ok(201);
    let heard = serving.join().unwrap();
    assert!(heard[1].starts_with("POST /siteverify HTTP/1.1\r\n"), "{}", heard[1]);
    assert!(heard[1].contains("secret=s%20e%26cret&response=good&remoteip=127.0.0.1"), "{}", heard[1]);
    // It is gone: the proof of work goes on.
    place(&server, &buyer.with("captcha-response", "good"), "c", 2).ok(403).problem("challenge_required");
    place(&server, &buyer.with("challenge-solution", &solution(&buyer)), "c", 2).ok(201);
    std::fs::remove_file(secret).unwrap();
}
