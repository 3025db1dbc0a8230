//! Many connections that do nothing, and readers who do not read.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::server::Server;

/// Connections that idle.
const IDLE: usize = 10_000;
/// What they may take of the server's memory, all together.
const IDLE_BYTES_MAX: u64 = 300 << 20;

/// How many connections can idle: [`IDLE`], or as many as the system lets this process have open, which is said.
fn idle_connections() -> usize {
    let (wanted, beside) = (IDLE as u64 + 500, 500);
    let given = rlimit::increase_nofile_limit(wanted).expect("a limit of open files");
    if given < wanted {
        eprintln!("{wanted} open files are wanted, the system gives {given}: raise `ulimit -Hn`");
        assert!(given >= 1_500, "{given} open files are too few for anything");
    }
    // An even number: one half speaks, the other does not.
    usize::try_from(given.min(wanted) - beside).unwrap() / 2 * 2
}

/// Memory of a process that is in use, in bytes.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1_024
}

fn metric(server: &Server, name: &str) -> u64 {
    let text = String::from_utf8(server.anybody().get("/metrics").ok(200).body).unwrap();
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
    line.trim().parse().unwrap()
}

/// Waits until a metric is what it should be.
#[track_caller]
fn until(server: &Server, name: &str, is: impl Fn(u64) -> bool) {
    let began = Instant::now();
    while !is(metric(server, name)) {
        assert!(began.elapsed() < Duration::from_secs(30), "{name} is {}", metric(server, name));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A connection that has been answered once and is kept alive.
fn kept_alive(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut some = [0; 1_024];
    let count = stream.read(&mut some).unwrap();
    assert!(some[..count].starts_with(b"HTTP/1.1 200"));
    stream
}

/// Whether a new connection is closed at once, without a word.
fn is_closed_at_once(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    match stream.read(&mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn ten_thousand_idle_connections_take_little_and_keep_nobody_out() {
    let count = idle_connections();
    let most = format!("limits.connections_max={}", count + 20);
    let mut server = Server::with(&["--set", &most, "--set", "limits.head_timeout_ms=120000"]);
    let pid = server.process().id();
    let (address, before) = (server.address, resident(pid));
    // Half of them have been answered, half have never said anything.
    let mut idle: Vec<TcpStream> = (0..count / 2).map(|_| kept_alive(address)).collect();
    idle.extend((0..count / 2).map(|_| TcpStream::connect(address).unwrap()));
    until(&server, "ticketcore_http_connections ", |open| open >= count as u64);
    let taken = resident(pid).saturating_sub(before);
    println!("{count} idle connections take {} KiB each", taken / 1_024 / count as u64);
    assert!(taken <= IDLE_BYTES_MAX, "{taken} bytes");
    let began = Instant::now();
    server.sold(&server.buyer(), &server.seats(0, 1));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    // Beyond the limit they are closed, at once and without a word; who is in stays in.
    let more: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(address).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    for _ in 0..10 {
        assert!(is_closed_at_once(address));
    }
    let first = &mut idle[0];
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert!(first.read(&mut [0; 64]).unwrap() > 0);
    drop(more);
    let began = Instant::now();
    while is_closed_at_once(address) {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody comes in again");
    }
    assert!(metric(&server, "ticketcore_http_connections_refused_total ") >= 10);
    drop(idle);
    until(&server, "ticketcore_http_connections ", |open| open < 50);
    server.sold(&server.buyer(), &server.seats(2, 1));
}

#[test]
fn idle_connections_are_closed_after_their_time() {
    let server = Server::with(&["--set", "limits.head_timeout_ms=500"]);
    let mut idle: Vec<TcpStream> = (0..20).map(|_| kept_alive(server.address)).collect();
    idle.extend((0..20).map(|_| TcpStream::connect(server.address).unwrap()));
    let began = Instant::now();
    // The beginning of HTTP/2, and no more.
    idle.push(TcpStream::connect(server.address).unwrap());
    idle.last_mut().unwrap().write_all(b"PRI * HTTP").unwrap();
    for stream in &mut idle {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(!ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it is still open");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    until(&server, "ticketcore_http_connections ", |open| open <= 1);
}

#[test]
fn who_asks_and_does_not_read_is_let_go_and_who_reads_slowly_is_not() {
    let server = Server::with(&["--set", "limits.write_timeout_ms=800"]);
    let request = format!("GET /v1/events/{}/seatmap HTTP/1.1\r\nhost: x\r\n\r\n", server.event);
    let length = server.anybody().get(&format!("/v1/events/{}/seatmap", server.event)).ok(200).body.len();
    // More than any buffer on the way holds.
    let many = (32 << 20) / length;
    let asked = request.repeat(many);
    let mut deaf = TcpStream::connect(server.address).unwrap();
    deaf.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    // The server stops reading when nobody takes what it says.
    let _sent = deaf.write_all(asked.as_bytes());
    let slow = {
        let (address, asked) = (server.address, asked.clone());
        std::thread::spawn(move || {
            let mut slow = TcpStream::connect(address).unwrap();
            let mut sending = slow.try_clone().unwrap();
            let sender = std::thread::spawn(move || sending.write_all(asked.as_bytes()));
            // A pause, shorter than the server's patience, after every few megabytes.
            let (mut some, mut heard, mut since) = (vec![0; 64 << 10], 0, 0);
            slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            while heard < many * length {
                let count = slow.read(&mut some).unwrap();
                assert!(count > 0, "let go after {heard} of {} bytes", many * length);
                (heard, since) = (heard + count, since + count);
                if since > 4 << 20 {
                    since = 0;
                    std::thread::sleep(Duration::from_millis(300));
                }
            }
            sender.join().unwrap().unwrap();
        })
    };
    slow.join().unwrap();
    until(&server, "ticketcore_http_connections ", |open| open <= 1);
    deaf.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut rest = Vec::new();
    let _ended = deaf.read_to_end(&mut rest);
    assert!(rest.len() < many * length, "all of it was sent after all");
}
