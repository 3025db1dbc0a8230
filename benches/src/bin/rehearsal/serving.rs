//! The server's process: what `ticketcore-server serve` does, on a store of its own with one event.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ticketcore::SaleState;
use ticketcore::guard::{Counted, Limit, Subject, VelocityRule};
use ticketcore::order::CaptureMode;
use ticketcore::plan::{PlanOptions, SeatingPlan, VenueKind, generate};
use ticketcore_benches::Folder;
use ticketcore_server::api::admin::events::define;
use ticketcore_server::api::routes;
use ticketcore_server::app::App;
use ticketcore_server::auth::{Issuer, NewKey, Scope};
use ticketcore_server::config::{Config, GatewayKind};
use ticketcore_server::guard::{ClassLimits, GuardConfig};
use ticketcore_server::http::{Service, listen, serve};
use tokio::sync::watch;

use crate::{Args, Controls, Fault, Outcome};

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

/// The server in a process of its own. It ends with this value, or when this process is gone.
pub struct Child {
    process: std::process::Child,
    pub ready: Ready,
    folder: Option<Folder>,
}

impl Child {
    pub fn start(args: &Args) -> Outcome<Self> {
        let folder = Folder::new()?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--server", "--seats", &args.seats.to_string()])
            .args(["--users", &args.users.to_string(), "--controls"])
            .arg(if args.controls == Controls::On { "on" } else { "off" })
            .arg("--folder")
            .arg(&folder.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(said) = process.stdout.take() {
            BufReader::new(said).read_line(&mut line)?;
        }
        let ready = serde_json::from_str(&line).map_err(|error| {
            let _ended = process.kill().and_then(|()| process.wait());
            format!("the server is not ready: {error}")
        })?;
        Ok(Self { process, ready, folder: Some(folder) })
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it; its folder stays.
    pub fn kill(mut self) -> Folder {
        let folder = self.folder.take();
        drop(self);
        folder.expect("it is taken once")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
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
    let filter = tracing_subscriber::EnvFilter::new("error");
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(until_alone(config, args.seats, secret));
    runtime.shutdown_background();
    ended
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

async fn until_alone(config: Config, seats: u32, secret: String) -> Outcome<()> {
    let listener = listen(config.listen.parse()?)?;
    let address = listener.local_addr()?;
    let (_stop, stopping) = watch::channel(false);
    let limits = config.limits.clone();
    let for_app = stopping.clone();
    let app = Arc::new(tokio::task::spawn_blocking(move || App::open(config, for_app)).await??);
    let service = Arc::new(Service::new(Arc::clone(&app), &routes())?);
    let opening = tokio::task::spawn_blocking(move || {
        let scopes = Scope::ALL.to_vec();
        let key = NewKey { name: "staff".to_owned(), scopes, ..NewKey::default() };
        let staff = app.api_keys.make(key, app.now()).map_err(|problem| problem.to_string())?.0;
        let event = open(&app, seats)?;
        Ok::<_, Fault>(Ready { address, staff, secret, event })
    });
    println!("{}", serde_json::to_string(&opening.await??)?);
    let alone = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::select! {
        () = serve(listener, None, service, limits, stopping) => Ok(()),
        _ = alone => Ok(()),
    }
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
