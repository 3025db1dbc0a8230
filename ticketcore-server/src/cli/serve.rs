//! `serve`.

use std::process::ExitCode;
use std::sync::Arc;

use ticketcore_server::api;
use ticketcore_server::app::{App, StartError};
use ticketcore_server::config::{Config, Log};
use ticketcore_server::http::{Service, acceptor, listen, serve};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Files that are open beside connections: the store's, the gateway's, the listener.
const FILES_BESIDE: u64 = 512;

/// Serves until a signal says to stop.
pub fn run(config: Config) -> Result<ExitCode, StartError> {
    log(&config.log);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(until_stopped(
        config,
        |_, address| {
            println!("listening on {address}");
            Ok(())
        },
    ))
}

/// Serves; `ready` is told when the first request can come.
pub async fn until_stopped(
    config: Config,
    ready: impl FnOnce(&Arc<App>, std::net::SocketAddr) -> Result<(), StartError>,
) -> Result<ExitCode, StartError> {
    let tls = config.tls.as_ref().map(acceptor).transpose()?;
    let listener = listen(config.listen.parse()?)?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let mut limits = config.limits.clone();
    limits.connections_max = open_files(limits.connections_max);
    let for_app = stopping.clone();
    let app = Arc::new(tokio::task::spawn_blocking(move || App::open(config, for_app)).await??);
    let service = Arc::new(Service::new(Arc::clone(&app), &api::routes())?);
    ready(&app, address)?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        // Nobody listens when the server has ended by itself.
        let _heard = stop.send(true);
    });
    serve(listener, tls, service, limits, stopping).await;
    // Orders that are under way go on until they wait for somebody; the next start takes up what is left.
    let idle = tokio::task::spawn_blocking(move || {
        let idle = app.checkout.wait_idle(std::time::Duration::from_secs(5));
        drop(app);
        idle
    });
    tracing::info!(idle = idle.await?, "stopped");
    Ok(ExitCode::SUCCESS)
}

/// Asks the system for an open file a connection, and some for the store, and says how many connections there can be. What the system does not
/// give is told, not met later, and is not taken from the store.
fn open_files(connections: usize) -> usize {
    let wanted = (connections as u64).saturating_add(FILES_BESIDE);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(given) if given >= wanted => connections,
        Ok(given) => {
            let connections = connections_within(connections, given);
            tracing::warn!(
                given,
                wanted,
                connections,
                "fewer files may be open than `limits.connections_max` wants: there can be so many connections, more are closed (ulimit -Hn)"
            );
            connections
        }
        Err(error) => {
            tracing::warn!(%error, wanted, "how many files may be open can't be set");
            connections
        }
    }
}

/// How many of the wanted connections fit beside the store's files.
fn connections_within(wanted: usize, files: u64) -> usize {
    let room = usize::try_from(files.saturating_sub(FILES_BESIDE)).unwrap_or(usize::MAX);
    wanted.min(room).max(1)
}

/// Begins to log, to standard error.
pub fn log(log: &Log) {
    let filter = tracing_subscriber::EnvFilter::new(format!("{},hyper=warn,h2=warn,rustls=warn", log.level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start of the log in one process is that of a test.
    let _begun = if log.json { lines.json().try_init() } else { lines.try_init() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_the_store_its_files_when_the_system_gives_too_few() {
        assert_eq!(connections_within(20_000, 1_024), 512);
        assert_eq!(connections_within(20_000, 20_512), 20_000);
        assert_eq!(connections_within(100, 1_024), 100);
        assert_eq!(connections_within(100, 256), 1);
    }
}
