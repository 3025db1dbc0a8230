//! [`App`]: what all requests share.

use std::sync::Arc;

use ticketcore::admission::RoomKeys;
use ticketcore::checkout::{Checkout, CheckoutOptions};
use ticketcore::limits::ROOM_KEYS_MAX;
use ticketcore::order::Word;
use ticketcore::store::LocalStore;
use ticketcore::store::local::LocalOptions;
use ticketcore::ticket::{KeyId, TicketKeys};
use ticketcore::{BoxOffice, Clock, Options, SystemClock, UtcMs};
use tokio::sync::watch;

use crate::api::admin::findings;
use crate::auth::{ApiKeys, Issuers, Secrets, Sessions};
use crate::config::Config;
use crate::external::External;
use crate::gather::Turn;
use crate::guard::Guard;
use crate::http::Metrics;
use crate::publish::Published;
use crate::room::Rooms;
use crate::till::Till;

/// What a server can't start for.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// What all requests share. Everything in it is ready when the first request comes, and is used behind an [`Arc`].
pub struct App {
    /// How the server is set up.
    pub config: Config,
    /// Takes orders through gateways. First, so that it ends before the engine does.
    pub checkout: Arc<Checkout>,
    /// The engine.
    pub office: Arc<BoxOffice>,
    /// The engine's store, for its health.
    pub store: Arc<LocalStore>,
    /// Keys of vendors and staff.
    pub api_keys: ApiKeys,
    /// Buyers without an account.
    pub sessions: Sessions,
    /// Who else signs buyers' tokens.
    pub issuers: Issuers,
    /// Signs tickets.
    pub ticket_keys: TicketKeys,
    /// Who asks too often, who behaves like a bot.
    pub guard: Arc<Guard>,
    /// The gateway that takes the money.
    pub till: Till,
    /// What is handed out of payments that the vendor takes himself.
    pub external: External,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the server has been told to stop.
    pub stopping: watch::Receiver<bool>,
    /// What everybody reads: availability, changes, seat maps.
    pub published: Arc<Published>,
    /// The waiting rooms.
    pub rooms: Arc<Rooms>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl App {
    /// Opens the store, the engine and everything else.
    ///
    /// # Errors
    /// What can't be opened, and why.
    pub fn open(config: Config, stopping: watch::Receiver<bool>) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // The store first: it makes the data folder so that its name outlives the machine's fall.
        let store = Arc::new(LocalStore::open(config.data.join("store"), LocalOptions::default())?);
        if let Some(turn) = Turn::here() {
            store.set_gather(Arc::new(turn));
        }
        let secrets = Secrets::open(&config.data.join("secrets"))?;
        let options = Options { clock: Arc::clone(&clock), ..Options::default() };
        let office = Arc::new(BoxOffice::open_shared(Arc::clone(&store) as _, options)?);
        let till = Till::open(&config.payments, &config.data, &secrets, &clock)?;
        let checkout = CheckoutOptions {
            return_url: config.payments.return_url.as_deref().map(Word::new).transpose()?,
            patience_ms: config.payments.patience_ms,
            // Every gateway here answers from elsewhere: no thread need wait for one.
            callers_per_gateway: 0,
            ..CheckoutOptions::default()
        };
        let checkout = Arc::new(Checkout::new(Arc::clone(&office), till.gateways(), checkout)?);
        let published = Published::start(Arc::clone(&office), config.publish.clone(), stopping.clone());
        let around = (&secrets, config.data.as_path(), config.tls.is_some());
        let guard = Guard::start(&config.guard, around, &office, Arc::clone(&clock), stopping.clone())?;
        let mut metrics = Metrics::new();
        metrics.register(|registry| guard.metrics().register(registry));
        metrics.register(|registry| findings::watch(&checkout, registry, stopping.clone()));
        let room_keys = room_keys(&secrets)?;
        let rooms = Rooms::open(Arc::clone(&store) as _, Arc::clone(&office), Arc::clone(&clock), room_keys)?;
        rooms.start(&checkout)?;
        Ok(Self {
            api_keys: ApiKeys::open(Arc::clone(&office)),
            sessions: Sessions::new(secrets.get("session")?, config.auth.session_ttl_ms),
            issuers: Issuers::new(&config.auth.issuers)?,
            ticket_keys: TicketKeys::new(KeyId(1), &secrets.get("ticket")?, UtcMs(0)),
            config,
            checkout,
            office,
            store,
            till,
            external: External::new(clock.now(), secrets.get("fingerprint")?),
            metrics,
            guard,
            published,
            rooms,
            stopping,
            clock,
        })
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> UtcMs {
        self.clock.now()
    }
}

/// Of more generations than can be accepted at once, the newest.
fn room_keys(secrets: &Secrets) -> Result<RoomKeys, StartError> {
    let mut known = secrets.generations("room")?;
    let mut newest = known.split_off(known.len().saturating_sub(ROOM_KEYS_MAX)).into_iter();
    let (id, key) = newest.next().ok_or("no key for waiting rooms")?;
    let mut keys = RoomKeys::new(id, &key);
    for (id, key) in newest {
        if !keys.rotate(id, &key) {
            return Err(format!("key {id} of waiting rooms can't be used").into());
        }
    }
    Ok(keys)
}

impl Drop for App {
    fn drop(&mut self) {
        self.rooms.stop();
    }
}
