//! Our server, as a child: what `ticketcore-server serve` does, on a store of its own with stadiums on sale.

use std::path::Path;
use std::sync::Arc;

use ticketcore::SaleState;
use ticketcore::manifest::TicketType;
use ticketcore::order::CaptureMode;
use ticketcore::plan::{PlanOptions, VenueKind, generate};
use ticketcore_server::api::admin::events::define;
use ticketcore_server::api::routes;
use ticketcore_server::app::App;
use ticketcore_server::auth::{NewKey, Scope};
use ticketcore_server::config::{Config, GatewayKind};
use ticketcore_server::http::{Service, listen, serve};
use tokio::sync::watch;

use crate::Outcome;
use crate::child::{Ready, ready};

/// Days until the events begin.
const DAYS: u64 = 60;

/// Serves until whoever started it is gone.
pub fn run(folder: &Path, stadiums: usize) -> Outcome<()> {
    let mut config = Config { listen: "127.0.0.1:0".to_owned(), data: folder.into(), ..Config::default() };
    config.payments.gateway = GatewayKind::Sandbox;
    let filter = tracing_subscriber::EnvFilter::new("info,hyper=warn,h2=warn,rustls=warn");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(until_alone(config, stadiums));
    runtime.shutdown_background();
    ended
}

async fn until_alone(config: Config, stadiums: usize) -> Outcome<()> {
    let listener = listen(config.listen.parse()?)?;
    let address = listener.local_addr()?;
    let (_stop, stopping) = watch::channel(false);
    let limits = config.limits.clone();
    let for_app = stopping.clone();
    let app = Arc::new(tokio::task::spawn_blocking(move || App::open(config, for_app)).await??);
    let service = Arc::new(Service::new(Arc::clone(&app), &routes())?);
    let opening = tokio::task::spawn_blocking(move || {
        let scopes = Scope::ALL.to_vec();
        let key = NewKey { name: "bench".to_owned(), scopes, ..NewKey::default() };
        let (key, _) = app.api_keys.make(key, app.now()).map_err(|problem| problem.to_string())?;
        let events = (0..stadiums).map(|_| open(&app)).collect::<Outcome<_>>()?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Ready { address, key, events })
    });
    let told = opening.await??;
    tokio::select! {
        () = serve(listener, None, service, limits, stopping) => Ok(()),
        alone = ready(&told) => alone,
    }
}

/// One more stadium on sale.
fn open(app: &App) -> Outcome<String> {
    let mut options = PlanOptions::new("Cup Final");
    options.rules.starts_at = app.now().plus_ms(DAYS * 24 * 3_600_000);
    options.ticket_types = ["adult", "child"].map(|name| TicketType { name: name.to_owned() }).to_vec();
    let event = define(app, &generate(VenueKind::Stadium).to_definition(&options)?, CaptureMode::Immediate)?;
    app.office.set_sale_state(event, SaleState::Onsale).wait()?;
    Ok(event.to_string())
}
