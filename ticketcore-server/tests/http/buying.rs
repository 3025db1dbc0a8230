//! From a hold to tickets.

use serde_json::json;

use super::server::Server;

#[test]
fn place_hold_get_hold_extend_hold_amend_hold_release_hold() {
    let server = Server::start();
    let buyer = server.buyer();
    let seats = server.seats(0, 3);
    let hold = server.hold(&buyer, &seats[..2]);
    let path = format!("/v1/holds/{}", hold["holdId"].as_str().unwrap());
    assert_eq!(hold["lines"][0]["seatId"], seats[0].as_str());
    assert!((300_000..=480_000).contains(&hold["expiresInMs"].as_u64().unwrap()), "{hold}");
    assert_eq!(buyer.get(&path).ok(200).json()["holdId"], hold["holdId"]);
    // Somebody else's is unknown.
    server.new_buyer().get(&path).ok(404).problem("unknown_hold");
    server.new_buyer().delete(&path).ok(204);
    assert_eq!(buyer.get(&path).ok(200).json()["version"], hold["version"]);

    let amend =
        json!({"removeSeatIds": [seats[0]], "addItems": [{"seatIds": [seats[2]], "ticketType": "child"}]});
    let stale = buyer.with("if-match", "\"1\"").send("PATCH", &path, Some(amend.to_string().as_bytes()));
    stale.ok(412).problem("stale_hold");
    let version = format!("\"{}\"", hold["version"]);
    let amended =
        buyer.with("if-match", &version).send("PATCH", &path, Some(amend.to_string().as_bytes())).ok(200);
    assert_ne!(amended.headers["etag"], version);
    assert_eq!(amended.json()["lines"][1]["ticketType"], "child");

    let extend = format!("{path}/extend");
    let longer = buyer.with("idempotency-key", "e").post(&extend, &json!({"ttlSeconds": 600})).ok(200).json();
    assert_eq!(longer["extensionsLeft"], 1);
    let again = buyer.with("idempotency-key", "e").post(&extend, &json!({"ttlSeconds": 600})).ok(200);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    buyer.delete(&path).ok(204);
    buyer.delete(&path).ok(204);
    buyer.get(&path).ok(404).problem("unknown_hold");
}

#[test]
fn a_hold_of_best_seats_and_of_a_mix() {
    let server = Server::start();
    let best = json!({"eventId": server.event, "items": [
        {"bestAvailable": {"quantity": 4}, "ticketType": "adult"}, {"seatIds": server.seats(1_000, 1)}]});
    let hold = server.buyer().with("idempotency-key", "\"quoted\"").post("/v1/holds", &best).ok(201).json();
    assert_eq!(hold["lines"].as_array().unwrap().len(), 5);
    // Quoted and bare are the same key.
    let again = server.buyer().with("idempotency-key", "quoted").post("/v1/holds", &best).ok(201);
    assert_eq!(again.json()["holdId"], hold["holdId"]);
}

#[test]
fn a_key_in_the_body_will_do_and_a_retry_is_the_same_hold() {
    let server = Server::start();
    let asked = json!({"eventId": server.event, "seatIds": server.seats(0, 1), "idempotencyKey": "k"});
    let first = server.buyer().post("/v1/holds", &asked).ok(201);
    let again = server.buyer().post("/v1/holds", &asked).ok(201);
    assert_eq!(first.json()["holdId"], again.json()["holdId"]);
    assert!(
        !first.headers.contains_key("idempotency-replayed")
            && again.headers.contains_key("idempotency-replayed")
    );
}

#[test]
fn place_order_get_order_list_tickets_ticket_qr_svg_ticket_qr_png() {
    let server = Server::start();
    let buyer = server.buyer();
    let order = server.sold(&buyer, &server.seats(10, 2));
    assert_eq!((&order["status"], &order["ticketCount"]), (&json!("confirmed"), &json!(2)));
    assert_eq!(order["payments"][0]["status"], "captured");
    let path = format!("/v1/orders/{}", order["orderId"].as_str().unwrap());
    assert_eq!(buyer.get(&path).ok(200).json()["orderId"], order["orderId"]);
    assert_eq!(server.staff().get(&path).ok(200).json()["orderId"], order["orderId"]);
    server.new_buyer().get(&path).ok(404).problem("unknown_order");
    let tickets = buyer.get(&format!("{path}/tickets")).ok(200).json();
    assert_eq!(tickets["items"].as_array().unwrap().len(), 2);
    assert!(tickets["items"][0]["code"].as_str().unwrap().len() > 100);
    // Staff sees tickets, not codes.
    assert!(server.staff().get(&format!("{path}/tickets")).ok(200).json()["items"][0]["code"].is_null());
    let svg = buyer.get(&format!("{path}/tickets/0/qr.svg")).ok(200);
    assert!(svg.body.starts_with(b"<svg") && svg.headers["content-type"] == "image/svg+xml");
    let png = buyer.get(&format!("{path}/tickets/1/qr.png")).ok(200);
    assert!(png.body.starts_with(b"\x89PNG"));
    buyer.get(&format!("{path}/tickets/2/qr.png")).ok(404).problem("unknown_ticket");
    server.new_buyer().get(&format!("{path}/tickets/0/qr.svg")).ok(404).problem("unknown_order");
}

