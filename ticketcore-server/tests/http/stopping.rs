//! Stopping, and being stopped.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Client;
use super::server::Server;

#[test]
fn told_to_stop_it_finishes_what_is_under_way() {
    let mut server = Server::start();
    let buyer = server.buyer();
    let hold = server.hold(&buyer, &server.seats(0, 1));
    let slow = {
        let (address, buyer) = (server.address, buyer.clone());
        let hold = hold["holdId"].clone();
        std::thread::spawn(move || {
            let asked = json!({"holdId": hold, "paymentMethodId": "pm_slow:600"});
            Client { address, ..buyer }.with("idempotency-key", "o").post("/v1/orders", &asked)
        })
    };
    std::thread::sleep(Duration::from_millis(200));
    let pid = server.process().id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(slow.join().unwrap().ok(201).json()["status"], "confirmed");
    assert!(server.process().wait().unwrap().success());
}

#[test]
fn an_idle_connection_does_not_keep_it_from_stopping() {
    let mut server = Server::start();
    let mut idle = TcpStream::connect(server.address).unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut some = [0; 64];
    assert!(idle.read(&mut some).unwrap() > 0);
    let pid = server.process().id().to_string();
    let began = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(server.process().wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[test]
fn killed_it_has_everything_that_it_acknowledged() {
    let folder = std::env::temp_dir().join(format!("ticketcore-killed-{}", std::process::id()));
    let data = folder.to_str().unwrap();
    let mut sold: Vec<(String, String)> = Vec::new();
    for life in 0..5 {
        let mut server = Server::with(&["--data", data]);
        // The sessions of an earlier life are good: the key is kept.
        for (token, order) in &sold {
            let buyer: Client = server.anybody().with_token(token);
            let path = format!("/v1/orders/{order}");
            assert_eq!(buyer.get(&path).ok(200).json()["status"], "confirmed");
        }
        for at in 0..3 {
            let buyer = server.new_buyer();
            let order = server.sold(&buyer, &server.seats(life * 10 + at, 1));
            sold.push((buyer.token.unwrap(), order["orderId"].as_str().unwrap().to_owned()));
        }
        server.process().kill().unwrap();
        server.process().wait().unwrap();
    }
    let audit = Command::new(env!("CARGO_BIN_EXE_ticketcore-server")).args(["audit", data]).output().unwrap();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    std::fs::remove_dir_all(folder).unwrap();
}
