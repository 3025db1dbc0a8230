//! Disputes as Stripe reports them, over HTTP: in part, out of order, and inquiries that took nothing.

use serde_json::{Value, json};

use crate::returns::{Served, served};

/// What a dispute of the latest payment is reported as.
fn dispute(served: &Served, id: &str, amount: i64, status: &str) -> Value {
    let payment = served.stub.with(|bank| bank.intents.last().unwrap().id.clone());
    json!({ "id": id, "amount": amount, "currency": "eur", "status": status, "payment_intent": payment, "metadata": {} })
}

#[test]
fn a_dispute_of_a_part_takes_tickets_out_of_use_until_it_is_over() {
    let served = served("disputes");
    let buyer = served.server.buyer();
    let order = served.order(&buyer, 0, "pm_card_visa", None).ok(201).json();
    let path = format!("/v1/orders/{}/tickets", order["orderId"].as_str().unwrap());
    let status = || buyer.get(&path).ok(200).json()["items"][0]["status"].as_str().unwrap().to_owned();
    let report = |event: &str, kind: &str, object: Value| {
        served.reported_as(event, &format!("charge.dispute.{kind}"), &object);
    };
    assert_eq!(status(), "valid");
    report("evt_1", "created", dispute(&served, "dp_0", 100, "warning_needs_response"));
    report("evt_2", "closed", dispute(&served, "dp_0", 100, "warning_closed"));
    assert_eq!(status(), "valid", "an inquiry has taken nothing");
    report("evt_3", "created", dispute(&served, "dp_1", 100, "needs_response"));
    report("evt_4", "created", dispute(&served, "dp_2", 200, "warning_needs_response"));
    report("evt_5", "funds_withdrawn", dispute(&served, "dp_2", 200, "needs_response"));
    report("evt_6", "closed", dispute(&served, "dp_1", 100, "lost"));
    assert_eq!(status(), "disputed", "the inquiry became a dispute");
    report("evt_7", "closed", dispute(&served, "dp_2", 200, "won"));
    assert_eq!(status(), "valid");
    report("evt_8", "closed", dispute(&served, "dp_3", 50, "lost"));
    report("evt_9", "created", dispute(&served, "dp_3", 50, "needs_response"));
    assert_eq!(status(), "valid", "it was over before it was heard of");
    report("evt_10", "created", dispute(&served, "dp_4", 1_000_000, "needs_response"));
    report("evt_11", "closed", dispute(&served, "dp_4", 1_000_000, "lost"));
    assert_eq!(status(), "refunded", "all of it is gone");
}

#[test]
fn a_dispute_is_shown_to_its_buyer_and_to_staff_and_not_to_whom_a_ticket_was_given() {
    let served = served("disputes-shown");
    let (buyer, friend) = (served.server.buyer(), served.server.new_buyer());
    let order = served.order(&buyer, 0, "pm_card_visa", None).ok(201).json();
    assert_eq!(order["disputes"], json!([]));
    let path = format!("/v1/orders/{}", order["orderId"].as_str().unwrap());
    let to = friend.get("/v1/me").ok(200).json()["userId"].clone();
    let given = json!({"tickets": [0], "toUserId": to});
    buyer.with("idempotency-key", "t").post(&format!("{path}/transfer"), &given).ok(200);
    let report = |event: &str, kind: &str, object: Value| {
        served.reported_as(event, &format!("charge.dispute.{kind}"), &object);
    };
    report("evt_1", "created", dispute(&served, "dp_1", 100, "needs_response"));
    report("evt_2", "created", dispute(&served, "dp_2", 200, "needs_response"));
    report("evt_3", "closed", dispute(&served, "dp_2", 200, "lost"));
    report("evt_4", "closed", dispute(&served, "dp_3", 50, "won"));
    let shown = |reference: &str, status: &str, amount: i64, lost: i64| {
        let money = |amount: i64| json!({"amount": amount, "currency": "EUR"});
        json!({"reference": reference, "attempt": 1, "status": status, "amount": money(amount), "lost": money(lost)})
    };
    let all =
        json!([shown("dp_1", "open", 100, 0), shown("dp_2", "lost", 200, 200), shown("dp_3", "won", 50, 0)]);
    assert_eq!(buyer.get(&path).ok(200).json()["disputes"], all);
    assert_eq!(buyer.get("/v1/me/orders").ok(200).json()["items"][0]["disputes"], all);
    assert_eq!(served.server.staff().get(&path).ok(200).json()["disputes"], all);
    let listed = format!("/v1/admin/events/{}/orders", served.server.event);
    assert_eq!(served.server.staff().get(&listed).ok(200).json()["items"][0]["disputes"], all);
    let told = friend.get(&path).ok(200).json();
    assert_eq!((told.get("disputes"), &told["orderId"]), (None, &order["orderId"]));
    served.server.new_buyer().get(&path).ok(404).problem("unknown_order");
}
