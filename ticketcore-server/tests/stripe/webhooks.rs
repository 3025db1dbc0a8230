//! Reports: signed, twice, out of order.

use std::sync::Arc;

use ticketcore::gateway::{Answer, GatewayAction, GatewayKey, Seen};
use ticketcore::order::{PaymentSeen, RefundSeen};
use ticketcore::{Clock, Money};
use ticketcore_server::stripe::{BadDelivery, Report, Secret, Webhook, WebhookOptions, sign};

use crate::shop::{AMOUNT, Shop, euro, key, order, word};

pub const SECRET: &str = "whsec_test";

pub fn body(id: &str, kind: &str, object: &serde_json::Value) -> Vec<u8> {
    let event =
        serde_json::json!({ "id": id, "object": "event", "type": kind, "data": { "object": object } });
    serde_json::to_vec(&event).unwrap()
}

fn webhook(shop: &Shop) -> Webhook {
    let options = WebhookOptions::new(vec![Secret::new("whsec_next"), Secret::new(SECRET)]);
    Webhook::new(options, Arc::new(shop.stub.clock.clone()))
}

fn deliver(
    shop: &Shop,
    webhook: &Webhook,
    id: &str,
    kind: &str,
    object: &serde_json::Value,
) -> Option<Report> {
    let body = body(id, kind, object);
    let signature = sign(&Secret::new(SECRET), shop.now().0 / 1_000, &body);
    let delivery = webhook.receive(&signature, &body).unwrap();
    assert_eq!(delivery.event, id);
    delivery.report
}

#[test]
fn every_event_of_a_purchase_says_what_a_look_up_says() {
    let shop = Shop::new();
    let webhook = webhook(&shop);
    let reference = shop.captured(1, "pm_card_slow_refunds");
    shop.refund(1, 1, &reference, 1_000).yes().unwrap();
    let id = shop.stub.with(|bank| bank.refunds[0].id.clone());
    shop.stub.with(|bank| bank.decide_refund(&id, Some("declined")));
    let events = shop.stub.with(|bank| bank.events.clone());
    let kinds: Vec<_> = events.iter().map(|(kind, _)| *kind).collect();
    let expected = [
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "refund.created",
        "refund.failed",
    ];
    assert_eq!(kinds, expected);
    let told: Vec<Report> = events
        .iter()
        .enumerate()
        .map(|(at, (kind, object))| deliver(&shop, &webhook, &format!("evt_{at}"), kind, object).unwrap())
        .collect();
    let seen = |at: usize| match &told[at] {
        Report::Seen { key, seen, .. } => (*key, seen.clone()),
        other => panic!("{other:?}"),
    };
    let pay = key(1, GatewayAction::Authorize);
    let authorized =
        PaymentSeen::Authorized { reference: reference.clone(), lapses_at: None, fingerprint: None };
    assert_eq!(seen(0), (pay, Seen::Payment(authorized)));
    let captured = PaymentSeen::Captured { reference, amount_minor: AMOUNT, fingerprint: None };
    assert_eq!(seen(1), (pay, Seen::Payment(captured)));
    let refund = GatewayKey::new(order(1), GatewayAction::Refund, 1);
    let failed = RefundSeen::Failed { code: word("declined"), retry: true };
    assert_eq!(seen(3), (refund, Seen::Refund(failed)));
    // Looked at now, the first is as true as the last, and names the card.
    let resolved = shop.runtime.block_on(shop.gateway.resolve(told[0].clone()));
    let Some(Report::Seen { seen: Seen::Payment(now), .. }) = resolved else { panic!() };
    assert_eq!(Answer::Yes(now.clone()), shop.look_up(1, None, shop.now()));
    assert!(matches!(now, PaymentSeen::Captured { fingerprint: Some(_), .. }));
}

