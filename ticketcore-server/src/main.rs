//! The server's program: `ticketcore-server serve`, `demo`, `import-plan`, `keys`, `audit`, `check-config`.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ticketcore-server: {error}");
            ExitCode::FAILURE
        }
    }
}
