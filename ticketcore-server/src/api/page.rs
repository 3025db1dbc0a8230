//! The page that sells tickets, embedded: it uses the public interface and nothing else. There while buyers may come without an account.

use std::sync::{Arc, LazyLock};

use super::assets::{Asset, Assets, asset};
use super::{PUBLIC, route};
use crate::app::App;
use crate::http::{Call, Outcome, Problem, Route};

/// The operations.
pub const ROUTES: &[Route] =
    &[route!("GET" "/" "get_page" PUBLIC, index), route!("GET" "/page/{name}" "get_page_file" PUBLIC, file)];

const FILES: &[Asset] = &[
    asset!("" "index.html" "text/html; charset=utf-8"),
    asset!("" "api.js" "text/javascript; charset=utf-8"),
    asset!("" "app.js" "text/javascript; charset=utf-8"),
    asset!("" "camera.js" "text/javascript; charset=utf-8"),
    asset!("" "challenge.js" "text/javascript; charset=utf-8"),
    asset!("" "choose.js" "text/javascript; charset=utf-8"),
    asset!("" "countdown.js" "text/javascript; charset=utf-8"),
    asset!("" "dom.js" "text/javascript; charset=utf-8"),
    asset!("" "draw.js" "text/javascript; charset=utf-8"),
    asset!("" "drawn.js" "text/javascript; charset=utf-8"),
    asset!("" "event.css" "text/css; charset=utf-8"),
    asset!("" "event.js" "text/javascript; charset=utf-8"),
    asset!("" "events.js" "text/javascript; charset=utf-8"),
    asset!("" "format.js" "text/javascript; charset=utf-8"),
    asset!("" "geometry.js" "text/javascript; charset=utf-8"),
    asset!("" "held.js" "text/javascript; charset=utf-8"),
    asset!("" "icon.svg" "image/svg+xml"),
    asset!("" "input.js" "text/javascript; charset=utf-8"),
    asset!("" "live.js" "text/javascript; charset=utf-8"),
    asset!("" "map.js" "text/javascript; charset=utf-8"),
    asset!("" "order.js" "text/javascript; charset=utf-8"),
    asset!("" "orders.js" "text/javascript; charset=utf-8"),
    asset!("" "palette.js" "text/javascript; charset=utf-8"),
    asset!("" "panel.js" "text/javascript; charset=utf-8"),
    asset!("" "prices.js" "text/javascript; charset=utf-8"),
    asset!("" "problems.js" "text/javascript; charset=utf-8"),
    asset!("" "purchase.js" "text/javascript; charset=utf-8"),
    asset!("" "room.js" "text/javascript; charset=utf-8"),
    asset!("" "seatmap.js" "text/javascript; charset=utf-8"),
    asset!("" "stamps.js" "text/javascript; charset=utf-8"),
    asset!("" "style.css" "text/css; charset=utf-8"),
    asset!("" "tickets.js" "text/javascript; charset=utf-8"),
];

static PAGE: LazyLock<Assets> = LazyLock::new(|| Assets::new(FILES));

/// The page itself.
///
/// # Errors
/// The server is not set up for buyers without an account.
pub async fn index(app: Arc<App>, call: Call) -> Outcome {
    there(&app)?;
    PAGE.index(&call)
}

/// What the page is made of.
///
/// # Errors
/// There is no such file.
pub async fn file(app: Arc<App>, call: Call) -> Outcome {
    there(&app)?;
    PAGE.file(&call, call.param("name"))
}

fn there(app: &App) -> Result<(), Problem> {
    if app.config.auth.anonymous_sessions { Ok(()) } else { Err(Problem::not_found("page")) }
}
