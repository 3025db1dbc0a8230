//! [`App`]: what all requests share.

use std::sync::Arc;

use ticketcore::checkout::Checkout;
use ticketcore::store::LocalStore;
use ticketcore::{BoxOffice, Clock, UtcMs};

use crate::config::Config;
use crate::publish::Published;

/// What all requests share. Everything in it is ready when the first request comes, and is used behind an [`Arc`].
pub struct App {
    /// How the server is set up.
    pub config: Config,
    /// The engine.
    pub office: Arc<BoxOffice>,
    /// Takes orders through gateways.
    pub checkout: Arc<Checkout>,
    /// The engine's store, for its health.
    pub store: Arc<LocalStore>,
    /// What everybody reads: availability, changes, seat maps.
    pub published: Arc<Published>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl App {
    /// Now.
    #[must_use]
    pub fn now(&self) -> UtcMs {
        self.clock.now()
    }
}
