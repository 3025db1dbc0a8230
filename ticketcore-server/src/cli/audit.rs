//! `audit`: reads the journals of a store that nobody writes to, or of a copy, and changes nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ticketcore::store::{LocalStore, Store, StreamId};
use ticketcore::testkit::Auditor;
use ticketcore_server::app::StartError;

#[derive(Args)]
pub struct Audit {
    /// The server's data folder.
    data: PathBuf,
}

pub fn run(audit: &Audit) -> Result<ExitCode, StartError> {
    let store = LocalStore::open_read_only(audit.data.join("store"))?;
    let mut violations = 0;
    for stream in store.streams()? {
        let StreamId::Event(event) = stream else { continue };
        match Auditor::audit(&store, stream) {
            Ok(summary) => println!("{event}: {summary:?}"),
            Err(error) => {
                violations += 1;
                println!("{event}: {error}");
            }
        }
    }
    println!("violations: {violations}");
    Ok(if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
