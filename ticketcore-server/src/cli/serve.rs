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
    open_files(config.limits.connections_max);
    let tls = config.tls.as_ref().map(acceptor).transpose()?;
    let listener = listen(config.listen.parse()?)?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let limits = config.limits.clone();
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

/// Asks the system for an open file a connection, and some for the store. What it does not give is told, not met later.
fn open_files(connections: usize) {
    let wanted = connections as u64 + FILES_BESIDE;
    match rlimit::increase_nofile_limit(wanted) {
        Ok(given) if given >= wanted => {}
        Ok(given) => tracing::warn!(
            given,
            wanted,
            "fewer files may be open than `limits.connections_max` wants: connections beyond that have to wait (ulimit -Hn)"
        ),
        Err(error) => tracing::warn!(%error, wanted, "how many files may be open can't be set"),
    }
}

/// Begins to log, to standard error.
pub fn log(log: &Log) {
    let filter = tracing_subscriber::EnvFilter::new(format!("{},hyper=warn,h2=warn,rustls=warn", log.level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start of the log in one process is that of a test.
    let _begun = if log.json { lines.json().try_init() } else { lines.try_init() };
}
