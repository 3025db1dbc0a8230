//! `demo`: three venues on sale, to try things with.

mod buyers;
mod crowd;
mod told;
mod venues;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use ticketcore_server::app::StartError;
use ticketcore_server::auth::{NewKey, Scope};
use ticketcore_server::config::Config;

#[derive(Args)]
pub struct Demo {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Simulated buyers who go shopping over HTTP, so that the maps move.
    #[arg(long, value_name = "N", default_value_t = 0)]
    buyers: u32,
    /// Puts a waiting room before the sale: a lottery that is open for half a minute, and others who stand in line.
    #[arg(long)]
    waiting_room: bool,
    /// Which venues: theatre, arena, stadium.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", default_value = "theatre,arena,stadium")]
    venues: Vec<String>,
    /// A folder to keep everything in; a temporary one that is removed at the end if absent.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which gateway takes the money: sandbox, stripe, external (you: `/v1/gateway`).
    #[arg(long, value_name = "NAME", default_value = "sandbox")]
    gateway: String,
    /// Any option: `--set limits.body_bytes_max=65536`.
    #[arg(long, value_name = "OPTION=VALUE")]
    set: Vec<String>,
}

pub fn run(demo: &Demo) -> Result<ExitCode, StartError> {
    let mut flags = vec![format!("listen={}", demo.listen), "log.level=warn".to_owned()];
    flags.push(format!("payments.gateway={}", demo.gateway));
    flags.extend(demo.set.iter().cloned());
    let mut config: Config = ticketcore_server::config::load(None, std::env::vars(), &flags)?;
    config.auth.anonymous_sessions = true;
    let kept = Folder::new(demo.data.clone());
    config.data.clone_from(&kept.path);
    super::serve::log(&config.log);
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let keeps = !kept.removed;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (buyers, wanted, crowded) = (demo.buyers, demo.venues.clone(), demo.waiting_room);
    let ended = runtime.block_on(super::serve::until_stopped(config, |app, address| {
        let base = format!("{scheme}://{address}");
        let events = venues::open(app, &wanted, crowded)?;
        let scopes = Scope::ALL.to_vec();
        let key = NewKey { name: "demo staff".to_owned(), scopes, ..NewKey::default() };
        let (staff, _) = app.api_keys.make(key, app.now()).map_err(|problem| problem.to_string())?;
        let (_, buyer, _) = app.sessions.begin(app.now()).map_err(|problem| problem.to_string())?;
        if crowded {
            for event in &events {
                let desk = crowd::open(app, event.id)?;
                tokio::spawn(crowd::go_on(Arc::clone(app), desk));
            }
        }
        told::tell(&base, &events, (&staff, &buyer), (keeps, crowded));
        for number in 0..buyers {
            tokio::spawn(buyers::shop(address, events.iter().map(|event| event.id).collect(), number));
        }
        Ok(())
    }));
    drop(runtime);
    drop(kept);
    ended
}

/// A folder that is removed at the end, if nobody named it.
struct Folder {
    path: PathBuf,
    removed: bool,
}

impl Folder {
    fn new(named: Option<PathBuf>) -> Self {
        let removed = named.is_none();
        let temporary = || std::env::temp_dir().join(format!("ticketcore-demo-{}", std::process::id()));
        Self { path: named.unwrap_or_else(temporary), removed }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.removed
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            eprintln!("{} is left: {error}", self.path.display());
        }
    }
}
