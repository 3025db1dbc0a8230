//! [`Child`]: a server in a process of its own, seen from here.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use ticketcore_benches::Folder;
use ticketcore_benches::guard::process_ticks;

use crate::Outcome;

/// What a server says when it is ready, as one line of JSON.
#[derive(Serialize, Deserialize)]
pub struct Ready {
    /// Where it listens.
    pub address: SocketAddr,
    /// An API key that allows everything.
    pub key: String,
    /// The stadiums' events.
    pub events: Vec<String>,
}

/// A server in a process of its own. It ends with this value; it also ends by itself when this process is gone.
pub struct Child {
    process: std::process::Child,
    pub ready: Ready,
    /// Goes when the process is gone.
    _folder: Folder,
}

impl Child {
    /// Starts this program again as a server, and waits until it is ready. `prepare` puts into its folder what it needs.
    pub fn start(
        name: &str,
        stadiums: usize,
        prepare: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Outcome<Self> {
        let folder = Folder::new()?;
        prepare(&folder.0)?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--child", name, "--stadiums", &stadiums.to_string(), "--folder"])
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
            format!("{name} is not ready: {error}")
        })?;
        Ok(Self { process, ready, _folder: folder })
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has used of the processors, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        process_ticks(&self.id().to_string()).map_or(f64::NAN, |ticks| ticks * 10_000.0)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Says that the server is ready, and waits until whoever started it is gone.
pub async fn ready(ready: &Ready) -> Outcome<()> {
    println!("{}", serde_json::to_string(ready)?);
    let waiting = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    waiting.await??;
    Ok(())
}
