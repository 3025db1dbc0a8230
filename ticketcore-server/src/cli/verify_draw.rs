//! `verify-draw`: checks a lottery without a server and without a network.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use ticketcore::admission::{DrawError, DrawRecord, EntrantTag, Hash};
use ticketcore_server::api::waiting_room::{DrawShape, ProofShape};
use ticketcore_server::app::StartError;

/// Checks a draw: that the key is the one that was committed to, and where an entry came out.
#[derive(Args)]
pub struct VerifyDraw {
    /// A file with what `GET /v1/waiting-room/{eventId}/draw` answers.
    draw: PathBuf,
    /// A file with what was published before: the answer of `GET /v1/waiting-room/{eventId}` between the closing of the prequeue and the
    /// draw. The draw must fit it.
    #[arg(long, value_name = "FILE")]
    status: Option<PathBuf>,
    /// A file with what `POST /v1/waiting-room/proof` answers.
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// Prints the whole order: join numbers, one a line, by their place.
    #[arg(long)]
    all: bool,
}

#[derive(Deserialize)]
struct Published {
    lottery: Lottery,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lottery {
    commitment: String,
    entropy_source: String,
    entrants: u32,
    root: String,
}

/// Checks what the files say.
pub fn run(asked: &VerifyDraw) -> Result<ExitCode, StartError> {
    let draw: DrawShape = serde_json::from_slice(&fs::read(&asked.draw)?)?;
    let record = record(&draw)?;
    if let Some(path) = &asked.status {
        let before: Published = serde_json::from_slice(&fs::read(path)?)?;
        if let Some(what) = changed(&before.lottery, &draw) {
            return Ok(refused(&format!("{what} is not what was published before the draw")));
        }
    }
    let order = match record.order() {
        Ok(order) => order,
        Err(why) => return Ok(refused(&why.to_string())),
    };
    println!("the key is the one that was committed to; {} took part", record.entrants);
    if let Some(path) = &asked.entry {
        let entry: ProofShape = serde_json::from_slice(&fs::read(path)?)?;
        match check(&record, &entry) {
            Ok(place) => println!("number {} has place {place} (from 0)", entry.number),
            Err(why) => return Ok(refused(&why.to_string())),
        }
    }
    if asked.all {
        let mut out = std::io::stdout().lock();
        for place in 0..record.entrants {
            if let Some(number) = order.backward(place) {
                writeln!(out, "{number}")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(why: &str) -> ExitCode {
    println!("not valid: {why}");
    ExitCode::FAILURE
}

fn changed(before: &Lottery, draw: &DrawShape) -> Option<&'static str> {
    [
        ("the commitment", before.commitment == draw.commitment),
        ("the source of entropy", before.entropy_source == draw.entropy_source),
        ("the number of entrants", before.entrants == draw.entrants),
        ("the root of the join log", before.root == draw.root),
    ]
    .into_iter()
    .find_map(|(what, same)| (!same).then_some(what))
}

fn check(record: &DrawRecord, entry: &ProofShape) -> Result<u32, DrawError> {
    let tag = EntrantTag::from_hex(&entry.entrant).ok_or(DrawError::NotInLog)?;
    let path: Option<Vec<Hash>> = entry.path.iter().map(|hash| from_hex(hash)).collect();
    record.check(entry.number, tag, &path.ok_or(DrawError::NotInLog)?)
}

fn record(draw: &DrawShape) -> Result<DrawRecord, StartError> {
    let hash =
        |text: &str| from_hex(text).ok_or_else(|| format!("`{text:.70}` is not 64 hexadecimal digits"));
    Ok(DrawRecord {
        event: draw.event_id.parse()?,
        commitment: hash(&draw.commitment)?,
        entropy_source: draw.entropy_source.clone(),
        entrants: draw.entrants,
        root: hash(&draw.root)?,
        entropy: draw.entropy.clone(),
        key: hash(&draw.key)?,
    })
}

fn from_hex(text: &str) -> Option<Hash> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}
