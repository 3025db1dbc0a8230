//! `keys`: while no server has the store, which is how the first key comes about.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use ticketcore::guard::Limit;
use ticketcore::store::LocalStore;
use ticketcore::store::local::LocalOptions;
use ticketcore::{BoxOffice, Clock, EventId, Options, SystemClock};
use ticketcore_server::api::shapes::rfc3339;
use ticketcore_server::app::StartError;
use ticketcore_server::auth::{ApiKeys, NewKey, Scope, Secrets};

#[derive(Args)]
pub struct Keys {
    /// The folder of the store.
    #[arg(long, value_name = "DIR", global = true, default_value = "data")]
    data: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Makes a key and prints it, this once.
    Make {
        /// What its owner calls it.
        name: String,
        /// What it allows: sell, orders, checkin, events, keys, payments.
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        /// The events it is for; all if absent.
        #[arg(long, value_delimiter = ',')]
        events: Vec<String>,
        /// How often it may be used at once, as REQUESTS/SECONDS; as usual if absent.
        #[arg(long, value_name = "N/S", requires = "sustained")]
        burst: Option<String>,
        /// How often it may be used in the long run, as REQUESTS/SECONDS.
        #[arg(long, value_name = "N/S", requires = "burst")]
        sustained: Option<String>,
    },
    /// Lists keys, without their secrets.
    List,
    /// Gives a key another secret, and prints the key.
    Rotate {
        /// Its public name.
        id: String,
        /// How long the old one goes on, in seconds.
        #[arg(long, default_value_t = 3_600)]
        overlap_seconds: u64,
    },
    /// Ends a key.
    Revoke {
        /// Its public name.
        id: String,
    },
    /// Makes another key that signs positions and admissions of waiting rooms, from the server's next start on. What the older ones have signed
    /// stays good; delete the file of one, `secrets/room` or `secrets/room-N`, and it is not.
    RotateRoom,
}

pub fn run(keys: &Keys) -> Result<ExitCode, StartError> {
    let known = || office(&keys.data).map(ApiKeys::open);
    let now = SystemClock.now();
    let told = |problem: ticketcore_server::http::Problem| -> StartError { problem.to_string().into() };
    match &keys.action {
        Action::Make { name, scopes, events, burst, sustained } => {
            let scopes = scopes.iter().map(|scope| scope_named(scope)).collect::<Result<_, _>>()?;
            let events = events.iter().map(|id| id.parse()).collect::<Result<Vec<EventId>, _>>()?;
            let limit = match (burst, sustained) {
                (Some(burst), Some(sustained)) => Some(Limit::new(quota(burst)?, quota(sustained)?)?),
                _ => None,
            };
            let new = NewKey { name: name.clone(), scopes, events, expires_at: None, limit };
            println!("{}", known()?.make(new, now).map_err(told)?.0);
        }
        Action::List => {
            for key in known()?.list() {
                println!("{}\t{}\t{:?}\t{}", key.id, key.name, key.scopes, rfc3339(key.created_at));
            }
        }
        Action::Rotate { id, overlap_seconds } => {
            let until = now.plus_ms(overlap_seconds.saturating_mul(1_000));
            println!("{}", known()?.rotate(id, until).map_err(told)?.0);
        }
        Action::Revoke { id } => known()?.revoke(id).map_err(told)?,
        // These are files: a server may have the store.
        Action::RotateRoom => {
            let number = Secrets::open(&keys.data.join("secrets"))?.rotate("room")?;
            println!("key {number} signs from the next start on");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The engine on a store that nobody else has.
pub fn office(data: &Path) -> Result<Arc<BoxOffice>, StartError> {
    let store = LocalStore::open(data.join("store"), LocalOptions::default())?;
    Ok(Arc::new(BoxOffice::with_store(store, Options::default())?))
}

/// `REQUESTS/SECONDS`.
fn quota(text: &str) -> Result<(u32, u32), StartError> {
    let parsed = text.split_once('/').and_then(|(n, s)| Some((n.parse().ok()?, s.parse().ok()?)));
    parsed.ok_or_else(|| format!("`{text}` is not such as 100/1").into())
}

fn scope_named(name: &str) -> Result<Scope, StartError> {
    serde_json::from_value(name.into()).map_err(|_| format!("`{name}` is no scope").into())
}
