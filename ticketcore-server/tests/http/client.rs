//! A client that sends what it is told to, byte by byte if need be.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// No answer takes so long.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Checks that it is a problem with a code, in its standard form.
    #[track_caller]
    pub fn problem(&self, code: &str) -> Value {
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], self.status, "{body}");
        // Two of them have types of a standard; which one, their tests say.
        let own = body["type"] == format!("urn:ticketcore:problem:{code}");
        let standard = body["type"].as_str().is_some_and(|kind| kind.starts_with("https://iana.org/"));
        assert!(own || standard && ["rate_limited", "overloaded"].contains(&code), "{body}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        for member in ["title", "detail", "instance", "requestId", "serverTime"] {
            assert!(body[member].is_string(), "{member}: {body}");
        }
        body
    }

    /// Checks the status.
    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }
}

/// A caller.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub token: Option<String>,
    pub headers: Vec<(String, String)>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, token: None, headers: Vec::new() }
    }

    /// The same with a token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same with a header more.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None)
    }

    pub fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, Some(body.to_string().as_bytes()))
    }

    /// Sends a request; `application/json` if it has a body and nothing else is said.
    pub fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Reply {
        self.try_send(method, path, body).unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    /// The same, with no answer if the server is gone or goes before all of it is there.
    pub fn try_send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Option<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        let mut typed = false;
        for (name, value) in &self.headers {
            typed |= name == "content-type";
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            if !typed {
                head.push_str("content-type: application/json\r\n");
            }
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let bytes = [head.as_bytes(), body.unwrap_or_default()].concat();
        let answer = parse(&try_raw(self.address, &bytes)?)?;
        let whole = answer.headers.get("content-length").and_then(|length| length.parse().ok());
        (method == "HEAD" || whole.is_none_or(|length: usize| length == answer.body.len())).then_some(answer)
    }
}

/// Sends bytes and reads whatever comes back until the server closes.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    try_raw(address, bytes).unwrap()
}

fn try_raw(address: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    // The server may answer and close before it has read all.
    let _sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer);
    Some(answer)
}

/// Listens to a stream until the first change is heard, and returns all that was.
pub fn first_event(address: SocketAddr, path: &str) -> String {
    listen(address, path, |text| text.contains("event: change") && text.contains("\"seats\":[["))
}

/// Listens to a stream until enough is heard, and returns all that was.
pub fn listen(address: SocketAddr, path: &str, enough: impl Fn(&str) -> bool) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").as_bytes()).unwrap();
    let (mut heard, mut some) = (Vec::new(), [0; 4_096]);
    loop {
        let count = stream.read(&mut some).unwrap();
        heard.extend(&some[..count]);
        let text = String::from_utf8_lossy(&heard);
        if count == 0 || enough(&text) {
            return text.into_owned();
        }
    }
}

/// Reads one answer, chunked or not.
pub fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: HashMap<String, String> = lines.filter_map(header).collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|kind| kind == "chunked") {
        body = unchunked(&body)?;
    }
    Some(Reply { status, headers, body })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