#[test]
fn pay_order_after_a_decline() {
    let server = Server::start();
    let buyer = server.buyer();
    let hold = server.hold(&buyer, &server.seats(20, 2));
    let declined = server.order(&buyer, &hold, "pm_declined").ok(402).problem("payment_declined");
    assert_eq!((&declined["seats"], &declined["order"]["status"]), (&json!("kept"), &json!("open")));
    let order = declined["order"]["orderId"].as_str().unwrap();
    let pay = json!({"paymentMethodId": "pm_ok"});
    let paid = buyer
        .with("idempotency-key", "again")
        .post(&format!("/v1/orders/{order}/payments"), &pay)
        .ok(201)
        .json();
    assert_eq!(paid["status"], "confirmed");
}

#[test]
fn complete_sandbox_action_ends_a_purchase() {
    let server = Server::start();
    let buyer = server.buyer();
    let hold = server.hold(&buyer, &server.seats(30, 1));
    let waiting = server.order(&buyer, &hold, "pm_requires_action").ok(202);
    let order = waiting.json();
    assert!(order["nextAction"].is_string(), "{order}");
    assert_eq!(waiting.headers["location"], format!("/v1/orders/{}", order["orderId"].as_str().unwrap()));
    let done = json!({"orderId": order["orderId"], "outcome": "succeed"});
    server.new_buyer().post("/v1/sandbox/actions", &done).ok(404).problem("unknown_order");
    assert_eq!(buyer.post("/v1/sandbox/actions", &done).ok(200).json()["status"], "confirmed");
}

#[test]
fn cancel_order_frees_its_seats() {
    let server = Server::start();
    let buyer = server.buyer();
    let seats = server.seats(40, 1);
    let hold = server.hold(&buyer, &seats);
    let order = server.order(&buyer, &hold, "pm_declined").ok(402).problem("payment_declined");
    let path = format!("/v1/orders/{}", order["order"]["orderId"].as_str().unwrap());
    let cancelled = buyer.post(&format!("{path}/cancel"), &json!({})).ok(200).json();
    assert_eq!(cancelled["status"], "cancelled");
    server.hold(&server.new_buyer(), &seats);
}

