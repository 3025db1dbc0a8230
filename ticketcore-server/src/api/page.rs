//! The page that sells tickets, embedded: it uses the public interface and nothing else. There while buyers may come without an account.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use sha2::{Digest, Sha256};

use super::{PUBLIC, route};
use crate::app::App;
use crate::http::{Answer, Call, Outcome, Problem, Route, not_modified};

/// The operations.
pub const ROUTES: &[Route] =
    &[route!("GET" "/" "get_page" PUBLIC, index), route!("GET" "/page/{name}" "get_page_file" PUBLIC, file)];

/// Nothing but what is in this program, and no talking to anybody else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
struct PageFile {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal $kind:literal) => {
        PageFile { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../page/", $name)) }
    };
}

const INDEX: PageFile = file!("index.html" "text/html; charset=utf-8");
const FILES: &[PageFile] = &[
    file!("api.js" "text/javascript; charset=utf-8"),
    file!("app.js" "text/javascript; charset=utf-8"),
    file!("camera.js" "text/javascript; charset=utf-8"),
    file!("challenge.js" "text/javascript; charset=utf-8"),
    file!("choose.js" "text/javascript; charset=utf-8"),
    file!("countdown.js" "text/javascript; charset=utf-8"),
    file!("dom.js" "text/javascript; charset=utf-8"),
    file!("draw.js" "text/javascript; charset=utf-8"),
    file!("event.css" "text/css; charset=utf-8"),
    file!("event.js" "text/javascript; charset=utf-8"),
    file!("events.js" "text/javascript; charset=utf-8"),
    file!("format.js" "text/javascript; charset=utf-8"),
    file!("geometry.js" "text/javascript; charset=utf-8"),
    file!("held.js" "text/javascript; charset=utf-8"),
    file!("icon.svg" "image/svg+xml"),
    file!("input.js" "text/javascript; charset=utf-8"),
    file!("live.js" "text/javascript; charset=utf-8"),
    file!("map.js" "text/javascript; charset=utf-8"),
    file!("order.js" "text/javascript; charset=utf-8"),
    file!("orders.js" "text/javascript; charset=utf-8"),
    file!("palette.js" "text/javascript; charset=utf-8"),
    file!("panel.js" "text/javascript; charset=utf-8"),
    file!("prices.js" "text/javascript; charset=utf-8"),
    file!("problems.js" "text/javascript; charset=utf-8"),
    file!("purchase.js" "text/javascript; charset=utf-8"),
    file!("seatmap.js" "text/javascript; charset=utf-8"),
    file!("stamps.js" "text/javascript; charset=utf-8"),
    file!("style.css" "text/css; charset=utf-8"),
    file!("tickets.js" "text/javascript; charset=utf-8"),
];

/// The same for every file: they belong together.
static TAG: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for file in FILES.iter().chain([&INDEX]) {
        hash.update(file.bytes);
    }
    let digest = hash.finalize();
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&digest[..12]));
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"page\""))
});

/// The page itself.
///
/// # Errors
/// The server is not set up for buyers without an account.
pub async fn index(app: Arc<App>, call: Call) -> Outcome {
    show(&app, &call, &INDEX)
}

/// What the page is made of.
///
/// # Errors
/// There is no such file.
pub async fn file(app: Arc<App>, call: Call) -> Outcome {
    let name = call.param("name");
    let found = FILES.iter().find(|file| file.name == name).ok_or_else(|| Problem::not_found("file"))?;
    show(&app, &call, found)
}

fn show(app: &App, call: &Call, file: &PageFile) -> Outcome {
    if !app.config.auth.anonymous_sessions {
        return Err(Problem::not_found("page"));
    }
    if call.headers.get(IF_NONE_MATCH) == Some(&*TAG) {
        return Ok(not_modified(TAG.clone(), HeaderValue::from_static("no-cache")));
    }
    let mut answer = Answer::bytes(file.kind, Bytes::from_static(file.bytes)).done()?;
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ETAG, TAG.clone());
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(answer)
}
