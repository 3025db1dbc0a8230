//! TLS and HTTP/2, as clients meet them at the real binary.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::client::parse;
use super::server::Server;

/// A server with a certificate for `localhost`.
struct Secure {
    server: Server,
    folder: PathBuf,
    certificate: CertificateDer<'static>,
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ticketcore-tls-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn files(folder: &std::path::Path) -> String {
    format!("tls={{ certificate_file = '{0}/certificate', key_file = '{0}/key' }}", folder.display())
}

impl Secure {
    fn new(name: &str, more: &[&str]) -> Self {
        let folder = folder(name);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.join("certificate"), made.cert.pem()).unwrap();
        fs::write(folder.join("key"), made.signing_key.serialize_pem()).unwrap();
        let tls = files(&folder);
        let arguments = [&["--set", &tls], more].concat();
        Self { server: Server::with(&arguments), folder, certificate: made.cert.der().clone() }
    }

    /// What a client offers to speak.
    fn client(&self, protocols: &[&[u8]]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    }

    /// Sends a request over HTTP/1.1 and returns what was agreed upon, the head and the body.
    fn http1(&self, protocols: &[&[u8]], path: &str) -> (Option<Vec<u8>>, super::client::Reply) {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(self.client(protocols), name).unwrap();
        let mut stream = StreamOwned::new(session, TcpStream::connect(self.server.address).unwrap());
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        (stream.conn.alpn_protocol().map(<[u8]>::to_vec), parse(&answer).unwrap())
    }
}

/// One HTTP/2 connection.
struct Two(http2::SendRequest<Full<Bytes>>);

impl Two {
    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let answer = self.0.clone().send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
        assert_eq!(answer.version(), hyper::Version::HTTP_2);
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// A session, a hold and an order, over this connection alone.
    async fn buys(&self, server: &Server) {
        let json = ("content-type", "application/json");
        let (status, session) = self.send("POST", "/v1/sessions", &[json], json!({})).await;
        assert_eq!(status, 201);
        let token = format!("Bearer {}", session["token"].as_str().unwrap());
        let headers = |key| [json, ("authorization", token.as_str()), ("idempotency-key", key)];
        let asked = json!({"eventId": server.event, "seatIds": server.seats(0, 1)});
        let (status, hold) = self.send("POST", "/v1/holds", &headers("h"), asked).await;
        assert_eq!(status, 201, "{hold}");
        let asked = json!({"holdId": hold["holdId"], "paymentMethodId": "pm_ok"});
        let (status, order) = self.send("POST", "/v1/orders", &headers("o"), asked).await;
        assert_eq!((status, &order["status"]), (201, &json!("confirmed")));
        // Many at once.
        let mut answers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let two = Two(self.0.clone());
            answers.spawn(async move { two.send("GET", "/v1/events", &[], Value::Null).await.0 });
        }
        assert!(answers.join_all().await.iter().all(|status| *status == 200));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn http2_and_http1_are_agreed_upon_over_tls() {
    let secure = Secure::new("agreed", &[]);
    runtime().block_on(async {
        let stream = tokio::net::TcpStream::connect(secure.server.address).await.unwrap();
        let connector = TlsConnector::from(secure.client(&[b"h2", b"http/1.1"]));
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        Two::over(stream).await.buys(&secure.server).await;
    });
    for (protocols, agreed) in [(&[&b"http/1.1"[..]][..], Some(b"http/1.1".to_vec())), (&[], None)] {
        let (found, answer) = secure.http1(protocols, "/v1/events");
        assert_eq!((found, answer.status), (agreed, 200));
    }
    let (_, refused) = secure.http1(&[b"http/1.1"], "/v1/nothing");
    refused.ok(404).problem("not_found");
}

#[test]
fn http2_with_prior_knowledge_needs_no_tls() {
    let server = Server::start();
    runtime().block_on(async {
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        Two::over(stream).await.buys(&server).await;
    });
}

/// A connection over which at most so many bytes come before they are read, and the task that ends with it.
async fn narrow(server: &Server, bytes: u32) -> (Two, tokio::task::JoinHandle<hyper::Result<()>>) {
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(bytes);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    (Two(sender), tokio::spawn(connection))
}

/// The answer to a request, of which nothing has been read yet.
async fn unread(two: &Two, path: &str) -> hyper::Response<hyper::body::Incoming> {
    let request = Request::get(format!("https://localhost{path}")).body(Full::new(Bytes::new())).unwrap();
    two.0.clone().send_request(request).await.unwrap()
}

#[test]
fn who_does_not_read_over_http2_is_let_go() {
    let server = Server::with(&["--set", "limits.write_timeout_ms=600"]);
    runtime().block_on(async {
        let (two, connection) = narrow(&server, 1_024).await;
        let answer = unread(&two, "/openapi.json").await;
        assert_eq!(answer.status(), 200);
        let ended = tokio::time::timeout(Duration::from_secs(10), connection).await;
        assert!(ended.is_ok(), "he is waited for");
        drop(answer);
        // Who reads slowly gets all of it.
        let (two, _connection) = narrow(&server, 16_384).await;
        let mut body = unread(&two, "/openapi.json").await.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.unwrap().into_data().map_or(0, |bytes| bytes.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(read, server.anybody().get("/openapi.json").ok(200).body.len());
    });
}

#[test]
fn who_asks_nothing_over_http2_is_let_go_and_who_listens_is_not() {
    let server = Server::with(&["--set", "limits.head_timeout_ms=400"]);
    runtime().block_on(async {
        let stream = format!("/v1/events/{}/availability/stream", server.event);
        let (listening, open) = narrow(&server, 65_535).await;
        let answer = unread(&listening, &stream).await;
        let (two, idle) = narrow(&server, 65_535).await;
        assert_eq!(two.send("GET", "/v1/events", &[], Value::Null).await.0, 200);
        let (_silent, never) = narrow(&server, 65_535).await;
        for connection in [idle, never] {
            let ended = tokio::time::timeout(Duration::from_secs(10), connection).await;
            assert!(ended.is_ok(), "he is waited for");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!open.is_finished());
        drop(answer);
    });
}

#[test]
fn a_head_request_over_http2_has_no_body() {
    let server = Server::start();
    runtime().block_on(async {
        let (two, _connection) = narrow(&server, 65_535).await;
        let request = Request::head("https://localhost/openapi.json").body(Full::new(Bytes::new())).unwrap();
        let answer = two.0.clone().send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let told = answer.headers()["content-length"].to_str().unwrap().to_owned();
        assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
        let whole = server.anybody().get("/openapi.json").ok(200).body.len();
        assert_eq!(told, whole.to_string());
        let stream = format!("https://localhost/v1/events/{}/availability/stream", server.event);
        let request = Request::head(stream).body(Full::new(Bytes::new())).unwrap();
        let answer = two.0.clone().send_request(request).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), answer.into_body().collect()).await;
        assert!(ended.unwrap().unwrap().to_bytes().is_empty());
    });
}

