//! The routes, one file a resource, and their table.

pub mod availability;
pub mod document;
pub mod events;
pub mod paging;
pub mod seatmap;
pub mod shapes;
pub mod venues;

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
    let tables: [&[Route]; 4] = [venues::ROUTES, events::ROUTES, availability::ROUTES, seatmap::ROUTES];
    tables.concat()
}

/// Who may see events that are not announced yet.
pub(crate) const SEES_DRAFTS: Scope = Scope::Events;
pub(crate) const PUBLIC: Access = Access::Public;
