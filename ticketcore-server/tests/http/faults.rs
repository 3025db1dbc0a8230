//! A disk that stalls or fails under the real binary: what clients are told, and what is true afterwards.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, Reply};
use super::server::Server;

/// A folder of one test, with what the disk meets and with the data.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ticketcore-disk-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/faults.c");
        let library = folder.join("faults.so");
        // Whoever can link Rust has a C compiler.
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).args([source, "-ldl"]);
        let built = compiler.output().expect("this test needs `cc`");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self { folder }
    }

    fn serve(&self, arguments: &[&str]) -> Server {
        let data = self.folder.join("data");
        let arguments = [&["--data", data.to_str().unwrap()], arguments].concat();
        let library = self.folder.join("faults.so");
        let faults = [("LD_PRELOAD", library.to_str().unwrap()), ("FAULTS", self.folder.to_str().unwrap())];
        Server::under(&arguments, &faults)
    }

    fn meets(&self, fault: &str) {
        fs::write(self.folder.join(fault), "").unwrap();
    }

    fn is_well(&self, fault: &str) {
        fs::remove_file(self.folder.join(fault)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

fn ask(server: &Server, buyer: &Client, from: usize) -> Reply {
    let asked = json!({"eventId": server.event, "seatIds": server.seats(from, 1)});
    buyer.with("idempotency-key", &format!("hold {from}")).post("/v1/holds", &asked)
}

#[test]
fn outcome_unknown_while_the_disk_stalls_and_the_same_key_learns_it() {
    let disk = Disk::new("stalls");
    let server =
        disk.serve(&["--set", "limits.request_timeout_ms=1200", "--set", "limits.body_timeout_ms=1000"]);
    let buyer = server.buyer();
    disk.meets("stall");
    let began = Instant::now();
    let unknown = ask(&server, &buyer, 0).ok(503);
    assert!(unknown.headers.contains_key("retry-after"));
    unknown.problem("outcome_unknown");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // Who only reads is not held up.
    server.anybody().get(&format!("/v1/events/{}/availability", server.event)).ok(200);
    disk.is_well("stall");
    let held = loop {
        let answer = ask(&server, &buyer, 0);
        if answer.status == 201 {
            break answer;
        }
        answer.problem("outcome_unknown");
        assert!(began.elapsed() < Duration::from_secs(20), "it is never known");
    };
    assert_eq!(held.headers["idempotency-replayed"], "true", "it was done the first time");
    let hold = held.json()["holdId"].clone();
    assert_eq!(ask(&server, &buyer, 0).ok(201).json()["holdId"], hold);
}

#[test]
fn unavailable_after_the_disk_failed_and_nothing_acknowledged_is_lost() {
    let disk = Disk::new("fails");
    let mut server = disk.serve(&[]);
    let buyer = server.buyer();
    let order = server.sold(&buyer, &server.seats(0, 1));
    let held = server.hold(&buyer, &server.seats(6, 1));
    server.anybody().get("/readyz").ok(200);
    disk.meets("fail");
    let refused = ask(&server, &buyer, 2).ok(503).json()["code"].clone();
    assert!(refused == "outcome_unknown" || refused == "unavailable", "{refused}");
    // From now on nothing is tried that can't be kept, whatever the disk does.
    disk.is_well("fail");
    ask(&server, &buyer, 4).ok(503).problem("outcome_unknown");
    // What bears no key was certainly not done.
    let path = format!("/v1/holds/{}", held["holdId"].as_str().unwrap());
    buyer.delete(&path).ok(503).problem("unavailable");
    let told = server.anybody().get("/readyz").ok(503).problem("unavailable");
    assert!(told["trouble"].is_string(), "{told}");
    assert_eq!(told["stoppedEvents"], json!([server.event]));
    server.anybody().get("/healthz").ok(200);
    server.anybody().get("/metrics").ok(200);

    server.process().kill().unwrap();
    server.process().wait().unwrap();
    let server = disk.serve(&[]);
    server.anybody().get("/readyz").ok(200);
    let path = format!("/v1/orders/{}", order["orderId"].as_str().unwrap());
    let buyer = server.anybody().with_token(buyer.token.as_ref().unwrap());
    assert_eq!(buyer.get(&path).ok(200).json()["status"], "confirmed");
    // Nobody knew of this one; now everybody does: it is there, or can be had.
    ask(&server, &buyer, 2).ok(201);
    ask(&server, &buyer, 4).ok(201);
}
