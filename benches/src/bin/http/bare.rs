//! Bare hyper, as a child: the same requests answered with the same bytes, and nothing else done. Bodies of requests are read.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::Outcome;
use crate::child::{self, Child, Ready};
use ticketcore_benches::child::ready;
use ticketcore_benches::wire::Answer;

const FILE: &str = "answers.json";

/// A request, and what to answer.
#[derive(Serialize, Deserialize)]
pub struct Heard {
    method: String,
    target: String,
    /// Whether it names a version that the client has.
    conditional: bool,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Heard {
    /// What a request was answered. Headers that hyper writes itself are left to it.
    pub fn new(request: &[u8], answer: &Answer<'_>) -> Option<Self> {
        let text = std::str::from_utf8(request).ok()?;
        let mut words = text.split(' ');
        let head = std::str::from_utf8(answer.head).ok()?;
        let headers = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        let headers = headers.filter(|(name, _)| !["date", "content-length"].contains(name));
        Some(Self {
            method: words.next()?.to_owned(),
            target: words.next()?.to_owned(),
            conditional: text.contains("\r\nif-none-match:"),
            status: answer.status,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: answer.body.to_vec(),
        })
    }
}

/// Starts a bare server that answers like that.
pub fn start(answers: &[Heard]) -> Outcome<Child> {
    let json = serde_json::to_vec(answers)?;
    child::start("bare", 0, |folder| std::fs::write(folder.join(FILE), json))
}

struct Prepared {
    method: Method,
    target: String,
    conditional: bool,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl TryFrom<Heard> for Prepared {
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn try_from(heard: Heard) -> Outcome<Self> {
        let mut headers = HeaderMap::new();
        for (name, value) in &heard.headers {
            headers.insert(name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?);
        }
        Ok(Self {
            method: heard.method.parse()?,
            target: heard.target,
            conditional: heard.conditional,
            status: StatusCode::from_u16(heard.status)?,
            headers,
            body: heard.body.into(),
        })
    }
}

async fn answer(answers: &[Prepared], request: Request<Incoming>) -> Response<Full<Bytes>> {
    let conditional = request.headers().contains_key(IF_NONE_MATCH);
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let known = answers.iter().find(|known| {
        known.method == *request.method() && known.conditional == conditional && known.target == target
    });
    let known = known.or(answers.first());
    if request.method() == Method::POST {
        // What breaks off ends its connection.
        let _read = request.into_body().collect().await;
    }
    let mut response = Response::new(Full::default());
    if let Some(known) = known {
        *response.status_mut() = known.status;
        *response.headers_mut() = known.headers.clone();
        *response.body_mut() = Full::new(known.body.clone());
    }
    response
}

/// Answers until whoever started it is gone.
pub fn run(folder: &Path) -> Outcome<()> {
    let heard: Vec<Heard> = serde_json::from_slice(&std::fs::read(folder.join(FILE))?)?;
    let answers = heard.into_iter().map(Prepared::try_from).collect::<Outcome<Vec<_>>>()?;
    let answers: Arc<[Prepared]> = answers.into();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let told = Ready { address: listener.local_addr()?, key: String::new(), events: Vec::new() };
        tokio::select! {
            ended = serve(listener, answers) => ended,
            alone = ready(&told) => alone,
        }
    });
    runtime.shutdown_background();
    ended
}

async fn serve(listener: TcpListener, answers: Arc<[Prepared]>) -> Outcome<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answers = Arc::clone(&answers);
                async move { Ok::<_, Infallible>(answer(&answers, request).await) }
            });
            let builder = hyper::server::conn::http1::Builder::new();
            // A client that goes away is no matter.
            let _ended = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
