//! [`Child`]: this program again, as a server in a process of its own.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ticketcore_server::api::routes;
use ticketcore_server::app::App;
use ticketcore_server::config::Config;
use ticketcore_server::http::{Service, listen, serve};
use tokio::sync::watch;

use crate::folder::Folder;

/// What went wrong.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// This program again, as a server in a process of its own with a folder of its own. It ends with this value; it also ends by itself when this
/// process is gone.
pub struct Child<R> {
    process: std::process::Child,
    /// What it said when it was ready.
    pub ready: R,
    /// Goes when the process is gone.
    folder: Option<Folder>,
}

impl<R: DeserializeOwned> Child<R> {
    /// Starts it with these arguments, `--folder` and its folder, and waits until it is ready.
    ///
    /// # Errors
    /// It does not start, or says something else.
    pub fn start<A: AsRef<OsStr>>(
        folder: Folder,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self, Fault> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
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
            // It is of no use: whatever it still does ends here.
            let _ended = process.kill().and_then(|()| process.wait());
            format!("the server is not ready: {error}")
        })?;
        Ok(Self { process, ready, folder: Some(folder) })
    }
}

impl<R> Child<R> {
    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it; its folder stays with the caller.
    #[must_use]
    pub fn kill(mut self) -> Option<Folder> {
        let folder = self.folder.take();
        drop(self);
        folder
    }
}

impl<R> Drop for Child<R> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// In the child: says that it is ready, as one line of JSON, and waits until whoever started it is gone.
///
/// # Errors
/// It can't be said.
pub async fn ready(ready: &impl Serialize) -> Result<(), Fault> {
    println!("{}", serde_json::to_string(ready)?);
    let waiting = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    waiting.await??;
    Ok(())
}

/// In the child: does what `ticketcore-server serve` does, on an app that `open` has prepared, until whoever started it is gone.
///
/// # Errors
/// What it can't start for.
pub fn serve_until_alone<R: Serialize + Send + 'static>(
    config: Config,
    log: &str,
    open: impl FnOnce(&App, std::net::SocketAddr) -> Result<R, Fault> + Send + 'static,
) -> Result<(), Fault> {
    let filter = tracing_subscriber::EnvFilter::new(log);
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let listener = listen(config.listen.parse()?)?;
        let address = listener.local_addr()?;
        let (_stop, stopping) = watch::channel(false);
        let limits = config.limits.clone();
        let for_app = stopping.clone();
        let app = Arc::new(tokio::task::spawn_blocking(move || App::open(config, for_app)).await??);
        let service = Arc::new(Service::new(Arc::clone(&app), &routes())?);
        let told = tokio::task::spawn_blocking(move || open(&app, address)).await??;
        tokio::select! {
            () = serve(listener, None, service, limits, stopping) => Ok(()),
            alone = ready(&told) => alone,
        }
    });
    runtime.shutdown_background();
    ended
}
