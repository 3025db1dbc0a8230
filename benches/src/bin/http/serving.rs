//! Our server, as a child: what `ticketcore-server serve` does, on a store of its own with stadiums on sale.

use std::path::Path;

use ticketcore::SaleState;
use ticketcore::manifest::TicketType;
use ticketcore::order::CaptureMode;
use ticketcore::plan::{PlanOptions, VenueKind, generate};
use ticketcore_benches::child::serve_until_alone;
use ticketcore_server::api::admin::events::define;
use ticketcore_server::app::App;
use ticketcore_server::auth::{NewKey, Scope};
use ticketcore_server::config::{GatewayKind, load};

use crate::Outcome;
use crate::child::Ready;

/// Days until the events begin.
const DAYS: u64 = 60;

/// Serves until whoever started it is gone.
pub fn run(folder: &Path, stadiums: usize) -> Outcome<()> {
    // Other options, to try them, come from the environment, as the server's own do.
    let mut config = load(None, std::env::vars(), &["listen=127.0.0.1:0".to_owned()])?;
    config.data = folder.into();
    config.payments.gateway = GatewayKind::Sandbox;
    serve_until_alone(config, "info,hyper=warn,h2=warn,rustls=warn", move |app, address| {
        let scopes = Scope::ALL.to_vec();
        let key = NewKey { name: "bench".to_owned(), scopes, ..NewKey::default() };
        let (key, _) = app.api_keys.make(key, app.now()).map_err(|problem| problem.to_string())?;
        let events = (0..stadiums).map(|_| open(app)).collect::<Outcome<_>>()?;
        Ok(Ready { address, key, events })
    })
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
