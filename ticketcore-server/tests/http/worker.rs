//! A shop whose vendor takes the money himself, and the worker who does it for him.

use serde_json::{Value, json};

use super::client::{Client, Reply};
use super::server::Server;

pub fn shop() -> Server {
    Server::with(&["--gateway", "external"])
}

/// A vendor's worker.
pub struct Worker(pub Client);

impl Worker {
    pub fn of(server: &Server) -> Self {
        let key = json!({"name": "payments", "scopes": ["payments"]});
        let made = server.staff().post("/v1/admin/keys", &key).ok(201).json();
        Self(server.anybody().with_token(made["key"].as_str().unwrap()))
    }

    #[track_caller]
    pub fn due(&self, asked: Value) -> Vec<Value> {
        let answer = self.0.post("/v1/gateway/next-effects", &asked).ok(200).json();
        answer["items"].as_array().unwrap().clone()
    }

    /// The one thing that is due: its action and its key.
    #[track_caller]
    pub fn only(&self) -> (String, String) {
        let due = self.due(json!({}));
        assert_eq!(due.len(), 1, "{due:?}");
        let text = |member: &str| due[0][member].as_str().unwrap().to_owned();
        (text("action"), text("key"))
    }

    pub fn say(&self, key: &str, outcome: &str, more: Value) -> Reply {
        let mut said = json!({"key": key, "outcome": outcome});
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.0.post("/v1/gateway/observe", &said)
    }

    /// What a report came to: where the order stands, and whether it said anything new.
    #[track_caller]
    pub fn told(&self, key: &str, outcome: &str, more: Value) -> (String, bool) {
        let answer = self.say(key, outcome, more).ok(200).json();
        (answer["status"].as_str().unwrap().to_owned(), answer["changed"].as_bool().unwrap())
    }
}

pub fn new(status: &str) -> (String, bool) {
    (status.to_owned(), true)
}

pub fn known(status: &str) -> (String, bool) {
    (status.to_owned(), false)
}

/// An order that waits for the vendor, its id, and what it costs.
#[track_caller]
pub fn waiting(server: &Server, buyer: &Client, from: usize, count: usize) -> (String, Value) {
    let hold = server.hold(buyer, &server.seats(from, count));
    let order = server.order(buyer, &hold, "card-7").ok(202).json();
    assert_eq!(order["status"], "paying");
    (order["orderId"].as_str().unwrap().to_owned(), order["amount"].clone())
}