#[test]
fn who_speaks_no_tls_or_not_to_the_end_is_let_go_and_harms_nobody() {
    let secure = Secure::new("garbage", &["--set", "limits.head_timeout_ms=600"]);
    // Nothing that is not encrypted is answered.
    let plain = super::client::raw(secure.server.address, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    assert!(!String::from_utf8_lossy(&plain).contains("HTTP/1.1"));
    let began = Instant::now();
    let mut stuck: Vec<TcpStream> =
        (0..50).map(|_| TcpStream::connect(secure.server.address).unwrap()).collect();
    for (at, stream) in stuck.iter_mut().enumerate() {
        // The beginning of a greeting, or nothing at all.
        stream.write_all(&[22, 3, 1, 2, 0, 1][..at % 7]).unwrap();
    }
    assert_eq!(secure.http1(&[], "/healthz").1.status, 200);
    for mut stream in stuck {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        let _closed = stream.read_to_end(&mut rest);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // A stranger's certificate is not ours to be trusted, and the client says so.
    let other = Secure::new("other", &[]);
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(other.client(&[]), name).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(secure.server.address).unwrap());
    assert!(stream.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err());
    assert_eq!(secure.http1(&[], "/healthz").1.status, 200);
}

#[test]
fn a_certificate_without_its_key_is_refused_at_the_start() {
    let folder = folder("refused");
    let pair = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (made, other) = (pair(), pair());
    let tls = files(&folder);
    let refused = |certificate: &str, key: &str, told: &str| {
        fs::write(folder.join("certificate"), certificate).unwrap();
        fs::write(folder.join("key"), key).unwrap();
        let data = folder.join("data").display().to_string();
        let mut server = Command::new(env!("CARGO_BIN_EXE_ticketcore-server"));
        let ended = server
            .args(["serve", "--listen", "127.0.0.1:0", "--data", &data, "--set", &tls])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(told), "{told}: {said}");
    };
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    refused(&certificate, "", "/key");
    refused(&certificate, &certificate, "/key");
    refused("", &key, "ertificate");
    refused(&certificate, &other.signing_key.serialize_pem(), "");
    fs::remove_dir_all(folder).unwrap();
}
