//! Where buyers go and where they come back to, as the server's answers say it.

use serde_json::{Value, json};
use ticketcore::{Clock, SystemClock};
use ticketcore_server::stripe::{Secret, sign};

use crate::client::Client;
use crate::server::Server;
use crate::shop::runtime;
use crate::stub::{Asked, Stub};
use crate::webhooks::body;

pub struct Served {
    pub stub: Stub,
    pub server: Server,
    folder: std::path::PathBuf,
    _runtime: tokio::runtime::Runtime,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}

pub fn served(name: &str) -> Served {
    served_with(name, &[])
}

/// With more options.
pub fn served_with(name: &str, more: &[&str]) -> Served {
    let runtime = runtime();
    let stub = Stub::start(&runtime);
    // Both have the same time.
    stub.clock.run();
    stub.clock.advance(SystemClock.now().since_ms(stub.clock.now()));
    let folder = std::env::temp_dir().join(format!("ticketcore-returns-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("key"), "sk_test_1").unwrap();
    std::fs::write(folder.join("hook"), "whsec_1").unwrap();
    let stripe = format!(
        "payments.stripe={{ api_key_file = '{0}/key', webhook_secret_files = ['{0}/hook'], base = '{1}' }}",
        folder.display(),
        stub.base
    );
    let usual = [
        &stripe,
        "payments.return_url=https://shop.example/paid",
        "payments.return_url_prefixes=[\"https://shop.example/back/\"]",
    ];
    let set = usual.iter().chain(more).flat_map(|option| ["--set", option]);
    let server = Server::with(&["--gateway", "stripe"].into_iter().chain(set).collect::<Vec<_>>());
    Served { stub, server, folder, _runtime: runtime }
}

impl Served {
    pub fn order(
        &self,
        buyer: &Client,
        from: usize,
        method: &str,
        return_url: Option<&str>,
    ) -> crate::client::Reply {
        let hold = self.server.hold(buyer, &self.server.seats(from, 1));
        let mut asked = json!({"holdId": hold["holdId"], "paymentMethodId": method});
        if let Some(url) = return_url {
            asked["returnUrl"] = json!(url);
        }
        buyer.with("idempotency-key", &format!("order {from}")).post("/v1/orders", &asked)
    }

    /// Where Stripe was told to send the buyer of the latest payment.
    fn sent_to(&self) -> Option<String> {
        self.stub.with(|bank| bank.intents.last().unwrap().return_url.clone())
    }

    fn reported(&self, kind: &str, object: &Value) {
        self.reported_as("evt_1", kind, object);
    }

    /// Under a name of its own: one that was noted says nothing again.
    pub fn reported_as(&self, event: &str, kind: &str, object: &Value) {
        let body = body(event, kind, object);
        let signature = sign(&Secret::new("whsec_1"), self.stub.clock.now().0 / 1_000, &body);
        let hook = self.server.anybody().with("stripe-signature", &signature);
        hook.send("POST", "/v1/webhooks/stripe", Some(&body)).ok(204);
    }
}

#[test]
fn an_order_may_say_where_its_buyer_comes_back_to() {
    let served = served("own");
    let buyer = served.server.buyer();
    let order = served
        .order(&buyer, 0, "pm_card_3ds", Some("https://shop.example/back/{order}?basket=7"))
        .ok(202)
        .json();
    let id = order["orderId"].as_str().unwrap();
    assert_eq!(served.sent_to(), Some(format!("https://shop.example/back/{id}?basket=7")));
    let intent = served.stub.with(|bank| bank.intents[0].id.clone());
    let page = format!("https://hooks.stripe.com/redirect/authenticate/{intent}");
    assert_eq!(order["nextAction"], page);
    assert_eq!(buyer.get(&format!("/v1/orders/{id}")).ok(200).json()["nextAction"], page);

    // The bank says no, and the buyer tries again with another card and from another page.
    served.stub.with(|bank| bank.decide(&intent, false));
    let object = served.stub.with(|bank| bank.events.last().unwrap().1.clone());
    served.reported("payment_intent.payment_failed", &object);
    let pay = json!({"paymentMethodId": "pm_card_3ds", "returnUrl": "https://shop.example/back/again"});
    let path = format!("/v1/orders/{id}/payments");
    let again = buyer.with("idempotency-key", "again").post(&path, &pay).ok(202).json();
    assert_eq!(served.sent_to().as_deref(), Some("https://shop.example/back/again"));
    assert_eq!(
        (&again["payments"][0]["status"], &again["payments"][1]["status"]),
        (&json!("declined"), &json!("action_required"))
    );

    let order = served.order(&buyer, 2, "pm_card_3ds", None).ok(202).json();
    assert!(order["nextAction"].is_string());
    assert_eq!(served.sent_to().as_deref(), Some("https://shop.example/paid"));
    served.order(&buyer, 4, "pm_card_3ds", Some("https://shop.example/paid")).ok(202);
    assert_eq!(served.sent_to().as_deref(), Some("https://shop.example/paid"));
}

#[test]
fn a_list_of_orders_asks_stripe_about_none_of_them() {
    let served = served("list");
    let buyer = served.server.buyer();
    let order = served.order(&buyer, 0, "pm_card_3ds_far", None).ok(202).json();
    assert!(order["nextAction"].is_string());
    let all = format!("/v1/admin/events/{}/orders", served.server.event);
    for listed in [buyer.get("/v1/me/orders"), served.server.staff().get(&all)] {
        let listed = listed.ok(200).json();
        let mut items = listed["items"].as_array().unwrap().iter();
        let found = items.find(|item| item["orderId"] == order["orderId"]).unwrap();
        assert!(found["nextAction"].is_null(), "{found}");
        assert_eq!(found["payments"][0]["status"], "action_required");
    }
}

#[test]
fn an_address_that_is_too_long_to_be_kept_is_asked_for() {
    let served = served("far");
    let buyer = served.server.buyer();
    let order = served.order(&buyer, 0, "pm_card_3ds_far", None).ok(202).json();
    let page = order["nextAction"].as_str().unwrap().to_owned();
    assert!(
        page.starts_with("https://hooks.stripe.com/redirect/authenticate/pi_") && page.len() > 300,
        "{page}"
    );
    let path = format!("/v1/orders/{}", order["orderId"].as_str().unwrap());
    let asked = served.stub.count(Asked::Get);
    for _ in 0..5 {
        assert_eq!(buyer.get(&path).ok(200).json()["nextAction"], page);
    }
    assert!(served.stub.count(Asked::Get) <= asked + 1, "Stripe is not asked for every look at an order");
    // He has done it: there is nothing to be done any more.
    let id = served.stub.with(|bank| bank.intents[0].id.clone());
    served.stub.with(|bank| bank.decide(&id, true));
    let object = served.stub.with(|bank| bank.events.last().unwrap().1.clone());
    served.reported("payment_intent.amount_capturable_updated", &object);
    let began = std::time::Instant::now();
    loop {
        let order = buyer.get(&path).ok(200).json();
        if order["status"] == "confirmed" {
            assert!(order["nextAction"].is_null());
            break;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{order}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn other_addresses_are_refused_before_anything_is_done() {
    let served = served("other");
    let buyer = served.server.buyer();
    for (from, url) in [
        "https://evil.example/back/",
        "https://shop.example.evil.example/back/",
        "https://shop.example/back/../paid",
        "http://shop.example/back/",
        "javascript:alert(1)",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        let refused =
            served.order(&buyer, from, "pm_card_3ds", Some(url)).ok(400).problem("validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], "/returnUrl");
    }
    let long = format!("https://shop.example/back/{}", "x".repeat(300));
    served.order(&buyer, 7, "pm_card_3ds", Some(&long)).ok(400).problem("validation_failed");
    assert!(served.stub.with(|bank| bank.intents.is_empty()));
    assert_eq!(buyer.get("/v1/me/orders").ok(200).json()["items"], json!([]));
}
