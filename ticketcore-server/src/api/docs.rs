//! The page about the interface, embedded: it draws `/openapi.json`, and asks nobody else for anything.

use std::sync::{Arc, LazyLock};

use super::assets::{Asset, Assets, asset};
use super::{PUBLIC, route};
use crate::app::App;
use crate::http::{Call, Outcome, Route};

/// The operations.
pub const ROUTES: &[Route] = &[
    route!("GET" "/docs" "get_docs" PUBLIC, index),
    route!("GET" "/docs/{name}" "get_docs_file" PUBLIC, file),
];

const FILES: &[Asset] = &[
    asset!("docs/" "index.html" "text/html; charset=utf-8"),
    asset!("docs/" "docs.css" "text/css; charset=utf-8"),
    asset!("docs/" "docs.js" "text/javascript; charset=utf-8"),
    asset!("docs/" "shapes.js" "text/javascript; charset=utf-8"),
];

static PAGE: LazyLock<Assets> = LazyLock::new(|| Assets::new(FILES));

/// The page itself.
///
/// # Errors
/// None.
pub async fn index(_app: Arc<App>, call: Call) -> Outcome {
    PAGE.index(&call)
}

/// What the page is made of.
///
/// # Errors
/// There is no such file.
pub async fn file(_app: Arc<App>, call: Call) -> Outcome {
    PAGE.file(&call, call.param("name"))
}
