//! What staff does.

use serde_json::{Value, json};
use ticketcore::plan::{VenueKind, generate};

use super::server::Server;

#[test]
fn add_venue_import_plan_get_plan_add_event_set_sale_state() {
    let server = Server::start();
    let staff = server.staff();
    let venue = staff.post("/v1/admin/venues", &json!({"name": "Hall"})).ok(201).json();
    let venue = venue["id"].as_str().unwrap();
    let asked = json!({"venueId": venue, "name": "Lear", "startsAt": "2030-05-01T18:00:00Z", "zone": "Europe/Berlin"});
    staff.post("/v1/admin/events", &asked).ok(404).problem("not_found");
    let path = format!("/v1/admin/venues/{venue}/plan");
    staff.get(&path).ok(404).problem("not_found");
    let plan = generate(VenueKind::Theatre).to_json();
    let imported = staff.send("PUT", &path, Some(plan.as_bytes())).ok(200).json();
    assert_eq!(imported["seats"], 1_242);
    assert_eq!(staff.get(&path).ok(200).body, plan.as_bytes());
    for bad in ["{}", "[]", "{\"name\":1}", "nonsense"] {
        staff.send("PUT", &path, Some(bad.as_bytes())).ok(400).problem("validation_failed");
    }
    let event = staff.post("/v1/admin/events", &asked).ok(201).json();
    let state = format!("/v1/admin/events/{}/sale-state", event["id"].as_str().unwrap());
    staff.post(&state, &json!({"state": "closed"})).ok(409).problem("sale_transition");
    assert_eq!(staff.post(&state, &json!({"state": "onsale"})).ok(200).json()["saleState"], "onsale");
    server.buyer().post(&state, &json!({"state": "closed"})).ok(403).problem("forbidden");
    server.anybody().post(&state, &json!({"state": "closed"})).ok(401).problem("unauthorized");
}

#[test]
fn an_event_with_prices_of_its_own() {
    let server = Server::start();
    let staff = server.staff();
    let venue = server.anybody().get("/v1/venues").ok(200).json()["items"][0]["id"].clone();
    let categories: Vec<String> =
        generate(VenueKind::Theatre).categories.into_iter().map(|category| category.name).collect();
    let prices: serde_json::Map<_, _> = categories.iter().map(|name| (name.clone(), json!(5_000))).collect();
    let asked = |prices: serde_json::Value| json!({"venueId": venue, "name": "Lear", "startsAt": "2030-05-01T18:00:00Z", "currency": "CHF", "prices": prices});
    let made = staff.post("/v1/admin/events", &asked(json!({"full": prices}))).ok(201).json();
    let event = staff.get(&format!("/v1/events/{}", made["id"].as_str().unwrap())).ok(200).json();
    assert_eq!(event["ticketTypes"], json!(["full"]));
    assert_eq!(event["categories"][0]["prices"][0]["price"], json!({"amount": 5_000, "currency": "CHF"}));
    let unknown = staff.post("/v1/admin/events", &asked(json!({"full": {"Nowhere": 1}})));
    unknown.ok(400).problem("validation_failed");
    staff.post("/v1/admin/events", &asked(json!({"full": {&categories[0]: -1}}))).ok(400).problem("manifest");
}

#[test]
fn make_key_list_keys_rotate_key_revoke_key() {
    let server = Server::start();
    let staff = server.staff();
    let asked = json!({"name": "door", "scopes": ["checkin", "keys"], "eventIds": [server.event]});
    let made = staff.post("/v1/admin/keys", &asked).ok(201).json();
    let key = server.anybody().with_token(made["key"].as_str().unwrap());
    let revocations = format!("/v1/events/{}/revocations", server.event);
    key.get(&revocations).ok(200);
    // It is for this event, and can give nobody more than it has.
    key.get("/v1/events/evt_0000000000001/revocations").ok(404).problem("unknown_event");
    key.post("/v1/admin/keys", &json!({"name": "x", "scopes": ["orders"]})).ok(403).problem("forbidden");
    key.post("/v1/admin/keys", &json!({"name": "x", "scopes": ["checkin"]})).ok(403).problem("forbidden");
    let listed = staff.get("/v1/admin/keys").ok(200).json();
    assert!(
        listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["id"] == made["id"] && item["key"].is_null())
    );
    let path = format!("/v1/admin/keys/{}", made["id"].as_str().unwrap());
    let rotated = staff.post(&format!("{path}/rotate"), &json!({"overlapSeconds": 0})).ok(200).json();
    key.get(&revocations).ok(401).problem("unauthorized");
    let key = server.anybody().with_token(rotated["key"].as_str().unwrap());
    key.get(&revocations).ok(200);
    staff.delete(&path).ok(204);
    key.get(&revocations).ok(401).problem("unauthorized");
    staff.delete(&path).ok(404).problem("not_found");
}

