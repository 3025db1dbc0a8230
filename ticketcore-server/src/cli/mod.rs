//! The command line.

mod audit;
mod demo;
mod keys;
mod plans;
mod serve;
mod verify;
mod verify_draw;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ticketcore_server::app::StartError;
use ticketcore_server::config::{Config, load};

/// Sells tickets over HTTP.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves what is in a store.
    Serve(Setup),
    /// Serves three venues on sale, to try things with: no money moves, and everything is gone afterwards.
    Demo(demo::Demo),
    /// Adds a venue with a seating plan to a store.
    ImportPlan(plans::ImportPlan),
    /// Makes, lists, rotates and revokes API keys of a store.
    Keys(keys::Keys),
    /// Reads the journals of a store and checks every invariant.
    Audit(audit::Audit),
    /// Verifies a ticket code offline, with the published keys on standard input.
    VerifyTicket(verify::VerifyTicket),
    /// Checks the draw of a waiting room, offline, from what was published.
    VerifyDraw(verify_draw::VerifyDraw),
    /// Checks a configuration and says what it comes to.
    CheckConfig(Setup),
}

/// Where options come from.
#[derive(Args, Clone)]
struct Setup {
    /// A TOML file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, in place of `listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The folder of the store, in place of `data`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Any option: `--set limits.body_bytes_max=65536`.
    #[arg(long, value_name = "OPTION=VALUE")]
    set: Vec<String>,
}

impl Setup {
    fn load(&self) -> Result<Config, StartError> {
        let mut flags = self.set.clone();
        flags.extend(self.listen.iter().map(|listen| format!("listen={listen}")));
        let mut config = load(self.config.as_deref(), std::env::vars(), &flags)?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        Ok(config)
    }
}

/// Does what the command line says.
pub fn run() -> Result<ExitCode, StartError> {
    match Arguments::parse().command {
        Command::Serve(setup) => serve::run(setup.load()?),
        Command::Demo(demo) => demo::run(&demo),
        Command::ImportPlan(import) => plans::run(&import),
        Command::Keys(keys) => keys::run(&keys),
        Command::Audit(audit) => audit::run(&audit),
        Command::VerifyTicket(asked) => verify::run(&asked),
        Command::VerifyDraw(asked) => verify_draw::run(&asked),
        Command::CheckConfig(setup) => {
            println!("{:#?}", setup.load()?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
