//! The routes, one file a resource, and their table.

pub mod admin;
mod assets;
pub mod availability;
pub mod challenge;
pub mod checkin;
mod common;
pub mod disputes;
pub mod docs;
pub mod document;
pub mod effects;
pub mod events;
pub mod health;
pub mod holds;
pub mod items;
pub mod lines;
pub mod me;
pub mod observe;
pub mod order_shape;
pub mod orders;
pub mod page;
pub mod paging;
mod reach;
pub mod refunds;
pub mod reviews;
pub mod sandbox;
pub mod seatmap;
pub mod sessions;
pub mod shapes;
pub mod tickets;
pub mod venues;
pub mod waiting_list;
pub mod waiting_room;
pub mod webhooks;
pub mod words;

pub(crate) use reach::{asked_before, event_manifest, off_reactor};
pub(crate) use waiting_room::room_problem;

use crate::auth::Scope;
use crate::http::{Access, Route};

/// Makes a route whose handler is boxed.
macro_rules! route {
    ($method:literal $path:literal $operation:literal $access:expr, $handler:path) => {
        Route {
            method: $method,
            path: $path,
            operation: $operation,
            access: $access,
            run: |app, call| Box::pin($handler(app, call)),
        }
    };
}
pub(crate) use route;

/// Every operation. Each resource has its own table.
#[must_use]
pub fn routes() -> Vec<Route> {
    let tables: &[&[Route]] = &[
        health::ROUTES,
        docs::ROUTES,
        page::ROUTES,
        venues::ROUTES,
        events::ROUTES,
        availability::ROUTES,
        seatmap::ROUTES,
        sessions::ROUTES,
        challenge::ROUTES,
        holds::ROUTES,
        orders::ROUTES,
        tickets::ROUTES,
        refunds::ROUTES,
        reviews::ROUTES,
        me::ROUTES,
        waiting_list::ROUTES,
        waiting_room::ROUTES,
        checkin::ROUTES,
        sandbox::ROUTES,
        effects::ROUTES,
        observe::ROUTES,
        disputes::ROUTES,
        webhooks::ROUTES,
        admin::venues::ROUTES,
        admin::events::ROUTES,
        admin::orders::ROUTES,
        admin::findings::ROUTES,
        admin::waiting_rooms::ROUTES,
        admin::keys::ROUTES,
    ];
    tables.concat()
}

/// Who may see events that are not announced yet.
pub(crate) const SEES_DRAFTS: Scope = Scope::Events;
pub(crate) const PUBLIC: Access = Access::Public;
