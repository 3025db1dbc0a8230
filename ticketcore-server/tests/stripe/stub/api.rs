//! The endpoints.

use hyper::{Method, Uri};
use serde_json::{Value, json};
use ticketcore::UtcMs;

use super::bank::{Bank, Intent, Metadata, Refund};
use super::form;
use super::objects::card;
use super::{Asked, Fault};

/// A request.
pub struct Call {
    pub asked: Asked,
    path: Vec<String>,
    params: Vec<(String, String)>,
    /// What is compared when a key comes again.
    content: String,
    key: Option<String>,
}

/// An answer.
#[derive(Clone)]
pub struct Said {
    pub status: u16,
    pub body: Value,
    pub replayed: bool,
}

impl Said {
    fn good(body: Value) -> Self {
        Self { status: 200, body, replayed: false }
    }

    pub fn error(status: u16, kind: &str, code: &str) -> Self {
        let body = json!({ "error": { "type": kind, "code": code, "message": "Not so." } });
        Self { status, body, replayed: false }
    }

    fn invalid(code: &str) -> Self {
        Self::error(400, "invalid_request_error", code)
    }
}

impl Call {
    pub fn read(method: &Method, uri: &Uri, body: &[u8], key: &str) -> Self {
        let path: Vec<String> = uri.path().trim_start_matches("/v1/").split('/').map(str::to_owned).collect();
        let body = std::str::from_utf8(body).unwrap();
        let text = if *method == Method::POST { body } else { uri.query().unwrap_or_default() };
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let asked = match (method.as_str(), &names[..]) {
            ("POST", ["payment_intents"]) => Asked::Create,
            ("POST", ["payment_intents", _, "capture"]) => Asked::Capture,
            ("POST", ["payment_intents", _, "cancel"]) => Asked::Cancel,
            ("POST", ["refunds"]) => Asked::Refund,
            ("GET", ["payment_intents", "search"]) => Asked::Search,
            ("GET", ["payment_intents" | "refunds"]) => Asked::List,
            ("GET", ["payment_intents" | "refunds", _]) => Asked::Get,
            ("GET", ["payment_methods", _]) => Asked::Method,
            other => panic!("no such endpoint: {other:?}"),
        };
        let key = Some(key.to_owned()).filter(|key| !key.is_empty());
        assert!(key.is_none() || *method == Method::POST, "keys mean nothing to {method}");
        let content = format!("{} {text}", uri.path());
        Self { asked, params: form::parse(text), path, content, key }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.get(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
    }

    fn metadata(&self) -> Metadata {
        let entry = |(name, value): &(String, String)| {
            let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
            Some((name.to_owned(), value.clone()))
        };
        self.params.iter().filter_map(entry).collect()
    }

    fn expands(&self) -> bool {
        self.params.iter().any(|(name, value)| name == "expand[]" && value.ends_with("latest_charge"))
    }
}

/// Carries a call out, once under its key. What an endpoint that ran has said is kept, failures included.
pub fn carry_out(bank: &mut Bank, now: UtcMs, call: &Call, fault: Option<Fault>) -> Said {
    bank.settle(now);
    if let Some((_, content, said)) = call.key.as_ref().and_then(|key| bank.kept.get(key)) {
        if *content != call.content {
            return Said::error(400, "idempotency_error", "");
        }
        return Said { replayed: true, ..said.clone() };
    }
    let broken = || Said::error(500, "api_error", "");
    let (said, ran) = match fault {
        Some(Fault::Broken) => (broken(), true),
        Some(Fault::BrokenAfter) => {
            let _unheard = endpoint(bank, now, call);
            (broken(), true)
        }
        _ => endpoint(bank, now, call),
    };
    if let Some(key) = call.key.as_ref().filter(|_| ran) {
        bank.kept.insert(key.clone(), (now, call.content.clone(), said.clone()));
    }
    said
}

/// What is said, and whether the endpoint ran: parameters that fail validation are not kept.
fn endpoint(bank: &mut Bank, now: UtcMs, call: &Call) -> (Said, bool) {
    let said = match call.asked {
        Asked::Create => return create(bank, now, call),
        Asked::Capture => capture(bank, call),
        Asked::Cancel => cancel(bank, call),
        Asked::Refund => return refund(bank, now, call),
        Asked::Get => get(bank, call),
        Asked::List => list(bank, call),
        Asked::Search => search(bank, now, call),
        Asked::Method => method(call),
    };
    (said, true)
}

fn create(bank: &mut Bank, now: UtcMs, call: &Call) -> (Said, bool) {
    let Some(amount) = call.number("amount").filter(|amount| *amount > 0) else {
        return (Said::invalid("parameter_invalid_integer"), false);
    };
    assert_eq!((call.get("confirm"), call.get("payment_method_types[]")), (Some("true"), Some("card")));
    let method = call.get("payment_method").unwrap_or_default().to_owned();
    if !method.starts_with("pm_card_") {
        return (Said::invalid("resource_missing"), false);
    }
    let id = bank.name("pi");
    let manual = call.get("capture_method") == Some("manual");
    let declined = match method.as_str() {
        "pm_card_declined" => Some("generic_decline"),
        "pm_card_insufficient" => Some("insufficient_funds"),
        _ => None,
    };
    let status = match method.as_str() {
        "pm_card_3ds" | "pm_card_3ds_far" => "requires_action",
        "pm_card_processing" => "processing",
        _ => "requires_payment_method",
    };
    bank.intents.push(Intent {
        id: id.clone(),
        amount,
        currency: call.get("currency").unwrap().to_owned(),
        manual,
        method,
        status,
        received: 0,
        refunded: 0,
        created: now,
        declined,
        metadata: call.metadata(),
        return_url: call.get("return_url").map(str::to_owned),
    });
    if let Some(code) = declined {
        bank.report("payment_intent.payment_failed", &id);
        let mut said = Said::error(402, "card_error", "card_declined");
        said.body["error"]["decline_code"] = json!(code);
        said.body["error"]["payment_intent"] = bank.intent(&id).unwrap().json(false);
        return (said, true);
    }
    match status {
        "requires_action" => bank.report("payment_intent.requires_action", &id),
        "processing" => {}
        _ => bank.go_live(&id),
    }
    (Said::good(bank.intent(&id).unwrap().json(call.expands())), true)
}

fn unexpected(intent: &Intent) -> Said {
    let mut said = Said::invalid("payment_intent_unexpected_state");
    said.body["error"]["payment_intent"] = intent.json(false);
    said
}

fn missing() -> Said {
    Said::error(404, "invalid_request_error", "resource_missing")
}

fn capture(bank: &mut Bank, call: &Call) -> Said {
    let amount = call.number("amount_to_capture");
    let Some(intent) = bank.intent(&call.path[1]) else { return missing() };
    let amount = amount.unwrap_or(intent.amount);
    if intent.status != "requires_capture" {
        return unexpected(intent);
    }
    if amount <= 0 || amount > intent.amount {
        return Said::invalid("amount_too_large");
    }
    if intent.method == "pm_card_no_capture" {
        return Said::error(402, "card_error", "capture_declined");
    }
    (intent.status, intent.received) = ("succeeded", amount);
    let (id, json) = (intent.id.clone(), intent.json(call.expands()));
    bank.report("payment_intent.succeeded", &id);
    Said::good(json)
}

fn cancel(bank: &mut Bank, call: &Call) -> Said {
    let Some(intent) = bank.intent(&call.path[1]) else { return missing() };
    if matches!(intent.status, "succeeded" | "canceled" | "processing") {
        return unexpected(intent);
    }
    intent.status = "canceled";
    let (id, json) = (intent.id.clone(), intent.json(call.expands()));
    bank.report("payment_intent.canceled", &id);
    Said::good(json)
}

fn refund(bank: &mut Bank, now: UtcMs, call: &Call) -> (Said, bool) {
    let amount = call.number("amount").unwrap();
    let broke = bank.broke;
    let Some(intent) = bank.intent(call.get("payment_intent").unwrap()) else { return (missing(), false) };
    let left = intent.received - intent.refunded;
    let refused = match left {
        _ if intent.received == 0 => Some("charge_not_captured"),
        0 => Some("charge_already_refunded"),
        left if amount > left || amount <= 0 => Some("amount_too_large"),
        _ if broke => Some("balance_insufficient"),
        _ => None,
    };
    if let Some(code) = refused {
        return (Said::invalid(code), true);
    }
    let status = if intent.method == "pm_card_slow_refunds" { "pending" } else { "succeeded" };
    intent.refunded += amount;
    let of = intent.id.clone();
    let id = bank.name("re");
    let refund =
        Refund { id, intent: of, amount, status, reason: None, created: now, metadata: call.metadata() };
    let json = refund.json();
    let id = refund.id.clone();
    bank.refunds.push(refund);
    bank.report_refund("refund.created", &id);
    (Said::good(json), true)
}

fn get(bank: &Bank, call: &Call) -> Said {
    let intent = bank.intents.iter().find(|intent| intent.id == call.path[1]);
    let refund = bank.refunds.iter().find(|refund| refund.id == call.path[1]);
    let found = intent.map(|intent| intent.json(call.expands())).or(refund.map(Refund::json));
    found.map_or_else(missing, Said::good)
}

fn method(call: &Call) -> Said {
    let id = &call.path[1];
    match id.starts_with("pm_card_") {
        true => Said::good(json!({ "id": id, "object": "payment_method", "type": "card", "card": card(id) })),
        false => missing(),
    }
}

/// What lists take; other parameters are refused.
const LIST_PARAMS: [&str; 8] = [
    "created[gt]",
    "created[gte]",
    "created[lt]",
    "created[lte]",
    "ending_before",
    "expand[]",
    "limit",
    "starting_after",
];

/// Whether what was made then is in the list. Bounds are in seconds, and each may be left out.
fn within(call: &Call, created: UtcMs) -> bool {
    let created = i64::try_from(created.0 / 1_000).unwrap();
    call.number("created[gt]").is_none_or(|bound| created > bound)
        && call.number("created[gte]").is_none_or(|bound| created >= bound)
        && call.number("created[lt]").is_none_or(|bound| created < bound)
        && call.number("created[lte]").is_none_or(|bound| created <= bound)
}

fn list(bank: &Bank, call: &Call) -> Said {
    let refunds = call.path[0] == "refunds";
    let known = |name: &str| LIST_PARAMS.contains(&name) || refunds && name == "payment_intent";
    if !call.params.iter().all(|(name, _)| known(name)) {
        return Said::invalid("parameter_unknown");
    }
    let of = call.get("payment_intent");
    if of.is_some_and(|of| bank.intents.iter().all(|intent| intent.id != of)) {
        return Said::invalid("resource_missing");
    }
    let within = |created: UtcMs| within(call, created);
    // The newest first.
    let all: Vec<Value> = if refunds {
        let chosen = bank.refunds.iter().rev().filter(|refund| of.is_none_or(|of| of == refund.intent));
        chosen.filter(|refund| within(refund.created)).map(Refund::json).collect()
    } else {
        let chosen = bank.intents.iter().rev().filter(|intent| within(intent.created));
        chosen.map(|intent| intent.json(call.expands())).collect()
    };
    let limit = usize::try_from(call.number("limit").unwrap_or(10)).unwrap();
    assert!((1..=100).contains(&limit));
    let place = |id: &str| all.iter().position(|entry| entry["id"] == id);
    let (data, more) = match (call.get("starting_after"), call.get("ending_before")) {
        (None, None) => (&all[..limit.min(all.len())], all.len() > limit),
        (Some(after), None) => {
            let Some(at) = place(after) else { return Said::invalid("resource_missing") };
            let rest = &all[at + 1..];
            (&rest[..limit.min(rest.len())], rest.len() > limit)
        }
        (None, Some(before)) => {
            let Some(at) = place(before) else { return Said::invalid("resource_missing") };
            (&all[at.saturating_sub(limit)..at], at > limit)
        }
        _ => panic!("both ways at once"),
    };
    Said::good(json!({ "object": "list", "data": data, "has_more": more }))
}

fn search(bank: &Bank, now: UtcMs, call: &Call) -> Said {
    let query = call.get("query").unwrap();
    let (name, value) = query.split_once(':').unwrap();
    let name = name.strip_prefix("metadata['").unwrap().strip_suffix("']").unwrap();
    let value = value.trim_matches('\'');
    let seen = |intent: &&Intent| {
        now.since_ms(intent.created) >= bank.search_lag_ms
            && intent.metadata.get(name).is_some_and(|known| known == value)
    };
    let data: Vec<Value> = bank.intents.iter().filter(seen).map(|intent| intent.json(false)).collect();
    Said::good(json!({ "object": "search_result", "data": data, "has_more": false }))
}
