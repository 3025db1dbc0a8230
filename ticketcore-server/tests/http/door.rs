//! At the door.

use serde_json::json;

use super::server::Server;

#[test]
fn redeem_ticket_list_ticket_keys_and_get_revocations() {
    let server = Server::start();
    let buyer = server.buyer();
    let order = server.sold(&buyer, &server.seats(0, 2));
    let path = format!("/v1/orders/{}", order["orderId"].as_str().unwrap());
    let tickets = buyer.get(&format!("{path}/tickets")).ok(200).json();
    let code = &tickets["items"][0]["code"];
    let staff = server.staff();
    let scan = json!({"code": code, "nonce": "scan-1"});
    buyer.post("/v1/checkin/redeem", &scan).ok(403).problem("forbidden");
    let redeemed = staff.post("/v1/checkin/redeem", &scan).ok(200).json();
    assert_eq!((&redeemed["status"], &redeemed["replayed"]), (&json!("ok"), &json!(false)));
    assert_eq!(staff.post("/v1/checkin/redeem", &scan).ok(200).json()["replayed"], true);
    let twice = staff.post("/v1/checkin/redeem", &json!({"code": code})).ok(409).problem("not_admitted");
    assert_eq!(twice["reason"], "already_inside");
    staff.post("/v1/checkin/redeem", &json!({"code": code, "way": "exit"})).ok(200);

    let revocations = format!("/v1/events/{}/revocations", server.event);
    let before = staff.get(&revocations).ok(200).body.len();
    staff.with("idempotency-key", "r").post(&format!("{path}/refunds"), &json!({"tickets": [0]})).ok(201);
    assert!(staff.get(&revocations).ok(200).body.len() > before);
    let dead = staff.post("/v1/checkin/redeem", &json!({"code": code})).ok(409).problem("not_admitted");
    assert_eq!(dead["reason"], "refunded");

    let keys = server.anybody().get("/v1/checkin/keys").ok(200).json();
    assert_eq!(keys["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_forged_code_lets_nobody_in() {
    let server = Server::start();
    let buyer = server.buyer();
    let order = server.sold(&buyer, &server.seats(0, 1));
    let tickets =
        buyer.get(&format!("/v1/orders/{}/tickets", order["orderId"].as_str().unwrap())).ok(200).json();
    let code = tickets["items"][0]["code"].as_str().unwrap().to_owned();
    let other = if code.ends_with('0') { "1" } else { "0" };
    let forged = format!("{}{other}", &code[..code.len() - 1]);
    for (code, reason) in
        [(forged.as_str(), "bad_signature"), ("", "not_a_ticket"), ("hello", "not_a_ticket")]
    {
        let refused = server.staff().post("/v1/checkin/redeem", &json!({"code": code}));
        assert_eq!(refused.ok(409).problem("ticket_code_not_valid")["reason"], reason);
    }
}
