//! How often one may ask, and who is asking when proxies stand between.

use std::time::Duration;

use serde_json::json;

use super::client::{Client, Reply};
use super::server::Server;

const QUOTA: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const ABNORMAL: &str = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected";

/// A server that limits this machine too, with more options.
fn limiting(options: &[&str]) -> Server {
    let with = ["guard.allow=[]"].iter().chain(options).flat_map(|option| ["--set", option]);
    Server::with(&with.collect::<Vec<_>>())
}

/// So many at once and in a minute.
fn limit(who: &str, class: &str, requests: u32) -> String {
    let quota = format!("{{ requests = {requests}, seconds = 60 }}");
    format!(
        "guard.limits.{who}.{class}={{ burst = {quota}, sustained = {{ requests = 1000, seconds = 3600 }} }}"
    )
}

#[track_caller]
fn refused(reply: Reply, kind: &str, policies: &[&str]) -> u64 {
    let reply = reply.ok(429);
    let problem = reply.problem("rate_limited");
    assert_eq!((&problem["type"], &problem["violated-policies"]), (&json!(kind), &json!(policies)));
    let seconds: u64 = reply.headers["retry-after"].parse().unwrap();
    assert!(seconds >= 1 && problem["retryAfterMs"].as_u64().unwrap().div_ceil(1_000) == seconds);
    assert_eq!(reply.headers["ratelimit"], format!("\"{}\";r=0;t={seconds}", policies[0]));
    seconds
}

#[test]
fn a_buyer_is_told_what_is_left_and_when_to_come_back() {
    let server = limiting(&[&limit("user", "write", 3)]);
    let buyer = server.buyer();
    let seats = server.seats(0, 3);
    for (left, seat) in [2, 1, 0].into_iter().zip(&seats) {
        let asked = json!({"eventId": server.event, "seatIds": [seat]});
        let held = buyer.with("idempotency-key", seat).post("/v1/holds", &asked).ok(201);
        let policy = &held.headers["ratelimit-policy"];
        for item in [
            "\"address-write-burst\";q=500;w=10",
            "\"user-write-burst\";q=3;w=60",
            "\"user-write-sustained\";q=1000;w=3600",
        ] {
            assert!(policy.split(", ").any(|told| told == item), "{item}: {policy}");
        }
        assert!(policy.ends_with("\"user-concurrent\";q=16;qu=\"concurrent-requests\""), "{policy}");
        let told = &held.headers["ratelimit"];
        assert!(told.starts_with(&format!("\"user-write-burst\";r={left};t=")), "{told}");
    }
    let asked = json!({"eventId": server.event, "seatIds": server.seats(3, 1)});
    let seconds =
        refused(buyer.with("idempotency-key", "4").post("/v1/holds", &asked), QUOTA, &["user-write-burst"]);
    assert!((15..=20).contains(&seconds), "{seconds}");
    // Reading is another class, others are others, and the refused request counted for nobody.
    buyer.get("/v1/me").ok(200);
    server.hold(&server.new_buyer(), &server.seats(3, 1));
}

#[test]
fn what_may_be_cached_says_nothing_about_one_caller() {
    let server = limiting(&[]);
    let events = server.anybody().get("/v1/events").ok(200);
    assert!(events.headers["cache-control"].starts_with("public"));
    for name in ["ratelimit", "ratelimit-policy", "set-cookie"] {
        assert!(!events.headers.contains_key(name), "{name}");
    }
    assert!(server.buyer().get("/v1/me").ok(200).headers.contains_key("ratelimit"));
    // Who looks after the server is not limited.
    assert!(!server.anybody().get("/healthz").ok(200).headers.contains_key("ratelimit"));
}

#[test]
fn this_machine_is_not_limited_unless_the_operator_wants_it() {
    let server = Server::with(&["--set", &limit("user", "write", 1), "--set", &limit("address", "join", 1)]);
    for seat in server.seats(0, 4) {
        server.hold(&server.buyer(), &[seat]);
        server.new_buyer();
    }
    assert!(!server.buyer().get("/v1/me").ok(200).headers.contains_key("ratelimit"));
}

/// As a proxy on this machine passes requests on.
fn from(server: &Server, forwarded: &str) -> Client {
    server.anybody().with("x-forwarded-for", forwarded)
}

fn comes_in(client: &Client) -> u16 {
    client.post("/v1/sessions", &json!({})).status
}

