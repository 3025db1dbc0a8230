//! Killed under load, again and again: whatever was acknowledged over HTTP is there in the next life, and the books are in order.

use std::collections::{HashMap, HashSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, Reply};
use super::server::Server;

/// How often it is killed.
const LIVES: u32 = 20;
/// Buyers who shop at once.
const BUYERS: usize = 4;
/// All of it takes no longer, or something is very slow.
const TIME: Duration = Duration::from_secs(300);

/// What was acknowledged, and what nobody has answered yet.
#[derive(Default)]
struct Notes {
    /// Orders with their buyers' tokens and the codes of their tickets.
    sold: Vec<(String, String, Vec<String>)>,
    /// Holds of this life that are no orders, with their buyers' tokens and when they were placed.
    held: Vec<(String, String, Instant)>,
    /// Requests that were under way when it was killed: buyer, key, path, body.
    open: Vec<(String, String, &'static str, Value)>,
    /// Seats that somebody was told are his.
    seats: HashMap<String, String>,
}

/// One buyer after the other.
struct Shopper {
    server: Client,
    event: String,
    seats: Arc<Vec<String>>,
    /// Where the next seats are looked for; shared, so that buyers meet.
    next: Arc<AtomicUsize>,
    notes: Arc<Mutex<Notes>>,
    killed: Arc<AtomicBool>,
    name: String,
}

impl Shopper {
    /// Sends a request of a buyer's. `None` if no answer came: then it is noted as open.
    fn send(&self, token: &str, key: &str, path: &'static str, body: Value) -> Option<Reply> {
        let client = self.server.with_token(token).with("idempotency-key", key);
        let answer = client.try_send("POST", path, Some(body.to_string().as_bytes()));
        if answer.is_none() {
            self.notes.lock().unwrap().open.push((token.to_owned(), key.to_owned(), path, body));
        }
        answer
    }

    /// Buys or holds one basket. `None` when the server is gone.
    fn shop(&self, turn: usize) -> Option<()> {
        let session = self.server.try_send("POST", "/v1/sessions", Some(b"{}"))?.ok(201).json();
        let token = session["token"].as_str().unwrap();
        let at = self.next.fetch_add(1 + turn % 2, Ordering::Relaxed);
        let wanted: Vec<_> = (0..1 + turn % 3).filter_map(|more| self.seats.get(at + more)).collect();
        assert!(!wanted.is_empty(), "the house is sold out");
        let key = format!("{}-{turn}", self.name);
        let hold = self.send(token, &key, "/v1/holds", json!({"eventId": self.event, "seatIds": wanted}))?;
        if hold.status == 409 {
            hold.problem("seats_unavailable");
            return Some(());
        }
        let hold = hold.ok(201).json();
        let id = hold["holdId"].as_str().unwrap().to_owned();
        self.takes(&id, hold["lines"].as_array().unwrap());
        if turn % 5 == 4 {
            self.notes.lock().unwrap().held.push((token.to_owned(), id, Instant::now()));
            return Some(());
        }
        let order =
            self.send(token, &key, "/v1/orders", json!({"holdId": id, "paymentMethodId": "pm_ok"}))?;
        if order.status == 202 {
            return Some(());
        }
        let order = order.ok(201).json()["orderId"].as_str().unwrap().to_owned();
        let buyer = self.server.with_token(token);
        let codes = buyer.try_send("GET", &format!("/v1/orders/{order}/tickets"), None).map(codes);
        self.notes.lock().unwrap().sold.push((token.to_owned(), order, codes.unwrap_or_default()));
        Some(())
    }

    /// Nobody else was told that they are his.
    fn takes(&self, hold: &str, lines: &[Value]) {
        let mut notes = self.notes.lock().unwrap();
        for line in lines {
            let seat = line["seatId"].as_str().unwrap().to_owned();
            let before = notes.seats.insert(seat.clone(), hold.to_owned());
            assert!(before.as_ref().is_none_or(|other| other == hold), "{seat} is {hold}'s and {before:?}'s");
        }
    }

