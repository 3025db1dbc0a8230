//! `import-plan`: while no server has the store.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ticketcore_server::api::admin::venues;
use ticketcore_server::app::StartError;

#[derive(Args)]
pub struct ImportPlan {
    /// The folder of the store.
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The venue's name; the plan's if absent.
    #[arg(long)]
    venue: Option<String>,
    /// The plan, the open seating-plan JSON.
    file: PathBuf,
}

pub fn run(import: &ImportPlan) -> Result<ExitCode, StartError> {
    let bytes = fs::read(&import.file).map_err(|error| format!("{}: {error}", import.file.display()))?;
    let plan = ticketcore::plan::SeatingPlan::parse(&bytes)?;
    let office = super::keys::office(&import.data)?;
    let venue = office.add_venue(import.venue.as_deref().unwrap_or(&plan.name))?;
    venues::keep(&office, venue, &plan).map_err(|problem| problem.to_string())?;
    println!("{venue}");
    Ok(ExitCode::SUCCESS)
}