#[test]
fn addresses_behind_a_trusted_proxy_are_told_apart_and_none_can_be_made_up() {
    let server = limiting(&["guard.trusted_proxies=['127.0.0.1']", &limit("address", "join", 2)]);
    let comes = |forwarded: &str| comes_in(&from(&server, forwarded));
    assert_eq!([comes("203.0.113.1"), comes("203.0.113.1"), comes("203.0.113.1")], [201, 201, 429]);
    assert_eq!(comes("203.0.113.2"), 201);
    // What a client writes stands before what the proxy adds.
    assert_eq!(comes("198.51.100.1, 203.0.113.1"), 429);
    assert_eq!(comes("127.0.0.1, 203.0.113.1"), 429);
    assert_eq!(comes("198.51.100.1, ::ffff:203.0.113.1"), 429);
    let twice = from(&server, "198.51.100.2").with("x-forwarded-for", "203.0.113.1");
    assert_eq!(comes_in(&twice), 429);
    // The other header is not read.
    assert_eq!(comes_in(&from(&server, "203.0.113.1").with("forwarded", "for=198.51.100.3")), 429);
    // All of a /64 is one.
    let six = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:0:1234::", "2001:db8:0:1::1"];
    assert_eq!(six.map(comes), [201, 201, 429, 201]);
}

#[test]
fn a_header_that_can_not_be_read_exempts_nobody() {
    // As set up by default: this machine is exempt, and the proxy is on it.
    let server = limiting(&[
        "guard.allow=['127.0.0.0/8']",
        "guard.trusted_proxies=['127.0.0.1']",
        &limit("address", "join", 2),
    ]);
    let junk = format!("{}, nonsense", "x".repeat(5_000));
    let comes = [&junk, "unknown", ""].map(|forwarded| comes_in(&from(&server, forwarded)));
    assert_eq!(comes, [201, 201, 429], "whoever it is, the proxy asks for him");
    assert_eq!(comes_in(&from(&server, "\", 203.0.113.1")), 201, "a quote hides nothing");
    assert_eq!(comes_in(&server.anybody()), 201, "the machine itself");
}

#[test]
fn without_a_trusted_proxy_nobody_is_believed_and_the_standard_header_is_read_if_set_so() {
    let server = limiting(&[&limit("address", "join", 2)]);
    let made_up = ["203.0.113.1", "203.0.113.2", "203.0.113.3"];
    assert_eq!(made_up.map(|address| comes_in(&from(&server, address))), [201, 201, 429]);
    let server = limiting(&[
        "guard.trusted_proxies=['127.0.0.0/8']",
        "guard.forwarded=forwarded",
        &limit("address", "join", 1),
    ]);
    let comes = |line: &str| comes_in(&server.anybody().with("forwarded", line));
    assert_eq!(comes("for=\"[2001:db8::1]:4711\";proto=https"), 201);
    assert_eq!(comes("for=198.51.100.1, for=\"[2001:db8::2]\""), 429);
    assert_eq!(comes("for=203.0.113.9"), 201);
    assert_eq!(
        comes_in(&from(&server, "203.0.113.77")),
        201,
        "the proxy itself: the other header says nothing"
    );
    assert_eq!(comes_in(&from(&server, "203.0.113.78")), 429);
}

#[test]
fn denied_networks_are_shut_out_even_if_nothing_else_is_done() {
    let server = Server::with(&[
        "--set",
        "guard.enabled=false",
        "--set",
        "guard.deny=['203.0.113.0/24', '2001:db8::/32']",
        "--set",
        "guard.trusted_proxies=['127.0.0.1']",
    ]);
    for address in ["203.0.113.200", "2001:db8:5::1", "::ffff:203.0.113.1"] {
        from(&server, address).get("/v1/events").ok(403).problem("denied");
        from(&server, address).post("/v1/sessions", &json!({})).ok(403).problem("denied");
        from(&server, address).get("/healthz").ok(403).problem("denied");
    }
    from(&server, "203.0.114.1").get("/v1/events").ok(200);
    from(&server, "203.0.113.9, 198.51.100.1").get("/v1/events").ok(200);
}

#[test]
fn who_guesses_tokens_is_limited_and_who_goes_on_is_told_so() {
    let server = limiting(&[&limit("address", "join", 5)]);
    let guess = |n: u32| server.anybody().with_token(&format!("tck_{n:016x}_guess")).get("/v1/me");
    for n in 0..5 {
        guess(n).ok(401).problem("unauthorized");
    }
    for n in 0..100 {
        refused(guess(n), QUOTA, &["address-join-burst"]);
    }
    refused(guess(0), ABNORMAL, &["address-join-burst"]);
    // Whoever is known goes on meanwhile.
    server.buyer().get("/v1/me").ok(200);
}

