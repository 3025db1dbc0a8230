//! `verify-ticket`: without a server and without a network, as a scanner does it.

use std::io::Read;
use std::process::ExitCode;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde::Deserialize;
use ticketcore::ticket::{KeyId, PublicKey, PublicKeys, TicketCode, verify};
use ticketcore::{Clock, SystemClock};
use ticketcore_server::api::shapes::parse_rfc3339;
use ticketcore_server::app::StartError;

/// Reads the published keys (`GET /v1/checkin/keys`) from standard input.
#[derive(Args)]
pub struct VerifyTicket {
    /// What a scanner reads.
    code: String,
}

#[derive(Deserialize)]
struct Keys {
    items: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    id: u16,
    public_key: String,
    signs_from: String,
}

/// Bytes of a list of keys at most.
const KEYS_BYTES_MAX: u64 = 1 << 20;

pub fn run(asked: &VerifyTicket) -> Result<ExitCode, StartError> {
    let mut text = String::new();
    std::io::stdin().take(KEYS_BYTES_MAX).read_to_string(&mut text)?;
    let keys: Keys = serde_json::from_str(&text)?;
    let key = |key: &Key| -> Result<PublicKey, StartError> {
        let bytes = BASE64_STANDARD.decode(&key.public_key)?;
        let bytes = bytes.as_slice().try_into()?;
        Ok(PublicKey::new(KeyId(key.id), bytes, parse_rfc3339(&key.signs_from)?)?)
    };
    let keys = PublicKeys::new(keys.items.iter().map(key).collect::<Result<_, _>>()?)?;
    match verify(&TicketCode::from_typed(&asked.code)?, &keys, SystemClock.now()) {
        Ok(claims) => {
            println!("valid: {} issue {}", claims.ticket, claims.issue);
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            println!("not valid: {why}");
            Ok(ExitCode::FAILURE)
        }
    }
}