    fn run(self) {
        for turn in 0.. {
            if self.killed.load(Ordering::Relaxed) || self.shop(turn).is_none() {
                return;
            }
        }
    }
}

fn codes(tickets: Reply) -> Vec<String> {
    let tickets = tickets.ok(200).json();
    let code = |ticket: &Value| ticket["code"].as_str().unwrap().to_owned();
    tickets["items"].as_array().unwrap().iter().map(code).collect()
}

/// What one life acknowledged is true in the next; what nobody answered is settled under its own key.
fn look_after(server: &Server, notes: &mut Notes, from: usize) {
    for (token, order, known) in &notes.sold[from..] {
        let buyer = server.anybody().with_token(token);
        let order = format!("/v1/orders/{order}");
        assert_eq!(buyer.get(&order).ok(200).json()["status"], "confirmed", "{order}");
        let tickets = codes(buyer.get(&format!("{order}/tickets")));
        // Codes are signed afresh; what they are for is the same.
        assert!(!tickets.is_empty() && (known.is_empty() || known.len() == tickets.len()), "{order}");
    }
    for (token, hold, since) in std::mem::take(&mut notes.held) {
        let found = server.anybody().with_token(&token).get(&format!("/v1/holds/{hold}"));
        assert!(found.status == 200 || since.elapsed() > Duration::from_secs(400), "{hold} is gone");
    }
    for (token, key, path, body) in std::mem::take(&mut notes.open) {
        let again = || server.anybody().with_token(&token).with("idempotency-key", &key).post(path, &body);
        let (first, second) = (settled(&again), settled(&again));
        assert_eq!(first.0, second.0, "{path} {body}: {} and {}", first.1, second.1);
        assert!(first.0 == 201 || first.1["code"] == "seats_unavailable", "{path} {body}: {}", first.1);
        let name = if path == "/v1/holds" { "holdId" } else { "orderId" };
        assert_eq!(first.1[name], second.1[name]);
    }
}

/// Asks until it is known: what was under way at the gateway takes a moment.
fn settled(ask: &impl Fn() -> Reply) -> (u16, Value) {
    let began = Instant::now();
    loop {
        let answer = ask();
        let body = answer.json();
        if answer.status != 202 && answer.status != 503 {
            return (answer.status, body);
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it is never known: {body}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn audit(data: &str) {
    let audit = Command::new(env!("CARGO_BIN_EXE_ticketcore-server")).args(["audit", data]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

/// Every seat as everybody sees it.
fn map(server: &Server, event: &str) -> HashMap<String, String> {
    let listed = server.anybody().get(&format!("/v1/events/{event}/availability?level=seats")).ok(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    listed["seats"].as_array().unwrap().iter().map(|seat| (text(&seat[0]), text(&seat[1]))).collect()
}

#[test]
fn killed_twenty_times_under_load_it_keeps_what_it_acknowledged() {
    let folder = std::env::temp_dir().join(format!("ticketcore-kills-{}", std::process::id()));
    let data = folder.to_str().unwrap();
    let began = Instant::now();
    let arguments = ["--data", data, "--venues", "stadium"];
    let (notes, next) = (Arc::new(Mutex::new(Notes::default())), Arc::new(AtomicUsize::new(0)));
    let mut seats = Arc::new(Vec::new());
    let (mut event, mut sold, mut most) = (String::new(), 0, 0);
    for life in 0..LIVES {
        let mut server = Server::with(&arguments);
        if life == 0 {
            event.clone_from(&server.event);
            let mut all: Vec<String> = map(&server, &event).into_keys().collect();
            all.sort();
            seats = Arc::new(all);
        }
        assert_eq!(server.event, event);
        look_after(&server, &mut notes.lock().unwrap(), sold);
        sold = notes.lock().unwrap().sold.len();
        let killed = Arc::new(AtomicBool::new(false));
        let shoppers: Vec<_> = (0..BUYERS)
            .map(|number| {
                let shopper = Shopper {
                    server: server.anybody(),
                    event: event.clone(),
                    seats: Arc::clone(&seats),
                    next: Arc::clone(&next),
                    notes: Arc::clone(&notes),
                    killed: Arc::clone(&killed),
                    name: format!("{life}-{number}"),
                };
                std::thread::spawn(move || shopper.run())
            })
            .collect();
        // Not each time at the same moment of what it does.
        std::thread::sleep(Duration::from_millis(400 + u64::from(life * 37 % 300)));
        server.process().kill().unwrap();
        killed.store(true, Ordering::Relaxed);
        server.process().wait().unwrap();
        shoppers.into_iter().for_each(|shopper| shopper.join().unwrap());
        audit(data);
        most = most.max(notes.lock().unwrap().sold.len() - sold);
        assert!(began.elapsed() < TIME, "{life} lives took {:?}", began.elapsed());
    }
    let server = Server::with(&arguments);
    let mut notes = notes.lock().unwrap();
    look_after(&server, &mut notes, 0);
    assert!(
        most >= 10 && notes.sold.len() >= 100,
        "that was no load: {} sold, {most} in a life",
        notes.sold.len()
    );
    // Seats of what was sold are sold, each once.
    let (states, mut taken) = (map(&server, &event), HashSet::new());
    for (token, order, _) in &notes.sold {
        let order = server.anybody().with_token(token).get(&format!("/v1/orders/{order}")).ok(200).json();
        for line in order["lines"].as_array().unwrap() {
            let seat = line["seatId"].as_str().unwrap();
            assert_eq!(states[seat], "sold", "{seat}");
            assert!(taken.insert(seat.to_owned()), "{seat} is sold twice");
        }
    }
    drop(server);
    audit(data);
    println!("{LIVES} kills: {} orders kept, {:?}", notes.sold.len(), began.elapsed());
    std::fs::remove_dir_all(folder).unwrap();
}
