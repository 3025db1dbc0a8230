//! The server's process: started with a theatre on sale, ended with its test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::client::Client;

/// A server of one test.
pub struct Server {
    child: Child,
    /// Its data, if it is this test's alone.
    folder: Option<PathBuf>,
    pub address: SocketAddr,
    /// The theatre's event.
    pub event: String,
    staff: String,
    buyer: String,
}

impl Server {
    /// A demo with one theatre.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same with more on its command line.
    pub fn with(arguments: &[&str]) -> Self {
        Self::under(arguments, &[])
    }

    /// The same with more in its environment.
    pub fn under(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let own = !arguments.contains(&"--data");
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("ticketcore-http-{}-{number}", std::process::id());
        let folder = own.then(|| std::env::temp_dir().join(name));
        let venues = if arguments.contains(&"--venues") { None } else { Some(["--venues", "theatre"]) };
        let mut child = Command::new(env!("CARGO_BIN_EXE_ticketcore-server"))
            .args(["demo", "--listen", "127.0.0.1:0"])
            .args(venues.iter().flatten())
            .envs(variables.iter().copied())
            .args(arguments)
            .args(folder.iter().flat_map(|folder| [OsStr::new("--data"), folder.as_os_str()]))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut address, mut event, mut staff, mut buyer) = (None, None, None, None);
        for line in lines {
            let line = line.unwrap();
            if let Some(rest) = line.strip_prefix("BASE=http") {
                address = rest.trim_start_matches(['s', ':', '/']).parse().ok();
            } else if let Some(rest) = line.strip_prefix("STAFF=") {
                staff = Some(rest.to_owned());
            } else if let Some(rest) = line.strip_prefix("BUYER=") {
                buyer = Some(rest.to_owned());
            } else if let Some(at) = line.find("evt_").filter(|_| event.is_none()) {
                event = line[at..].split_whitespace().next().map(str::to_owned);
            }
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        let told = "the demo says where it is";
        Self {
            address: address.expect(told),
            event: event.expect(told),
            staff: staff.expect(told),
            buyer: buyer.expect(told),
            folder,
            child,
        }
    }

    pub fn anybody(&self) -> Client {
        Client::new(self.address)
    }

    pub fn buyer(&self) -> Client {
        self.anybody().with_token(&self.buyer)
    }

    /// Somebody who has not been here before.
    pub fn new_buyer(&self) -> Client {
        let session = self.anybody().post("/v1/sessions", &json!({})).ok(201).json();
        self.anybody().with_token(session["token"].as_str().unwrap())
    }

    pub fn staff(&self) -> Client {
        self.anybody().with_token(&self.staff)
    }

    /// Ids of seats of the theatre: `count` from the `from`th on.
    pub fn seats(&self, from: usize, count: usize) -> Vec<String> {
        let generated = ticketcore::plan::generate(ticketcore::plan::VenueKind::Theatre);
        let rows = generated.zones.iter().flat_map(|zone| &zone.rows);
        rows.flat_map(|row| &row.seats).skip(from).take(count).map(|seat| seat.seat_guid.clone()).collect()
    }

    /// A hold of a buyer's.
    #[track_caller]
    pub fn hold(&self, buyer: &Client, seats: &[String]) -> Value {
        let asked = json!({"eventId": self.event, "seatIds": seats});
        buyer.with("idempotency-key", &format!("hold {seats:?}")).post("/v1/holds", &asked).ok(201).json()
    }

    /// An order of a hold, paid with a method.
    pub fn order(&self, buyer: &Client, hold: &Value, method: &str) -> super::client::Reply {
        let hold = hold["holdId"].as_str().unwrap();
        let asked =
            json!({"holdId": hold, "paymentMethodId": method, "customer": {"email": "ann@example.org"}});
        buyer.with("idempotency-key", &format!("order {hold}")).post("/v1/orders", &asked)
    }

    /// An order with tickets for seats.
    #[track_caller]
    pub fn sold(&self, buyer: &Client, seats: &[String]) -> Value {
        let hold = self.hold(buyer, seats);
        self.order(buyer, &hold, "pm_ok").ok(201).json()
    }

    /// A second event in the theatre, on sale, with more said about it than its name.
    #[track_caller]
    pub fn event_with(&self, more: Value) -> String {
        let venue = self.anybody().get("/v1/venues").ok(200).json()["items"][0]["id"].clone();
        let mut asked = json!({"venueId": venue, "name": "Lear", "startsAt": "2030-05-01T18:00:00Z"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let event =
            self.staff().post("/v1/admin/events", &asked).ok(201).json()["id"].as_str().unwrap().to_owned();
        let state = format!("/v1/admin/events/{event}/sale-state");
        self.staff().post(&state, &json!({"state": "onsale"})).ok(200);
        event
    }

    pub fn process(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if let Some(folder) = &self.folder {
            let _removed = std::fs::remove_dir_all(folder);
        }
    }
}