#[test]
fn a_report_that_a_refund_went_through_is_looked_at_again() {
    let shop = Shop::new();
    let webhook = webhook(&shop);
    let reference = shop.captured(1, "pm_card_visa");
    let through = shop.refund(1, 1, &reference, 1_000).yes().unwrap();
    assert!(matches!(through, RefundSeen::Succeeded { .. }));
    let (kind, object) = shop.stub.with(|bank| bank.events.last().unwrap().clone());
    let told = deliver(&shop, &webhook, "evt_1", kind, &object).unwrap();
    let now = |report: &Report| match shop.runtime.block_on(shop.gateway.resolve(report.clone())) {
        Some(Report::Seen { seen: Seen::Refund(seen), .. }) => seen,
        other => panic!("{other:?}"),
    };
    assert_eq!(now(&told), through);
    let id = shop.stub.with(|bank| bank.refunds[0].id.clone());
    shop.stub.with(|bank| bank.return_refund(&id, "declined"));
    let failed = RefundSeen::Failed { code: word("declined"), retry: true };
    assert_eq!(now(&told), failed, "it came back before it was told that it went");
    let (kind, object) = shop.stub.with(|bank| bank.events.last().unwrap().clone());
    let report = deliver(&shop, &webhook, "evt_2", kind, &object).unwrap();
    assert_eq!((kind, now(&report)), ("refund.failed", failed));
}

#[test]
fn a_delivery_is_heard_once_it_was_noted() {
    let shop = Shop::new();
    let webhook = webhook(&shop);
    shop.reserved(1, "pm_card_visa");
    let (kind, object) = shop.stub.with(|bank| bank.events[0].clone());
    let body = body("evt_1", kind, &object);
    let signature = sign(&Secret::new(SECRET), shop.now().0 / 1_000, &body);
    let first = webhook.receive(&signature, &body).unwrap();
    // It was not noted: the house fell over before it was durable.
    let again = webhook.receive(&signature, &body).unwrap();
    assert!(first == again && first.report.is_some());
    webhook.noted(&first);
    let replayed = webhook.receive(&signature, &body).unwrap();
    assert!(replayed.again && replayed.report.is_none());
    shop.stub.clock.advance(301_000);
    assert_eq!(webhook.receive(&signature, &body), Err(BadDelivery::Untimely));
    let forged = sign(&Secret::new("whsec_other"), shop.now().0 / 1_000, &body);
    assert_eq!(webhook.receive(&forged, &body), Err(BadDelivery::Forged));
    let signature = sign(&Secret::new(SECRET), shop.now().0 / 1_000, &body);
    let mut changed = body.clone();
    changed.extend_from_slice(b" ");
    assert_eq!(webhook.receive(&signature, &changed), Err(BadDelivery::Forged));
    assert_eq!(webhook.receive(&signature, &vec![b' '; 600_000]), Err(BadDelivery::TooLarge));
    assert_eq!(webhook.receive("", &body), Err(BadDelivery::Malformed));
    assert!(!format!("{webhook:?}").contains("whsec"));
}

#[test]
fn a_dispute_learns_whose_it_is() {
    let shop = Shop::new();
    let webhook = webhook(&shop);
    let reference = shop.captured(1, "pm_card_visa");
    let dispute = |payment: &str, status: &str| {
        serde_json::json!({
            "id": "dp_1", "amount": 5_000, "currency": "eur", "status": status, "payment_intent": payment, "metadata": {},
        })
    };
    let opened = deliver(
        &shop,
        &webhook,
        "evt_1",
        "charge.dispute.created",
        &dispute(reference.as_str(), "needs_response"),
    );
    let resolved = shop.runtime.block_on(shop.gateway.resolve(opened.unwrap()));
    let Some(Report::DisputeOpened { key: Some(found), amount, inquiry: false, .. }) = resolved else {
        panic!("{resolved:?}")
    };
    assert_eq!((found, amount), (key(1, GatewayAction::Authorize), euro(AMOUNT)));
    let closed =
        deliver(&shop, &webhook, "evt_2", "charge.dispute.closed", &dispute(reference.as_str(), "lost"));
    let resolved = shop.runtime.block_on(shop.gateway.resolve(closed.unwrap()));
    assert!(matches!(
        resolved,
        Some(Report::DisputeClosed { key: Some(_), won: false, amount: Money { .. }, .. })
    ));
    let foreign =
        deliver(&shop, &webhook, "evt_3", "charge.dispute.created", &dispute("pi_foreign", "needs_response"));
    assert_eq!(shop.runtime.block_on(shop.gateway.resolve(foreign.unwrap())), None);
    assert!(shop.stub.clock.now() > ticketcore::UtcMs(0));
}