#[test]
fn transfer_tickets_and_exchange_tickets() {
    let server = Server::start();
    let (buyer, friend) = (server.buyer(), server.new_buyer());
    let order = server.sold(&buyer, &server.seats(0, 2));
    let path = format!("/v1/orders/{}", order["orderId"].as_str().unwrap());
    let to = friend.get("/v1/me").ok(200).json()["userId"].clone();
    let asked = json!({"tickets": [0], "toUserId": to});
    buyer.with("idempotency-key", "t").post(&format!("{path}/transfer"), &asked).ok(200);
    // The buyer's code of it is gone, the friend has one. He sees no other ticket.
    let codes = |who: &super::client::Client| {
        let tickets = who.get(&format!("{path}/tickets")).ok(200).json();
        tickets["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ticket| ticket["code"].is_string())
            .collect::<Vec<_>>()
    };
    assert_eq!((codes(&buyer), codes(&friend)), (vec![false, true], vec![true]));
    // The same row, the same price.
    let asked = json!({"tickets": [1], "items": [{"seatIds": server.seats(4, 1)}]});
    let exchanged =
        buyer.with("idempotency-key", "x").post(&format!("{path}/exchange"), &asked).ok(200).json();
    assert_eq!(exchanged["ticketCount"], 2);
}

#[test]
fn refund_order_and_list_refunds() {
    let server = Server::start();
    let buyer = server.buyer();
    let seats = server.seats(50, 2);
    let order = server.sold(&buyer, &seats);
    let path = format!("/v1/orders/{}/refunds", order["orderId"].as_str().unwrap());
    buyer.with("idempotency-key", "r").post(&path, &json!({"full": true})).ok(403).problem("forbidden");
    let refunded =
        server.staff().with("idempotency-key", "r").post(&path, &json!({"tickets": [0]})).ok(201).json();
    assert_eq!(refunded["ticketCount"], 1);
    let again = server.staff().with("idempotency-key", "r").post(&path, &json!({"tickets": [0]})).ok(201);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let refunds = buyer.get(&path).ok(200).json();
    assert_eq!(refunds["items"].as_array().unwrap().len(), 1);
    server.hold(&server.new_buyer(), &seats[..1]);
}

#[test]
fn list_my_orders_and_get_me_and_begin_session() {
    let server = Server::start();
    let buyer = server.new_buyer();
    assert_eq!(buyer.get("/v1/me/orders").ok(200).json()["items"], json!([]));
    let order = server.sold(&buyer, &server.seats(60, 1));
    assert_eq!(buyer.get("/v1/me/orders").ok(200).json()["items"][0]["orderId"], order["orderId"]);
    let mine = format!("/v1/me/orders?eventId={}", server.event);
    assert_eq!(buyer.get(&mine).ok(200).json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.new_buyer().get("/v1/me/orders").ok(200).json()["items"], json!([]));
    assert!(buyer.get("/v1/me").ok(200).json()["userId"].as_str().unwrap().starts_with("usr_"));
}

#[test]
fn a_vendor_acts_for_customers_of_its_own() {
    let server = Server::start();
    let key = json!({"name": "vendor", "scopes": ["sell"]});
    let made = server.staff().post("/v1/admin/keys", &key).ok(201).json();
    let vendor = server.anybody().with_token(made["key"].as_str().unwrap());
    vendor.get("/v1/me").ok(403).problem("forbidden");
    let (ann, bob) = (vendor.with("acting-user", "ann"), vendor.with("acting-user", "bob"));
    let hold = server.hold(&ann, &server.seats(70, 1));
    let path = format!("/v1/holds/{}", hold["holdId"].as_str().unwrap());
    ann.get(&path).ok(200);
    bob.get(&path).ok(404).problem("unknown_hold");
}

#[test]
fn whoever_was_given_a_ticket_sees_it_and_nothing_of_the_buyers_money() {
    let server = Server::start();
    let (buyer, friend, staff) = (server.buyer(), server.new_buyer(), server.staff());
    let order = server.sold(&buyer, &server.seats(0, 2));
    let id = order["orderId"].as_str().unwrap();
    let path = format!("/v1/orders/{id}");
    staff.with("idempotency-key", "r").post(&format!("{path}/refunds"), &json!({"amount": 1})).ok(201);
    let given = |to: &super::client::Client| {
        let to = to.get("/v1/me").ok(200).json()["userId"].clone();
        json!({"tickets": [0], "toUserId": to})
    };
    let transfer = format!("{path}/transfer");
    buyer.with("idempotency-key", "t").post(&transfer, &given(&friend)).ok(200);
    let members = |value: &serde_json::Value| {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let shown = friend.get(&path).ok(200).json();
    let expected = ["eventId", "holdId", "orderId", "serverTime", "status", "ticketCount", "version"];
    assert_eq!((members(&shown), &shown["ticketCount"]), (expected.map(str::to_owned).to_vec(), &json!(1)));
    let tickets =
        |who: &super::client::Client| who.get(&format!("{path}/tickets")).ok(200).json()["items"].clone();
    let his = tickets(&friend);
    assert_eq!((his.as_array().unwrap().len(), &his[0]["index"]), (1, &json!(0)));
    assert!(his[0]["code"].is_string() && his[0].get("price").is_none(), "{his}");
    friend.get(&format!("{path}/tickets/0/qr.svg")).ok(200);
    friend.get(&format!("{path}/tickets/1/qr.svg")).ok(404).problem("unknown_ticket");
    // Its buyer and staff see all of it.
    for who in [&buyer, &staff] {
        let shown = who.get(&path).ok(200).json();
        for member in ["lines", "total", "amount", "payments", "refunds", "disputes"] {
            assert!(shown.get(member).is_some(), "{member}: {shown}");
        }
        assert_eq!(shown["ticketCount"], 2);
        let all = tickets(who);
        assert_eq!((all.as_array().unwrap().len(), &all[1]["price"]), (2, &order["lines"][1]["price"]));
        assert_eq!(who.get(&format!("{path}/refunds")).ok(200).json()["items"][0]["amount"]["amount"], 1);
    }

    // What is the buyer's to do, or staff's.
    friend.get(&format!("{path}/refunds")).ok(404).problem("unknown_order");
    let exchange = json!({"tickets": [0], "items": [{"seatIds": server.seats(4, 1)}]});
    let keyed = friend.with("idempotency-key", "g");
    for (rest, asked) in
        [("cancel", json!({})), ("exchange", exchange), ("payments", json!({"paymentMethodId": "pm_ok"}))]
    {
        keyed.post(&format!("{path}/{rest}"), &asked).ok(404).problem("unknown_order");
    }
    let action = json!({"orderId": id, "outcome": "fail"});
    friend.post("/v1/sandbox/actions", &action).ok(404).problem("unknown_order");
    for (rest, asked) in [
        ("refunds", json!({"full": true})),
        ("refunds/1/retry", json!({})),
        ("review", json!({"decision": "reject"})),
    ] {
        keyed.post(&format!("{path}/{rest}"), &asked).ok(403).problem("forbidden");
    }
    let other = json!({"tickets": [1], "toUserId": given(&friend)["toUserId"]});
    keyed.post(&transfer, &other).ok(404).problem("unknown_order");
    assert_eq!(buyer.get(&path).ok(200).json()["status"], "confirmed");
    // He may give his ticket on, and has nothing to do with the order any more.
    let after = keyed.post(&transfer, &given(&server.new_buyer())).ok(200).json();
    assert_eq!((&after["ticketCount"], after.get("amount")), (&json!(0), None));
    friend.get(&path).ok(404).problem("unknown_order");
}