#[test]
fn list_findings_shows_a_stuck_refund_and_retry_refund_tries_it_again() {
    let server = Server::start();
    let (staff, buyer) = (server.staff(), server.buyer());
    let hold = server.hold(&buyer, &server.seats(80, 1));
    let order = server.order(&buyer, &hold, "pm_refund_stuck").ok(201).json();
    let refunds = format!("/v1/orders/{}/refunds", order["orderId"].as_str().unwrap());
    staff.with("idempotency-key", "r").post(&refunds, &json!({"full": true})).ok(201);
    eventually(|| staff.get(&refunds).ok(200).json()["items"][0]["status"] == "stuck");
    let found = |listed: &Value| {
        let mut items = listed["items"].as_array().unwrap().iter();
        items.any(|item| item["kind"] == "refund_stuck" && item["orderId"] == order["orderId"])
    };
    eventually(|| found(&staff.get("/v1/admin/findings").ok(200).json()));
    let counted = "ticketcore_findings{kind=\"refund_stuck\"} 1";
    eventually(|| String::from_utf8_lossy(&staff.get("/metrics").ok(200).body).contains(counted));
    buyer.get("/v1/admin/findings").ok(403).problem("forbidden");
    // A key for another event does not see it.
    let other = server.event_with(json!({}));
    let asked = json!({"name": "other", "scopes": ["orders"], "eventIds": [other]});
    let made = staff.post("/v1/admin/keys", &asked).ok(201).json();
    let key = server.anybody().with_token(made["key"].as_str().unwrap());
    assert_eq!(key.get("/v1/admin/findings").ok(200).json()["items"], json!([]));

    let retry = |number: u32| format!("{refunds}/{number}/retry");
    let again = staff.with("idempotency-key", "again").post(&retry(1), &json!({})).ok(200).json();
    assert!(["requested", "stuck"].contains(&again["refunds"][0]["status"].as_str().unwrap()), "{again}");
    assert!(again["version"].as_u64() > order["version"].as_u64());
    let twin = staff.with("idempotency-key", "again").post(&retry(1), &json!({})).ok(200);
    assert_eq!(twin.headers["idempotency-replayed"], "true");
    staff.post(&retry(1), &json!({})).ok(400).problem("idempotency_key_missing");
    staff.with("idempotency-key", "x").post(&retry(2), &json!({})).ok(404).problem("unknown_refund");
    buyer.with("idempotency-key", "x").post(&retry(1), &json!({})).ok(403).problem("forbidden");
}

/// Waits until something is so.
#[track_caller]
fn eventually(so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !so() {
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "it never is");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn join_waiting_list_get_waiting_list_leave_waiting_list() {
    let server = Server::start();
    let path = format!("/v1/events/{}/waiting-list", server.event);
    let buyer = server.buyer();
    let join = || buyer.with("idempotency-key", "w").post(&path, &json!({"places": 2}));
    join().ok(409).problem("not_sold_out");
    // Nobody may hold anything while the sale is interrupted, but may wait.
    let state = format!("/v1/admin/events/{}/sale-state", server.event);
    server.staff().post(&state, &json!({"state": "paused"})).ok(200);
    let entry = join().ok(201).json();
    assert_eq!((&entry["places"], &entry["ticketType"]), (&json!(2), &json!("adult")));
    assert_eq!(buyer.get(&path).ok(200).json()["entries"][0]["entry"], entry["entry"]);
    buyer.delete(&format!("{path}/{}", entry["entry"].as_str().unwrap())).ok(204);
    assert_eq!(buyer.get(&path).ok(200).json()["entries"], json!([]));
}

#[test]
fn receive_stripe_webhook_only_if_it_is_signed() {
    let folder = std::env::temp_dir().join(format!("ticketcore-stripe-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("key"), "sk_test_1").unwrap();
    std::fs::write(folder.join("hook"), "whsec_1").unwrap();
    let stripe = format!(
        "payments.stripe={{ api_key_file = '{0}/key', webhook_secret_files = ['{0}/hook'] }}",
        folder.display()
    );
    let server = Server::with(&["--gateway", "stripe", "--set", &stripe]);
    let event = json!({"id": "evt_1", "object": "event", "type": "customer.created", "created": 1, "data": {"object": {}}});
    let anybody = server.anybody();
    anybody.post("/v1/webhooks/stripe", &event).ok(400).problem("webhook_signature");
    anybody
        .with("stripe-signature", "t=1,v1=00")
        .post("/v1/webhooks/stripe", &event)
        .ok(400)
        .problem("webhook_signature");
    std::fs::remove_dir_all(folder).unwrap();
}
