//! The server's process: what `ticketcore-server serve` does, on a store of its own with one event.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use ticketcore::SaleState;
use ticketcore::guard::{Counted, Limit, Subject, VelocityRule};
use ticketcore::order::CaptureMode;
use ticketcore::plan::{PlanOptions, SeatingPlan, VenueKind, generate};
use ticketcore_benches::Folder;
use ticketcore_benches::child::serve_until_alone;
use ticketcore_server::api::admin::events::define;
use ticketcore_server::app::App;
use ticketcore_server::auth::{Issuer, NewKey, Scope};
use ticketcore_server::config::{Config, GatewayKind};
use ticketcore_server::guard::{ClassLimits, GuardConfig};

use crate::{Args, Controls, Outcome};

/// Holds last so long: the shortest there is.
const HOLD_MS: u64 = 300_000;

/// What the server says when it is ready, as one line of JSON.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ready {
    pub address: SocketAddr,
    /// A key of staff's.
    pub staff: String,
    /// What signs buyers' tokens, as an issuer of accounts would.
    pub secret: String,
    pub event: String,
}

/// The server in a process of its own.
pub type Child = ticketcore_benches::child::Child<Ready>;

/// Starts it, and waits until it is ready.
pub fn start(args: &Args) -> Outcome<Child> {
    let controls = if args.controls == Controls::On { "on" } else { "off" };
    let (seats, users) = (args.seats.to_string(), args.users.to_string());
    let arguments = ["--server", "--seats", &seats, "--users", &users, "--controls", controls];
    Child::start(Folder::new()?, arguments)
}

/// Serves until whoever started it is gone.
pub fn run(folder: &Path, args: &Args) -> Outcome<()> {
    let mut config = Config { listen: "127.0.0.1:0".to_owned(), data: folder.into(), ..Config::default() };
    config.payments.gateway = GatewayKind::Sandbox;
    config.guard = controls(args)?;
    let secret = secret()?;
    let file = folder.join("issuer");
    std::fs::write(&file, &secret)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    config.auth.issuers = vec![Issuer {
        issuer: ISSUER.to_owned(),
        audience: None,
        hmac_file: Some(file.display().to_string()),
        rsa_file: None,
        eddsa_file: None,
        jwks_file: None,
    }];
    let seats = args.seats;
    serve_until_alone(config, "error", move |app, address| {
        let scopes = Scope::ALL.to_vec();
        let key = NewKey { name: "staff".to_owned(), scopes, ..NewKey::default() };
        let staff = app.api_keys.make(key, app.now()).map_err(|problem| problem.to_string())?.0;
        let event = open(app, seats)?;
        Ok(Ready { address, staff, secret, event })
    })
}

/// Who signs buyers' tokens.
pub const ISSUER: &str = "https://accounts.example";

/// 32 random bytes, as text.
fn secret() -> Outcome<String> {
    let mut bytes = [0; 32];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Everybody comes from this machine, so that only what is counted of each user tells: a person joins once.
fn controls(args: &Args) -> Outcome<GuardConfig> {
    let mut guard = GuardConfig::default();
    if args.controls == Controls::Off {
        return Ok(guard);
    }
    let no_limit = Limit::new((1_000_000_000, 1), (1_000_000_000, 1))?;
    let open = || ClassLimits {
        read: Some(no_limit),
        write: Some(no_limit),
        join: Some(no_limit),
        pay: Some(no_limit),
        admin: Some(no_limit),
        report: Some(no_limit),
    };
    guard.allow = Vec::new();
    guard.limits.address = open();
    // Of each user there are two limits and a counter of his joins and holds.
    guard.keys_max = 4 * args.users as usize + 65_536;
    guard.counters_max = 4 * args.users as usize + 65_536;
    guard.risk.velocity.retain(|rule| rule.by == Subject::User && rule.counts != Counted::Joins);
    guard.risk.velocity.push(VelocityRule {
        name: "joins_user".to_owned(),
        counts: Counted::Joins,
        by: Subject::User,
        seconds: 3_600,
        // A window that slides counts what is older for less than one.
        over: 1,
        points: 60,
        each: 0,
        points_max: 60,
        at: Vec::new(),
        deny: false,
    });
    Ok(guard)
}

/// An event of so many seats, announced.
fn open(app: &App, seats: u32) -> Outcome<String> {
    let mut options = PlanOptions::new("Cup Final");
    options.rules.starts_at = app.now().plus_ms(60 * 86_400_000);
    options.rules.hold_ttl_ms = HOLD_MS;
    let plan = first_seats(generate(VenueKind::Stadium), seats as usize);
    let event = define(app, &plan.to_definition(&options)?, CaptureMode::Immediate)?;
    app.office.set_sale_state(event, SaleState::Scheduled).wait()?;
    Ok(event.to_string())
}

/// The plan with its first seats alone.
fn first_seats(mut plan: SeatingPlan, seats: usize) -> SeatingPlan {
    let mut left = seats;
    for zone in &mut plan.zones {
        for row in &mut zone.rows {
            row.seats.truncate(left);
            left -= row.seats.len();
            // Nobody here asks for seats that are for few.
            row.seats.iter_mut().for_each(|seat| (seat.accessible, seat.companion) = (false, false));
        }
        zone.rows.retain(|row| !row.seats.is_empty());
    }
    plan.zones.retain(|zone| !zone.rows.is_empty());
    plan
}