#[test]
fn a_key_may_have_a_limit_of_its_own() {
    let server = Server::start();
    let made = |limit: serde_json::Value| {
        let asked = json!({"name": "vendor", "scopes": ["sell"], "rateLimit": limit});
        server.staff().post("/v1/admin/keys", &asked)
    };
    let quota = |requests: u32, seconds: u32| json!({"requests": requests, "seconds": seconds});
    for bad in [quota(0, 1), quota(1, 0), quota(1, 90_000)] {
        made(json!({"burst": bad, "sustained": quota(1, 1)})).ok(400).problem("validation_failed");
    }
    let shown = made(json!({"burst": quota(2, 60), "sustained": quota(100, 3_600)})).ok(201).json();
    assert_eq!(shown["rateLimit"]["burst"], quota(2, 60));
    let vendor = server.anybody().with_token(shown["key"].as_str().unwrap());
    let (ann, bob) = (vendor.with("acting-user", "ann"), vendor.with("acting-user", "bob"));
    server.hold(&ann, &server.seats(0, 1));
    let read = bob.get("/v1/me").ok(200);
    assert_eq!(
        read.headers["ratelimit-policy"],
        "\"api-key-burst\";q=2;w=60, \"api-key-sustained\";q=100;w=3600"
    );
    refused(ann.get("/v1/me"), QUOTA, &["api-key-burst"]);
    // It is kept over a rotation, and told.
    let id = shown["id"].as_str().unwrap();
    let turned = server.staff().post(&format!("/v1/admin/keys/{id}/rotate"), &json!({})).ok(200).json();
    assert_eq!(turned["rateLimit"]["sustained"], quota(100, 3_600));
}

#[test]
fn a_buyer_has_no_more_under_way_than_he_may() {
    let server = limiting(&["guard.writes_per_user_max=1"]);
    let buyer = server.buyer();
    let hold = server.hold(&buyer, &server.seats(0, 1));
    let slow = {
        let (buyer, hold) = (buyer.clone(), hold["holdId"].clone());
        std::thread::spawn(move || {
            let asked = json!({"holdId": hold, "paymentMethodId": "pm_slow:1500"});
            buyer.with("idempotency-key", "o").post("/v1/orders", &asked)
        })
    };
    std::thread::sleep(Duration::from_millis(500));
    let asked = json!({"eventId": server.event, "seatIds": server.seats(1, 1)});
    let place = || buyer.with("idempotency-key", "h").post("/v1/holds", &asked);
    assert_eq!(refused(place(), QUOTA, &["user-concurrent"]), 1);
    buyer.get("/v1/me").ok(200);
    server.hold(&server.new_buyer(), &server.seats(2, 1));
    slow.join().unwrap().ok(201);
    place().ok(201);
}

#[test]
fn who_is_refused_again_and_again_is_suspected() {
    // Of the address as such, whatever class of routes it was refused for.
    let rule = "guard.risk.velocity=[{ name = 'floods', counts = 'refusals', by = 'address', seconds = 600, over = 3, points = 60 }]";
    let server = limiting(&[&limit("address", "read", 1), "guard.risk.new_device=0", rule]);
    let come = || server.anybody().post("/v1/sessions", &json!({}));
    come().ok(201);
    server.anybody().get("/v1/events").ok(200);
    for _ in 0..3 {
        refused(server.anybody().get("/v1/events"), QUOTA, &["address-read-burst"]);
    }
    come().ok(201);
    refused(server.anybody().get("/v1/events"), QUOTA, &["address-read-burst"]);
    come().ok(403).problem("challenge_required");
}

#[test]
fn a_buyer_may_be_shut_out_by_name() {
    let folder = std::env::temp_dir().join(format!("ticketcore-denied-{}", std::process::id()));
    let data = ["--data", folder.to_str().unwrap()];
    let server = Server::with(&data);
    let (ann, bob) = (server.new_buyer(), server.new_buyer());
    let name = ann.get("/v1/me").ok(200).json()["userId"].as_str().unwrap().to_owned();
    drop(server);
    let deny = format!("guard.deny_users=['{name}']");
    let server = Server::with(&[data[0], data[1], "--set", &deny]);
    let again = |client: &Client| Client { address: server.address, ..client.clone() }.get("/v1/me");
    again(&ann).ok(403).problem("denied");
    again(&bob).ok(200);
    drop(server);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_flood_from_many_addresses_is_counted_in_the_metrics() {
    let server = limiting(&["guard.trusted_proxies=['127.0.0.1']", &limit("address", "join", 1)]);
    for n in 0..20 {
        let client = from(&server, &format!("198.51.100.{n}"));
        assert_eq!([comes_in(&client), comes_in(&client)], [201, 429]);
    }
    let metrics = String::from_utf8(server.anybody().get("/metrics").ok(200).body).unwrap();
    let line = "ticketcore_guard_limited_total{by=\"address\",class=\"join\"} 20";
    assert!(metrics.contains(line), "{metrics}");
}
